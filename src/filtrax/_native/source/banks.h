// Banks: kernels that meet the same samples, as those of a layer's output channels do.
//
// Outputs of several kernels and vectors stay in registers together: a sample that was read meets all of
// the kernels, a tap all of the vectors, as in a product of matrices.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "across.h"
#include "copies.h"
#include "memory.h"
#include "phases.h"
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
// Kernels, and signals, from which on samples with one tap each are copied side by side, signal by signal for a vector
// of outputs, and vectors that are copied together: rows of signals lie so far apart that reading a sample of each is
// slow. (Where vectors are long, this was not measured.)
constexpr int64_t kPackedKernels = 16, kPackedSignals = 16, kPackedAtOnce = 8;
constexpr bool kPacks = FILTRAX_VECTOR < 64;

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

// Where vectors of outputs lie: each so far from the first of its kernel, and this from kernel to kernel.
template <class T>
struct Outputs {
  T* first;
  const int64_t* at;
  int64_t apart;
};

// Outputs of Q kernels, block after block of vectors, whose samples begin so far from the first ones: added to what was
// summed before, if anything.
template <int Q, class T>
void bank_blocks(int64_t blocks, const T* samples, const int64_t* at, const int64_t* offsets, const T* weights,
                 int64_t taps, const Outputs<T>* summed, const Outputs<T>& to) {
  constexpr int W = width<T>, R = kVectors<Q>;
  typedef Vec<T, W> V;
  for (int64_t first = 0; first < blocks * R; first += R) {
    V sums[Q * R];
    const T* x[R];
    if (summed) {
#pragma GCC unroll 32
      for (int i = 0; i < Q * R; ++i) {
        sums[i] = load<T>(summed->first + summed->at[first + i % R] + i / R * summed->apart);
      }
    } else {
#pragma GCC unroll 32
      for (int i = 0; i < Q * R; ++i) sums[i] = V{};
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) x[r] = samples + at[first + r];
    const T* weight_of = weights;
    for (int64_t t = 0; t < taps; ++t, weight_of += Q) {
      const int64_t offset = offsets[t];
      V met[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) met[r] = kept(load<T>(x[r] + offset));
#pragma GCC unroll 16
      for (int q = 0; q < Q; ++q) {
        const V weight = kept(splat<T>(weight_of[q]));
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) sums[q * R + r] += weight * met[r];
      }
    }
#pragma GCC unroll 32
    for (int i = 0; i < Q * R; ++i) put<T, W>(to.first + to.at[first + i % R] + i / R * to.apart, sums[i]);
  }
}

template <class T>
struct BankBlocks {
  void (*run)(int64_t, const T*, const int64_t*, const int64_t*, const T*, int64_t, const Outputs<T>*,
              const Outputs<T>&);
  int vectors;
};
template <class T, size_t... Q>
BankBlocks<T> bank_blocks_of(int64_t kernels, std::index_sequence<Q...>) {
  static constexpr BankBlocks<T> all[] = {{bank_blocks<Q + 1, T>, kVectors<Q + 1>}...};
  return all[kernels - 1];
}

// How outputs, or taps, are cut into parts: what all signals have of one is near, if it can be, and all threads have
// some.
struct Cuts {
  Cuts(const Walk& axis, const Walk& inner, int64_t lines, int64_t bytes, int64_t wanted, int64_t longest = kMost) {
    // Rows that have no samples in common need not be together.
    const int64_t room = kCopies / bytes / lines;
    const int64_t most_room = kCopies / bytes / (axis.count == 1 ? lines : least(lines, kLines));
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
  const bool apart = inner.stride > 1 || inner.base > 1 || inner.out > 1;
  return problem.lanes == 1 && (problem.has(is_of_kernels) || apart || (problem.is_image() && few));
}

// Where the taps and the outputs of a kernel begin, and how many rows and columns it has of these.
struct Kernel {
  int64_t rhs, out, rows, cols;
};

// Kernels that meet the same samples around an output, all of them or those of some phases of outputs: where among the
// samples that any kernel meets, rows and columns of taps, these one after the other in memory, forwards or backwards,
// and where their samples lie.
struct Window {
  // The lowest of the taps of a run, the number of the first of them, and how many there are.
  struct Run {
    int64_t from, first, size, step;
  };
  int64_t top, left, high, wide;
  std::vector<Kernel> kernels;
  std::vector<Run> runs;
  std::vector<int64_t> offsets;

