// Gradients by banks: each kernel of many meets each signal of many, in few outputs of long sums.
//
// As in a product of matrices, several kernels are in registers with several signals, or with one that is
// shifted: what was read of one meets all of the other.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "banks.h"
#include "sums.h"

namespace filtrax {
namespace FILTRAX_SET {

// Kernels whose sums are in registers at once, and the samples' rows of each.
constexpr int kSummed = FILTRAX_VECTOR == 64 ? 4 : 3;
template <int A>
constexpr int kShifts = FILTRAX_VECTOR == 64 ? (A == 4 ? 6 : A == 3 ? 8 : A == 2 ? 12 : 16)
                                             : (A == 3 ? 4 : A == 2 ? 5 : 10);
constexpr int kMostShifts = 16, kMostSums = 24;

// Of two vectors, in which lanes D apart belong together, one in which these are added.
template <int D, class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> folded(Vec<T, W> one, Vec<T, W> other, std::index_sequence<L...>) {
  return __builtin_shufflevector(one, other, int(L & D ? W + L - D : L)...) +
         __builtin_shufflevector(one, other, int(L & D ? W + L : L + D)...);
}
// The sums of N vectors, a power of two, from lane 0 on.
template <int N, class T, int W, int D = 1>
FILTRAX_INLINE void sums_of(Vec<T, W>* vectors, T* to) {
  constexpr auto lanes = std::make_index_sequence<W>{};
  if constexpr (D < N) {
#pragma GCC unroll 16
    for (int i = 0; i < N; i += 2 * D) vectors[i] = folded<D, T, W>(vectors[i], vectors[i + D], lanes);
    sums_of<N, T, W, 2 * D>(vectors, to);
  } else if constexpr (N < W) {
    constexpr auto half = std::make_index_sequence<W / 2>{};
    Vec<T, W / 2> sum = half_of<T, W / 2>(*vectors, 0, half) + half_of<T, W / 2>(*vectors, 1, half);
    sums_of<N, T, W / 2, N>(&sum, to);
  } else {
    put<T, W>(to, *vectors);
  }
}
template <int Count, class T>
FILTRAX_INLINE void all_sums_of(Vec<T, width<T>>* vectors, T* to) {
  if constexpr (Count > 0) {
    constexpr int W = width<T>, N = Count >= W ? W : Count >= 8 ? 8 : Count >= 4 ? 4 : Count >= 2 ? 2 : 1;
    sums_of<N, T, W>(vectors, to);
    all_sums_of<Count - N, T>(vectors + N, to + N);
  }
}

// What it takes to read a number, in products.
constexpr int64_t kRead = 8;
// Bytes of copies and kernels that are met together; taps whose products are added up in single precision.
constexpr int64_t kMet = 1 << 20, kRunOfTaps = 1 << 9, kLongSum = 1 << 12;
// The share of the time that sums of rows leave.
constexpr double kBroughtTogether = 0.75;
// Bytes of signals that all kernels meet before others.
constexpr int64_t kSignalsNear = 1 << 18;
// Bytes of sums that stay near, and kernels that are turned over together.
constexpr int64_t kTotals = 1 << 20, kTurnedOver = 512;

// Where a row of taps begins, and where the samples that it meets.
struct Line {
  int64_t samples, taps;
};
// Rows of vectors: where the last of each begins, in samples and in taps, and the lanes that count in it.
template <class T>
struct Lines {
  const Line* lines;
  int64_t count, vectors, tail, tail_of_taps;
  Vec<BitsOf<T>, width<T>> mask;
};

// Sums of products of A kernels, `pitch` apart, with the samples at R places, to A times R numbers.
template <int A, class T>
void bank_sums(const T* x, const int64_t* offsets, const T* kernels, int64_t pitch, const Lines<T>& lines, T* to) {
  constexpr int W = width<T>, R = kShifts<A>;
  typedef Vec<T, W> V;
  V sums[A * R];
#pragma GCC unroll 32
  for (int i = 0; i < A * R; ++i) sums[i] = V{};
  const T* at[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) at[r] = x + offsets[r];
  for (const Line* line = lines.lines; line < lines.lines + lines.count; ++line) {
    const T* row = kernels + line->taps;
    const auto meet = [&](int64_t samples_at, int64_t taps_at, auto those) __attribute__((always_inline)) {
      V taps[A];
#pragma GCC unroll 4
      for (int a = 0; a < A; ++a) taps[a] = those(load<T>(row + a * pitch + taps_at));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const V sample = those(kept(load<T>(at[r] + line->samples + samples_at)));
#pragma GCC unroll 4
        for (int a = 0; a < A; ++a) sums[a * R + r] += taps[a] * sample;
      }
    };
    const auto all = [](V value) __attribute__((always_inline)) { return value; };
    // Both, as zeros meet infinities, too.
    const auto counted = [&](V value) __attribute__((always_inline)) {
      return (V)((decltype(lines.mask))value & lines.mask);
    };
    for (int64_t v = 0; v + 1 < lines.vectors; ++v) meet(v * W, v * W, all);
    meet(lines.tail, lines.tail_of_taps, counted);
  }
  all_sums_of<A * R, T>(sums, to);
}

template <class T>
struct SumsBlock {
  void (*run)(const T*, const int64_t*, const T*, int64_t, const Lines<T>&, T*);
  int shifts;
};
template <class T, size_t... A>
SumsBlock<T> bank_sums_of(int64_t kernels, std::index_sequence<A...>) {
  static constexpr SumsBlock<T> blocks[] = {{bank_sums<A + 1, T>, kShifts<A + 1>}...};
  return blocks[kernels - 1];
}

// Whether dot products go this way: of several kernels, of images of several channels or of short rows, or of samples
// that stand apart.
template <class T>
bool is_bank_of_sums(const Problem& problem) {
  const Slide& inner = problem.inner;
  const bool close = problem.has(is_of_signals) || inner.k * int64_t(sizeof(T)) <= kLongRow;
  return problem.lanes == 1 &&
         (problem.has(is_of_kernels) || (problem.is_image() && close) || inner.dilation > 1);
}

template <class S, class T>
class BankOfSums {
  typedef typename Wider<T>::type Wide;

