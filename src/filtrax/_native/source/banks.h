// Banks: kernels that meet the same samples, as those of a layer's output channels do.
//
// Outputs of several kernels and vectors stay in registers together: a sample that was read meets all of
// the kernels, a tap all of the vectors, as in a product of matrices.
#pragma once

#include <utility>
#include <vector>

#include "across.h"
#include "copies.h"
#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "tap_rows.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Bytes of copies that are met together; of a part the most columns, and the least and the most outputs of a kernel.
constexpr int64_t kCopies = 1 << 18, kWide = 1024, kNarrow = 256, kMost = 4096;
// Parts of images are not made lower for more channels than these: the rest comes in chunks.
constexpr int64_t kLines = 16;
// Bytes of weights that all outputs of a part meet before others, and of their sums where these lie across kernels; and
// the taps that are worth it.
constexpr int64_t kWeights = 1 << 15, kSumsWaiting = 1 << 18, kWorthy = 16;
// Bytes of rows that are long.
constexpr int64_t kLongRow = 1 << 10;
// Bytes of small copies that are made one after the other.
constexpr int64_t kBatch = 1 << 15;
// Parts for each thread, so that none waits long for another.
constexpr int64_t kEach = 4;

// Kernels whose outputs are in registers at once, and vectors of each.
constexpr int kKernels = FILTRAX_VECTOR == 64 ? 8 : 4, kMostVectors = 12, kMostOutputs = 24;
template <int Q>
constexpr int kVectors = FILTRAX_VECTOR == 64 ? (Q == 1 ? kMostVectors : Q == 2 ? 10 : Q == 3 ? 7 : 24 / Q)
                                              : (Q == 1 ? 7 : Q == 2 ? 5 : 3);

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

// A vector of outputs for each of some kernels, so far apart.
template <class T>
struct Outputs {
  T* first;
  int64_t apart;
};

// Outputs of Q kernels, of vectors whose samples begin at `at`: `from` what was summed before, if anything.
template <int Q, class T>
void bank_block(const T* const* at, const int64_t* offsets, const T* weights, int64_t taps, const Outputs<T>* from,
                const Outputs<T>* to) {
  constexpr int W = width<T>, R = kVectors<Q>;
  typedef Vec<T, W> V;
  V sums[Q * R];
#pragma GCC unroll 32
  for (int i = 0; i < Q * R; ++i) sums[i] = from ? load<T>(from[i % R].first + i / R * from[i % R].apart) : V{};
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
  for (int i = 0; i < Q * R; ++i) put<T, W>(to[i % R].first + i / R * to[i % R].apart, sums[i]);
}

template <class T>
struct BankBlock {
  void (*run)(const T* const*, const int64_t*, const T*, int64_t, const Outputs<T>*, const Outputs<T>*);
  int vectors;
};
template <class T, size_t... Q>
BankBlock<T> bank_block_of(int64_t kernels, std::index_sequence<Q...>) {
  static constexpr BankBlock<T> blocks[] = {{bank_block<Q + 1, T>, kVectors<Q + 1>}...};
  return blocks[kernels - 1];
}

