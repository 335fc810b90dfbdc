// Few outputs of many taps, as every gradient by a kernel has them: dot products of two signals.
//
// Several outputs share each load of the longer operand. Sums of a stretch are added up in double
// precision, so that errors do not grow with the signal.
#pragma once

#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Sums of products that are held in registers, and rows of taps that meet the same samples there.
constexpr int kSumsAtOnce = FILTRAX_VECTOR == 64 ? 20 : 10, kRowsAtOnce = FILTRAX_VECTOR == 64 ? 4 : 2;
// Vectors of outputs, at most, that meet a vector of taps while it is in a register; quarters of one that are worth it.
constexpr int kRuns = FILTRAX_VECTOR == 64 ? 5 : 4;
constexpr int64_t kLeastRun = 5;
// Outputs of a row that are too few for several rows at once.
constexpr int64_t kFew = 3;
// Taps of one stretch: both operands stay in the first cache.
constexpr int64_t kStretch = 2048;
// Lanes whose sums stay there, too.
constexpr int64_t kLaneTile = FILTRAX_VECTOR == 64 ? 512 : 64;
// Taps whose samples are sooner read where they lie, apart from those near ends, than copied with them.
constexpr int64_t kWorth = 512;
// Numbers in vectors of sums that wait there for the next rows of taps.
constexpr int64_t kWaiting = 4096;

template <class T>
struct Wider {
  typedef T type;
};
template <>
struct Wider<float> {
  typedef double type;
};

template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> half_of(Vec<T, 2 * W> value, int64_t from, std::index_sequence<L...>) {
  return from ? __builtin_shufflevector(value, value, int(W + L)...) : __builtin_shufflevector(value, value, int(L)...);
}

template <class T, int W>
FILTRAX_INLINE T sum_of(Vec<T, W> value) {
  if constexpr (W == 1) {
    return value[0];
  } else {
    constexpr auto lanes = std::make_index_sequence<W / 2>{};
    return sum_of<T, W / 2>(half_of<T, W / 2>(value, 0, lanes) + half_of<T, W / 2>(value, 1, lanes));
  }
}

template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> swapped(Vec<T, W> value, std::index_sequence<L...>) {
  return __builtin_shufflevector(value, value, int(L ^ 1)...);
}

// So many lanes at the end of a vector.
template <class T>
FILTRAX_INLINE Vec<BitsOf<T>, width<T>> last_lanes(int64_t count) {
  constexpr int W = width<T>;
  struct Table {
    BitsOf<T> bits[2 * W] = {};
    constexpr Table() {
      for (int i = W; i < 2 * W; ++i) bits[i] = ~BitsOf<T>(0);
    }
  };
  static constexpr Table table;
  return load<BitsOf<T>>(table.bits + count);
}

// Sums wait in vectors, one for each output, of complex numbers two: products, and products with the
// parts of each tap exchanged.
//
// Rows of taps that meet the same samples, `pitch` apart, and so do their sums, `apart`.
template <class T>
struct Taps {
  const T* row;
  int64_t pitch, apart;
  Taps behind(int64_t taps) const { return {row + taps, pitch, apart}; }
};

