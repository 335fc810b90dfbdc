// Sums over taps: each output is a sum of samples read where they lie, weighted by the kernel.
//
// A block of outputs stays in registers over all taps. Where a window reaches past the ends of the
// signal, its samples are copied with zeros around them first.
#pragma once

#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Outputs of one tile: their samples stay in the first cache.
constexpr int64_t kTile = 4096;
// Rows up to this long are copied whole; of longer ones only the ends are.
constexpr int64_t kShortRow = 1024;
// Products that are worth another thread.
constexpr double kShared = 1 << 15;

// Parts: 1 for real numbers, 2 for complex ones, whose kernel holds pairs.
template <class T, int Parts>
struct TapList {
  std::vector<int64_t> offsets;  // of each tap's first sample, in numbers
  std::vector<T> weights;
  int64_t size() const { return offsets.size(); }
};

// i (a + bi) = -b + ai
template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> times_i(Vec<T, W> value, std::index_sequence<L...>) {
  const Vec<T, W> signs = {(L % 2 ? T(1) : T(-1))...};
  return __builtin_shufflevector(value, value, int(L ^ 1)...) * signs;
}

template <class T, int Parts, int R>
FILTRAX_INLINE void tap_block(const T* x, const TapList<T, Parts>& taps, T* out) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V sums[R * Parts];
#pragma GCC unroll 16
  for (int r = 0; r < R * Parts; ++r) sums[r] = V{};
  const int64_t count = taps.size();
  const int64_t* offsets = taps.offsets.data();
  const T* weights = taps.weights.data();
  for (int64_t t = 0; t < count; ++t) {
    const T* from = x + offsets[t];
    if constexpr (Parts == 1) {
      const V weight = splat<T>(weights[t]);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sums[r] += weight * load<T>(from + r * W);
    } else {
      const V re = splat<T>(weights[2 * t]), im = splat<T>(weights[2 * t + 1]);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const V sample = load<T>(from + r * W);
        sums[r] += re * sample;
        sums[R + r] += im * sample;
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    V sum = sums[r];
    if constexpr (Parts == 2) sum += times_i<T, W>(sums[R + r], std::make_index_sequence<W>{});
    put<T, W>(out + r * W, sum);
  }
}

template <class T, int Parts>
inline void taps_one_by_one(const T* x, const TapList<T, Parts>& taps, T* out, int64_t count) {
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
    for (int part = 0; part < Parts; ++part) out[i + part] = sum[part];
  }
}

// `count` numbers of outputs; all samples are there.
template <class T, int Parts>
void sum_taps(const T* x, const TapList<T, Parts>& taps, T* out, int64_t count) {
  constexpr int W = width<T>, R = 12 / Parts, Few = 4 / Parts;
  int64_t i = 0;
  for (; i + R * W <= count; i += R * W) tap_block<T, Parts, R>(x + i, taps, out + i);
  for (; i + Few * W <= count; i += Few * W) tap_block<T, Parts, Few>(x + i, taps, out + i);
  for (; i + W <= count; i += W) tap_block<T, Parts, 1>(x + i, taps, out + i);
  if (i == count) return;
  if (count >= W) {
    // The last vector overlaps with the one before.
    tap_block<T, Parts, 1>(x + count - W, taps, out + count - W);
  } else {
    taps_one_by_one<T, Parts>(x + i, taps, out + i, count - i);
  }
}

// The taps that meet one row of outputs.
template <class S, class T, int Parts>
class TapRows {
 public:
  TapRows(const Problem& problem, const S* rhs) : problem_(problem), rhs_(rhs) {}