// How outputs, or taps, are cut into parts: what all signals have of one is near, if it can be, and all threads have
// some.
struct Cuts {
  Cuts(const Walk& axis, const Walk& inner, int64_t lines, int64_t bytes, int64_t wanted, int64_t longest = kMost) {
    const int64_t room = kCopies / bytes / lines, most_room = kCopies / bytes / least(lines, kLines);
    const int64_t reach = inner.ahead_of(inner.count - 1), phases = axis.phases() * inner.phases();
    cols = most(kNarrow, least(kWide, room / (phases * axis.reach(1)) - reach));
    cols = ceil_div(inner.size, ceil_div(inner.size, cols));
    rows = 1;
    const auto fits = [&](int64_t more) {
      return more * cols <= longest && phases * axis.reach(more) * (cols + reach) <= most_room;
    };
    while (rows < axis.size && (rows * cols < kNarrow || fits(rows + 1))) ++rows;
    while (ceil_div(axis.size, rows) * ceil_div(inner.size, cols) < wanted && rows * cols >= kNarrow) {
      int64_t& longer = rows > 1 ? rows : cols;
      longer = (longer + 1) / 2;
    }
    // Equal parts.
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
  Part(const Walk& axis, const Walk& inner, const Cuts& cuts, int64_t number)
      : top(0), rows(axis.size), left(0), cols(inner.size) {
    if (cuts.count() == 1) return;  // Divisions take longer than a small image.
    const int64_t d = number / cuts.across, a = number % cuts.across;
    top = axis.size * d / cuts.down;
    rows = axis.size * (d + 1) / cuts.down - top;
    left = inner.size * a / cuts.across;
    cols = inner.size * (a + 1) / cuts.across - left;
  }
  int64_t top, rows, left, cols;
};

// Whether sums over taps go this way: of several kernels, of samples or outputs that stand apart, and of images that
// are narrow or, with rows that are not long, have taps that stand apart: many rows would have a list of taps each.
template <class T>
bool is_bank(const Problem& problem) {
  const Slide& inner = problem.inner;
  const bool dense = is_plain(inner) && is_plain(problem.outer[0]) && is_plain(problem.outer[1]);
  const bool few = inner.m < width<T> || (!dense && inner.m * int64_t(sizeof(T)) <= kLongRow);
  return problem.lanes == 1 &&
         (problem.has(is_of_kernels) || inner.stride > 1 || inner.out > 1 || (problem.is_image() && few));
}

template <class S, class T>
class Bank {
 public:
  Bank(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out)
      : problem_(problem), rest_(without(problem, is_of_kernels)), kernels_(places_of(problem, is_of_kernels)),
        outer_(problem.outer[1 - down(problem)]), axis_(problem.outer[down(problem)]),
        other_(Walk::of_outputs(outer_)), down_(Walk::of_outputs(axis_)), inner_(Walk::of_outputs(problem.inner)),
        lhs_(lhs), rhs_(rhs), end_(rhs + problem.count_taps()), out_(out), many_(kernels_.size()),
        terms_(problem.count_sums()),
        taps_(other_.count * down_.count * inner_.count), turns_(rest_.count_cells() * other_.size),
        shared_(double(turns_) * down_.size * inner_.size * many_ * terms_ * taps_ >= kShared),
        across_(many_), is_across_(lies_across()),
        in_place_(taps_ == 1 && lies_whole<S, T>(other_, down_, inner_) && (is_across_ || inner_.size >= W)),
        cuts_(down_, inner_, terms_ * other_.count, sizeof(T), shared_ ? ceil_div(kEach * pool.threads, turns_) : 1,
              is_across_ ? most(kNarrow, kSumsWaiting / int64_t(sizeof(T)) / across_.padded()) : kMost),
        copy_(other_, down_, inner_, cuts_.rows, cuts_.cols, is_across_ ? 1 : W, lhs + problem.count_samples(),
              is_across_) {}

  void run(const Pool& pool) {
    const Pool single{1, nullptr};
    const Pool& threads = shared_ ? pool : single;
    const int64_t sets = rest_.count_of(&Cell::rhs);
    weights_ = buffer<T>(sets * padded() * terms_ * taps_);
    find_taps();
    share(threads, sets * blocks(), [&](int64_t number) { arrange(number); });
    const int64_t numbers = is_across_ ? most(copy_.size(), kCopies / kWeights * kAcross * W * taps_) : copy_.size();
    const int64_t together = most(1, kCopies / int64_t(sizeof(T)) / numbers);
    chunks_ = in_place_ ? 1 : ceil_div(terms_, together);
    longest_ = ceil_div(terms_, chunks_);
    for (int64_t s = 0; s < longest_; ++s) {
      copy_.add_offsets(in_place_ ? term_of(problem_, s).lhs : s * copy_.size(), in_place_, offsets_);
    }
    // What all parts of a batch have waiting stays near.
    const int64_t copied = longest_ * copy_.size(), waiting = padded() * cuts_.rows * ceil_div(cuts_.cols, W) * W;
    const int64_t fit = chunks_ > 1 ? least(kCopies / copied, kSumsWaiting / waiting) : kBatch / copied;
    const int64_t parts = turns_ * cuts_.count(), batches = ceil_div(parts, most(1, fit / int64_t(sizeof(T))));
    const int64_t shares = most(batches, least(parts, kEach * threads.threads));
    share(threads, shares, [&](int64_t number) { make(parts * number / shares, parts * (number + 1) / shares); });
  }

 private:
  // Whether vectors lie across kernels: where rows of outputs would leave more of their lanes empty.
  bool lies_across() const {
    const int64_t kernels = ceil_div(many_, ceil_div(many_, kKernels));
    const BankBlock<T> block = bank_block_of<T>(kernels, std::make_index_sequence<kKernels>{});
    const int64_t vectors = ceil_div(down_.size * ceil_div(inner_.size, W), block.vectors) * block.vectors;
    const double along = double(down_.size * inner_.size) / (vectors * W);
    const double products = double(terms_) * taps_, worth = products / (products + kTurned);
    return products >= kWorthy && worth * used_across<T>(many_, down_.size * inner_.size) > along;
  }

