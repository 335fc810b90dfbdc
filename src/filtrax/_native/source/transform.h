// Fast Fourier transforms of r * 2^k complex samples (r = 1, 3 or 5), made for convolving.
//
// Real and imaginary parts stand in halves of their own, so that every pass is plain vector
// arithmetic. Frequencies are left in the order in which decimation in frequency finds them (Cooley
// and Tukey; Gentleman and Sande): products of spectra do not mind, and the inverse undoes it. The
// last w * w samples (w lanes) are transformed in registers: along rows, turned round, along columns.
//
// A real signal of 2n samples is transformed as n complex ones, even and odd samples as real and
// imaginary parts, and its spectrum is split off after (Sorensen et al. 1987). The frequency opposite
// to one at position p of a block [2^b, 2^(b+1)) stands at 3 * 2^b - 1 - p: the same block backwards.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Lanes of the last passes.
template <class T>
constexpr int kLanes = width<T> < 8 ? width<T> : 8;

template <class T>
struct Complex {
  T re, im;
};

template <class V, class T>
inline void multiply(V& re, V& im, V a, V b) {
  const V old = re;
  re = old * a - im * b;
  im = old * b + im * a;
}
template <class V>
inline void multiply_conjugate(V& re, V& im, V a, V b) {
  const V old = re;
  re = old * a + im * b;
  im = im * a - old * b;
}

// Swaps blocks of `half` lanes across the diagonal, from large to small: a matrix of w by w turned.
template <class T, int W, int Half, size_t... L>
inline void swap_blocks(Vec<T, W>& a, Vec<T, W>& b, std::index_sequence<L...>) {
  const Vec<T, W> low = __builtin_shufflevector(a, b, ((L & Half) ? int(W + (L - Half)) : int(L))...);
  const Vec<T, W> high = __builtin_shufflevector(a, b, ((L & Half) ? int(W + L) : int(L + Half))...);
  a = low;
  b = high;
}
template <class T, int W, int Half>
inline void turn(Vec<T, W>* rows) {
  if constexpr (Half > 0) {
#pragma GCC unroll 8
    for (int r = 0; r < W; ++r) {
      if (!(r & Half)) swap_blocks<T, W, Half>(rows[r], rows[r + Half], std::make_index_sequence<W>{});
    }
    turn<T, W, Half / 2>(rows);
  }
}
template <class T, int W>
inline void transpose(Vec<T, W>* rows) {
  turn<T, W, W / 2>(rows);
}

template <class T, int W, size_t... L>
inline Vec<T, W> backwards(Vec<T, W> value, std::index_sequence<L...>) {
  return __builtin_shufflevector(value, value, int(W - 1 - L)...);
}
template <class T, int W>
inline Vec<T, W> backwards(Vec<T, W> value) {
  return backwards<T, W>(value, std::make_index_sequence<W>{});
}

// e^(-i pi j / half), j < half, for the butterflies inside registers.
template <class T>
struct Root8 {
  static constexpr T re[4] = {1, T(0.70710678118654752440), 0, T(-0.70710678118654752440)};
  static constexpr T im[4] = {0, T(-0.70710678118654752440), -1, T(-0.70710678118654752440)};
};