 public:
  BankOfSums(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out)
      : problem_(problem), rest_(without(without(problem, is_of_kernels), is_of_signals)),
        kernels_(places_of(problem, is_of_kernels)), signals_(places_of(problem, is_of_signals)),
        outer_(problem.outer[problem.outer[1].k > 1 ? 0 : 1]), axis_(problem.outer[problem.outer[1].k > 1 ? 1 : 0]),
        other_(Walk::of_taps(outer_)), down_(Walk::of_taps(axis_)), inner_(Walk::of_taps(problem.inner)),
        lhs_(lhs), rhs_(rhs), end_(rhs + problem.count_taps()), out_(out),
        many_(kernels_.size()), rows_(signals_.size()),
        shifts_(rows_ * other_.count * down_.count * inner_.count), cells_(rest_.count_cells()),
        turns_(problem.count_sums() * other_.size),
        shared_(double(cells_) * turns_ * down_.size * inner_.size * (many_ * shifts_ + kRead * (many_ + rows_)) >=
                kShared),
        apart_(cells_ >= kEach * pool.threads), hands_(shared_ && !apart_ ? pool.threads : 1),
        across_(many_), is_across_(lies_across()),
        stacked_(many_ == 1 && !is_across_ && down_.count > 1 && down_.step == down_.apart),
        padded_(is_across_ ? across_.padded() : many_),
        sums_(padded_ * shifts_),
        in_place_(lies_whole<S, T>(other_, down_, inner_) && (is_across_ || inner_.size >= W)),
        taps_in_place_(!is_across_ && sizeof(S) == sizeof(T) && problem.inner.rhs == 1 && inner_.size >= W),
        cuts_(down_, inner_, in_place_ && taps_in_place_ ? kSummed + kMostShifts : rows_ * other_.count + many_,
              sizeof(T), hands_ > 1 ? ceil_div(kEach * hands_, turns_) : 1),
        copy_(other_, down_, inner_, cuts_.rows, cuts_.cols, is_across_ ? 1 : W, lhs + problem.count_samples()) {}

