// Fast Fourier transforms of r * 2^k complex samples (r = 1, 3 or 5), made for convolving.
//
// Real and imaginary parts stand in halves of their own, so that every pass is plain vector
// arithmetic. Frequencies are left in the order in which decimation in frequency finds them (Cooley
// and Tukey; Gentleman and Sande): products of spectra do not mind, and the inverse undoes it. The
// last w * w samples (w lanes) are transformed in registers: along rows, turned round, along columns.
//
// The first pass reads complex numbers as they stand in memory, and the last of the inverse writes them.
// A long transform can be shared between threads: the first passes in stretches, then what they leave.
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

#include "pool.h"
#include "problem.h"
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
FILTRAX_INLINE void multiply(V& re, V& im, V a, V b) {
  const V old = re;
  re = old * a - im * b;
  im = old * b + im * a;
}
template <class V>
FILTRAX_INLINE void multiply_conjugate(V& re, V& im, V a, V b) {
  const V old = re;
  re = old * a + im * b;
  im = im * a - old * b;
}

// Swaps blocks of `half` lanes across the diagonal, from large to small: a matrix of w by w turned.
template <class T, int W, int Half, size_t... L>
FILTRAX_INLINE void swap_blocks(Vec<T, W>& a, Vec<T, W>& b, std::index_sequence<L...>) {
  const Vec<T, W> low = __builtin_shufflevector(a, b, ((L & Half) ? int(W + (L - Half)) : int(L))...);
  const Vec<T, W> high = __builtin_shufflevector(a, b, ((L & Half) ? int(W + L) : int(L + Half))...);
  a = low;
  b = high;
}
template <class T, int W, int Half>
FILTRAX_INLINE void turn(Vec<T, W>* rows) {
  if constexpr (Half > 0) {
#pragma GCC unroll 8
    for (int r = 0; r < W; ++r) {
      if (!(r & Half)) swap_blocks<T, W, Half>(rows[r], rows[r + Half], std::make_index_sequence<W>{});
    }
    turn<T, W, Half / 2>(rows);
  }
}
template <class T, int W>
FILTRAX_INLINE void transpose(Vec<T, W>* rows) {
  turn<T, W, W / 2>(rows);
}

template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> backwards(Vec<T, W> value, std::index_sequence<L...>) {
  return __builtin_shufflevector(value, value, int(W - 1 - L)...);
}
template <class T, int W>
FILTRAX_INLINE Vec<T, W> backwards(Vec<T, W> value) {
  return backwards<T, W>(value, std::make_index_sequence<W>{});
}

// e^(-i pi j / half), j < half, for the butterflies inside registers.
template <class T>
struct Root8 {
  static constexpr T re[4] = {1, T(0.70710678118654752440), 0, T(-0.70710678118654752440)};
  static constexpr T im[4] = {0, T(-0.70710678118654752440), -1, T(-0.70710678118654752440)};
};

// Which of the samples in a vector stands in a lane. Numbers are parted and joined within 128 bits,
// where that is cheap, and so leave an order of their own to all passes; not where the last samples
// are transformed in shorter vectors.
template <class T>
constexpr int sample_of(int lane) {
  constexpr int W = width<T>, H = 8 / sizeof(T);
  if (W != kLanes<T>) return lane;
  return lane % (2 * H) < H ? lane / (2 * H) * H + lane % H : W / 2 + lane / (2 * H) * H + lane % H;
}
template <class T>
constexpr int lane_of(int sample) {
  int lane = 0;
  while (sample_of<T>(lane) != sample) ++lane;
  return lane;
}

// Complex numbers apart, and together.
template <class T, size_t... L>
FILTRAX_INLINE void unzip(const T* from, Vec<T, width<T>>& re, Vec<T, width<T>>& im, std::index_sequence<L...>) {
  const auto a = load<T>(from), b = load<T>(from + width<T>);
  re = __builtin_shufflevector(a, b, 2 * sample_of<T>(L)...);
  im = __builtin_shufflevector(a, b, 2 * sample_of<T>(L) + 1 ...);
}
template <class T, size_t... L>
FILTRAX_INLINE void zip(Vec<T, width<T>> re, Vec<T, width<T>> im, T* to, std::index_sequence<L...>) {
  constexpr int W = width<T>;
  put<T, W>(to, __builtin_shufflevector(re, im, lane_of<T>(L / 2) + int(L % 2) * W...));
  put<T, W>(to + W, __builtin_shufflevector(re, im, lane_of<T>((W + L) / 2) + int(L % 2) * W...));
}

