// Sums over taps: each output is a sum of samples read where they lie, weighted by the kernel.
//
// A block of outputs stays in registers over all taps. Where a window reaches past the ends of the
// signal, its samples are copied with zeros around them first.
#pragma once

#include <numeric>
#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Samples of a tile from all channels, which stay in the first cache, and the fewest outputs that are
// worth one.
constexpr int64_t kTile = 4096, kLeast = 256;
// Rows up to this long are copied whole; of longer ones only the ends are.
constexpr int64_t kShortRow = 1024;
// Products near edges that are not worth copying their samples.
constexpr int64_t kFew = 24;
// Taps of which few vectors have several sums.
constexpr int64_t kMany = 64;
// Bytes of samples and weights that stay in the second cache.
constexpr int kStrip = 1 << 17;
// Bytes of the second cache that share their places, and rows that find one there.
constexpr int64_t kPlaces = 1 << 16, kWays = 8;
// The taps that are worth a strip, and the bytes between first and last.
constexpr int64_t kDeep = 16, kReach = 1 << 14;
// Products that are worth another thread.
constexpr double kShared = 1 << 15;

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

// Whether taps stand so far apart that what one output reads is gone when the next one needs it.
template <class T, int Parts>
bool is_far(const Slide& inner) {
  const int64_t apart = inner.dilation * Parts;
  return apart >= 4 * width<T> && inner.k >= kDeep && inner.m >= 4 * inner.dilation &&
         inner.k * apart * int64_t(sizeof(T)) >= kReach;
}

// The axis down which rows of outputs are neighbours.
inline int down(const Problem& problem) { return problem.outer[1].m > 1 ? 1 : 0; }

// The taps that meet one row of outputs. Rows of outputs share what they can: neighbours the whole list,
// those with kernels of their own all but the weights.
template <class S, class T, int Parts>
class TapRows {
 public:
  TapRows(const Problem& problem, const S* rhs) : problem_(problem), rhs_(rhs) {}

  // For the outputs at `index` along the outer axes; `rhs` is where their kernel begins.
  void prepare(int64_t rhs, const int64_t* index) {
    Range ranges[kOuter];
    for (int d = 0; d < kOuter; ++d) ranges[d] = taps_inside(problem_.outer[d], index[d]);
    prepare(rhs, ranges);
  }

  // For outputs that meet all taps.
  void prepare_all(int64_t rhs) {
    const Range ranges[kOuter] = {{0, problem_.outer[0].k}, {0, problem_.outer[1].k}};
    prepare(rhs, ranges);
  }

  void prepare(int64_t rhs, const Range* ranges) {
    bool same = begin_ >= 0;
    for (int d = 0; d < kOuter; ++d) {
      same = same && ranges[d].first == ranges_[d].first && ranges[d].last == ranges_[d].last;
    }
    if (same && rhs == begin_) return;
    begin_ = rhs;
    staged_pitch_ = -1;
    if (!same) {
      for (int d = 0; d < kOuter; ++d) ranges_[d] = ranges[d];
      find_rows();
      find_taps();
      place(list, 0, problem_.inner.dilation * Parts);
      list.places.resize(taps_.size());
      for (size_t t = 0; t < taps_.size(); ++t) list.places[t] = taps_[t].weight * Parts;
    }
    if (problem_.lanes > 1) return;
    list.weights.resize(taps_.size() * Parts);
    const S* kernel = rhs_ + begin_ * Parts;
    for (size_t t = 0; t < taps_.size(); ++t) {
      convert_few<Parts>(kernel + taps_[t].weight * Parts, list.weights.data() + t * Parts);
    }
  }

  // The list for copies of the rows that stand `pitch` numbers apart, with taps `step` apart.
  const TapList<T, Parts>& staged(int64_t pitch, int64_t step) {
    if (pitch != staged_pitch_ || step != staged_step_) {
      staged_pitch_ = pitch;
      staged_step_ = step;
      place(staged_, pitch, step);
      staged_.weights = list.weights;
    }
    return staged_;
  }

  // Where the rows of samples begin, from the first window on, and those of taps, from `rhs` on.
  const std::vector<int64_t>& rows() const { return rows_; }
  const std::vector<int64_t>& kernels() const { return kernels_; }
  const S* kernel(size_t row) const { return rhs_ + (begin_ + kernels_[row]) * Parts; }
  TapList<T, Parts> list;

