// Sums over taps: each output is a sum of samples read where they lie, weighted by the kernel.
//
// A block of outputs stays in registers over all taps. Where a window reaches past the ends of the
// signal, its samples are copied with zeros around them first.
#pragma once

#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"

namespace filtrax {
namespace FILTRAX_SET {

// Samples of a tile from all channels, which stay in the first cache, and the fewest outputs that are
// worth one.
constexpr int64_t kTile = 4096, kLeast = 256;
// Rows up to this long are copied whole; of longer ones only the ends are.
constexpr int64_t kShortRow = 1024;
// Products near edges that are not worth copying their samples.
constexpr int64_t kFew = 24;
// Taps of which few vectors have several sums.
constexpr int64_t kMany = 64;
// Products that are worth another thread.
constexpr double kShared = 1 << 15;

// Parts: 1 for real numbers, 2 for complex ones, whose kernel holds pairs.
template <class T, int Parts>
struct TapList {
  std::vector<int64_t> offsets;  // of each tap's first sample, in numbers
  std::vector<T> weights;
  // So many first taps come in runs, each of which meets samples one vector behind those of the last:
  // a vector that was read for one meets the others, too. Loads are what sums over taps wait for.
  int64_t in_runs = 0;
  int64_t size() const { return offsets.size(); }
};

// i (a + bi) = -b + ai
template <class T, int W, size_t... L>
FILTRAX_INLINE Vec<T, W> times_i(Vec<T, W> value, std::index_sequence<L...>) {
  const Vec<T, W> signs = {(L % 2 ? T(1) : T(-1))...};
  return __builtin_shufflevector(value, value, int(L ^ 1)...) * signs;
}

// Taps in a run.
template <int Parts>
constexpr int kRun = 4 / Parts;

// R vectors of outputs, each added up in so many sums.
template <class T, int Parts, int R, int Sets>
FILTRAX_INLINE void tap_block(const T* x, const TapList<T, Parts>& taps, T* out) {
  constexpr int W = width<T>, Run = kRun<Parts>, P = R * Parts;
  typedef Vec<T, W> V;
  V sums[Sets * P];
#pragma GCC unroll 16
  for (int r = 0; r < Sets * P; ++r) sums[r] = V{};
  const int64_t count = taps.size();
  const int64_t* offsets = taps.offsets.data();
  const T* weights = taps.weights.data();
  int64_t t = 0;
  for (; t < taps.in_runs; t += Run) {
    const T* from = x + offsets[t];
    V run[Run * Parts];
#pragma GCC unroll 4
    for (int j = 0; j < Run * Parts; ++j) run[j] = splat<T>(weights[t * Parts + j]);
#pragma GCC unroll 32
    for (int v = 0; v < R + Run - 1; ++v) {
      const V sample = load<T>(from + v * W);
#pragma GCC unroll 4
      for (int j = 0; j < Run; ++j) {
        const int r = v - j;
        if (r < 0 || r >= R) continue;
        V* sum = sums + j % Sets * P;
        sum[r] += run[j * Parts] * sample;
        if constexpr (Parts == 2) sum[R + r] += run[j * Parts + 1] * sample;
      }
    }
  }
  const auto add = [&](int64_t tap, V* sum) __attribute__((always_inline)) {
    const T* from = x + offsets[tap];
    const V re = splat<T>(weights[tap * Parts]), im = splat<T>(weights[tap * Parts + Parts - 1]);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const V sample = load<T>(from + r * W);
      sum[r] += re * sample;
      if constexpr (Parts == 2) sum[R + r] += im * sample;
    }
  };
  for (; t + Sets <= count; t += Sets) {
#pragma GCC unroll 4
    for (int set = 0; set < Sets; ++set) add(t + set, sums + set * P);
  }
  for (; t < count; ++t) add(t, sums);
#pragma GCC unroll 16
  for (int r = P; r < Sets * P; ++r) sums[r % P] += sums[r];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    V sum = sums[r];
    if constexpr (Parts == 2) sum += times_i<T, W>(sums[R + r], std::make_index_sequence<W>{});
    put<T, W>(out + r * W, sum);
  }
}

