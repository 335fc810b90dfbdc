// Overlap-save: the signal in frames, each transformed, multiplied and transformed back while it is
// in the cache. Sums over channels and over the other axes are taken of the spectra.
#pragma once

#include <algorithm>
#include <vector>

#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "taps.h"
#include "transform.h"

namespace filtrax {
namespace FILTRAX_SET {

// Neighbouring rows, sample by sample, that are read together: a line of the cache.
constexpr int64_t kPanel = 16;

// Pairs apart: even numbers to re, odd ones to im.
template <class T, size_t... L>
inline void unzip(const T* from, T* re, T* im, std::index_sequence<L...>) {
  constexpr int W = width<T>;
  const auto a = load<T>(from), b = load<T>(from + W);
  put<T, W>(re, __builtin_shufflevector(a, b, int(2 * L)...));
  put<T, W>(im, __builtin_shufflevector(a, b, int(2 * L + 1)...));
}
template <class T, size_t... L>
inline void zip(const T* re, const T* im, T* to, std::index_sequence<L...>) {
  constexpr int W = width<T>;
  const auto a = load<T>(re), b = load<T>(im);
  put<T, W>(to, __builtin_shufflevector(a, b, int(L / 2 + (L % 2) * W)...));
  put<T, W>(to + W, __builtin_shufflevector(a, b, int(W / 2 + L / 2 + (L % 2) * W)...));
}

template <class S, class T, int Parts>
class Framed {
 public:
  Framed(const Pool& pool, const Problem& problem, int64_t n, const S* lhs, const S* rhs, S* out)
      : pool_(pool), p_(problem), fft_(Transform<T>::of(n)), n_(n), frame_(Parts == 1 ? 2 * n : n),
        lhs_(lhs), rhs_(rhs), out_(out) {}

  void run() {
    const Slide& inner = p_.inner;
    short_ = inner.k > inner.m;
    hop_ = frame_ - (short_ ? inner.m : inner.k) + 1;
    hop_ = least(hop_, short_ ? inner.k : inner.m);
    frames_ = ceil_div(short_ ? inner.k : inner.m, hop_);
    const int64_t outer = p_.outer[0].m * p_.outer[1].m;
    const int64_t terms = p_.count_sums() * p_.outer[0].k * p_.outer[1].k;
    if (short_ && outer == 1) {
      sum_frames();
    } else if (!short_ && terms == 1 && outer == 1) {
      frame_by_frame();
    } else {
      row_by_row();
    }
  }

 private:
  const Pool& pool_;
  const Problem& p_;
  const Transform<T>& fft_;
  const int64_t n_, frame_;
  const S *lhs_, *rhs_;
  S* out_;
  bool short_ = false;
  int64_t hop_ = 0, frames_ = 0;

  // Of the inverse; `join` doubles.
  T scale() const { return T(1) / T(frame_); }

  // Signals or kernels that cells have; where the one of a number begins; and the number of a cell's.
  int64_t count_of(int64_t Cell::*step) const {
    int64_t count = 1;
    for (const Cell& cell : p_.cells) count *= cell.*step ? cell.size : 1;
    return count;
  }
  int64_t offset_of(int64_t number, int64_t Cell::*step) const {
    int64_t offset = 0;
    for (int d = kCells - 1; d >= 0; --d) {
      if (!(p_.cells[d].*step)) continue;
      offset += number % p_.cells[d].size * (p_.cells[d].*step);
      number /= p_.cells[d].size;
    }
    return offset;
  }
  int64_t row_of(int64_t cell, int64_t Cell::*step) const {
    int64_t row = 0, turns = 1;
    for (int d = kCells - 1; d >= 0; --d) {
      const int64_t at = cell % p_.cells[d].size;
      cell /= p_.cells[d].size;
      if (p_.cells[d].*step) row += at * turns, turns *= p_.cells[d].size;
    }
    return row;
  }