  // Blocks of kernels, as equal as can be, the first of each, and how many there are with those that are zeros.
  int64_t blocks() const { return is_across_ ? across_.blocks : ceil_div(many_, kKernels); }
  int64_t first_of(int64_t block) const { return is_across_ ? across_.first_of(block) : many_ * block / blocks(); }
  int64_t padded() const { return is_across_ ? across_.padded() : many_; }
  // Where the weights of a set of kernels, those of one cell, begin from one kernel on.
  T* weights_of(int64_t set, int64_t kernel) const {
    return weights_.get() + (set * padded() + kernel) * terms_ * taps_;
  }

  // Taps that follow one another in memory, forwards or backwards: the lowest, the first, and how many.
  struct Run {
    int64_t from, first, size, step;
  };
  void find_taps() {
    for (int64_t s = 0; s < terms_; ++s) {
      const int64_t term = term_of(problem_, s).rhs;
      for (int64_t a = 0; a < other_.count; ++a) {
        for (int64_t b = 0; b < down_.count; ++b) {
          for (int64_t c = 0; c < inner_.count; ++c) {
            add_tap(term + a * outer_.rhs + b * axis_.rhs + c * problem_.inner.rhs);
          }
        }
      }
    }
  }
  void add_tap(int64_t at) {
    if (!runs_.empty()) {
      Run& run = runs_.back();
      const int64_t step = at - (run.step > 0 ? run.from + run.size - 1 : run.from);
      if ((step == 1 || step == -1) && (run.size == 1 || step == run.step)) {
        run = {least(run.from, at), run.first, run.size + 1, step};
        return;
      }
    }
    runs_.push_back({at, runs_.empty() ? 0 : runs_.back().first + runs_.back().size, 1, 1});
  }

  // The kernels of a block side by side, tap by tap.
  void arrange(int64_t number) const {
    const int64_t set = number / blocks(), block = number % blocks();
    const int64_t first = first_of(block), count = first_of(block + 1) - first;
    const S* from = rhs_ + rest_.offset_of(set, &Cell::rhs);
    T* to = weights_of(set, first);
    for (const Run& run : runs_) {
      T* begin = to + (run.step > 0 ? run.first : run.first + run.size - 1) * count;
      const int64_t step = run.step * count;
      for (int64_t q = 0; is_across_ && q < count; q += W) {
        turn_over(from + run.from, first + q, run.size, begin + q, step);
      }
      for (int64_t i = 0; !is_across_ && i < run.size; ++i) {
        for (int64_t q = 0; q < count; ++q) {
          convert_few<1>(from + kernels_[first + q].rhs + run.from + i, begin + i * step + q);
        }
      }
    }
  }
  // Taps of a vector of kernels. What takes the place of kernels that there are not is not looked at.
  void turn_over(const S* from, int64_t kernel, int64_t size, T* to, int64_t apart) const {
    const S* lines[W];
    for (int64_t q = 0; q < W; ++q) lines[q] = from + kernels_[least(kernel + q, many_ - 1)].rhs;
    across<S, T>(lines, 0, size, end_, to, apart);
  }

  // A vector of the outputs of a part: where its samples begin, and it, from the part's first output on; how many there
  // are of it, and whether there is room for a whole vector.
  struct Slot {
    int64_t from, to, count;
    bool whole;
  };

  // A part of a turn: where its first output lies, its copies, and its sums where these wait.
  struct Turn {
    Part part;
    int64_t before, set;
    Place place;
    S* to;
    const T* samples;
    T* sums;
  };
  Turn turn_of(int64_t number) const {
    const int64_t turn = number / cuts_.count(), cell = turn / other_.size, before = turn % other_.size;
    const Part part(down_, inner_, cuts_, number % cuts_.count());
    const Place place = place_of(rest_, cell);
    S* to = out_ + place.out + before * outer_.out + part.top * axis_.out + part.left * problem_.inner.out;
    return {part, before, rest_.row_of(cell, &Cell::rhs), place, to, nullptr, nullptr};
  }