// Transforms across w registers, frequencies in reversed order of their bits.
template <class T, int W>
inline void small_forward(Vec<T, W>* re, Vec<T, W>* im) {
#pragma GCC unroll 3
  for (int half = W / 2; half >= 1; half /= 2) {
#pragma GCC unroll 8
    for (int p = 0; p < W; ++p) {
      if (p & half) continue;
      const int q = p + half, j = (p & (half - 1)) * (4 / half);
      const Vec<T, W> dr = re[p] - re[q], di = im[p] - im[q];
      re[p] += re[q];
      im[p] += im[q];
      if (j == 0) {
        re[q] = dr;
        im[q] = di;
      } else if (j == 2) {
        re[q] = di;
        im[q] = -dr;
      } else {
        const T c = Root8<T>::re[1];
        // (1 - i) c and (-1 - i) c
        re[q] = j == 1 ? (dr + di) * c : (di - dr) * c;
        im[q] = j == 1 ? (di - dr) * c : (-dr - di) * c;
      }
    }
  }
}
template <class T, int W>
inline void small_inverse(Vec<T, W>* re, Vec<T, W>* im) {
#pragma GCC unroll 3
  for (int half = 1; half < W; half *= 2) {
#pragma GCC unroll 8
    for (int p = 0; p < W; ++p) {
      if (p & half) continue;
      const int q = p + half, j = (p & (half - 1)) * (4 / half);
      Vec<T, W> qr = re[q], qi = im[q];
      if (j == 2) {
        const Vec<T, W> old = qr;
        qr = -qi;
        qi = old;
      } else if (j != 0) {
        const T c = Root8<T>::re[1];
        const Vec<T, W> a = qr, b = qi;
        qr = j == 1 ? (a - b) * c : (-a - b) * c;
        qi = j == 1 ? (a + b) * c : (a - b) * c;
      }
      re[q] = re[p] - qr;
      im[q] = im[p] - qi;
      re[p] += qr;
      im[p] += qi;
    }
  }
}

template <class T>
class Transform {
 public:
  static constexpr int L = kLanes<T>, Block = L * L, W = width<T>;
  typedef Vec<T, L> Small;
  typedef Vec<T, W> Wide;

  // The transform of n complex samples; tables are made once.
  static const Transform& of(int64_t n) {
    static std::mutex mutex;
    static std::map<int64_t, std::unique_ptr<Transform>> made;
    std::lock_guard<std::mutex> lock(mutex);
    auto& entry = made[n];
    if (!entry) entry.reset(new Transform(n));
    return *entry;
  }

  const int64_t n;

  // In place, re and im of n numbers each; the inverse lacks its factor 1/n.
  void forward(T* re, T* im) const { forward(re, im, n, 0); }
  void inverse(T* re, T* im) const { inverse(re, im, n, 0); }

  // From the transform of n packed samples to the spectrum of 2n real ones. The first number holds
  // the two real frequencies, at zero and in the middle.
  void split(T* re, T* im) const {
    const T dc = re[0] + im[0], middle = re[0] - im[0];
    each_pair(re, im, [](Wide& ar, Wide& ai, Wide& br, Wide& bi, Wide wr, Wide wi) { apart(ar, ai, br, bi, wr, wi); },
              [](Small& ar, Small& ai, Small& br, Small& bi, Small wr, Small wi) { apart(ar, ai, br, bi, wr, wi); });
    re[0] = dc;
    im[0] = middle;
  }
  // The inverse of `split`, twice as large.
  void join(T* re, T* im) const {
    const T dc = re[0] + im[0], middle = re[0] - im[0];
    each_pair(re, im, [](Wide& ar, Wide& ai, Wide& br, Wide& bi, Wide wr, Wide wi) { together(ar, ai, br, bi, wr, wi); },
              [](Small& ar, Small& ai, Small& br, Small& bi, Small wr, Small wi) { together(ar, ai, br, bi, wr, wi); });
    re[0] = dc;
    im[0] = middle;
  }

 private:
  struct Pass {
    int radix;
    int64_t size;
    std::vector<T> table;  // (radix - 1) rows of re and of im, size / radix each
  };
  std::vector<Pass> passes_;
  T small_re_[Block], small_im_[Block];
  // e^(-i pi f / n) for the frequency f at each position.
  std::vector<T> split_re_, split_im_;
  int64_t odd_ = 1;

  static int reversed(int value, int bits) {
    int found = 0;
    for (int b = 0; b < bits; ++b) found |= ((value >> b) & 1) << (bits - 1 - b);
    return found;
  }

