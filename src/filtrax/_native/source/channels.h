// Images, or rows, with a kernel for each channel whose vectors had better lie across channels: those along rows would
// not be full, or meet samples that stand apart.
//
// Samples of some rows of outputs are turned over with zeros around them, and sums are turned back. In a gradient by
// these kernels the second signals are turned over, too.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "across.h"
#include "images_in_place.h"
#include "memory.h"
#include "phases.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "taps.h"

namespace filtrax {
namespace FILTRAX_SET {

// Outputs in registers at once; bytes of the samples of a part of an image, and of one that is worth it.
constexpr int kChannelSums = 8;
constexpr int64_t kPartSamples = 1 << 15, kMostSamples = 1 << 18;
// Channels of gradients by kernels at least, in vectors: a thread has all the signals of some.
constexpr int64_t kSummedChannels = 2;
// Rows are short, in eighths of a vector: of images, of every second sample of them, also by so many taps that samples
// would be copied otherwise, and of single rows.
constexpr int64_t kShortRow = 5, kShortStrided = 6, kShortCopied = FILTRAX_VECTOR == 64 ? kShortStrided : 28;
constexpr int64_t kShortSpaced = 36, kShortSingle = 48, kShortSingleApart = 128;

// P outputs, each with the samples from a place of its own, added to what is there or not.
template <int P, class T>
void channel_block(const T* const* at, const int64_t* offsets, int64_t count, const T* weights, T* const* to,
                   bool added) {
  constexpr int W = width<T>;
  Vec<T, W> sums[P];
  const T* x[P];
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) sums[p] = added ? load<T>(to[p]) : Vec<T, W>{}, x[p] = at[p];
  for (int64_t t = 0; t < count; ++t) {
    const int64_t offset = offsets[t];
    const Vec<T, W> tap = kept(load<T>(weights + t * W));
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sums[p] += tap * load<T>(x[p] + offset);
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) put<T, W>(to[p], sums[p]);
}
template <class T>
using ChannelBlock = void (*)(const T* const*, const int64_t*, int64_t, const T*, T* const*, bool);
template <class T, size_t... P>
ChannelBlock<T> channel_block_of(int64_t outputs, std::index_sequence<P...>) {
  static constexpr ChannelBlock<T> blocks[] = {channel_block<P + 1, T>...};
  return blocks[outputs - 1];
}

// Which loop over cells the channels are: the longest with a kernel each.
inline int channels_of(const Problem& problem) {
  int found = -1;
  for (int d = 0; d < kCells; ++d) {
    const Cell& cell = problem.cells[d];
    if (cell.lhs && cell.rhs && cell.out && (found < 0 || cell.size > problem.cells[found].size)) found = d;
  }
  return found;
}

// An axis in the turns of its outputs, with as many zeros around its samples as all of them meet.
struct Padded {
  explicit Padded(const Slide& axis) : axis(axis) {
    for (int64_t number = 0; number < least(axis.base, axis.m); ++number) {
      turns.emplace_back(axis, number);
      parts.push_back(turns.back().of(axis));
    }
    count = parts[0].m;
    before = most(-first(0), 0);
    length = before + most(axis.n, first(0) + reach(0, count));
  }
  // The first sample that outputs of all turns meet from one on, and samples up to the last that those before one do.
  int64_t first(int64_t begin) const {
    int64_t found = axis.n;
    for (const Slide& part : parts) found = least(found, part.stride * begin - part.lo);
    return found;
  }
  int64_t reach(int64_t begin, int64_t end) const {
    int64_t last = 0;
    for (const Slide& part : parts) {
      last = most(last, part.stride * (end - 1) - part.lo + most(part.span(), 1));
    }
    return last - first(begin);
  }
  Slide axis;
  std::vector<Turn> turns;
  std::vector<Slide> parts;
  // Outputs of a turn at most, samples before the first, and all of them.
  int64_t count, before, length;
};

// Along which axes parts are cut and vectors would lie: of a row, as if its samples were rows.
struct Plane {
  explicit Plane(const Problem& problem)
      : is_row(filtrax::FILTRAX_SET::is_row(problem.outer[down(problem)])),
        below(is_row ? problem.inner : problem.outer[down(problem)]),
        along(is_row ? Slide{1, 1, 1, 0, 1, 1, 1, 1, 1, 1} : problem.inner) {}
  bool is_row;
  Padded below, along;
};

inline bool is_plain_sum(const Slide& axis) { return axis.stride == 1 && axis.base == 1; }

template <class T>
bool is_across_channels(const Problem& problem) {
  constexpr int64_t W = width<T>;
  const Slide &inner = problem.inner, &axis = problem.outer[down(problem)], &other = problem.outer[1 - down(problem)];
  const int channels = channels_of(problem);
  if (channels < 0 || problem.cells[channels].size < W / 2 || problem.lanes > 1) return false;
  for (const Slide* each : {&other, &axis}) {
    if (is_row(*each) && (each->n > 1 || each->lo != 0)) return false;
  }
  if (!is_row(other) || inner.lhs != 1 || inner.out != 1 || problem.has(is_of_kernels)) return false;
  if (!is_row(axis) && (axis.lhs != inner.n || axis.out != inner.m)) return false;
  for (const Slide* each : {&inner, &axis}) {
    if (each->stride > 1 && each->base > 1) return false;
  }
  const Plane plane(problem);
  if (plane.below.reach(0, 1) * plane.along.length * int64_t(sizeof(T)) * W > kMostSamples) return false;
  if (problem.count_sums() > 1) {
    // Taps are those of the second signals, in rows.
    const int64_t few = inner.dilation > 1 ? kShortStrided : kShortRow;
    return inner.m <= inner.k && axis.m > 1 && axis.m <= axis.k && is_plain_sum(inner) && is_plain_sum(axis) &&
           (inner.dilation > 2 || 8 * inner.k <= few * W) && problem.cells[channels].size >= kSummedChannels * W;
  }
  const int64_t apart = most(inner.stride, inner.base);
  const bool is_copied = axis.k * inner.k > kFewStrided;
  const int64_t few = is_row(axis)     ? apart > 1 ? kShortSingleApart : kShortSingle
                      : inner.base > 1 ? kShortSpaced
                      : apart > 1      ? is_copied ? kShortCopied : kShortStrided
                                       : kShortRow;
  return apart > 2 || 8 * inner.m <= few * W;
}

template <class S, class T>
class AcrossChannels {
 public:
  AcrossChannels(const Problem& problem, const S* lhs, const S* rhs, S* out)
      : others_(problem), plane_(problem), below_(plane_.below), along_(plane_.along),
        channels_(problem.cells[channels_of(problem)]), pitch_(along_.length), lhs_(lhs), rhs_(rhs),
        lhs_end_(lhs + problem.count_samples()), rhs_end_(rhs + problem.count_taps()), out_(out) {
    others_.cells[channels_of(problem)] = {1, 0, 0, 0};
    for (int64_t s = 0; s < problem.count_sums(); ++s) terms_.push_back(term_of(problem, s));
    taps_.assign(below_.axis.k * along_.axis.k, -1);
    for (size_t d = 0; d < below_.turns.size(); ++d) {
      for (size_t a = 0; a < along_.turns.size(); ++a) add_taps(d, a);
    }
    // Taps that no output meets lie behind the others.
    for (int64_t& tap : taps_) tap = tap < 0 ? int64_t(offsets_.size()) : tap;
    const int64_t rows = kPartSamples / (pitch_ * W * int64_t(sizeof(T)));
    // Parts meet some samples twice.
    const int64_t twice = below_.reach(0, 1), high = most(most(2 * twice, rows) - twice, 1);
    parts_ = ceil_div(below_.count, ceil_div(high, below_.parts[0].stride));
    const int64_t deep = least(below_.axis.n, below_.reach(0, ceil_div(below_.count, parts_)));
    for (int64_t i = 0; i < deep; ++i) {
      for (int64_t j = 0; j < along_.axis.n; ++j) samples_.push_back((i * pitch_ + along_.before + j) * W);
    }
    for (size_t a = 0; a < along_.turns.size(); ++a) {
      const Slide& along = along_.parts[a];
      places_.emplace_back();
      results_.emplace_back();
      for (int64_t j = 0; j < along.m; ++j) {
        places_[a].push_back((along.stride * j - along.lo + along_.before) * W);
        results_[a].push_back((along_.axis.base * j + int64_t(a)) * W);
      }
    }
  }