  void add_tap(int64_t at) {
    if (!runs.empty()) {
      Run& run = runs.back();
      const int64_t step = at - (run.step > 0 ? run.from + run.size - 1 : run.from);
      if ((step == 1 || step == -1) && (run.size == 1 || step == run.step)) {
        run = {least(run.from, at), run.first, run.size + 1, step};
        return;
      }
    }
    runs.push_back({at, runs.empty() ? 0 : runs.back().first + runs.back().size, 1, 1});
  }
};
inline std::vector<Window> windows_of(const Turns& below, const Turns& along, const Slide& axis, const Slide& inner,
                                      const std::vector<Place>& kernels) {
  std::vector<Window> found;
  for (size_t a = 0; a < below.each.size(); ++a) {
    for (size_t b = 0; b < along.each.size(); ++b) {
      const Turn &row = below.each[a], &col = along.each[b];
      const Window window{below.ahead(row), along.ahead(col), row.k, col.k, {}, {}, {}};
      const auto is_same = [&](const Window& each) {
        return each.top == window.top && each.left == window.left && each.high == window.high &&
               each.wide == window.wide;
      };
      auto place = std::find_if(found.begin(), found.end(), is_same);
      if (place == found.end()) place = found.insert(found.end(), window);
      for (const Place& kernel : kernels) {
        place->kernels.push_back({kernel.rhs + row.tap * axis.rhs + col.tap * inner.rhs,
                                  kernel.out + below.numbers[a] * axis.out + along.numbers[b] * inner.out, row.m,
                                  col.m});
      }
    }
  }
  return found;
}
// The problem with other axes, that rows of outputs are neighbours down and along.
inline Problem with_axes(Problem problem, const Slide& axis, const Slide& inner) {
  problem.outer[down(problem)] = axis;
  problem.inner = inner;
  return problem;
}

template <class S, class T>
class Bank {
 public:
  Bank(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out)
      : below_(problem.outer[down(problem)]), along_(problem.inner),
        problem_(with_axes(problem, below_.united, along_.united)), rest_(without(problem_, is_of_kernels)),
        windows_(windows_of(below_, along_, problem.outer[down(problem)], problem.inner,
                            places_of(problem, is_of_kernels))),
        outer_(problem_.outer[1 - down(problem)]), axis_(below_.united),
        other_(Walk::of_outputs(outer_)), down_(Walk::of_outputs(axis_)), inner_(Walk::of_outputs(along_.united)),
        lhs_(lhs), rhs_(rhs), end_(rhs + problem.count_taps()), out_(out), terms_(problem.count_sums()),
        turns_(rest_.count_cells() * other_.size),
        shared_(double(turns_) * down_.size * inner_.size * terms_ * count_taps() >= kShared),
        is_across_(lies_across()), blocks_(blocks_of(windows_)),
        in_place_(other_.count * down_.count * inner_.count == 1 && lies_whole<S, T>(other_, down_, inner_) &&
                  (is_across_ || inner_.size >= W)),
        is_packed_(kPacks && in_place_ && !is_across_ && terms_ >= kPackedSignals &&
                   int64_t(windows_[0].kernels.size()) >= kPackedKernels),
        cuts_(down_, inner_, terms_ * other_.count, sizeof(T), shared_ ? ceil_div(kEach * pool.threads, turns_) : 1,
              is_across_ ? most(kNarrow, kSumsWaiting / int64_t(sizeof(T)) / padded_) : kMost),
        copy_(other_, down_, inner_, cuts_.rows, cuts_.cols, is_across_ ? 1 : W, lhs + problem.count_samples(),
              is_across_) {}