  void run(const Pool& pool) {
    for (int64_t s = 0; s < rows_; ++s) {
      copy_.add_offsets(in_place_ ? signals_[s].lhs : s * copy_.size(), in_place_, offsets_);
    }
    results_ = places_of_outputs();
    // Blocks are whole: the last sums are made as often as need be.
    offsets_.resize(shifts_ + kMostShifts, offsets_.back());
    const int64_t of_part = cuts_.rows * ceil_div(cuts_.cols, W) * W;
    const int64_t taps = is_across_ ? kAcross * W * cuts_.rows * cuts_.cols : many_ * of_part;
    const int64_t of_signals = rows_ * copy_.size();
    const int64_t fit = in_place_ && taps_in_place_ ? kLongSum / (cuts_.rows * cuts_.cols)
                                                    : kMet / int64_t(sizeof(T)) / (of_signals + taps);
    groups_ = ceil_div(turns_, most(1, least(fit, hands_ > 1 ? turns_ * cuts_.count() / (kEach * hands_) : turns_)));
    longest_ = ceil_div(turns_, groups_);
    pitch_ = longest_ * of_part;

    const Pool single{1, nullptr};
    const Pool& threads = shared_ ? pool : single;
    const int64_t parts = groups_ * cuts_.count();
    if (apart_) {
      return share(threads, cells_, [&](int64_t cell) {
        Wide* totals = cleared(scratch<Wide>(5, sums_));
        const Place place = place_of(rest_, cell);
        for (int64_t part = 0; part < parts; ++part) add(place, part, totals);
        finish(place, totals, single);
      });
    }
    Wide* totals = scratch<Wide>(5, hands_ * sums_);
    for (int64_t cell = 0; cell < cells_; ++cell) {
      const Place place = place_of(rest_, cell);
      std::atomic<int64_t> next{0};
      share(threads, hands_, [&](int64_t hand) {
        Wide* own = cleared(totals + hand * sums_);
        for (int64_t part; (part = next.fetch_add(1)) < parts;) add(place, part, own);
      });
      finish(place, totals, threads);
    }
  }

 private:
  // Whether vectors lie across kernels: where rows of taps, or shifts, would leave more of their lanes empty.
  bool lies_across() const {
    const int64_t blocks = ceil_div(many_, kSummed);
    const SumsBlock<T> block = bank_sums_of<T>(ceil_div(many_, blocks), std::make_index_sequence<kSummed>{});
    const double rows = double(inner_.size) / (ceil_div(inner_.size, W) * W);
    // Of a single block taps are waited for, not products.
    const double met = shifts_ <= block.shifts ? 1 : double(shifts_) / (ceil_div(shifts_, block.shifts) * block.shifts);
    const double along = rows * met;
    // Taps are turned over once for all shifts; sums of rows are brought together from every lane.
    return used_across<T>(many_, shifts_) * shifts_ / (shifts_ + kTurned) > kBroughtTogether * along;
  }

  // The same part of several turns, so that sums are long before they are finished.
  struct Group {
    int64_t begin, turns;
    Part part;
  };
  // Where the taps of the first kernel lie that a turn of a group meets.
  const S* taps_of(const Place& place, const Group& group, int64_t turn) const {
    const int64_t number = group.begin + turn;
    return rhs_ + place.rhs + term_of(problem_, number / other_.size).rhs + number % other_.size * outer_.rhs +
           group.part.top * axis_.rhs + group.part.left * problem_.inner.rhs;
  }

