// Lanes: neighbouring samples with a kernel each, along an axis that has them behind it.
#pragma once

#include <cstring>
#include <numeric>
#include <vector>

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

// Rows of lanes that follow one another in memory and fill vectors together.
template <class T>
int64_t rows_in_vectors(int64_t count) {
  constexpr int64_t W = width<T>;
  return W / std::gcd(count, W);
}

// Fewer lanes than a vector holds: rows that fill vectors together become one, whose weights are those of a row as
// many times.
template <class S, class T, int Parts>
class FewLanes {
 public:
  explicit FewLanes(const Problem& problem) : problem_(problem), count_(problem.lanes * Parts) {
    const Slide& axis = problem.outer[down(problem)];
    if (problem.lanes == 1 || count_ >= width<T> || axis.stride != 1 || axis.out != problem.lanes) return;
    together_ = rows_in_vectors<T>(count_);
    rows = least(axis.m, most(16 * together_, most(4 * axis.span(), kSamples / count_)));
  }
  explicit operator bool() const { return rows > 0; }
  // Rows of outputs in a tile.
  int64_t rows = 0;

  // Rows [begin, end) of outputs down the axis, at `before` along the other outer axis.
  void tile(const S* lhs, const S* rhs, const Place& place, TapRows<S, T, Parts>& taps, S* out, int64_t before,
            int64_t begin, int64_t end) {
    const int d = down(problem_);
    const Slide &axis = problem_.outer[d], &other = problem_.outer[1 - d];
    Range ranges[kOuter];
    ranges[d] = {0, axis.k};
    ranges[1 - d] = taps_inside(other, before);
    taps.prepare(place.rhs, ranges);
    prepare(rhs + place.rhs * Parts, taps);
    const int64_t from = place.lhs + (other.stride * before - other.lo) * other.lhs, start = begin - axis.lo;
    S* to = out + (place.out + before * other.out + begin * axis.out) * Parts;
    const int64_t deep = end - begin + axis.span() - 1;
    const bool close = axis.lhs == problem_.lanes;
    if constexpr (sizeof(S) == sizeof(T)) {
      if (close && start >= 0 && start + deep <= axis.n && (end - begin) * count_ >= width<T>) {
        return sum(reinterpret_cast<const T*>(lhs) + (from + start * axis.lhs) * Parts, taps.list, to, end - begin);
      }
    }
    // A vector may be read whole at the end.
    const int64_t lines = taps.rows().size(), pitch = ceil_div(deep * count_ + width<T>, 16) * 16;
    T* copy = scratch<T>(0, lines * pitch + 64);
    for (int64_t line = 0; line < lines; ++line) {
      const S* samples = lhs + (from + taps.rows()[line]) * Parts;
      T* row = copy + line * pitch;
      if (close) {
        window(samples, axis.n * count_, start * count_, deep * count_, row);
        continue;
      }
      for (int64_t n = start; n < start + deep; ++n, row += count_) {
        const bool there = n >= 0 && n < axis.n;
        window(samples + (there ? n : 0) * axis.lhs * Parts, there ? count_ : 0, 0, count_, row);
      }
    }
    sum(copy, taps.staged(pitch, 0, axis.dilation * count_), to, end - begin);
  }

 private:
  // Numbers of a tile, which stay in the first cache.
  static constexpr int64_t kSamples = 1 << 13;

  void prepare(const S* h, const TapRows<S, T, Parts>& taps) {
    const std::vector<int64_t>& from = taps.list.places;
    if (h == kernel_ && from == from_) return;
    kernel_ = h;
    from_ = from;
    const int64_t wide = together_ * count_;
    weights_.resize(from.size() * wide);
    places_.resize(from.size());
    for (size_t t = 0; t < from.size(); ++t) {
      places_[t] = t * wide;
      for (int64_t i = 0; i < wide; i += count_) convert(h + from[t], weights_.data() + t * wide + i, count_);
    }
  }

  void sum(const T* x, const TapList<T, Parts>& taps, S* out, int64_t rows) const {
    const LaneWeights<T, T, Parts> weights{weights_.data(), places_.data()};
    const int64_t many = least(together_, rows), wide = many * count_;
    if (wide < width<T>) {
      alignas(FILTRAX_VECTOR) T sums[width<T>];
      tap_block_of<1>(Samples<T, T>{x}, 0, taps, weights, sums, 0);
      return convert(sums, out, wide);
    }
    rows_of_sums(x, wide, taps, weights, out, wide, rows / many, wide);
    // What is left overlaps with what was before.
    const int64_t last = (rows - many) * count_;
    if (rows % many) rows_of_sums(x + last, wide, taps, weights, out + last, wide, 1, wide);
  }

  const Problem& problem_;
  int64_t count_, together_ = 1;
  // The kernel whose weights are there, where its taps lie, and where they do now.
  const S* kernel_ = nullptr;
  std::vector<int64_t> from_, places_;
  std::vector<T> weights_;
};

}  // namespace FILTRAX_SET
}  // namespace filtrax
