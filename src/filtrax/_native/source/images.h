// Images: outputs of several rows at once, which share the samples that they read.
//
// A part of the image is copied with zeros around it, so that all its outputs meet all taps.
#pragma once

#include <cstring>

#include "blocks.h"
#include "memory.h"
#include "problem.h"
#include "simd.h"
#include "tap_rows.h"

namespace filtrax {
namespace FILTRAX_SET {

// Bytes of such a part, and rows of outputs that it has at most and, if these are so many, at least.
constexpr int64_t kPart = 1 << 18, kHigh = 64, kLow = 8;
// Taps that are worth the copy, and those that are where all vectors of a row would be masked without it.
constexpr int64_t kCopied = 9, kMasked = 4;

// Vectors that are read for one of `vectors` of outputs, of k taps that meet samples of the vectors around it, `apart`
// taps from each other: of a run or a pair the outputs share most.
template <int Run>
double loads_of(int64_t k, int64_t apart, double vectors) {
  double loads = 0;
  for (int64_t tap = 0; tap < least(k, apart); ++tap) {
    int64_t chain = ceil_div(k - tap, apart);
    for (const int size : {Run, 2, 1}) {
      loads += chain / size * (1 + (size - 1) / vectors);
      chain %= size;
    }
  }
  return loads;
}

// How images are cut, if this is worth it.
template <class T, int Parts>
struct Cut {
  explicit Cut(const Problem& problem) {
    constexpr int64_t W = width<T>;
    const Slide &inner = problem.inner, &axis = problem.outer[down(problem)], &other = problem.outer[1 - down(problem)];
    if (problem.lanes > 1 || !is_plain(inner) || !is_plain(axis)) return;
    if (axis.m < kLow || inner.m * Parts < W) return;
    if (axis.k * inner.k < (inner.m * Parts <= kBlock<T, Parts> * W ? kMasked : kCopied)) return;
    const double along = axis.k * loads_of<kRun<Parts>>(inner.k, most(1, W / Parts), kBlock<T, Parts>);
    // A few loads more are made up for: whole images are copied once, rows for each row of taps.
    if (inner.k * loads_of<kRun<Parts>>(axis.k, 1, kLow / Parts) > 1.1 * along) return;
    const int64_t lines = problem.count_sums() * other.k;
    const auto wide_of = [&](int64_t high) {
      return kPart / int64_t(sizeof(T)) / Parts / (lines * (high + axis.k - 1)) - (inner.k + W);
    };
    int64_t high = least(axis.m, kHigh);
    while (high > kLow && wide_of(high) < least(inner.m, 2 * W)) high /= 2;
    wide = least(inner.m, wide_of(high));
    if (wide * Parts < W) return;
    // Equal parts.
    rows = ceil_div(axis.m, ceil_div(axis.m, high));
  }
  explicit operator bool() const { return rows > 0; }
  int64_t rows = 0, wide = 0;
};

// Rows [begin, end) of outputs down the image, at `before` along the other outer axis.
template <class S, class T, int Parts>
void image_tile(const Problem& problem, const S* lhs, const Place& place, TapRows<S, T, Parts>& taps, S* out,
                const Cut<T, Parts>& cut, int64_t before, int64_t begin, int64_t end) {
  const int d = down(problem);
  const Slide &inner = problem.inner, &axis = problem.outer[d], &other = problem.outer[1 - d];
  Range ranges[kOuter];
  ranges[d] = {0, axis.k};
  ranges[1 - d] = taps_inside(other, before);
  taps.prepare(place.rhs, ranges);
  const int64_t lines = taps.rows().size(), rows = end - begin, deep = rows + axis.k - 1;
  // Vectors may be read whole at the end of a row.
  const int64_t pitch = ceil_div((cut.wide + inner.k) * Parts + width<T>, 16) * 16;
  T* copy = scratch<T>(0, lines * deep * pitch + 64);
  const TapList<T, Parts>& list = taps.staged(deep * pitch, Parts, pitch);
  const int64_t from = place.lhs + (other.stride * before - other.lo) * other.lhs;
  S* to = out + (place.out + before * other.out + begin * axis.out) * Parts;
  const int64_t strips = ceil_div(inner.m, cut.wide);
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t left = inner.m * strip / strips, count = inner.m * (strip + 1) / strips - left;
    const int64_t length = (count + inner.k - 1) * Parts;
    for (int64_t line = 0; line < lines; ++line) {
      for (int64_t q = 0; q < deep; ++q) {
        const int64_t n = begin + q - axis.lo;
        T* row = copy + (line * deep + q) * pitch;
        if (n < 0 || n >= axis.n) {
          std::memset(static_cast<void*>(row), 0, length * sizeof(T));
        } else {
          const S* samples = lhs + (from + taps.rows()[line] + n * axis.lhs) * Parts;
          window(samples, inner.n * Parts, (left - inner.lo) * Parts, length, row);
        }
      }
    }
    const SharedWeights<T, Parts> weights{list.weights.data()};
    rows_of_sums(copy, pitch, list, weights, to + left * Parts, axis.out * Parts, rows, count * Parts);
  }
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