  void add(const Place& place, int64_t number, Wide* totals) const {
    const int64_t at = number / cuts_.count(), begin = turns_ * at / groups_;
    const Group group{begin, turns_ * (at + 1) / groups_ - begin, Part(down_, inner_, cuts_, number % cuts_.count())};
    const Part& part = group.part;
    const int64_t size = copy_.size(), vectors = ceil_div(part.cols, W);
    const T* samples = reinterpret_cast<const T*>(lhs_) + place.lhs;
    if (!in_place_) {
      T* copies = scratch<T>(0, longest_ * rows_ * size + copy_.kBehind);
      for (int64_t t = 0; t < group.turns; ++t) {
        const Place term = term_of(problem_, (begin + t) / other_.size);
        for (int64_t s = 0; s < rows_; ++s) {
          const S* signal = lhs_ + place.lhs + term.lhs + signals_[s].lhs;
          T* to = copies + (t * rows_ + s) * size;
          copy_.fill(signal, (begin + t) % other_.size, part.top, part.left, part.rows, part.cols, to);
        }
      }
      samples = copies;
    }
    Line* lines = scratch<Line>(4, group.turns * part.rows);
    for (int64_t t = 0; t < group.turns; ++t) {
      const int64_t before = (begin + t) % other_.size;
      const Place term = term_of(problem_, (begin + t) / other_.size);
      for (int64_t row = 0; row < part.rows; ++row) {
        Line& line = lines[t * part.rows + row];
        line.samples = in_place_ ? term.lhs + copy_.place_of(before, part.top + row, part.left)
                                 : t * rows_ * size + copy_.row(row);
        line.taps = taps_in_place_ ? taps_of(place, group, t) - rhs_ + row * axis_.rhs
                                   : (t * part.rows + row) * vectors * W;
      }
    }
    is_across_ ? meet_across(place, group, samples, lines, totals) : meet(place, group, samples, lines, totals);
  }