 private:
  struct Tap {
    int64_t row, k, weight;
  };

  void find_rows() {
    rows_.clear();
    kernels_.clear();
    const int d = down(problem_);
    const Slide &axis = problem_.outer[d], &other = problem_.outer[1 - d];
    for (int64_t s = 0; s < problem_.count_sums(); ++s) {
      const Place term = term_of(problem_, s);
      for (int64_t a = ranges_[1 - d].first; a < ranges_[1 - d].last; ++a) {
        for (int64_t b = ranges_[d].first; b < ranges_[d].last; ++b) {
          rows_.push_back(term.lhs + a * other.dilation * other.lhs + b * axis.dilation * axis.lhs);
          kernels_.push_back(term.rhs + a * other.rhs + b * axis.rhs);
        }
      }
    }
  }

  // Taps in runs first, if any meet samples that another output meets: of the next vector, or of the next row.
  void find_taps() {
    constexpr int Run = kRun<Parts>;
    const Slide &inner = problem_.inner, &axis = problem_.outer[down(problem_)];
    const Range range = ranges_[down(problem_)];
    const bool laned = problem_.lanes > 1;
    const int64_t vector = most(1, width<T> / Parts), length = laned ? range.last - range.first : inner.k;
    close_ = !laned && vector % inner.dilation == 0;
    const bool far = laned || is_far<T, Parts>(inner);
    const int64_t apart = close_ ? vector / inner.dilation : far ? 1 : length;
    taps_.clear();
    for (const bool runs : {true, false}) {
      for (int64_t line = 0; line * length < int64_t(rows_.size()) * (laned ? 1 : length); ++line) {
        for (int64_t begin = 0; begin < length; begin += Run * apart) {
          for (int64_t tap = begin; tap < least(length, begin + apart); ++tap) {
            if ((tap + (Run - 1) * apart < length) != runs) continue;
            for (int64_t k = tap; k < least(length, tap + Run * apart); k += apart) {
              const int64_t row = laned ? line * length + k : line, inside = laned ? 0 : k;
              taps_.push_back({row, inside, kernels_[row] + inside});
            }
          }
        }
      }
      if (runs) list.in_runs = staged_.in_runs = taps_.size();
    }
  }

  void place(TapList<T, Parts>& into, int64_t pitch, int64_t step) const {
    const Slide& axis = problem_.outer[down(problem_)];
    into.space = close_ ? width<T> : step;
    if (problem_.lanes > 1) into.space = (axis.stride == axis.dilation) * axis.stride * axis.lhs * Parts;
    into.offsets.resize(taps_.size());
    for (size_t t = 0; t < taps_.size(); ++t) {
      const int64_t row = pitch ? taps_[t].row * pitch : rows_[taps_[t].row] * Parts;
      into.offsets[t] = row + taps_[t].k * step;
    }
  }

  const Problem& problem_;
  const S* rhs_;
  int64_t begin_ = -1, staged_pitch_ = -1, staged_step_ = -1;
  bool close_ = false;
  Range ranges_[kOuter] = {{-1, -1}, {-1, -1}};
  std::vector<int64_t> rows_, kernels_;
  std::vector<Tap> taps_;
  TapList<T, Parts> staged_;
};

// Outputs [begin, end) of a row whose first window starts at `row` - lo.
template <class S, class T, int Parts>
void tap_segment(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
                 int64_t begin, int64_t end, bool copied) {
  const Slide& inner = problem.inner;
  const int64_t count = end - begin;
  if (count <= 0) return;
  S* to = out + begin * Parts;
  if constexpr (sizeof(S) == sizeof(T)) {
    if (!copied) {
      const T* from = reinterpret_cast<const T*>(lhs) + (row + begin - inner.lo) * Parts;
      return sum_taps<T, Parts>(from, taps.list, to, count * Parts);
    }
  }
  const int64_t length = (count + inner.span() - 1) * Parts;
  // Vectors may be read whole at the end of a row.
  const int64_t pitch = (length + 2 * width<T> + 15) / 16 * 16;
  T* rows = scratch<T>(0, pitch * taps.rows().size() + 64);
  for (size_t r = 0; r < taps.rows().size(); ++r) {
    T* copy = rows + r * pitch;
    window(lhs + (row + taps.rows()[r]) * Parts, inner.n * Parts, (begin - inner.lo) * Parts, length, copy);
    for (int64_t i = length; i < pitch; ++i) copy[i] = 0;
  }
  const TapList<T, Parts>* list = &taps.list;
  if (taps.rows().size() == 1) {
    // Only where the row begins is another.
    rows -= taps.rows()[0] * Parts;
  } else {
    list = &taps.staged(pitch, inner.dilation * Parts);
  }
  if (count * Parts >= width<T>) return sum_taps<T, Parts>(rows, *list, to, count * Parts);
  // A vector whole, though it is of more than there is.
  constexpr int64_t padded = width<T>;
  T* sums = scratch<T>(1, padded + 64);
  sum_taps<T, Parts>(rows, *list, sums, padded);
  convert(sums, to, count * Parts);
}

