// Products of matrices of spectra: for each vector of frequencies signals meet kernels, and terms are summed.
#pragma once

#include <utility>

#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Signals and kernels whose sums stay in registers: real and imaginary parts.
constexpr int kSignalsMet = FILTRAX_VECTOR == 64 ? 4 : 3, kKernelsMet = FILTRAX_VECTOR == 64 ? 3 : 2;

// What signals and kernels are of one vector of frequencies: real parts, then imaginary ones, of each.
template <class T>
struct SpectralPanel {
  // Where the signals of each row of results begin, and how much further those of each term.
  const T* signals;
  const int64_t *rows, *terms;
  int64_t count;
  // Kernels, term after term, and how far apart terms are.
  const T* kernels;
  int64_t apart;
  // The first result, how far apart those of rows and of kernels are, and their imaginary parts.
  T* to;
  int64_t next_row, next_kernel, half;
  bool added;
};

// Sums for R rows from `row` on and K kernels. The first of all frequencies (`First`) are two real ones: their lane
// has that at zero as its real part, and that in the middle as its imaginary one.
template <int R, int K, bool First, class T>
void meet_spectra(const SpectralPanel<T>& panel, int64_t row) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V re[R * K], im[R * K];
  const T* xs[R];
  T* const to = panel.to + row * panel.next_row;
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    xs[r] = panel.signals + panel.rows[row + r];
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) re[r * K + k] = V{}, im[r * K + k] = V{};
  }
  const T* h = panel.kernels;
  for (int64_t t = 0; t < panel.count; ++t, h += panel.apart) {
    const int64_t at = panel.terms[t];
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      const V hr = kept(load<T>(h + 2 * k * W));
      V hi = load<T>(h + (2 * k + 1) * W), of_imaginary = hr;
      if constexpr (First) of_imaginary[0] = hi[0], hi[0] = T(0);
      hi = kept(hi);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const V xr = load<T>(xs[r] + at), xi = load<T>(xs[r] + at + W);
        re[r * K + k] += xr * hr;
        im[r * K + k] += xi * of_imaginary;
        re[r * K + k] += xi * hi;
        im[r * K + k] -= xr * hi;
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      T* sum = to + r * panel.next_row + k * panel.next_kernel;
      put<T, W>(sum, panel.added ? load<T>(sum) + re[r * K + k] : re[r * K + k]);
      sum += panel.half;
      put<T, W>(sum, panel.added ? load<T>(sum) + im[r * K + k] : im[r * K + k]);
    }
  }
}
template <class T>
using MeetSpectra = void (*)(const SpectralPanel<T>&, int64_t);
template <bool First, class T, size_t... I>
MeetSpectra<T> meet_spectra_of(int64_t signals, int64_t kernels, std::index_sequence<I...>) {
  static constexpr MeetSpectra<T> all[] = {meet_spectra<I / kKernelsMet + 1, I % kKernelsMet + 1, First, T>...};
  return all[(signals - 1) * kKernelsMet + kernels - 1];
}

// All rows, with so many kernels.
template <class T>
void meet_spectra(const SpectralPanel<T>& panel, int64_t rows, int64_t kernels, bool first) {
  constexpr auto all = std::make_index_sequence<kSignalsMet * kKernelsMet>{};
  for (int64_t row = 0; row < rows; row += kSignalsMet) {
    const int64_t here = rows - row < kSignalsMet ? rows - row : kSignalsMet;
    (first ? meet_spectra_of<true, T>(here, kernels, all) : meet_spectra_of<false, T>(here, kernels, all))(panel, row);
  }
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
