// A correlation as loops over rows, in plain integers; Python makes it (`_engines/loops.py`).
//
//   out[cell, i, j] = sum over s, k, l of  rhs[cell, s, k, l] * lhs[cell, s, n(i, k), n(j, l)]
//   base * n(i, k) = stride * i + dilation * k - lo, outside of [0, n) and between samples the signal is zero
//
// Strides count samples. Complex samples are pairs of numbers, which only the kernels know. Strides of rhs and
// out are negative along an axis whose entries lie from the last to the first.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace filtrax {

// A loop over independent outputs: `lhs`, `rhs` or `out` is 0 where all its turns share a row.
struct Cell {
  int64_t size, lhs, rhs, out;
};

// Loops over kernels that meet the same samples, and over signals that meet the same taps.
inline bool is_of_kernels(const Cell& cell) { return cell.size > 1 && cell.lhs == 0 && cell.rhs != 0; }
inline bool is_of_signals(const Cell& cell) { return cell.size > 1 && cell.lhs != 0 && cell.rhs == 0; }

// A loop that is summed over.
struct Sum {
  int64_t size, lhs, rhs;
};

// An axis along which the kernel slides.
struct Slide {
  int64_t n, k, m, lo, stride, dilation, lhs, rhs, out, base;
  int64_t span() const { return (k - 1) * dilation + 1; }
};

// Whether an axis steps by one sample both ways, so that neighbouring outputs read neighbours.
inline bool is_plain(const Slide& axis) { return axis.stride == 1 && axis.dilation == 1; }

// Whether nothing slides along an axis: it has one sample, and that is met.
inline bool is_one(const Slide& axis) {
  return axis.n == 1 && axis.k == 1 && axis.m == 1 && axis.lo == 0;
}

constexpr int kCells = 5, kSums = 3, kOuter = 2;

struct Problem {
  Cell cells[kCells];
  Sum sums[kSums];
  Slide outer[kOuter];
  Slide inner;
  // Neighbouring samples with a kernel each: all three arrays hold them side by side.
  int64_t lanes;

  template <class Which>
  bool has(const Which& which) const {
    for (const Cell& cell : cells) {
      if (which(cell)) return true;
    }
    return false;
  }
  // Whether the kernel has rows of taps.
  bool is_image() const { return outer[0].k > 1 || outer[1].k > 1; }
  // Whether the inner axis is the only one that is slid along.
  bool is_of_rows() const { return is_one(outer[0]) && is_one(outer[1]); }
  int64_t count_cells() const {
    int64_t total = 1;
    for (const Cell& cell : cells) total *= cell.size;
    return total;
  }
  // Samples of the first operand, one after the other.
  int64_t count_samples() const {
    int64_t last = (inner.n - 1) * inner.lhs;
    for (const Cell& cell : cells) last += (cell.size - 1) * cell.lhs;
    for (const Sum& sum : sums) last += (sum.size - 1) * sum.lhs;
    for (const Slide& axis : outer) last += (axis.n - 1) * axis.lhs;
    return last + 1;
  }
  // The same of the second, from its first entry on.
  int64_t count_taps() const {
    const auto reach = [](int64_t size, int64_t step) { return step > 0 ? (size - 1) * step : 0; };
    int64_t last = reach(inner.k, inner.rhs) + (lanes - 1);
    for (const Cell& cell : cells) last += reach(cell.size, cell.rhs);
    for (const Sum& sum : sums) last += reach(sum.size, sum.rhs);
    for (const Slide& axis : outer) last += reach(axis.k, axis.rhs);
    return last + 1;
  }
  // Signals or kernels that cells have; where the one of a number begins; and the number of a cell's.
  int64_t count_of(int64_t Cell::*step) const {
    int64_t count = 1;
    for (const Cell& cell : cells) count *= cell.*step ? cell.size : 1;
    return count;
  }
  int64_t offset_of(int64_t number, int64_t Cell::*step) const {
    int64_t offset = 0;
    for (int d = kCells - 1; d >= 0; --d) {
      if (!(cells[d].*step)) continue;
      offset += number % cells[d].size * (cells[d].*step);
      number /= cells[d].size;
    }
    return offset;
  }
  int64_t row_of(int64_t cell, int64_t Cell::*step) const {
    int64_t row = 0, turns = 1;
    for (int d = kCells - 1; d >= 0; --d) {
      const int64_t at = cell % cells[d].size;
      cell /= cells[d].size;
      if (cells[d].*step) row += at * turns, turns *= cells[d].size;
    }
    return row;
  }
  int64_t count_outputs() const { return count_cells() * outer[0].m * outer[1].m * inner.m * lanes; }
  int64_t count_sums() const {
    int64_t total = 1;
    for (const Sum& sum : sums) total *= sum.size;
    return total;
  }
};