// Outputs [begin, end) of which each sums only what lies inside the signal.
template <class T>
void taps_at_edge(const Problem& problem, const T* row, const TapRows<T, T, 1>& taps, T* out, int64_t begin,
                  int64_t end) {
  const Slide& inner = problem.inner;
  for (int64_t i = begin; i < end; ++i) {
    const Range inside = taps_inside(inner, i);
    T sum = 0;
    for (size_t r = 0; r < taps.rows().size(); ++r) {
      const T *x = row + taps.rows()[r] + i - inner.lo, *weights = taps.kernel(r);
      for (int64_t k = inside.first; k < inside.last; ++k) sum += weights[k] * x[k * inner.dilation];
    }
    out[i] = sum;
  }
}

template <class S, class T, int Parts>
void tap_tile(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
              int64_t begin, int64_t end) {
  const Slide& inner = problem.inner;
  // Whole windows have their first sample at i - lo >= 0 and their last below n.
  const int64_t first = most(begin, least(end, inner.lo));
  const int64_t last = most(first, least(end, inner.n + inner.lo - inner.span() + 1));
  const int64_t apart = first - begin + end - last;
  if constexpr (sizeof(S) == sizeof(T) && Parts == 1) {
    if (apart * taps.list.size() <= kFew) {
      taps_at_edge<T>(problem, reinterpret_cast<const T*>(lhs) + row, taps, out, begin, first);
      tap_segment<S, T, Parts>(problem, lhs, row, taps, out, first, last, false);
      taps_at_edge<T>(problem, reinterpret_cast<const T*>(lhs) + row, taps, out, last, end);
      return;
    }
  }
  const bool is_short = inner.m <= kShortRow && taps.rows().size() == 1;
  if (sizeof(S) != sizeof(T) || (apart && is_short)) {
    tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, end, true);
    return;
  }
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, first, true);
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, first, last, false);
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, last, end, true);
}

// Lanes side by side, each with taps of its own: so many rows of outputs whose samples stand `step` apart.
// All count numbers.
template <class S, class T, int Parts>
void lane_rows(const S* x, int64_t step, const TapList<T, Parts>& taps, const S* h, S* out, int64_t pitch,
               int64_t rows, int64_t count) {
  constexpr int W = width<T>;
  if (count >= W) {
    const LaneWeights<S, T, Parts> weights{h, taps.places.data()};
    return rows_of_sums(x, step, taps, weights, out, pitch, rows, count);
  }
  // Fewer than a vector: one, of copies.
  TapList<T, Parts> near;
  near.weights.resize(taps.size() * W);
  T* samples = scratch<T>(0, (taps.size() + 1) * W);
  for (int64_t t = 0; t < taps.size(); ++t) {
    near.offsets.push_back(t * W);
    near.places.push_back(t * W);
    convert(h + taps.places[t], near.weights.data() + t * W, count);
  }
  T* sums = samples + taps.size() * W;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t t = 0; t < taps.size(); ++t) convert(x + taps.offsets[t] + row * step, samples + t * W, count);
    const LaneWeights<T, T, Parts> weights{near.weights.data(), near.places.data()};
    tap_block_of<1>(samples, 0, near, weights, sums, 0);
    convert(sums, out + row * pitch, count);
  }
}

// Where the windows of a row of outputs begin, and where it is written.
struct OuterRow {
  int64_t from, out;
};
inline OuterRow outer_row(const Problem& problem, const Place& place, const int64_t* index) {
  OuterRow row{place.lhs, place.out};
  for (int d = 0; d < kOuter; ++d) {
    const Slide& axis = problem.outer[d];
    row.from += (axis.stride * index[d] - axis.lo) * axis.lhs;
    row.out += index[d] * axis.out;
  }
  return row;
}

