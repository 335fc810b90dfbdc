// Winograd's filters: sums over few taps with fewer products, as those of polynomials by their values at points.
//
// Outputs of a frame of samples are  A^T [(G h) * (B^T x)]:  frames and kernels are each combined once, and between
// them stand products of matrices, one for each point, with channels summed. In a gradient by the kernels, pieces of
// the second signal stand for kernels, and frames are summed before the sums are brought back.
//
// More taps than a frame takes, and those that lie between samples that outputs step over, are cut into parts that meet
// samples of their own: as channels do, which are summed at the points. Where taps stand apart, so do the samples of a
// frame, and as many frames lie between one another.
//
// S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional
// Neural Networks, 2016.
#pragma once

#include <cstdlib>
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

// Taps of an axis, or outputs where these are few, that frames take at once: from `first` on so many, `step` apart.
struct TapPart {
  int64_t first, count;
};

// Frames along an axis: `count` groups, `hop` outputs of each frame from one to the next, of `woven` frames that begin
// at neighbouring samples. Each has `points` samples, which `taps` taps turn into `outputs` outputs, for each of the
// parts.
struct Tiling {
  Tiling(const Slide& axis, bool of_sums)
      : step(of_sums ? axis.dilation : axis.stride), woven(of_sums ? axis.stride : axis.dilation) {
    const int64_t few = of_sums ? axis.m : axis.k, phase = ceil_div(few, step), size = size_of_part(phase);
    points = size == 1 ? 1 : kPoints;
    hop = points + 1 - size;
    taps = of_sums ? hop : size, outputs = of_sums ? size : hop;
    count = ceil_div(of_sums ? axis.k : axis.m, hop * woven);
    for (int64_t start = 0; start < least(step, few); ++start) {
      for (int64_t first = start; first < few; first += size * step) {
        parts.push_back({first, least(size, ceil_div(few - first, step))});
      }
    }
  }
  // Of so many, the one that makes the fewest products for each output; the longest of these.
  static int64_t size_of_part(int64_t few) {
    if (few == 1) return 1;
    int64_t best = kMostTaps;
    for (int64_t size = kMostTaps - 1; size > 1; --size) {
      if (ceil_div(few, size) * (kPoints + 1 - best) < ceil_div(few, best) * (kPoints + 1 - size)) best = size;
    }
    return best;
  }
  // From sample to sample of a frame: taps step over samples, or outputs over taps.
  int64_t apart() const { return step * woven; }
  // Samples of so many groups, with those of all parts.
  int64_t reach(int64_t groups) const {
    int64_t last = 0;
    for (const TapPart& part : parts) last = most(last, part.first);
    return (((groups - 1) * hop + points - 1) * step + last + 1) * woven;
  }
  int64_t step, woven, points, taps, outputs, hop, count;
  std::vector<TapPart> parts;
};

// Bytes of frames and sums that a thread has at once, the fewest tiles, and those where kernels are small beside their
// samples; bytes of those of all threads.
constexpr int64_t kTilesNear = 3 << 18, kFewestTiles = 48, kFewestOfAll = 12, kTilesOfAll = 1 << 23;
// Bytes of frames that stay near while all kernels meet them. More of them are made channel after channel, so many at
// once, where so many sums stay near; or, from the larger number on, are read point by point.
constexpr int64_t kFramesNear = 1 << 20, kFramesAtOnce = 1 << 19, kSumsNear = 1 << 20, kFramesFar = 1 << 22;
// Bytes of kernels that are used at once.
constexpr int64_t kKernelsAtOnce = 1 << 18;
// Panels of signals whose sums are made together.
constexpr int64_t kPanels = 4;
// Tiles that all kernels meet at once.
constexpr int64_t kFewTiles = 128;
// Channels, or tiles, whose products are added up before others: long sums would round more.
constexpr int64_t kRunOfChannels = 64, kRunOfTiles = 256;
// Bytes of samples that are combined one after the other.
constexpr int64_t kRunNear = 1 << 17;
// Vectors of taps, of several channels, that are read together.
constexpr int64_t kTapsTogether = 400;

