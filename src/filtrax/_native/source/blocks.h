// Blocks of outputs, which stay in registers while the taps of a list pass.
#pragma once

#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Taps of which few vectors have several sums.
constexpr int64_t kMany = 64;
// Bytes of samples and weights that stay in the second cache.
constexpr int kStrip = 1 << 17;
// Bytes of the second cache that share their places, and rows that find one there.
constexpr int64_t kPlaces = 1 << 16, kWays = 8;

// Parts: 1 for real numbers, 2 for complex ones, whose kernel holds pairs.
template <class T, int Parts>
struct TapList {
  std::vector<int64_t> offsets;  // of each tap's first sample, in numbers
  std::vector<T> weights;        // of a kernel that all outputs share, or
  std::vector<int64_t> places;   // where those of the first of many lanes lie
  // So many first taps come in runs, each of which meets samples `space` numbers behind those of the last:
  // what was read for one output meets another one, too. Loads are what sums over taps wait for.
  int64_t in_runs = 0, space = 0;
  int64_t size() const { return offsets.size(); }
};

// i (a + bi) = -b + ai
template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> times_i(Vec<T, W> value, std::index_sequence<L...>) {
  const Vec<T, W> signs = {(L % 2 ? T(1) : T(-1))...};
  return __builtin_shufflevector(value, value, int(L ^ 1)...) * signs;
}

// The real or the imaginary part of each number, in both its places.
template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> part_of(Vec<T, W> value, int part, std::index_sequence<L...>) {
  return part == 0 ? __builtin_shufflevector(value, value, int(L & ~1)...)
                   : __builtin_shufflevector(value, value, int(L | 1)...);
}

// Taps in a run.
template <int Parts>
constexpr int kRun = 4 / Parts;

// The weights of a tap: one for a vector of outputs, or for each of them its own.
template <class T, int Parts>
struct SharedWeights {
  const T* weights;
  FILTRAX_INLINE Vec<T, width<T>> operator()(int64_t tap, int part) const {
    return splat<T>(weights[tap * Parts + part]);
  }
  FILTRAX_INLINE SharedWeights at(int64_t) const { return *this; }
};
template <class S, class T, int Parts>
struct LaneWeights {
  const S* kernel;
  const int64_t* places;
  FILTRAX_INLINE Vec<T, width<T>> operator()(int64_t tap, int part) const {
    const auto weights = fetch<S, T>(kernel + places[tap]);
    return Parts == 1 ? weights : part_of<T, width<T>>(weights, part, std::make_index_sequence<width<T>>{});
  }
  FILTRAX_INLINE LaneWeights at(int64_t lane) const { return {kernel + lane, places}; }
};

// R vectors of outputs `pitch` apart, whose samples stand `step` apart, each added up in so many sums.
template <int R, int Sets, class T, int Parts, class X, class Weights, class O>
FILTRAX_INLINE void tap_block(const X* x, int64_t step, const TapList<T, Parts>& taps, const Weights& weights,
                              O* out, int64_t pitch) {
  constexpr int W = width<T>, Run = kRun<Parts>, P = R * Parts;
  typedef Vec<T, W> V;
  V sums[Sets * P];
#pragma GCC unroll 16
  for (int r = 0; r < Sets * P; ++r) sums[r] = V{};
  const int64_t count = taps.size(), in_runs = step == taps.space ? taps.in_runs : 0;
  const int64_t* offsets = taps.offsets.data();
  int64_t t = 0;
  for (; t < in_runs; t += Run) {
    const X* from = x + offsets[t];
    V run[Run * Parts];
#pragma GCC unroll 4
    for (int j = 0; j < Run * Parts; ++j) run[j] = weights(t + j / Parts, j % Parts);
#pragma GCC unroll 32
    for (int v = 0; v < R + Run - 1; ++v) {
      const V sample = fetch<X, T>(from + v * step);
#pragma GCC unroll 4
      for (int j = 0; j < Run; ++j) {
        const int r = v - j;
        if (r < 0 || r >= R) continue;
        V* sum = sums + j % Sets * P;
        sum[r] += run[j * Parts] * sample;
        if constexpr (Parts == 2) sum[R + r] += run[j * Parts + 1] * sample;
      }
    }
  }
  const auto add = [&](int64_t tap, V* sum) __attribute__((always_inline)) {
    const X* from = x + offsets[tap];
    const V re = weights(tap, 0), im = Parts == 2 ? weights(tap, 1) : re;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const V sample = fetch<X, T>(from + r * step);
      sum[r] += re * sample;
      if constexpr (Parts == 2) sum[R + r] += im * sample;
    }
  };
  for (; t + Sets <= count; t += Sets) {
#pragma GCC unroll 4
    for (int set = 0; set < Sets; ++set) add(t + set, sums + set * P);
  }
  for (; t < count; ++t) add(t, sums);
