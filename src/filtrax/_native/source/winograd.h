// Winograd's filters: sums over few taps with fewer products, as those of polynomials by their values at points.
//
// Outputs of a frame of samples are  A^T [(G h) * (B^T x)]:  frames and kernels are each combined once, and between
// them stand products of matrices, one for each point, with channels summed. In a gradient by the kernels, pieces of
// the second signal stand for kernels, and frames are summed before the sums are brought back.
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional
// Neural Networks, 2016.
#pragma once

#include <vector>

#include "across.h"
#include "banks.h"
#include "memory.h"
#include "panels.h"
#include "points.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Frames along an axis: how many, `hop` from one to the next, each of `points` samples, which `taps` taps turn into
// `outputs` outputs.
struct Tiling {
  Tiling(const Slide& axis, bool of_sums)
      : points(axis.k == 1 && axis.m == 1 ? 1 : kPoints),
        taps(points == 1 ? 1 : of_sums ? kPoints + 1 - axis.m : axis.k),
        outputs(points + 1 - taps), hop(of_sums ? taps : outputs),
        count(ceil_div(of_sums ? axis.k : axis.m, hop)) {}
  int64_t points, taps, outputs, hop, count;
};

// Whether outputs are few, rather than taps along every axis, and taps in frames.
inline bool are_few_outputs(const Problem& problem) {
  const auto few_taps = [](const Slide& axis) { return axis.k == 1 ? axis.m == 1 : axis.k <= kMostTaps; };
  return !few_taps(problem.outer[0]) || !few_taps(problem.inner);
}

// Bytes of frames and sums that a thread has at once, and the fewest tiles; bytes of those of all threads.
constexpr int64_t kTilesNear = 3 << 18, kFewestTiles = 48, kTilesOfAll = 1 << 23;
// Panels of signals whose sums are made together.
constexpr int64_t kPanels = 4;
// Tiles that all kernels meet at once.
constexpr int64_t kFewTiles = 128;
// Channels, or tiles, whose products are added up before others: long sums would round more.
constexpr int64_t kRunOfChannels = 64, kRunOfTiles = 256;
// Bytes of samples that are combined one after the other.
constexpr int64_t kRunNear = 1 << 17;

template <class S, class T>
class Winograd {
 public:
  Winograd(const Problem& problem, const S* lhs, const S* rhs, S* out)
      : problem_(problem), of_sums_(are_few_outputs(problem)), down_(problem.outer[0], of_sums_),
        inner_(problem.inner, of_sums_), points_(down_.points * inner_.points),
        sets_(places_of(problem, [](const Cell& c) { return c.size > 1 && !is_of_kernels(c) && !is_of_signals(c); })),
        kernels_(places_of(problem, is_of_kernels)), signals_(places_of(problem, is_of_signals)),
        lhs_(lhs), rhs_(rhs), lhs_end_(lhs + problem.count_samples()), rhs_end_(rhs + problem.count_taps()), out_(out) {
    for (int64_t s = 0; s < problem.count_sums(); ++s) {
      terms_.push_back(term_of(problem, s));
      follow_ = follow_ && terms_[s].rhs == s * problem.outer[0].k * problem.inner.k;
    }
    across_ = ceil_div(many(), W);
    blocks_ = ceil_div(across_, kColumns);
    tiles_ = (of_sums_ ? terms_ : signals_).size() * down_.count * inner_.count;
    signal_down_ = combine_of_signals(down_);
    signal_inner_ = combine_of_signals(inner_);
    kernel_down_ = combine_of<OfKernels, T>(down_.taps), kernel_inner_ = combine_of<OfKernels, T>(inner_.taps);
    result_down_ = combine_of<OfResults, T>(down_.outputs), result_inner_ = combine_of<OfResults, T>(inner_.outputs);
  }

  void run(const Pool& pool) const {
    const double products = double(points_) * tiles_ * sets_.size() * many() * (of_sums_ ? signals_ : terms_).size();
    const Pool single{1, nullptr};
    const Pool& threads = products >= kShared ? pool : single;
    of_sums_ ? run_sums(threads) : run_outputs(threads);
  }

