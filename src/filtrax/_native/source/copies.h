// Parts of a signal copied with zeros around them, so that all that is made of a part meets samples of the copy.
//
// Where outputs meet samples that stand apart, those of each tap are copied side by side.
#pragma once

#include <cstring>
#include <numeric>
#include <vector>

#include "memory.h"
#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Along an axis a part holds neighbours, whose samples stand `step` apart, and each meets `count` samples, `apart`
// from one another: outputs and the taps that they meet, or taps and the outputs that they are met by.
struct Walk {
  int64_t size, step, count, apart, n, lo, lhs;
  static Walk of_outputs(const Slide& s) { return {s.m, s.stride, s.k, s.dilation, s.n, s.lo, s.lhs}; }
  static Walk of_taps(const Slide& s) { return {s.k, s.dilation, s.m, s.stride, s.n, s.lo, s.lhs}; }
  // Samples that all of a part meet with one tap are every `step`-th one. So many such phases there are; the first
  // samples of one, before it the part's first; and how far from it, in its phase, a tap meets its first.
  int64_t phases() const { return least(count, step / std::gcd(step, apart)); }
  int64_t phase_of(int64_t tap) const { return tap % phases(); }
  int64_t begin_of(int64_t phase) const { return (phase ? apart * phase % step : 0) - lo; }
  int64_t ahead_of(int64_t tap) const { return apart * tap / step; }
  // Samples of a phase that are met by so many of a part.
  int64_t reach(int64_t many) const { return many + ahead_of(count - 1); }
  // Whether every sample is met by some, and the walk to all samples from the first to the last that so many meet.
  bool meets_all() const { return (count - 1) * apart + 1 >= step; }
  int64_t samples(int64_t many) const { return (many - 1) * step + 1; }
  Walk to_all() const { return {samples(size), 1, (count - 1) * apart + 1, 1, n, lo, lhs}; }
};

// Whether parts of a signal may be met where they lie: all samples are there, in arithmetic's own type.
template <class S, class T>
bool lies_whole(const Walk& other, const Walk& down, const Walk& inner) {
  const auto whole = [](const Walk& axis) {
    return axis.lo <= 0 && (axis.size - 1) * axis.step + (axis.count - 1) * axis.apart - axis.lo < axis.n;
  };
  return sizeof(S) == sizeof(T) && inner.step == 1 && inner.lhs == 1 && whole(other) && whole(down) && whole(inner);
}

// The copy of a part of at most `rows` by `cols`, of one signal: an image for each phase of the axes, or one of all
// samples.
template <class S, class T>
class Copy {
 public:
  // `vector`: so many of a row are read at once, the last of them whole; `end`: where the signals' memory ends; `all`:
  // neighbours need not lie side by side.
  Copy(const Walk& other, const Walk& down, const Walk& inner, int64_t rows, int64_t cols, int64_t vector, const S* end,
       bool all = false)
      : other_(other), met_down_(down), met_inner_(inner), all_down_(all && down.meets_all()),
        all_inner_(all && inner.meets_all()), down_(all_down_ ? down.to_all() : down),
        inner_(all_inner_ ? inner.to_all() : inner), end_(end), high_(down_.phases()), wide_(inner_.phases()),
        below_(down_.reach(0)), behind_(inner_.reach(0)),
        pitch_(inner_.reach(across(ceil_div(cols, vector) * vector))), plane_(down_.reach(deep(rows)) * pitch_) {}
  int64_t size() const { return other_.count * high_ * wide_ * plane_; }
  // Numbers behind all copies that may be written to.
  static constexpr int64_t kBehind = width<T>;

  // Where a row of the part begins, and one of its row.
  int64_t row(int64_t number) const { return (all_down_ ? met_down_.step : 1) * number * pitch_; }
  int64_t col(int64_t number) const { return (all_inner_ ? met_inner_.step : 1) * number; }

  // Where one lies in its signal, and the samples that it meets.
  int64_t place_of(int64_t before, int64_t top, int64_t left) const {
    return (other_.step * before - other_.lo) * other_.lhs + (met_down_.step * top - down_.lo) * down_.lhs + left -
           inner_.lo;
  }

  // How far from there each of its samples lies, in the order of the other axis, down and inner, of a signal or a copy
  // that begins so far from the first.
  void add_offsets(int64_t begin, bool in_place, std::vector<int64_t>& found) const {
    for (int64_t a = 0; a < other_.count; ++a) {
      for (int64_t j = 0; j < met_down_.count; ++j) {
        for (int64_t i = 0; i < met_inner_.count; ++i) {
          if (in_place) {
            const int64_t line = a * other_.apart * other_.lhs + j * met_down_.apart * down_.lhs;
            found.push_back(begin + line + i * met_inner_.apart);
            continue;
          }
          const int64_t b = all_down_ ? j * met_down_.apart : j, c = all_inner_ ? i * met_inner_.apart : i;
          const int64_t line = a * high_ + down_.phase_of(b);
          const int64_t image = line * wide_ + inner_.phase_of(c);
          found.push_back(begin + image * plane_ + down_.ahead_of(b) * pitch_ + inner_.ahead_of(c));
        }
      }
    }
  }

