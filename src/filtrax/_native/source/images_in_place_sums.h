// Gradients by the kernels of small images: dot products of rows that are read where they lie.
//
// A row of taps meets several rows of samples, and each of these several places, whose sums stay in registers.
#pragma once

#include <utility>
#include <vector>

#include "images_in_place.h"
#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "sums.h"

namespace filtrax {
namespace FILTRAX_SET {

// Outputs one below the other and across that are in registers at once; rows whose products are added up there.
constexpr int kHighSums = 4, kWideSums = 8, kMostOfBoth = FILTRAX_VECTOR == 64 ? 24 : 12;
// So many images are not cut.
constexpr int64_t kRowsAdded = 512, kManyImages = 8;

// Adds to A by X sums what a column of `rows` rows of taps gives, which meet samples `Step` apart in both directions.
// The masks tell which samples and taps count.
template <int Step, int A, int X, class T, class... Mask>
void stencil_sums(const T* const* x, const T* const* h, int64_t rows, int64_t column, int64_t at, T* sums,
                  int64_t pitch, Vec<BitsOf<T>, width<T>> all, Mask... mask) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  typedef Vec<BitsOf<T>, W> Bits;
  V total[A * X];
#pragma GCC unroll 32
  for (int i = 0; i < A * X; ++i) total[i] = load<T>(sums + (i / X * pitch + i % X) * W);
  for (int64_t r = 0; r < rows; ++r) {
    const V tap = (V)((Bits)load<T>(h[r] + column) & all);
#pragma GCC unroll 4
    for (int a = 0; a < A; ++a) {
      const T* row = x[Step * r + a] + at;
#pragma GCC unroll 8
      for (int i = 0; i < X; ++i) {
        V sample = load_apart<Step>(row + i);
        ((sample = (V)((Bits)sample & load_apart<Step>(mask + i))), ...);
        total[a * X + i] += tap * sample;
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < A * X; ++i) put<T, W>(sums + (i / X * pitch + i % X) * W, total[i]);
}
template <class T>
using StencilSums = void (*)(const T* const*, const T* const*, int64_t, int64_t, int64_t, T*, int64_t,
                             const BitsOf<T>*, const BitsOf<T>*);
template <int Step, int A, int X, class T>
void masked_sums(const T* const* x, const T* const* h, int64_t rows, int64_t column, int64_t at, T* sums,
                 int64_t pitch, const BitsOf<T>* taps_mask, const BitsOf<T>* mask) {
  const auto all = taps_mask ? load<BitsOf<T>>(taps_mask) : ~Vec<BitsOf<T>, width<T>>{};
  mask ? stencil_sums<Step, A, X, T>(x, h, rows, column, at, sums, pitch, all, mask)
       : stencil_sums<Step, A, X, T>(x, h, rows, column, at, sums, pitch, all);
}
template <int Step, int A, class T, size_t... X>
StencilSums<T> stencil_sums_of(int64_t across, std::index_sequence<X...>) {
  static constexpr StencilSums<T> blocks[] = {
      (A * (X + 1) <= kMostOfBoth ? masked_sums<Step, A, X + 1, T> : nullptr)...};
  return blocks[across - 1];
}
template <int Step, class T>
StencilSums<T> stencil_sums_of(int64_t high, int64_t across) {
  constexpr auto wide = std::make_index_sequence<kWideSums>{};
  switch (high) {
    case 1: return stencil_sums_of<Step, 1, T>(across, wide);
    case 2: return stencil_sums_of<Step, 2, T>(across, wide);
    case 3: return stencil_sums_of<Step, 3, T>(across, wide);
    default: return stencil_sums_of<Step, kHighSums, T>(across, wide);
  }
}

// Whether sums are made so: of many images of short rows whose taps meet neighbours, or every second sample, a kernel
// at a time.
template <class S, class T>
bool is_sum_in_place(const Problem& problem) {
  const Slide &inner = problem.inner, &axis = problem.outer[down(problem)], &other = problem.outer[1 - down(problem)];
  return sizeof(S) == sizeof(T) && problem.lanes == 1 && !problem.has(is_of_kernels) && !problem.has(is_of_signals) &&
         inner.stride == 1 && axis.stride == 1 && inner.dilation == axis.dilation && inner.dilation <= 2 &&
         inner.base == 1 && axis.base == 1 && inner.rhs == 1 && axis.m > 1 && axis.k > 1 && other.m == 1 &&
         other.k == 1 && inner.k * int64_t(sizeof(T)) <= kLongRow && axis.m <= axis.k && inner.m <= inner.k &&
         problem.count_cells() * problem.count_sums() >= kManyImages;
}

template <int Step, class T>
class SumsInPlace {
  typedef typename Wider<T>::type Wide;

 public:
  SumsInPlace(const Problem& problem, const T* lhs, const T* rhs, T* out)
      : problem_(problem), inner_(problem.inner), axis_(problem.outer[down(problem)]),
        other_(problem.outer[1 - down(problem)]), lhs_(lhs), rhs_(rhs), out_(out),
        along_(ceil_div(inner_.k, W) * W), deep_(axis_.m + Step * (axis_.k - 1)),
        samples_(lhs, lhs + problem.count_samples(), inner_.n, inner_.lo, Step * along_ + inner_.m - 1),
        taps_(rhs, rhs + problem.count_taps(), inner_.k, 0, along_) {}

  void run(const Pool& pool) const {
    const int64_t cells = problem_.count_cells(), terms = problem_.count_sums(), outputs = axis_.m * inner_.m;
    const double work = double(cells) * terms * (double(axis_.k) * inner_.k * outputs + kItem);
    const int64_t wanted = work < kShared ? 1 : kEach * pool.threads;
    // Few cells are cut into parts of their terms.
    const int64_t parts = least(terms, ceil_div(wanted, cells)), tasks = least(cells * parts, 4 * wanted);
    std::vector<Wide> totals(cells * parts * outputs);
    const auto finish = [&](int64_t cell) {
      const Place place = place_of(problem_, cell);
      for (int64_t i = 0; i < outputs; ++i) {
        Wide total = 0;
        for (int64_t part = 0; part < parts; ++part) total += totals[(cell * parts + part) * outputs + i];
        out_[place.out + i / inner_.m * axis_.out + i % inner_.m * inner_.out] = T(total);
      }
    };
    share(pool, tasks, [&](int64_t task) {
      for (int64_t i = cells * parts * task / tasks; i < cells * parts * (task + 1) / tasks; ++i) {
        const int64_t part = i % parts;
        add(place_of(problem_, i / parts), terms * part / parts, terms * (part + 1) / parts, &totals[i * outputs]);
        if (parts == 1) finish(i);
      }
    });
    for (int64_t cell = 0; parts > 1 && cell < cells; ++cell) finish(cell);
  }

 private:
  void add(const Place& place, int64_t begin, int64_t end, Wide* totals) const {
    const int64_t outputs = axis_.m * inner_.m;
    const T** x = scratch<const T*>(0, deep_ + axis_.k);
    const T** h = x + deep_;
    T* zeros = scratch<T>(1, samples_.reach() * (1 + deep_) + along_ * axis_.k);
    T* sums = scratch<T>(2, outputs * W);
    std::fill_n(zeros, samples_.reach(), T(0));
    std::fill_n(sums, outputs * W, T(0));
    int64_t added = 0;
    for (int64_t s = begin; s < end; ++s) {
      const Place term = term_of(problem_, s);
      const T* from = lhs_ + place.lhs + term.lhs - axis_.lo * axis_.lhs - other_.lo * other_.lhs;
      const T* taps = rhs_ + place.rhs + term.rhs;
      T* copies = zeros + samples_.reach();
      samples_.find(from, axis_.lhs, -axis_.lo, axis_.n, deep_, zeros, copies, x);
      taps_.find(taps, axis_.rhs, 0, axis_.k, axis_.k, zeros, copies, h);
      for (int64_t column = 0; column < inner_.k; column += W) {
        for (int64_t r = 0; r < axis_.k; r += kRowsAdded) {
          meet(x + Step * r, h + r, least(kRowsAdded, axis_.k - r), column, sums);
          added += kRowsAdded < axis_.k ? kRowsAdded : axis_.k;
          if (added < kRowsAdded) continue;
          add_up<T, 1>(sums, outputs, totals);
          added = 0;
        }
      }
    }
    add_up<T, 1>(sums, outputs, totals);
  }

  // All sums with a column of rows of taps.
  void meet(const T* const* x, const T* const* h, int64_t rows, int64_t column, T* sums) const {
    const int64_t wide = ceil_div(inner_.m, kWideSums);
    for (int64_t b = 0; b < wide; ++b) {
      const int64_t left = inner_.m * b / wide, across = inner_.m * (b + 1) / wide - left;
      const int64_t at = Step * column + left;
      const int64_t blocks = ceil_div(axis_.m, least(kHighSums, kMostOfBoth / across));
      for (int64_t a = 0; a < blocks; ++a) {
        const int64_t top = axis_.m * a / blocks, high = axis_.m * (a + 1) / blocks - top;
        T* to = sums + (top * inner_.m + left) * W;
        stencil_sums_of<Step, T>(high, across)(x + top, h, rows, column, at, to, inner_.m, taps_.mask(column, W),
                                               samples_.mask(at, Step * W + across - 1));
      }
    }
  }

  static constexpr int64_t W = width<T>;
  const Problem& problem_;
  const Slide &inner_, &axis_, &other_;
  const T *lhs_, *rhs_;
  T* out_;
  // Taps of a row in whole vectors, and rows of samples that all rows of them meet.
  const int64_t along_, deep_;
  const Rows<T> samples_, taps_;
};

template <class T>
void sums_in_place(const Pool& pool, const Problem& problem, const T* lhs, const T* rhs, T* out) {
  problem.inner.dilation == 1 ? SumsInPlace<1, T>(problem, lhs, rhs, out).run(pool)
                              : SumsInPlace<2, T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