  explicit Transform(int64_t count) : n(count) {
    const double pi = std::acos(-1.0);
    auto root = [pi](int64_t turn, int64_t size, T* re, T* im) {
      const double angle = -2 * pi * double(turn % size) / double(size);
      *re = T(std::cos(angle));
      *im = T(std::sin(angle));
    };
    int64_t size = n;
    auto pass = [&](int radix) {
      Pass made{radix, size, {}};
      const int64_t part = size / radix;
      made.table.resize(2 * (radix - 1) * part);
      for (int r = 1; r < radix; ++r) {
        T* row = made.table.data() + 2 * (r - 1) * part;
        for (int64_t j = 0; j < part; ++j) root(r * j, size, row + j, row + part + j);
      }
      passes_.push_back(std::move(made));
      size = part;
    };
    for (int radix : {3, 5}) {
      if (n % radix == 0) {
        odd_ = radix;
        pass(radix);
      }
    }
    int levels = 0;
    while ((int64_t{Block} << levels) < size) ++levels;
    if (levels % 2) pass(2);
    while (size > Block) pass(4);
    constexpr int bits = L == 8 ? 3 : L == 4 ? 2 : 1;
    for (int v = 0; v < L; ++v) {
      for (int l = 0; l < L; ++l) root(reversed(v, bits) * l, Block, small_re_ + v * L + l, small_im_ + v * L + l);
    }
    // Which frequency stands where: blocks by their bits reversed.
    split_re_.resize(n);
    split_im_.resize(n);
    const int64_t even = n / odd_;
    int all = 0;
    while ((int64_t{1} << all) < even) ++all;
    for (int64_t r = 0; r < odd_; ++r) {
      for (int64_t s = 0; s < even; ++s) {
        // Inside a block positions are turned, except in the first of all (see `each_pair`).
        int64_t p = s;
        if (s >= Block || r > 0) p = s / Block * Block + s % L * L + s % Block / L;
        int64_t f = 0;
        for (int b = 0; b < all; ++b) f |= ((p >> b) & 1) << (all - 1 - b);
        root(f * odd_ + r, 2 * n, &split_re_[r * even + s], &split_im_[r * even + s]);
      }
    }
  }

  template <class V>
  static void apart(V& ar, V& ai, V& br, V& bi, V wr, V wi) {
    const T half = T(0.5);
    // E = (Z + conj Z') / 2, O = (Z - conj Z') / 2i; X = E + w O, X' = conj(E - w O)
    const V er = (ar + br) * half, ei = (ai - bi) * half;
    V zr = (ai + bi) * half, zi = (br - ar) * half;
    multiply<V, T>(zr, zi, wr, wi);
    ar = er + zr;
    ai = ei + zi;
    br = er - zr;
    bi = zi - ei;
  }
  template <class V>
  static void together(V& ar, V& ai, V& br, V& bi, V wr, V wi) {
    // Twice E = Y + conj Y', twice w O = Y - conj Y'; Z = E + i O, Z' = conj(E - i O)
    const V er = ar + br, ei = ai - bi;
    V zr = ar - br, zi = ai + bi;
    multiply_conjugate<V>(zr, zi, wr, wi);
    ar = er - zi;
    ai = ei + zr;
    br = er + zi;
    bi = zr - ei;
  }

  // Every frequency with its opposite. The first block is turned into the order of the others'
  // blocks and, for `join`, back: it holds several ranges.
  template <class F, class G>
  void each_pair(T* re, T* im, F wide, G small) const {
    const int64_t even = n / odd_;
    first_block(re, im, small);
    for (int64_t begin = Block; begin < even; begin *= 2) {
      mirror(re, im, begin, 2 * begin, begin / 2, wide);
    }
    if (odd_ >= 3) mirror(re, im, even, odd_ * even, even, wide);
    if (odd_ == 5) mirror(re, im, 2 * even, 4 * even, even, wide);
  }

  // Positions from `begin` with those backwards from `end`.
  template <class F>
  void mirror(T* re, T* im, int64_t begin, int64_t end, int64_t count, F pair) const {
    for (int64_t j = 0; j < count; j += W) {
      T *ar = re + begin + j, *ai = im + begin + j, *br = re + end - W - j, *bi = im + end - W - j;
      Wide xr = load<T>(ar), xi = load<T>(ai);
      Wide yr = backwards<T, W>(load<T>(br)), yi = backwards<T, W>(load<T>(bi));
      pair(xr, xi, yr, yi, load<T>(split_re_.data() + begin + j), load<T>(split_im_.data() + begin + j));
      put<T, W>(ar, xr);
      put<T, W>(ai, xi);
      put<T, W>(br, backwards<T, W>(yr));
      put<T, W>(bi, backwards<T, W>(yi));
    }
  }