  void run(const Pool& pool) const {
    const int64_t blocks = ceil_div(channels_.size, W), others = others_.count_cells(), images = blocks * others;
    const int64_t items = images * parts_, rows = ceil_div(below_.count, parts_);
    const int64_t outputs = below_.axis.m * along_.axis.m;
    const double products = double(outputs) * taps_.size() / (below_.axis.base * along_.axis.base);
    const double turned = kTurned * (outputs + below_.axis.n * along_.axis.n);
    const double work = images * terms_.size() * (W * (products + turned) + kItem);
    const int64_t tasks = work < kShared ? 1 : least(items, least(16 * pool.threads, int64_t(8 * work / kShared)));
    share(pool, tasks, [&](int64_t task) {
      const int64_t size = below_.reach(0, rows) * pitch_ * W;
      T* samples = scratch<T>(0, size);
      T* sums = scratch<T>(1, rows * below_.axis.base * along_.axis.m * W);
      T* weights = scratch<T>(2, (int64_t(offsets_.size()) + 1) * W);
      std::fill_n(samples, size, T(0));
      const int64_t first = items * task / tasks, last = items * (task + 1) / tasks;
      Cells cells(others_, first / parts_ % others);
      const S* prepared = nullptr;
      for (int64_t item = first; item < last; ++item) {
        const int64_t image = item / parts_, part = item % parts_;
        if (part == 0 && item > first) cells.next();
        const int64_t from = image / others * W, some = least(W, channels_.size - from);
        const Place& place = cells.place();
        const int64_t begin = below_.count * part / parts_, end = below_.count * (part + 1) / parts_;
        for (const Place& term : terms_) {
          const S *lines[W], *taps[W];
          for (int64_t l = 0; l < W; ++l) {
            // Lanes without a channel repeat the last one.
            const int64_t channel = from + least(l, some - 1);
            lines[l] = lhs_ + place.lhs + term.lhs + channel * channels_.lhs;
            taps[l] = rhs_ + place.rhs + term.rhs + channel * channels_.rhs;
          }
          if (prepared != taps[0]) prepare(taps, weights), prepared = taps[0];
          fill(lines, begin, end, samples);
          for (size_t d = 0, tap = 0; d < below_.turns.size(); ++d) {
            for (size_t a = 0; a < along_.turns.size(); ++a) {
              sum(d, a, begin, end, tap, samples, weights, sums, &term > terms_.data());
              tap += below_.parts[d].k * along_.parts[a].k;
            }
          }
        }
        leave(sums, begin, end, out_ + place.out + from * channels_.out, some);
      }
    });
  }