  // Parts [begin, end) of the outputs of all kernels. All copies are made first: what was just written is slow to read.
  // Where not all signals are near together, sums wait for the next chunk; all parts meet a block of weights before
  // the next, for these come from afar.
  void make(int64_t begin, int64_t end) const {
    const int64_t size = copy_.size(), count = end - begin, outputs = cuts_.rows * cuts_.cols;
    const int64_t slots = cuts_.rows * ceil_div(cuts_.cols, W) + kMostVectors;
    // Squares are read whole.
    const int64_t waiting = is_across_ ? (outputs + W) * padded() : many_ * slots * W;
    T* copies = scratch<T>(0, count * longest_ * size + copy_.kBehind);
    T* sums = scratch<T>(1, chunks_ > 1 ? count * waiting : is_across_ ? (count * outputs + W) * kAcross * W : 0);
    int64_t* places = is_across_ ? scratch<int64_t>(2, 2 * count * outputs) : nullptr;
    Slot* found = is_across_ ? nullptr : scratch<Slot>(2, count * slots);
    Turn* turns = scratch<Turn>(3, count);
    for (int64_t i = 0; i < count; ++i) {
      turns[i] = turn_of(begin + i);
      turns[i].sums = sums + (chunks_ > 1 ? i * waiting : 0);
      if (!is_across_) find(turns[i].part, found + i * slots);
    }
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
      const int64_t first = terms_ * chunk / chunks_, terms = terms_ * (chunk + 1) / chunks_ - first;
      T* to = copies;
      for (int64_t i = 0; i < count; ++i) {
        Turn& turn = turns[i];
        const Part& part = turn.part;
        if (in_place_) {
          const S* there = lhs_ + turn.place.lhs + copy_.place_of(turn.before, part.top, part.left);
          turn.samples = reinterpret_cast<const T*>(there);
          continue;
        }
        turn.samples = to;
        for (int64_t s = 0; s < terms; ++s, to += size) {
          const S* signal = lhs_ + turn.place.lhs + term_of(problem_, first + s).lhs;
          copy_.fill(signal, turn.before, part.top, part.left, part.rows, part.cols, to);
        }
      }
      if (is_across_) {
        meet_across(turns, count, places, chunk, first, terms);
        continue;
      }
      for (int64_t block = 0; block < blocks(); ++block) {
        for (int64_t i = 0; i < count; ++i) meet(turns[i], found + i * slots, chunk, first, terms, block);
      }
    }
  }

  // Where a row of a part begins.
  int64_t row_of(int64_t row) const { return in_place_ ? row * down_.step * down_.lhs : copy_.row(row); }

  // The last vector of a row overlaps with the one before. Of rows shorter than one, what is written beyond an end is
  // written over.
  // Blocks are whole: the last outputs are made as often as need be.
  void find(const Part& part, Slot* to) const {
    const int64_t step = problem_.inner.out, size = part.rows * part.cols, count = least(W, part.cols);
    const bool close = step == 1 && axis_.out == part.cols;
    for (int64_t row = 0; row < part.rows; ++row) {
      for (int64_t begin = 0; begin < part.cols; begin += W) {
        const int64_t at = count < W ? 0 : least(begin, part.cols - W), out = row * axis_.out + at * step;
        *to++ = {row_of(row) + at, out, count, step == 1 && (count == W || (close && out + W <= size))};
      }
    }
    for (int i = 0; i < kMostVectors; ++i) to[i] = to[-1];
  }
  // How many outputs so many parts have; from those of the first on, where their samples begin and, behind these,
  // where they lie.
  int64_t find(const Turn* turns, int64_t count, int64_t* to) const {
    int64_t outputs = 0;
    for (int64_t i = 0; i < count; ++i) outputs += turns[i].part.rows * turns[i].part.cols;
    for (const Turn* turn = turns; turn < turns + count; ++turn) {
      const int64_t samples = turn->samples - turns->samples, results = turn->to - turns->to;
      for (int64_t row = 0; row < turn->part.rows; ++row) {
        for (int64_t col = 0; col < turn->part.cols; ++col, ++to) {
          to[0] = samples + row_of(row) + copy_.col(col);
          to[outputs] = results + row * axis_.out + col * problem_.inner.out;
        }
      }
    }
    return outputs;
  }

