// Parts of a signal copied with zeros around them, so that all that is made of a part meets samples of the copy.
//
// Samples that one output meets after another may stand some apart: they are copied side by side.
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
  // Samples from each that is met to the next.
  int64_t unit() const { return count == 1 ? step : std::gcd(step, apart); }
  // Samples that are met by so many of a part, a unit apart.
  int64_t deep(int64_t many) const { return (step * (many - 1) + apart * (count - 1)) / unit() + 1; }
};

// The copy of a part of at most `rows` by `cols`, of one signal: all rows that it meets, each in `step` phases.
template <class S, class T>
class Copy {
 public:
  Copy(const Walk& other, const Walk& down, const Walk& inner, int64_t rows, int64_t cols)
      : other_(other), down_(down), inner_(inner) {
    // A row's last vector is read whole.
    pitch_ = ceil_div(cols, width<T>) * width<T> + inner.apart * (inner.count - 1) / inner.step;
    line_ = inner.step / inner.unit() * pitch_;
    plane_ = down_.deep(rows) * line_;
  }
  int64_t size() const { return other_.count * plane_; }

  // Where a row of the part begins.
  int64_t row(int64_t number) const { return down_.step / down_.unit() * number * line_; }

  // How far from there each of its samples lies, in the order of the other axis, down and inner, in one copy after
  // the other.
  std::vector<int64_t> offsets(int64_t copies) const {
    std::vector<int64_t> found;
    for (int64_t s = 0; s < copies; ++s) {
      for (int64_t a = 0; a < other_.count; ++a) {
        for (int64_t b = 0; b < down_.count; ++b) {
          const int64_t line = s * size() + a * plane_ + down_.apart * b / down_.unit() * line_;
          for (int64_t c = 0; c < inner_.count; ++c) {
            const int64_t ahead = inner_.apart * c, phase = ahead % inner_.step / inner_.unit();
            found.push_back(line + phase * pitch_ + ahead / inner_.step);
          }
        }
      }
    }
    return found;
  }

  // The part from (before, top, left) on.
  void fill(const S* signal, int64_t before, int64_t top, int64_t left, int64_t rows, int64_t cols, T* to) const {
    const int64_t length = cols + inner_.apart * (inner_.count - 1) / inner_.step;
    for (int64_t a = 0; a < other_.count; ++a) {
      const int64_t na = other_.step * before + other_.apart * a - other_.lo;
      for (int64_t q = 0; q < down_.deep(rows); ++q) {
        const int64_t nq = down_.step * top + down_.unit() * q - down_.lo;
        T* row = to + a * plane_ + q * line_;
        if (na < 0 || na >= other_.n || nq < 0 || nq >= down_.n) {
          std::memset(static_cast<void*>(row), 0, line_ * sizeof(T));
          continue;
        }
        const S* from = signal + na * other_.lhs + nq * down_.lhs;
        for (int64_t phase = 0; phase < line_ / pitch_; ++phase, row += pitch_) {
          const int64_t start = inner_.step * left + inner_.unit() * phase - inner_.lo;
          if (inner_.step == 1) {
            window(from, inner_.n, start, length, row);
          } else {
            spaced(from, start, length, row);
          }
          for (int64_t i = length; i < pitch_; ++i) row[i] = T(0);
        }
      }
    }
  }

 private:
  // Every `step`-th sample, two vectors at a time where it is every second.
  void spaced(const S* from, int64_t start, int64_t length, T* to) const {
    const int64_t step = inner_.step;
    const int64_t first = least(length, most(0, ceil_div(-start, step)));
    const int64_t last = most(first, least(length, floor_div(inner_.n - 1 - start, step) + 1));
    for (int64_t i = 0; i < first; ++i) to[i] = T(0);
    int64_t i = first;
    if constexpr (sizeof(S) == sizeof(T)) {
      constexpr int64_t W = width<T>;
      const T* samples = reinterpret_cast<const T*>(from + start);
      // The last of them is read with the one behind it.
      for (; step == 2 && i + W < last; i += W) put<T, W>(to + i, every_second(samples + 2 * i));
    }
    for (; i < last; ++i) convert_few<1>(from + start + i * step, to + i);
    for (i = last; i < length; ++i) to[i] = T(0);
  }
  static Vec<T, width<T>> every_second(const T* from) {
    return every_second(from, std::make_index_sequence<width<T>>{});
  }
  template <size_t... L>
  static FILTRAX_INLINE Vec<T, width<T>> every_second(const T* from, std::index_sequence<L...>) {
    return __builtin_shufflevector(load<T>(from), load<T>(from + width<T>), int(2 * L)...);
  }

  Walk other_, down_, inner_;
  // Numbers from each phase to the next, from row to row, and of all rows.
  int64_t pitch_, line_, plane_;
};

}  // namespace FILTRAX_SET
}  // namespace filtrax