  // A row's samples [start, start + count), zero outside of [0, length), as a spectrum.
  void transformed(const S* row, int64_t length, int64_t start, int64_t count, T* to, bool conjugate) const {
    const bool whole = start >= 0 && start + count <= length && count == frame_ && sizeof(S) == sizeof(T);
    const T* numbers;
    if (whole) {
      numbers = reinterpret_cast<const T*>(row) + start * Parts;
    } else {
      T* copy = scratch<T>(0, 2 * n_);
      window(row, length * Parts, start * Parts, count * Parts, copy);
      std::memset(static_cast<void*>(copy + count * Parts), 0, (2 * n_ - count * Parts) * sizeof(T));
      numbers = copy;
    }
    transform(numbers, to, conjugate);
  }
  void transform(const T* numbers, T* to, bool conjugate) const {
    constexpr int W = width<T>;
    for (int64_t j = 0; j < n_; j += W) {
      unzip(numbers + 2 * j, to + j, to + n_ + j, std::make_index_sequence<W>{});
    }
    if (Parts == 2 && conjugate) {
      for (int64_t j = 0; j < n_; ++j) to[n_ + j] = -to[n_ + j];
    }
    fft_.forward(to, to + n_);
    if (Parts == 1) fft_.split(to, to + n_);
  }
  // The spectrum's first `count` samples, as numbers.
  void back(T* spectrum, T* numbers, int64_t count) const {
    constexpr int W = width<T>;
    if (Parts == 1) fft_.join(spectrum, spectrum + n_);
    fft_.inverse(spectrum, spectrum + n_);
    const int64_t pairs = ceil_div(count * Parts, 2);
    for (int64_t j = 0; j < pairs; j += W) {
      zip(spectrum + j, spectrum + n_ + j, numbers + 2 * j, std::make_index_sequence<W>{});
    }
  }
  void scaled(T* spectrum) const {
    const T factor = scale();
    for (int64_t j = 0; j < 2 * n_; ++j) spectrum[j] *= factor;
  }
  // Samples [0, count) of a spectrum to a row of the output.
  void store(T* spectrum, S* to, int64_t count) const {
    constexpr int W = width<T>;
    if constexpr (sizeof(S) == sizeof(T)) {
      // Whole vectors only, and the rest by a copy.
      const int64_t whole = count * Parts / (2 * W) * W;
      if (Parts == 1) fft_.join(spectrum, spectrum + n_);
      fft_.inverse(spectrum, spectrum + n_);
      T* numbers = reinterpret_cast<T*>(to);
      for (int64_t j = 0; j < whole; j += W) {
        zip(spectrum + j, spectrum + n_ + j, numbers + 2 * j, std::make_index_sequence<W>{});
      }
      if (2 * whole < count * Parts) {
        T rest[2 * W];
        zip(spectrum + whole, spectrum + n_ + whole, rest, std::make_index_sequence<W>{});
        std::memcpy(numbers + 2 * whole, rest, (count * Parts - 2 * whole) * sizeof(T));
      }
    } else {
      T* numbers = scratch<T>(0, 2 * n_);
      back(spectrum, numbers, count);
      convert(numbers, to, count * Parts);
    }
  }

  // Neighbouring rows whose samples lie `step` apart, as rows of numbers with zeros outside.
  void gather(const S* from, int64_t step, int64_t length, int64_t start, int64_t count, int64_t rows, T* to) const {
    for (int64_t t = 0; t < frame_; ++t) {
      const int64_t at = start + t;
      if (t >= count || at < 0 || at >= length) {
        for (int64_t r = 0; r < rows * Parts; ++r) to[r / Parts * 2 * n_ + t * Parts + r % Parts] = 0;
        continue;
      }
      T line[kPanel * Parts];
      convert(from + at * step * Parts, line, rows * Parts);
      for (int64_t r = 0; r < rows; ++r) {
        for (int part = 0; part < Parts; ++part) to[r * 2 * n_ + t * Parts + part] = line[r * Parts + part];
      }
    }
  }
  void scatter(const T* from, int64_t step, int64_t count, int64_t rows, S* to) const {
    for (int64_t t = 0; t < count; ++t) {
      T line[kPanel * Parts];
      for (int64_t r = 0; r < rows; ++r) {
        for (int part = 0; part < Parts; ++part) line[r * Parts + part] = from[r * 2 * n_ + t * Parts + part];
      }
      convert(line, to + t * step * Parts, rows * Parts);
    }
  }