// R outputs of each of A rows of taps at once: output r reads x + r * step. `count` numbers, a multiple of Parts,
// behind `before` others of the same rows.
template <class T, int Parts, int A, int R>
FILTRAX_INLINE void dot_block(const T* x, int64_t step, const Taps<T>& taps, int64_t count, int64_t before, T* sums) {
  // So many sums of each output run side by side that none waits for the one before.
  constexpr int W = width<T>, P = A * R * Parts, Sets = P >= 5 ? 1 : P == 4 ? 2 : P == 3 ? 3 : 8 / P;
  typedef Vec<T, W> V;
  V products[Sets * P];
#pragma GCC unroll 20
  for (int r = 0; r < Sets * P; ++r) products[r] = V{};
  auto meet = [&](int64_t k, V* into, auto... mask) __attribute__((always_inline)) {
    V tap[A], turned[A];
#pragma GCC unroll 4
    for (int a = 0; a < A; ++a) {
      tap[a] = load<T>(taps.row + a * taps.pitch + k);
      if constexpr (Parts == 2) turned[a] = swapped<T, W>(tap[a], std::make_index_sequence<W>{});
    }
#pragma GCC unroll 20
    for (int r = 0; r < R; ++r) {
      V sample = load<T>(x + r * step + k);
      if constexpr (A * Parts > 1) sample = kept(sample);
      ((sample = (V)((decltype(mask))sample & mask)), ...);
#pragma GCC unroll 4
      for (int a = 0; a < A; ++a) {
        into[(a * R + r) * Parts] += tap[a] * sample;
        if constexpr (Parts == 2) into[(a * R + r) * Parts + 1] += turned[a] * sample;
      }
    }
  };
  int64_t k = 0;
  for (; k + Sets * W <= count; k += Sets * W) {
#pragma GCC unroll 8
    for (int set = 0; set < Sets; ++set) meet(k + set * W, products + set * P);
  }
  if constexpr (Sets > 1) {
    for (; k + W <= count; k += W) meet(k, products);
  }
  if (W > 1 && k < count && count + before >= W) {
    // The last vector overlaps with the one before; what they share counts once.
    meet(count - W, products, last_lanes<T>(count - k));
    k = count;
  }
#pragma GCC unroll 20
  for (int r = 0; r < P; ++r) {
    T* to = sums + r / (R * Parts) * taps.apart + r % (R * Parts) * W;
    V sum = load<T>(to);
#pragma GCC unroll 8
    for (int set = 0; set < Sets; ++set) sum += products[set * P + r];
    put<T, W>(to, sum);
  }
  for (int a = 0; a < A; ++a) {
    const T* h = taps.row + a * taps.pitch;
    for (int64_t j = k; j < count; ++j) {
      for (int r = 0; r < R; ++r) {
        T* to = sums + a * taps.apart + r * Parts * W + j - k;
        const T sample = x[r * step + j];
        to[0] += h[j] * sample;
        if constexpr (Parts == 2) to[W] += h[j ^ 1] * sample;
      }
    }
  }
}

// Adds to each output what waits in its vectors, and clears them.
template <class T, int Parts>
void add_up(T* sums, int64_t outputs, typename Wider<T>::type* totals) {
  constexpr int W = width<T>;
  typedef typename Wider<T>::type Wide;
  for (int64_t j = 0; j < outputs; ++j) {
    const Vec<T, W> products = load<T>(sums + j * Parts * W);
    if constexpr (Parts == 1) {
      totals[j] += Wide(sum_of<T, W>(products));
    } else {
      // (a + bi)(c + di): products hold ac and bd; turned ones bc and ad.
      T lanes[W], re = 0;
      put<T, W>(lanes, products);
      for (int lane = 0; lane < W; lane += 2) re += lanes[lane] - lanes[lane + 1];
      totals[2 * j] += Wide(re);
      totals[2 * j + 1] += Wide(sum_of<T, W>(load<T>(sums + (2 * j + 1) * W)));
    }
  }
  std::memset(static_cast<void*>(sums), 0, outputs * Parts * W * sizeof(T));
}

// As many outputs at once as there are, up to R.
template <class T, int Parts, int A, int R>
inline void dots_of(int64_t outputs, const T* x, int64_t step, const Taps<T>& taps, int64_t count, int64_t before,
                    T* sums) {
  if (outputs == R) return dot_block<T, Parts, A, R>(x, step, taps, count, before, sums);
  if constexpr (R > 1) dots_of<T, Parts, A, R - 1>(outputs, x, step, taps, count, before, sums);
}
// Equal blocks: all share the loads of h alike.
template <class T, int Parts, int A>
void blocks_of_dots(const T* x, int64_t step, const Taps<T>& taps, int64_t count, int64_t before, int64_t outputs,
                    T* sums) {
  constexpr int R = kSumsAtOnce / (A * Parts);
  if (count == 0) return;
  const int64_t blocks = ceil_div(outputs, R);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = outputs * b / blocks, end = outputs * (b + 1) / blocks;
    dots_of<T, Parts, A, R>(end - begin, x + begin * step, step, taps, count, before,
                         sums + begin * Parts * width<T>);
  }
}