// As many vectors at once as there are, up to R. A sum waits for its last addition: few vectors of many taps
// are added up in several each. Fewer taps stay in order: integers that are cut off come out as others' do.
template <class T, int Parts, int R>
inline void tap_blocks_of(int64_t vectors, const T* x, const TapList<T, Parts>& taps, T* out) {
  constexpr int Sets = R * Parts > 4 ? 1 : R * Parts > 2 ? 2 : kRun<Parts>;
  if (vectors == R) {
    if (Sets > 1 && taps.size() >= kMany) return tap_block<T, Parts, R, Sets>(x, taps, out);
    return tap_block<T, Parts, R, 1>(x, taps, out);
  }
  if constexpr (R > 1) tap_blocks_of<T, Parts, R - 1>(vectors, x, taps, out);
}

template <class T, int Parts>
inline void taps_one_by_one(const T* x, const TapList<T, Parts>& taps, T* out, int64_t count) {
  for (int64_t i = 0; i < count; i += Parts) {
    T sum[2] = {0, 0};
    for (int64_t t = 0; t < taps.size(); ++t) {
      const T* from = x + taps.offsets[t] + i;
      if constexpr (Parts == 1) {
        sum[0] += taps.weights[t] * from[0];
      } else {
        sum[0] += taps.weights[2 * t] * from[0] - taps.weights[2 * t + 1] * from[1];
        sum[1] += taps.weights[2 * t] * from[1] + taps.weights[2 * t + 1] * from[0];
      }
    }
    for (int part = 0; part < Parts; ++part) out[i + part] = sum[part];
  }
}

// `count` numbers of outputs; all samples are there.
template <class T, int Parts>
void sum_taps(const T* x, const TapList<T, Parts>& taps, T* out, int64_t count) {
  constexpr int W = width<T>, R = 10 / Parts;
  if (count < W) return taps_one_by_one<T, Parts>(x, taps, out, count);
  // Equal blocks: in small ones additions wait for one another. The last overlaps with the one before.
  const int64_t vectors = ceil_div(count, W), blocks = ceil_div(vectors, R);
  for (int64_t b = 0; b < blocks; ++b) {
    int64_t begin = vectors * b / blocks * W, size = vectors * (b + 1) / blocks - vectors * b / blocks;
    if (begin + size * W > count) {
      if (begin == 0) {
        tap_blocks_of<T, Parts, 1>(1, x + count - W, taps, out + count - W);
        if (--size == 0) return;
      } else {
        begin = count - size * W;
      }
    }
    tap_blocks_of<T, Parts, R>(size, x + begin, taps, out + begin);
  }
}

// The taps that meet one row of outputs. Rows of outputs share what they can: neighbours the whole list,
// those with kernels of their own all but the weights.
template <class S, class T, int Parts>
class TapRows {
 public:
  TapRows(const Problem& problem, const S* rhs) : problem_(problem), rhs_(rhs) {}

  // For the outputs at `index` along the outer axes; `rhs` is where their kernel begins.
  void prepare(int64_t rhs, const int64_t* index) {
    Range ranges[kOuter];
    bool same = begin_ >= 0;
    for (int d = 0; d < kOuter; ++d) {
      ranges[d] = taps_inside(problem_.outer[d], index[d]);
      same = same && ranges[d].first == ranges_[d].first && ranges[d].last == ranges_[d].last;
    }
    if (same && rhs == begin_) return;
    begin_ = rhs;
    staged_pitch_ = -1;
    if (!same) {
      for (int d = 0; d < kOuter; ++d) ranges_[d] = ranges[d];
      find_rows();
      find_taps();
      place(list, 0);
    }
    list.weights.resize(taps_.size() * Parts);
    const S* kernel = rhs_ + begin_ * Parts;
    for (size_t t = 0; t < taps_.size(); ++t) {
      convert_few<Parts>(kernel + taps_[t].weight * Parts, list.weights.data() + t * Parts);
    }
  }

  // The list for copies of the rows that stand `pitch` numbers apart.
  const TapList<T, Parts>& staged(int64_t pitch) {
    if (pitch != staged_pitch_) {
      staged_pitch_ = pitch;
      place(staged_, pitch);
      staged_.weights = list.weights;
    }
    return staged_;
  }

  // Where the rows of samples begin, from the first window on, and those of taps, from `rhs` on.
  const std::vector<int64_t>& rows() const { return rows_; }
  const std::vector<int64_t>& kernels() const { return kernels_; }
  const S* kernel(size_t row) const { return rhs_ + (begin_ + kernels_[row]) * Parts; }
  TapList<T, Parts> list;

 private:
  struct Tap {
    int64_t row, offset, weight;
  };

