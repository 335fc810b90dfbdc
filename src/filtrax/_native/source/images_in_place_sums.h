// Gradients by the kernels of images, volumes and columns: dot products of rows that are read where they lie.
//
// A row of samples meets several rows of taps, each for another row of outputs, at several places; their sums stay in
// registers.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "banks.h"
#include "images_in_place.h"
#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "sums.h"

namespace filtrax {
namespace FILTRAX_SET {

// Outputs one below the other and across that are in registers at once, with a row of taps for each row of them: more
// of a column than of several, as every such block is code of its own.
constexpr int kHighSums = 8, kHighOfMany = 4, kWideSums = 8, kRegisters = FILTRAX_VECTOR == 64 ? 32 : 16;
constexpr bool are_at_once(int high, int wide) {
  return high <= (wide == 1 ? kHighSums : kHighOfMany) && high * wide + high + 1 <= kRegisters;
}
// Rows of taps whose products are added up in vectors, and those that are met before the next column is.
constexpr int64_t kRowsAdded = 512, kBand = 32;
// Images of so many bytes, which are not near, are copied in segments of so many columns: columns of rows that follow
// each other are no stream that the processor reads ahead, and as long as a power of two they push each other out of
// the first cache. (Where a vector is a line of it, this was not measured.)
constexpr int64_t kFar = 1 << 18, kSegment = 256;
constexpr bool kBringsNear = FILTRAX_VECTOR < 64;

// Outputs one below the other that are at once with so many across.
inline int64_t sums_down(int64_t across) {
  int64_t high = kHighSums;
  while (!are_at_once(high, across)) --high;
  return high;
}
// Outputs across at once, at most: all there is code for or, where registers are few, those of the fastest blocks.
inline int64_t sums_across(int64_t high, int64_t wide) {
  if (FILTRAX_VECTOR == 64) return kWideSums;
  int64_t best = 1;
  double least_time = 1e30;
  for (int64_t across = 1; across <= kWideSums; ++across) {
    // A row of a block takes so long: it waits for the one before, or for its loads and products.
    const int64_t down = ceil_div(high, sums_down(across)), blocks = ceil_div(wide, across);
    const double x = double(wide) / blocks, sums = double(high) / down * x;
    const double time = double(down * blocks) * std::max(4.8, 2.6 + 0.75 * x + 0.42 * sums);
    if (time < least_time) least_time = time, best = across;
  }
  return best;
}

// Which samples and taps count, from the first that a vector of them reads on.
template <class T>
struct Counted {
  const BitsOf<T>*samples, *taps;
};

// Adds to A by X sums what a column of `rows` rows of taps gives, which meet samples `Step` apart in both directions.
// Each row of samples is read once: the rows of taps that it meets wait in registers.
template <int Step, int A, int X, class T, class... Some>
void stencil_sums(const T* const* x, const T* const* h, int64_t rows, int64_t column, int64_t at, T* sums,
                  int64_t pitch, Some... counted) {
  constexpr int W = width<T>, N = (A + Step - 1) / Step;
  typedef Vec<T, W> V;
  typedef Vec<BitsOf<T>, W> Bits;
  V total[A * X], taps[N];
  // A tap that does not count must not meet a NaN either.
  Bits both[X];
  const auto choose = [&](const Counted<T>& some) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int i = 0; i < X; ++i) both[i] = load_apart<Step>(some.samples + i) & load<BitsOf<T>>(some.taps);
  };
  (choose(counted), ...);
#pragma GCC unroll 32
  for (int i = 0; i < A * X; ++i) total[i] = load<T>(sums + (i / X * pitch + i % X) * W);
  // Rows of samples from `Step * r` on: those of outputs [from, to), each `Step` of them, meet the taps' rows in turn.
  const auto meet = [&](int64_t r, int from, int to) __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (int s = 0; s < Step && s < A; ++s) {
      if (from * Step + s >= A) continue;
      const T* row = x[Step * r + s] + at;
#pragma GCC unroll 8
      for (int i = 0; i < X; ++i) {
        V sample = load_apart<Step>(row + i);
        if constexpr (sizeof...(Some) > 0) sample = (V)((Bits)sample & both[i]);
        sample = kept(sample);
#pragma GCC unroll 8
        for (int q = from; q < to; ++q) {
          if (const int a = q * Step + s; a < A) total[a * X + i] += taps[q - from] * sample;
        }
      }
    }
  };
  const auto next = [&](int64_t r) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int q = N - 1; q > 0; --q) taps[q] = taps[q - 1];
    taps[0] = load<T>(h[r] + column);
    ((taps[0] = (V)((Bits)taps[0] & load<BitsOf<T>>(counted.taps))), ...);
  };
  take_turns<N>(rows, next, meet);