// 2 J outputs: 0 and 1, and those one vector of samples further, J times. A vector of taps meets as many
// vectors of samples, and so is read once for all: it waits in one of J registers for them. `count` is
// a multiple of J vectors.
template <class T, int J>
FILTRAX_INLINE void dot_run(const T* x, const T* h, int64_t count, T* sums) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V products[2 * J], taps[J];
#pragma GCC unroll 8
  for (int j = 0; j < 2 * J; ++j) products[j] = load<T>(sums + (j / 2 * W + j % 2) * W);
  // What vector q of samples meets in outputs [from, to); s is q modulo J.
  auto meet = [&](int64_t q, int s, int from, int to) __attribute__((always_inline)) {
    const V even = kept(load<T>(x + q * W)), odd = kept(load<T>(x + q * W + 1));
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      if (j < from || j >= to) continue;
      products[2 * j] += taps[(s + J - j) % J] * even;
      products[2 * j + 1] += taps[(s + J - j) % J] * odd;
    }
  };
  const int64_t vectors = count / W;
#pragma GCC unroll 4
  for (int s = 0; s < J; ++s) {
    taps[s] = load<T>(h + s * W);
    meet(s, s, 0, s + 1);
  }
  for (int64_t q = J; q < vectors; q += J) {
#pragma GCC unroll 4
    for (int s = 0; s < J; ++s) {
      taps[s] = load<T>(h + (q + s) * W);
      meet(q + s, s, 0, J);
    }
  }
#pragma GCC unroll 4
  for (int s = 0; s < J - 1; ++s) meet(vectors + s, s, s + 1, J);
#pragma GCC unroll 8
  for (int j = 0; j < 2 * J; ++j) put<T, W>(sums + (j / 2 * W + j % 2) * W, products[j]);
}
// J vectors of outputs, of each the lanes [from, to), even numbers; what is left of the taps follows one by one.
template <class T, int J>
void dot_runs(const T* x, const Taps<T>& taps, int64_t count, int64_t from, int64_t to, T* sums) {
  constexpr int W = width<T>;
  if (from == to) return;
  const int64_t whole = count / (J * W) * (J * W);
  for (int64_t j = from; j < to && whole; j += 2) dot_run<T, J>(x + j, taps.row, whole, sums + j * W);
  for (int64_t j = from; j < from + J * W; j += W) {
    blocks_of_dots<T, 1, 1>(x + whole + j, 1, taps.behind(whole), count - whole, whole, to - from, sums + j * W);
  }
}

// J to J + 1 vectors of neighbouring outputs: runs of the lanes that the last one has are longer.
template <class T, int J>
void mixed_runs(const T* x, const Taps<T>& taps, int64_t count, int64_t outputs, T* sums) {
  constexpr int W = width<T>;
  const int64_t more = outputs - J * W, even = more / 2 * 2;
  if constexpr (J < kRuns) dot_runs<T, J + 1>(x, taps, count, 0, even, sums);
  if constexpr (J > 1) {
    dot_runs<T, J>(x, taps, count, even, W, sums);
  } else {
    // A vector of taps would be read for two.
    blocks_of_dots<T, 1, 1>(x + even, 1, taps, count, 0, W - even, sums + even * W);
  }
  if (more > even) blocks_of_dots<T, 1, 1>(x + outputs - 1, 1, taps, count, 0, 1, sums + (outputs - 1) * W);
}

template <class T, int Parts, int A>
void dots(const T* x, int64_t step, const Taps<T>& taps, int64_t count, int64_t outputs, T* sums) {
  constexpr int W = width<T>;
  if constexpr (Parts == 1 && A == 1 && W > 1) {
    for (; step == 1 && outputs >= kRuns * W; outputs -= 4 * W, x += 4 * W, sums += 4 * W * W) {
      dot_runs<T, 4>(x, taps, count, 0, W, sums);
    }
    if (step == 1 && 4 * outputs >= kLeastRun * W) {
      const int64_t runs = outputs / W;
      if constexpr (kRuns > 4) {
        if (runs == 4) return mixed_runs<T, 4>(x, taps, count, outputs, sums);
      }
      return runs == 3   ? mixed_runs<T, 3>(x, taps, count, outputs, sums)
             : runs == 2 ? mixed_runs<T, 2>(x, taps, count, outputs, sums)
                         : mixed_runs<T, 1>(x, taps, count, outputs, sums);
    }
  }
  blocks_of_dots<T, Parts, A>(x, step, taps, count, 0, outputs, sums);
}