// Rows [begin, end) of outputs in strips, whose samples and taps are copied side by side, with zeros around the
// signal. Taps meet neighbouring rows. Strides count numbers here.
template <class S, class T, int Parts>
void copied_lanes(const Slide& axis, const S* lhs, const TapList<T, Parts>& taps, const S* h, S* out, int64_t count,
                  int64_t begin, int64_t end) {
  const int64_t rows = end - begin, size = taps.size(), deep = rows + size - 1;
  const int64_t strip = least(count, strip_of<T>(size + deep)), first = axis.stride * begin - axis.lo;
  TapList<T, Parts> near;
  near.in_runs = taps.in_runs;
  near.space = strip;
  for (int64_t t = 0; t < size; ++t) {
    near.offsets.push_back(taps.offsets[t] / (axis.dilation * axis.lhs * Parts) * strip);
    near.places.push_back(t * strip);
  }
  T* samples = scratch<T>(0, (deep + size) * strip + 64);
  T* weights = samples + deep * strip;
  for (int64_t next = 0; next < count; next += strip) {
    // The last one overlaps with the one before.
    const int64_t at = least(next, count - strip);
    for (int64_t q = 0; q < deep; ++q) {
      const int64_t n = first + q * axis.stride;
      T* to = samples + q * strip;
      if (n < 0 || n >= axis.n) {
        std::memset(static_cast<void*>(to), 0, strip * sizeof(T));
      } else {
        convert(lhs + n * axis.lhs * Parts + at, to, strip);
      }
    }
    for (int64_t t = 0; t < size; ++t) convert(h + taps.places[t] + at, weights + t * strip, strip);
    const LaneWeights<T, T, Parts> near_weights{weights, near.places.data()};
    rows_of_sums(samples, strip, near, near_weights, out + begin * axis.out * Parts + at, axis.out * Parts, rows, strip);
  }
}

// Rows [begin, end) of outputs along the last axis that is slid along, all lanes of each.
template <class S, class T, int Parts>
void lane_tile(const Problem& problem, const S* lhs, const S* rhs, const Place& place, TapRows<S, T, Parts>& taps,
               S* out, int64_t before, int64_t begin, int64_t end) {
  const int d = down(problem);
  const Slide& axis = problem.outer[d];
  // Rows that meet all taps, and those near the ends, each with a list of its own.
  const int64_t first = least(end, most(begin, ceil_div(axis.lo, axis.stride)));
  const int64_t last = most(first, least(end, floor_div(axis.n + axis.lo - axis.span(), axis.stride) + 1));
  const Slide& other = problem.outer[1 - d];
  const int64_t count = problem.lanes * Parts;
  const bool alone = other.k == 1 && other.m == 1 && problem.count_sums() == 1 && axis.stride == axis.dilation;
  const bool crowded = are_crowded(2 * axis.k + 8, axis.stride * axis.lhs * Parts * sizeof(S));
  if (alone && axis.k >= kDeep && count >= width<T> && (crowded || last - first < end - begin)) {
    taps.prepare_all(place.rhs);
    return copied_lanes(axis, lhs + place.lhs * Parts, taps.list, rhs + place.rhs * Parts, out + place.out * Parts,
                        count, begin, end);
  }
  for (int64_t i = begin; i < end;) {
    const int64_t rows = i == first && first < last ? last - first : 1;
    int64_t index[kOuter] = {before, 0};
    index[d] = i;
    taps.prepare(place.rhs, index);
    const OuterRow row = outer_row(problem, place, index);
    lane_rows(lhs + row.from * Parts, axis.stride * axis.lhs * Parts, taps.list, rhs + place.rhs * Parts,
              out + row.out * Parts, axis.out * Parts, rows, count);
    i += rows;
  }
}

// Where taps stand far apart a row of outputs is folded, `dilation` wide, so that they are neighbours one below
// the other, and goes in strips.
template <class T, int Parts>
struct Strips {
  explicit Strips(const Slide& inner) {
    if (!is_far<T, Parts>(inner)) return;
    const int64_t high = most(32, least(128, inner.k / 8 * 8));
    rows = inner.m / inner.dilation;
    wide = ceil_div(inner.dilation * Parts, strip_of<T>(inner.k + high));
    deep = ceil_div(rows, high);
  }
  int64_t count() const { return wide * deep; }
  int64_t rows = 0, wide = 0, deep = 0;
};

