// Sums over taps: each output is a sum of samples read where they lie, weighted by the kernel.
//
// A block of outputs stays in registers over all taps. Where a window reaches past the ends of a row, what it
// reads there is masked out; at the ends of the memory its samples are copied with zeros around them first.
#pragma once

#include <cstring>

#include "blocks.h"
#include "images.h"
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
// Channels, and taps of each, from which on rows are copied in stretches of so many outputs: short pieces of many rows
// come slowly from memory.
constexpr int64_t kChannels = 32, kSlid = 16, kLong = 1024;
// Work that is worth another thread, in products: one that sleeps is woken in the time of a million or two. An
// output and a tile, or a row, take as long as so many.
constexpr double kShared = 1 << 21, kOutput = 32, kItem = 8192;

// Outputs [begin, end) of a row whose first window starts at `row` - lo, from copies with zeros around them.
template <class S, class T, int Parts>
void tap_segment(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
                 int64_t begin, int64_t end) {
  const Slide& inner = problem.inner;
  const int64_t count = end - begin;
  if (count <= 0) return;
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
  sum_taps<T, Parts>(rows, *list, out + begin * Parts, count);
}

// Outputs [begin, end) of a row, of which those in [first, last) meet samples of the row only. Many rows have the
// same tiles.
template <class T, int Parts>
struct Tile {
  Tile() = default;
  Tile(const Slide& inner, int64_t begin, int64_t end) : begin(begin), end(end) {
    // Whole windows have their first sample at i - lo >= 0 and their last below n.
    first = most(begin, least(end, inner.lo));
    last = most(first, least(end, inner.n + inner.lo - inner.span() + 1));
    whole = first == begin && last == end && end - begin >= kVector;
    reach = most(end - begin, kVector) + inner.span() - 1;
    const int64_t all = ceil_div(end - begin, kVector);
    int64_t masked = ceil_div(first - begin, kVector) + ceil_div(end - last, kVector);
    if (all - masked < kBlock<T, Parts>) masked = all;
    // Measured: a copy takes as long as masks for 3 taps of each 5 vectors, and of 32 more to begin with.
    copied = 5 * masked * inner.k > 3 * (all + ceil_div(inner.span(), kVector) + 32);
  }
  static constexpr int64_t kVector = width<T> / Parts > 1 ? width<T> / Parts : 1;
  int64_t begin = -1, end = -1, first = 0, last = 0, reach = 0;
  // Whether all windows are inside, and whether samples are sooner copied than read in place, or vectors near the
  // ends masked.
  bool whole = false, copied = false;
};

template <class S, class T, int Parts>
void tap_tile(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps,
              const Fence<T, Parts>& fence, S* out, const Tile<T, Parts>& tile) {
  const Slide& inner = problem.inner;
  const int64_t begin = tile.begin, end = tile.end;
  if constexpr (sizeof(S) != sizeof(T)) {
    return tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, end);
  } else {
    const int64_t first = tile.first, last = tile.last, vector = tile.kVector;
    const auto in_place = [&](int64_t from, int64_t to, const Ends<T, Parts>* ends) {
      const T* samples = reinterpret_cast<const T*>(lhs) + (row + from - inner.lo) * Parts;
      sum_taps<T, Parts>(samples, taps.list, out + from * Parts, to - from, ends);
    };
    if (tile.copied) return tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, end);
    if (tile.whole) return in_place(begin, end, nullptr);
    // Samples beyond the ends may be read if they are in memory.
    const int64_t from = row + begin - inner.lo;
    const bool readable = taps.are_in_memory(from, from + tile.reach);
    // Few outputs in the middle of a row, of which its fence knows nothing.
    if (readable && first == begin && last == end) return in_place(begin, end, nullptr);
    if (fence && readable) {
      const Ends<T, Parts> ends{fence, begin - inner.lo, first - begin, last - begin};
      return in_place(begin, end, &ends);
    }
    tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, first);
    if (last - first >= vector) {
      in_place(first, last, nullptr);
    } else {
      tap_segment<S, T, Parts>(problem, lhs, row, taps, out, first, last);
    }
    tap_segment<S, T, Parts>(problem, lhs, row, taps, out, last, end);
  }
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
void correlate_taps(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  const Slide &first = problem.outer[0], &second = problem.outer[1], &inner = problem.inner;
  const bool laned = problem.lanes > 1;
  const Cut<T, Parts> cut(problem);
  const FewLanes<S, T, Parts> few(problem);
  const bool downwards = laned || cut;
  // What strips leave, in tiles: stretches of a row or, of lanes and images, some rows.
  const Strips<T, Parts> strips(problem);
  const int64_t along = downwards ? problem.outer[down(problem)].m : inner.m, folded = strips.rows * inner.dilation;
  const int64_t terms = problem.count_sums();
  const bool copied = !downwards && terms >= kChannels && inner.k >= kSlid && inner.dilation == 1;
  const int64_t stretch = copied ? kLong : most(kLeast, kTile / terms / kLeast * kLeast);
  const int64_t size = few ? few.rows : laned ? 32 : cut ? cut.rows : stretch;
  const int64_t tiles = strips.count() + ceil_div(along - folded, size);
  const int64_t rows = first.m * second.m / (downwards ? along : 1);
  const int64_t each = tiles * rows, items = problem.count_cells() * each;
  const double outputs = double(problem.count_cells()) * first.m * second.m * inner.m * problem.lanes;
  const double taps = double(problem.count_sums()) * first.k * second.k * inner.k;
  const double work = outputs * (taps + kOutput) + items * kItem;
  const int64_t tasks = work < kShared ? 1 : least(items, least(16 * pool.threads, int64_t(8 * work / kShared)));
  share(pool, tasks, [&](int64_t task) {
    TapRows<S, T, Parts> taps(problem, rhs, downwards);
    FewLanes<S, T, Parts> own = few;
    const Fence<T, Parts> fence(downwards || sizeof(S) != sizeof(T) ? Slide{} : inner);
    const int64_t from = items * task / tasks;
    Cells cells(problem, from / each);
    Tile<T, Parts> tile;
    for (int64_t left = items * (task + 1) / tasks - from, turn = from % each; left > 0; --left, ++turn) {
      if (turn == each) {
        cells.next();
        turn = 0;
      }
      const Place& place = cells.place();
      if (downwards) {
        const int64_t before = turn / tiles, begin = turn % tiles * size, end = least(begin + size, along);
        if (cut) {
          image_tile(problem, lhs, place, taps, out, cut, before, begin, end);
        } else if (few) {
          own.tile(lhs, rhs, place, taps, out, before, begin, end);
        } else {
          lane_tile(problem, lhs, rhs, place, taps, out, before, begin, end);
        }
        continue;
      }
      const int64_t number = each == 1 ? 0 : turn / rows, row = turn - number * rows;
      const int64_t index[kOuter] = {row / second.m, row % second.m};
      taps.prepare(place.rhs, index);
      const OuterRow at = outer_row(problem, place, index);
      if (number < strips.count()) {
        tap_strip(problem, lhs, at.from, taps, out + at.out * Parts, strips, number);
        continue;
      }
      const int64_t begin = folded + (number - strips.count()) * size, end = least(begin + size, along);
      if (begin != tile.begin || end != tile.end) {
        tile = Tile<T, Parts>(inner, begin, end);
        tile.copied |= copied;
      }
      tap_tile<S, T, Parts>(problem, lhs, at.from, taps, fence, out + at.out * Parts, tile);
    }
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