  void find_rows() {
    rows_.clear();
    kernels_.clear();
    const Slide &first = problem_.outer[0], &second = problem_.outer[1];
    for (int64_t s = 0; s < problem_.count_sums(); ++s) {
      const Place term = term_of(problem_, s);
      for (int64_t a = ranges_[0].first; a < ranges_[0].last; ++a) {
        for (int64_t b = ranges_[1].first; b < ranges_[1].last; ++b) {
          rows_.push_back(term.lhs + a * first.dilation * first.lhs + b * second.dilation * second.lhs);
          kernels_.push_back(term.rhs + a * first.rhs + b * second.rhs);
        }
      }
    }
  }

  // Taps in runs first, if any meet samples one vector apart.
  void find_taps() {
    constexpr int Run = kRun<Parts>;
    const Slide& inner = problem_.inner;
    const int64_t vector = most(1, width<T> / Parts);
    const int64_t apart = vector % inner.dilation == 0 ? vector / inner.dilation : inner.k;
    taps_.clear();
    for (const bool runs : {true, false}) {
      for (int64_t row = 0; row < int64_t(rows_.size()); ++row) {
        for (int64_t begin = 0; begin < inner.k; begin += Run * apart) {
          for (int64_t tap = begin; tap < least(inner.k, begin + apart); ++tap) {
            if ((tap + (Run - 1) * apart < inner.k) != runs) continue;
            for (int64_t k = tap; k < least(inner.k, tap + Run * apart); k += apart) {
              taps_.push_back({row, k * inner.dilation * Parts, kernels_[row] + k});
            }
          }
        }
      }
      if (runs) list.in_runs = staged_.in_runs = taps_.size();
    }
  }

  void place(TapList<T, Parts>& into, int64_t pitch) const {
    into.offsets.resize(taps_.size());
    for (size_t t = 0; t < taps_.size(); ++t) {
      const int64_t row = pitch ? taps_[t].row * pitch : rows_[taps_[t].row] * Parts;
      into.offsets[t] = row + taps_[t].offset;
    }
  }

  const Problem& problem_;
  const S* rhs_;
  int64_t begin_ = -1, staged_pitch_ = -1;
  Range ranges_[kOuter] = {{-1, -1}, {-1, -1}};
  std::vector<int64_t> rows_, kernels_;
  std::vector<Tap> taps_;
  TapList<T, Parts> staged_;
};

// Outputs [begin, end) of a row whose first window starts at `row` - lo.
template <class S, class T, int Parts>
void tap_segment(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
                 int64_t begin, int64_t end, bool copied) {
  const Slide& inner = problem.inner;
  const int64_t count = end - begin;
  if (count <= 0) return;
  constexpr bool converts = sizeof(S) != sizeof(T);
  if constexpr (!converts) {
    if (!copied) {
      sum_taps<T, Parts>(reinterpret_cast<const T*>(lhs) + (row + begin - inner.lo) * Parts, taps.list,
                         reinterpret_cast<T*>(out) + begin * Parts, count * Parts);
      return;
    }
  }
  const int64_t length = (count + inner.span() - 1) * Parts;
  // Vectors may be read whole at the end of a row.
  const int64_t pitch = (length + 2 * width<T> + 15) / 16 * 16;
  T* rows = scratch<T>(0, pitch * taps.rows().size() + 64);
  for (size_t r = 0; r < taps.rows().size(); ++r) {
    T* copy = rows + r * pitch;
    window(lhs + (row + taps.rows()[r]) * Parts, inner.n * Parts, (begin - inner.lo) * Parts, length, copy);
    for (int64_t i = length; i < pitch; ++i) copy[i] = 0;
  }
  const TapList<T, Parts>* list = &taps.list;
  if (taps.rows().size() == 1) {
    // Only where the row begins is another.
    rows -= taps.rows()[0] * Parts;
  } else {
    list = &taps.staged(pitch);
  }
  // Whole vectors, of which the last may be of more than there is.
  const int64_t padded = (count * Parts + width<T> - 1) / width<T> * width<T>;
  if constexpr (!converts) {
    if (count * Parts >= width<T>) {
      sum_taps<T, Parts>(rows, *list, reinterpret_cast<T*>(out) + begin * Parts, count * Parts);
      return;
    }
  }
  T* sums = scratch<T>(1, padded + 64);
  sum_taps<T, Parts>(rows, *list, sums, padded);
  convert(sums, out + begin * Parts, count * Parts);
}

