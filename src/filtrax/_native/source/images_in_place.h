// Images read where they lie: outputs of several rows at once, each of the rows of samples behind a pointer of its own.
//
// Rows beyond the image are zeros that all share, and the few that lie at the ends of the memory are copies. What a
// vector reads beyond the ends of a row is masked out. Of outputs that meet every second sample these are picked from
// two vectors; of samples with zeros between them both phases of a row of outputs are made, and put in turn.
#pragma once

#include <utility>
#include <vector>

#include "memory.h"
#include "phases.h"
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
  // Taps down and across, how they lie, and the first of them.
  int64_t down, across, step_down, step_across, first = 0;
};

// Where rows of outputs go, so far apart: of the first few a vector is written, of others so many numbers.
template <class T>
struct RowsOut {
  T* first;
  int64_t apart, count, whole;
};

// R rows of a vector of outputs, whose samples, `Step` apart in both directions, begin at `column`; the mask tells
// which of these count.
template <int Step, int R, class T, class... Mask>
void stencil_block(const Stencil<T>& stencil, const T* const* rows, int64_t column, const RowsOut<T>& to,
                   Mask... mask) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V sums[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) sums[r] = V{};
  for (int64_t plane = 0; plane < stencil.planes; ++plane, rows += stencil.deep) {
    const T* tap = stencil.kernels[plane] + stencil.first;
    const T* const* from = rows;
    const auto meet = [&](auto taps) __attribute__((always_inline)) {
      constexpr int A = decltype(taps)::value;
      const T* first = tap;
      for (int64_t x = 0; x < stencil.across; ++x, first += stencil.step_across) {
        V weights[A];
        const T* at = first;
#pragma GCC unroll 4
        for (int a = 0; a < A; ++a, at += stencil.step_down) weights[a] = kept(splat<T>(*at));
#pragma GCC unroll 40
        for (int v = 0; v < Step * (R - 1) + A; ++v) {
          if (A == 1 && v % Step) continue;
          V sample = load_apart<Step>(from[v] + column + x);
          ((sample = (V)((Vec<BitsOf<T>, W>)sample & load_apart<Step>(mask + x))), ...);
          sample = kept(sample);
#pragma GCC unroll 4
          for (int a = 0; a < A; ++a) {
            const int r = (v - a) / Step;
            if (v >= a && r < R && v == Step * r + a) sums[r] += weights[a] * sample;
          }
        }
      }
      from += A;
      tap += A * stencil.step_down;
    };
    for (int64_t left = stencil.down; left > 0;) {
      // Not four and one: a chain of one shares nothing.
      const int64_t count = left == kColumn + 1 ? kColumn - 1 : least(left, kColumn);
      switch (count) {
        case 1: meet(std::integral_constant<int, 1>{}); break;
        case 2: meet(std::integral_constant<int, 2>{}); break;
        case 3: meet(std::integral_constant<int, 3>{}); break;
        default: meet(std::integral_constant<int, kColumn>{});
      }
      left -= count;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) r < to.whole ? put<T, W>(to.first + r * to.apart, sums[r])
                                           : put_some<T>(to.first + r * to.apart, sums[r], to.count);
}
template <int Step, class T, size_t... R>
void stencil_rows(int64_t rows_of_outputs, const Stencil<T>& stencil, const T* const* rows, int64_t column,
                  const BitsOf<T>* mask, const RowsOut<T>& to, std::index_sequence<R...>) {
  typedef void (*Plain)(const Stencil<T>&, const T* const*, int64_t, const RowsOut<T>&);
  typedef void (*Masked)(const Stencil<T>&, const T* const*, int64_t, const RowsOut<T>&, const BitsOf<T>*);
  static constexpr Plain plain[] = {stencil_block<Step, R + 1, T>...};
  static constexpr Masked masked[] = {stencil_block<Step, R + 1, T, const BitsOf<T>*>...};
  mask ? masked[rows_of_outputs - 1](stencil, rows, column, to, mask)
       : plain[rows_of_outputs - 1](stencil, rows, column, to);
}

// Bytes of rows that are short, and of images that are near.
constexpr int64_t kShortBytes = 1 << 11, kNearBytes = 1 << 14;

// Rows that the next outputs meet, so far apart, if they are known: of so many at once a machine does not see that they
// go on. Below the last of an image mostly lies the next one; what is no memory does no harm.
template <class T>
struct NextRows {
  const T* first;
  int64_t apart;
  // A vector of so many of them; a line of the cache once.
  template <int R>
  FILTRAX_INLINE void fetch(int64_t column) const {
    if (!first || column % (64 / int64_t(sizeof(T)))) return;
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) __builtin_prefetch(first + r * apart + column);
  }
};

