// Lanes: neighbouring samples with a kernel each, along an axis that has them behind it.
#pragma once

#include <cstring>

#include "blocks.h"
#include "memory.h"
#include "problem.h"
#include "simd.h"
#include "tap_rows.h"

namespace filtrax {
namespace FILTRAX_SET {

// So many rows of outputs whose samples stand `step` apart. All count numbers.
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
    tap_block_of<1>(Samples<T, T>{samples}, 0, near, weights, sums, 0);
    convert(sums, out + row * pitch, count);
  }
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
  near.in_pairs = taps.in_pairs;
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
    S* to = out + begin * axis.out * Parts + at;
    rows_of_sums(samples, strip, near, near_weights, to, axis.out * Parts, rows, strip);
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

}  // namespace FILTRAX_SET
}  // namespace filtrax