  void meet(const Place& place, const Group& group, const T* samples, const Line* lines, Wide* totals) const {
    const Part& part = group.part;
    const int64_t vectors = ceil_div(part.cols, W), last = part.cols - (vectors - 1) * W;
    // The last vector of a row overlaps with the one before; what they share counts once.
    const int64_t lap = vectors > 1 ? W - last : 0;
    const T* taps = reinterpret_cast<const T*>(rhs_);
    if (!taps_in_place_) {
      T* copies = scratch<T>(1, many_ * pitch_);
      for (int64_t t = 0; t < group.turns; ++t) {
        const S* from = taps_of(place, group, t);
        for (int64_t q = 0; q < many_; ++q) {
          for (int64_t row = 0; row < part.rows; ++row) {
            T* to = copies + q * pitch_ + (t * part.rows + row) * vectors * W;
            in_vectors(from + kernels_[q].rhs + row * axis_.rhs, (vectors - 1) * W, lap, last, to);
          }
        }
      }
      taps = copies;
    }
    const Lines<T> met{lines, group.turns * part.rows, vectors, vectors > 1 ? part.cols - W : 0,
                       taps_in_place_ ? part.cols - W : (vectors - 1) * W,
                       lap ? last_lanes<T>(last) : ~last_lanes<T>(W - last)};
    if (stacked_) return meet_stacked(group, samples, taps, met, totals);
    // Kernels lie in one loop.
    const int64_t pitch = !taps_in_place_ ? pitch_ : many_ > 1 ? kernels_[1].rhs : 0;
    const int64_t blocks = ceil_div(many_, kSummed);
    // All kernels meet some signals before others, which would not stay near.
    const int64_t of_signal = shifts_ / rows_, bytes = met.count * vectors * W * int64_t(sizeof(T));
    const int64_t tiles = least(rows_, ceil_div(rows_ * bytes, kSignalsNear));
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t begin = rows_ * tile / tiles * of_signal, end = rows_ * (tile + 1) / tiles * of_signal;
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t first = many_ * block / blocks, count = many_ * (block + 1) / blocks - first;
        const auto add = [&](int64_t a, int64_t r, T sum) { totals[r * padded_ + first + a] += Wide(sum); };
        sum_shifts(samples, offsets_.data(), begin, end, taps + first * pitch, pitch, count, met, add);
      }
    }
  }

  // Sums of products of some kernels with the samples at the offsets [begin, end).
  template <class Add>
  void sum_shifts(const T* samples, const int64_t* offsets, int64_t begin, int64_t end, const T* taps, int64_t pitch,
                  int64_t kernels, const Lines<T>& met, const Add& add) const {
    const SumsBlock<T> block = bank_sums_of<T>(kernels, std::make_index_sequence<kSummed>{});
    for (int64_t r = begin; r < end; r += block.shifts) {
      T sums[kMostSums];
      block.run(samples, offsets + r, taps, pitch, met, sums);
      const int64_t some = least(block.shifts, end - r);
      for (int64_t a = 0; a < kernels; ++a) {
        for (int64_t i = 0; i < some; ++i) add(a, r + i, sums[a * block.shifts + i]);
      }
    }
  }

  // The same of one kernel, of which several rows of taps meet a row of samples, as kernels would of which each begins
  // a row further up.
  void meet_stacked(const Group& group, const T* samples, const T* taps, const Lines<T>& all, Wide* totals) const {
    const int64_t rows = group.part.rows, turns = group.turns, deep = down_.count, wide = inner_.count;
    const int64_t blocks = ceil_div(deep, kSummed), shifts = shifts_ / deep;
    // From row to row.
    const int64_t down = offsets_[wide] - offsets_[0], up = taps_in_place_ ? -axis_.rhs : -all.vectors * W;
    // The offsets of the first row of outputs.
    int64_t* offsets = scratch<int64_t>(2, shifts + kMostShifts);
    for (int64_t r = 0; r < shifts; ++r) offsets[r] = offsets_[r / wide * deep * wide + r % wide];
    std::fill_n(offsets + shifts, kMostShifts, offsets[0]);
    Line* lines = scratch<Line>(3, turns * rows);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = deep * block / blocks, count = deep * (block + 1) / blocks - first;
      // Rows of samples [begin, end), which meet the same rows of outputs, [from, to) of the block, in all turns.
      const auto meet = [&](int64_t begin, int64_t end, int64_t from, int64_t to) {
        Line* line = lines;
        for (int64_t t = 0; t < turns; ++t) {
          for (int64_t row = begin; row < end; ++row, ++line) {
            const Line& tap = all.lines[t * rows + row - from];
            *line = {tap.samples + (from + first) * down, tap.taps};
          }
        }
        Lines<T> met = all;
        met.lines = lines;
        met.count = line - lines;
        const auto add = [&](int64_t a, int64_t r, T sum) {
          totals[(r / wide * deep + first + from + a) * wide + r % wide] += Wide(sum);
        };
        sum_shifts(samples, offsets, 0, shifts, taps, up, to - from, met, add);
      };
      // All of the block meet the rows that do not lie at an end.
      for (int64_t row = 0; row < rows + count - 1; ++row) {
        if (row == count - 1 && rows >= count) {
          meet(row, rows, 0, count);
          row = rows - 1;
          continue;
        }
        meet(row, row + 1, most(0, row - rows + 1), least(count, row + 1));
      }
    }
  }

  // The same of vectors across kernels.
  void meet_across(const Place& place, const Group& group, const T* samples, const Line* lines, Wide* totals) const {
    const Part& part = group.part;
    const int64_t taps = part.rows * part.cols, count = group.turns * taps;
    int64_t* places = scratch<int64_t>(2, count);
    for (int64_t line = 0, i = 0; line < group.turns * part.rows; ++line) {
      for (int64_t col = 0; col < part.cols; ++col) places[i++] = lines[line].samples + col;
    }
    T* weights = scratch<T>(1, count * kAcross * W);
    T* sums = scratch<T>(3, shifts_ * kAcross * W);
    for (int64_t block = 0; block < across_.blocks; ++block) {
      const int64_t first = across_.first_of(block), wide = across_.vectors_of(block) * W;
      for (int64_t t = 0; t < group.turns; ++t) {
        for (int64_t v = 0; v < wide; v += W) {
          turn_over(taps_of(place, group, t), part, first + v, weights + t * taps * wide + v, wide);
        }
      }
      // Equal runs.
      const int64_t runs = ceil_div(count, kRunOfTaps);
      for (int64_t run = 0; run < runs; ++run) {
        const int64_t i = count * run / runs, some = count * (run + 1) / runs - i;
        sums_across(samples, offsets_.data(), shifts_, places + i, some, weights + i * wide, wide / W, sums, false);
        for (int64_t r = 0; r < shifts_; ++r) {
          for (int64_t q = 0; q < wide; ++q) totals[r * padded_ + first + q] += Wide(sums[r * wide + q]);
        }
      }
    }
  }

  // Taps of a part of a vector of kernels, from one on, tap by tap.
  void turn_over(const S* from, const Part& part, int64_t kernel, T* to, int64_t apart) const {
    const int64_t step = problem_.inner.rhs;
    const S* lines[W];
    // What takes the place of kernels that there are not is not looked at.
    for (int64_t q = 0; q < W; ++q) lines[q] = from + kernels_[least(kernel + q, many_ - 1)].rhs;
    const bool close = step == 1 && axis_.rhs == part.cols;
    const int64_t rows = close ? 1 : part.rows, cols = close ? part.rows * part.cols : part.cols;
    for (int64_t row = 0; row < rows; ++row, to += cols * apart) {
      const int64_t at = row * axis_.rhs;
      if (step == 1) {
        across<S, T>(lines, at, cols, end_, to, apart);
        continue;
      }
      for (int64_t col = 0; col < cols; ++col) {
        for (int64_t q = 0; q < W; ++q) convert_few<1>(lines[q] + at + col * step, to + col * apart + q);
      }
    }
  }

  // Taps of a row: `whole` of them, and the last ones behind zeros where they were counted before.
  void in_vectors(const S* from, int64_t whole, int64_t lap, int64_t last, T* to) const {
    const int64_t step = problem_.inner.rhs;
    if (step == 1 && end_ - from >= whole + W) {
      for (int64_t i = 0; i < whole; i += W) put<T, W>(to + i, fetch<S, T>(from + i));
      // The mask is of the last ones in a vector, or of the first where there is no other.
      const auto mask = lap ? last_lanes<T>(last) : ~last_lanes<T>(W - last);
      put<T, W>(to + whole, (Vec<T, W>)((Vec<BitsOf<T>, W>)fetch<S, T>(from + whole - lap) & mask));
      return;
    }
    convert_samples<1>(from, step, to, 1, whole);
    for (int64_t i = 0; i < lap; ++i) to[whole + i] = T(0);
    convert_samples<1>(from + whole * step, step, to + whole + lap, 1, last);
    for (int64_t i = lap + last; i < W; ++i) to[whole + i] = T(0);
  }

  // Where the outputs of a kernel lie, in the order of the shifts.
  std::vector<int64_t> places_of_outputs() const {
    std::vector<int64_t> found;
    for (const Place& signal : signals_) {
      for (int64_t a = 0; a < other_.count; ++a) {
        for (int64_t b = 0; b < down_.count; ++b) {
          for (int64_t c = 0; c < inner_.count; ++c) {
            found.push_back(signal.out + a * outer_.out + b * axis_.out + c * problem_.inner.out);
          }
        }
      }
    }
    return found;
  }

  Wide* cleared(Wide* totals) const {
    std::memset(static_cast<void*>(totals), 0, sums_ * sizeof(Wide));
    return totals;
  }

  void finish(const Place& place, const Wide* totals, const Pool& threads) const {
    share(threads, ceil_div(many_, W), [&](int64_t run) {
      finish(place, totals, run * W, least(many_, (run + 1) * W));
    });
  }

  // Outputs of kernels [first, last), a vector at most, from what all hands have summed.
  void finish(const Place& place, const Wide* totals, int64_t first, int64_t last) const {
    alignas(FILTRAX_VECTOR) T sums[W * W], turned[W * W];
    const int64_t kernels = last - first;
    for (int64_t shift = 0; shift < shifts_; shift += W) {
      const int64_t count = least(W, shifts_ - shift), *to = results_.data() + shift;
      for (int64_t i = 0; i < count; ++i) {
        Wide total[W] = {};
        for (int64_t hand = 0; hand < hands_; ++hand) {
          const Wide* from = totals + hand * sums_ + (shift + i) * padded_ + first;
          for (int64_t q = 0; q < kernels; ++q) total[q] += from[q];
        }
        for (int64_t q = 0; q < W; ++q) sums[i * W + q] = T(total[q]);
      }
      bool close = count == W;
      for (int64_t i = 1; i < W && close; ++i) close = to[i] == to[0] + i;
      if (close) transpose<T>([&](int64_t i) { return sums + i * W; }, turned, W);
      for (int64_t q = 0; q < kernels; ++q) {
        S* of_kernel = out_ + place.out + kernels_[first + q].out;
        if (close) {
          leave<S, T>(of_kernel + to[0], load<T>(turned + q * W));
          continue;
        }
        for (int64_t i = 0; i < count; ++i) convert_few<1>(sums + i * W + q, of_kernel + to[i]);
      }
    }
  }

  static constexpr int64_t W = width<T>;
  const Problem& problem_;
  const Problem rest_;
  const std::vector<Place> kernels_, signals_;
  const Slide &outer_, &axis_;
  const Walk other_, down_, inner_;
  const S *lhs_, *rhs_;
  const S* const end_;
  S* out_;
  const int64_t many_, rows_, shifts_, cells_, turns_;
  // Whether threads share the work, and whether they do with cells of their own, or together on each.
  const bool shared_, apart_;
  const int64_t hands_;
  const Across<T> across_;
  const bool is_across_;
  // Whether neighbouring rows of taps meet a row of samples together, each for another row of outputs.
  const bool stacked_;
  // Kernels with those that are zeros, and the sums of them all.
  const int64_t padded_, sums_;
  // Whether signals, and kernels, are read where they lie.
  const bool in_place_, taps_in_place_;
  const Cuts cuts_;
  const Copy<S, T> copy_;
  // Groups of turns, how many turns the longest has, and the numbers of a kernel in it; where samples and outputs lie.
  int64_t groups_ = 1, longest_ = 1, pitch_ = 0;
  std::vector<int64_t> offsets_, results_;
};

