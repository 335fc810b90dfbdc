// Banks: kernels that meet the same samples, as those of a layer's output channels do.
//
// Outputs of several kernels and vectors stay in registers together: a sample that was read meets all of
// the kernels, a tap all of the vectors, as in a product of matrices.
#pragma once

#include <utility>
#include <vector>

#include "copies.h"
#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Bytes of the copies that are met together; columns of a part at most, and what is the least to fill one and the most.
constexpr int64_t kCopies = 1 << 18, kWide = 1024, kNarrow = 256, kMost = 4096;
// Work that is worth another thread, in products.
constexpr double kBankShared = 1 << 21;

// Signals at least whose parts are near together: parts of images are not made lower for more.
constexpr int64_t kLines = 16;

// Kernels whose outputs are in registers at once, and vectors of each.
constexpr int kKernels = FILTRAX_VECTOR == 64 ? 8 : 4;
template <int Q>
constexpr int kVectors = FILTRAX_VECTOR == 64 ? (Q == 1 ? 12 : Q == 2 ? 10 : Q == 3 ? 7 : 24 / Q) : (Q == 1 ? 7 : Q == 2 ? 5 : 3);

inline bool is_of_kernels(const Cell& cell) { return cell.size > 1 && cell.lhs == 0 && cell.rhs != 0; }
inline bool is_of_signals(const Cell& cell) { return cell.size > 1 && cell.lhs != 0 && cell.rhs == 0; }

// Places of all turns of some loops, and the problem without these.
template <class Which>
std::vector<Place> places_of(const Problem& problem, const Which& which) {
  std::vector<Place> places{{}};
  for (const Cell& cell : problem.cells) {
    if (!which(cell)) continue;
    std::vector<Place> more;
    for (const Place& place : places) {
      for (int64_t i = 0; i < cell.size; ++i) {
        more.push_back({place.lhs + i * cell.lhs, place.rhs + i * cell.rhs, place.out + i * cell.out});
      }
    }
    places.swap(more);
  }
  return places;
}
template <class Which>
Problem without(Problem problem, const Which& which) {
  for (Cell& cell : problem.cells) {
    if (which(cell)) cell = {1, 0, 0, 0};
  }
  return problem;
}

// A vector of outputs in a part: where its samples begin, where it is written, and how many there are.
struct Slot {
  int64_t at, out, count;
};

