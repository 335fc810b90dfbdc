// Blocks of outputs, which stay in registers while the taps of a list pass.
#pragma once

#include <algorithm>
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
  std::vector<int64_t> inside;   // the same from the first tap of its row on
  std::vector<T> weights;        // of a kernel that all outputs share, or
  std::vector<int64_t> places;   // where those of the first of many lanes lie
  // So many first taps come in runs, then up to so many in pairs, each of which meets samples `space` numbers
  // behind those of the last: what was read for one output meets another one, too. Loads are what sums over
  // taps wait for.
  int64_t in_runs = 0, in_pairs = 0, space = 0;
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

// Taps in a run, and vectors of outputs in a block.
template <int Parts>
constexpr int kRun = 4 / Parts;
template <class T, int Parts>
constexpr int kBlock = (FILTRAX_VECTOR == 64 ? 14 : 10) / Parts;

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

// The samples that a tap meets, where all are there, and where only those between the ends of the row count:
// what lies beyond belongs to another one.
template <class X, class T>
struct Samples {
  const X* from;
  template <class Taps>
  FILTRAX_INLINE Samples of(const Taps& taps, int64_t tap) const {
    return {from + taps.offsets[tap]};
  }
  FILTRAX_INLINE Samples at(int64_t i) const { return {from + i}; }
  FILTRAX_INLINE Vec<T, width<T>> operator()(int64_t i) const { return fetch<X, T>(from + i); }
};
template <class T>
struct FencedSamples {
  const T* from;
  const BitsOf<T>* fence;
  template <class Taps>
  FILTRAX_INLINE FencedSamples of(const Taps& taps, int64_t tap) const {
    return {from + taps.offsets[tap], fence + taps.inside[tap]};
  }
  FILTRAX_INLINE FencedSamples at(int64_t i) const { return {from + i, fence + i}; }
  FILTRAX_INLINE Vec<T, width<T>> operator()(int64_t i) const {
    typedef Vec<BitsOf<T>, width<T>> Bits;
    return (Vec<T, width<T>>)((Bits)load<T>(from + i) & load<BitsOf<T>>(fence + i));
  }
};