// Vectors of outputs of R rows, one after the other from a column on, of so few taps that these stay in registers: D
// down by X across, of one plane.
template <int R, int D, int X, class T>
void few_taps(const Stencil<T>& stencil, const T* const* rows, int64_t column, int64_t vectors, T* to, int64_t apart,
              const NextRows<T>& next) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V weights[X][D], sums[R];
  const T* at[R + D - 1];
  for (int x = 0; x < X; ++x) {
    const T* tap = stencil.kernels[0] + stencil.first + x * stencil.step_across;
    for (int a = 0; a < D; ++a) weights[x][a] = kept(splat<T>(tap[a * stencil.step_down]));
  }
  for (int v = 0; v < R + D - 1; ++v) at[v] = rows[v] + column;
  for (int64_t i = 0; i < vectors * W; i += W) {
    next.template fetch<R>(i);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sums[r] = V{};
#pragma GCC unroll 3
    for (int x = 0; x < X; ++x) {
#pragma GCC unroll 10
      for (int v = 0; v < R + D - 1; ++v) {
        const V sample = kept(load<T>(at[v] + i + x));
#pragma GCC unroll 3
        for (int a = 0; a < D; ++a) {
          if (v >= a && v - a < R) sums[v - a] += weights[x][a] * sample;
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) put<T, W>(to + r * apart + i, sums[r]);
  }
}

// Taps down and across, at most and at least, of which that is so. With long vectors it has not been measured.
constexpr int kFewAcross = 3, kFewDown = 3, kLeastDown = 2;
constexpr bool kTakesFew = FILTRAX_VECTOR < 64;

template <class T>
using FewTaps = void (*)(const Stencil<T>&, const T* const*, int64_t, int64_t, T*, int64_t, const NextRows<T>&);

// Taps of images that are served so even if rows crowd each other out of the first cache, those that are if they do
// not, or that outputs meet in turn, and bytes of the rows that a block meets that are near in any case.
constexpr int64_t kFewTaps = 9, kSomeTaps = 64, kRowBytes = 12 << 10;
// Taps of outputs that meet every second sample: more are worth a copy of the samples of each phase, where rows fill
// vectors. Long vectors are picked with fewer instructions.
constexpr int64_t kFewStrided = FILTRAX_VECTOR == 64 ? kSomeTaps : 16;

// Rows of samples that so many rows of outputs meet.
inline int64_t rows_met(int64_t rows, int64_t step, int64_t taps) { return step * (rows - 1) + taps; }

inline bool is_row(const Slide& axis) { return axis.m == 1 && axis.k == 1; }

// Whether images are served so: of a kernel at a time, with taps one below the other and without gaps, of outputs that
// meet neighbours or every second sample, or of which every second one does along an axis.
template <class S, class T>
bool is_in_place(const Problem& problem) {
  const Slide &inner = problem.inner, &axis = problem.outer[down(problem)], &other = problem.outer[1 - down(problem)];
  const bool spaced = inner.base > 1 || axis.base > 1;
  const bool alike = is_row(axis) || axis.stride == inner.stride, dense = inner.dilation == 1 && axis.dilation == 1;
  const bool near = inner.stride <= (spaced ? 1 : 2) && inner.base <= 2 && axis.base <= 2 && other.base == 1;
  if (sizeof(S) != sizeof(T) || problem.lanes > 1 || inner.out != 1 || problem.has(is_of_kernels)) return false;
  if (!alike || !dense || !near) return false;
  const int64_t taps = axis.k * inner.k;
  if (is_row(axis)) return spaced ? taps <= kSomeTaps : taps <= kFewTaps && inner.stride > 1;
  if (inner.stride > 1 && taps > kFewStrided && inner.m >= width<T>) return false;
  const int64_t bytes = (kRowsInPlace + axis.k - 1) * most(inner.n, inner.m) * sizeof(T);
  const int64_t met = rows_met(kRowsInPlace / 2, axis.stride, axis.k);
  // Fewer rows are one part.
  const bool high = axis.m >= 2 * kRowsInPlace;
  const bool some = spaced || (high && !is_first_cache_crowded(met, axis.lhs * int64_t(sizeof(T))));
  return axis.m > 1 && axis.k > 1 && (taps <= kFewTaps || (taps <= kSomeTaps && some) || bytes <= kRowBytes);
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
    const int64_t first = least(most(-number, 0), count), last = most(first, least(rows - number, count));
    for (int64_t q = 0; q < first; ++q) to[q] = zeros;
    for (int64_t q = first; q < last; ++q) to[q] = row + q * apart - lo_;
    for (int64_t q = last; q < count; ++q) to[q] = zeros;
    if (first == last || (is_near(row + first * apart) && is_near(row + (last - 1) * apart))) return;
    for (int64_t q = first; q < last; ++q) {
      if (is_near(row + q * apart)) continue;
      window(row + q * apart, n_, -lo_, reach_, copies);
      to[q] = copies;
      copies += reach_;
    }
  }

  // Whether so many numbers from one on are all there, and the mask of those that are.
  bool are_there(int64_t from, int64_t count) const { return from >= lo_ && from + count <= lo_ + n_; }
  const BitsOf<T>* bits(int64_t from) const { return fence_.data() + from; }

 private:
  // Whether what is read around a row is within the memory.
  bool is_near(const T* row) const { return row - begin_ >= lo_ && end_ - row >= reach_ - lo_; }

  const T *begin_, *end_;
  const int64_t n_, lo_, reach_;
  std::vector<BitsOf<T>> fence_;
};