  // What the taps of some terms give to the outputs of a block of kernels.
  void meet(const Turn& turn, const Slot* found, int64_t chunk, int64_t first_term, int64_t terms,
            int64_t number) const {
    const int64_t first = first_of(number), here = first_of(number + 1) - first;
    const T* weights = weights_of(turn.set, first) + first_term * taps_ * here;
    const int64_t taps = terms * taps_, slots = turn.part.rows * ceil_div(turn.part.cols, W);
    const bool begun = chunk > 0, goes_on = chunk + 1 < chunks_;
    const BankBlock<T> block = bank_block_of<T>(here, std::make_index_sequence<kKernels>{});
    // Kernels lie in one loop.
    const int64_t apart = many_ > 1 ? kernels_[1].out : 0, waits_apart = slots * W;
    S* to = turn.to + first * apart;
    T* sums = turn.sums + first * waits_apart;
    alignas(FILTRAX_VECTOR) T done[kMostOutputs * W];
    for (int64_t i = 0; i < slots; i += block.vectors, found += block.vectors) {
      const T* at[kMostVectors];
      Outputs<T> waiting[kMostVectors], into[kMostVectors];
      bool direct = true;
      for (int r = 0; r < block.vectors; ++r) {
        const Slot& slot = found[r];
        at[r] = turn.samples + slot.from;
        waiting[r] = {sums + least(i + r, slots - 1) * W, waits_apart};
        if (goes_on) {
          into[r] = waiting[r];
        } else if (sizeof(S) == sizeof(T) && slot.whole) {
          into[r] = {reinterpret_cast<T*>(to + slot.to), apart};
        } else {
          into[r] = {done + r * W, block.vectors * W};
          direct = false;
        }
      }
      block.run(at, offsets_.data(), weights, taps, begun ? waiting : nullptr, into);
      if (direct) continue;
      for (int64_t q = 0; q < here; ++q) {
        for (int r = 0; r < block.vectors; ++r) {
          const Slot& slot = found[r];
          const T* from = done + (q * block.vectors + r) * W;
          S* result = to + q * apart + slot.to;
          if (sizeof(S) == sizeof(T) && problem_.inner.out == 2 && slot.count == W) {
            put_to_every_second<T>(reinterpret_cast<T*>(result), load<T>(from));
          } else if (!slot.whole) {
            convert_samples<1>(from, 1, result, problem_.inner.out, slot.count);
          } else if (sizeof(S) != sizeof(T)) {
            leave<S, T>(result, load<T>(from));
          }
        }
      }
    }
  }

  // The same of vectors across kernels, of all parts that meet the same ones together.
  void meet_across(const Turn* turns, int64_t count, int64_t* places, int64_t chunk, int64_t first_term,
                   int64_t terms) const {
    for (int64_t begin = 0, end = 0; begin < count; begin = end) {
      while (end < count && turns[end].set == turns[begin].set) ++end;
      const Turn& turn = turns[begin];
      const int64_t outputs = find(turns + begin, end - begin, places);
      for (int64_t block = 0; block < across_.blocks; ++block) {
        const int64_t first = across_.first_of(block), vectors = across_.vectors_of(block);
        const T* weights = weights_of(turn.set, first) + first_term * taps_ * vectors * W;
        T* sums = turn.sums + (chunks_ > 1 ? first * outputs : 0);
        sums_across(turn.samples, places, outputs, offsets_.data(), terms * taps_, weights, vectors, sums, chunk > 0);
        if (chunk + 1 == chunks_) leave_across(sums, first, vectors, places + outputs, outputs, turn.to);
      }
    }
  }

  void leave_across(const T* sums, int64_t first, int64_t vectors, const int64_t* results, int64_t outputs,
                    S* to) const {
    alignas(FILTRAX_VECTOR) T square[W * W];
    for (int64_t v = 0; v < vectors; ++v, sums += W) {
      const int64_t kernel = first + v * W, kernels = least(W, many_ - kernel);
      for (int64_t next = 0; next < outputs; next += W) {
        const int64_t i = most(0, least(next, outputs - W)), count = least(W, outputs);
        transpose<T>([&](int64_t j) { return sums + (i + j) * vectors * W; }, square, W);
        bool close = count == W;
        for (int64_t j = 1; close && j < W; ++j) close = results[i + j] - results[i] == j;
        for (int64_t q = 0; q < kernels; ++q) {
          S* result = to + kernels_[kernel + q].out;
          if (close) {
            leave<S, T>(result + results[i], load<T>(square + q * W));
          } else {
            for (int64_t j = 0; j < count; ++j) convert_few<1>(square + q * W + j, result + results[i + j]);
          }
        }
      }
    }
  }

  static constexpr int64_t W = width<T>;
  const Problem& problem_;
  const Problem rest_;
  const std::vector<Place> kernels_;
  const Slide &outer_, &axis_;
  const Walk other_, down_, inner_;
  const S *lhs_, *rhs_;
  const S* const end_;
  S* out_;
  const int64_t many_, terms_, taps_, turns_;
  const bool shared_;
  const Across<T> across_;
  const bool is_across_;
  // Whether signals are read where they lie: with one tap each sample is, once.
  const bool in_place_;
  const Cuts cuts_;
  const Copy<S, T> copy_;
  Buffer<T> weights_;
  // Chunks of signals, and how many the longest has; where the samples of its taps lie.
  int64_t chunks_ = 1, longest_ = 1;
  std::vector<int64_t> offsets_;
  std::vector<Run> runs_;
};

template <class S, class T>
void correlate_bank(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  Bank<S, T>(pool, problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