  // One kernel, or each of a panel, as spectra that hold the scale of the inverse.
  void kernels(int64_t rhs, int64_t count, T* to) const {
    const Slide& inner = p_.inner;
    if (inner.rhs == 1) {
      transformed(rhs_ + rhs * Parts, inner.k, 0, inner.k, to, true);
      scaled(to);
      return;
    }
    T* rows = scratch<T>(1, kPanel * 2 * n_);
    gather(rhs_ + rhs * Parts, inner.rhs, inner.k, 0, inner.k, count, rows);
    for (int64_t r = 0; r < count; ++r) {
      transform(rows + r * 2 * n_, to + r * 2 * n_, true);
      scaled(to + r * 2 * n_);
    }
  }

  // One row of taps for each row of outputs: frames are independent of one another.
  void frame_by_frame() {
    const Slide& inner = p_.inner;
    const Cell& last = p_.cells[kCells - 1];
    const int64_t panel = inner.lhs > 1 ? least(kPanel, last.size) : 1;
    const int64_t groups = ceil_div(last.size, panel);
    const int64_t cells = p_.count_cells() / last.size * groups;
    // Kernels of their own are transformed where they are used.
    const int64_t kernels_count = count_of(&Cell::rhs);
    const bool own = kernels_count == p_.count_cells() && kernels_count >= 4 * pool_.threads;
    std::vector<T> shared;
    if (!own) {
      // Each distinct kernel once.
      shared.resize(kernels_count * 2 * n_ + 64);
      share(pool_, kernels_count, [&](int64_t number) {
        kernels(offset_of(number, &Cell::rhs), 1, shared.data() + number * 2 * n_);
      });
    }
    const int64_t units = own ? cells : cells * frames_;
    const int64_t tasks = least(units, 64 * pool_.threads);
    share(pool_, tasks, [&](int64_t task) {
      T* spectrum = scratch<T>(2, 2 * n_ + 64);
      T* rows = panel > 1 ? scratch<T>(3, kPanel * 2 * n_ + 64) : nullptr;
      T* own_kernels = own ? scratch<T>(4, panel * 2 * n_ + 64) : nullptr;
      for (int64_t unit = units * task / tasks; unit < units * (task + 1) / tasks; ++unit) {
        const int64_t group = own ? unit : unit / frames_;
        const int64_t cell = group / groups * last.size + group % groups * panel;
        const int64_t count = least(panel, last.size - group % groups * panel);
        const Place place = place_of(p_, cell);
        if (own) kernels(place.rhs, count, own_kernels);
        for (int64_t f = own ? 0 : unit % frames_; f < (own ? frames_ : unit % frames_ + 1); ++f) {
          const int64_t start = f * hop_ - inner.lo, outputs = least(hop_, inner.m - f * hop_);
          // No more samples than the outputs need.
          const int64_t used = least(frame_, outputs + inner.k - 1);
          S* to = out_ + (place.out + f * hop_ * inner.out) * Parts;
          if (panel == 1) {
            transformed(lhs_ + place.lhs * Parts, inner.n, start, used, spectrum, false);
            const T* kernel = own ? own_kernels : shared.data() + row_of(cell, &Cell::rhs) * 2 * n_;
            correlate_spectra<T, false, Parts == 1>(spectrum, kernel, spectrum, n_);
            store(spectrum, to, outputs);
            continue;
          }
          gather(lhs_ + place.lhs * Parts, inner.lhs, inner.n, start, used, count, rows);
          for (int64_t r = 0; r < count; ++r) {
            const T* kernel = own ? own_kernels + r * 2 * n_ : shared.data() + row_of(cell + r, &Cell::rhs) * 2 * n_;
            transform(rows + r * 2 * n_, spectrum, false);
            correlate_spectra<T, false, Parts == 1>(spectrum, kernel, spectrum, n_);
            back(spectrum, rows + r * 2 * n_, outputs);
          }
          scatter(rows, inner.out, outputs, count, to);
        }
      }
    });
  }