template <int Step, class T>
class InPlace {
 public:
  InPlace(const Problem& problem, const T* lhs, const T* rhs, T* out)
      : problem_(problem), inner_(problem.inner), axis_(problem.outer[down(problem)]),
        other_(problem.outer[1 - down(problem)]), lhs_(lhs), rhs_(rhs), out_(out), is_row_(is_row(axis_)),
        across_{Turn(inner_, 0), Turn(inner_, inner_.base - 1)}, down_{Turn(axis_, 0), Turn(axis_, axis_.base - 1)},
        high_(is_row_ ? ceil_div(across_[0].m, W) : down_[0].m), lo_(most(across_[0].lo, across_[1].lo)),
        span_(most(ahead(0) + across_[0].k, ahead(1) + across_[1].k)),
        samples_(lhs, lhs + problem.count_samples(), inner_.n, lo_,
                 is_row_ ? 0 : Step * ceil_div(across_[0].m, W) * W + span_ - 1) {}

  void run(const Pool& pool) const {
    const int64_t images = problem_.count_cells() * other_.m;
    // Few images are cut into parts.
    const int64_t wanted = kEnough * pool.threads, tall = ceil_div(high_, kTall * kRowsInPlace);
    const int64_t parts =
        images >= wanted ? 1 : most(tall, least(ceil_div(high_, kRowsInPlace), ceil_div(wanted, images)));
    const int64_t items = images * parts;
    const double taps = double(problem_.count_sums()) * other_.k * axis_.k * inner_.k / (axis_.base * inner_.base);
    const double work = double(problem_.count_outputs()) * (taps + kOutput) + items * kItem;
    const int64_t tasks = work < kShared ? 1 : least(items, least(16 * pool.threads, int64_t(8 * work / kShared)));
    const int64_t planes = problem_.count_sums() * other_.k, deep = Step * ceil_div(high_, parts) + axis_.k - 1;
    share(pool, tasks, [&](int64_t task) {
      const T** rows = scratch<const T*>(0, planes * (deep + kApart + 1));
      T* zeros = scratch<T>(1, is_row_ ? planes * (Step * W + span_) : samples_.reach() * (planes * deep + 1));
      std::fill_n(zeros, samples_.reach(), T(0));
      const int64_t first = items * task / tasks, last = items * (task + 1) / tasks;
      Cells cells(problem_, first / (parts * other_.m));
      for (int64_t item = first, turn = first % (parts * other_.m); item < last; ++item, ++turn) {
        if (turn == parts * other_.m) cells.next(), turn = 0;
        const int64_t before = turn / parts, part = turn % parts;
        for (int64_t t = 0; t < axis_.base; ++t) {
          make(cells.place(), before, t, high_ * part / parts, high_ * (part + 1) / parts, rows, zeros);
        }
      }
    });
  }

 private:
  // Samples that those of a turn lie behind the first that any reads.
  int64_t ahead(int64_t turn) const { return lo_ - across_[turn].lo; }