  // Opposites of the first L positions: [0], [1], [2, 3], [4 .. 7], each range backwards.
  static Small opposite(Small value) {
    if constexpr (L == 8) {
      return __builtin_shufflevector(value, value, 0, 1, 3, 2, 7, 6, 5, 4);
    } else if constexpr (L == 4) {
      return __builtin_shufflevector(value, value, 0, 1, 3, 2);
    } else {
      return value;
    }
  }

  template <class G>
  void first_block(T* re, T* im, G pair) const {
    Small r[L], i[L];
    for (int v = 0; v < L; ++v) r[v] = load<T, L>(re + v * L), i[v] = load<T, L>(im + v * L);
    // In the order of positions, which its table has, too.
    transpose<T, L>(r);
    transpose<T, L>(i);
    Small nr[L], ni[L];
    for (int v = 0; v < L; ++v) {
      int high = 1;
      while (2 * high <= v) high *= 2;
      const int other = v == 0 ? 0 : 3 * high - 1 - v;
      Small ar = r[v], ai = i[v];
      Small br = v == 0 ? opposite(r[0]) : backwards<T, L>(r[other]);
      Small bi = v == 0 ? opposite(i[0]) : backwards<T, L>(i[other]);
      pair(ar, ai, br, bi, load<T, L>(split_re_.data() + v * L), load<T, L>(split_im_.data() + v * L));
      nr[v] = ar;
      ni[v] = ai;
    }
    transpose<T, L>(nr);
    transpose<T, L>(ni);
    for (int v = 0; v < L; ++v) put<T, L>(re + v * L, nr[v]), put<T, L>(im + v * L, ni[v]);
  }

  template <bool Forward>
  static void turns(const Pass& pass, T* re, T* im) {
    const int64_t part = pass.size / pass.radix;
    const T* table = pass.table.data();
    if (pass.radix == 4) pass4<Forward>(re, im, part, table);
    else if (pass.radix == 2) pass2<Forward>(re, im, part, table);
    else if (pass.radix == 3) pass_odd<3, Forward>(re, im, part, table);
    else pass_odd<5, Forward>(re, im, part, table);
  }

  void forward(T* re, T* im, int64_t size, size_t level) const {
    if (level == passes_.size()) {
      for (int64_t at = 0; at < size; at += Block) block_forward(re + at, im + at);
      return;
    }
    const Pass& pass = passes_[level];
    const int64_t part = size / pass.radix;
    turns<true>(pass, re, im);
    for (int r = 0; r < pass.radix; ++r) forward(re + r * part, im + r * part, part, level + 1);
  }
  void inverse(T* re, T* im, int64_t size, size_t level) const {
    if (level == passes_.size()) {
      for (int64_t at = 0; at < size; at += Block) block_inverse(re + at, im + at);
      return;
    }
    const Pass& pass = passes_[level];
    const int64_t part = size / pass.radix;
    for (int r = 0; r < pass.radix; ++r) inverse(re + r * part, im + r * part, part, level + 1);
    turns<false>(pass, re, im);
  }

  template <bool Forward>
  static void pass2(T* re, T* im, int64_t part, const T* table) {
    for (int64_t j = 0; j < part; j += W) {
      const Wide c = load<T>(table + j), s = load<T>(table + part + j);
      Wide ar = load<T>(re + j), ai = load<T>(im + j), br = load<T>(re + part + j), bi = load<T>(im + part + j);
      if (!Forward) multiply_conjugate<Wide>(br, bi, c, s);
      Wide dr = ar - br, di = ai - bi;
      if (Forward) multiply<Wide, T>(dr, di, c, s);
      put<T, W>(re + j, ar + br);
      put<T, W>(im + j, ai + bi);
      put<T, W>(re + part + j, dr);
      put<T, W>(im + part + j, di);
    }
  }

