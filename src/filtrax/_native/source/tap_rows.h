// The taps that meet a row of outputs, as a list, and where its windows begin.
#pragma once

#include <algorithm>
#include <vector>

#include "blocks.h"
#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// The taps that are worth outputs of several rows at once, and the bytes between first and last; fewer are worth them
// where these fill the first cache.
constexpr int64_t kDeep = 16, kReach = 1 << 14, kLessDeep = 4, kFullReach = 1 << 15;

// Whether taps stand so far apart that what one output reads is gone when the next one needs it.
template <class T, int Parts>
bool is_far(const Slide& inner) {
  const int64_t apart = inner.dilation * Parts, reach = inner.k * apart * int64_t(sizeof(T));
  const bool deep = (inner.k >= kDeep && reach >= kReach) || (inner.k >= kLessDeep && reach >= kFullReach);
  return deep && apart >= 4 * width<T> && inner.m >= 4 * inner.dilation;
}

// The axis down which rows of outputs are neighbours.
inline int down(const Problem& problem) { return problem.outer[1].m > 1 ? 1 : 0; }

// The taps that meet one row of outputs. Rows of outputs share what they can: neighbours the whole list,
// those with kernels of their own all but the weights.
template <class S, class T, int Parts>
class TapRows {
 public:
  // `downwards`: taps in runs are those one below the other.
  TapRows(const Problem& problem, const S* rhs, bool downwards)
      : problem_(problem), rhs_(rhs), samples_(problem.count_samples()), downwards_(downwards) {}

  // For the outputs at `index` along the outer axes; `rhs` is where their kernel begins.
  void prepare(int64_t rhs, const int64_t* index) {
    Range ranges[kOuter];
    for (int d = 0; d < kOuter; ++d) ranges[d] = taps_inside(problem_.outer[d], index[d]);
    prepare(rhs, ranges);
  }

  // For outputs that meet all taps.
  void prepare_all(int64_t rhs) {
    const Range ranges[kOuter] = {{0, problem_.outer[0].k}, {0, problem_.outer[1].k}};
    prepare(rhs, ranges);
  }

  void prepare(int64_t rhs, const Range* ranges) {
    bool same = begin_ >= 0;
    for (int d = 0; d < kOuter; ++d) {
      same = same && ranges[d].first == ranges_[d].first && ranges[d].last == ranges_[d].last;
    }
    if (same && rhs == begin_) return;
    begin_ = rhs;
    staged_pitch_ = -1;
    if (!same) {
      for (int d = 0; d < kOuter; ++d) ranges_[d] = ranges[d];
      find_rows();
      find_taps();
      const Slide& axis = problem_.outer[down(problem_)];
      place(list, 0, axis.dilation * axis.lhs * Parts, problem_.inner.dilation * Parts);
      list.inside.resize(taps_.size());
      for (size_t t = 0; t < taps_.size(); ++t) list.inside[t] = taps_[t].k * problem_.inner.dilation * Parts;
      list.places.resize(taps_.size());
      for (size_t t = 0; t < taps_.size(); ++t) list.places[t] = taps_[t].weight * Parts;
    }
    if (problem_.lanes > 1) return;
    const int64_t count = list.size();
    list.weights.resize(count * Parts);
    // In registers: what is written could be any of them to the compiler.
    const S* kernel = rhs_ + begin_ * Parts;
    const int64_t* places = list.places.data();
    T* weights = list.weights.data();
    for (int64_t t = 0; t < count; ++t) convert_few<Parts>(kernel + places[t], weights + t * Parts);
  }

  // The list for copies of the rows that stand `pitch` numbers apart, with taps `step` apart and those one below
  // the other `below`.
  const TapList<T, Parts>& staged(int64_t pitch, int64_t step, int64_t below = 0) {
    if (pitch != staged_pitch_ || step != staged_step_ || below != staged_below_) {
      staged_pitch_ = pitch;
      staged_step_ = step;
      staged_below_ = below;
      place(staged_, pitch, below, step);
      staged_.weights = list.weights;
    }
    return staged_;
  }

  // Where the rows of samples begin, from the first window on.
  const std::vector<int64_t>& rows() const { return rows_; }
  // Whether samples [begin, end) of these rows are all in memory.
  bool are_in_memory(int64_t begin, int64_t end) const { return begin + low_ >= 0 && end + high_ <= samples_; }
  TapList<T, Parts> list;

 private:
  static constexpr int64_t kNone = -1;
  struct Tap {
    int64_t row, below, k, weight;
  };

