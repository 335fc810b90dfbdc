// Images read where they lie: outputs of several rows at once, each of the rows of samples behind a pointer of its own.
//
// Rows beyond the image are zeros that all share, and the few that lie at the ends of the memory are copies. What a
// vector reads beyond the ends of a row is masked out.
#pragma once

#include <utility>
#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "tap_rows.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Rows of outputs that are in registers at once, and taps one below the other that meet what is read for one.
constexpr int kRowsInPlace = FILTRAX_VECTOR == 64 ? 16 : 8, kColumn = 4;

// What all outputs of an image meet.
template <class T>
struct Stencil {
  // Planes of samples and of taps, and pointers to rows from plane to plane.
  int64_t planes, deep;
  const T* const* kernels;
  // Taps down and across, and how they lie.
  int64_t down, across, step_down, step_across;
};

// R rows of a vector of outputs whose samples begin at `column`; the mask tells which of these count.
template <int R, class T, class... Mask>
void stencil_block(const Stencil<T>& stencil, const T* const* rows, int64_t column, T* const* to, Mask... mask) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V sums[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) sums[r] = V{};
  for (int64_t plane = 0; plane < stencil.planes; ++plane, rows += stencil.deep) {
    for (int64_t x = 0; x < stencil.across; ++x) {
      const T* tap = stencil.kernels[plane] + x * stencil.step_across;
      const auto meet = [&](auto taps, const T* const* at, auto... bits) __attribute__((always_inline)) {
        constexpr int A = decltype(taps)::value;
        V weights[A];
#pragma GCC unroll 4
        for (int a = 0; a < A; ++a, tap += stencil.step_down) weights[a] = kept(splat<T>(*tap));
#pragma GCC unroll 32
        for (int v = 0; v < R + A - 1; ++v) {
          V sample = load<T>(at[v] + column + x);
          ((sample = (V)((decltype(bits))sample & bits)), ...);
          sample = kept(sample);
#pragma GCC unroll 4
          for (int a = 0; a < A; ++a) {
            if (v - a >= 0 && v - a < R) sums[v - a] += weights[a] * sample;
          }
        }
      };
      const T* const* at = rows;
      for (int64_t left = stencil.down; left > 0;) {
        // Not four and one: a chain of one shares nothing.
        const int64_t count = left == kColumn + 1 ? kColumn - 1 : least(left, kColumn);
        switch (count) {
          case 1: meet(std::integral_constant<int, 1>{}, at, load<BitsOf<T>>(mask + x)...); break;
          case 2: meet(std::integral_constant<int, 2>{}, at, load<BitsOf<T>>(mask + x)...); break;
          case 3: meet(std::integral_constant<int, 3>{}, at, load<BitsOf<T>>(mask + x)...); break;
          default: meet(std::integral_constant<int, kColumn>{}, at, load<BitsOf<T>>(mask + x)...);
        }
        at += count;
        left -= count;
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) put<T, W>(to[r], sums[r]);
}
template <class T, size_t... R>
void stencil_rows(int64_t count, const Stencil<T>& stencil, const T* const* rows, int64_t column,
                  const BitsOf<T>* mask, T* const* to, std::index_sequence<R...>) {
  typedef void (*Plain)(const Stencil<T>&, const T* const*, int64_t, T* const*);
  typedef void (*Masked)(const Stencil<T>&, const T* const*, int64_t, T* const*, const BitsOf<T>*);
  static constexpr Plain plain[] = {stencil_block<R + 1, T>...};
  static constexpr Masked masked[] = {stencil_block<R + 1, T, const BitsOf<T>*>...};
  mask ? masked[count - 1](stencil, rows, column, to, mask) : plain[count - 1](stencil, rows, column, to);
}

// Taps of images of any size that are served so, and bytes of the rows that a block meets: more are sooner copied.
constexpr int64_t kFewTaps = 9, kRowBytes = 12 << 10;

// Whether images are served so: of a kernel at a time, along axes without gaps, with taps one below the other.
template <class S, class T>
bool is_in_place(const Problem& problem) {
  const Slide &inner = problem.inner, &axis = problem.outer[down(problem)];
  const bool plain = is_plain(inner) && is_plain(axis) && inner.out == 1 && problem.lanes == 1;
  const int64_t bytes = (kRowsInPlace + axis.k - 1) * most(inner.n, inner.m) * sizeof(T);
  return sizeof(S) == sizeof(T) && plain && !problem.has(is_of_kernels) && axis.m > 1 && axis.k > 1 &&
         (axis.k * inner.k <= kFewTaps || bytes <= kRowBytes);
}

// Rows of which so many numbers are read from `lo` before the first on: pointers to them, and which of these numbers
// there are.
template <class T>
class Rows {
 public:
  // `begin` and `end`: of the memory; n: numbers of a row.
  Rows(const T* begin, const T* end, int64_t n, int64_t lo, int64_t reach)
      : begin_(begin), end_(end), n_(n), lo_(lo), reach_(reach), fence_(reach) {
    for (int64_t i = 0; i < reach; ++i) fence_[i] = i >= lo && i - lo < n ? ~BitsOf<T>(0) : 0;
  }
  int64_t reach() const { return reach_; }

  // Those of `count` rows, of which the first has this number among `rows`. Zeros are shared; there is room for copies.
  void find(const T* row, int64_t apart, int64_t number, int64_t rows, int64_t count, const T* zeros, T*& copies,
            const T** to) const {
    for (int64_t q = 0; q < count; ++q, ++number, row += apart) {
      if (number < 0 || number >= rows) {
        to[q] = zeros;
      } else if (row - begin_ >= lo_ && end_ - row >= reach_ - lo_) {
        to[q] = row - lo_;
      } else {
        window(row, n_, -lo_, reach_, copies);
        to[q] = copies;
        copies += reach_;
      }
    }
  }

  // The mask of so many numbers from one on, or none where all are there.
  const BitsOf<T>* mask(int64_t from, int64_t count) const {
    return from < lo_ || from + count > lo_ + n_ ? fence_.data() + from : nullptr;
  }

 private:
  const T *begin_, *end_;
  const int64_t n_, lo_, reach_;
  std::vector<BitsOf<T>> fence_;
};

template <class T>
class InPlace {
 public:
  InPlace(const Problem& problem, const T* lhs, const T* rhs, T* out)
      : problem_(problem), inner_(problem.inner), axis_(problem.outer[down(problem)]),
        other_(problem.outer[1 - down(problem)]), lhs_(lhs), rhs_(rhs), out_(out),
        samples_(lhs, lhs + problem.count_samples(), inner_.n, inner_.lo, ceil_div(inner_.m, W) * W + inner_.k - 1) {}

  void run(const Pool& pool) const {
    const int64_t images = problem_.count_cells() * other_.m;
    // Few images are cut into parts.
    const int64_t parts = images >= kEnough * pool.threads ? 1 : ceil_div(axis_.m, kTall * kRowsInPlace);
    const int64_t items = images * parts;
    const double taps = double(problem_.count_sums()) * other_.k * axis_.k * inner_.k;
    const double work = double(problem_.count_outputs()) * (taps + kOutput) + items * kItem;
    const int64_t tasks = work < kShared ? 1 : least(items, least(16 * pool.threads, int64_t(8 * work / kShared)));
    const int64_t planes = problem_.count_sums() * other_.k, deep = ceil_div(axis_.m, parts) + axis_.k - 1;
    share(pool, tasks, [&](int64_t task) {
      const T** rows = scratch<const T*>(0, planes * (deep + 1));
      T* zeros = scratch<T>(1, samples_.reach() * (planes * deep + 1));
      std::fill_n(zeros, samples_.reach(), T(0));
      const int64_t first = items * task / tasks, last = items * (task + 1) / tasks;
      Cells cells(problem_, first / (parts * other_.m));
      for (int64_t item = first, turn = first % (parts * other_.m); item < last; ++item, ++turn) {
        if (turn == parts * other_.m) cells.next(), turn = 0;
        if (parts * other_.m == 1) {
          make(cells.place(), 0, 0, axis_.m, rows, zeros);
          continue;
        }
        const int64_t before = turn / parts, part = turn % parts;
        make(cells.place(), before, axis_.m * part / parts, axis_.m * (part + 1) / parts, rows, zeros);
      }
    });
  }

 private:
  // Rows [begin, end) of the outputs at `before` along the other axis. There is room for pointers to rows and to
  // kernels, and, behind the zeros, for copies.
  void make(const Place& place, int64_t before, int64_t begin, int64_t end, const T** rows, T* zeros) const {
    const Range planes = taps_inside(other_, before);
    const int64_t deep = end - begin + axis_.k - 1, terms = problem_.count_sums();
    const T** kernels = rows + terms * (planes.last - planes.first) * deep;
    T* copies = zeros + samples_.reach();
    int64_t count = 0;
    for (int64_t s = 0; s < terms; ++s) {
      const Place term = term_of(problem_, s);
      for (int64_t a = planes.first; a < planes.last; ++a, ++count) {
        kernels[count] = rhs_ + place.rhs + term.rhs + a * other_.rhs;
        const int64_t plane = other_.stride * before + other_.dilation * a - other_.lo;
        const T* row = lhs_ + place.lhs + term.lhs + plane * other_.lhs + (begin - axis_.lo) * axis_.lhs;
        samples_.find(row, axis_.lhs, begin - axis_.lo, axis_.n, deep, zeros, copies, rows + count * deep);
      }
    }
    const Stencil<T> stencil{count, deep, kernels, axis_.k, inner_.k, axis_.rhs, inner_.rhs};
    T* to = out_ + place.out + before * other_.out + begin * axis_.out;
    const int64_t high = end - begin, blocks = ceil_div(high, kRowsInPlace), vector = least(W, inner_.m);
    const bool close = axis_.out == inner_.m;
    for (int64_t b = 0, top = 0; b < blocks; ++b) {
      const int64_t some = (high - top) / (blocks - b);
      for (int64_t i = 0; i < inner_.m; i += W) {
        const int64_t column = vector < W ? 0 : least(i, inner_.m - W);
        alignas(FILTRAX_VECTOR) T done[kRowsInPlace * W];
        T* into[kRowsInPlace];
        int64_t whole = some;
        for (int64_t r = 0; r < some; ++r) {
          const int64_t at = (top + r) * axis_.out + column;
          into[r] = to + at;
          // Of rows shorter than a vector, what is written beyond an end is written over.
          if (vector == W || (close && at + W <= high * inner_.m)) continue;
          whole = least(whole, r);
          into[r] = done + r * W;
        }
        stencil_rows<T>(some, stencil, rows + top, column, samples_.mask(column, W + inner_.k - 1), into,
                        std::make_index_sequence<kRowsInPlace>{});
        for (int64_t r = whole; r < some; ++r) convert(into[r], to + (top + r) * axis_.out + column, vector);
      }
      top += some;
    }
  }

  static constexpr int64_t W = width<T>;
  // Images for each thread that need not be cut, and blocks of rows in a part of one.
  static constexpr int64_t kEnough = 8, kTall = 4;
  const Problem& problem_;
  const Slide &inner_, &axis_, &other_;
  const T *lhs_, *rhs_;
  T* out_;
  const Rows<T> samples_;
};

template <class T>
void correlate_in_place(const Pool& pool, const Problem& problem, const T* lhs, const T* rhs, T* out) {
  InPlace<T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