  // As two passes of radix 2 leave it: frequencies 0, 2, 1, 3 modulo 4.
  template <bool Forward>
  static void pass4(T* __restrict re, T* __restrict im, int64_t part, const T* __restrict table) {
    const T *c1 = table, *s1 = table + part, *c2 = s1 + part, *s2 = c2 + part, *c3 = s2 + part, *s3 = c3 + part;
    for (int64_t j = 0; j < part; j += W) {
      Wide ar = load<T>(re + j), ai = load<T>(im + j);
      Wide br = load<T>(re + part + j), bi = load<T>(im + part + j);
      Wide cr = load<T>(re + 2 * part + j), ci = load<T>(im + 2 * part + j);
      Wide dr = load<T>(re + 3 * part + j), di = load<T>(im + 3 * part + j);
      if constexpr (Forward) {
        const Wide t0r = ar + cr, t0i = ai + ci, t1r = ar - cr, t1i = ai - ci;
        const Wide t2r = br + dr, t2i = bi + di, t3r = bi - di, t3i = dr - br;
        put<T, W>(re + j, t0r + t2r);
        put<T, W>(im + j, t0i + t2i);
        Wide yr = t0r - t2r, yi = t0i - t2i;
        multiply<Wide, T>(yr, yi, load<T>(c2 + j), load<T>(s2 + j));
        put<T, W>(re + part + j, yr);
        put<T, W>(im + part + j, yi);
        yr = t1r + t3r, yi = t1i + t3i;
        multiply<Wide, T>(yr, yi, load<T>(c1 + j), load<T>(s1 + j));
        put<T, W>(re + 2 * part + j, yr);
        put<T, W>(im + 2 * part + j, yi);
        yr = t1r - t3r, yi = t1i - t3i;
        multiply<Wide, T>(yr, yi, load<T>(c3 + j), load<T>(s3 + j));
        put<T, W>(re + 3 * part + j, yr);
        put<T, W>(im + 3 * part + j, yi);
      } else {
        multiply_conjugate<Wide>(br, bi, load<T>(c2 + j), load<T>(s2 + j));
        multiply_conjugate<Wide>(cr, ci, load<T>(c1 + j), load<T>(s1 + j));
        multiply_conjugate<Wide>(dr, di, load<T>(c3 + j), load<T>(s3 + j));
        const Wide u0r = ar + br, u0i = ai + bi, u1r = ar - br, u1i = ai - bi;
        const Wide u2r = cr + dr, u2i = ci + di, u3r = di - ci, u3i = cr - dr;
        put<T, W>(re + j, u0r + u2r);
        put<T, W>(im + j, u0i + u2i);
        put<T, W>(re + part + j, u1r + u3r);
        put<T, W>(im + part + j, u1i + u3i);
        put<T, W>(re + 2 * part + j, u0r - u2r);
        put<T, W>(im + 2 * part + j, u0i - u2i);
        put<T, W>(re + 3 * part + j, u1r - u3r);
        put<T, W>(im + 3 * part + j, u1i - u3i);
      }
    }
  }