  void find_rows() {
    rows_.clear();
    kernels_.clear();
    const int d = down(problem_);
    const Slide &axis = problem_.outer[d], &other = problem_.outer[1 - d];
    for (int64_t s = 0; s < problem_.count_sums(); ++s) {
      const Place term = term_of(problem_, s);
      for (int64_t a = ranges_[1 - d].first; a < ranges_[1 - d].last; ++a) {
        for (int64_t b = ranges_[d].first; b < (downwards_ ? ranges_[d].first + 1 : ranges_[d].last); ++b) {
          rows_.push_back(term.lhs + a * other.dilation * other.lhs + b * axis.dilation * axis.lhs);
          kernels_.push_back(term.rhs + a * other.rhs + b * axis.rhs);
        }
      }
    }
    // Near a corner no row may be left.
    low_ = rows_.empty() ? 0 : *std::min_element(rows_.begin(), rows_.end());
    high_ = rows_.empty() ? 0 : *std::max_element(rows_.begin(), rows_.end());
  }

  // Taps in runs first, if any meet samples that another output meets: of the next vector, or of the next row.
  void find_taps() {
    constexpr int Run = kRun<Parts>;
    const Slide &inner = problem_.inner, &axis = problem_.outer[down(problem_)];
    const Range range = ranges_[down(problem_)];
    const int64_t vector = most(1, width<T> / Parts), length = downwards_ ? range.last - range.first : inner.k;
    close_ = !downwards_ && vector % inner.dilation == 0;
    const bool far = downwards_ || is_far<T, Parts>(inner);
    const int64_t apart = close_ ? vector / inner.dilation : far ? 1 : length;
    taps_.clear();
    // Chains are cut into runs, what is left of them into pairs.
    const int64_t across = downwards_ ? inner.k : 1;
    int64_t ends[3];
    for (int cut = 0; cut < 3; ++cut) {
      constexpr int sizes[3] = {Run, 2, 1};
      for (int64_t line = 0; line < int64_t(rows_.size()) * across; ++line) {
        const int64_t row = line / across, inside = line % across;
        for (int64_t begin = 0; begin < length; begin += Run * apart) {
          for (int64_t first = begin; first < least(length, begin + apart); ++first) {
            const int64_t chain = least(Run, ceil_div(length - first, apart));
            int64_t from = 0;
            for (int c = 0; c < cut; ++c) from += (chain - from) / sizes[c] * sizes[c];
            const int64_t to = from + (chain - from) / sizes[cut] * sizes[cut];
            for (int64_t k = first + from * apart; k < first + to * apart; k += apart) {
              const int64_t below = downwards_ ? k : 0, right = downwards_ ? inside : k;
              taps_.push_back({row, below, right, kernels_[row] + below * axis.rhs + right * inner.rhs});
            }
          }
        }
      }
      ends[cut] = taps_.size();
    }
    list.in_runs = staged_.in_runs = ends[0];
    list.in_pairs = staged_.in_pairs = ends[1];
  }

  void place(TapList<T, Parts>& into, int64_t pitch, int64_t below, int64_t step) const {
    const Slide& axis = problem_.outer[down(problem_)];
    into.space = close_ ? width<T> : step;
    // No step from one output to the next is as long as none.
    if (downwards_) into.space = axis.stride == axis.dilation && below ? below : kNone;
    into.offsets.resize(taps_.size());
    for (size_t t = 0; t < taps_.size(); ++t) {
      const int64_t row = pitch ? taps_[t].row * pitch : rows_[taps_[t].row] * Parts;
      into.offsets[t] = row + taps_[t].below * below + taps_[t].k * step;
    }
  }

  const Problem& problem_;
  const S* rhs_;
  const int64_t samples_;
  const bool downwards_;
  int64_t low_ = 0, high_ = 0;  // the first and the last of the rows in memory
  int64_t begin_ = -1, staged_pitch_ = -1, staged_step_ = -1, staged_below_ = -1;
  bool close_ = false;
  Range ranges_[kOuter] = {{-1, -1}, {-1, -1}};
  std::vector<int64_t> rows_, kernels_;
  std::vector<Tap> taps_;
  TapList<T, Parts> staged_;
};

// Where the windows of a row of outputs begin, and where it is written.
struct OuterRow {
  int64_t from, out;
};
inline OuterRow outer_row(const Problem& problem, const Place& place, const int64_t* index) {
  OuterRow row{place.lhs, place.out};
  for (int d = 0; d < kOuter; ++d) {
    const Slide& axis = problem.outer[d];
    row.from += (axis.stride * index[d] - axis.lo) * axis.lhs;
    row.out += index[d] * axis.out;
  }
  return row;
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