#pragma GCC unroll 32
  for (int i = 0; i < A * X; ++i) put<T, W>(sums + (i / X * pitch + i % X) * W, total[i]);
}
template <class T>
using StencilSums = void (*)(const T* const*, const T* const*, int64_t, int64_t, int64_t, T*, int64_t,
                             const Counted<T>*);
template <int Step, int A, int X, class T>
void some_or_all_sums(const T* const* x, const T* const* h, int64_t rows, int64_t column, int64_t at, T* sums,
                      int64_t pitch, const Counted<T>* counted) {
  counted ? stencil_sums<Step, A, X, T>(x, h, rows, column, at, sums, pitch, *counted)
          : stencil_sums<Step, A, X, T>(x, h, rows, column, at, sums, pitch);
}
template <int Step, class T, size_t... Block>
StencilSums<T> stencil_sums_of(int64_t high, int64_t across, std::index_sequence<Block...>) {
  constexpr auto of = [](auto block) -> StencilSums<T> {
    constexpr int A = int(block) / kWideSums + 1, X = int(block) % kWideSums + 1;
    if constexpr (are_at_once(A, X)) return some_or_all_sums<Step, A, X, T>;
    return nullptr;
  };
  static constexpr StencilSums<T> blocks[] = {of(std::integral_constant<size_t, Block>{})...};
  return blocks[(high - 1) * kWideSums + across - 1];
}

// Adds to D by X sums, which stay in registers, what `rows` rows of taps give, one after the other, from a column on.
template <int D, int X, class T>
void few_sums(const T* const* x, const T* const* h, int64_t rows, int64_t column, int64_t vectors, T* sums) {
  constexpr int W = width<T>;
  Vec<T, W> total[D * X];
  for (int i = 0; i < D * X; ++i) total[i] = load<T>(sums + i * W);
  for (int64_t r = 0; r < rows; ++r) {
    const T *taps = h[r] + column, *at[D];
    for (int a = 0; a < D; ++a) at[a] = x[r + a] + column;
    for (int64_t i = 0; i < vectors * W; i += W) {
      const Vec<T, W> tap = kept(load<T>(taps + i));
#pragma GCC unroll 9
      for (int q = 0; q < D * X; ++q) total[q] += tap * load<T>(at[q / X] + i + q % X);
    }
  }
  for (int i = 0; i < D * X; ++i) put<T, W>(sums + i * W, total[i]);
}
template <class T>
using FewSums = void (*)(const T* const*, const T* const*, int64_t, int64_t, int64_t, T*);

// Whether sums are made so: of images whose taps meet neighbours, or every second sample, a kernel at a time.
template <class S, class T>
bool is_sum_in_place(const Problem& problem) {
  const Slide &inner = problem.inner, &axis = problem.outer[down(problem)], &other = problem.outer[1 - down(problem)];
  return sizeof(S) == sizeof(T) && problem.lanes == 1 && !problem.has(is_of_kernels) && !problem.has(is_of_signals) &&
         inner.stride == 1 && axis.stride == 1 && inner.dilation == axis.dilation && inner.dilation <= 2 &&
         inner.base == 1 && axis.base == 1 && other.base == 1 && inner.rhs == 1 && axis.m > 1 && axis.k > 1 &&
         axis.m <= axis.k && inner.m <= inner.k;
}

template <int Step, class T>
class SumsInPlace {
  typedef typename Wider<T>::type Wide;

 public:
  SumsInPlace(const Problem& problem, const T* lhs, const T* rhs, T* out)
      : problem_(problem), inner_(problem.inner), axis_(problem.outer[down(problem)]),
        other_(problem.outer[1 - down(problem)]), lhs_(lhs), rhs_(rhs), out_(out),
        along_(ceil_div(inner_.k, W) * W), few_(few_sums_of()), are_far_(kBringsNear && !few_ && is_far()),
        band_(are_far_ ? least(most(kBand, axis_.m), 4 * kBand) : kBand), bands_(ceil_div(axis_.k, band_)),
        segment_(are_far_ ? least(kSegment, along_) : along_), across_(sums_across(axis_.m, inner_.m)),
        samples_(lhs, lhs + problem.count_samples(), inner_.n, inner_.lo, Step * along_ + inner_.m - 1),
        taps_(rhs, rhs + problem.count_taps(), inner_.k, 0, along_) {}