 private:
  static constexpr int64_t W = width<T>;
  // Numbers of so many vectors, or one more: planes, and panels, must not lie in the same lines of the cache.
  static int64_t plane_of(int64_t vectors) { return (vectors | 1) * W; }
  static Combine<T> combine_of_signals(const Tiling& axis) {
    return axis.points == 1 ? combine_none<T> : combine<OfSignals, T>;
  }
  int64_t many() const { return kernels_.size(); }
  // Blocks of vectors of kernels: the first of one.
  int64_t first_of(int64_t block) const { return across_ * block / blocks_; }

  // Offsets of up to W lines of a list of places, the last one again for those that there are not.
  void lines_of(const std::vector<Place>& places, int64_t Place::*which, const S* base, int64_t first,
                const S** lines) const {
    for (int64_t q = 0; q < W; ++q) lines[q] = base + places[least(first + q, places.size() - 1)].*which;
  }

  // Samples of an axis: so many from the first on, of n; steps in memory.
  struct Side {
    int64_t first, count, n, step;
  };
  // A vector of lines for each sample, zeros outside.
  static void fill(const S* const* lines, const S* end, const Side& down, const Side& inner, T* to) {
    const int64_t before = most(0, least(inner.count, -inner.first));
    const int64_t after = most(before, least(inner.count, inner.n - inner.first));
    const int64_t above = most(0, least(down.count, -down.first));
    const int64_t below = most(above, least(down.count, down.n - down.first));
    const auto clear = [](T* at, int64_t count) {
      for (int64_t i = 0; i < count; ++i) put<T, W>(at + i * W, Vec<T, W>{});
    };
    clear(to, above * inner.count);
    clear(to + below * inner.count * W, (down.count - below) * inner.count);
    const int64_t first = (down.first + above) * down.step, count = after - before;
    // Short rows that follow one another are turned over together.
    const bool together = count == inner.n && down.step == inner.n && count < 2 * W && below - above > 1;
    T* plane = together ? scratch<T>(3, (below - above) * count * W) : nullptr;
    if (together) across<S, T>(lines, first, (below - above) * count, end, plane, W);
    for (int64_t i = 0; i < below - above; ++i) {
      T* row = to + (above + i) * inner.count * W;
      clear(row, before);
      if (together) {
        for (int64_t j = 0; j < count; ++j) put<T, W>(row + (before + j) * W, load<T>(plane + (i * count + j) * W));
      } else {
        across<S, T>(lines, first + i * down.step + inner.first + before, count, end, row + before * W, W);
      }
      clear(row + after * W, inner.count - after);
    }
  }

  // Tiles one after the other: of a signal or a term, some whole rows, or a part of one.
  struct Run {
    int64_t number, row, col, rows, count;
  };
  template <class Turn>
  void in_runs(int64_t begin, int64_t end, const Turn& turn) const {
    const int64_t of_row = most(down_.points, down_.hop) * inner_.count * inner_.hop * W * int64_t(sizeof(T));
    for (int64_t t = begin; t < end;) {
      const int64_t line = t / inner_.count, row = line % down_.count, col = t % inner_.count;
      Run run{line / down_.count, row, col, 1, least(end - t, inner_.count - col)};
      if (run.count == inner_.count) {
        run.rows = most(1, least(kRunNear / of_row, least(down_.count - row, (end - t) / inner_.count)));
      }
      turn(run, t - begin);
      t += run.rows * run.count;
    }
  }

  // A vector of lines of a run, combined at the points: from tile to tile of a panel, planes apart.
  void frames(const S* const* lines, const Run& run, T* to, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const Side down{run.row * down_.hop - outer.lo, (run.rows - 1) * down_.hop + down_.points, outer.n, outer.lhs};
    const Side along{run.col * inner_.hop - inner.lo, (run.count - 1) * inner_.hop + inner_.points, inner.n, 1};
    combined(lines, lhs_end_, down, along, signal_down_, signal_inner_, run, to, plane);
  }
  // The same of pieces of the second operand.
  void pieces(const S* const* lines, const Run& run, T* to, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const Side down{run.row * down_.hop, run.rows * down_.taps, outer.k, outer.rhs};
    const Side along{run.col * inner_.hop, run.count * inner_.taps, inner.k, 1};
    combined(lines, rhs_end_, down, along, kernel_down_, kernel_inner_, run, to, plane);
  }
  void combined(const S* const* lines, const S* end, const Side& down, const Side& along, Combine<T> combine_down,
                Combine<T> combine_inner, const Run& run, T* to, int64_t plane) const {
    const int64_t pitch = along.count * W;
    T* samples = scratch<T>(2, (down.count + down_.points) * pitch);
    T* combined = samples + down.count * pitch;
    fill(lines, end, down, along, samples);
    for (int64_t row = 0; row < run.rows; ++row) {
      T* values = samples + row * down_.hop * pitch;
      if (down_.points > 1) {
        combine_down(values, {pitch, W}, combined, {pitch, W}, along.count);
        values = combined;
      }
      for (int64_t i = 0; i < run.count; ++i, to += W) {
        const T* from = values + i * inner_.hop * W;
        combine_inner(from, {W, pitch}, to, {plane, plane * inner_.points}, down_.points);
      }
    }
  }