// The same of taps [begin, end) of A rows that stand `pitch` apart, for outputs along the inner axis.
template <class S, class T, int Parts, int A>
void dot_rows(const Problem& problem, const S* x, const S* h, int64_t pitch, int64_t begin, int64_t end, T* sums,
              int64_t apart) {
  const Slide& inner = problem.inner;
  const int64_t reach = (inner.m - 1) * inner.stride;
  const auto meet = [&](int64_t k, int64_t count) {
    const int64_t start = k - inner.lo;
    const bool whole = start >= 0 && start + count + reach <= inner.n;
    const T* samples;
    Taps<T> taps{nullptr, pitch * Parts, apart};
    if (whole && sizeof(S) == sizeof(T)) {
      samples = reinterpret_cast<const T*>(x + start * Parts);
    } else {
      T* copy = scratch<T>(0, (count + reach) * Parts);
      window(x, inner.n * Parts, start * Parts, (count + reach) * Parts, copy);
      samples = copy;
    }
    if (sizeof(S) == sizeof(T) && inner.rhs == 1) {
      taps.row = reinterpret_cast<const T*>(h + k * Parts);
    } else {
      T* copy = scratch<T>(1, A * count * Parts);
      taps.row = copy;
      taps.pitch = count * Parts;
      for (int a = 0; a < A; ++a) {
        const S* from = h + (a * pitch + k * inner.rhs) * Parts;
        convert_samples<Parts>(from, inner.rhs, copy + a * taps.pitch, 1, count);
      }
    }
    dots<T, Parts, A>(samples, inner.stride * Parts, taps, count * Parts, inner.m, sums);
  };
  for (int64_t k = begin; k < end; k += kStretch) {
    const int64_t count = least(kStretch, end - k);
    // Taps before and behind those whose samples are all there, in whole vectors.
    constexpr int64_t W = width<T>;
    const int64_t head = k < inner.lo ? ceil_div(inner.lo - k, W) * W : 0;
    const int64_t most = inner.n - reach - (k + head - inner.lo);
    const int64_t there = least(count - head, most) / (4 * W) * (4 * W);
    if (sizeof(S) != sizeof(T) || there < kWorth || there == count) {
      meet(k, count);
      continue;
    }
    if (head) meet(k, head);
    meet(k + head, there);
    if (head + there < count) meet(k + head + there, count - head - there);
  }
}

// Rows of taps that meet each row of samples in turn: `next` reads row r of the taps, `meet` row r of the samples for
// the outputs [from, to), of which the first meets the row of taps that was read last, the others those before.
template <int N, class Next, class Meet>
FILTRAX_INLINE void take_turns(int64_t rows, const Next& next, const Meet& meet) {
#pragma GCC unroll 8
  for (int r = 0; r < N - 1; ++r) next(r), meet(r, 0, r + 1);
  for (int64_t r = N - 1; r < rows; ++r) next(r), meet(r, 0, N);
#pragma GCC unroll 8
  for (int q = 1; q < N; ++q) meet(rows - 1 + q, q, N);
}

