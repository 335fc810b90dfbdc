// Gradients by banks: each kernel of many meets each signal of many, in few outputs of long sums.
//
// As in a product of matrices, several kernels are in registers with several signals, or with one that is
// shifted: what was read of one meets all of the other.
#pragma once

#include <atomic>
#include <vector>

#include "banks.h"
#include "sums.h"

namespace filtrax {
namespace FILTRAX_SET {

// Kernels whose sums are in registers at once, and the samples' rows of each.
constexpr int kSummed = FILTRAX_VECTOR == 64 ? 4 : 3;
template <int A>
constexpr int kShifts = FILTRAX_VECTOR == 64 ? (A == 4 ? 6 : A == 3 ? 8 : A == 2 ? 12 : 16) : (A == 3 ? 4 : A == 2 ? 5 : 10);

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

// Bytes of copies and kernels that are met together.
constexpr int64_t kMet = 1 << 19;

// Vectors of parts, in rows: how far apart parts and rows of samples lie, and the lanes that count in a row's last.
template <class T>
struct Lines {
  int64_t parts, part, rows, row, vectors, tail;
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
  for (int64_t line = 0, part = 0, row = 0; line < lines.parts * lines.rows; ++line, ++row) {
    if (row == lines.rows) row = 0, ++part;
    const auto meet = [&](int64_t i, auto... mask) __attribute__((always_inline)) {
      V taps[A];
#pragma GCC unroll 4
      for (int a = 0; a < A; ++a) taps[a] = load<T>(kernels + a * pitch);
      kernels += W;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        V sample = kept(load<T>(at[r] + i));
        ((sample = (V)((decltype(mask))sample & mask)), ...);
#pragma GCC unroll 4
        for (int a = 0; a < A; ++a) sums[a * R + r] += taps[a] * sample;
      }
    };
    const int64_t begin = part * lines.part + row * lines.row;
    for (int64_t v = 0; v + 1 < lines.vectors; ++v) meet(begin + v * W);
    meet(begin + lines.tail, lines.mask);
  }
  all_sums_of<A * R, T>(sums, to);
}

template <class T>
struct BankSums {
  void (*run)(const T*, const int64_t*, const T*, int64_t, const Lines<T>&, T*);
  int shifts;
};
template <class T, size_t... A>
BankSums<T> bank_sums_of(int64_t kernels, std::index_sequence<A...>) {
  static constexpr BankSums<T> blocks[] = {{bank_sums<A + 1, T>, kShifts<A + 1>}...};
  return blocks[kernels - 1];
}

// Whether dot products go this way: of several kernels, of images of several channels, or of samples that stand apart.
inline bool is_bank_of_sums(const Problem& problem) {
  int64_t kernels = 0, signals = 0;
  for (const Cell& cell : problem.cells) kernels += is_of_kernels(cell), signals += is_of_signals(cell);
  const bool image = problem.outer[0].k > 1 || problem.outer[1].k > 1;
  return problem.lanes == 1 && (kernels > 0 || (signals > 0 && image) || problem.inner.dilation > 1);
}

template <class S, class T>
void correlate_bank_sums(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  typedef typename Wider<T>::type Wide;
  constexpr int64_t W = width<T>;
  const std::vector<Place> kernels = places_of(problem, is_of_kernels), signals = places_of(problem, is_of_signals);
  const Problem rest = without(without(problem, is_of_kernels), is_of_signals);
  const int d = problem.outer[1].k > 1 ? 1 : 0;
  const Slide &outer = problem.outer[1 - d], &axis = problem.outer[d];
  const Walk inner = Walk::of_taps(problem.inner), down = Walk::of_taps(axis), other = Walk::of_taps(outer);
  const int64_t many = kernels.size(), rows_of = signals.size(), terms = problem.count_sums();
  const int64_t each = other.count * down.count * inner.count, shifts = rows_of * each;
  const int64_t turns = terms * other.size, cells = rest.count_cells();
  const double work = double(cells) * turns * down.size * inner.size * many * shifts;
  const bool shared = work >= kBankShared;
  const Pool single{1, nullptr};
  // Threads have cells of their own or, of few, take parts of each together.
  const bool apart = cells >= 4 * pool.threads;
  const Cuts cuts(down, inner, rows_of * other.count + many, sizeof(T), apart || !shared ? 1 : ceil_div(4 * pool.threads, turns));
  const Copy<S, T> copy(other, down, inner, cuts.rows, cuts.cols);
  const int64_t size = copy.size(), blocks = ceil_div(many, kSummed);
  const std::vector<int64_t> of_one = copy.offsets();
  std::vector<int64_t> offsets;
  for (int64_t s = 0; s < rows_of; ++s) {
    for (const int64_t offset : of_one) offsets.push_back(s * size + offset);
  }
  // Blocks are whole: the last sums are made as often as need be.
  for (int i = 0; i < 16; ++i) offsets.push_back(offsets.back());
  const int64_t vectors = ceil_div(cuts.cols, W), of_part = cuts.rows * vectors * W;
  // The same part of several turns, so that sums are long before they are finished.
  const int64_t fit = kMet / int64_t(sizeof(T)) / (rows_of * size + many * of_part);
  const int64_t groups = ceil_div(turns, most(1, least(fit, turns * cuts.count() / (4 * (apart || !shared ? 1 : pool.threads)))));
  const int64_t parts = groups * cuts.count(), together = ceil_div(turns, groups), of_kernel = together * of_part;

  const auto add_part = [&](const Place& place, int64_t number, Wide* totals) {
    const int64_t group = number / cuts.count(), from_turn = turns * group / groups, here_turns = turns * (group + 1) / groups - from_turn;
    const Part part(down, inner, cuts, number % cuts.count());
    T* copies = scratch<T>(0, together * rows_of * size + 2 * W);
    T* taps = scratch<T>(1, many * of_kernel);
    // The last vector of a row overlaps with the one before; what they share counts once.
    const int64_t here = ceil_div(part.cols, W), whole = (here - 1) * W, last = part.cols - whole;
    const int64_t lap = here > 1 ? W - last : 0, tail = here > 1 ? part.cols - W : 0;
    for (int64_t t = 0; t < here_turns; ++t) {
      const int64_t turn = from_turn + t, before = turn % other.size;
      const Place term = term_of(problem, turn / other.size);
      for (int64_t s = 0; s < rows_of; ++s) {
        copy.fill(lhs + place.lhs + term.lhs + signals[s].lhs, before, part.top, part.left, part.rows, part.cols,
                  copies + (t * rows_of + s) * size);
      }
      const int64_t step = problem.inner.rhs;
      const S* from = rhs + place.rhs + term.rhs + before * outer.rhs + part.top * axis.rhs + part.left * step;
      for (int64_t q = 0; q < many; ++q) {
        for (int64_t row = 0; row < part.rows; ++row) {
          const S* line = from + kernels[q].rhs + row * axis.rhs;
          T* to = taps + q * of_kernel + (t * part.rows + row) * here * W;
          convert_samples<1>(line, step, to, 1, whole);
          for (int64_t i = 0; i < lap; ++i) to[whole + i] = T(0);
          convert_samples<1>(line + whole * step, step, to + whole + lap, 1, last);
          for (int64_t i = lap + last; i < W; ++i) to[whole + i] = T(0);
        }
      }
    }
    const Lines<T> lines{here_turns, rows_of * size, part.rows, copy.row(1), here, tail,
                         here > 1 ? last_lanes<T>(W) : ~last_lanes<T>(W - last)};
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = many * block / blocks, count = many * (block + 1) / blocks - first;
      const BankSums<T> run = bank_sums_of<T>(count, std::make_index_sequence<kSummed>{});
      for (int64_t r = 0; r < shifts; r += run.shifts) {
        T sums[32];
        run.run(copies, offsets.data() + r, taps + first * of_kernel, of_kernel, lines, sums);
        const int64_t some = least(run.shifts, shifts - r);
        for (int64_t a = 0; a < count; ++a) {
          for (int64_t i = 0; i < some; ++i) totals[(first + a) * shifts + r + i] += Wide(sums[a * run.shifts + i]);
        }
      }
    }
  };
  const auto finish = [&](const Place& place, const Wide* totals) {
    for (int64_t q = 0; q < many; ++q) {
      for (int64_t s = 0; s < rows_of; ++s) {
        S* to = out + place.out + kernels[q].out + signals[s].out;
        for (int64_t a = 0; a < other.count; ++a) {
          for (int64_t b = 0; b < down.count; ++b) {
            for (int64_t c = 0; c < inner.count; ++c) {
              const T value = T(*totals++);
              convert_few<1>(&value, to + a * outer.out + b * axis.out + c * problem.inner.out);
            }
          }
        }
      }
    }
  };

  if (apart) {
    return share(shared ? pool : single, cells, [&](int64_t cell) {
      std::vector<Wide> totals(many * shifts);
      const Place place = place_of(rest, cell);
      for (int64_t part = 0; part < parts; ++part) add_part(place, part, totals.data());
      finish(place, totals.data());
    });
  }
  const int64_t hands = shared ? least(pool.threads, parts) : 1;
  for (int64_t cell = 0; cell < cells; ++cell) {
    const Place place = place_of(rest, cell);
    std::vector<std::vector<Wide>> totals(hands);
    std::atomic<int64_t> next{0};
    share(shared ? pool : single, hands, [&](int64_t hand) {
      totals[hand].resize(many * shifts);
      for (int64_t part; (part = next.fetch_add(1)) < parts;) add_part(place, part, totals[hand].data());
    });
    for (int64_t hand = 1; hand < hands; ++hand) {
      for (int64_t i = 0; i < many * shifts; ++i) totals[0][i] += totals[hand][i];
    }
    finish(place, totals[0].data());
  }
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