  // Many outputs: kernels at the points, then tiles in chunks, which meet all of these.
  void run_outputs(const Pool& pool) const {
    const int64_t cuts = ceil_div(channels(), W), sets = sets_.size();
    if (tiles_ <= kFewTiles && blocks_ >= pool.threads) {
      for (const Place& set : sets_) few_tiles(set, pool);
      return;
    }
    const Temporary<T> memory(5, sets * blocks_ * of_block());
    T* kernels = memory.get();
    share(pool, sets * blocks_ * cuts, [&](int64_t number) {
      const int64_t cut = number % cuts, block = number / cuts % blocks_, end = least(channels(), (cut + 1) * W);
      combine_kernels(sets_[number / cuts / blocks_], block, cut * W, end, kernels + number / cuts * of_block());
    });
    const int64_t lanes = (cuts + kColumns) * W, near = kTilesNear / int64_t(sizeof(T)) / (points_ * lanes);
    // As many as threads have alike.
    const int64_t wanted = sets * ceil_div(tiles_, most(kFewestTiles, near));
    const int64_t chunks = ceil_div(ceil_div(wanted, pool.threads) * pool.threads, sets);
    share(pool, sets * chunks, [&](int64_t number) {
      const int64_t set = number / chunks, chunk = number % chunks;
      const int64_t begin = tiles_ * chunk / chunks, count = tiles_ * (chunk + 1) / chunks - begin;
      if (!count) return;
      const Panels panels{ceil_div(channels(), W), count};
      T* samples = scratch<T>(0, points_ * panels.plane());
      combine_signals(sets_[set], begin, count, 0, panels.count, panels, samples);
      for (int64_t block = 0; block < blocks_; ++block) {
        meet(sets_[set], block, kernels + (set * blocks_ + block) * of_block(), begin, count, panels, samples);
      }
    });
  }
  // The other way round: kernels in blocks, which meet all tiles, and need not be written far.
  void few_tiles(const Place& set, const Pool& pool) const {
    const Panels panels{ceil_div(channels(), W), tiles_};
    T* samples = scratch<T>(0, points_ * panels.plane());
    share(pool, panels.count, [&](int64_t p) { combine_signals(set, 0, tiles_, p, p + 1, panels, samples); });
    share(pool, blocks_, [&](int64_t block) {
      T* kernels = scratch<T>(5, of_block());
      combine_kernels(set, block, 0, channels(), kernels);
      meet(set, block, kernels, 0, tiles_, panels, samples);
    });
  }

  int64_t channels() const { return terms_.size(); }
  // Numbers of a block of kernels, and of those at a point.
  int64_t of_block() const { return points_ * of_point(); }
  int64_t of_point() const { return plane_of(kColumns * channels()); }
  // Panels of so many tiles: numbers of one, and of all at a point.
  struct Panels {
    int64_t count, tiles;
    int64_t panel() const { return plane_of(tiles); }
    int64_t plane() const { return plane_of(count * panel() / W); }
  };