// Lanes side by side: adds products of `terms` rows to A rows of sums, whose rows of x stand `apart`. x and h step by
// `lhs` and `rhs` from row to row; if both stand as far, outputs take turns at each row, of at least A terms. All count
// numbers. Of complex lanes `turned` rows of sums are those of products with the parts of each tap exchanged.
template <class S, class T, int Parts, int A, bool InTurn>
void lane_dots(const S* x, int64_t lhs, int64_t apart, const S* h, int64_t rhs, int64_t terms, T* sums, int64_t pitch,
               int64_t turned, int64_t count) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  typedef Vec<BitsOf<T>, W> Bits;
  const auto column = [&](int64_t i, auto... last) __attribute__((always_inline)) {
    V sum[A * Parts], taps[A * Parts];
#pragma GCC unroll 8
    for (int a = 0; a < A * Parts; ++a) sum[a] = load<T>(sums + a / A * turned + a % A * pitch + i);
    const auto read = [&](int64_t t) __attribute__((always_inline)) {
      taps[0] = fetch<S, T>(h + t * rhs + i);
      if constexpr (Parts == 2) taps[A] = swapped<T, W>(taps[0], std::make_index_sequence<W>{});
    };
    const auto add = [&](int a, int q, V sample) __attribute__((always_inline)) {
      sum[a] += taps[q] * sample;
      if constexpr (Parts == 2) sum[A + a] += taps[A + q] * sample;
    };
    if constexpr (InTurn) {
      const auto next = [&](int64_t t) __attribute__((always_inline)) {
        // Of complex taps both halves move on.
#pragma GCC unroll 8
        for (int q = A * Parts - 1; q > 0; --q) taps[q] = taps[q - 1];
        read(t);
      };
      take_turns<A>(terms, next, [&](int64_t t, int from, int to) __attribute__((always_inline)) {
        const V sample = kept(fetch<S, T>(x + t * lhs + i));
#pragma GCC unroll 8
        for (int a = from; a < to; ++a) add(a, a - from, sample);
      });
    } else {
      for (int64_t t = 0; t < terms; ++t) {
        read(t);
#pragma GCC unroll 8
        for (int a = 0; a < A; ++a) add(a, 0, fetch<S, T>(x + t * lhs + a * apart + i));
      }
    }
#pragma GCC unroll 8
    for (int a = 0; a < A * Parts; ++a) {
      T* to = sums + a / A * turned + a % A * pitch + i;
      // Of a vector that overlaps with the one before, lanes that are done stay.
      ((sum[a] = (V)(((Bits)sum[a] & last) | ((Bits)load<T>(to) & ~last))), ...);
      put<T, W>(to, sum[a]);
    }
  };
  int64_t i = 0;
  for (; i + W <= count; i += W) column(i);
  if (i < count && count >= W) return column(count - W, last_lanes<T>(count - i));
  for (; i < count; ++i) {
    for (int a = 0; a < A; ++a) {
      for (int64_t t = 0; t < terms; ++t) {
        T sample, tap[2];
        convert_few<1>(x + t * lhs + a * apart + i, &sample);
        convert_few<1>(h + t * rhs + i, tap);
        sums[a * pitch + i] += tap[0] * sample;
        if constexpr (Parts == 2) {
          convert_few<1>(h + t * rhs + (i ^ 1), tap + 1);
          sums[turned + a * pitch + i] += tap[1] * sample;
        }
      }
    }
  }
}
template <class S, class T>
using LaneDots = void (*)(const S*, int64_t, int64_t, const S*, int64_t, int64_t, T*, int64_t, int64_t, int64_t);
// For so many outputs, up to a block.
template <class S, class T, int Parts>
constexpr int kLaneBlock = (FILTRAX_VECTOR == 64 ? 8 : 7) / Parts;
template <class S, class T, int Parts, size_t... A>
LaneDots<S, T> lane_dots_of(int64_t outputs, bool in_turn, std::index_sequence<A...>) {
  static constexpr LaneDots<S, T> turns[] = {lane_dots<S, T, Parts, A + 1, true>...};
  static constexpr LaneDots<S, T> others[] = {lane_dots<S, T, Parts, A + 1, false>...};
  return (in_turn ? turns : others)[outputs - 1];
}

// Adds a row of sums to the totals of its lanes.
template <class T, int Parts>
void add_lanes(const T* sums, int64_t turned, int64_t lanes, typename Wider<T>::type* totals) {
  typedef typename Wider<T>::type Wide;
  for (int64_t lane = 0; lane < lanes * Parts; lane += Parts) {
    if constexpr (Parts == 1) {
      totals[lane] += Wide(sums[lane]);
    } else {
      totals[lane] += Wide(sums[lane]) - Wide(sums[lane + 1]);
      totals[lane + 1] += Wide(sums[turned + lane]) + Wide(sums[turned + lane + 1]);
    }
  }
}

// Rows of lanes that are less than a vector and fill some together, which follow one another in memory; 0 of others.
template <class T, int Parts>
int64_t rows_together(const Problem& problem) {
  const Slide& axis = problem.outer[0];
  const bool close = axis.dilation == 1 && axis.lhs == problem.lanes && axis.rhs == problem.lanes;
  return close && problem.lanes * Parts < width<T> ? rows_in_vectors<T>(problem.lanes * Parts) : 0;
}