  // One row of few outputs for each cell: products of spectra are summed over rows and frames.
  void sum_frames() {
    const Slide& inner = p_.inner;
    const Slide &first = p_.outer[0], &second = p_.outer[1];
    const Cell& last_cell = p_.cells[kCells - 1];
    const Sum& last_sum = p_.sums[kSums - 1];
    const bool strided = inner.lhs > 1;
    const bool summed = strided && last_sum.size > 1 && last_sum.lhs == 1;
    const int64_t panel = strided ? least(kPanel, summed ? last_sum.size : last_cell.size) : 1;
    const int64_t wide = !strided ? 1 : summed ? last_sum.size : last_cell.size;
    const int64_t groups = ceil_div(wide, panel);
    // Rows of a cell, a panel at a time, and their frames.
    const int64_t cells = strided && !summed ? p_.count_cells() / wide * groups : p_.count_cells();
    const int64_t sums = summed ? p_.count_sums() / wide * groups : p_.count_sums();
    const int64_t pieces = sums * first.k * second.k * frames_;
    const int64_t wanted = 4 * pool_.threads;
    const int64_t splits = cells >= wanted ? 1 : least(pieces, ceil_div(wanted, cells));
    const int64_t each = (strided && !summed ? panel : 1) * 2 * n_;
    std::vector<T> partial(splits > 1 ? cells * splits * each + 64 : 0);
    auto finish = [&](int64_t cell, T* spectra) {
      const int64_t at = strided && !summed ? cell / groups * wide + cell % groups * panel : cell;
      const int64_t count = strided && !summed ? least(panel, wide - cell % groups * panel) : 1;
      const Place place = place_of(p_, at);
      T* numbers = scratch<T>(4, kPanel * 2 * n_ + 64);
      for (int64_t r = 0; r < count; ++r) {
        scaled(spectra + r * 2 * n_);
        back(spectra + r * 2 * n_, numbers + r * 2 * n_, inner.m);
      }
      scatter(numbers, inner.out, inner.m, count, out_ + place.out * Parts);
    };
    const int64_t units = cells * splits;
    const int64_t tasks = least(units, 64 * pool_.threads);
    share(pool_, tasks, [&](int64_t task) {
      T* x = scratch<T>(2, 2 * n_ + 64);
      T* y = scratch<T>(3, 2 * n_ + 64);
      T* own = splits > 1 ? nullptr : scratch<T>(5, each + 64);
      std::vector<T> panels(panel > 1 ? 2 * kPanel * 2 * n_ : 0);
      for (int64_t unit = units * task / tasks; unit < units * (task + 1) / tasks; ++unit) {
        const int64_t cell = unit / splits, split = unit % splits;
        const int64_t at = strided && !summed ? cell / groups * wide + cell % groups * panel : cell;
        const Place place = place_of(p_, at);
        T* totals = splits > 1 ? partial.data() + unit * each : own;
        std::memset(static_cast<void*>(totals), 0, each * sizeof(T));
        for (int64_t piece = pieces * split / splits; piece < pieces * (split + 1) / splits; ++piece) {
          const int64_t f = piece % frames_, b = piece / frames_ % second.k;
          const int64_t a = piece / frames_ / second.k % first.k, s = piece / frames_ / second.k / first.k;
          const int64_t na = first.dilation * a - first.lo, nb = second.dilation * b - second.lo;
          if (na < 0 || na >= first.n || nb < 0 || nb >= second.n) continue;
          const Place term = term_of(p_, summed ? s / groups * wide + s % groups * panel : s);
          const int64_t begin = f * hop_, taps = least(hop_, inner.k - begin);
          const S* lhs = lhs_ + (place.lhs + term.lhs + na * first.lhs + nb * second.lhs) * Parts;
          const S* rhs = rhs_ + (place.rhs + term.rhs + a * first.rhs + b * second.rhs + begin * inner.rhs) * Parts;
          const int64_t start = begin - inner.lo, used = least(frame_, taps + inner.m - 1);
          if (!strided) {
            transformed(lhs, inner.n, start, used, x, false);
            transformed(rhs, taps, 0, taps, y, true);
            correlate_spectra<T, true, Parts == 1>(x, y, totals, n_);
            continue;
          }
          const int64_t group = summed ? s % groups : cell % groups;
          const int64_t count = least(panel, wide - group * panel);
          T *xs = panels.data(), *ys = xs + kPanel * 2 * n_;
          gather(lhs, inner.lhs, inner.n, start, used, count, xs);
          gather(rhs, inner.rhs, taps, 0, taps, count, ys);
          for (int64_t r = 0; r < count; ++r) {
            transform(xs + r * 2 * n_, x, false);
            transform(ys + r * 2 * n_, y, true);
            correlate_spectra<T, true, Parts == 1>(x, y, totals + (summed ? 0 : r * 2 * n_), n_);
          }
        }
        if (splits == 1) finish(cell, totals);
      }
    });
    if (splits == 1) return;
    share(pool_, cells, [&](int64_t cell) {
      T* totals = partial.data() + cell * splits * each;
      for (int64_t split = 1; split < splits; ++split) {
        for (int64_t j = 0; j < each; ++j) totals[j] += totals[split * each + j];
      }
      finish(cell, totals);
    });
  }