  // For the outputs at `index` along the outer axes; kept while nothing has changed.
  void prepare(int64_t rhs, const int64_t* index) {
    Range ranges[kOuter];
    bool same = rhs == rhs_offset_;
    for (int d = 0; d < kOuter; ++d) {
      ranges[d] = taps_inside(problem_.outer[d], index[d]);
      same = same && ranges[d].first == ranges_[d].first && ranges[d].last == ranges_[d].last;
    }
    if (same) return;
    rhs_offset_ = rhs;
    for (int d = 0; d < kOuter; ++d) ranges_[d] = ranges[d];
    rows_.clear();
    kernels_.clear();
    const Slide &first = problem_.outer[0], &second = problem_.outer[1];
    for (int64_t s = 0; s < problem_.count_sums(); ++s) {
      const Place term = term_of(problem_, s);
      for (int64_t a = ranges[0].first; a < ranges[0].last; ++a) {
        for (int64_t b = ranges[1].first; b < ranges[1].last; ++b) {
          rows_.push_back(term.lhs + a * first.dilation * first.lhs + b * second.dilation * second.lhs);
          kernels_.push_back(rhs + term.rhs + a * first.rhs + b * second.rhs);
        }
      }
    }
    fill(list, 0);
  }

  // A list whose rows stand `pitch` numbers apart; 0 for where they lie in the signal.
  void fill(TapList<T, Parts>& into, int64_t pitch) const {
    const Slide& inner = problem_.inner;
    const int64_t count = rows_.size() * inner.k;
    into.offsets.resize(count);
    into.weights.resize(count * Parts);
    int64_t t = 0;
    for (size_t row = 0; row < rows_.size(); ++row) {
      const int64_t begin = pitch ? int64_t(row) * pitch : rows_[row] * Parts;
      for (int64_t k = 0; k < inner.k; ++k, ++t) into.offsets[t] = begin + k * inner.dilation * Parts;
      convert(rhs_ + kernels_[row] * Parts, into.weights.data() + row * inner.k * Parts, inner.k * Parts);
    }
  }

  const std::vector<int64_t>& rows() const { return rows_; }
  const std::vector<int64_t>& kernels() const { return kernels_; }
  TapList<T, Parts> list;

 private:
  const Problem& problem_;
  const S* rhs_;
  int64_t rhs_offset_ = -1;
  Range ranges_[kOuter] = {{-1, -1}, {-1, -1}};
  std::vector<int64_t> rows_, kernels_;
};

// Outputs [begin, end) of a row whose first window starts at `row` - lo.
template <class S, class T, int Parts>
void tap_segment(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
                 int64_t begin, int64_t end, bool copied) {
  const Slide& inner = problem.inner;
  const int64_t count = end - begin;
  if (count <= 0) return;
  constexpr bool converts = sizeof(S) != sizeof(T);
  if constexpr (!converts) {
    if (!copied) {
      sum_taps<T, Parts>(reinterpret_cast<const T*>(lhs) + (row + begin - inner.lo) * Parts, taps.list,
                         reinterpret_cast<T*>(out) + begin * Parts, count * Parts);
      return;
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
    static thread_local TapList<T, Parts> staged;
    taps.fill(staged, pitch);
    list = &staged;
  }
  // Whole vectors, of which the last may be of more than there is.
  const int64_t padded = (count * Parts + width<T> - 1) / width<T> * width<T>;
  if constexpr (!converts) {
    if (count * Parts >= width<T>) {
      sum_taps<T, Parts>(rows, *list, reinterpret_cast<T*>(out) + begin * Parts, count * Parts);
      return;
    }
  }
  T* sums = scratch<T>(1, padded + 64);
  sum_taps<T, Parts>(rows, *list, sums, padded);
  convert(sums, out + begin * Parts, count * Parts);
}

template <class S, class T, int Parts>
void tap_tile(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
              int64_t begin, int64_t end) {
  const Slide& inner = problem.inner;
  // Whole windows have their first sample at i - lo >= 0 and their last below n.
  const int64_t first = most(begin, least(end, inner.lo));
  const int64_t last = most(first, least(end, inner.n + inner.lo - inner.span() + 1));
  const bool whole = first == begin && last == end;
  const bool is_short = inner.m <= kShortRow && taps.rows().size() == 1;
  if (sizeof(S) != sizeof(T) || (!whole && is_short)) {
    tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, end, true);
    return;
  }
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, first, true);
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, first, last, false);
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, last, end, true);
}