// Where a cell's rows begin.
struct Place {
  int64_t lhs = 0, rhs = 0, out = 0;
};

// Where the first entries lie: at the end of an axis with a negative stride.
inline Place start_of(const Problem& problem) {
  Place start;
  const auto end = [](int64_t size, int64_t step) { return step < 0 ? (1 - size) * step : 0; };
  for (const Cell& cell : problem.cells) start.out += end(cell.size, cell.out);
  for (const Sum& sum : problem.sums) start.rhs += end(sum.size, sum.rhs);
  for (const Slide* axis : {&problem.outer[0], &problem.outer[1], &problem.inner}) {
    start.rhs += end(axis->k, axis->rhs);
    start.out += end(axis->m, axis->out);
  }
  return start;
}

// Cells one after the other, from any on.
class Cells {
 public:
  Cells(const Problem& problem, int64_t first) : cells_(problem.cells) {
    for (int d = kCells - 1; d >= 0; --d) {
      if (cells_[d].size == 1) continue;  // Divisions take longer than a short row.
      move(d, first % cells_[d].size);
      first /= cells_[d].size;
    }
  }
  const Place& place() const { return place_; }
  void next() {
    for (int d = kCells - 1; d >= 0; --d) {
      if (at_[d] + 1 < cells_[d].size) return move(d, 1);
      move(d, -at_[d]);
    }
  }

 private:
  void move(int d, int64_t turns) {
    at_[d] += turns;
    place_.lhs += turns * cells_[d].lhs;
    place_.rhs += turns * cells_[d].rhs;
    place_.out += turns * cells_[d].out;
  }
  const Cell* cells_;
  int64_t at_[kCells] = {};
  Place place_;
};

inline Place place_of(const Problem& problem, int64_t cell) { return Cells(problem, cell).place(); }

// Of cells of one kind alone: how many, and where those of a number begin.
template <class Which>
int64_t count_among(const Problem& problem, const Which& which) {
  int64_t count = 1;
  for (const Cell& cell : problem.cells) count *= which(cell) ? cell.size : 1;
  return count;
}
template <class Which>
Place place_among(const Problem& problem, int64_t number, const Which& which) {
  Place place;
  for (int d = kCells - 1; d >= 0; --d) {
    const Cell& cell = problem.cells[d];
    if (!which(cell)) continue;
    const int64_t at = number % cell.size;
    number /= cell.size;
    place.lhs += at * cell.lhs;
    place.rhs += at * cell.rhs;
    place.out += at * cell.out;
  }
  return place;
}

// The pair of offsets of one term of the sums.
inline Place term_of(const Problem& problem, int64_t term) {
  Place place;
  for (int d = kSums - 1; d >= 0; --d) {
    const Sum& s = problem.sums[d];
    if (s.size == 1) continue;  // As above.
    const int64_t at = term % s.size;
    term /= s.size;
    place.lhs += at * s.lhs;
    place.rhs += at * s.rhs;
  }
  return place;
}

// The taps k for which stride * i + dilation * k - lo lies inside the signal.
struct Range {
  int64_t first, last;
};

inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
inline int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }
inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

inline Range taps_inside(const Slide& axis, int64_t i) {
  const int64_t start = axis.stride * i - axis.lo;
  if (axis.k == 1) return {0, start >= 0 && start < axis.n};
  const int64_t first = most(0, ceil_div(-start, axis.dilation));
  const int64_t last = least(axis.k, floor_div(axis.n - 1 - start, axis.dilation) + 1);
  return {first, most(first, last)};
}

}  // namespace filtrax