  void run(const Pool& pool) const {
    const int64_t cells = problem_.count_cells(), items = problem_.count_sums() * other_.k * bands_;
    const int64_t image = axis_.m * inner_.m, outputs = other_.m * image;
    const double work = double(cells) * items * (double(axis_.k) / bands_ * inner_.k * outputs + kItem);
    const int64_t wanted = work < kShared ? 1 : kEach * pool.threads;
    // Few cells are cut into parts of their terms.
    const int64_t parts = least(items, ceil_div(wanted, cells)), tasks = least(cells * parts, 4 * wanted);
    std::vector<Wide> totals(cells * parts * outputs);
    const auto finish = [&](int64_t cell) {
      const Place place = place_of(problem_, cell);
      for (int64_t i = 0; i < outputs; ++i) {
        Wide total = 0;
        for (int64_t part = 0; part < parts; ++part) total += totals[(cell * parts + part) * outputs + i];
        const int64_t at = i % image;
        out_[place.out + i / image * other_.out + at / inner_.m * axis_.out + at % inner_.m * inner_.out] = T(total);
      }
    };
    share(pool, tasks, [&](int64_t task) {
      for (int64_t i = cells * parts * task / tasks; i < cells * parts * (task + 1) / tasks; ++i) {
        const int64_t part = i % parts;
        add(place_of(problem_, i / parts), items * part / parts, items * (part + 1) / parts, &totals[i * outputs]);
        if (parts == 1) finish(i);
      }
    });
    for (int64_t cell = 0; parts > 1 && cell < cells; ++cell) finish(cell);
  }