  template <int R, bool Forward>
  static void pass_odd(T* re, T* im, int64_t part, const T* table) {
    static const double pi = std::acos(-1.0);
    T cosines[R], sines[R];
    for (int r = 0; r < R; ++r) cosines[r] = T(std::cos(2 * pi * r / R)), sines[r] = T(std::sin(2 * pi * r / R));
    for (int64_t j = 0; j < part; j += W) {
      Wide ar[R], ai[R];
#pragma GCC unroll 5
      for (int r = 0; r < R; ++r) {
        ar[r] = load<T>(re + r * part + j);
        ai[r] = load<T>(im + r * part + j);
        if (!Forward && r > 0) {
          const T* row = table + 2 * (r - 1) * part + j;
          multiply_conjugate<Wide>(ar[r], ai[r], load<T>(row), load<T>(row + part));
        }
      }
      Wide sr = ar[0], si = ai[0];
#pragma GCC unroll 5
      for (int r = 1; r < R; ++r) sr += ar[r], si += ai[r];
      put<T, W>(re + j, sr);
      put<T, W>(im + j, si);
#pragma GCC unroll 2
      for (int r = 1; r <= R / 2; ++r) {
        // Outputs r and R - r share sums and differences of opposite inputs.
        Wide er = ar[0], ei = ai[0], dr{}, di{};
#pragma GCC unroll 2
        for (int s = 1; s <= R / 2; ++s) {
          const T c = cosines[r * s % R], d = sines[r * s % R];
          er += c * (ar[s] + ar[R - s]);
          ei += c * (ai[s] + ai[R - s]);
          dr += d * (ar[s] - ar[R - s]);
          di += d * (ai[s] - ai[R - s]);
        }
        // -i d forward, i d back
        Wide xr = Forward ? er + di : er - di, xi = Forward ? ei - dr : ei + dr;
        Wide yr = Forward ? er - di : er + di, yi = Forward ? ei + dr : ei - dr;
        if (Forward) {
          const T *row = table + 2 * (r - 1) * part + j, *last = table + 2 * (R - r - 1) * part + j;
          multiply<Wide, T>(xr, xi, load<T>(row), load<T>(row + part));
          multiply<Wide, T>(yr, yi, load<T>(last), load<T>(last + part));
        }
        put<T, W>(re + r * part + j, xr);
        put<T, W>(im + r * part + j, xi);
        put<T, W>(re + (R - r) * part + j, yr);
        put<T, W>(im + (R - r) * part + j, yi);
      }
    }
  }

  void block_forward(T* re, T* im) const {
    Small r[L], i[L];
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) r[v] = load<T, L>(re + v * L), i[v] = load<T, L>(im + v * L);
    small_forward<T, L>(r, i);
#pragma GCC unroll 8
    for (int v = 1; v < L; ++v) {
      multiply<Small, T>(r[v], i[v], load<T, L>(small_re_ + v * L), load<T, L>(small_im_ + v * L));
    }
    transpose<T, L>(r);
    transpose<T, L>(i);
    small_forward<T, L>(r, i);
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) put<T, L>(re + v * L, r[v]), put<T, L>(im + v * L, i[v]);
  }
  void block_inverse(T* re, T* im) const {
    Small r[L], i[L];
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) r[v] = load<T, L>(re + v * L), i[v] = load<T, L>(im + v * L);
    small_inverse<T, L>(r, i);
    transpose<T, L>(r);
    transpose<T, L>(i);
#pragma GCC unroll 8
    for (int v = 1; v < L; ++v) {
      multiply_conjugate<Small>(r[v], i[v], load<T, L>(small_re_ + v * L), load<T, L>(small_im_ + v * L));
    }
    small_inverse<T, L>(r, i);
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) put<T, L>(re + v * L, r[v]), put<T, L>(im + v * L, i[v]);
  }
};

// Products with the conjugate, and their sums; the first number of a real spectrum holds two.
template <class T, bool Adds, bool Real>
inline void correlate_spectra(const T* a, const T* b, T* to, int64_t n) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  const T *ar = a, *ai = a + n, *br = b, *bi = b + n;
  T *re = to, *im = to + n;
  const T first = (Adds ? re[0] : 0) + ar[0] * br[0], middle = (Adds ? im[0] : 0) + ai[0] * bi[0];
  for (int64_t j = 0; j < n; j += W) {
    const V xr = load<T>(ar + j), xi = load<T>(ai + j), yr = load<T>(br + j), yi = load<T>(bi + j);
    V sr = xr * yr + xi * yi, si = xi * yr - xr * yi;
    if (Adds) sr += load<T>(re + j), si += load<T>(im + j);
    put<T, W>(re + j, sr);
    put<T, W>(im + j, si);
  }
  if (Real) re[0] = first, im[0] = middle;
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