// All outputs of lanes [begin, end) from taps [from, to) of the first outer axis of one term.
template <class S, class T, int Parts>
void lane_sums(const Problem& problem, const S* x, const S* h, int64_t from, int64_t to, int64_t begin,
               int64_t end, typename Wider<T>::type* totals) {
  constexpr int64_t kTerms = 32, kBlock = kLaneBlock<S, T, Parts>;
  const Slide& axis = problem.outer[0];
  const int64_t count = (end - begin) * Parts, turned = axis.m * count;
  T* sums = scratch<T>(2, Parts * turned);
  std::memset(static_cast<void*>(sums), 0, Parts * turned * sizeof(T));
  x += begin * Parts;
  h += begin * Parts;
  int64_t lhs = axis.lhs * Parts, rhs = axis.rhs * Parts;
  const int64_t blocks = ceil_div(axis.m, kBlock);
  // Rows of some lanes among many push each other out of the first cache, and are no stream that is read ahead.
  const bool some = end - begin < problem.lanes;
  const bool brings = FILTRAX_VECTOR < 64 && some && axis.stride == 1 && axis.dilation == 1;
  const S *far_x = x, *far_h = h;
  const int64_t far_lhs = lhs, far_rhs = rhs;
  S* near = scratch<S>(3, brings ? (2 * kTerms + axis.m) * count : 0);
  const auto bring = [&](int64_t k, int64_t terms) {
    S* to = near;
    for (int64_t t = k; t < k + terms; ++t, to += count) std::copy_n(far_h + t * far_rhs, count, to);
    h = near - k * count;
    const int64_t first = most(0, k - axis.lo), last = least(axis.n, k + terms + axis.m - 1 - axis.lo);
    x = to - first * count;
    for (int64_t t = first; t < last; ++t, to += count) std::copy_n(far_x + t * far_lhs, count, to);
    lhs = rhs = count;
  };
  const auto meet = [&](int64_t i, int64_t outputs, int64_t k, int64_t terms) {
    const int64_t start = axis.stride * i + axis.dilation * k - axis.lo;
    const bool in_turn = axis.stride == axis.dilation && terms >= outputs;
    lane_dots_of<S, T, Parts>(outputs, in_turn, std::make_index_sequence<kBlock>{})(
        x + start * lhs, axis.dilation * lhs, axis.stride * lhs, h + k * rhs, rhs, terms, sums + i * count, count,
        turned, count);
  };
  for (int64_t k = from; k < to; k += kTerms) {
    const int64_t terms = least(kTerms, to - k);
    if (brings) bring(k, terms);
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t i = axis.m * b / blocks, outputs = axis.m * (b + 1) / blocks - i;
      // Terms whose samples are there for all of these outputs, and those before and behind, of each output.
      const Range one = taps_inside(axis, i), other = taps_inside(axis, i + outputs - 1);
      const int64_t first = least(most(one.first, k), k + terms), last = most(first, least(other.last, k + terms));
      if (first < last) meet(i, outputs, first, last - first);
      for (int64_t j = i; j < i + outputs; ++j) {
        const Range own = taps_inside(axis, j);
        const int64_t before = most(own.first, k), behind = least(own.last, k + terms);
        if (before < first) meet(j, 1, before, least(first, behind) - before);
        if (most(before, last) < behind) meet(j, 1, most(before, last), behind - most(before, last));
      }
    }
  }
  for (int64_t i = 0; i < axis.m; ++i) {
    add_lanes<T, Parts>(sums + i * count, turned, end - begin, totals + i * count);
  }
}