// Sums that one thread makes of some kernels and some signals, for them to stay near. What is read of a kernel is
// turned over, so each meets many signals.
template <class T>
struct Tiles {
  struct Cut {
    int cell = 0;
    int64_t count = 1;
  };
  Tiles(const Pool& pool, const Problem& problem) {
    const int64_t outputs = problem.outer[0].m * problem.outer[1].m * problem.inner.m;
    const auto largest = [&](const auto& which) {
      const Cell* found = problem.cells;
      int64_t many = 1;
      for (const Cell& cell : problem.cells) {
        if (!which(cell)) continue;
        many *= cell.size;
        if (!which(*found) || cell.size > found->size) found = &cell;
      }
      return std::pair(int(found - problem.cells), many);
    };
    const auto [of_kernels, kernels] = largest(is_of_kernels);
    const auto [of_signals, signals] = largest(is_of_signals);
    const int64_t bytes = kernels * signals * outputs * int64_t(sizeof(typename Wider<T>::type));
    if (bytes < kTotals || signals == 1) return;
    this->kernels = {of_kernels, least(problem.cells[of_kernels].size, ceil_div(kernels, kTurnedOver))};
    const int64_t wanted = ceil_div(ceil_div(bytes, this->kernels.count * kTotals), pool.threads) * pool.threads;
    this->signals = {of_signals, least(problem.cells[of_signals].size, wanted)};
  }
  int64_t count() const { return kernels.count * signals.count; }
  Cut kernels, signals;
};

template <class S, class T>
void correlate_bank_sums(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  const Tiles<T> tiles(pool, problem);
  if (tiles.count() == 1) return BankOfSums<S, T>(pool, problem, lhs, rhs, out).run(pool);
  const Pool single{1, nullptr};
  share(pool, tiles.count(), [&](int64_t tile) {
    Problem part = problem;
    Place place;
    const auto take = [&](const auto& cut, int64_t number) {
      const Cell& all = problem.cells[cut.cell];
      const int64_t begin = all.size * number / cut.count, end = all.size * (number + 1) / cut.count;
      if (cut.count > 1) part.cells[cut.cell].size = end - begin;
      place = {place.lhs + begin * all.lhs, place.rhs + begin * all.rhs, place.out + begin * all.out};
    };
    take(tiles.kernels, tile / tiles.signals.count);
    take(tiles.signals, tile % tiles.signals.count);
    BankOfSums<S, T>(single, part, lhs + place.lhs, rhs + place.rhs, out + place.out).run(single);
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