// Outputs [begin, end) of which each sums only what lies inside the signal.
template <class T>
void taps_at_edge(const Problem& problem, const T* row, const TapRows<T, T, 1>& taps, T* out, int64_t begin,
                  int64_t end) {
  const Slide& inner = problem.inner;
  for (int64_t i = begin; i < end; ++i) {
    const Range inside = taps_inside(inner, i);
    T sum = 0;
    for (size_t r = 0; r < taps.rows().size(); ++r) {
      const T *x = row + taps.rows()[r] + i - inner.lo, *weights = taps.kernel(r);
      for (int64_t k = inside.first; k < inside.last; ++k) sum += weights[k] * x[k * inner.dilation];
    }
    out[i] = sum;
  }
}

template <class S, class T, int Parts>
void tap_tile(const Problem& problem, const S* lhs, int64_t row, TapRows<S, T, Parts>& taps, S* out,
              int64_t begin, int64_t end) {
  const Slide& inner = problem.inner;
  // Whole windows have their first sample at i - lo >= 0 and their last below n.
  const int64_t first = most(begin, least(end, inner.lo));
  const int64_t last = most(first, least(end, inner.n + inner.lo - inner.span() + 1));
  const int64_t apart = first - begin + end - last;
  if constexpr (sizeof(S) == sizeof(T) && Parts == 1) {
    if (apart * taps.list.size() <= kFew) {
      taps_at_edge<T>(problem, reinterpret_cast<const T*>(lhs) + row, taps, out, begin, first);
      tap_segment<S, T, Parts>(problem, lhs, row, taps, out, first, last, false);
      taps_at_edge<T>(problem, reinterpret_cast<const T*>(lhs) + row, taps, out, last, end);
      return;
    }
  }
  const bool is_short = inner.m <= kShortRow && taps.rows().size() == 1;
  if (sizeof(S) != sizeof(T) || (apart && is_short)) {
    tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, end, true);
    return;
  }
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, begin, first, true);
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, first, last, false);
  tap_segment<S, T, Parts>(problem, lhs, row, taps, out, last, end, true);
}

// Half precision as it is read for a product.
template <class S, class T>
FILTRAX_INLINE Vec<T, width<T>> fetch(const S* from) {
  if constexpr (sizeof(S) == sizeof(T)) {
    return load<T>(reinterpret_cast<const T*>(from));
  } else {
    constexpr int W = width<T>;
    typedef Vec<uint32_t, W> Bits;
    const auto narrow = load<uint16_t, W>(&from->bits);
    return (Vec<T, W>)(__builtin_convertvector(narrow, Bits) << 16);
  }
}