  void run(const Pool& pool) {
    const Pool single{1, nullptr};
    const Pool& threads = shared_ ? pool : single;
    const int64_t sets = rest_.count_of(&Cell::rhs), blocks = blocks_.size();
    weights_ = buffer<T>(sets * weights_of_set_);
    int64_t most_taps = 0;
    for (Window& window : windows_) {
      find_taps(window);
      most_taps = most(most_taps, taps_of(window));
    }
    share(threads, sets * blocks, [&](int64_t number) { arrange(number / blocks, blocks_[number % blocks]); });
    for (int64_t s = 0; is_packed_ && s < terms_; ++s) signals_.push_back(term_of(problem_, s).lhs);
    const int64_t size = of_signal();
    const int64_t numbers = is_across_ ? most(size, kCopies / kWeights * kAcross * W * most_taps) : size;
    const int64_t together = most(1, kCopies / int64_t(sizeof(T)) / numbers);
    chunks_ = in_place_ && !is_packed_ ? 1 : ceil_div(terms_, together);
    longest_ = ceil_div(terms_, chunks_);
    for (Window& window : windows_) find_offsets(window);
    // What all parts of a batch have waiting stays near.
    const int64_t copied = longest_ * size, waiting = padded_ * vectors() * W;
    const int64_t fit = chunks_ > 1 ? least(kCopies / copied, kSumsWaiting / waiting) : kBatch / copied;
    const int64_t parts = turns_ * cuts_.count(), batches = ceil_div(parts, most(1, fit / int64_t(sizeof(T))));
    const int64_t shares = most(batches, least(parts, kEach * threads.threads));
    // Where there are fewer than threads, these share the kernels, too.
    const int64_t groups = least(blocks, ceil_div(threads.threads, shares));
    share(threads, shares * groups, [&](int64_t number) {
      const int64_t part = number / groups, group = number % groups;
      make(parts * part / shares, parts * (part + 1) / shares, blocks * group / groups, blocks * (group + 1) / groups);
    });
  }

 private:
  // Whether vectors lie across kernels: where rows of outputs would leave more of their lanes empty.
  bool lies_across() const {
    int64_t many = 0, taps = 0;
    for (const Window& window : windows_) {
      if (int64_t(window.kernels.size()) > many) many = window.kernels.size(), taps = taps_of(window);
    }
    const int64_t kernels = ceil_div(many, ceil_div(many, kKernels));
    const BankBlocks<T> block = bank_blocks_of<T>(kernels, std::make_index_sequence<kKernels>{});
    const int64_t vectors = ceil_div(down_.size * ceil_div(inner_.size, W), block.vectors) * block.vectors;
    const double along = double(down_.size * inner_.size) / (vectors * W);
    const double products = double(terms_) * taps, worth = products / (products + kTurned);
    return products >= kWorthy && worth * used_across<T>(many, down_.size * inner_.size) > along;
  }

  // Some kernels of a window: the first, how many there are or, across kernels, vectors of them, and how many kernels
  // and weights of a set lie before.
  struct Block {
    const Window* window;
    int64_t first, count, before, weights;
  };
  // As equal ones as can be.
  std::vector<Block> blocks_of(const std::vector<Window>& windows) {
    std::vector<Block> found;
    for (const Window& window : windows) {
      const int64_t many = window.kernels.size(), size = terms_ * taps_of(window);
      const Across<T> across(many);
      const int64_t blocks = is_across_ ? across.blocks : ceil_div(many, kKernels);
      const int64_t padded = is_across_ ? across.padded() : many;
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t first = is_across_ ? across.first_of(b) : many * b / blocks;
        const int64_t count = is_across_ ? across.vectors_of(b) : many * (b + 1) / blocks - first;
        found.push_back({&window, first, count, padded_ + first, weights_of_set_ + first * size});
      }
      padded_ += padded;
      weights_of_set_ += padded * size;
    }
    return found;
  }
  int64_t taps_of(const Window& window) const { return other_.count * window.high * window.wide; }
  // Those of all kernels.
  int64_t count_taps() const {
    int64_t total = 0;
    for (const Window& window : windows_) total += taps_of(window) * window.kernels.size();
    return total;
  }
  // Where the weights of a block begin, in a set of kernels, those of one cell, from a term on.
  T* weights_of(int64_t set, const Block& block, int64_t term) const {
    const int64_t lanes = block.count * (is_across_ ? W : 1);
    return weights_.get() + set * weights_of_set_ + block.weights + term * taps_of(*block.window) * lanes;
  }