  // The part from (before, top, left) on.
  void fill(const S* signal, int64_t before, int64_t top, int64_t left, int64_t rows, int64_t cols, T* to) const {
    const int64_t deep = this->deep(rows) + below_, wide = across(cols) + behind_;
    for (int64_t a = 0; a < other_.count; ++a) {
      const int64_t na = other_.step * before + other_.apart * a - other_.lo;
      const bool there = na >= 0 && na < other_.n;
      for (int64_t y = 0; y < high_; ++y) {
        const int64_t nq = met_down_.step * top + down_.begin_of(y);
        const Range down = there ? inside(down_, nq, deep) : Range{0, 0};
        for (int64_t x = 0; x < wide_; ++x, to += plane_) {
          const int64_t start = met_inner_.step * left + inner_.begin_of(x);
          const Range along = inside(inner_, start, wide);
          const S* from = signal + na * other_.lhs + (nq + down.first * down_.step) * down_.lhs + start;
          clear(to, down.first * pitch_);
          lay(from, down.last - down.first, along, to + down.first * pitch_);
          clear(to + down.last * pitch_, (deep - down.last) * pitch_);
        }
      }
    }
  }

 private:
  // Which of so many samples, the first of them at `start`, are inside of the signal.
  static Range inside(const Walk& axis, int64_t start, int64_t count) {
    // Divisions take longer than a short row.
    if (axis.step == 1) {
      const int64_t first = least(count, most(0, -start));
      return {first, most(first, least(count, axis.n - start))};
    }
    const int64_t first = start >= 0 ? 0 : least(count, ceil_div(-start, axis.step));
    return {first, most(first, least(count, floor_div(axis.n - 1 - start, axis.step) + 1))};
  }

  // Whole vectors are written, one after the other: what goes beyond an end is written over, or behind all copies.
  static void clear(T* to, int64_t count) {
    // A loop of vectors would become a call, which takes longer than the few that there are beside a row.
    if (count <= 0) return;
    put<T, W>(to, Vec<T, W>{});
    if (count > W) std::memset(static_cast<void*>(to + W), 0, (ceil_div(count, W) - 1) * W * sizeof(T));
  }
  // Rows of which some samples are inside.
  void lay(const S* from, int64_t rows, Range along, T* to) const {
    const int64_t step = inner_.step;
    int64_t row = 0;
    if (step == 1) row = lay_vectors<1>(from, rows, along, to);
    if constexpr (sizeof(S) == sizeof(T)) {
      if (step == 2) row = lay_vectors<2>(from, rows, along, to);
      if (step == 3) row = lay_vectors<3>(from, rows, along, to);
      if (step == 4) row = lay_vectors<4>(from, rows, along, to);
    }
    for (; row < rows; ++row) {
      T* begin = to + row * pitch_;
      clear(begin, along.first);
      const S* samples = from + row * apart() + along.first * step;
      convert_samples<1>(samples, step, begin + along.first, 1, along.last - along.first);
      clear(begin + along.last, pitch_ - along.last);
    }
  }
  // How many of the rows were laid: the last ones of the memory are not, as vectors are read whole.
  template <int Step>
  int64_t lay_vectors(const S* from, int64_t rows, Range along, T* to) const {
    const int64_t first = along.first, last = along.last, whole = ceil_div(last - first, W) * W;
    int64_t row = 0;
    for (; row < rows && end_ - (from + Step * first) >= Step * whole; ++row, from += apart(), to += pitch_) {
      clear(to, first);
      for (int64_t i = first; i < last; i += W) {
        if constexpr (Step == 1) {
          put<T, W>(to + i, fetch<S, T>(from + i));
        } else {
          put<T, W>(to + i, load_apart<Step>(reinterpret_cast<const T*>(from) + Step * i));
        }
      }
      clear(to + last, pitch_ - last);
    }
    return row;
  }
  // Samples that are copied for so many rows, or columns, of a part.
  int64_t deep(int64_t rows) const { return all_down_ ? met_down_.samples(rows) : rows; }
  int64_t across(int64_t cols) const { return all_inner_ ? met_inner_.samples(cols) : cols; }
  // From row to row of the samples of a phase.
  int64_t apart() const { return down_.step * down_.lhs; }

  static constexpr int64_t W = width<T>;
  const Walk other_, met_down_, met_inner_;
  // Whether all samples are copied along an axis, and the walks to those that are.
  const bool all_down_, all_inner_;
  const Walk down_, inner_;
  const S* const end_;
  // Phases of the axes, and samples that are met beyond the part's own; numbers from row to row, and of an image.
  const int64_t high_, wide_, below_, behind_;
  const int64_t pitch_, plane_;
};

}  // namespace FILTRAX_SET
}  // namespace filtrax
