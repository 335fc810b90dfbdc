// Sums over taps: each output is a sum of samples read where they lie, weighted by the kernel.
//
// A block of outputs stays in registers over all taps. Where a window reaches past the ends of the
// signal, its samples are copied with zeros around them first.
#pragma once

#include <cstring>

#include "blocks.h"
#include "lanes.h"
#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "tap_rows.h"

namespace filtrax {
namespace FILTRAX_SET {

// Samples of a tile from all channels, which stay in the first cache, and the fewest outputs that are
// worth one.
constexpr int64_t kTile = 4096, kLeast = 256;
// Rows up to this long are copied whole; of longer ones only the ends are.
constexpr int64_t kShortRow = 1024;
// Products near edges that are not worth copying their samples.
constexpr int64_t kFew = 24;
// Products that are worth another thread.
constexpr double kShared = 1 << 15;

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

// Where taps stand far apart a row of outputs is folded, `dilation` wide, so that they are neighbours one below
// the other, and goes in strips.
template <class T, int Parts>
struct Strips {
  explicit Strips(const Problem& problem) {
    const Slide& inner = problem.inner;
    if (!is_far<T, Parts>(inner)) return;
    const int64_t high = most(32, least(128, inner.k / 8 * 8));
    const int64_t lines = problem.count_sums() * problem.outer[0].k * problem.outer[1].k;
    rows = inner.m / inner.dilation;
    wide = ceil_div(inner.dilation * Parts, strip_of<T>(lines * (inner.k + high)));
    deep = ceil_div(rows, high);
  }
  int64_t count() const { return wide * deep; }
  int64_t rows = 0, wide = 0, deep = 0;
};

template <class S, class T, int Parts>
void tap_strip(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
               const Strips<T, Parts>& strips, int64_t number) {
  const Slide& inner = problem.inner;
  const int64_t apart = inner.dilation, across = number % strips.wide, below = number / strips.wide;
  const int64_t left = apart * across / strips.wide, right = apart * (across + 1) / strips.wide;
  const int64_t top = strips.rows * below / strips.deep, rows = strips.rows * (below + 1) / strips.deep - top;
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
  const Strips<T, Parts> strips(problem);
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
