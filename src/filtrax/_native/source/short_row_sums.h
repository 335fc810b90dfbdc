// Gradients by kernels of many short rows: few dot products of each row with another, all of them at once.
//
// Sums stay in registers along a row. Where some of what a vector holds is another row's, a mask for each output hides
// it.
#pragma once

#include <utility>
#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "sums.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Outputs of a row and vectors of its taps at most; rows that are many; and vectors of products that a sum of single
// precision holds.
constexpr int kFewSums = FILTRAX_VECTOR == 64 ? 16 : 12;
constexpr int64_t kSummedVectors = 32, kManySums = 64, kAdded = 128;

template <class T>
bool are_short_row_sums(const Problem& problem) {
  const Slide& inner = problem.inner;
  return problem.is_of_rows() && problem.lanes == 1 && !problem.has(is_of_kernels) && !problem.has(is_of_signals) &&
         inner.dilation == 1 && inner.base == 1 && inner.lhs == 1 && inner.rhs == 1 && inner.m <= kFewSums &&
         inner.m <= inner.k &&
         inner.k <= kSummedVectors * width<T> && problem.count_cells() * problem.count_sums() >= kManySums;
}

// Lanes of vectors added up: of two, each with W / N numbers to a sum, one with half as many.
template <class T, int N, size_t... L>
FILTRAX_INLINE Vec<T, width<T>> folded(Vec<T, width<T>> a, Vec<T, width<T>> b, std::index_sequence<L...>) {
  constexpr int W = width<T>, Half = W / (2 * N);
  constexpr auto lane = [](int l) { return l / Half * 2 * Half + l % Half; };
  return __builtin_shufflevector(a, b, lane(int(L))...) + __builtin_shufflevector(a, b, (lane(int(L)) + Half)...);
}
// The sums of N vectors, `step` numbers from each other, in order.
template <class T, int N = width<T>>
FILTRAX_INLINE Vec<T, width<T>> sums_of(const T* vectors, int64_t step) {
  if constexpr (N == 1) {
    return load<T>(vectors);
  } else {
    return folded<T, N / 2>(sums_of<T, N / 2>(vectors, step), sums_of<T, N / 2>(vectors + N / 2 * step, step),
                            std::make_index_sequence<width<T>>{});
  }
}

// Adds J products of a row of taps, each `step` samples further, to vectors of sums. `masks`: of each vector of taps
// those of its J outputs and its own, or none.
template <class S, class T, int J>
void sums_of_row(const S* x, const S* h, int64_t step, const BitsOf<T>* const* masks, int64_t vectors, T* sums) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  typedef Vec<BitsOf<T>, W> Bits;
  V total[J];
#pragma GCC unroll 16
  for (int j = 0; j < J; ++j) total[j] = load<T>(sums + j * W);
  for (int64_t v = 0; v < vectors; ++v, x += W, h += W) {
    V tap = fetch<S, T>(h);
    if (const BitsOf<T>* mask = masks[v]) {
      tap = (V)((Bits)tap & load<BitsOf<T>>(mask + J * W));
#pragma GCC unroll 16
      for (int j = 0; j < J; ++j) {
        total[j] += tap * (V)((Bits)fetch<S, T>(x + j * step) & load<BitsOf<T>>(mask + j * W));
      }
    } else {
      tap = kept(tap);
#pragma GCC unroll 16
      for (int j = 0; j < J; ++j) total[j] += tap * fetch<S, T>(x + j * step);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < J; ++j) put<T, W>(sums + j * W, total[j]);
}

template <class S, class T>
class ShortRowSums {
  typedef typename Wider<T>::type Wide;
  static constexpr int64_t W = width<T>;
  using Row = void (*)(const S*, const S*, int64_t, const BitsOf<T>* const*, int64_t, T*);

 public:
  ShortRowSums(const Problem& problem, const S* lhs, const S* rhs, S* out)
      : p_(problem), lhs_(lhs), rhs_(rhs), out_(out), outputs_(problem.inner.m),
        vectors_(ceil_div(problem.inner.k, W)), terms_(problem.count_sums()),
        row_(row_of(std::make_index_sequence<kFewSums>{})) {
    const Slide& inner = p_.inner;
    bits_.resize(vectors_ * (outputs_ + 1) * W);
    for (int64_t v = 0; v < vectors_; ++v) {
      BitsOf<T>* mask = bits_.data() + v * (outputs_ + 1) * W;
      bool whole = true;
      for (int64_t j = 0; j <= outputs_; ++j) {
        for (int64_t l = 0; l < W; ++l) {
          const int64_t tap = v * W + l, sample = tap + j * inner.stride - inner.lo;
          const bool counts = tap < inner.k && (j == outputs_ || (sample >= 0 && sample < inner.n));
          mask[j * W + l] = counts ? ~BitsOf<T>(0) : 0;
          whole = whole && counts;
        }
      }
      masks_.push_back(whole ? nullptr : mask);
    }
    // What is read of a row, from its first sample and tap on.
    behind_ = vectors_ * W + (outputs_ - 1) * inner.stride - inner.lo;
    samples_ = p_.count_samples();
    taps_ = p_.count_taps();
  }