  // Several rows of taps or of outputs: the spectra of a frame of all rows, then sums of products.
  void row_by_row() {
    const Slide& inner = p_.inner;
    const Slide &first = p_.outer[0], &second = p_.outer[1];
    const int64_t cells = p_.count_cells(), sums = p_.count_sums();
    const int64_t left = count_of(&Cell::lhs), right = count_of(&Cell::rhs);
    const int64_t signals = sums * first.n * second.n, kernels = sums * first.k * second.k;
    const int64_t outputs = first.m * second.m;
    std::vector<T> xs(left * signals * 2 * n_ + 64), hs(right * kernels * 2 * n_ + 64);
    std::vector<T> ys(short_ ? cells * outputs * 2 * n_ + 64 : 0);
    for (int64_t f = 0; f < frames_; ++f) {
      const int64_t begin = f * hop_, start = begin - inner.lo;
      const int64_t taps = short_ ? least(hop_, inner.k - begin) : inner.k;
      const int64_t results = short_ ? inner.m : least(hop_, inner.m - begin);
      const int64_t used = least(frame_, taps + results - 1);
      auto each = [&](int64_t count, int64_t tasks, auto turn) {
        tasks = least(count, tasks);
        share(pool_, tasks, [&](int64_t task) {
          for (int64_t i = count * task / tasks; i < count * (task + 1) / tasks; ++i) turn(i);
        });
      };
      const int64_t tasks = 32 * pool_.threads;
      each(left * signals, tasks, [&](int64_t number) {
        const int64_t b = number % second.n, a = number / second.n % first.n;
        const int64_t s = number / second.n / first.n % sums, cell = number / signals;
        const int64_t at = offset_of(cell, &Cell::lhs) + term_of(p_, s).lhs + a * first.lhs + b * second.lhs;
        transformed(lhs_ + at * Parts, inner.n, start, used, xs.data() + number * 2 * n_, false);
      });
      if (f == 0 || short_) {
        each(right * kernels, tasks, [&](int64_t number) {
          const int64_t b = number % second.k, a = number / second.k % first.k;
          const int64_t s = number / second.k / first.k % sums, cell = number / kernels;
          const int64_t at = offset_of(cell, &Cell::rhs) + term_of(p_, s).rhs + a * first.rhs + b * second.rhs;
          T* to = hs.data() + number * 2 * n_;
          transformed(rhs_ + (at + (short_ ? begin : 0)) * Parts, taps, 0, taps, to, true);
          scaled(to);
        });
      }
      each(cells * outputs, tasks, [&](int64_t number) {
        const int64_t b = number % second.m, a = number / second.m % first.m, cell = number / outputs;
        T* total = short_ ? ys.data() + number * 2 * n_ : scratch<T>(2, 2 * n_ + 64);
        if (!short_ || f == 0) std::memset(static_cast<void*>(total), 0, 2 * n_ * sizeof(T));
        const Range as = taps_inside(first, a), bs = taps_inside(second, b);
        const T* x = xs.data() + row_of(cell, &Cell::lhs) * signals * 2 * n_;
        const T* h = hs.data() + row_of(cell, &Cell::rhs) * kernels * 2 * n_;
        std::vector<const T*> left_rows, right_rows;
        for (int64_t s = 0; s < sums; ++s) {
          for (int64_t ka = as.first; ka < as.last; ++ka) {
            const int64_t na = first.stride * a + first.dilation * ka - first.lo;
            for (int64_t kb = bs.first; kb < bs.last; ++kb) {
              const int64_t nb = second.stride * b + second.dilation * kb - second.lo;
              left_rows.push_back(x + ((s * first.n + na) * second.n + nb) * 2 * n_);
              right_rows.push_back(h + ((s * first.k + ka) * second.k + kb) * 2 * n_);
            }
          }
        }
        accumulate(left_rows, right_rows, total);
        if (short_ && f + 1 < frames_) return;
        const Place place = place_of(p_, cell);
        const int64_t at = place.out + a * first.out + b * second.out + (short_ ? 0 : begin);
        store(total, out_ + at * Parts, results);
      });
    }
  }