// Where a pass finds samples and where it leaves them: real and imaginary parts in halves,
template <class T>
struct Halves {
  typedef Vec<T, width<T>> V;
  T *re, *im;
  Halves from(int64_t at) const { return {re + at, im + at}; }
  FILTRAX_INLINE void get(int64_t j, V& r, V& i) const { r = load<T>(re + j), i = load<T>(im + j); }
  FILTRAX_INLINE void set(int64_t j, V r, V i) const {
    put<T, width<T>>(re + j, r);
    put<T, width<T>>(im + j, i);
  }
};
// complex numbers, of which those from `begin` to `end` are there and the others zeros,
template <class T, bool Conjugate>
struct Numbers {
  typedef Vec<T, width<T>> V;
  const T* numbers;
  int64_t begin, end;
  FILTRAX_INLINE void get(int64_t j, V& r, V& i) const {
    if (__builtin_expect(2 * j >= begin && 2 * (j + width<T>) <= end, 1)) {
      unzip(numbers + 2 * j, r, i, std::make_index_sequence<width<T>>{});
    } else {
      get_some(j, r, i);
    }
    if (Conjugate) i = -i;
  }
  __attribute__((noinline)) void get_some(int64_t j, V& r, V& i) const {
    T some[2 * width<T>] = {};
    const int64_t first = most(begin, 2 * j), last = least(end, 2 * (j + width<T>));
    for (int64_t at = first; at < last; ++at) some[at - 2 * j] = numbers[at];
    unzip(some, r, i, std::make_index_sequence<width<T>>{});
  }
};
// or places for the first `count` numbers of them.
template <class T>
struct Places {
  typedef Vec<T, width<T>> V;
  T* numbers;
  int64_t count;
  FILTRAX_INLINE void set(int64_t j, V r, V i) const {
    if (__builtin_expect(2 * (j + width<T>) <= count, 1)) {
      zip(r, i, numbers + 2 * j, std::make_index_sequence<width<T>>{});
    } else {
      set_some(j, r, i);
    }
  }
  __attribute__((noinline, cold)) void set_some(int64_t j, V r, V i) const {
    T some[2 * width<T>];
    zip(r, i, some, std::make_index_sequence<width<T>>{});
    if (2 * j < count) std::memcpy(numbers + 2 * j, some, (count - 2 * j) * sizeof(T));
  }
};