  // Rows [begin, end), or vectors of the one row, of a turn of the outputs at `before` along the other axis. There is
  // room for pointers to rows and to kernels, and, behind the zeros, if any, for copies.
  void make(const Place& place, int64_t before, int64_t turn, int64_t begin, int64_t end, const T** rows,
            T* zeros) const {
    const Turn& down = down_[turn];
    const int64_t top = is_row_ ? 0 : begin, high = is_row_ ? 1 : least(end, down.m) - begin;
    if (high <= 0) return;
    const Range planes = taps_inside(other_, before);
    const int64_t deep = Step * (high - 1) + most(down.k, 1), terms = problem_.count_sums();
    const T** kernels = rows + terms * (planes.last - planes.first) * deep;
    T* copies = zeros + samples_.reach();
    const T* first_row = nullptr;  // Of a single plane, which other turns find near.
    int64_t count = 0;
    for (int64_t s = 0; s < terms; ++s) {
      const Place term = term_of(problem_, s);
      for (int64_t a = planes.first; a < planes.last; ++a, ++count) {
        const int64_t plane = other_.stride * before + other_.dilation * a - other_.lo, first = Step * top - down.lo;
        const T* row = lhs_ + place.lhs + term.lhs + plane * other_.lhs + first * axis_.lhs;
        first_row = axis_.base == 1 && count == 0 ? row : nullptr;
        kernels[count] = rhs_ + place.rhs + term.rhs + a * other_.rhs + down.tap * axis_.rhs;
        if (is_row_) {
          rows[count] = first >= 0 && first < axis_.n ? row : nullptr;
          continue;
        }
        samples_.find(row, axis_.lhs, first, axis_.n, deep, zeros, copies, rows + count * deep);
      }
    }
    Stencil<T> stencil{count, deep, kernels, down.k, 0, axis_.base * axis_.rhs, inner_.base * inner_.rhs};
    T* to = out_ + place.out + before * other_.out + (axis_.base * top + turn) * axis_.out;
    if (is_row_) return lay_row(stencil, rows, begin, end, kernels + count, zeros, to);
    lay_image(stencil, first_row, rows, high, to);
  }

  void lay_image(Stencil<T>& stencil, const T* first, const T* const* rows, int64_t high, T* to) const {
    const int64_t blocks = ceil_div(high, at_once_), apart = axis_.base * axis_.out;
    for (int64_t b = 0, top = 0; b < blocks; ++b) {
      const int64_t some = (high - top) / (blocks - b);
      // Of rows shorter than a vector, what is written beyond an end is written over.
      const int64_t over = apart == inner_.m ? high - top - ceil_div(W, inner_.m) + 1 : 0;
      const FewTaps<T> few = stencil.planes == 1 && some == kRowsOfFew ? few_ : nullptr;
      const int64_t after = Step * (top + some - 1) + stencil.down;
      const bool fetches = first && (!few || fetches_few_);
      const NextRows<T> next{fetches ? first + after * axis_.lhs : nullptr, axis_.lhs};
      for (int64_t i = 0; i < across_[0].m; i += W) {
        if (few && samples_.are_there(i + ahead(0), W + across_[0].k - 1) && i + W <= across_[0].m) {
          // All that read nothing beyond the ends of the rows.
          const int64_t end = least(lo_ + inner_.n - ahead(0) - across_[0].k + 1, across_[0].m);
          const int64_t vectors = (end - i) / W;
          stencil.first = across_[0].tap * inner_.rhs;
          few(stencil, rows + top, i + ahead(0), vectors, to + top * apart + i, apart, next);
          i += (vectors - 1) * W;
          continue;
        }
        const int64_t column = most(0, least(i, across_[0].m - W)), left = inner_.m - inner_.base * column;
        next.template fetch<kApart>(Step * i);
        T* at = to + top * apart + inner_.base * column;
        lay(stencil, rows + Step * top, some, column, {at, apart, left, left < W ? over : some});
      }
      top += some;
    }
  }

  // Vectors [begin, end) of a row. They are taken as rows one below the other, but for those at its ends, whose samples
  // are copied. There is room for pointers and for copies.
  void lay_row(Stencil<T>& stencil, const T* const* rows, int64_t begin, int64_t end, const T** at, T* copies,
               T* to) const {
    const int64_t many = across_[0].m, first = ceil_div(most(lo_, 0), Step * W), size = Step * W + span_;
    const int64_t last = least(across_[1].m / W, floor_div(lo_ + inner_.n - span_ + 1, Step * W));
    stencil.deep = kApart;
    for (int64_t i = begin; i < end;) {
      const bool inside = i >= first && i < last;
      const int64_t some = inside ? least(kRowsInPlace, least(last, end) - i) : 1;
      const int64_t column = i < last ? i * W : most(0, least(i * W, many - W)), left = inner_.m - inner_.base * column;
      for (int64_t plane = 0; plane < stencil.planes; ++plane) {
        const T* row = rows[plane];
        const int64_t start = Step * column - lo_;
        if (!inside || !row) window(row, row ? inner_.n : 0, start, size, copies + plane * size);
        for (int64_t r = 0; r < some; ++r) {
          at[plane * kApart + Step * r] = inside && row ? row + start + Step * W * r : copies + plane * size;
        }
      }
      lay(stencil, at, some, 0, {to + inner_.base * column, inner_.base * W, left, left < W ? 0 : some});
      i += some;
    }
  }