// The same rounded, as it is stored.
template <class S, class T>
FILTRAX_INLINE void leave(S* to, Vec<T, width<T>> value) {
  constexpr int W = width<T>;
  if constexpr (sizeof(S) == sizeof(T)) {
    put<T, W>(reinterpret_cast<T*>(to), value);
  } else {
    typedef Vec<uint32_t, W> Bits;
    const Bits bits = (Bits)value, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const Bits kept = (bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded;
    put<uint16_t, W>(&to->bits, __builtin_convertvector(kept, Vec<uint16_t, W>));
  }
}

// Lanes side by side, each with taps of its own: R rows of outputs, whose samples stand `step` apart,
// by Q vectors. Neighbouring rows share the loads of taps.
template <class S, class T, int R, int Q>
FILTRAX_INLINE void lane_block(const S* x, int64_t step, const S* h, const std::vector<int64_t>& rows,
                               const std::vector<int64_t>& kernels, S* out, int64_t pitch) {
  constexpr int W = width<T>;
  typedef Vec<T, W> V;
  V sums[R * Q];
#pragma GCC unroll 8
  for (int r = 0; r < R * Q; ++r) sums[r] = V{};
  const int64_t count = rows.size();
  for (int64_t t = 0; t < count; ++t) {
    const S *samples = x + rows[t], *weights = h + kernels[t];
#pragma GCC unroll 2
    for (int q = 0; q < Q; ++q) {
      const V weight = fetch<S, T>(weights + q * W);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sums[r * Q + q] += weight * fetch<S, T>(samples + r * step + q * W);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int q = 0; q < Q; ++q) {
      leave<S, T>(out + r * pitch + q * W, sums[r * Q + q]);
    }
  }
}

template <class S, class T, int R>
void lane_rows(const S* x, int64_t step, const S* h, const std::vector<int64_t>& rows,
               const std::vector<int64_t>& kernels, S* out, int64_t pitch, int64_t count) {
  constexpr int W = width<T>;
  int64_t i = 0;
  for (; i + 2 * W <= count; i += 2 * W) {
    lane_block<S, T, R, 2>(x + i, step, h + i, rows, kernels, out + i, pitch);
  }
  for (; i + W <= count; i += W) lane_block<S, T, R, 1>(x + i, step, h + i, rows, kernels, out + i, pitch);
  for (; i < count; ++i) {
    for (int r = 0; r < R; ++r) {
      T sum = 0;
      for (size_t t = 0; t < rows.size(); ++t) {
        T sample, weight;
        convert(x + rows[t] + r * step + i, &sample, 1);
        convert(h + kernels[t] + i, &weight, 1);
        sum += weight * sample;
      }
      convert(&sum, out + r * pitch + i, 1);
    }
  }
}

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

// Rows [begin, end) of outputs along the last axis that is slid along, all lanes of each.
template <class S, class T>
void lane_tile(const Problem& problem, const S* lhs, const S* rhs, const Place& place, TapRows<S, T, 1>& taps, S* out,
               int64_t before, int64_t begin, int64_t end) {
  constexpr int R = 4;
  const int d = problem.outer[1].m > 1 ? 1 : 0;
  const Slide& axis = problem.outer[d];
  const int64_t step = axis.stride * axis.lhs;
  for (int64_t i = begin; i < end;) {
    int64_t index[kOuter] = {before, 0};
    index[d] = i;
    taps.prepare(place.rhs, index);
    const OuterRow row = outer_row(problem, place, index);
    const Range here = taps_inside(axis, i), there = taps_inside(axis, least(i + R, end) - 1);
    const bool together = i + R <= end && here.first == there.first && here.last == there.last;
    if (together) {
      lane_rows<S, T, R>(lhs + row.from, step, rhs + place.rhs, taps.rows(), taps.kernels(), out + row.out, axis.out, problem.lanes);
    } else {
      lane_rows<S, T, 1>(lhs + row.from, step, rhs + place.rhs, taps.rows(), taps.kernels(), out + row.out, axis.out, problem.lanes);
    }
    i += together ? R : 1;
  }
}

// Everything: rows and tiles are shared between threads.
template <class S, class T, int Parts>
void correlate_taps(const Pool& pool, const Problem& problem, const void* lhs_, const void* rhs_, void* out_) {
  const S* lhs = static_cast<const S*>(lhs_);
  const S* rhs = static_cast<const S*>(rhs_);
  S* out = static_cast<S*>(out_);
  const Slide &first = problem.outer[0], &second = problem.outer[1], &inner = problem.inner;
  const bool laned = problem.lanes > 1;
  // A tile is a stretch of a row or, of lanes, some rows.
  const int64_t along = !laned ? inner.m : second.m > 1 ? second.m : first.m;
  const int64_t tile = laned ? 16 : most(kLeast, kTile / problem.count_sums() / kLeast * kLeast);
  const int64_t tiles = ceil_div(along, tile), rows = laned ? (second.m > 1 ? first.m : 1) : first.m * second.m;
  const int64_t items = problem.count_cells() * tiles * rows;
  const double products = double(problem.count_cells()) * first.m * second.m * inner.m * problem.count_sums() *
                          first.k * second.k * inner.k;
  int64_t tasks = products < kShared ? 1 : least(items, 16 * pool.threads);
  tasks = least(tasks, most(1, int64_t(products / (kShared / 4))));
  share(pool, tasks, [&](int64_t task) {
    TapRows<S, T, Parts> taps(problem, rhs);
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; ++item) {
      const Place place = place_of(problem, item / rows / tiles);
      if (laned) {
        if constexpr (Parts == 1) {
          const int64_t begin = item % tiles * tile, end = least(begin + tile, along);
          lane_tile<S, T>(problem, lhs, rhs, place, taps, out, item / tiles % rows, begin, end);
        }
        continue;
      }
      const int64_t row = item % rows, begin = item / rows % tiles * tile;
      const int64_t end = least(begin + tile, along);
      const int64_t index[kOuter] = {row / second.m, row % second.m};
      taps.prepare(place.rhs, index);
      const OuterRow at = outer_row(problem, place, index);
      tap_tile<S, T, Parts>(problem, lhs, at.from, taps, out + at.out * Parts, begin, end);
    }
  });
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