// The same of few lanes: `together` rows of them become one.
template <class S, class T, int Parts>
void few_lane_sums(const Problem& problem, const S* x, const S* h, int64_t from, int64_t to, int64_t together,
                   typename Wider<T>::type* totals) {
  constexpr int64_t kBlock = kLaneBlock<S, T, Parts>;
  const Slide& axis = problem.outer[0];
  const int64_t count = problem.lanes * Parts, wide = together * count, turned = axis.m * wide;
  const int64_t rows = (to - from) / together, deep = rows * together, start = from - axis.lo;
  // What is left of the taps would meet samples in a row that has none for them.
  if (from + deep < to) lane_sums<S, T, Parts>(problem, x, h, from + deep, to, 0, problem.lanes, totals);
  const int64_t reach = deep + axis.stride * (axis.m - 1);
  const T *samples, *taps;
  if (sizeof(S) == sizeof(T) && start >= 0 && start + reach <= axis.n) {
    samples = reinterpret_cast<const T*>(x + start * count);
    taps = reinterpret_cast<const T*>(h + from * count);
  } else {
    T* copy = scratch<T>(0, (reach + deep) * count);
    window(x, axis.n * count, start * count, reach * count, copy);
    window(h, to * count, from * count, deep * count, copy + reach * count);
    samples = copy;
    taps = copy + reach * count;
  }
  T* sums = scratch<T>(2, Parts * turned);
  std::memset(static_cast<void*>(sums), 0, Parts * turned * sizeof(T));
  const int64_t apart = axis.stride * count, terms = most(8, kStretch / wide), blocks = ceil_div(axis.m, kBlock);
  for (int64_t row = 0; row < rows; row += terms) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t i = axis.m * b / blocks, outputs = axis.m * (b + 1) / blocks - i;
      lane_dots_of<T, T, Parts>(outputs, false, std::make_index_sequence<kBlock>{})(
          samples + row * wide + i * apart, wide, apart, taps + row * wide, wide, least(terms, rows - row),
          sums + i * wide, wide, turned, wide);
    }
  }
  for (int64_t i = 0; i < axis.m; ++i) {
    for (int64_t at = i * wide; at < (i + 1) * wide; at += count) {
      add_lanes<T, Parts>(sums + at, turned, problem.lanes, totals + i * count);
    }
  }
}