template <class S, class T>
class Winograd {
 public:
  // `of_sums`: outputs are few, rather than taps.
  Winograd(const Problem& problem, bool of_sums, const S* lhs, const S* rhs, S* out)
      : problem_(problem), of_sums_(of_sums), down_(problem.outer[0], of_sums), inner_(problem.inner, of_sums),
        points_(down_.points * inner_.points), parts_(down_.parts.size() * inner_.parts.size()),
        woven_(down_.woven * inner_.woven),
        sets_(places_of(problem, [](const Cell& c) { return c.size > 1 && !is_of_kernels(c) && !is_of_signals(c); })),
        kernels_(places_of(problem, is_of_kernels)), signals_(places_of(problem, is_of_signals)),
        lhs_(lhs), rhs_(rhs), lhs_end_(lhs + problem.count_samples()), rhs_end_(rhs + problem.count_taps()), out_(out) {
    for (int64_t s = 0; s < problem.count_sums(); ++s) terms_.push_back(term_of(problem, s));
    find_apart();
    across_ = ceil_div(many(), W);
    blocks_ = ceil_div(across_, kColumns);
    groups_ = (of_sums_ ? terms_ : signals_).size() * down_.count * inner_.count;
    tiles_ = groups_ * woven_;
    signal_down_ = combine_of_signals(down_);
    signal_inner_ = combine_of_signals(inner_);
    kernel_down_ = combine_of<OfKernels, T>(down_.taps), kernel_inner_ = combine_of<OfKernels, T>(inner_.taps);
    result_down_ = combine_of<OfResults, T>(down_.outputs), result_inner_ = combine_of<OfResults, T>(inner_.outputs);
  }