// Transforms of R numbers, each a vector: for R a power of two frequencies come in reversed order of
// their bits.
template <class V, class T, int R>
FILTRAX_INLINE void across_forward(V* re, V* im) {
#pragma GCC unroll 3
  for (int half = R / 2; half >= 1; half /= 2) {
#pragma GCC unroll 8
    for (int p = 0; p < R; ++p) {
      if (p & half) continue;
      const int q = p + half, j = (p & (half - 1)) * (4 / half);
      const V dr = re[p] - re[q], di = im[p] - im[q];
      re[p] += re[q];
      im[p] += im[q];
      if (j == 0) {
        re[q] = dr;
        im[q] = di;
      } else if (j == 2) {
        re[q] = di;
        im[q] = -dr;
      } else {
        const T c = T(0.70710678118654752440);
        // (1 - i) c and (-1 - i) c
        re[q] = j == 1 ? (dr + di) * c : (di - dr) * c;
        im[q] = j == 1 ? (di - dr) * c : (-dr - di) * c;
      }
    }
  }
}
template <class V, class T, int R>
FILTRAX_INLINE void across_inverse(V* re, V* im) {
#pragma GCC unroll 3
  for (int half = 1; half < R; half *= 2) {
#pragma GCC unroll 8
    for (int p = 0; p < R; ++p) {
      if (p & half) continue;
      const int q = p + half, j = (p & (half - 1)) * (4 / half);
      V qr = re[q], qi = im[q];
      if (j == 2) {
        const V old = qr;
        qr = -qi;
        qi = old;
      } else if (j != 0) {
        const T c = T(0.70710678118654752440);
        const V a = qr, b = qi;
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

// e^(2 pi i r / R)
template <int R>
struct OddRoots;
template <>
struct OddRoots<3> {
  static constexpr double re[3] = {1, -0.5, -0.5};
  static constexpr double im[3] = {0, 0.86602540378443864676, -0.86602540378443864676};
};
template <>
struct OddRoots<5> {
  static constexpr double re[5] = {1, 0.30901699437494742410, -0.80901699437494742410,
                                   -0.80901699437494742410, 0.30901699437494742410};
  static constexpr double im[5] = {0, 0.95105651629515357212, 0.58778525229247312917,
                                   -0.58778525229247312917, -0.95105651629515357212};
};
template <class V, class T, int R, bool Forward>
FILTRAX_INLINE void across_odd(V* re, V* im) {
  V ar[R], ai[R];
#pragma GCC unroll 5
  for (int r = 0; r < R; ++r) ar[r] = re[r], ai[r] = im[r];
#pragma GCC unroll 5
  for (int r = 1; r < R; ++r) re[0] += ar[r], im[0] += ai[r];
#pragma GCC unroll 2
  for (int r = 1; r <= R / 2; ++r) {
    // Outputs r and R - r share sums and differences of opposite inputs.
    V er = ar[0], ei = ai[0], dr{}, di{};
#pragma GCC unroll 2
    for (int s = 1; s <= R / 2; ++s) {
      const T c = T(OddRoots<R>::re[r * s % R]), d = T(OddRoots<R>::im[r * s % R]);
      er += c * (ar[s] + ar[R - s]);
      ei += c * (ai[s] + ai[R - s]);
      dr += d * (ar[s] - ar[R - s]);
      di += d * (ai[s] - ai[R - s]);
    }
    // -i d forward, i d back
    re[r] = Forward ? er + di : er - di;
    im[r] = Forward ? ei - dr : ei + dr;
    re[R - r] = Forward ? er - di : er + di;
    im[R - r] = Forward ? ei + dr : ei - dr;
  }
}

// Complex samples that a thread takes of a pass, or of a spectrum, at once.
constexpr int64_t kChunk = 2048;

template <class Turn>
inline void each(const Pool* pool, int64_t count, const Turn& turn) {
  if (pool) {
    share(*pool, count, turn);
  } else {
    for (int64_t number = 0; number < count; ++number) turn(number);
  }
}
// turn(begin, end) for all of [0, count).
template <class Turn>
inline void each_chunk(const Pool* pool, int64_t count, const Turn& turn) {
  const int64_t size = pool ? kChunk : count;
  each(pool, ceil_div(count, size), [&](int64_t chunk) { turn(chunk * size, least(count, (chunk + 1) * size)); });
}

// Products with the conjugate of h, or sums of them, at positions [begin, end) of spectra whose
// imaginary parts begin at `half`; the first number of a real one holds two.
template <class T, bool Adds, bool Real>
inline void correlate_spectra(const T* x, const T* h, T* to, int64_t half, int64_t begin, int64_t end) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  const bool special = Real && begin == 0;
  const T first = (Adds ? to[0] : 0) + x[0] * h[0], middle = (Adds ? to[half] : 0) + x[half] * h[half];
  for (int64_t j = begin; j < end; j += W) {
    V re = load<T>(x + j), im = load<T>(x + half + j);
    multiply_conjugate<V>(re, im, load<T>(h + j), load<T>(h + half + j));
    if (Adds) re += load<T>(to + j), im += load<T>(to + half + j);
    put<T, W>(to + j, re);
    put<T, W>(to + half + j, im);
  }
  if (special) to[0] = first, to[half] = middle;
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

  // Complex samples; where a spectrum's imaginary parts begin, a line of the cache further than they
  // need to, so that they do not take the places of real parts there; and the room of both.
  const int64_t n, half = n + 16, room = 2 * half;

  // From samples to a spectrum: n real parts and n imaginary ones. With a pool, by its threads.
  template <class In>
  void forward(In in, T* spectrum, const Pool* pool) const {
    const Halves<T> to{spectrum, spectrum + half};
    first_pass<true>(in, to, pool);
    level<true>(to, first_level(), pool);
  }
  // Back; lacks its factor 1/n.
  template <class Out>
  void inverse(T* spectrum, Out out, const Pool* pool) const {
    const Halves<T> from{spectrum, spectrum + half};
    level<false>(from, first_level(), pool);
    first_pass<false>(from, out, pool);
  }

  // From the transform of n packed samples to the spectrum of 2n real ones. The first number holds
  // the two real frequencies, at zero and in the middle.
  void split(T* z, const Pool* pool) const {
    first_block(z, [](auto&... each) { apart(each...); });
    each_pair(z, pool, [](auto&... each) { apart(each...); });
  }
  // The inverse of `split`, twice as large.
  void join(T* z, const Pool* pool) const {
    first_block(z, [](auto&... each) { together(each...); });
    each_pair(z, pool, [](auto&... each) { together(each...); });
  }
  // `split`, the product with the conjugate of a spectrum, and `join`, in one pass.
  void filter(T* z, const T* h, const Pool* pool) const {
    first_block(z, [](auto&... each) { apart(each...); });
    correlate_spectra<T, false, true>(z, h, z, half, 0, Block);
    first_block(z, [](auto&... each) { together(each...); });
    each_range(pool, [=](int64_t begin, int64_t end, int64_t from, int64_t to) {
      mirror(z, begin, end, from, to,
             [=](Wide& ar, Wide& ai, Wide& br, Wide& bi, Wide& wr, Wide& wi, int64_t a, int64_t b) {
               apart(ar, ai, br, bi, wr, wi);
               multiply_conjugate<Wide>(ar, ai, load<T>(h + a), load<T>(h + half + a));
               multiply_conjugate<Wide>(br, bi, backwards<T, W>(load<T>(h + b)),
                                        backwards<T, W>(load<T>(h + half + b)));
               together(ar, ai, br, bi, wr, wi);
             });
    });
  }

 private:
  struct Pass {
    int radix;
    int64_t size;
    // For each vector of positions the factors of parts 1, 2, ...: a vector of re and one of im.
    std::vector<T> table;
  };
  std::vector<Pass> passes_;
  T small_re_[Block], small_im_[Block];
  // e^(-i pi f / n) for the frequency f at each position.
  std::vector<T> split_re_, split_im_;
  int64_t odd_ = 1;
  // Complex samples that stay in the second cache.
  static constexpr int64_t kNear = 1 << (sizeof(T) == 4 ? 15 : 14);

  static int reversed(int value, int bits) {
    int found = 0;
    for (int b = 0; b < bits; ++b) found |= ((value >> b) & 1) << (bits - 1 - b);
    return found;
  }
  static int log2_of(int64_t value) {
    int bits = 0;
    while ((int64_t{1} << bits) < value) ++bits;
    return bits;
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
        const int64_t frequency = radix % 2 ? r : reversed(r, log2_of(radix));
        for (int64_t j = 0; j < part; ++j) {
          T* at = made.table.data() + 2 * W * (j / W * (radix - 1) + r - 1) + j % W;
          root(frequency * (j / W * W + sample_of<T>(j % W)), size, at, at + W);
        }
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
    // Radix 4 fills the registers; radix 8 makes up for an odd number of levels, and for passes
    // over what is not in the cache.
    for (int levels = log2_of(size / Block); levels > 0; levels = log2_of(size / Block)) {
      const bool far = size > kNear && (levels % 2 || levels >= 6);
      pass(levels == 1 ? 2 : levels % 2 || far ? 8 : 4);
    }
    constexpr int bits = L == 8 ? 3 : L == 4 ? 2 : 1;
    for (int v = 0; v < L; ++v) {
      for (int l = 0; l < L; ++l) {
        root(reversed(v, bits) * sample_of<T>(l), Block, small_re_ + v * L + l, small_im_ + v * L + l);
      }
    }
    // Which frequency stands where: blocks by their bits reversed.
    split_re_.resize(n);
    split_im_.resize(n);
    const int64_t even = n / odd_;
    const int all = log2_of(even);
    for (int64_t r = 0; r < odd_; ++r) {
      for (int64_t s = 0; s < even; ++s) {
        // Inside a block positions are turned, except in the first of all (see `first_block`).
        int64_t p = s;
        if (s >= Block || r > 0) p = s / Block * Block + s % L * L + s % Block / L;
        int64_t f = 0;
        for (int b = 0; b < all; ++b) f |= ((p >> b) & 1) << (all - 1 - b);
        root(f * odd_ + r, 2 * n, &split_re_[r * even + s], &split_im_[r * even + s]);
      }
    }
  }

  template <class V>
  FILTRAX_INLINE static void apart(V& ar, V& ai, V& br, V& bi, const V& wr, const V& wi) {
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
  FILTRAX_INLINE static void together(V& ar, V& ai, V& br, V& bi, const V& wr, const V& wi) {
    // Twice E = Y + conj Y', twice w O = Y - conj Y'; Z = E + i O, Z' = conj(E - i O)
    const V er = ar + br, ei = ai - bi;
    V zr = ar - br, zi = ai + bi;
    multiply_conjugate<V>(zr, zi, wr, wi);
    ar = er - zi;
    ai = ei + zr;
    br = er + zi;
    bi = zr - ei;
  }

  // Every frequency with its opposite, but for those of the first block: ranges of positions from
  // `begin` with those backwards from `end`, of which [from, to) are to be visited.
  template <class F>
  void each_range(const Pool* pool, F visit) const {
    const int64_t even = n / odd_;
    auto range = [&](int64_t begin, int64_t end, int64_t count) {
      each_chunk(count > kChunk ? pool : nullptr, count,
                 [&](int64_t from, int64_t to) { visit(begin, end, from, to); });
    };
    for (int64_t begin = Block; begin < even; begin *= 2) range(begin, 2 * begin, begin / 2);
    if (odd_ >= 3) range(even, odd_ * even, even);
    if (odd_ == 5) range(2 * even, 4 * even, even);
  }
  template <class F>
  void each_pair(T* z, const Pool* pool, F pair) const {
    each_range(pool, [&](int64_t begin, int64_t end, int64_t from, int64_t to) {
      mirror(z, begin, end, from, to,
             [pair](Wide& ar, Wide& ai, Wide& br, Wide& bi, Wide& wr, Wide& wi, int64_t, int64_t) {
               pair(ar, ai, br, bi, wr, wi);
             });
    });
  }
  template <class F>
  void mirror(T* z, int64_t begin, int64_t end, int64_t from, int64_t to, F pair) const {
    T *re = z, *im = z + half;
    for (int64_t j = from; j < to; j += W) {
      const int64_t a = begin + j, b = end - W - j;
      Wide xr = load<T>(re + a), xi = load<T>(im + a);
      Wide yr = backwards<T, W>(load<T>(re + b)), yi = backwards<T, W>(load<T>(im + b));
      Wide wr = load<T>(split_re_.data() + a), wi = load<T>(split_im_.data() + a);
      pair(xr, xi, yr, yi, wr, wi, a, b);
      put<T, W>(re + a, xr);
      put<T, W>(im + a, xi);
      put<T, W>(re + b, backwards<T, W>(yr));
      put<T, W>(im + b, backwards<T, W>(yi));
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

  // The same for the first block, which holds several ranges: it is turned into the order of
  // positions, which its table has, too, and back.
  template <class F>
  void first_block(T* z, F pair) const {
    T *re = z, *im = z + half;
    const T dc = re[0] + im[0], middle = re[0] - im[0];
    Small r[L], i[L];
    for (int v = 0; v < L; ++v) r[v] = load<T, L>(re + v * L), i[v] = load<T, L>(im + v * L);
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
      Small wr = load<T, L>(split_re_.data() + v * L), wi = load<T, L>(split_im_.data() + v * L);
      pair(ar, ai, br, bi, wr, wi);
      nr[v] = ar;
      ni[v] = ai;
    }
    transpose<T, L>(nr);
    transpose<T, L>(ni);
    for (int v = 0; v < L; ++v) put<T, L>(re + v * L, nr[v]), put<T, L>(im + v * L, ni[v]);
    re[0] = dc;
    im[0] = middle;
  }

  // One pass over positions [begin, end) of each of its R parts.
  template <int R, bool Forward, class In, class Out>
  static void turns(In in, Out out, int64_t part, const T* table, int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j += W) {
      Wide re[R], im[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        in.get(r * part + j, re[r], im[r]);
        if (!Forward && r > 0) {
          const T* factor = table + 2 * ((R - 1) * j + (r - 1) * W);
          multiply_conjugate<Wide>(re[r], im[r], load<T>(factor), load<T>(factor + W));
        }
      }
      if constexpr (R % 2 && R > 1) {
        across_odd<Wide, T, R, Forward>(re, im);
      } else if constexpr (Forward) {
        across_forward<Wide, T, R>(re, im);
      } else {
        across_inverse<Wide, T, R>(re, im);
      }
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        if (Forward && r > 0) {
          const T* factor = table + 2 * ((R - 1) * j + (r - 1) * W);
          multiply<Wide, T>(re[r], im[r], load<T>(factor), load<T>(factor + W));
        }
        out.set(r * part + j, re[r], im[r]);
      }
    }
  }
  template <bool Forward, class In, class Out>
  static void turn(const Pass& pass, In in, Out out, int64_t begin, int64_t end) {
    const int64_t part = pass.size / pass.radix;
    const T* table = pass.table.data();
    switch (pass.radix) {
      case 2: return turns<2, Forward>(in, out, part, table, begin, end);
      case 3: return turns<3, Forward>(in, out, part, table, begin, end);
      case 4: return turns<4, Forward>(in, out, part, table, begin, end);
      case 5: return turns<5, Forward>(in, out, part, table, begin, end);
      default: return turns<8, Forward>(in, out, part, table, begin, end);
    }
  }

  // The pass that reads samples or writes them; the only one where n is a block.
  template <bool Forward, class In, class Out>
  void first_pass(In in, Out out, const Pool* pool) const {
    if (passes_.empty()) return turns<1, Forward>(in, out, n, nullptr, 0, n);
    const Pass& pass = passes_[0];
    each_chunk(pool, n / pass.radix, [&](int64_t begin, int64_t end) { turn<Forward>(pass, in, out, begin, end); });
  }
  size_t first_level() const { return passes_.empty() ? 0 : 1; }

  // All passes from `depth` on: threads share the first of them, then what they leave apart.
  template <bool Forward>
  void level(Halves<T> at, size_t depth, const Pool* pool) const {
    const int64_t size = depth < passes_.size() ? passes_[depth].size : Block, count = n / size;
    if (!pool || depth == passes_.size() || count >= 4 * pool->threads) {
      each(pool, count, [&](int64_t number) { part<Forward>(at.from(number * size), size, depth); });
      return;
    }
    const Pass& pass = passes_[depth];
    const int64_t length = size / pass.radix, chunks = ceil_div(length, kChunk);
    if (!Forward) level<Forward>(at, depth + 1, pool);
    share(*pool, count * chunks, [&](int64_t number) {
      const Halves<T> here = at.from(number / chunks * size);
      const int64_t begin = number % chunks * kChunk;
      turn<Forward>(pass, here, here, begin, least(length, begin + kChunk));
    });
    if (Forward) level<Forward>(at, depth + 1, pool);
  }
  template <bool Forward>
  void part(Halves<T> at, int64_t size, size_t depth) const {
    if (depth == passes_.size()) {
      for (int64_t j = 0; j < size; j += Block) {
        if (Forward) block_forward(at.re + j, at.im + j);
        else block_inverse(at.re + j, at.im + j);
      }
      return;
    }
    const Pass& pass = passes_[depth];
    const int64_t length = size / pass.radix;
    if (Forward) turn<true>(pass, at, at, 0, length);
    for (int r = 0; r < pass.radix; ++r) part<Forward>(at.from(r * length), length, depth + 1);
    if (!Forward) turn<false>(pass, at, at, 0, length);
  }

  FILTRAX_INLINE void block_forward(T* re, T* im) const {
    Small r[L], i[L], tr[L], ti[L];
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) r[v] = load<T, L>(re + v * L), i[v] = load<T, L>(im + v * L);
    across_forward<Small, T, L>(r, i);
#pragma GCC unroll 8
    for (int v = 1; v < L; ++v) {
      multiply<Small, T>(r[v], i[v], load<T, L>(small_re_ + v * L), load<T, L>(small_im_ + v * L));
    }
    transpose<T, L>(r);
    transpose<T, L>(i);
#pragma GCC unroll 8
    for (int l = 0; l < L; ++l) tr[sample_of<T>(l)] = r[l], ti[sample_of<T>(l)] = i[l];
    across_forward<Small, T, L>(tr, ti);
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) put<T, L>(re + v * L, tr[v]), put<T, L>(im + v * L, ti[v]);
  }
  FILTRAX_INLINE void block_inverse(T* re, T* im) const {
    Small r[L], i[L], tr[L], ti[L];
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) tr[v] = load<T, L>(re + v * L), ti[v] = load<T, L>(im + v * L);
    across_inverse<Small, T, L>(tr, ti);
#pragma GCC unroll 8
    for (int l = 0; l < L; ++l) r[l] = tr[sample_of<T>(l)], i[l] = ti[sample_of<T>(l)];
    transpose<T, L>(r);
    transpose<T, L>(i);
#pragma GCC unroll 8
    for (int v = 1; v < L; ++v) {
      multiply_conjugate<Small>(r[v], i[v], load<T, L>(small_re_ + v * L), load<T, L>(small_im_ + v * L));
    }
    across_inverse<Small, T, L>(r, i);
#pragma GCC unroll 8
    for (int v = 0; v < L; ++v) put<T, L>(re + v * L, r[v]), put<T, L>(im + v * L, i[v]);
  }
};

}  // namespace FILTRAX_SET
}  // namespace filtrax