  // A vector of outputs, from a column on, of some rows; where they are in two turns, a vector of each.
  void lay(Stencil<T>& stencil, const T* const* rows, int64_t some, int64_t column, const RowsOut<T>& to) const {
    if (inner_.base == 1) return make_block(stencil, rows, some, 0, column, to);
    alignas(FILTRAX_VECTOR) T done[2][kRowsInPlace * W];
    for (int turn = 0; turn < 2; ++turn) make_block(stencil, rows, some, turn, column, {done[turn], W, W, some});
    for (int64_t r = 0; r < some; ++r) {
      put_in_turn<T>(to.first + r * to.apart, load<T>(done[0] + r * W), load<T>(done[1] + r * W), to.count);
    }
  }

  void make_block(Stencil<T>& stencil, const T* const* rows, int64_t some, int64_t turn, int64_t column,
                  const RowsOut<T>& to) const {
    const Turn& across = across_[turn];
    const int64_t from = Step * column + ahead(turn);
    stencil.across = across.k;
    stencil.first = across.tap * inner_.rhs;
    const bool all = is_row_ || samples_.are_there(from, Step * W + across.k - 1);
    const BitsOf<T>* mask = all ? nullptr : samples_.bits(from);
    stencil_rows<Step, T>(some, stencil, rows, from, mask, to, std::make_index_sequence<kRowsInPlace>{});
  }

  // Rows of outputs at once: half of them where rows as long as a power of two crowd each other out of the first cache.
  int64_t rows_at_once() const {
    const int64_t met = rows_met(kRowsInPlace, Step, down_[0].k);
    if (few_) return kRowsOfFew;
    return is_first_cache_crowded(met, axis_.lhs * int64_t(sizeof(T))) ? kRowsInPlace / 2 : kRowsInPlace;
  }

  FewTaps<T> few_taps_of() const {
    constexpr int R = kRowsOfFew;
    static constexpr FewTaps<T> all[][kFewAcross] = {
        {few_taps<R, 2, 1, T>, few_taps<R, 2, 2, T>, few_taps<R, 2, 3, T>},
        {few_taps<R, 3, 1, T>, few_taps<R, 3, 2, T>, few_taps<R, 3, 3, T>}};
    const int64_t deep = down_[0].k, wide = across_[0].k;
    if (!kTakesFew || Step > 1 || inner_.base > 1 || axis_.base > 1) return nullptr;
    return deep >= kLeastDown && deep <= kFewDown && wide <= kFewAcross ? all[deep - kLeastDown][wide - 1] : nullptr;
  }

  static constexpr int64_t W = width<T>;
  // Rows of outputs at once whose few taps stay in registers.
  static constexpr int kRowsOfFew = kRowsInPlace / 2;
  // Images for each thread that need not be cut, and blocks of rows in a part of one.
  static constexpr int64_t kEnough = 8, kTall = 4;
  // Pointers from plane to plane where one row is taken as several.
  static constexpr int64_t kApart = Step * kRowsInPlace;
  const Problem& problem_;
  const Slide &inner_, &axis_, &other_;
  const T *lhs_, *rhs_;
  T* out_;
  const bool is_row_;
  // Turns of the outputs, which meet the taps in turn: one, or two of samples with zeros between them.
  const Turn across_[2], down_[2];
  // Rows of outputs of a turn, at most, or vectors of the one; samples before the first of a row that any output reads;
  // and how many the outputs of one place of all turns read.
  const int64_t high_, lo_, span_;
  const Rows<T> samples_;
  const FewTaps<T> few_ = few_taps_of();
  // Whether what few taps meet next is fetched: not along long rows, which go on by themselves, nor of small images.
  const bool fetches_few_ = inner_.n * int64_t(sizeof(T)) <= kShortBytes &&
                            axis_.n * inner_.n * int64_t(sizeof(T)) > kNearBytes;
  const int64_t at_once_ = rows_at_once();
};

template <class T>
void correlate_in_place(const Pool& pool, const Problem& problem, const T* lhs, const T* rhs, T* out) {
  problem.inner.stride == 1 ? InPlace<1, T>(problem, lhs, rhs, out).run(pool)
                            : InPlace<2, T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