// Outputs of Q kernels, of vectors whose samples begin at `at`: `from` what was summed before, if anything.
template <int Q, class T>
void bank_block(const T* const* at, const int64_t* offsets, const T* weights, int64_t taps, const T* const* from,
                int64_t from_apart, T* const* to, int64_t to_apart) {
  constexpr int W = width<T>, R = kVectors<Q>;
  typedef Vec<T, W> V;
  V sums[Q * R];
#pragma GCC unroll 32
  for (int i = 0; i < Q * R; ++i) sums[i] = from ? load<T>(from[i % R] + i / R * from_apart) : V{};
  const T* x[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) x[r] = at[r];
  for (int64_t t = 0; t < taps; ++t, weights += Q) {
    const int64_t offset = offsets[t];
    V samples[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) samples[r] = kept(load<T>(x[r] + offset));
#pragma GCC unroll 16
    for (int q = 0; q < Q; ++q) {
      const V weight = kept(splat<T>(weights[q]));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sums[q * R + r] += weight * samples[r];
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < Q * R; ++i) put<T, W>(to[i % R] + i / R * to_apart, sums[i]);
}

template <class T>
struct BankBlock {
  void (*run)(const T* const*, const int64_t*, const T*, int64_t, const T* const*, int64_t, T* const*, int64_t);
  int vectors;
};
template <class T, size_t... Q>
BankBlock<T> bank_block_of(int64_t kernels, std::index_sequence<Q...>) {
  static constexpr BankBlock<T> blocks[] = {{bank_block<Q + 1, T>, kVectors<Q + 1>}...};
  return blocks[kernels - 1];
}

// How what is made is cut into parts: so that what all signals have of it is near, if it can be, and all threads have some.
struct Cuts {
  Cuts(const Walk& axis, const Walk& inner, int64_t lines, int64_t bytes, int64_t wanted) {
    const int64_t reach = inner.apart * (inner.count - 1) / inner.step, room = kCopies / bytes / lines;
    const auto deep = [&](int64_t rows) { return (axis.step * (rows - 1) + axis.apart * (axis.count - 1)) / axis.unit() + 1; };
    cols = most(kNarrow, least(kWide, room / deep(1) - reach));
    cols = ceil_div(inner.size, ceil_div(inner.size, cols));
    rows = 1;
    while (rows < axis.size && (rows * cols < kNarrow || (deep(rows + 1) * (cols + reach) <= most(room, kCopies / bytes / kLines) && rows * cols < kMost))) ++rows;
    const auto parts = [&] { return ceil_div(axis.size, rows) * ceil_div(inner.size, cols); };
    while (parts() < wanted && rows * cols >= kNarrow) {
      int64_t& longer = rows > 1 ? rows : cols;
      longer = (longer + 1) / 2;
    }
    down = ceil_div(axis.size, rows);
    across = ceil_div(inner.size, cols);
    rows = ceil_div(axis.size, down);
    cols = ceil_div(inner.size, across);
  }
  int64_t count() const { return down * across; }
  // Rows and columns of a part, at most, and how many parts there are.
  int64_t rows, cols, down, across;
};

// One of these parts.
struct Part {
  Part(const Walk& axis, const Walk& inner, const Cuts& cuts, int64_t number) {
    const int64_t d = number / cuts.across, a = number % cuts.across;
    top = axis.size * d / cuts.down;
    rows = axis.size * (d + 1) / cuts.down - top;
    left = inner.size * a / cuts.across;
    cols = inner.size * (a + 1) / cuts.across - left;
  }
  int64_t top, rows, left, cols;
};

// Whether sums over taps go this way: of several kernels, or of samples or outputs that stand apart.
inline bool is_bank(const Problem& problem) {
  int64_t kernels = 0;
  for (const Cell& cell : problem.cells) kernels += is_of_kernels(cell);
  return problem.lanes == 1 && (kernels > 0 || problem.inner.stride > 1 || problem.inner.out > 1);
}

template <class S, class T>
void correlate_bank(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  constexpr int64_t W = width<T>;
  const std::vector<Place> kernels = places_of(problem, is_of_kernels);
  const Problem rest = without(problem, is_of_kernels);
  const int d = problem.outer[1].m > 1 ? 1 : 0;
  const Walk inner = Walk::of_outputs(problem.inner), down = Walk::of_outputs(problem.outer[d]);
  const Walk other = Walk::of_outputs(problem.outer[1 - d]);
  const int64_t terms = problem.count_sums(), taps = other.count * down.count * inner.count;
  const int64_t many = kernels.size(), cells = rest.count_cells(), turns = cells * other.size;
  const double work = double(turns) * down.size * inner.size * many * terms * taps;
  const bool shared = work >= kBankShared;
  const Cuts cuts(down, inner, terms * other.count, sizeof(T), shared ? ceil_div(4 * pool.threads, turns) : 1);
  const Copy<S, T> copy(other, down, inner, cuts.rows, cuts.cols);

  // Kernels of a block side by side, tap by tap; for each cell with kernels of its own.
  const int64_t blocks = ceil_div(many, kKernels);
  const std::vector<Place> own = places_of(rest, [](const Cell& cell) { return cell.size > 1 && cell.rhs != 0; });
  const Buffer<T> weights = buffer<T>(own.size() * many * terms * taps);
  const auto first_of = [&](int64_t block) { return many * block / blocks; };
  share(shared ? pool : Pool{1, nullptr}, own.size() * blocks, [&](int64_t number) {
    const int64_t block = number % blocks, set = number / blocks, first = first_of(block), last = first_of(block + 1);
    T* to = weights.get() + (set * many + first) * terms * taps;
    const Slide &outer = problem.outer[1 - d], &axis = problem.outer[d];
    for (int64_t s = 0; s < terms; ++s) {
      const int64_t from = own[set].rhs + term_of(problem, s).rhs;
      for (int64_t a = 0; a < other.count; ++a) {
        for (int64_t b = 0; b < down.count; ++b) {
          for (int64_t c = 0; c < inner.count; ++c) {
            const S* tap = rhs + from + a * outer.rhs + b * axis.rhs + c * problem.inner.rhs;
            for (int64_t q = first; q < last; ++q) convert_few<1>(tap + kernels[q].rhs, to++);
          }
        }
      }
    }
  });

  const int64_t size = copy.size(), together = most(1, least(terms, kCopies / int64_t(sizeof(T)) / size));
  const int64_t chunks = ceil_div(terms, together);
  const std::vector<int64_t> of_one = copy.offsets();
  std::vector<int64_t> offsets;
  for (int64_t s = 0; s < ceil_div(terms, chunks); ++s) {
    for (const int64_t offset : of_one) offsets.push_back(s * size + offset);
  }
  const int64_t each = cuts.count();
  const Slide &outer = problem.outer[1 - d], &axis = problem.outer[d];
  share(shared ? pool : Pool{1, nullptr}, turns * each, [&](int64_t number) {
    const int64_t turn = number / each, before = turn % other.size, cell = turn / other.size;
    const Place place = place_of(rest, cell);
    // The number of the cell's own kernels, in the order of their places.
    int64_t set = 0;
    for (int64_t left = cell, step = 1, dd = kCells - 1; dd >= 0; --dd) {
      const Cell& c = rest.cells[dd];
      if (c.rhs != 0 && c.size > 1) set += left % c.size * step, step *= c.size;
      left /= c.size;
    }
    const Part part(down, inner, cuts, number % each);
    const int64_t top = part.top, rows = part.rows, left = part.left, cols = part.cols;
    const int64_t along = problem.inner.out;
    S* to = out + place.out + before * outer.out + top * axis.out + left * along;
    const int64_t vectors = ceil_div(cols, W), slots = rows * vectors;
    const auto slot = [&](int64_t i) -> Slot {
      const int64_t r = i / vectors, begin = cols < W ? 0 : least(i % vectors * W, cols - W);
      return {copy.row(r) + begin, r * axis.out + begin * along, least(W, cols)};
    };
    T* copies = scratch<T>(0, ceil_div(terms, chunks) * size + 2 * W);
    T* sums = chunks > 1 ? scratch<T>(1, many * slots * W) : nullptr;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t from = terms * chunk / chunks, count = terms * (chunk + 1) / chunks - from;
      for (int64_t s = 0; s < count; ++s) {
        copy.fill(lhs + place.lhs + term_of(problem, from + s).lhs, before, top, left, rows, cols, copies + s * size);
      }
      const bool is_last = chunk + 1 == chunks;
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t first = first_of(block), here = first_of(block + 1) - first;
        const BankBlock<T> run = bank_block_of<T>(here, std::make_index_sequence<kKernels>{});
        const T* w = weights.get() + (set * many + first) * terms * taps + from * taps * here;
        const int64_t apart = many > 1 ? kernels[1].out : 0;
        for (int64_t i = 0; i < slots; i += run.vectors) {
          const T *at[16], *begun[16];
          T* into[16];
          Slot group[16];
          alignas(FILTRAX_VECTOR) T kept_sums[32 * W];
          const bool direct = is_last && sizeof(S) == sizeof(T) && cols >= W && along == 1;
          for (int r = 0; r < run.vectors; ++r) {
            const int64_t number = least(i + r, slots - 1);
            group[r] = slot(number);
            at[r] = copies + group[r].at;
            if (sums) begun[r] = sums + (first * slots + number) * W;
            into[r] = !is_last ? sums + (first * slots + number) * W
                      : direct ? reinterpret_cast<T*>(to + first * apart + group[r].out)
                               : kept_sums + r * W;
          }
          const int64_t into_apart = !is_last ? slots * W : direct ? apart : run.vectors * W;
          run.run(at, offsets.data(), w, count * taps, chunk ? begun : nullptr, slots * W, into, into_apart);
          if (!is_last || direct) continue;
          for (int64_t q = 0; q < here; ++q) {
            for (int r = 0; r < run.vectors && i + r < slots; ++r) {
              S* result = to + (first + q) * apart + group[r].out;
              const T* from_sums = kept_sums + (q * run.vectors + r) * W;
              if (group[r].count == W && along == 1) {
                leave<S, T>(result, load<T>(from_sums));
              } else {
                convert_samples<1>(from_sums, 1, result, along, group[r].count);
              }
            }
          }
        }
      }
    }
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