  void accumulate(const std::vector<const T*>& xs, const std::vector<const T*>& hs, T* total) const {
    constexpr int W = width<T>, Together = 4;
    typedef Vec<T, W> V;
    const int64_t count = xs.size();
    T dc = total[0], middle = total[n_];
    for (int64_t t = 0; t < count; ++t) dc += xs[t][0] * hs[t][0], middle += xs[t][n_] * hs[t][n_];
    int64_t t = 0;
    for (; t + Together <= count; t += Together) {
      for (int64_t j = 0; j < n_; j += W) {
        V re = load<T>(total + j), im = load<T>(total + n_ + j);
#pragma GCC unroll 4
        for (int r = 0; r < Together; ++r) {
          const T *x = xs[t + r] + j, *h = hs[t + r] + j;
          const V xr = load<T>(x), xi = load<T>(x + n_), hr = load<T>(h), hi = load<T>(h + n_);
          re += xr * hr + xi * hi;
          im += xi * hr - xr * hi;
        }
        put<T, W>(total + j, re);
        put<T, W>(total + n_ + j, im);
      }
    }
    for (; t < count; ++t) correlate_spectra<T, true, false>(xs[t], hs[t], total, n_);
    if (Parts == 1) total[0] = dc, total[n_] = middle;
  }
};

template <class S, class T, int Parts>
void correlate_frames(const Pool& pool, const Problem& problem, int64_t n, const void* lhs, const void* rhs, void* out) {
  Framed<S, T, Parts>(pool, problem, n, static_cast<const S*>(lhs), static_cast<const S*>(rhs), static_cast<S*>(out)).run();
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
