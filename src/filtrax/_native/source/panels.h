// Products of matrices that lie in panels: for each tile, a vector of channels.
#pragma once

#include <utility>

#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Vectors of kernels in registers at once, and what meets them.
constexpr int kColumns = FILTRAX_VECTOR == 64 ? 4 : 3;
template <int R>
constexpr int kTilesMet = FILTRAX_VECTOR == 64 ? (R == 4 ? 6 : R == 3 ? 8 : 12)
                                               : (R == 3 ? 4 : R == 2 ? 5 : 8);

// Sums for Q tiles, of all channels (`OfTiles`), or for Q channels, of all tiles: with R vectors of kernels each.
template <int R, int Q, bool OfTiles, class T>
void panel_block(const T* a, int64_t panels, int64_t panel, int64_t last, const T* b, int64_t b_apart, T* to,
                 int64_t to_apart, int64_t to_next, bool added) {
  constexpr int W = width<T>, kStep = OfTiles ? 1 : W, kNext = OfTiles ? W : 1;
  typedef Vec<T, W> V;
  V sums[R * Q];
#pragma GCC unroll 32
  for (int i = 0; i < R * Q; ++i) sums[i] = V{};
  for (int64_t p = 0; p < panels; ++p) {
    const T* x = a + p * panel;
    const int64_t count = p + 1 < panels ? W : last;
    for (int64_t s = 0; s < count; ++s, x += kStep, b += OfTiles ? R * W : W) {
      V taps[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) taps[r] = kept(load<T>(b + r * (OfTiles ? W : b_apart)));
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        const V sample = kept(splat<T>(x[q * kNext]));
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) sums[q * R + r] += taps[r] * sample;
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < R * Q; ++i) {
    T* sum = to + i / R * to_next + i % R * to_apart;
    put<T, W>(sum, added ? load<T>(sum) + sums[i] : sums[i]);
  }
}
template <class T>
using PanelBlock = void (*)(const T*, int64_t, int64_t, int64_t, const T*, int64_t, T*, int64_t, int64_t, bool);
template <int R, bool OfTiles, class T, size_t... Q>
PanelBlock<T> panel_block_of(int64_t met, std::index_sequence<Q...>) {
  static constexpr PanelBlock<T> blocks[] = {panel_block<R, Q + 1, OfTiles, T>...};
  return blocks[met - 1];
}
// The block of so many vectors, and how much it meets at once.
template <class T>
struct PanelBlocks {
  PanelBlock<T> (*of)(int64_t);
  int64_t most;
};
template <int R, bool OfTiles, class T>
PanelBlock<T> panel_block_for(int64_t met) {
  return panel_block_of<R, OfTiles, T>(met, std::make_index_sequence<kTilesMet<R>>{});
}
template <bool OfTiles, class T, size_t... R>
PanelBlocks<T> panel_blocks_of(int64_t vectors, std::index_sequence<R...>) {
  static constexpr PanelBlocks<T> all[] = {{panel_block_for<R + 1, OfTiles, T>, kTilesMet<R + 1>}...};
  return all[vectors - 1];
}
template <bool OfTiles, class T>
PanelBlocks<T> panel_blocks_of(int64_t vectors) {
  return panel_blocks_of<OfTiles, T>(vectors, std::make_index_sequence<kColumns>{});
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