// R vectors of outputs `pitch` apart, whose samples stand `step` apart, each added up in so many sums.
template <int R, int Sets, class T, int Parts, class From, class Weights, class O>
FILTRAX_INLINE void tap_block(const From& samples, int64_t step, const TapList<T, Parts>& taps,
                              const Weights& weights, O* out, int64_t pitch) {
  constexpr int W = width<T>, P = R * Parts;
  typedef Vec<T, W> V;
  V sums[Sets * P];
#pragma GCC unroll 16
  for (int r = 0; r < Sets * P; ++r) sums[r] = V{};
  const int64_t count = taps.size();
  int64_t t = 0;
  const auto add_run = [&](auto length) __attribute__((always_inline)) {
    constexpr int Run = decltype(length)::value;
    const From from = samples.of(taps, t);
    V run[Run * Parts];
#pragma GCC unroll 4
    for (int j = 0; j < Run * Parts; ++j) run[j] = weights(t + j / Parts, j % Parts);
#pragma GCC unroll 32
    for (int v = 0; v < R + Run - 1; ++v) {
      const V sample = kept(from(v * step));
#pragma GCC unroll 4
      for (int j = 0; j < Run; ++j) {
        const int r = v - j;
        if (r < 0 || r >= R) continue;
        V* sum = sums + j % Sets * P;
        sum[r] += run[j * Parts] * sample;
        if constexpr (Parts == 2) sum[R + r] += run[j * Parts + 1] * sample;
      }
    }
    t += Run;
  };
  if (step == taps.space) {
    while (t < taps.in_runs) add_run(std::integral_constant<int, kRun<Parts>>{});
    while (t < taps.in_pairs) add_run(std::integral_constant<int, 2>{});
  }
  const auto add = [&](int64_t tap, V* sum) __attribute__((always_inline)) {
    const From from = samples.of(taps, tap);
    const V re = weights(tap, 0), im = Parts == 2 ? weights(tap, 1) : re;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const V sample = from(r * step);
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
template <int R, class T, int Parts, class From, class Weights, class O>
FILTRAX_INLINE void tap_block_of(const From& samples, int64_t step, const TapList<T, Parts>& taps,
                                 const Weights& weights, O* out, int64_t pitch) {
  constexpr int Sets = R * Parts > 4 ? 1 : R * Parts > 2 ? 2 : kRun<Parts>;
  if (Sets > 1 && taps.size() >= kMany) return tap_block<R, Sets>(samples, step, taps, weights, out, pitch);
  return tap_block<R, 1>(samples, step, taps, weights, out, pitch);
}

// R neighbouring vectors of outputs, for a kernel that they share.
template <int R, class T, int Parts, class From, class O>
void neighbours_of(const From& samples, const TapList<T, Parts>& taps, O* out) {
  const SharedWeights<T, Parts> weights{taps.weights.data()};
  tap_block_of<R>(samples, width<T>, taps, weights, out, width<T>);
}
template <class T, int Parts, class From, class O, size_t... R>
FILTRAX_INLINE void neighbours(int64_t vectors, const From& samples, const TapList<T, Parts>& taps, O* out,
                               std::index_sequence<R...>) {
  // A table: of calls within calls, blocks of few vectors would be the last.
  static constexpr void (*of[])(const From&, const TapList<T, Parts>&, O*) = {
      neighbours_of<R + 1, T, Parts, From, O>...};
  of[vectors - 1](samples, taps, out);
}

// So many of them, up to a block.
template <class T, int Parts, class From, class O>
FILTRAX_INLINE void neighbours(int64_t vectors, const From& samples, const TapList<T, Parts>& taps, O* out) {
  neighbours(vectors, samples, taps, out, std::make_index_sequence<kBlock<T, Parts>>{});
}

// Whether so many rows that stand `bytes` apart find no place in the second cache: of rows as long as a power
// of two, some crowd the others out.
inline bool are_crowded(int64_t rows, int64_t bytes) {
  return rows > kWays * (kPlaces / std::gcd(bytes, kPlaces));
}
// The same of the first, whose lines are counted: rows that are nearly as long crowd it, too.
inline bool is_first_cache_crowded(int64_t rows, int64_t bytes) {
  constexpr int64_t kLine = 64, kFirstPlaces = 64, kFirstWays = 8;
  int64_t met[kFirstPlaces] = {};
  for (int64_t r = 0; r < rows; ++r) {
    if (++met[r * bytes / kLine % kFirstPlaces] > kFirstWays) return true;
  }
  return false;
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
      const Samples<X, T> samples{x + row * step + at};
      tap_block_of<decltype(high)::value>(samples, step, taps, weights.at(at), out + row * pitch + at, pitch);
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

// Which samples of a row count, for blocks of outputs near its ends. Of a long row the middle is left out.
template <class T, int Parts>
class Fence {
 public:
  explicit Fence(const Slide& axis) : n_(axis.n), before_(most(axis.lo, 0)) {
    const int64_t after = most(0, axis.m - 1 + axis.span() - axis.lo - n_);
    shown_ = least(n_, 2 * (kBlock<T, Parts> * width<T> + axis.span()));
    if (n_ == 0 || before_ + shown_ + after > kLongest) return;
    bits_.resize((before_ + shown_ + after) * Parts + 2 * width<T>);
    std::fill_n(bits_.begin() + before_ * Parts, shown_ * Parts, ~BitsOf<T>(0));
  }
  // Whether it is there: a longer one is not worth making.
  explicit operator bool() const { return !bits_.empty(); }
  bool shows_all() const { return shown_ == n_; }
  // From sample `at` of the row on.
  const BitsOf<T>* from(int64_t at) const {
    return bits_.data() + (before_ + (at < shown_ / 2 ? at : at - n_ + shown_)) * Parts;
  }

 private:
  static constexpr int64_t kLongest = 1 << 12;
  int64_t n_, before_, shown_;
  std::vector<BitsOf<T>> bits_;
};

// Where in its row the samples of the first output begin, and the outputs that meet none beyond its ends.
template <class T, int Parts>
struct Ends {
  const Fence<T, Parts>& fence;
  int64_t at, first, last;
};

// `count` numbers of outputs, a vector or more, in equal blocks: in small ones additions wait for one another.
template <class T, int Parts, class From, class O>
void sum_stretch(const From& samples, const TapList<T, Parts>& taps, O* out, int64_t count) {
  constexpr int W = width<T>, R = kBlock<T, Parts>;
  // Of a tile: so few that short divisions do.
  const uint32_t vectors = ceil_div(count, W), blocks = (vectors + R - 1) / R;
  if (blocks == 1 && vectors * W == count) return neighbours(vectors, samples, taps, out);
  const uint32_t each = vectors / blocks, more = vectors % blocks;
  int64_t begin = 0;
  for (uint32_t b = 0; b < blocks; ++b) {
    int64_t size = each + (b < more);
    // The last overlaps with the one before.
    if (begin + size * W > count) {
      if (begin == 0) {
        neighbours_of<1>(samples.at(count - W), taps, out + count - W);
        if (--size == 0) return;
      } else {
        begin = count - size * W;
      }
    }
    neighbours(size, samples.at(begin), taps, out + begin);
    begin += size * W;
  }
}

// `count` outputs. All samples are in memory; at the ends of a row they count as far as its fence says.
template <class T, int Parts, class O>
void sum_taps(const T* x, const TapList<T, Parts>& taps, O* out, int64_t count,
              const Ends<T, Parts>* ends = nullptr) {
  constexpr int W = width<T>;
  const Samples<T, T> samples{x};
  const int64_t numbers = count * Parts;
  if (numbers >= W && !ends) return sum_stretch(samples, taps, out, numbers);
  const FencedSamples<T> fenced{x, ends ? ends->fence.from(ends->at) : nullptr};
  if (numbers < W) {
    // A vector whole, though it is of more than there is.
    alignas(FILTRAX_VECTOR) T sums[W];
    ends ? neighbours_of<1>(fenced, taps, sums) : neighbours_of<1>(samples, taps, sums);
    return convert(sums, out, numbers);
  }
  // The vectors at the ends; apart from those between them, if these are many.
  const int64_t left = ceil_div(ends->first * Parts, W) * W, right = ceil_div((count - ends->last) * Parts, W) * W;
  const int64_t late = numbers - right;
  if (late - left < kBlock<T, Parts> * W) return sum_stretch(fenced, taps, out, numbers);
  sum_stretch(samples.at(left), taps, out + left, late - left);
  if (left == W && right == W && ends->fence.shows_all()) {
    // Both at once: one of them waits for its own additions.
    return tap_block_of<2>(fenced, late, taps, SharedWeights<T, Parts>{taps.weights.data()}, out, late);
  }
  if (left) sum_stretch(fenced, taps, out, left);
  if (right) {
    const FencedSamples<T> behind{x + late, ends->fence.from(ends->at + late / Parts)};
    sum_stretch(behind, taps, out + late, right);
  }
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