// Everything: cells, and where there are few, parts of the sums, are shared between threads.
template <class S, class T, int Parts>
void correlate_sums(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  typedef typename Wider<T>::type Wide;
  const bool laned = problem.lanes > 1;
  // The one outer axis of an image is the second here.
  const int d = laned ? 1 : down(problem);
  const Slide &first = problem.outer[1 - d], &second = problem.outer[d], &inner = problem.inner;
  const int64_t lane_tiles = laned ? ceil_div(problem.lanes, kLaneTile) : 1;
  const int64_t cells = problem.count_cells() * lane_tiles;
  const int64_t sums = problem.count_sums();
  // The taps of a cell: whole rows, cut into stretches.
  const int64_t outputs = first.m * second.m * inner.m * Parts;
  // Short rows of taps leave their sums in vectors, which are added up after a stretch.
  constexpr int W = width<T>;
  const bool waits = outputs * W <= kWaiting;
  // Rows of taps that are neighbours meet the same rows of samples, each for another row of outputs.
  const bool stacked = !laned && waits && is_plain(second) && second.m > 1 && second.k >= kRowsAtOnce &&
                       inner.m > kFew && inner.m < 2 * W;
  const int64_t stack = stacked ? kRowsAtOnce : 1, stacks = ceil_div(second.k, stack);
  const int64_t together = laned ? rows_together<T, Parts>(problem) : 0;
  const int64_t run = laned ? first.k : inner.k, stretch = laned ? 256 * most(1, together) : kStretch / stack;
  const int64_t stretches = ceil_div(run, stretch);
  const int64_t rows = laned ? sums : sums * first.k * stacks;
  const int64_t pieces = rows * stretches;
  const double products = double(run) * stack * outputs * (laned ? least(problem.lanes, kLaneTile) : 1);
  const bool shared = cells * rows * (products + kItem) >= kShared;
  const int64_t wanted = shared ? 8 * pool.threads : 1;
  const int64_t splits = cells >= wanted ? 1 : least(pieces, ceil_div(wanted, cells));
  const int64_t sizes = laned ? first.m * least(problem.lanes, kLaneTile) * Parts : outputs;
  const int64_t tasks = cells * splits;
  std::vector<Wide> partial(splits > 1 ? tasks * sizes : 0);

  auto finish = [&](int64_t cell, const Wide* totals) {
    const Place place = place_of(problem, cell / lane_tiles);
    const int64_t begin = laned ? cell % lane_tiles * kLaneTile : 0;
    const int64_t across = laned ? least(kLaneTile, problem.lanes - begin) : inner.m;
    int64_t at = 0;
    for (int64_t a = 0; a < first.m; ++a) {
      for (int64_t b = 0; b < second.m; ++b) {
        S* to = out + (place.out + a * first.out + b * second.out + begin) * Parts;
        for (int64_t j = 0; j < across; ++j, at += Parts) {
          T value[Parts];
          for (int part = 0; part < Parts; ++part) value[part] = T(totals[at + part]);
          convert_few<Parts>(value, to + j * inner.out * Parts);
        }
      }
    }
  };

  const int64_t waiting = laned ? 0 : (waits ? outputs : inner.m * Parts) * W;

  auto piece = [&](const Place& place, int64_t number, int64_t begin, int64_t end, T* vectors, Wide* totals) {
    const int64_t row = number / stretches, from = number % stretches * stretch;
    const int64_t to = least(run, from + stretch);
    if (laned) {
      const Place term = term_of(problem, row);
      const S *x = lhs + (place.lhs + term.lhs) * Parts, *h = rhs + (place.rhs + term.rhs) * Parts;
      together ? few_lane_sums<S, T, Parts>(problem, x, h, from, to, together, totals)
               : lane_sums<S, T, Parts>(problem, x, h, from, to, begin, end, totals);
      return;
    }
    const Place term = term_of(problem, row / (first.k * stacks));
    const int64_t ka = row / stacks % first.k, kb = row % stacks * stack;
    const int64_t count = least(stack, second.k - kb);
    const S* h = rhs + (place.rhs + term.rhs + ka * first.rhs + kb * second.rhs) * Parts;
    for (int64_t a = 0; a < first.m; ++a) {
      const int64_t na = first.stride * a + first.dilation * ka - first.lo;
      if (na < 0 || na >= first.n) continue;
      const S* plane = lhs + (place.lhs + term.lhs + na * first.lhs) * Parts;
      // Of a stack, output b meets the row of samples that output b - r meets with tap r.
      for (int64_t b = 0; b < second.m + count - 1; ++b) {
        const int64_t nb = second.stride * b + second.dilation * kb - second.lo;
        if (nb < 0 || nb >= second.n) continue;
        const S* x = plane + nb * second.lhs * Parts;
        const int64_t at = (a * second.m + b) * inner.m * Parts, apart = inner.m * Parts;
        const int64_t top = most(0, b - (second.m - 1)), bottom = least(count, b + 1);
        if (stacked && bottom - top == kRowsAtOnce) {
          dot_rows<S, T, Parts, kRowsAtOnce>(problem, x, h, second.rhs, from, to, vectors + at * W, -apart * W);
          continue;
        }
        for (int64_t r = top; r < bottom; ++r) {
          T* into = vectors + (waits ? (at - r * apart) * W : 0);
          dot_rows<S, T, Parts, 1>(problem, x, h + r * second.rhs * Parts, 0, from, to, into, 0);
          if (!waits) add_up<T, Parts>(vectors, inner.m, totals + at);
        }
      }
    }
  };

  const int64_t groups = shared ? least(tasks, 32 * pool.threads) : 1;
  share(pool, groups, [&](int64_t group) {
    std::vector<Wide> own(splits > 1 ? 0 : sizes);
    T* vectors = scratch<T>(3, waiting);
    std::memset(static_cast<void*>(vectors), 0, waiting * sizeof(T));
    for (int64_t task = tasks * group / groups; task < tasks * (group + 1) / groups; ++task) {
      const int64_t cell = task / splits, split = task % splits;
      const Place place = place_of(problem, cell / lane_tiles);
      const int64_t begin = laned ? cell % lane_tiles * kLaneTile : 0;
      const int64_t end = laned ? least(begin + kLaneTile, problem.lanes) : 0;
      Wide* totals = splits > 1 ? partial.data() + task * sizes : own.data();
      std::fill(totals, totals + sizes, Wide(0));
      const int64_t last = pieces * (split + 1) / splits, met = least(stretch, run) * stack;
      int64_t added = 0;
      for (int64_t p = pieces * split / splits; p < last; ++p) {
        piece(place, p, begin, end, vectors, totals);
        added += met;
        if (laned || !waits || (added + met <= kStretch && p + 1 < last)) continue;
        add_up<T, Parts>(vectors, outputs / Parts, totals);
        added = 0;
      }
      if (splits == 1) finish(cell, totals);
    }
  });
  if (splits > 1) {
    for (int64_t cell = 0; cell < cells; ++cell) {
      Wide* totals = partial.data() + cell * splits * sizes;
      for (int64_t split = 1; split < splits; ++split) {
        for (int64_t j = 0; j < sizes; ++j) totals[j] += totals[split * sizes + j];
      }
      finish(cell, totals);
    }
  }
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
