// Samples, kernels and results at the points of Winograd's filters: vectors combined by small matrices, which are known
// when this is compiled.
//
// The points: B. Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
// Networks, 2020; the matrices follow from them as in A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural
// Networks, 2016.
#pragma once

#include <utility>

#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Samples of a frame along an axis, and the points, of which the last is infinity. Taps and outputs are one more.
constexpr int kPoints = 6, kMostTaps = 5;
constexpr double kPoint[kPoints - 1] = {0, 1, -1, 0.5, -2};

template <int Rows, int Cols>
struct Matrix {
  double at[Rows][Cols];
};

// B^T: the coefficients of the product of all (x - point), but for a row's own.
struct OfSignals {
  static constexpr int kRows = kPoints, kCols = kPoints;
  static constexpr Matrix<kRows, kCols> make() {
    Matrix<kRows, kCols> found{};
    for (int i = 0; i < kRows; ++i) {
      double* row = found.at[i];
      row[0] = 1;
      for (int k = 0; k < kPoints - 1; ++k) {
        if (k == i) continue;
        for (int j = kCols - 1; j >= 0; --j) row[j] = (j ? row[j - 1] : 0) - kPoint[k] * row[j];
      }
    }
    return found;
  }
};
constexpr double power_of(double base, int exponent) {
  double power = 1;
  for (int i = 0; i < exponent; ++i) power *= base;
  return power;
}
// G: values at the points, divided by what the other points make of B^T.
template <int Taps>
struct OfKernels {
  static constexpr int kRows = kPoints, kCols = Taps;
  static constexpr Matrix<kRows, kCols> make() {
    Matrix<kRows, kCols> found{};
    for (int i = 0; i < kPoints - 1; ++i) {
      double others = 1;
      for (int k = 0; k < kPoints - 1; ++k) others *= k == i ? 1 : kPoint[i] - kPoint[k];
      for (int j = 0; j < kCols; ++j) found.at[i][j] = power_of(kPoint[i], j) / others;
    }
    found.at[kPoints - 1][kCols - 1] = 1;
    return found;
  }
};
// A^T: powers of the points.
template <int Outputs>
struct OfResults {
  static constexpr int kRows = Outputs, kCols = kPoints;
  static constexpr Matrix<kRows, kCols> make() {
    Matrix<kRows, kCols> found{};
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kPoints - 1; ++j) found.at[i][j] = power_of(kPoint[j], i);
    }
    found.at[kRows - 1][kPoints - 1] = 1;
    return found;
  }
};

// A row of a matrix times vectors: entries that are 0, 1 or -1 cost no product.
template <class Of, int I, int J, bool Begun, class T, class V>
FILTRAX_INLINE V row_times(const V* in, V sum) {
  if constexpr (J == Of::kCols) {
    return sum;
  } else {
    constexpr double entry = Of::make().at[I][J];
    if constexpr (entry == 0) return row_times<Of, I, J + 1, Begun, T>(in, sum);
    else if constexpr (!Begun && entry == 1) return row_times<Of, I, J + 1, true, T>(in, in[J]);
    else if constexpr (!Begun) return row_times<Of, I, J + 1, true, T>(in, in[J] * T(entry));
    else if constexpr (entry == 1) return row_times<Of, I, J + 1, true, T>(in, sum + in[J]);
    else if constexpr (entry == -1) return row_times<Of, I, J + 1, true, T>(in, sum - in[J]);
    else return row_times<Of, I, J + 1, true, T>(in, sum + in[J] * T(entry));
  }
}

// Where vectors lie that are combined: so far from one to the next, and from line to line of them.
struct Lie {
  int64_t apart, next;
};
template <class Of, class T, size_t... I>
void combine_lines(const T* from, Lie lie, T* to, Lie to_lie, int64_t lines, std::index_sequence<I...>) {
  constexpr int W = width<T>;
  for (int64_t line = 0; line < lines; ++line, from += lie.next, to += to_lie.next) {
    Vec<T, W> in[Of::kCols];
#pragma GCC unroll 8
    for (int j = 0; j < Of::kCols; ++j) in[j] = load<T>(from + j * lie.apart);
    (put<T, W>(to + int64_t(I) * to_lie.apart, row_times<Of, int(I), 0, false, T>(in, Vec<T, W>{})), ...);
  }
}
template <class T>
using Combine = void (*)(const T*, Lie, T*, Lie, int64_t);
template <class Of, class T>
void combine(const T* from, Lie lie, T* to, Lie to_lie, int64_t lines) {
  combine_lines<Of, T>(from, lie, to, to_lie, lines, std::make_index_sequence<Of::kRows>{});
}
// Of an axis along which nothing slides.
template <class T>
void combine_none(const T* from, Lie lie, T* to, Lie to_lie, int64_t lines) {
  constexpr int W = width<T>;
  for (int64_t line = 0; line < lines; ++line) put<T, W>(to + line * to_lie.next, load<T>(from + line * lie.next));
}
template <template <int> class Of, class T>
Combine<T> combine_of(int64_t size) {
  static constexpr Combine<T> all[] = {combine_none<T>,    combine<Of<2>, T>, combine<Of<3>, T>,
                                       combine<Of<4>, T>, combine<Of<5>, T>};
  return all[size - 1];
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