  void find_taps(Window& window) const {
    for (int64_t s = 0; s < terms_; ++s) {
      const int64_t term = term_of(problem_, s).rhs;
      for (int64_t a = 0; a < other_.count; ++a) {
        for (int64_t b = 0; b < window.high; ++b) {
          for (int64_t c = 0; c < window.wide; ++c) {
            window.add_tap(term + a * outer_.rhs + b * axis_.rhs + c * problem_.inner.rhs);
          }
        }
      }
    }
  }
  // Where the samples of a window's taps lie, of the most terms of a chunk.
  void find_offsets(Window& window) const {
    std::vector<int64_t> all;
    for (int64_t s = 0; s < longest_; ++s) {
      if (is_packed_) {
        window.offsets.push_back(s * W);
        continue;
      }
      all.clear();
      copy_.add_offsets(in_place_ ? term_of(problem_, s).lhs : s * copy_.size(), in_place_, all);
      for (int64_t a = 0; a < other_.count; ++a) {
        for (int64_t b = window.top; b < window.top + window.high; ++b) {
          const auto row = all.begin() + (a * down_.count + b) * inner_.count + window.left;
          window.offsets.insert(window.offsets.end(), row, row + window.wide);
        }
      }
    }
  }

  // The kernels of a block side by side, tap by tap.
  void arrange(int64_t set, const Block& block) const {
    const int64_t count = block.count * (is_across_ ? W : 1);
    const S* from = rhs_ + rest_.offset_of(set, &Cell::rhs);
    T* to = weights_of(set, block, 0);
    for (const Window::Run& run : block.window->runs) {
      T* begin = to + (run.step > 0 ? run.first : run.first + run.size - 1) * count;
      const int64_t step = run.step * count;
      for (int64_t q = 0; is_across_ && q < count; q += W) {
        turn_over(from + run.from, *block.window, block.first + q, run.size, begin + q, step);
      }
      for (int64_t i = 0; !is_across_ && i < run.size; ++i) {
        for (int64_t q = 0; q < count; ++q) {
          convert_few<1>(from + block.window->kernels[block.first + q].rhs + run.from + i, begin + i * step + q);
        }
      }
    }
  }
  // Taps of a vector of kernels. What takes the place of kernels that there are not is not looked at.
  void turn_over(const S* from, const Window& window, int64_t kernel, int64_t size, T* to, int64_t apart) const {
    const S* lines[W];
    const int64_t last = window.kernels.size() - 1;
    for (int64_t q = 0; q < W; ++q) lines[q] = from + window.kernels[least(kernel + q, last)].rhs;
    across<S, T>(lines, 0, size, end_, to, apart);
  }

  // A vector of the outputs of a part: where its samples begin, its row and first column, and it, from the part's first
  // output on; how many there are of it, and whether there is room for a whole vector.
  struct Slot {
    int64_t from, row, col, to, count;
    bool whole;
  };

  // Those of a part: first so many where there is room for whole vectors; how far from the part's first sample their
  // samples begin, from its first output they lie, and from its first sum they wait, the last one again for those that
  // fill up a block.
  struct Found {
    Slot* slots;
    int64_t whole;
    int64_t *from, *to, *waiting;
  };

  // A part of a turn: where its first output lies, its vectors, its copies, and its sums where these wait.
  struct Turn {
    Part part;
    int64_t before, set;
    Place place;
    S* to;
    Found found;
    const T* samples;
    T* sums;
  };
  Turn turn_of(int64_t number) const {
    const int64_t turn = number / cuts_.count(), cell = turn / other_.size, before = turn % other_.size;
    const Part part(down_, inner_, cuts_, number % cuts_.count());
    const Place place = place_of(rest_, cell);
    S* to = out_ + place.out + before * outer_.out + part.top * axis_.out + part.left * problem_.inner.out;
    return {part, before, rest_.row_of(cell, &Cell::rhs), place, to, {}, nullptr, nullptr};
  }

  // Vectors of outputs of a part, at most, and numbers that its samples of a signal take as a copy.
  int64_t vectors() const { return cuts_.rows * ceil_div(cuts_.cols, W); }
  int64_t of_signal() const { return is_packed_ ? vectors() * W : copy_.size(); }
  // From one vector of outputs to the next where their samples are packed: not so many bytes that they push each other
  // out of the first cache.
  int64_t packed() const { return (longest_ + 2) * W; }
  // Samples of some signals, from the first of each vector of outputs on, one signal after the other.
  void pack(const T* samples, const Slot* found, int64_t slots, int64_t first, int64_t terms, T* to) const {
    for (int64_t i = 0; i < slots; i += kPackedAtOnce, to += kPackedAtOnce * packed()) {
      const int64_t some = least(kPackedAtOnce, slots - i);
      for (int64_t s = 0; s < terms; ++s) {
        const T* signal = samples + signals_[first + s];
        for (int64_t j = 0; j < some; ++j) {
          put<T, W>(to + j * packed() + s * W, load<T>(signal + found[i + j].from));
        }
      }
    }
  }