 private:
  // Taps of a turn of both axes.
  void add_taps(size_t d, size_t a) {
    const Turn &down = below_.turns[d], &across = along_.turns[a];
    const Slide &below = below_.parts[d], &along = along_.parts[a];
    for (int64_t i = 0; i < below.k; ++i) {
      for (int64_t j = 0; j < along.k; ++j) {
        const int64_t tap = (down.tap + down.step * i) * along_.axis.k + across.tap + across.step * j;
        taps_[tap] = int64_t(offsets_.size());
        offsets_.push_back((below.dilation * i * pitch_ + along.dilation * j) * W);
      }
    }
  }

  // Kernels, their taps in the order of the offsets.
  void prepare(const S* const* taps, T* weights) const {
    const auto to = [&](int64_t tap) { return weights + taps_[tap] * W; };
    const int64_t count = int64_t(taps_.size()), k = along_.axis.k;
    if (along_.axis.rhs == 1 && below_.axis.rhs == k) return across<S, T>(taps, 0, count, rhs_end_, to);
    for (int64_t tap = 0; tap < count; ++tap) {
      const int64_t at = tap / k * below_.axis.rhs + tap % k * along_.axis.rhs;
      for (int64_t l = 0; l < W; ++l) convert_few<1>(taps[l] + at, to(tap) + l);
    }
  }