// Half precision as it is read for a product.
template <class S, class T>
FILTRAX_INLINE Vec<T, width<T>> fetch(const S* from) {
  if constexpr (sizeof(S) == sizeof(T)) {
    return load<T>(reinterpret_cast<const T*>(from));
  } else {
    constexpr int W = width<T>;
    typedef Vec<uint32_t, W> Bits;
    const auto narrow = load<uint16_t, W>(&from->bits);
    return (Vec<T, W>)(__builtin_convertvector(narrow, Bits) << 16);
  }
}

// Lanes side by side, each with taps of its own.
template <class S, class T>
void lane_tile(const S* lhs, const S* rhs, const std::vector<int64_t>& rows,
               const std::vector<int64_t>& kernels, S* out, int64_t count) {
  constexpr int W = width<T>, R = 4;
  typedef Vec<T, W> V;
  int64_t i = 0;
  T sums[R * W];
  for (; i + W <= count;) {
    if (i + R * W <= count) {
      V sum[R] = {};
      for (size_t t = 0; t < rows.size(); ++t) {
        const S *x = lhs + rows[t] + i, *h = rhs + kernels[t] + i;
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) sum[r] += fetch<S, T>(h + r * W) * fetch<S, T>(x + r * W);
      }
      for (int r = 0; r < R; ++r) put<T, W>(sums + r * W, sum[r]);
      convert(sums, out + i, R * W);
      i += R * W;
    } else {
      V sum{};
      for (size_t t = 0; t < rows.size(); ++t) {
        sum += fetch<S, T>(rhs + kernels[t] + i) * fetch<S, T>(lhs + rows[t] + i);
      }
      put<T, W>(sums, sum);
      convert(sums, out + i, W);
      i += W;
    }
  }
  for (; i < count; ++i) {
    T sum = 0;
    for (size_t t = 0; t < rows.size(); ++t) {
      T sample, weight;
      convert(lhs + rows[t] + i, &sample, 1);
      convert(rhs + kernels[t] + i, &weight, 1);
      sum += weight * sample;
    }
    convert(&sum, out + i, 1);
  }
}

// Everything: rows and tiles are shared between threads.
template <class S, class T, int Parts>
void correlate_taps(const Pool& pool, const Problem& problem, const void* lhs_, const void* rhs_, void* out_) {
  const S* lhs = static_cast<const S*>(lhs_);
  const S* rhs = static_cast<const S*>(rhs_);
  S* out = static_cast<S*>(out_);
  const Slide &first = problem.outer[0], &second = problem.outer[1], &inner = problem.inner;
  const bool laned = problem.lanes > 1;
  const int64_t across = laned ? problem.lanes : inner.m;
  const int64_t tile = laned ? 1024 : kTile;
  const int64_t tiles = ceil_div(across, tile), rows = first.m * second.m;
  const int64_t items = problem.count_cells() * tiles * rows;
  const double products = double(items) * (double(across) / tiles) * problem.count_sums() * first.k * second.k * inner.k;
  int64_t tasks = products < kShared ? 1 : least(items, 16 * pool.threads);
  tasks = least(tasks, most(1, int64_t(products / (kShared / 4))));
  share(pool, tasks, [&](int64_t task) {
    TapRows<S, T, Parts> taps(problem, rhs);
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; ++item) {
      // Lanes are tiles of one row of memory, which is read from its begin to its end.
      const int64_t row = laned ? item / tiles % rows : item % rows;
      const int64_t begin = (laned ? item % tiles : item / rows % tiles) * tile;
      const int64_t end = least(begin + tile, across);
      const Place place = place_of(problem, item / rows / tiles);
      const int64_t index[kOuter] = {row / second.m, row % second.m};
      taps.prepare(place.rhs, index);
      const int64_t from = place.lhs + (first.stride * index[0] - first.lo) * first.lhs +
                           (second.stride * index[1] - second.lo) * second.lhs;
      S* to = out + (place.out + index[0] * first.out + index[1] * second.out) * Parts;
      if constexpr (Parts == 1) {
        if (laned) {
          lane_tile<S, T>(lhs + from + begin, rhs + begin, taps.rows(), taps.kernels(), to + begin, end - begin);
          continue;
        }
      }
      tap_tile<S, T, Parts>(problem, lhs, from, taps, to, begin, end);
    }
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