  void run(const Pool& pool) const {
    const double products = double(points_) * tiles_ * sets_.size() * many() * met() * parts_;
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
  // Channels of which sums are taken, or signals that all kernels meet; vectors of them.
  int64_t met() const { return (of_sums_ ? signals_ : terms_).size(); }
  int64_t met_vectors() const { return ceil_div(met(), W); }
  // Numbers from the lowest tap of a kernel to the highest, and one; and from the first tap to the lowest.
  int64_t span() const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    return (outer.k - 1) * std::abs(outer.rhs) + (inner.k - 1) * std::abs(inner.rhs) + 1;
  }
  int64_t low() const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    return least(0, (outer.k - 1) * outer.rhs) + least(0, (inner.k - 1) * inner.rhs);
  }
  // Kernels of neighbouring channels are read together where little lies between them.
  void find_apart() {
    const int64_t apart = terms_.size() > 1 ? terms_[1].rhs - terms_[0].rhs : 0;
    if (apart < span() || apart > 2 * span()) return;
    for (size_t s = 0; s < terms_.size(); ++s) {
      if (terms_[s].rhs != int64_t(s) * apart) return;
    }
    apart_ = apart;
  }
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

  // Groups of tiles one after the other: of a signal or a term, some whole rows, or a part of one.
  struct Run {
    int64_t number, row, col, rows, count;
  };
  template <class Turn>
  void in_runs(int64_t begin, int64_t end, const Turn& turn) const {
    const int64_t high = most(down_.points, down_.hop) * down_.apart();
    const int64_t of_row = high * inner_.reach(inner_.count) * W * int64_t(sizeof(T));
    for (int64_t t = begin; t < end;) {
      const int64_t line = t / inner_.count, row = line % down_.count, col = t % inner_.count;
      Run run{line / down_.count, row, col, 1, least(end - t, inner_.count - col)};
      if (run.count == inner_.count) {
        run.rows = most(1, least(kRunNear / of_row, least(down_.count - row, (end - t) / inner_.count)));
      }
      turn(run, (t - begin) * woven_);
      t += run.rows * run.count;
    }
  }

  // How frames of an axis are cut: from group to group, between their samples, and where each part's begin.
  struct Cut {
    int64_t points, hop, apart, woven;
    const std::vector<TapPart>& parts;
    Combine<T> combine;
  };
  static Cut cut_of_frames(const Tiling& axis, Combine<T> combine) {
    return {axis.points, axis.hop * axis.apart(), axis.apart(), axis.woven, axis.parts, combine};
  }
  Cut cut_of_pieces(const Tiling& axis, Combine<T> combine) const {
    return {axis.points, axis.hop * axis.woven, axis.woven, axis.woven, whole_, combine};
  }
  // A vector of lines of a run, combined at the points: from tile to tile of a panel, planes apart, for each part.
  void frames(const S* const* lines, const Run& run, T* to, int64_t plane, int64_t part) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const Cut cut_down = cut_of_frames(down_, signal_down_), cut_inner = cut_of_frames(inner_, signal_inner_);
    const Side down{run.row * cut_down.hop - outer.lo, down_.reach(run.rows), outer.n, outer.lhs};
    const Side along{run.col * cut_inner.hop - inner.lo, inner_.reach(run.count), inner.n, 1};
    combined(lines, lhs_end_, down, along, cut_down, cut_inner, run, to, plane, part);
  }
  // The same of pieces of the second operand.
  void pieces(const S* const* lines, const Run& run, T* to, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const Cut cut_down = cut_of_pieces(down_, kernel_down_), cut_inner = cut_of_pieces(inner_, kernel_inner_);
    const Side down{run.row * cut_down.hop, run.rows * cut_down.hop, outer.k, outer.rhs};
    const Side along{run.col * cut_inner.hop, run.count * cut_inner.hop, inner.k, 1};
    combined(lines, rhs_end_, down, along, cut_down, cut_inner, run, to, plane, 0);
  }
  void combined(const S* const* lines, const S* end, const Side& down, const Side& along, const Cut& cut_down,
                const Cut& cut_inner, const Run& run, T* to, int64_t plane, int64_t part) const {
    const int64_t pitch = along.count * W;
    T* samples = scratch<T>(2, (down.count + down_.points) * pitch);
    T* combined = samples + down.count * pitch;
    fill(lines, end, down, along, samples);
    for (const TapPart& above : cut_down.parts) {
      for (int64_t row = 0; row < run.rows * cut_down.woven; ++row) {
        const int64_t group = row / cut_down.woven, begin = row % cut_down.woven + above.first * cut_down.woven;
        T* values = samples + (group * cut_down.hop + begin) * pitch;
        if (cut_down.points > 1) {
          cut_down.combine(values, {cut_down.apart * pitch, W}, combined, {pitch, W}, along.count);
          values = combined;
        }
        T* into = to + (group * run.count * woven_ + row % cut_down.woven * cut_inner.woven) * W;
        for (const TapPart& before : cut_inner.parts) {
          const T* from = values + before.first * cut_inner.woven * W;
          for (int64_t i = 0; i < run.count; ++i, from += cut_inner.hop * W) {
            for (int64_t w = 0; w < cut_inner.woven; ++w) {
              cut_inner.combine(from + w * W, {cut_inner.apart * W, pitch}, into + (i * woven_ + w) * W,
                                {plane, plane * cut_inner.points}, cut_down.points);
            }
          }
          into += part;
        }
      }
      to += int64_t(cut_inner.parts.size()) * part;
    }
  }

  // Many outputs: kernels at the points, then tiles in chunks, which meet all of these.
  void run_outputs(const Pool& pool) const {
    const int64_t cuts = met_vectors(), sets = sets_.size();
    if (tiles_ <= kFewTiles && blocks_ >= pool.threads) {
      for (const Place& set : sets_) few_tiles(set, pool);
      return;
    }
    const Stretch all{0, cuts};
    const Temporary<T> memory(5, sets * blocks_ * of_block(all));
    T* kernels = memory.get();
    share(pool, sets * blocks_ * cuts, [&](int64_t number) {
      const int64_t cut = number % cuts, block = number / cuts;
      combine_kernels(sets_[block / blocks_], block % blocks_, {cut, cut + 1}, all, kernels + block * of_block(all));
    });
    const int64_t lanes = (cuts * parts_ + kColumns) * W, near = kTilesNear / int64_t(sizeof(T)) / (points_ * lanes);
    // As many as threads have alike.
    // Fewer where all kernels are sooner read again than their samples.
    const int64_t fewest = most(kFewestOfAll, least(kFewestTiles, across_ * W * channels() * parts_ / lanes));
    const int64_t wanted = sets * ceil_div(tiles_, most(fewest, near));
    const int64_t chunks = ceil_div(ceil_div(wanted, pool.threads) * pool.threads, sets);
    share(pool, sets * chunks, [&](int64_t number) {
      const int64_t set = number / chunks, chunk = number % chunks;
      const int64_t begin = groups_ * chunk / chunks, count = groups_ * (chunk + 1) / chunks - begin;
      if (!count) return;
      const int64_t frames = frames_of(cuts, count).plane() * points_ * int64_t(sizeof(T));
      const int64_t sums = blocks_ * of_sums(count * woven_) * int64_t(sizeof(T));
      // Samples that are not near are made channel after channel if all sums stay near, or read once for all kernels,
      // whose sums wait; others are read with each block of these.
      const bool by_channels = frames > kFramesNear && sums <= kSumsNear, waits = by_channels || frames > kFramesFar;
      const int64_t some = by_channels ? most(1, cuts * kFramesAtOnce / frames) : cuts;
      const Panels panels = frames_of(some, count);
      T* samples = scratch<T>(0, points_ * panels.plane());
      T* results = scratch<T>(1, (waits ? blocks_ : 1) * of_sums(count * woven_));
      for (int64_t first = 0; first < cuts; first += some) {
        const Stretch here{first, least(cuts, first + some)};
        combine_signals(sets_[set], begin, count, here, here.first, panels, samples);
        for (int64_t block = 0, next; block < blocks_; block = next) {
          next = waits ? blocks_ : block + 1;
          const T* those = kernels + (set * blocks_ + block) * of_block(all);
          multiply(block, next, those, all, here, panels, samples, results, first > 0);
          if (here.last == cuts) leave(sets_[set], block, next, begin, count, results);
        }
      }
    });
  }
  // The other way round: kernels in blocks, which meet all tiles, and need not be written far.
  void few_tiles(const Place& set, const Pool& pool) const {
    const int64_t cuts = met_vectors(), some = most(1, kKernelsAtOnce / (of_block({0, 1}) * int64_t(sizeof(T))));
    const Panels panels = frames_of(cuts, groups_);
    T* samples = scratch<T>(0, points_ * panels.plane());
    share(pool, cuts, [&](int64_t p) { combine_signals(set, 0, groups_, {p, p + 1}, 0, panels, samples); });
    share(pool, blocks_, [&](int64_t block) {
      T* sums = scratch<T>(1, of_sums(tiles_));
      for (int64_t first = 0; first < cuts; first += some) {
        const Stretch here{first, least(cuts, first + some)};
        T* kernels = scratch<T>(5, of_block(here));
        combine_kernels(set, block, here, here, kernels);
        multiply(block, block + 1, kernels, here, here, panels, samples + first * parts_ * panels.panel(), sums,
                 first > 0);
      }
      leave(set, block, block + 1, 0, groups_, sums);
    });
  }

  int64_t channels() const { return terms_.size(); }
  // Vectors of channels.
  struct Stretch {
    int64_t first, last;
    int64_t count() const { return last - first; }
  };
  // Numbers of the channels of a block of kernels, and of those at a point; of the sums of so many tiles.
  int64_t of_block(const Stretch& some) const { return points_ * of_point(some); }
  int64_t of_point(const Stretch& some) const { return plane_of(kColumns * some.count() * W * parts_); }
  int64_t of_sums(int64_t tiles) const { return points_ * Panels{kColumns, tiles}.plane(); }
  // Panels of so many tiles: numbers of one, and of all at a point.
  struct Panels {
    int64_t count, tiles;
    int64_t panel() const { return plane_of(tiles); }
    int64_t plane() const { return plane_of(count * panel() / W); }
  };
  // Those of so many vectors of channels, each with all parts.
  Panels frames_of(int64_t vectors, int64_t groups) const { return {vectors * parts_, groups * woven_}; }

  // Some channels of a block of kernels, vectors of these side by side, in the order of the signals' panels.
  void combine_kernels(const Place& set, int64_t block, const Stretch& these, const Stretch& some, T* to) const {
    const int64_t begin = these.first * W, end = least(channels(), these.last * W), plane = of_point(some);
    const int64_t first = first_of(block), wide = first_of(block + 1) - first, size = span();
    const int64_t together = apart_ ? most(1, least(W, kTapsTogether / apart_)) : 1;
    T* taps = scratch<T>(2, (together * most(apart_, size) + down_.taps * inner_.taps) * W);
    T* part = taps + together * most(apart_, size) * W;
    alignas(FILTRAX_VECTOR) T values[kPoints * kMostTaps * W];
    const S* lines[W];
    for (int64_t at = begin; at < end; at += together) {
      const int64_t count = least(together, end - at);
      for (int64_t v = 0; v < wide; ++v) {
        lines_of(kernels_, &Place::rhs, rhs_ + set.rhs + terms_[at].rhs + low(), (first + v) * W, lines);
        across<S, T>(lines, 0, (count - 1) * apart_ + size, rhs_end_, taps, W);
        for (int64_t s = 0; s < count; ++s) {
          const int64_t channel = at + s - some.first * W;
          T* into = to + ((channel / W * parts_ * W + channel % W) * wide + v) * W;
          for (const TapPart& above : down_.parts) {
            for (const TapPart& before : inner_.parts) {
              take(taps + (s * apart_ - low()) * W, above, before, part);
              kernel_down_(part, {inner_.taps * W, W}, values, {inner_.taps * W, W}, inner_.taps);
              kernel_inner_(values, {W, inner_.taps * W}, into, {plane, plane * inner_.points}, down_.points);
              into += W * wide * W;
            }
          }
        }
      }
    }
  }
  // The taps of a part, with zeros for those that there are not.
  void take(const T* taps, const TapPart& above, const TapPart& before, T* to) const {
    const int64_t down = problem_.outer[0].rhs * W, inner = problem_.inner.rhs * W;
    for (int64_t i = 0; i < down_.taps; ++i) {
      for (int64_t j = 0; j < inner_.taps; ++j, to += W) {
        const T* from = taps + (above.first + i * down_.step) * down + (before.first + j * inner_.step) * inner;
        put<T, W>(to, i < above.count && j < before.count ? load<T>(from) : Vec<T, W>{});
      }
    }
  }

  // Some channels of some groups of tiles: the parts of a vector of them one after the other, from a vector on.
  void combine_signals(const Place& set, int64_t begin, int64_t count, const Stretch& some, int64_t from,
                       const Panels& panels, T* to) const {
    in_runs(begin, begin + count, [&](const Run& run, int64_t tile) {
      const S* lines[W];
      for (int64_t p = some.first; p < some.last; ++p) {
        lines_of(terms_, &Place::lhs, lhs_ + set.lhs + signals_[run.number].lhs, p * W, lines);
        frames(lines, run, to + (p - from) * parts_ * panels.panel() + tile * W, panels.plane(), panels.panel());
      }
    });
  }

  // What some channels give to the sums of blocks [begin, end) of kernels, of which so many channels are there.
  void multiply(int64_t begin, int64_t end, const T* kernels, const Stretch& there, const Stretch& some,
                const Panels& panels, const T* samples, T* sums, bool added) const {
    const int64_t count = panels.tiles, panel = panels.panel(), plane = of_point(there);
    // Channels that fill no vector are met part by part.
    const int64_t lanes = least(W, channels() - (some.last - 1) * W);
    const int64_t whole = (some.count() - (lanes < W)) * parts_, runs = ceil_div(whole * W, kRunOfChannels);
    const int64_t pieces = runs + (lanes < W ? parts_ : 0);
    for (int64_t point = 0; point < points_; ++point) {
      for (int64_t piece = 0; piece < pieces; ++piece) {
        const bool is_run = piece < runs;
        const int64_t from = is_run ? whole * piece / runs : whole + piece - runs;
        const int64_t to = is_run ? whole * (piece + 1) / runs : from + 1;
        const T* x = samples + point * panels.plane() + from * panel;
        for (int64_t block = begin; block < end; ++block) {
          const int64_t wide = first_of(block + 1) - first_of(block);
          const Panels results{wide, count};
          const PanelBlocks<T> those = panel_blocks_of<true, T>(wide);
          const T* taps = kernels + (block - begin) * of_block(there) + point * plane +
                          ((some.first - there.first) * parts_ + from) * W * wide * W;
          T* into = sums + (block - begin) * of_sums(count) + point * results.plane();
          const int64_t turns = ceil_div(count, those.most);
          for (int64_t i = 0; i < turns; ++i) {
            const int64_t at = count * i / turns, met = count * (i + 1) / turns - at;
            those.of(met)(x + at * W, to - from, panel, is_run ? W : lanes, taps, 0, into + at * W, results.panel(), W,
                          added || piece > 0);
          }
        }
      }
    }
  }
  // The outputs of blocks [begin, end) of kernels, of so many groups of tiles from one on.
  void leave(const Place& set, int64_t begin, int64_t end, int64_t group, int64_t groups, const T* sums) const {
    for (int64_t block = begin; block < end; ++block, sums += of_sums(groups * woven_)) {
      const int64_t first = first_of(block), wide = first_of(block + 1) - first;
      const Panels results{wide, groups * woven_};
      in_runs(group, group + groups, [&](const Run& run, int64_t tile) {
        for (int64_t v = 0; v < wide; ++v) {
          leave_vector(set, run, first + v, sums + v * results.panel() + tile * W, results.plane());
        }
      });
    }
  }

  // A vector of kernels of a run of tiles, from the points back to outputs, to where these lie.
  void leave_vector(const Place& set, const Run& run, int64_t vector, const T* sums, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    // From group to group.
    const int64_t high = down_.outputs * down_.woven, across = inner_.outputs * inner_.woven;
    const int64_t top = run.row * high, first = run.col * across;
    const int64_t rows = least(run.rows * high, outer.m - top), cols = least(run.count * across, inner.m - first);
    // Rows that follow one another are one.
    const bool together = cols == inner.m && outer.out == inner.m * inner.out;
    const int64_t pitch = together ? cols : run.count * across, of_tile = inner_.outputs * W;
    T* results = scratch<T>(2, (run.rows * high * pitch + most(across, W)) * W + down_.points * of_tile);
    T* values = results + (run.rows * high * pitch + most(across, W)) * W;
    for (int64_t row = 0; row < run.rows * down_.woven; ++row) {
      const int64_t group = row / down_.woven, above = row % down_.woven;
      const T* from = sums + (group * run.count * woven_ + above * inner_.woven) * W;
      T* line = results + (group * high + above) * pitch * W;
      for (int64_t left = cols; left > 0; left -= across, from += woven_ * W, line += across * W) {
        for (int64_t w = 0; w < least(inner_.woven, left); ++w) {
          T* to = line + w * W;
          if (down_.points == 1) {
            result_inner_(from + w * W, {plane, plane * inner_.points}, to, {inner_.woven * W, of_tile}, 1);
            continue;
          }
          const int64_t here = left >= across ? inner_.outputs : ceil_div(left - w, inner_.woven);
          result_inner_(from + w * W, {plane, plane * inner_.points}, values, {W, of_tile}, down_.points);
          result_down_(values, {of_tile, W}, to, {down_.woven * pitch * W, inner_.woven * W}, here);
        }
      }
    }
    S* to = out_ + set.out + signals_[run.number].out + top * outer.out + first * inner.out;
    if (together) return leave_line(results, rows * cols, vector, to);
    for (int64_t row = 0; row < rows; ++row) {
      leave_line(results + row * pitch * W, cols, vector, to + row * outer.out);
    }
  }
  // Neighbouring outputs of a vector of kernels, turned over.
  void leave_line(const T* from, int64_t size, int64_t vector, S* to) const {
    const int64_t apart = many() > 1 ? kernels_[1].out : 0, here = least(W, many() - vector * W);
    const int64_t step = problem_.inner.out;
    alignas(FILTRAX_VECTOR) T square[W * W];
    to += vector * W * apart;
    for (int64_t next = 0; next < size; next += W) {
      const int64_t at = most(0, least(next, size - W)), count = least(W, size);
      const auto line = [&](int64_t j) { return from + (at + j) * W; };
      if constexpr (sizeof(S) == sizeof(T)) {
        if (count == W && here == W && step == 1) {
          transpose<T>(line, reinterpret_cast<T*>(to) + at, apart);
          continue;
        }
      }
      transpose<T>(line, square, W);
      for (int64_t q = 0; q < here; ++q) {
        const T* results = square + q * W;
        S* result = to + q * apart + at * step;
        if (count == W && step == 1) {
          FILTRAX_SET::leave<S, T>(result, load<T>(results));
        } else if (count == W && step == 2 && sizeof(S) == sizeof(T)) {
          put_to_every_second<T>(reinterpret_cast<T*>(result), load<T>(results));
        } else {
          convert_samples<1>(results, 1, result, step, count);
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
    const int64_t panels = met_vectors() * parts_, lanes = panels + across_, tasks = met_vectors() + across_;
    const int64_t near = kTilesOfAll / int64_t(sizeof(T)) / (points_ * lanes * W);
    const int64_t chunks = least(groups_, ceil_div(tiles_, most(kFewestTiles, near)));
    const Panels all{lanes, ceil_div(groups_, chunks) * woven_};
    T* values = scratch<T>(0, points_ * all.plane());
    const int64_t cuts = ceil_div(kEach * pool.threads, tasks);
    // Threads take blocks of the sums, or where these are few, points. Sums of a single chunk are brought back at once.
    const int64_t blocks = ceil_div(panels, kPanels) * blocks_;
    const bool by_block = blocks >= 2 * pool.threads;
    const Temporary<T> memory(5, by_block && chunks == 1 ? 0 : blocks * of_sums());
    T* sums = by_block && chunks == 1 ? nullptr : memory.get();
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t begin = groups_ * chunk / chunks, groups = groups_ * (chunk + 1) / chunks - begin;
      const int64_t count = groups * woven_;
      share(pool, tasks * cuts, [&](int64_t number) {
        const int64_t task = number / cuts, cut = number % cuts, from = groups * cut / cuts;
        in_runs(begin + from, begin + groups * (cut + 1) / cuts, [&](const Run& run, int64_t tile) {
          const S* lines[W];
          T* to = values + (from * woven_ + tile) * W;
          if (task < met_vectors()) {
            lines_of(signals_, &Place::lhs, lhs_ + set.lhs + terms_[run.number].lhs, task * W, lines);
            frames(lines, run, to + task * all.panel(), all.plane(), met_vectors() * all.panel());
          } else {
            const int64_t vector = task - met_vectors();
            lines_of(kernels_, &Place::rhs, rhs_ + set.rhs + terms_[run.number].rhs, vector * W, lines);
            pieces(lines, run, to + (panels + vector) * all.panel(), all.plane());
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
      const int64_t here = least(W, met() - p % met_vectors() * W), turns = ceil_div(here, those.most);
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
    const int64_t begin = block / blocks_ * kPanels, end = least(met_vectors() * parts_, begin + kPanels);
    for (int64_t p = begin; p < end; ++p, sums += W * wide * W) {
      const int64_t from = p % met_vectors() * W, part = p / met_vectors(), here = least(W, met() - from);
      for (int64_t i = 0; i < here * wide; ++i) {
        finish(set, from + i / wide, first + i % wide, part, sums + i * W, sums_plane());
      }
    }
  }
  // A vector of kernels' sums for a part of a signal, from the points back to outputs, to where these lie.
  void finish(const Place& set, int64_t channel, int64_t vector, int64_t part, const T* sums, int64_t plane) const {
    const Slide &outer = problem_.outer[0], &inner = problem_.inner;
    const int64_t across = inner_.outputs;
    alignas(FILTRAX_VECTOR) T above[kPoints * kMostTaps * W], results[kMostTaps * kMostTaps * W];
    result_inner_(sums, {plane, plane * inner_.points}, above, {W, across * W}, down_.points);
    result_down_(above, {across * W, W}, results, {across * W, W}, across);
    S* to = out_ + set.out + signals_[channel].out;
    const int64_t size = outer.m * inner.m, here = least(W, many() - vector * W);
    // Neighbours, forwards or backwards, are turned over together.
    const bool close = parts_ == 1 && (inner.out == 1 || inner.out == -1) &&
                       (outer.m == 1 || outer.out == inner.m * inner.out);
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
    const TapPart &down = down_.parts[part / inner_.parts.size()], &along = inner_.parts[part % inner_.parts.size()];
    to += down.first * outer.out + along.first * inner.out;
    for (int64_t q = 0; !close && q < here; ++q) {
      S* result = to + kernels_[vector * W + q].out;
      for (int64_t i = 0; i < down.count; ++i) {
        for (int64_t j = 0; j < along.count; ++j) {
          convert_few<1>(results + (i * across + j) * W + q,
                         result + i * down_.step * outer.out + j * inner_.step * inner.out);
        }
      }
    }
  }

  const Problem& problem_;
  const bool of_sums_;
  const Tiling down_, inner_;
  const int64_t points_, parts_, woven_;
  const std::vector<TapPart> whole_{{0, 0}};
  const std::vector<Place> sets_, kernels_, signals_;
  std::vector<Place> terms_;
  const S *lhs_, *rhs_, *lhs_end_, *rhs_end_;
  S* out_;
  // From the kernel of a channel to the next channel's, if those are read together.
  int64_t apart_ = 0;
  int64_t across_, blocks_, groups_, tiles_;
  Combine<T> signal_down_, signal_inner_, kernel_down_, kernel_inner_, result_down_, result_inner_;
};

template <class S, class T>
void correlate_winograd(const Pool& pool, const Problem& problem, bool of_sums, const S* lhs, const S* rhs, S* out) {
  Winograd<S, T>(problem, of_sums, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