#pragma GCC unroll 16
  for (int r = P; r < Sets * P; ++r) sums[r % P] += sums[r];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    V sum = sums[r];
    if constexpr (Parts == 2) sum += times_i<T, W>(sums[R + r], std::make_index_sequence<W>{});
    leave<O, T>(out + r * pitch, sum);
  }
}

// A sum waits for its last addition: few vectors of many taps are added up in several each. Fewer taps stay
// in order: integers that are cut off come out as others' do.
template <int R, class T, int Parts, class X, class Weights, class O>
FILTRAX_INLINE void tap_block_of(const X* x, int64_t step, const TapList<T, Parts>& taps, const Weights& weights,
                                 O* out, int64_t pitch) {
  constexpr int Sets = R * Parts > 4 ? 1 : R * Parts > 2 ? 2 : kRun<Parts>;
  if (Sets > 1 && taps.size() >= kMany) return tap_block<R, Sets>(x, step, taps, weights, out, pitch);
  return tap_block<R, 1>(x, step, taps, weights, out, pitch);
}

// Neighbouring vectors, as many at once as there are, up to R.
template <int R, class T, int Parts, class O>
inline void neighbours(int64_t vectors, const T* x, const TapList<T, Parts>& taps, O* out) {
  if (vectors == R) {
    const SharedWeights<T, Parts> weights{taps.weights.data()};
    return tap_block_of<R>(x, width<T>, taps, weights, out, width<T>);
  }
  if constexpr (R > 1) neighbours<R - 1>(vectors, x, taps, out);
}

// Whether so many rows that stand `bytes` apart find no place in the second cache: of rows as long as a power
// of two, some crowd the others out.
inline bool are_crowded(int64_t rows, int64_t bytes) {
  return rows > kWays * (kPlaces / std::gcd(bytes, kPlaces));
}

// Neighbouring numbers of so many rows that stay in the second cache.
template <class T>
int64_t strip_of(int64_t rows) {
  return most(64, kStrip / int64_t(sizeof(T)) / rows / 64 * 64);
}

// Rows of at least a vector, of which samples stand `step` apart and outputs `pitch`: blocks go down several
// rows, the last overlaps with the one before.
template <class T, int Parts, class X, class Weights, class O>
void rows_of_sums(const X* x, int64_t step, const TapList<T, Parts>& taps, const Weights& weights, O* out,
                  int64_t pitch, int64_t rows, int64_t count) {
  constexpr int W = width<T>, High = 8 / Parts, Low = 4 / Parts;
  const int64_t strip = strip_of<T>(taps.size() + High);
  const auto columns = [&](auto high, int64_t row, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += W) {
      const int64_t at = least(i, count - W);
      tap_block_of<decltype(high)::value>(x + row * step + at, step, taps, weights.at(at),
                                          out + row * pitch + at, pitch);
    }
  };
  for (int64_t begin = 0; begin < count; begin += strip) {
    const int64_t end = least(begin + strip, count);
    for (int64_t row = 0; row < rows;) {
      const int64_t high = rows >= High ? High : rows >= Low ? Low : 1, at = least(row, rows - high);
      if (high == High) {
        columns(std::integral_constant<int, High>{}, at, begin, end);
      } else if (high == Low) {
        columns(std::integral_constant<int, Low>{}, at, begin, end);
      } else {
        columns(std::integral_constant<int, 1>{}, at, begin, end);
      }
      row = at + high;
    }
  }
}

template <class T, int Parts, class O>
inline void taps_one_by_one(const T* x, const TapList<T, Parts>& taps, O* out, int64_t count) {
  for (int64_t i = 0; i < count; i += Parts) {
    T sum[2] = {0, 0};
    for (int64_t t = 0; t < taps.size(); ++t) {
      const T* from = x + taps.offsets[t] + i;
      if constexpr (Parts == 1) {
        sum[0] += taps.weights[t] * from[0];
      } else {
        sum[0] += taps.weights[2 * t] * from[0] - taps.weights[2 * t + 1] * from[1];
        sum[1] += taps.weights[2 * t] * from[1] + taps.weights[2 * t + 1] * from[0];
      }
    }
    convert_few<Parts>(sum, out + i);
  }
}

// `count` numbers of outputs; all samples are there.
template <class T, int Parts, class O>
void sum_taps(const T* x, const TapList<T, Parts>& taps, O* out, int64_t count) {
  constexpr int W = width<T>, R = 10 / Parts;
  if (count < W) return taps_one_by_one<T, Parts>(x, taps, out, count);
  // Equal blocks: in small ones additions wait for one another. The last overlaps with the one before.
  const int64_t vectors = ceil_div(count, W), blocks = ceil_div(vectors, R);
  for (int64_t b = 0; b < blocks; ++b) {
    int64_t begin = vectors * b / blocks * W, size = vectors * (b + 1) / blocks - vectors * b / blocks;
    if (begin + size * W > count) {
      if (begin == 0) {
        neighbours<1>(1, x + count - W, taps, out + count - W);
        if (--size == 0) return;
      } else {
        begin = count - size * W;
      }
    }
    neighbours<R>(size, x + begin, taps, out + begin);
  }
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