 private:
  // Adds what items [begin, end) give: bands of the rows of taps of each plane of them, term by term.
  void add(const Place& place, int64_t begin, int64_t end, Wide* totals) const {
    const int64_t image = axis_.m * inner_.m, outputs = other_.m * image;
    const int64_t most_deep = axis_.m + Step * band_;
    const T** x = scratch<const T*>(0, most_deep + band_);
    const T** h = x + most_deep;
    T* zeros = scratch<T>(1, samples_.reach() * (1 + most_deep) + along_ * band_);
    const T** near_x = are_far_ ? scratch<const T*>(3, most_deep + band_) : x;
    const T** near_h = are_far_ ? near_x + most_deep : h;
    T* taps_near = scratch<T>(4, are_far_ ? pitch(segment_) * band_ + pitch(samples_of(segment_)) * most_deep : 0);
    T* samples_near = taps_near + pitch(segment_) * band_;
    T* sums = scratch<T>(2, outputs * W);
    std::fill_n(zeros, samples_.reach(), T(0));
    std::fill_n(sums, outputs * W, T(0));
    int64_t added = 0;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t band = item % bands_, plane = item / bands_ % other_.k;
      const Place term = term_of(problem_, item / (bands_ * other_.k));
      const int64_t first = axis_.k * band / bands_, rows = axis_.k * (band + 1) / bands_ - first;
      const int64_t start = Step * first - axis_.lo, deep = Step * (rows - 1) + axis_.m;
      const T* taps = rhs_ + place.rhs + term.rhs + plane * other_.rhs + first * axis_.rhs;
      T* copies = zeros + samples_.reach();
      taps_.find(taps, axis_.rhs, 0, rows, rows, zeros, copies, h);
      T* const behind = copies;
      for (int64_t c = 0; c < other_.m; ++c, copies = behind) {
        const int64_t met = other_.stride * c + other_.dilation * plane - other_.lo;
        if (met < 0 || met >= other_.n) continue;
        const T* from = lhs_ + place.lhs + term.lhs + met * other_.lhs + start * axis_.lhs;
        samples_.find(from, axis_.lhs, start, axis_.n, deep, zeros, copies, x);
        T* own = sums + c * image * W;
        if (few_) {
          meet_few(x, h, rows, own, totals + c * image);
          continue;
        }
        for (int64_t left = 0, here = 0; left < inner_.k; left += segment_) {
          const int64_t right = least(along_, left + segment_);
          if (are_far_) {
            bring(h, rows, left, right - left, taps_near, near_h);
            bring(x, deep, Step * left, samples_of(right - left), samples_near, near_x);
          }
          for (int64_t column = left; column < right; column += W) {
            meet(near_x, near_h, rows, column, own);
            here += rows;
            if (here < kRowsAdded) continue;
            add_up<T, 1>(own, image, totals + c * image);
            here = 0;
          }
        }
      }
      added += least(kRowsAdded, rows * ceil_div(inner_.k, W));
      if (added < kRowsAdded && item + 1 < end) continue;
      add_up<T, 1>(sums, outputs, totals);
      added = 0;
    }
  }

  // Samples that so many taps of a row meet, and how far apart copies of rows stand.
  int64_t samples_of(int64_t taps) const { return Step * taps + inner_.m - 1; }
  static int64_t pitch(int64_t count) {
    constexpr int64_t kLine = 64 / sizeof(T);
    return (ceil_div(count, kLine) | 1) * kLine;
  }
  // Copies numbers [from, from + count) of rows; `near` are pointers to where the rows of the copies would begin.
  static void bring(const T* const* rows, int64_t many, int64_t from, int64_t count, T* copy, const T** near) {
    for (int64_t q = 0; q < many; ++q, copy += pitch(count)) {
      std::copy_n(rows[q] + from, count, copy);
      near[q] = copy - from;
    }
  }

  // The few sums of a plane with rows of taps.
  void meet_few(const T* const* x, const T* const* h, int64_t rows, T* sums, Wide* totals) const {
    const auto are_all = [&](int64_t at) { return samples_.are_there(at, W + inner_.m - 1) && taps_.are_there(at, W); };
    for (int64_t column = 0, next; column < inner_.k; column = next) {
      for (next = column; are_all(next) && next - column < kRowsAdded * W;) next += W;
      if (next == column) {
        meet(x, h, rows, column, sums);
        next += W;
        continue;
      }
      const int64_t vectors = (next - column) / W, some = most(1, kRowsAdded / vectors);
      for (int64_t r = 0; r < rows; r += some) {
        few_(x + r, h + r, least(some, rows - r), column, vectors, sums);
        add_up<T, 1>(sums, axis_.m * inner_.m, totals);
      }
    }
  }

  bool is_far() const { return axis_.k * inner_.k * int64_t(sizeof(T)) > kFar; }

  FewSums<T> few_sums_of() const {
    static constexpr FewSums<T> all[][kFewAcross] = {
        {few_sums<2, 1, T>, few_sums<2, 2, T>, few_sums<2, 3, T>},
        {few_sums<3, 1, T>, few_sums<3, 2, T>, few_sums<3, 3, T>}};
    if (!kTakesFew || !is_far() || Step > 1 || axis_.m > kFewDown || inner_.m > kFewAcross) return nullptr;
    return all[axis_.m - kLeastDown][inner_.m - 1];
  }

  // All sums of a plane with a column of rows of taps.
  void meet(const T* const* x, const T* const* h, int64_t rows, int64_t column, T* sums) const {
    const int64_t wide = ceil_div(inner_.m, across_);
    for (int64_t b = 0; b < wide; ++b) {
      const int64_t left = inner_.m * b / wide, across = inner_.m * (b + 1) / wide - left;
      const int64_t at = Step * column + left;
      const Counted<T> counted{samples_.bits(at), taps_.bits(column)};
      const bool all = samples_.are_there(at, Step * W + across - 1) && taps_.are_there(column, W);
      const Counted<T>* some = all ? nullptr : &counted;
      const int64_t blocks = ceil_div(axis_.m, sums_down(across));
      for (int64_t a = 0; a < blocks; ++a) {
        const int64_t top = axis_.m * a / blocks, high = axis_.m * (a + 1) / blocks - top;
        T* to = sums + (top * inner_.m + left) * W;
        constexpr auto blocks_of_sums = std::make_index_sequence<kHighSums * kWideSums>{};
        const auto block = stencil_sums_of<Step, T>(high, across, blocks_of_sums);
        block(x + top, h, rows, column, at, to, inner_.m, some);
      }
    }
  }

  static constexpr int64_t W = width<T>;
  const Problem& problem_;
  const Slide &inner_, &axis_, &other_;
  const T *lhs_, *rhs_;
  T* out_;
  // Taps of a row in whole vectors; what makes few sums of large images, along their rows; whether rows are copied;
  // rows of taps in a band and bands, taps of a row that are met before the next band is, and outputs across at once.
  const int64_t along_;
  const FewSums<T> few_;
  const bool are_far_;
  const int64_t band_, bands_, segment_, across_;
  const Rows<T> samples_, taps_;
};

template <class T>
void sums_in_place(const Pool& pool, const Problem& problem, const T* lhs, const T* rhs, T* out) {
  problem.inner.dilation == 1 ? SumsInPlace<1, T>(problem, lhs, rhs, out).run(pool)
                              : SumsInPlace<2, T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
