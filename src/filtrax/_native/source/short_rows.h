// Many short rows, several of them at once, that meet one kernel or, of few taps, one each.
//
// A block of outputs is a vector of each of some rows. Near the ends of a row one mask for each tap hides what belongs
// to its neighbours.
#pragma once

#include "blocks.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "tap_rows.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Vectors of a row at most, taps (more of them share samples along a row), samples that these reach over, and rows at
// least. Rows that go together in a task.
constexpr int64_t kShortVectors = 20, kShortKernel = 16, kShortSpan = 1024, kManyRows = 64, kGroup = 256;
// Taps of kernels of their own at most; rows of more, or of less than a vector, go across rows.
constexpr int64_t kOwnKernel = 12;

// The samples that a tap meets in several rows, of which all that lies beyond their ends is hidden alike.
template <class X, class T>
struct HiddenSamples {
  const X* from;
  const BitsOf<T>* fence;
  Vec<BitsOf<T>, width<T>> mask;
  template <class Taps>
  FILTRAX_INLINE HiddenSamples of(const Taps& taps, int64_t tap) const {
    return {from + taps.offsets[tap], fence, load<BitsOf<T>>(fence + taps.inside[tap])};
  }
  FILTRAX_INLINE Vec<T, width<T>> operator()(int64_t i) const {
    return (Vec<T, width<T>>)((Vec<BitsOf<T>, width<T>>)fetch<X, T>(from + i) & mask);
  }
};

// A vector of outputs of each of R rows with kernels of their own, which follow one another.
template <int R, class T, int Parts, class From, class O>
FILTRAX_INLINE void own_block(const From& samples, int64_t step, const TapList<T, Parts>& taps, const T* weights,
                              O* out, int64_t pitch) {
  typedef Vec<T, width<T>> V;
  V sums[R * Parts];
#pragma GCC unroll 8
  for (int r = 0; r < R * Parts; ++r) sums[r] = V{};
  const int64_t count = taps.size();
  for (int64_t t = 0; t < count; ++t) {
    const From from = samples.of(taps, t);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const V sample = kept(from(r * step));
      const T* weight = weights + (r * count + t) * Parts;
      sums[r] += splat<T>(weight[0]) * sample;
      if constexpr (Parts == 2) sums[R + r] += splat<T>(weight[1]) * sample;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    V sum = sums[r];
    if constexpr (Parts == 2) sum += times_i<T, width<T>>(sums[R + r], std::make_index_sequence<width<T>>{});
    leave<O, T>(out + r * pitch, sum);
  }
}

template <class T, int Parts>
bool are_short_rows(const Problem& problem) {
  const Slide& inner = problem.inner;
  const Cell& rows = problem.cells[kCells - 1];
  const int64_t numbers = inner.m * Parts;
  if (!problem.is_of_rows()) return false;
  const bool own = rows.lhs && rows.rhs && rows.out;
  if (own ? inner.k > kOwnKernel || numbers < width<T> : !is_of_signals(rows)) return false;
  return rows.size >= kManyRows && problem.lanes == 1 && problem.count_sums() == 1 &&
         inner.stride == 1 && inner.base == 1 && inner.lhs == 1 && inner.out == 1 && inner.k <= kShortKernel &&
         inner.span() <= kShortSpan &&
         numbers <= kShortVectors * width<T> && (numbers >= width<T> || rows.out == inner.m);
}

// The weights of some rows with kernels of their own, in the order of the list.
template <class S, class T, int Parts>
void weights_of(const S* kernel, int64_t step, const TapList<T, Parts>& taps, int64_t rows, T* to) {
  for (int64_t row = 0; row < rows; ++row, kernel += step * Parts) {
    for (int64_t place : taps.places) convert_few<Parts>(kernel + place, to), to += Parts;
  }
}

template <class S, class T, int Parts>
void correlate_short_rows(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  constexpr int64_t W = width<T>;
  constexpr int High = 8 / Parts;
  const Slide& inner = problem.inner;
  const Cell rows = problem.cells[kCells - 1];
  Problem others = problem;
  others.cells[kCells - 1] = {1, 0, 0, 0};
  const int64_t groups = ceil_div(rows.size, kGroup), items = others.count_cells() * groups, numbers = inner.m * Parts;
  // What a row less than a vector writes beyond its end the next ones write over.
  const int64_t behind = numbers < W ? ceil_div(W, numbers) : 0;
  const Tile<T, Parts> tile(inner, 0, inner.m);
  const Fence<T, Parts> fence(inner);
  if (!fence) return correlate_taps<S, T, Parts>(pool, problem, lhs, rhs, out);
  const double work = double(problem.count_outputs()) * (inner.k + kOutput);
  const int64_t tasks = work < kShared ? 1 : least(items, least(16 * pool.threads, int64_t(8 * work / kShared)));
  share(pool, tasks, [&](int64_t task) {
    TapRows<S, T, Parts> taps(problem, rhs, false);
    T own[High * kOwnKernel * Parts];
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; ++item) {
      const Place place = place_of(others, item / groups);
      int64_t row = item % groups * kGroup;
      taps.prepare_all(place.rhs + row * rows.rhs);
      taps.list.in_runs = taps.list.in_pairs = 0;
      const int64_t all = least(row + kGroup, rows.size);
      const auto alone = [&](int64_t each) {
        if (rows.rhs) taps.prepare_all(place.rhs + each * rows.rhs);
        tap_segment<S, T, Parts>(problem, lhs, place.lhs + each * rows.lhs, taps,
                                 out + (place.out + each * rows.out) * Parts, 0, inner.m);
      };
      const auto is_in_memory = [&](int64_t each) {
        const int64_t from = place.lhs + each * rows.lhs - inner.lo;
        return taps.are_in_memory(from, from + tile.reach);
      };
      int64_t end = all;
      while (row < end && !is_in_memory(row)) alone(row++);
      const int64_t first = row;
      while (row < end && (all - end < behind || !is_in_memory(end - 1))) --end;
      for (; row < end && end - High >= first; row += High) {
        // The last rows overlap with those before.
        row = least(row, end - High);
        const S* x = lhs + (place.lhs + row * rows.lhs - inner.lo) * Parts;
        S* y = out + (place.out + row * rows.out) * Parts;
        if (rows.rhs) weights_of(rhs + (place.rhs + row * rows.rhs) * Parts, rows.rhs, taps.list, High, own);
        const auto sum = [&](const auto& samples, S* to) {
          if (rows.rhs) return own_block<High>(samples, rows.lhs * Parts, taps.list, own, to, rows.out * Parts);
          const SharedWeights<T, Parts> weights{taps.list.weights.data()};
          tap_block_of<High>(samples, rows.lhs * Parts, taps.list, weights, to, rows.out * Parts);
        };
        for (int64_t next = 0; next < numbers; next += W) {
          const int64_t at = most(0, least(next, numbers - W));
          if (at >= tile.first * Parts && at + W <= tile.last * Parts) {
            sum(Samples<S, T>{x + at}, y + at);
          } else {
            sum(HiddenSamples<S, T>{x + at, fence.from(-inner.lo) + at, {}}, y + at);
          }
        }
      }
      for (row = least(row, end); row < all; ++row) alone(row);
    }
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
