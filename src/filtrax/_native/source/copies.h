// Parts of a signal copied with zeros around them, so that all that is made of a part meets samples of the copy.
//
// Where outputs meet samples that stand apart, those of each tap are copied side by side.
#pragma once

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
};

// Whether parts of a signal may be met where they lie: all samples are there, in arithmetic's own type.
template <class S, class T>
bool lies_whole(const Walk& other, const Walk& down, const Walk& inner) {
  const auto whole = [](const Walk& axis) {
    return axis.lo <= 0 && (axis.size - 1) * axis.step + (axis.count - 1) * axis.apart - axis.lo < axis.n;
  };
  return sizeof(S) == sizeof(T) && inner.step == 1 && inner.lhs == 1 && whole(other) && whole(down) && whole(inner);
}

// The copy of a part of at most `rows` by `cols`, of one signal: an image for each phase of the axes.
template <class S, class T>
class Copy {
 public:
  // `vector`: so many of a row are read at once, the last of them whole; `end`: where the signals' memory ends.
  Copy(const Walk& other, const Walk& down, const Walk& inner, int64_t rows, int64_t cols, int64_t vector, const S* end)
      : other_(other), down_(down), inner_(inner), end_(end), high_(down.phases()), wide_(inner.phases()),
        below_(down.reach(0)), behind_(inner.reach(0)), pitch_(inner_.reach(ceil_div(cols, vector) * vector)),
        plane_(down_.reach(rows) * pitch_) {}
  int64_t size() const { return other_.count * high_ * wide_ * plane_; }
  // Numbers behind all copies that may be written to.
  static constexpr int64_t kBehind = width<T>;

  // Where a row of the part begins.
  int64_t row(int64_t number) const { return number * pitch_; }

  // Where one lies in its signal, and the samples that it meets.
  int64_t place_of(int64_t before, int64_t top, int64_t left) const {
    return (other_.step * before - other_.lo) * other_.lhs + (down_.step * top - down_.lo) * down_.lhs + left -
           inner_.lo;
  }

  // How far from there each of its samples lies, in the order of the other axis, down and inner, of a signal or a copy
  // that begins so far from the first.
  void add_offsets(int64_t begin, bool in_place, std::vector<int64_t>& found) const {
    for (int64_t a = 0; a < other_.count; ++a) {
      for (int64_t b = 0; b < down_.count; ++b) {
        for (int64_t c = 0; c < inner_.count; ++c) {
          if (in_place) {
            found.push_back(begin + a * other_.apart * other_.lhs + b * down_.apart * down_.lhs + c * inner_.apart);
            continue;
          }
          const int64_t line = a * high_ + down_.phase_of(b);
          const int64_t image = line * wide_ + inner_.phase_of(c);
          found.push_back(begin + image * plane_ + down_.ahead_of(b) * pitch_ + inner_.ahead_of(c));
        }
      }
    }
  }

  // The part from (before, top, left) on.
  void fill(const S* signal, int64_t before, int64_t top, int64_t left, int64_t rows, int64_t cols, T* to) const {
    const int64_t deep = rows + below_;
    for (int64_t a = 0; a < other_.count; ++a) {
      const int64_t na = other_.step * before + other_.apart * a - other_.lo;
      const bool there = na >= 0 && na < other_.n;
      for (int64_t y = 0; y < high_; ++y) {
        const int64_t nq = down_.step * top + down_.begin_of(y);
        const Range down = there ? inside(down_, nq, deep) : Range{0, 0};
        for (int64_t x = 0; x < wide_; ++x, to += plane_) {
          const int64_t start = inner_.step * left + inner_.begin_of(x);
          const Range along = inside(inner_, start, cols + behind_);
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
    for (int64_t i = 0; i < count; i += W) put<T, W>(to + i, Vec<T, W>{});
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
  // From row to row of the samples of a phase.
  int64_t apart() const { return down_.step * down_.lhs; }

  static constexpr int64_t W = width<T>;
  const Walk other_, down_, inner_;
  const S* const end_;
  // Phases of the axes, and samples that are met beyond the part's own; numbers from row to row, and of an image.
  const int64_t high_, wide_, below_, behind_;
  const int64_t pitch_, plane_;
};

}  // namespace FILTRAX_SET
}  // namespace filtrax