  // Parts [begin, end) of the outputs of some blocks. All copies are made first: what was just written is slow to read.
  // Where not all signals are near together, sums wait for the next chunk; all parts meet a block of weights before
  // the next, for these come from afar.
  void make(int64_t begin, int64_t end, int64_t first_block, int64_t last_block) const {
    const int64_t count = end - begin, outputs = cuts_.rows * cuts_.cols, slots = vectors() + kMostVectors;
    const int64_t copied = is_packed_ ? slots * packed() : longest_ * of_signal();
    // Squares are read whole.
    const int64_t waiting = is_across_ ? (outputs + W) * padded_ : padded_ * slots * W;
    T* copies = scratch<T>(0, count * copied + copy_.kBehind);
    T* sums = scratch<T>(1, chunks_ > 1 ? count * waiting : is_across_ ? (count * outputs + W) * kAcross * W : 0);
    int64_t* places = is_across_ ? scratch<int64_t>(2, 4 * count * outputs) : nullptr;
    Slot* found = is_across_ ? nullptr : scratch<Slot>(2, count * slots);
    int64_t* lists = is_across_ ? nullptr : scratch<int64_t>(4, 3 * count * slots);
    Turn* turns = scratch<Turn>(3, count);
    for (int64_t i = 0; i < count; ++i) {
      turns[i] = turn_of(begin + i);
      turns[i].sums = sums + (chunks_ > 1 ? i * waiting : 0);
      if (!is_across_) turns[i].found = find(turns[i].part, found + i * slots, lists + 3 * i * slots, slots);
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
          if (!is_packed_) continue;
          pack(turn.samples, turn.found.slots, part.rows * ceil_div(part.cols, W), first, terms, to);
          turn.samples = to;
          to += copied;
          continue;
        }
        turn.samples = to;
        for (int64_t s = 0; s < terms; ++s, to += of_signal()) {
          const S* signal = lhs_ + turn.place.lhs + term_of(problem_, first + s).lhs;
          copy_.fill(signal, turn.before, part.top, part.left, part.rows, part.cols, to);
        }
      }
      if (is_across_) {
        meet_across(turns, count, places, chunk, first, terms, first_block, last_block);
        continue;
      }
      for (int64_t b = first_block; b < last_block; ++b) {
        for (int64_t i = 0; i < count; ++i) meet(turns[i], chunk, first, terms, blocks_[b]);
      }
    }
  }

  // Where a row of a part begins.
  int64_t row_of(int64_t row) const { return in_place_ ? row * down_.step * down_.lhs : copy_.row(row); }

  // The last vector of a row overlaps with the one before. Of rows shorter than one, what is written beyond an end is
  // written over.
  // Blocks are whole: the last outputs are made as often as need be.
  Found find(const Part& part, Slot* slots, int64_t* lists, int64_t room) const {
    const int64_t step = problem_.inner.out, size = part.rows * part.cols, count = least(W, part.cols);
    const bool close = step == 1 && axis_.out == part.cols;
    Slot* to = slots;
    for (int64_t row = 0; row < part.rows; ++row) {
      for (int64_t begin = 0; begin < part.cols; begin += W) {
        const int64_t at = count < W ? 0 : least(begin, part.cols - W), out = row * axis_.out + at * step;
        *to++ = {row_of(row) + at, row, at, out, count, step == 1 && (count == W || (close && out + W <= size))};
      }
    }
    const int64_t last = to - slots - 1;
    for (int i = 0; i < kMostVectors; ++i) to[i] = to[-1];
    const Found found{slots, std::find_if(slots, to, [](const Slot& slot) { return !slot.whole; }) - slots,
                      lists, lists + room, lists + 2 * room};
    for (int64_t i = 0; i <= last + kMostVectors; ++i) {
      found.from[i] = is_packed_ ? least(i, last) * packed() : slots[i].from;
      found.to[i] = slots[i].to;
      found.waiting[i] = least(i, last) * W;
    }
    return found;
  }
  // How many outputs so many parts have; from those of the first on, where their samples begin and, behind these,
  // where they lie, their rows and columns.
  int64_t find(const Turn* turns, int64_t count, int64_t* to) const {
    int64_t outputs = 0;
    for (int64_t i = 0; i < count; ++i) outputs += turns[i].part.rows * turns[i].part.cols;
    for (const Turn* turn = turns; turn < turns + count; ++turn) {
      const int64_t samples = turn->samples - turns->samples, results = turn->to - turns->to;
      for (int64_t row = 0; row < turn->part.rows; ++row) {
        for (int64_t col = 0; col < turn->part.cols; ++col, ++to) {
          to[0] = samples + row_of(row) + copy_.col(col);
          to[outputs] = results + row * axis_.out + col * problem_.inner.out;
          to[2 * outputs] = turn->part.top + row;
          to[3 * outputs] = turn->part.left + col;
        }
      }
    }
    return outputs;
  }

  // What the taps of some terms give to the outputs of a block of kernels.
  void meet(const Turn& turn, int64_t chunk, int64_t first_term, int64_t terms, const Block& kernels) const {
    const Window& window = *kernels.window;
    const Kernel* some = window.kernels.data() + kernels.first;
    const int64_t here = kernels.count, slots = turn.part.rows * ceil_div(turn.part.cols, W);
    const T* weights = weights_of(turn.set, kernels, first_term);
    const int64_t taps = terms * taps_of(window), *offsets = window.offsets.data();
    const bool begun = chunk > 0, goes_on = chunk + 1 < chunks_;
    const BankBlocks<T> block = bank_blocks_of<T>(here, std::make_index_sequence<kKernels>{});
    const int64_t apart = here > 1 ? some[1].out - some[0].out : 0, waits_apart = slots * W;
    // Whether outputs of all kernels lie alike, in arithmetic's own type.
    bool alike = sizeof(S) == sizeof(T);
    for (int64_t q = 0; q < here; ++q) {
      alike &= some[q].out == some[0].out + q * apart && some[q].rows == down_.size && some[q].cols == inner_.size;
    }
    const Found& found = turn.found;
    const Outputs<T> waiting{turn.sums + kernels.before * waits_apart, found.waiting, waits_apart};
    const Outputs<T> outputs{reinterpret_cast<T*>(turn.to + some[0].out), found.to, apart};
    const int64_t whole = goes_on ? slots : alike ? found.whole : 0;
    const int64_t blocks = whole == slots ? ceil_div(slots, block.vectors) : whole / block.vectors;
    block.run(blocks, turn.samples, found.from, offsets, weights, taps, begun ? &waiting : nullptr,
              goes_on ? waiting : outputs);
    // What is not written as vectors to where it lies.
    alignas(FILTRAX_VECTOR) T done[kMostOutputs * W];
    int64_t in_turn[kMostVectors];
    for (int r = 0; r < kMostVectors; ++r) in_turn[r] = r * W;
    for (int64_t i = blocks * block.vectors; i < slots; i += block.vectors) {
      const Outputs<T> summed{waiting.first, waiting.at + i, waits_apart};
      block.run(1, turn.samples, found.from + i, offsets, weights, taps, begun ? &summed : nullptr,
                {done, in_turn, block.vectors * W});
      for (int64_t q = 0; q < here; ++q) {
        for (int r = 0; r < block.vectors; ++r) {
          const Slot& slot = found.slots[i + r];
          const T* from = done + (q * block.vectors + r) * W;
          S* result = turn.to + some[q].out + slot.to;
          const bool there = turn.part.top + slot.row < some[q].rows;
          const int64_t count = there ? least(slot.count, some[q].cols - turn.part.left - slot.col) : 0;
          if (sizeof(S) == sizeof(T) && problem_.inner.out == 2 && count == W) {
            put_to_every_second<T>(reinterpret_cast<T*>(result), load<T>(from));
          } else if (!slot.whole || count < slot.count) {
            convert_samples<1>(from, 1, result, problem_.inner.out, count);
          } else {
            leave<S, T>(result, load<T>(from));
          }
        }
      }
    }
  }

  // The same of vectors across kernels, of all parts that meet the same ones together.
  void meet_across(const Turn* turns, int64_t count, int64_t* places, int64_t chunk, int64_t first_term,
                   int64_t terms, int64_t first_block, int64_t last_block) const {
    for (int64_t begin = 0, end = 0; begin < count; begin = end) {
      while (end < count && turns[end].set == turns[begin].set) ++end;
      const Turn& turn = turns[begin];
      const int64_t outputs = find(turns + begin, end - begin, places);
      for (int64_t b = first_block; b < last_block; ++b) {
        const Block& block = blocks_[b];
        const int64_t taps = terms * taps_of(*block.window);
        const T* weights = weights_of(turn.set, block, first_term);
        T* sums = turn.sums + (chunks_ > 1 ? block.before * outputs : 0);
        sums_across(turn.samples, places, outputs, block.window->offsets.data(), taps, weights, block.count, sums,
                    chunk > 0);
        if (chunk + 1 == chunks_) leave_across(sums, block, places + outputs, outputs, turn.to);
      }
    }
  }

  void leave_across(const T* sums, const Block& block, const int64_t* results, int64_t outputs, S* to) const {
    alignas(FILTRAX_VECTOR) T square[W * W];
    const std::vector<Kernel>& kernels = block.window->kernels;
    const int64_t *rows = results + outputs, *cols = rows + outputs;
    for (int64_t v = 0; v < block.count; ++v, sums += W) {
      const int64_t first = block.first + v * W, many = least(W, int64_t(kernels.size()) - first);
      for (int64_t next = 0; next < outputs; next += W) {
        const int64_t i = most(0, least(next, outputs - W)), count = least(W, outputs);
        transpose<T>([&](int64_t j) { return sums + (i + j) * block.count * W; }, square, W);
        bool close = count == W;
        for (int64_t j = 1; close && j < W; ++j) close = results[i + j] - results[i] == j;
        for (const Kernel* kernel = kernels.data() + first; kernel < kernels.data() + first + many; ++kernel) {
          S* result = to + kernel->out;
          const T* from = square + (kernel - kernels.data() - first) * W;
          const bool all = kernel->rows == down_.size && kernel->cols == inner_.size;
          if (close && all) {
            leave<S, T>(result + results[i], load<T>(from));
            continue;
          }
          for (int64_t j = 0; j < count; ++j) {
            const bool there = all || (rows[i + j] < kernel->rows && cols[i + j] < kernel->cols);
            if (there) convert_few<1>(from + j, result + results[i + j]);
          }
        }
      }
    }
  }

  static constexpr int64_t W = width<T>;
  // Phases of the outputs, and the problem of all of them.
  const Turns below_, along_;
  const Problem problem_, rest_;
  std::vector<Window> windows_;
  const Slide &outer_, &axis_;
  const Walk other_, down_, inner_;
  const S *lhs_, *rhs_;
  const S* const end_;
  S* out_;
  const int64_t terms_, turns_;
  const bool shared_, is_across_;
  // Kernels with those that fill up vectors, and the weights of a set.
  int64_t padded_ = 0, weights_of_set_ = 0;
  const std::vector<Block> blocks_;
  // Whether signals are read where they lie: with one tap each sample is, once; and whether they are packed then.
  const bool in_place_, is_packed_;
  const Cuts cuts_;
  const Copy<S, T> copy_;
  Buffer<T> weights_;
  // Where signals begin.
  std::vector<int64_t> signals_;
  // Chunks of signals, and how many the longest has.
  int64_t chunks_ = 1, longest_ = 1;
};

// Whether phases of outputs are served together, but for those of the outermost axis.
template <class T>
bool is_bank_of_phases(const Problem& problem) {
  const Slide &axis = problem.outer[down(problem)], &other = problem.outer[1 - down(problem)];
  return is_bank<T>(problem) && (problem.has(is_of_kernels) || problem.inner.base > 1) && other.base == 1 &&
         meets_neighbours(axis) && meets_neighbours(problem.inner);
}

// Rows of signals that meet the same kernels, as an image's rows that kernels do not slide down: what is done for each
// image takes longer than a short row.
inline Problem with_rows_below(Problem problem) {
  Cell* rows = nullptr;
  for (Cell& cell : problem.cells) {
    if (is_of_signals(cell) && (!rows || cell.size > rows->size)) rows = &cell;
  }
  if (!rows || !problem.is_of_rows()) return problem;
  problem.outer[1] = {rows->size, 1, rows->size, 0, 1, 1, rows->lhs, 1, rows->out, 1};
  *rows = {1, 0, 0, 0};
  return problem;
}

template <class S, class T>
void correlate_bank(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  Bank<S, T>(pool, with_rows_below(problem), lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