  // Some channels of a block of kernels: vectors of these side by side.
  void combine_kernels(const Place& set, int64_t block, int64_t begin, int64_t end, T* to) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const int64_t size = outer.k * inner.k, first = first_of(block), wide = first_of(block + 1) - first;
    // The lowest of the taps, which are neighbours.
    const int64_t low = least(0, (outer.k - 1) * outer.rhs) + least(0, (inner.k - 1) * inner.rhs);
    const int64_t together = follow_ ? W : 1;
    alignas(FILTRAX_VECTOR) T taps[W * kMostTaps * kMostTaps * W], values[kPoints * kMostTaps * W];
    const S* lines[W];
    for (int64_t at = begin; at < end; at += together) {
      const int64_t count = least(together, end - at);
      for (int64_t v = 0; v < wide; ++v) {
        lines_of(kernels_, &Place::rhs, rhs_ + set.rhs + terms_[at].rhs + low, (first + v) * W, lines);
        across<S, T>(lines, 0, count * size, rhs_end_, taps, W);
        for (int64_t s = 0; s < count; ++s) {
          const T* from = taps + (s * size - low) * W;
          kernel_down_(from, {outer.rhs * W, inner.rhs * W}, values, {inner.k * W, W}, inner.k);
          T* into = to + ((at + s) * wide + v) * W;
          kernel_inner_(values, {W, inner.k * W}, into, {of_point(), of_point() * inner_.points}, down_.points);
        }
      }
    }
  }

  // Some panels of some tiles.
  void combine_signals(const Place& set, int64_t begin, int64_t count, int64_t first, int64_t last,
                       const Panels& panels, T* to) const {
    in_runs(begin, begin + count, [&](const Run& run, int64_t tile) {
      const S* lines[W];
      for (int64_t p = first; p < last; ++p) {
        lines_of(terms_, &Place::lhs, lhs_ + set.lhs + signals_[run.number].lhs, p * W, lines);
        frames(lines, run, to + p * panels.panel() + tile * W, panels.plane());
      }
    });
  }

  // The outputs of a block of kernels.
  void meet(const Place& set, int64_t block, const T* kernels, int64_t begin, int64_t count, const Panels& panels,
            const T* samples) const {
    const int64_t first = first_of(block), wide = first_of(block + 1) - first, panel = panels.panel();
    const Panels results{wide, count};
    T* sums = scratch<T>(1, points_ * results.plane());
    const PanelBlocks<T> those = panel_blocks_of<true, T>(wide);
    const int64_t turns = ceil_div(count, those.most), runs = ceil_div(channels(), kRunOfChannels);
    for (int64_t point = 0; point < points_; ++point) {
      for (int64_t run = 0; run < runs; ++run) {
        const int64_t from = panels.count * run / runs, to = panels.count * (run + 1) / runs;
        const T* taps = kernels + point * of_point() + from * W * wide * W;
        for (int64_t i = 0; i < turns; ++i) {
          const int64_t at = count * i / turns, met = count * (i + 1) / turns - at;
          those.of(met)(samples + point * panels.plane() + from * panel + at * W, to - from, panel,
                        least(W, channels() - (to - 1) * W), taps, 0, sums + point * results.plane() + at * W,
                        results.panel(), W, run > 0);
        }
      }
    }
    in_runs(begin, begin + count, [&](const Run& run, int64_t tile) {
      for (int64_t v = 0; v < wide; ++v) {
        leave(set, run, first + v, sums + v * results.panel() + tile * W, results.plane());
      }
    });
  }

  // A vector of kernels of a run of tiles, from the points back to outputs, to where these lie.
  void leave(const Place& set, const Run& run, int64_t vector, const T* sums, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const int64_t top = run.row * down_.outputs, left = run.col * inner_.outputs;
    const int64_t rows = least(run.rows * down_.outputs, outer.m - top);
    const int64_t cols = least(run.count * inner_.outputs, inner.m - left), of_tile = inner_.outputs * W;
    // Rows that follow one another are one.
    const bool together = cols == inner.m && outer.out == inner.m;
    const int64_t pitch = together ? cols : run.count * inner_.outputs;
    T* results = scratch<T>(2, (run.rows * down_.outputs * pitch + kMostTaps + W) * W + down_.points * of_tile);
    T* values = results + (run.rows * down_.outputs * pitch + kMostTaps + W) * W;
    for (int64_t row = 0; row < run.rows; ++row, sums += run.count * W) {
      for (int64_t i = 0; i < run.count; ++i) {
        T* to = results + (row * down_.outputs * pitch + i * inner_.outputs) * W;
        result_inner_(sums + i * W, {plane, plane * inner_.points}, down_.points > 1 ? values : to, {W, of_tile},
                      down_.points);
        const int64_t here = least(inner_.outputs, cols - i * inner_.outputs);
        if (down_.points > 1) result_down_(values, {of_tile, W}, to, {pitch * W, W}, here);
      }
    }
    S* to = out_ + set.out + signals_[run.number].out + top * outer.out + left;
    if (together) return leave_line(results, rows * cols, vector, to);
    for (int64_t row = 0; row < rows; ++row) {
      leave_line(results + row * pitch * W, cols, vector, to + row * outer.out);
    }
  }
  // Neighbouring outputs of a vector of kernels, turned over.
  void leave_line(const T* from, int64_t size, int64_t vector, S* to) const {
    const int64_t apart = many() > 1 ? kernels_[1].out : 0, here = least(W, many() - vector * W);
    alignas(FILTRAX_VECTOR) T square[W * W];
    to += vector * W * apart;
    for (int64_t next = 0; next < size; next += W) {
      const int64_t at = most(0, least(next, size - W)), count = least(W, size);
      const auto line = [&](int64_t j) { return from + (at + j) * W; };
      if constexpr (sizeof(S) == sizeof(T)) {
        if (count == W && here == W) {
          transpose<T>(line, reinterpret_cast<T*>(to) + at, apart);
          continue;
        }
      }
      transpose<T>(line, square, W);
      for (int64_t q = 0; q < here; ++q) {
        if (count == W) {
          FILTRAX_SET::leave<S, T>(to + q * apart + at, load<T>(square + q * W));
        } else {
          convert(square + q * W, to + q * apart, count);
        }
      }
    }
  }

  // Few outputs: sums over all tiles, in chunks.
  void run_sums(const Pool& pool) const {
    if (int64_t(sets_.size()) >= kEach * pool.threads) {
      const Pool single{1, nullptr};
      return share(pool, sets_.size(), [&](int64_t set) { sum(sets_[set], single); });
    }
    for (const Place& set : sets_) sum(set, pool);
  }

  void sum(const Place& set, const Pool& pool) const {
    const int64_t panels = ceil_div(int64_t(signals_.size()), W), lanes = panels + across_;
    const int64_t near = kTilesOfAll / int64_t(sizeof(T)) / (points_ * lanes * W);
    const int64_t chunks = ceil_div(tiles_, most(kFewestTiles, near));
    const Panels all{lanes, ceil_div(tiles_, chunks)};
    T* values = scratch<T>(0, points_ * all.plane());
    const int64_t cuts = ceil_div(kEach * pool.threads, lanes);
    // Threads take blocks of the sums, or where these are few, points. Sums of a single chunk are brought back at once.
    const int64_t blocks = ceil_div(panels, kPanels) * blocks_;
    const bool by_block = blocks >= 2 * pool.threads;
    const Temporary<T> memory(5, by_block && chunks == 1 ? 0 : blocks * of_sums());
    T* sums = by_block && chunks == 1 ? nullptr : memory.get();
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t begin = tiles_ * chunk / chunks, count = tiles_ * (chunk + 1) / chunks - begin;
      share(pool, lanes * cuts, [&](int64_t number) {
        const int64_t lane = number / cuts, cut = number % cuts, from = count * cut / cuts;
        in_runs(begin + from, begin + count * (cut + 1) / cuts, [&](const Run& run, int64_t tile) {
          const S* lines[W];
          T* to = values + lane * all.panel() + (from + tile) * W;
          if (lane < panels) {
            lines_of(signals_, &Place::lhs, lhs_ + set.lhs + terms_[run.number].lhs, lane * W, lines);
            frames(lines, run, to, all.plane());
          } else {
            lines_of(kernels_, &Place::rhs, rhs_ + set.rhs + terms_[run.number].rhs, (lane - panels) * W, lines);
            pieces(lines, run, to, all.plane());
          }
        });
      });
      if (by_block) {
        share(pool, blocks, [&](int64_t block) {
          T* to = sums ? sums + block * of_sums() : scratch<T>(1, of_sums());
          for (int64_t point = 0; point < points_; ++point) {
            add(block, point, values, all, panels, count, to, chunk > 0);
          }
          if (chunk + 1 == chunks) finish(set, block, to);
        });
        continue;
      }
      share(pool, points_, [&](int64_t point) {
        for (int64_t block = 0; block < blocks; ++block) {
          add(block, point, values, all, panels, count, sums + block * of_sums(), chunk > 0);
        }
      });
    }
    if (!by_block) share(pool, blocks, [&](int64_t block) { finish(set, block, sums + block * of_sums()); });
  }

  // Numbers of a block of sums, for some panels of signals and a block of kernels, and of those at a point.
  int64_t of_sums() const { return points_ * sums_plane(); }
  static int64_t sums_plane() { return plane_of(kPanels * W * kColumns); }

  // What the tiles of a chunk add to a block of sums at a point.
  void add(int64_t block, int64_t point, const T* values, const Panels& all, int64_t panels, int64_t count, T* sums,
           bool added) const {
    const int64_t number = block % blocks_, group = block / blocks_ * kPanels, panel = all.panel();
    const int64_t first = first_of(number), wide = first_of(number + 1) - first;
    const PanelBlocks<T> those = panel_blocks_of<false, T>(wide);
    const T* samples = values + point * all.plane();
    const T* taps = samples + (panels + first) * panel;
    T* to = sums + point * sums_plane();
    const int64_t runs = ceil_div(count, kRunOfTiles);
    for (int64_t p = group; p < least(panels, group + kPanels); ++p, to += W * wide * W) {
      const int64_t here = least(W, int64_t(signals_.size()) - p * W), turns = ceil_div(here, those.most);
      for (int64_t run = 0; run < runs; ++run) {
        const int64_t tile = count * run / runs, tiles = count * (run + 1) / runs - tile;
        for (int64_t i = 0; i < turns; ++i) {
          const int64_t at = here * i / turns, met = here * (i + 1) / turns - at;
          those.of(met)(samples + p * panel + tile * W + at, 1, 0, tiles, taps + tile * W, panel, to + at * wide * W, W,
                        wide * W, added || run > 0);
        }
      }
    }
  }

  void finish(const Place& set, int64_t block, const T* sums) const {
    const int64_t number = block % blocks_, first = first_of(number), wide = first_of(number + 1) - first;
    const int64_t begin = block / blocks_ * kPanels * W, end = least(signals_.size(), begin + kPanels * W);
    for (int64_t channel = begin; channel < end; ++channel) {
      for (int64_t v = 0; v < wide; ++v, sums += W) finish(set, channel, first + v, sums, sums_plane());
    }
  }
  // A vector of kernels' sums for a signal, from the points back to outputs, to where these lie.
  void finish(const Place& set, int64_t channel, int64_t vector, const T* sums, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    alignas(FILTRAX_VECTOR) T above[kPoints * kMostTaps * W], results[kMostTaps * kMostTaps * W];
    result_inner_(sums, {plane, plane * inner_.points}, above, {W, inner.m * W}, down_.points);
    result_down_(above, {inner.m * W, W}, results, {inner.m * W, W}, inner.m);
    S* to = out_ + set.out + signals_[channel].out;
    const int64_t size = outer.m * inner.m, here = least(W, many() - vector * W);
    // Neighbours, forwards or backwards, are turned over together.
    const bool close = (inner.out == 1 || inner.out == -1) && (outer.m == 1 || outer.out == inner.m * inner.out);
    alignas(FILTRAX_VECTOR) T square[W * W];
    for (int64_t next = 0; close && next < size; next += W) {
      const int64_t first = inner.out > 0 ? next : size - 1 - next, count = least(W, size - next);
      const auto line = [&](int64_t j) { return results + (first + least(j, count - 1) * inner.out) * W; };
      transpose<T>(line, square, W);
      for (int64_t q = 0; q < here; ++q) {
        S* result = to + kernels_[vector * W + q].out + (inner.out > 0 ? next : next + 1 - size);
        if constexpr (sizeof(S) == sizeof(T)) {
          put_some<T>(reinterpret_cast<T*>(result), load<T>(square + q * W), count);
        } else {
          convert(square + q * W, result, count);
        }
      }
    }
    for (int64_t q = 0; !close && q < here; ++q) {
      S* result = to + kernels_[vector * W + q].out;
      for (int64_t i = 0; i < outer.m; ++i) {
        for (int64_t j = 0; j < inner.m; ++j) {
          convert_few<1>(results + (i * inner.m + j) * W + q, result + i * outer.out + j * inner.out);
        }
      }
    }
  }

  const Problem& problem_;
  const bool of_sums_;
  const Tiling down_, inner_;
  const int64_t points_;
  const std::vector<Place> sets_, kernels_, signals_;
  std::vector<Place> terms_;
  const S *lhs_, *rhs_, *lhs_end_, *rhs_end_;
  S* out_;
  // Whether the taps of the next channel follow those of one.
  bool follow_ = true;
  int64_t across_, blocks_, tiles_;
  Combine<T> signal_down_, signal_inner_, kernel_down_, kernel_inner_, result_down_, result_inner_;
};

template <class S, class T>
void correlate_winograd(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  Winograd<S, T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