  // The samples that a part meets. What is beside the image stays zero.
  void fill(const S* const* lines, int64_t begin, int64_t end, T* samples) const {
    const int64_t top = below_.first(begin), deep = below_.reach(begin, end), n = along_.axis.n;
    const int64_t first = least(most(-top, 0), deep), last = most(first, least(below_.axis.n - top, deep));
    std::fill_n(samples, first * pitch_ * W, T(0));
    std::fill_n(samples + last * pitch_ * W, (deep - last) * pitch_ * W, T(0));
    T* to = samples + first * pitch_ * W;
    across<S, T>(lines, (top + first) * n, (last - first) * n, lhs_end_, [&](int64_t i) { return to + samples_[i]; });
  }

  // Outputs of a turn of both axes, in rows [begin, end).
  void sum(size_t d, size_t a, int64_t begin, int64_t end, int64_t tap, const T* samples, const T* weights, T* sums,
           bool added) const {
    const Slide &below = below_.parts[d], &along = along_.parts[a];
    const int64_t top = below_.first(begin), base = below_.axis.base, wide = along_.axis.m;
    const int64_t last = least(end, below.m);
    for (int64_t i = begin; i < last;) {
      // Rows that meet the same taps; those beyond the image are left out where a row is worth it.
      const auto met = [&](int64_t row) {
        return below.k == 0 ? Range{0, 0} : along.m < kChannelSums / 2 ? Range{0, below.k} : taps_inside(below, row);
      };
      const Range rows = met(i);
      int64_t next = i + 1;
      for (; next < last; ++next) {
        const Range others = met(next);
        if (others.first != rows.first || others.last != rows.last) break;
      }
      const int64_t outputs = (next - i) * along.m, blocks = ceil_div(outputs, kChannelSums);
      const int64_t from = tap + rows.first * along.k, count = (rows.last - rows.first) * along.k;
      const T* x = samples + (below.stride * i - below.lo - top) * pitch_ * W;
      T* y = sums + (base * (i - begin) + int64_t(d)) * wide * W;
      const T* at[kChannelSums];
      T* to[kChannelSums];
      int64_t column = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t some = outputs * (b + 1) / blocks - outputs * b / blocks;
        for (int64_t p = 0; p < some; ++p) {
          at[p] = x + places_[a][column];
          to[p] = y + results_[a][column];
          if (++column == along.m) column = 0, x += below.stride * pitch_ * W, y += base * wide * W;
        }
        channel_block_of<T>(some, std::make_index_sequence<kChannelSums>{})(at, offsets_.data() + from, count,
                                                                         weights + from * W, to, added);
      }
      i = next;
    }
  }

  // Outputs of some channels, back to where they lie.
  void leave(const T* sums, int64_t begin, int64_t end, S* to, int64_t some) const {
    const int64_t base = below_.axis.base, wide = along_.axis.m;
    const int64_t outputs = (least(base * end, below_.axis.m) - base * begin) * wide;
    alignas(FILTRAX_VECTOR) T square[W * W];
    for (int64_t next = 0; next < outputs; next += W) {
      const int64_t at = most(0, least(next, outputs - W)), count = least(W, outputs - at);
      transpose<T, T>([&](int64_t i) { return sums + (at + least(i, count - 1)) * W; }, square, W);
      for (int64_t l = 0; l < some; ++l) {
        S* line = to + l * channels_.out + base * begin * wide + at;
        count == W ? filtrax::FILTRAX_SET::leave<S, T>(line, load<T>(square + l * W))
                   : convert(square + l * W, line, count);
      }
    }
  }

  static constexpr int64_t W = width<T>;
  // The problem without its channels, and where the terms of its sums lie.
  Problem others_;
  std::vector<Place> terms_;
  const Plane plane_;
  const Padded &below_, &along_;
  const Cell channels_;
  // Samples of a row with the zeros around it, and parts of an image.
  const int64_t pitch_;
  int64_t parts_;
  const S *lhs_, *rhs_, *lhs_end_, *rhs_end_;
  S* out_;
  // Where a kernel's taps lie in the order of turns, and how far from an output's place the sample is that each meets.
  std::vector<int64_t> taps_, offsets_;
  // Where samples of a part lie among those with zeros; of each turn, the outputs of a row and their first samples.
  std::vector<int64_t> samples_;
  std::vector<std::vector<int64_t>> places_, results_;
};

template <class S, class T>
void correlate_across_channels(const Pool& pool, const Problem& problem, const S* lhs, const S* rhs, S* out) {
  AcrossChannels<S, T>(problem, lhs, rhs, out).run(pool);
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