  void run(const Pool& pool) const {
    const int64_t cells = p_.count_cells();
    const double work = double(cells) * terms_ * (double(vectors_) * W * outputs_ + kOutput * W);
    const int64_t wanted = work < kShared ? 1 : 8 * pool.threads;
    if (terms_ * vectors_ <= kAdded) {
      const int64_t groups = ceil_div(cells, W), tasks = least(groups, wanted);
      return share(pool, tasks, [&](int64_t task) {
        for (int64_t group = groups * task / tasks; group < groups * (task + 1) / tasks; ++group) {
          together(group * W, least(group * W + W, cells));
        }
      });
    }
    // Neighbours meet a term one after the other, so that memory is read in its order; they are cut into parts of their
    // terms.
    const int64_t near = most(1, least(cells, kWaiting / (outputs_ * W))), groups = ceil_div(cells, near);
    const int64_t parts = least(terms_, ceil_div(wanted, groups)), units = groups * parts, tasks = least(units, wanted);
    std::vector<Wide> totals(units * near * outputs_);
    share(pool, tasks, [&](int64_t task) {
      for (int64_t i = units * task / tasks; i < units * (task + 1) / tasks; ++i) {
        const int64_t first = i / parts * near, part = i % parts;
        add(first, least(near, cells - first), terms_ * part / parts, terms_ * (part + 1) / parts,
            &totals[i * near * outputs_]);
      }
    });
    Cells all(p_, 0);
    for (int64_t cell = 0; cell < cells; ++cell, all.next()) {
      const Wide* own = &totals[(cell / near * parts * near + cell % near) * outputs_];
      for (int64_t j = 0; j < outputs_; ++j) {
        Wide total = 0;
        for (int64_t part = 0; part < parts; ++part) total += own[part * near * outputs_ + j];
        const T sum = T(total);
        convert_few<1>(&sum, out_ + all.place().out + j * p_.inner.out);
      }
    }
  }

 private:
  template <size_t... J>
  Row row_of(std::index_sequence<J...>) const {
    static constexpr Row rows[] = {sums_of_row<S, T, J + 1>...};
    return rows[outputs_ - 1];
  }

  // Products of a row, which is copied where vectors reach beyond the memory.
  void meet(int64_t lhs, int64_t rhs, T* sums) const {
    const Slide& inner = p_.inner;
    const S *x = lhs_ + lhs - inner.lo, *h = rhs_ + rhs;
    if (lhs - inner.lo < 0 || lhs + behind_ > samples_ || rhs + vectors_ * W > taps_) {
      const int64_t before = most(inner.lo, 0);
      S* copy = scratch<S>(0, before + most(inner.n, behind_) + vectors_ * W);
      S* taps = copy + before + most(inner.n, behind_);
      std::copy_n(lhs_ + lhs, inner.n, copy + before);
      std::copy_n(h, inner.k, taps);
      x = copy + before - inner.lo;
      h = taps;
    }
    row_(x, h, inner.stride, masks_.data(), vectors_, sums);
  }

  // Cells whose sums are short: a vector of them at once is added up across lanes.
  void together(int64_t begin, int64_t end) const {
    const int64_t step = outputs_ * W;
    T* sums = scratch<T>(2, step * W);
    std::fill_n(sums, step * W, T(0));
    Cells cells(p_, begin);
    int64_t places[W];
    for (int64_t cell = begin; cell < end; ++cell, cells.next()) {
      const Place place = cells.place();
      places[cell - begin] = place.out;
      for (int64_t s = 0; s < terms_; ++s) {
        const Place term = term_of(p_, s);
        meet(place.lhs + term.lhs, place.rhs + term.rhs, sums + (cell - begin) * step);
      }
    }
    for (int64_t j = 0; j < outputs_; ++j) {
      T results[W];
      put<T, W>(results, sums_of<T>(sums + j * W, step));
      for (int64_t cell = begin; cell < end; ++cell) {
        convert_few<1>(results + cell - begin, out_ + places[cell - begin] + j * p_.inner.out);
      }
    }
  }

  // Some terms of neighbouring cells.
  void add(int64_t first, int64_t cells, int64_t begin, int64_t end, Wide* totals) const {
    const int64_t step = outputs_ * W;
    T* sums = scratch<T>(2, cells * step);
    std::fill_n(sums, cells * step, T(0));
    Place* places = scratch<Place>(1, cells);
    Cells all(p_, first);
    for (int64_t c = 0; c < cells; ++c, all.next()) places[c] = all.place();
    int64_t added = 0;
    for (int64_t s = begin; s < end; ++s) {
      const Place term = term_of(p_, s);
      for (int64_t c = 0; c < cells; ++c) meet(places[c].lhs + term.lhs, places[c].rhs + term.rhs, sums + c * step);
      if ((added += vectors_) < kAdded && s + 1 < end) continue;
      for (int64_t c = 0; c < cells; ++c) add_up<T, 1>(sums + c * step, outputs_, totals + c * outputs_);
      added = 0;
    }
  }

  const Problem& p_;
  const S *lhs_, *rhs_;
  S* out_;
  const int64_t outputs_, vectors_, terms_;
  const Row row_;
  std::vector<BitsOf<T>> bits_;
  std::vector<const BitsOf<T>*> masks_;
  int64_t behind_, samples_, taps_;
};

template <class S, class T>
void correlate_short_row_sums(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  ShortRowSums<S, T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
