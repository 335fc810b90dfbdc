// Blocks whose vectors lie across kernels: they are full where rows of outputs are shorter than a vector.
//
// A sample meets several vectors of kernels, a kernel's tap several places: outputs, or taps whose gradient is taken.
#pragma once

#include <algorithm>
#include <utility>

#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Vectors of kernels and places in registers at once.
constexpr int kAcross = FILTRAX_VECTOR == 64 ? 3 : 2, kAtOnce = FILTRAX_VECTOR == 64 ? 8 : 6;

// Sums at P places, which begin at `at`, of V vectors of kernels: place by place, added to what is there or not.
template <int V, int P, class T>
void across_block(const T* const* at, const int64_t* offsets, int64_t count, const T* weights, T* to, bool added) {
  constexpr int W = width<T>;
  Vec<T, W> sums[P * V];
#pragma GCC unroll 32
  for (int i = 0; i < P * V; ++i) sums[i] = added ? load<T>(to + i * W) : Vec<T, W>{};
  const T* x[P];
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) x[p] = at[p];
  for (int64_t t = 0; t < count; ++t, weights += V * W) {
    const int64_t offset = offsets[t];
    Vec<T, W> taps[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) taps[v] = kept(load<T>(weights + v * W));
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const Vec<T, W> sample = kept(splat<T>(x[p][offset]));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[p * V + v] += taps[v] * sample;
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < P * V; ++i) put<T, W>(to + i * W, sums[i]);
}
template <class T>
using AcrossBlock = void (*)(const T* const*, const int64_t*, int64_t, const T*, T*, bool);
template <int V, class T, size_t... P>
AcrossBlock<T> across_block_of(int64_t places, std::index_sequence<P...>) {
  static constexpr AcrossBlock<T> blocks[] = {across_block<V, P + 1, T>...};
  return blocks[places - 1];
}
template <class T, size_t... V>
AcrossBlock<T> across_block_of(int64_t vectors, int64_t places, std::index_sequence<V...>) {
  AcrossBlock<T> found = nullptr;
  ((vectors == V + 1 ? void(found = across_block_of<V + 1, T>(places, std::make_index_sequence<kAtOnce>{})) : void()),
   ...);
  return found;
}

// Bytes of weights that all places meet before others: they stay in the first cache.
constexpr int64_t kWeightsNear = 1 << 14;

// All of `count` places from x on, in equal blocks.
template <class T>
void sums_across(const T* x, const int64_t* places, int64_t count, const int64_t* offsets, int64_t taps,
                 const T* weights, int64_t vectors, T* to, bool added) {
  const int64_t blocks = ceil_div(count, kAtOnce), each = count / blocks, more = count % blocks;
  const int64_t lanes = vectors * width<T>, bytes = taps * lanes * sizeof(T);
  const int64_t parts = most(1, ceil_div(bytes, kWeightsNear));
  const T* at[kAtOnce];
  for (int64_t part = 0; part < parts; ++part, added = true) {
    const int64_t first = taps * part / parts, some = taps * (part + 1) / parts - first;
    for (int64_t b = 0, place = 0; b < blocks; ++b) {
      const int64_t size = each + (b < more);
      for (int64_t p = 0; p < size; ++p) at[p] = x + places[place + p];
      across_block_of<T>(vectors, size, std::make_index_sequence<kAcross>{})(
          at, offsets + first, some, weights + first * lanes, to + place * lanes, added);
      place += size;
    }
  }
}

// What turning a sum over takes, in products.
constexpr double kTurned = 8;

// The share of lanes and places that are of use.
template <class T>
double used_across(int64_t kernels, int64_t places) {
  const int64_t vectors = ceil_div(kernels, width<T>), blocks = ceil_div(places, kAtOnce);
  // A vector alone meets so few samples that these are waited for.
  const double kept = vectors == 1 ? 0.7 : 1;
  return kept * kernels / (vectors * width<T>) * places / (blocks * ceil_div(places, blocks));
}

// Kernels in blocks of vectors, as equal as can be.
template <class T>
struct Across {
  explicit Across(int64_t kernels)
      : kernels(kernels), vectors(ceil_div(kernels, width<T>)), blocks(ceil_div(vectors, kAcross)) {}
  int64_t first_of(int64_t block) const { return vectors * block / blocks * width<T>; }
  int64_t vectors_of(int64_t block) const { return vectors * (block + 1) / blocks - vectors * block / blocks; }
  int64_t padded() const { return vectors * width<T>; }
  int64_t kernels, vectors, blocks;
};

// A square of W vectors with rows and columns exchanged.
template <int D, class T, int W, size_t... L>
FILTRAX_INLINE void exchange(Vec<T, W>* rows, std::index_sequence<L...> lanes) {
  if constexpr (D < W) {
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) {
      if (i & D) continue;
      const Vec<T, W> one = rows[i], other = rows[i + D];
      rows[i] = __builtin_shufflevector(one, other, int(L & D ? W + L - D : L)...);
      rows[i + D] = __builtin_shufflevector(one, other, int(L & D ? W + L : L + D)...);
    }
    exchange<2 * D, T, W>(rows, lanes);
  }
}
// Rows of W numbers, turned over: `to(i)` is the place of the numbers of that column.
template <class S, class T, class Row, class To>
FILTRAX_INLINE void turn_over(const Row& row, const To& to) {
  constexpr int W = width<T>;
  Vec<T, W> rows[W];
#pragma GCC unroll 16
  for (int i = 0; i < W; ++i) rows[i] = fetch<S, T>(row(i));
  exchange<1, T, W>(rows, std::make_index_sequence<W>{});
#pragma GCC unroll 16
  for (int i = 0; i < W; ++i) put<T, W>(to(i), rows[i]);
}
template <class S, class T, class Row>
FILTRAX_INLINE void transpose(const Row& row, T* to, int64_t to_apart) {
  turn_over<S, T>(row, [&](int64_t i) { return to + i * to_apart; });
}

// Vectors of numbers that stand in so many lines, from one on: of the next of each line, at the place of its number.
// `end` is that of the memory.
template <class S, class T, class To>
void across(const S* const* lines, int64_t from, int64_t count, const S* end, const To& to) {
  constexpr int W = width<T>;
  alignas(FILTRAX_VECTOR) T square[W * W];
  // Squares are read whole.
  const bool near = count >= W || (count >= W / 4 && end - (*std::max_element(lines, lines + W) + from) >= W);
  for (int64_t next = 0; near && next < count; next += W) {
    const int64_t at = most(0, least(next, count - W));
    if (count - at >= W) {
      turn_over<S, T>([&](int64_t q) { return lines[q] + from + at; }, [&](int64_t i) { return to(at + i); });
      continue;
    }
    transpose<S, T>([&](int64_t q) { return lines[q] + from; }, square, W);
    for (int64_t i = 0; i < count; ++i) put<T, W>(to(i), load<T>(square + i * W));
  }
  for (int64_t i = 0; !near && i < count; ++i) {
    for (int64_t q = 0; q < W; ++q) convert_few<1>(lines[q] + from + i, to(i) + q);
  }
}
template <class S, class T>
void across(const S* const* lines, int64_t from, int64_t count, const S* end, T* to, int64_t to_apart) {
  across<S, T>(lines, from, count, end, [&](int64_t i) { return to + i * to_apart; });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