template <class S, class T, int Parts>
void tap_strip(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
               const Strips<T, Parts>& strips, int64_t number) {
  const Slide& inner = problem.inner;
  const int64_t apart = inner.dilation, across = number % strips.wide, down = number / strips.wide;
  const int64_t left = apart * across / strips.wide, right = apart * (across + 1) / strips.wide;
  const int64_t top = strips.rows * down / strips.deep, rows = strips.rows * (down + 1) / strips.deep - top;
  const int64_t count = (right - left) * Parts, deep = rows + inner.k - 1;
  const int64_t from = left + top * apart - inner.lo, to = from + (deep - 1) * apart + right - left;
  S* into = out + (top * apart + left) * Parts;
  if constexpr (sizeof(S) == sizeof(T)) {
    if (from >= 0 && to <= inner.n && !are_crowded(inner.k + 8, apart * Parts * sizeof(S))) {
      const SharedWeights<T, Parts> weights{taps.list.weights.data()};
      const T* x = reinterpret_cast<const T*>(lhs) + (row + from) * Parts;
      return rows_of_sums(x, apart * Parts, taps.list, weights, into, apart * Parts, rows, count);
    }
  }
  const int64_t step = ceil_div(count, 16) * 16;
  T* copy = scratch<T>(0, deep * step * taps.rows().size() + 64);
  for (size_t r = 0; r < taps.rows().size(); ++r) {
    for (int64_t q = 0; q < deep; ++q) {
      window(lhs + (row + taps.rows()[r]) * Parts, inner.n * Parts, (from + q * apart) * Parts, count,
             copy + (r * deep + q) * step);
    }
  }
  const TapList<T, Parts>& list = taps.staged(deep * step, step);
  rows_of_sums(copy, step, list, SharedWeights<T, Parts>{list.weights.data()}, into, apart * Parts, rows, count);
}

// Everything: rows and tiles are shared between threads.
template <class S, class T, int Parts>
void correlate_taps(const Pool& pool, const Problem& problem, const void* lhs_, const void* rhs_, void* out_) {
  const S* lhs = static_cast<const S*>(lhs_);
  const S* rhs = static_cast<const S*>(rhs_);
  S* out = static_cast<S*>(out_);
  const Slide &first = problem.outer[0], &second = problem.outer[1], &inner = problem.inner;
  const bool laned = problem.lanes > 1;
  // What strips leave, in tiles: stretches of a row or, of lanes, some rows.
  const Strips<T, Parts> strips(inner);
  const int64_t along = !laned ? inner.m : second.m > 1 ? second.m : first.m, folded = strips.rows * inner.dilation;
  const int64_t tile = laned ? 32 : most(kLeast, kTile / problem.count_sums() / kLeast * kLeast);
  const int64_t tiles = strips.count() + ceil_div(along - folded, tile);
  const int64_t rows = laned ? (second.m > 1 ? first.m : 1) : first.m * second.m;
  const int64_t items = problem.count_cells() * tiles * rows;
  const double products = double(problem.count_cells()) * first.m * second.m * inner.m * problem.count_sums() *
                          first.k * second.k * inner.k;
  int64_t tasks = products < kShared ? 1 : least(items, 16 * pool.threads);
  tasks = least(tasks, most(1, int64_t(products / (kShared / 4))));
  share(pool, tasks, [&](int64_t task) {
    TapRows<S, T, Parts> taps(problem, rhs);
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; ++item) {
      const Place place = place_of(problem, item / rows / tiles);
      if (laned) {
        const int64_t begin = item % tiles * tile, end = least(begin + tile, along);
        lane_tile(problem, lhs, rhs, place, taps, out, item / tiles % rows, begin, end);
        continue;
      }
      const int64_t row = item % rows, number = item / rows % tiles;
      const int64_t index[kOuter] = {row / second.m, row % second.m};
      taps.prepare(place.rhs, index);
      const OuterRow at = outer_row(problem, place, index);
      if (number < strips.count()) {
        tap_strip(problem, lhs, at.from, taps, out + at.out * Parts, strips, number);
        continue;
      }
      const int64_t begin = folded + (number - strips.count()) * tile, end = least(begin + tile, along);
      tap_tile<S, T, Parts>(problem, lhs, at.from, taps, out + at.out * Parts, begin, end);
    }
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
