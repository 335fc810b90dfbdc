// Overlap-save: the signal in frames, each transformed, multiplied and transformed back while it is
// in the cache. Sums over channels and over the other axes are taken of the spectra.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "memory.h"
#include "pool.h"
#include "problem.h"
#include "simd.h"
#include "spectral_panels.h"
#include "taps.h"
#include "transform.h"

namespace filtrax {
namespace FILTRAX_SET {

// Neighbouring rows, sample by sample, that are read together: a line of the cache.
constexpr int64_t kPanel = 16;
// Rows of outputs whose sums are taken together, and of those the neighbours whose sums share what they read.
constexpr int64_t kTogether = 8, kQuad = 4;
// From so many frames for each thread on, each takes frames of its own, if spectra take no more bytes.
constexpr int64_t kApart = 4, kNear = 1 << 18;
// Bytes of spectra of rows that are met before others.
constexpr int64_t kNearRows = 1 << 21;
// The same of a bank, of one vector of frequencies and of all, but at least of so many rows.
constexpr int64_t kVectorNear = 1 << 18, kBankNear = 1 << 23, kFewestRows = 8;
// Kernels of a bank at least, products of spectra for each transform of a signal or result, and bytes that each of the
// signals, or terms, takes at most: large images go row by row.
constexpr int64_t kFewestKernels = 3, kFewestProducts = 4, kMostOfPair = 1 << 25;

// Rows that outputs along an axis meet, zeros among them.
inline int64_t reach(const Slide& axis) { return (axis.m - 1) * axis.stride + axis.span(); }

// Spectra of signals and results for each signal, or of signals and kernels for each term if outputs are few.
inline int64_t spectra_of_pair(const Problem& p) {
  const Slide &first = p.outer[0], &second = p.outer[1];
  const bool is_short = p.inner.k > p.inner.m;
  const int64_t met = reach(first) * reach(second), kernels = count_among(p, is_of_kernels);
  return is_short ? count_among(p, is_of_signals) * met + kernels * first.k * second.k
                  : p.count_sums() * met + kernels * first.m * second.m;
}

// Whether every signal, or frame, meets every kernel, and so many do that their spectra are matrices.
inline bool is_bank_of_spectra(const Problem& p, int64_t frames, int64_t bytes) {
  const Slide &first = p.outer[0], &second = p.outer[1];
  const int64_t signals = count_among(p, is_of_signals) * first.m * second.m * (p.inner.k > p.inner.m ? 1 : frames);
  const int64_t kernels = count_among(p, is_of_kernels), sums = p.count_sums();
  return p.inner.lhs == 1 && signals > 1 && kernels >= kFewestKernels &&
         sums * first.k * second.k * kernels >= kFewestProducts * (sums + kernels) &&
         spectra_of_pair(p) * bytes <= kMostOfPair;
}

template <class S, class T, int Parts>
class Framed {
 public:
  Framed(const Pool& pool, const Problem& problem, int64_t n, const S* lhs, const S* rhs, S* out)
      : pool_(pool), p_(problem), fft_(Transform<T>::of(n)), n_(n), room_(fft_.room), frame_(Parts == 1 ? 2 * n : n),
        lhs_(lhs), rhs_(rhs), out_(out) {}

  void run() {
    const Slide& inner = p_.inner;
    short_ = inner.k > inner.m;
    hop_ = frame_ - (short_ ? inner.m : inner.k) + 1;
    hop_ = least(hop_, short_ ? inner.k : inner.m);
    frames_ = ceil_div(short_ ? inner.k : inner.m, hop_);
    const int64_t outer = p_.outer[0].m * p_.outer[1].m;
    // Few outputs of rows that no other cell has; what several cells have is transformed once.
    const bool alone = p_.count_cells() == most(p_.count_of(&Cell::lhs), p_.count_of(&Cell::rhs));
    if (is_bank_of_spectra(p_, frames_, room_ * int64_t(sizeof(T)))) {
      bank();
    } else if (short_ && outer == 1 && (alone || inner.lhs > 1)) {
      sum_frames();
    } else if (!short_ && p_.count_sums() == 1 && p_.is_of_rows()) {
      frame_by_frame();
    } else {
      row_by_row();
    }
  }

 private:
  const Pool& pool_;
  const Problem& p_;
  const Transform<T>& fft_;
  // Complex samples of a transform, room for its spectrum, and samples of a frame.
  const int64_t n_, room_, frame_;
  const S *lhs_, *rhs_;
  S* out_;
  bool short_ = false;
  int64_t hop_ = 0, frames_ = 0;
  const Pool* inside_ = nullptr;

  // Where there are fewer turns than threads, which then share the long transforms inside of each.
  void within(int64_t turns) {
    inside_ = turns < pool_.threads && n_ >= 8 * kChunk ? &pool_ : nullptr;
  }

  // Of the inverse; `join` doubles.
  T scale() const { return T(1) / T(frame_); }

  // A row's samples [start, start + count), zero outside of [0, length), as a spectrum.
  void transformed(const S* row, int64_t length, int64_t start, int64_t count, T* to, bool conjugate) const {
    spread(row, length, start, count, to, conjugate);
    if (Parts == 1) fft_.split(to, inside_);
  }
  void spectrum_of(const T* numbers, T* to, bool conjugate) const {
    transform(numbers, to, conjugate);
    if (Parts == 1) fft_.split(to, inside_);
  }
  // A row's taps, of which the next lies in memory before or behind, as a spectrum that a signal's is multiplied by.
  void kernel(const S* taps, int64_t count, T* to) const {
    if (p_.inner.rhs == 1) return transformed(taps, count, 0, count, to, true);
    T* copy = scratch<T>(0, room_);
    convert_samples<Parts>(taps, p_.inner.rhs, copy, 1, count);
    transform(copy, 0, count * Parts, to, true);
    if (Parts == 1) fft_.split(to, inside_);
  }
  // The same of real samples before the two spectra of their transform are split.
  void spread(const S* row, int64_t length, int64_t start, int64_t count, T* to, bool conjugate) const {
    const int64_t begin = most(0, -start) * Parts, end = most(0, least(count, length - start)) * Parts;
    if constexpr (sizeof(S) == sizeof(T)) {
      transform(reinterpret_cast<const T*>(row) + start * Parts, begin, end, to, conjugate);
    } else {
      T* copy = scratch<T>(0, room_);
      if (begin < end) convert(row + start * Parts + begin, copy + begin, end - begin);
      transform(copy, begin, end, to, conjugate);
    }
  }
  // Of numbers from `begin` to `end`, and zeros around them.
  void transform(const T* numbers, int64_t begin, int64_t end, T* to, bool conjugate) const {
    if (Parts == 2 && conjugate) {
      fft_.forward(Numbers<T, true>{numbers, begin, end}, to, inside_);
    } else {
      fft_.forward(Numbers<T, false>{numbers, begin, end}, to, inside_);
    }
  }
  void transform(const T* numbers, T* to, bool conjugate) const {
    transform(numbers, 0, 2 * n_, to, conjugate);
  }
  // A spectrum's first `count` samples, as numbers.
  void back(T* spectrum, T* numbers, int64_t count) const {
    if (Parts == 1) fft_.join(spectrum, inside_);
    untransform(spectrum, numbers, count);
  }
  void untransform(T* spectrum, T* numbers, int64_t count) const {
    fft_.inverse(spectrum, Places<T>{numbers, count * Parts}, inside_);
  }
  // What `spread` or `transform` has made, filtered, and as joined spectra again.
  void filter(T* spectrum, const T* kernel) const {
    if (Parts == 1) {
      fft_.filter(spectrum, kernel, inside_);
    } else {
      each_chunk(inside_, n_, [&](int64_t begin, int64_t end) {
        correlate_spectra<T, false, false>(spectrum, kernel, spectrum, fft_.half, begin, end);
      });
    }
  }
  void scaled(T* spectrum) const {
    const T factor = scale();
    for (int64_t j = 0; j < room_; ++j) spectrum[j] *= factor;
  }
  // Samples [0, count) of a spectrum to a row of the output.
  void store(T* spectrum, S* to, int64_t count) const {
    if (Parts == 1) fft_.join(spectrum, inside_);
    write(spectrum, to, count);
  }
  void write(T* spectrum, S* to, int64_t count) const {
    if (sizeof(S) == sizeof(T) && p_.inner.out == 1) {
      untransform(spectrum, reinterpret_cast<T*>(to), count);
    } else {
      T* numbers = scratch<T>(0, room_);
      untransform(spectrum, numbers, count);
      convert_samples<Parts>(numbers, 1, to, p_.inner.out, count);
    }
  }

  // Neighbouring rows whose samples lie `step` apart, as rows of numbers with zeros outside.
  void gather(const S* from, int64_t step, int64_t length, int64_t start, int64_t count, int64_t rows, T* to) const {
    const int64_t begin = least(frame_, most(0, -start)), end = most(begin, least(count, length - start));
    for (int64_t r = 0; r < rows; ++r) {
      T* row = to + r * room_;
      std::memset(static_cast<void*>(row), 0, begin * Parts * sizeof(T));
      std::memset(static_cast<void*>(row + end * Parts), 0, (frame_ - end) * Parts * sizeof(T));
    }
    turned<true>(from + (start + begin) * step * Parts, step, end - begin, rows, to + begin * Parts);
  }
  void scatter(const T* from, int64_t step, int64_t count, int64_t rows, S* to) const {
    turned<false>(to, step, count, rows, from);
  }
  // Between lines of memory, a sample of each row, and rows of numbers: squares of them in registers,
  // the rest one by one.
  template <bool In, class Lines, class Rows>
  void turned(Lines* lines, int64_t step, int64_t count, int64_t rows, Rows* to) const {
    int64_t done = 0;
    if constexpr (Parts == 1 && sizeof(S) == sizeof(T)) {
      constexpr int L = Transform<T>::L;
      done = rows / L * L;
      for (int64_t t = 0; t < count; t += L) {
        const int64_t here = least(L, count - t);
        for (int64_t r = 0; r < done; r += L) {
          if (here < L) {
            singly<In>(lines + t * step + r, step, here, L, to + r * room_ + t);
            continue;
          }
          Vec<T, L> square[L];
#pragma GCC unroll 8
          for (int l = 0; l < L; ++l) {
            if constexpr (In) square[l] = load<T, L>(lines + (t + l) * step + r);
            else square[l] = load<T, L>(to + (r + l) * room_ + t);
          }
          transpose<T, L>(square);
#pragma GCC unroll 8
          for (int l = 0; l < L; ++l) {
            if constexpr (In) put<T, L>(to + (r + l) * room_ + t, square[l]);
            else put<T, L>(lines + (t + l) * step + r, square[l]);
          }
        }
      }
    }
    if (done < rows) singly<In>(lines + done * Parts, step, count, rows - done, to + done * room_);
  }
  template <bool In, class Lines, class Rows>
  void singly(Lines* lines, int64_t step, int64_t count, int64_t rows, Rows* to) const {
    for (int64_t t = 0; t < count; ++t) {
      for (int64_t r = 0; r < rows; ++r) {
        if constexpr (In) convert(lines + (t * step + r) * Parts, to + r * room_ + t * Parts, Parts);
        else convert(to + r * room_ + t * Parts, lines + (t * step + r) * Parts, Parts);
      }
    }
  }

  // One kernel, or each of a panel, as spectra that hold the scale of the inverse.
  void kernels(int64_t rhs, int64_t count, T* to) const {
    const Slide& inner = p_.inner;
    if (inner.rhs == 1 || inner.rhs == -1) {
      kernel(rhs_ + rhs * Parts, inner.k, to);
      scaled(to);
      return;
    }
    T* rows = scratch<T>(1, kPanel * room_);
    gather(rhs_ + rhs * Parts, inner.rhs, inner.k, 0, inner.k, count, rows);
    for (int64_t r = 0; r < count; ++r) {
      spectrum_of(rows + r * room_, to + r * room_, true);
      scaled(to + r * room_);
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
    const int64_t kernels_count = p_.count_of(&Cell::rhs);
    const bool own = kernels_count == p_.count_cells() && kernels_count >= 4 * pool_.threads;
    const int64_t units = own ? cells : cells * frames_;
    within(units);
    Buffer<T> shared;
    if (!own) {
      // Each distinct kernel once.
      shared = buffer<T>(kernels_count * room_);
      each(inside_ ? nullptr : &pool_, kernels_count, [&](int64_t number) {
        kernels(p_.offset_of(number, &Cell::rhs), 1, shared.get() + number * room_);
      });
    }
    const int64_t tasks = inside_ ? 1 : least(units, 64 * pool_.threads);
    share(pool_, tasks, [&](int64_t task) {
      T* spectrum = scratch<T>(2, room_);
      T* rows = panel > 1 ? scratch<T>(3, kPanel * room_) : nullptr;
      T* own_kernels = own ? scratch<T>(4, panel * room_) : nullptr;
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
            spread(lhs_ + place.lhs * Parts, inner.n, start, used, spectrum, false);
            filter(spectrum, own ? own_kernels : shared.get() + p_.row_of(cell, &Cell::rhs) * room_);
            write(spectrum, to, outputs);
            continue;
          }
          gather(lhs_ + place.lhs * Parts, inner.lhs, inner.n, start, used, count, rows);
          for (int64_t r = 0; r < count; ++r) {
            const int64_t number = own ? r : p_.row_of(cell + r, &Cell::rhs);
            transform(rows + r * room_, spectrum, false);
            filter(spectrum, (own ? own_kernels : shared.get()) + number * room_);
            untransform(spectrum, rows + r * room_, outputs);
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
    const int64_t size = (strided && !summed ? panel : 1) * room_;
    within(cells * splits);
    const Buffer<T> partial = buffer<T>(splits > 1 ? cells * splits * size : 0);
    auto finish = [&](int64_t cell, T* spectra) {
      const int64_t at = strided && !summed ? cell / groups * wide + cell % groups * panel : cell;
      const int64_t count = strided && !summed ? least(panel, wide - cell % groups * panel) : 1;
      const Place place = place_of(p_, at);
      T* numbers = scratch<T>(4, kPanel * room_);
      for (int64_t r = 0; r < count; ++r) {
        scaled(spectra + r * room_);
        back(spectra + r * room_, numbers + r * room_, inner.m);
      }
      scatter(numbers, inner.out, inner.m, count, out_ + place.out * Parts);
    };
    const int64_t units = cells * splits;
    const int64_t tasks = inside_ ? 1 : least(units, 64 * pool_.threads);
    share(pool_, tasks, [&](int64_t task) {
      T* x = scratch<T>(2, room_);
      T* y = scratch<T>(3, room_);
      T* own = splits > 1 ? nullptr : scratch<T>(5, size + 64);
      const Buffer<T> panels = buffer<T>(panel > 1 ? 2 * kPanel * room_ : 0);
      for (int64_t unit = units * task / tasks; unit < units * (task + 1) / tasks; ++unit) {
        const int64_t cell = unit / splits, split = unit % splits;
        const int64_t at = strided && !summed ? cell / groups * wide + cell % groups * panel : cell;
        const Place place = place_of(p_, at);
        T* totals = splits > 1 ? partial.get() + unit * size : own;
        std::memset(static_cast<void*>(totals), 0, size * sizeof(T));
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
            kernel(rhs, taps, y);
            correlate_spectra<T, true, Parts == 1>(x, y, totals, fft_.half, 0, n_);
            continue;
          }
          const int64_t group = summed ? s % groups : cell % groups;
          const int64_t count = least(panel, wide - group * panel);
          T *xs = panels.get(), *ys = xs + kPanel * room_;
          gather(lhs, inner.lhs, inner.n, start, used, count, xs);
          gather(rhs, inner.rhs, taps, 0, taps, count, ys);
          for (int64_t r = 0; r < count; ++r) {
            spectrum_of(xs + r * room_, x, false);
            spectrum_of(ys + r * room_, y, true);
            correlate_spectra<T, true, Parts == 1>(x, y, totals + (summed ? 0 : r * room_), fft_.half, 0, n_);
          }
        }
        if (splits == 1) finish(cell, totals);
      }
    });
    if (splits == 1) return;
    each(inside_ ? nullptr : &pool_, cells, [&](int64_t cell) {
      T* totals = partial.get() + cell * splits * size;
      for (int64_t split = 1; split < splits; ++split) {
        for (int64_t j = 0; j < size; ++j) totals[j] += totals[split * size + j];
      }
      finish(cell, totals);
    });
  }

  // Turns of which there are many, some to a task.
  template <class Turn>
  static void every(const Pool& pool, int64_t count, const Turn& turn) {
    const int64_t tasks = least(count, 32 * pool.threads);
    share(pool, tasks, [&](int64_t task) {
      for (int64_t i = count * task / tasks; i < count * (task + 1) / tasks; ++i) turn(i);
    });
  }
  // Taps that a frame meets.
  int64_t taps_of(int64_t f) const { return short_ ? least(hop_, p_.inner.k - f * hop_) : p_.inner.k; }

  // Several rows of taps or of outputs: the spectra of a frame of all rows, then sums of products.
  void row_by_row() {
    const Slide& inner = p_.inner;
    const Slide &first = p_.outer[0], &second = p_.outer[1];
    const int64_t cells = p_.count_cells(), sums = p_.count_sums();
    const int64_t left = p_.count_of(&Cell::lhs), right = p_.count_of(&Cell::rhs);
    const int64_t outputs = first.m * second.m;
    // Where products wait in spectra of the outputs, the spectra of some terms are made and met before the next.
    const int64_t of_term = left * first.n * second.n + right * first.k * second.k;
    const int64_t some = !short_ ? sums : most(1, least(sums, kNearRows / int64_t(sizeof(T)) / (of_term * room_)));
    const int64_t signals = some * first.n * second.n, kernels = some * first.k * second.k;
    const Buffer<T> hs = buffer<T>(right * kernels * room_);
    const Buffer<T> ys = buffer<T>(short_ ? cells * outputs * room_ : 0);
    auto prepare = [&](int64_t f, int64_t term, int64_t number) {
      const int64_t b = number % second.k, a = number / second.k % first.k;
      const int64_t s = term + number / second.k / first.k % some, cell = number / kernels;
      if (s >= sums) return;
      const int64_t at = p_.offset_of(cell, &Cell::rhs) + term_of(p_, s).rhs + a * first.rhs + b * second.rhs;
      T* to = hs.get() + number * room_;
      kernel(rhs_ + (at + (short_ ? f * hop_ * inner.rhs : 0)) * Parts, taps_of(f), to);
      scaled(to);
    };
    // Of a frame, terms from one on.
    auto frame = [&](const Pool& pool, int64_t f, int64_t term, T* xs) {
      const int64_t terms = least(some, sums - term);
      const int64_t begin = f * hop_, start = begin - inner.lo;
      const int64_t results = short_ ? inner.m : least(hop_, inner.m - begin);
      const int64_t used = least(frame_, taps_of(f) + results - 1);
      every(pool, left * signals + (short_ ? right * kernels : 0), [&](int64_t number) {
        if (number >= left * signals) return prepare(f, term, number - left * signals);
        const int64_t b = number % second.n, a = number / second.n % first.n;
        const int64_t s = term + number / second.n / first.n % some, cell = number / signals;
        if (s >= sums) return;
        const int64_t at = p_.offset_of(cell, &Cell::lhs) + term_of(p_, s).lhs + a * first.lhs + b * second.lhs;
        transformed(lhs_ + at * Parts, inner.n, start, used, xs + number * room_, false);
      });
      every(pool, ceil_div(cells * outputs, kTogether), [&](int64_t group) {
        const int64_t from = group * kTogether, to = least(from + kTogether, cells * outputs);
        Sums sums_of[kTogether];
        const int64_t most_terms = terms * first.k * second.k;
        const T** pointers = scratch<const T*>(3, kTogether * 2 * most_terms);
        T* own = short_ ? nullptr : scratch<T>(2, kTogether * room_);
        for (int64_t number = from; number < to; ++number) {
          Sums& here = sums_of[number - from];
          here.xs = pointers + (number - from) * 2 * most_terms;
          here.hs = here.xs + most_terms;
          here.terms = 0;
          here.total = short_ ? ys.get() + number * room_ : own + (number - from) * room_;
          if (!short_ || f + term == 0) std::memset(static_cast<void*>(here.total), 0, room_ * sizeof(T));
          const int64_t b = number % second.m, a = number / second.m % first.m, cell = number / outputs;
          const Range as = taps_inside(first, a), bs = taps_inside(second, b);
          const T* x = xs + p_.row_of(cell, &Cell::lhs) * signals * room_;
          const T* h = hs.get() + p_.row_of(cell, &Cell::rhs) * kernels * room_;
          const auto meet = [&](bool all, Range aside, Range below) {
            for (int64_t s = 0; s < terms; ++s) {
              for (int64_t ka = as.first; ka < as.last; ++ka) {
                const int64_t na = first.stride * a + first.dilation * ka - first.lo;
                for (int64_t kb = bs.first; kb < bs.last; ++kb) {
                  const bool common = is_in(ka, aside) && is_in(kb, below);
                  if (common != all) continue;
                  const int64_t nb = second.stride * b + second.dilation * kb - second.lo;
                  here.xs[here.terms] = x + ((s * first.n + na) * second.n + nb) * room_;
                  here.hs[here.terms++] = h + ((s * first.k + ka) * second.k + kb) * room_;
                }
              }
            }
          };
          // What its neighbours meet, too, before the rest.
          const int64_t quad = from + (number - from) / kQuad * kQuad;
          Range aside = as, below = bs;
          for (int64_t other = quad; other < least(quad + kQuad, to); ++other) {
            aside = common_of(aside, taps_inside(first, other / second.m % first.m));
            below = common_of(below, taps_inside(second, other % second.m));
          }
          meet(true, aside, below);
          here.shared = here.terms;
          meet(false, aside, below);
        }
        accumulate(sums_of, to - from);
        if (short_ && (f + 1 < frames_ || term + terms < sums)) return;
        for (int64_t number = from; number < to; ++number) {
          const int64_t b = number % second.m, a = number / second.m % first.m;
          const Place place = place_of(p_, number / outputs);
          const int64_t at = place.out + a * first.out + b * second.out + (short_ ? 0 : begin * inner.out);
          store(sums_of[number - from].total, out_ + at * Parts, results);
        }
      });
    };
    if (!short_) every(pool_, right * kernels, [&](int64_t number) { prepare(0, 0, number); });
    // Threads work on frames of their own where there are enough, and else together on each.
    const int64_t size = left * signals * room_;
    const bool apart = !short_ && frames_ >= kApart * pool_.threads && size * int64_t(sizeof(T)) <= kNear;
    const Pool single{1, nullptr};
    std::atomic<int64_t> next{0};
    share(apart ? pool_ : single, apart ? pool_.threads : 1, [&](int64_t) {
      const Buffer<T> xs = buffer<T>(size);
      for (int64_t f; (f = next.fetch_add(1)) < frames_;) {
        for (int64_t term = 0; term < sums; term += some) frame(apart ? single : pool_, f, term, xs.get());
      }
    });
  }

  // Many signals, kernels and terms: matrices of spectra of some signals, or of some terms, at a time.
  void bank() {
    constexpr int64_t W = width<T>, kPair = 2 * W;
    const Slide& inner = p_.inner;
    const Slide &first = p_.outer[0], &second = p_.outer[1];
    const auto is_of_both = [](const Cell& cell) { return cell.lhs && cell.rhs; };
    const int64_t sets = count_among(p_, is_of_both);
    const int64_t count = count_among(p_, is_of_signals), kernels = count_among(p_, is_of_kernels);
    // With few outputs frames are terms, else signals of their own.
    const int64_t pairs = frames_ * (short_ ? p_.count_sums() : count);
    const int64_t outputs = first.m * second.m, taps = first.k * second.k;
    // Rows of a signal, with those of zeros around it.
    const int64_t below = reach(first), aside = reach(second), of_signal = below * aside;
    const int64_t fixed = short_ ? count : p_.count_sums();
    const int64_t bytes = sizeof(T), of_vector = fixed * of_signal * kPair * bytes;
    const int64_t near = least(kVectorNear / of_vector, kBankNear / (spectra_of_pair(p_) * room_ * bytes));
    const int64_t at_once = least(pairs, most(ceil_div(kFewestRows, outputs), near));
    const int64_t groups = short_ ? count : at_once, terms = short_ ? at_once : p_.count_sums();
    const int64_t vectors = n_ / W, signals = terms * groups * of_signal, blocks = ceil_div(kernels, kKernelsMet);
    const int64_t rows = groups * outputs, sums = terms * taps;
    const Buffer<T> xs = buffer<T>(vectors * signals * kPair);
    const Buffer<T> hs = buffer<T>(vectors * blocks * kKernelsMet * sums * kPair);
    const Buffer<T> ys = buffer<T>(rows * kernels * room_);
    // Places of rows of results, and of terms from there.
    std::vector<int64_t> row_at(rows), term_at(sums);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t b = row % second.m, a = row / second.m % first.m, group = row / outputs;
      row_at[row] = ((group * below + a * first.stride) * aside + b * second.stride) * kPair;
    }
    for (int64_t sum = 0; sum < sums; ++sum) {
      const int64_t b = sum % second.k, a = sum / second.k % first.k, term = sum / taps;
      term_at[sum] = ((term * groups * below + a * first.dilation) * aside + b * second.dilation) * kPair;
    }
    // A spectrum's vectors, each to its panel.
    const auto part = [&](const T* spectrum, T* to, int64_t apart) {
      for (int64_t v = 0; v < vectors; ++v, to += apart) {
        put<T, W>(to, load<T>(spectrum + v * W));
        put<T, W>(to + W, load<T>(spectrum + fft_.half + v * W));
      }
    };
    for (int64_t set = 0; set < sets; ++set) {
      const Place place = place_among(p_, set, is_of_both);
      // Rows of zeros stay so.
      if (of_signal > 1) std::memset(static_cast<void*>(xs.get()), 0, vectors * signals * kPair * bytes);
      for (int64_t pair = 0; pair < pairs; pair += at_once) {
        const int64_t here = least(at_once, pairs - pair);
        const int64_t terms_here = short_ ? here : terms, groups_here = short_ ? groups : here;
        const bool met = !short_ && pair > 0;
        const int64_t from_signals = terms_here * groups_here * first.n * second.n;
        every(pool_, from_signals + (met ? 0 : kernels * terms_here * taps), [&](int64_t number) {
          T* spectrum = scratch<T>(2, room_);
          if (number >= from_signals) {
            number -= from_signals;
            const int64_t b = number % second.k, a = number / second.k % first.k;
            const int64_t term = number / taps % terms_here, o = number / taps / terms_here;
            const int64_t s = short_ ? (pair + term) / frames_ : term, f = short_ ? (pair + term) % frames_ : 0;
            const int64_t from = place.rhs + place_among(p_, o, is_of_kernels).rhs;
            const int64_t at = from + term_of(p_, s).rhs + a * first.rhs + b * second.rhs;
            this->kernel(rhs_ + (at + f * hop_ * inner.rhs) * Parts, taps_of(f), spectrum);
            scaled(spectrum);
            const int64_t to = o / kKernelsMet * sums + (term * first.k + a) * second.k + b;
            part(spectrum, hs.get() + (to * kKernelsMet + o % kKernelsMet) * kPair,
                 blocks * kKernelsMet * sums * kPair);
            return;
          }
          const int64_t nb = number % second.n, na = number / second.n % first.n;
          const int64_t group = number / second.n / first.n % groups_here;
          const int64_t term = number / second.n / first.n / groups_here;
          const int64_t row = na + first.lo, column = nb + second.lo;
          if (row < 0 || row >= below || column < 0 || column >= aside) return;
          const int64_t index = pair + (short_ ? term : group), f = index % frames_;
          const int64_t s = short_ ? index / frames_ : term, signal = short_ ? group : index / frames_;
          const int64_t from = place.lhs + place_among(p_, signal, is_of_signals).lhs;
          const int64_t at = from + term_of(p_, s).lhs + na * first.lhs + nb * second.lhs;
          const int64_t begin = f * hop_, results = short_ ? inner.m : least(hop_, inner.m - begin);
          const int64_t used = least(frame_, taps_of(f) + results - 1);
          transformed(lhs_ + at * Parts, inner.n, begin - inner.lo, used, spectrum, false);
          part(spectrum, xs.get() + (((term * groups + group) * below + row) * aside + column) * kPair,
               signals * kPair);
        });
        // Neighbouring vectors of results share a line of the cache.
        const int64_t turns = ceil_div(vectors, 2);
        every(pool_, turns * blocks, [&](int64_t number) {
          const int64_t block = number % blocks, begin = number / blocks * 2;
          for (int64_t v = begin; v < least(begin + 2, vectors); ++v) {
            SpectralPanel<T> panel{xs.get() + v * signals * kPair, row_at.data(), term_at.data(), terms_here * taps,
                                   hs.get() + (v * blocks + block) * kKernelsMet * sums * kPair, kKernelsMet * kPair,
                                   ys.get() + block * kKernelsMet * room_ + v * W, kernels * room_, room_,
                                   fft_.half, short_ && pair > 0};
            meet_spectra<T>(panel, groups_here * outputs, least(kKernelsMet, kernels - block * kKernelsMet),
                            Parts == 1 && v == 0);
          }
        });
        if (short_ && pair + here < pairs) continue;
        every(pool_, groups_here * outputs * kernels, [&](int64_t number) {
          const int64_t o = number % kernels, row = number / kernels;
          const int64_t b = row % second.m, a = row / second.m % first.m, group = row / outputs;
          const int64_t signal = short_ ? group : (pair + group) / frames_;
          const int64_t begin = short_ ? 0 : (pair + group) % frames_ * hop_;
          const Place from = place_among(p_, signal, is_of_signals), of_kernel = place_among(p_, o, is_of_kernels);
          const int64_t of_row = a * first.out + b * second.out + begin * inner.out;
          const int64_t at = place.out + from.out + of_kernel.out + of_row;
          store(ys.get() + number * room_, out_ + at * Parts, short_ ? inner.m : least(hop_, inner.m - begin));
        });
      }
    }
  }

  static bool is_in(int64_t tap, Range range) { return range.first <= tap && tap < range.last; }
  static Range common_of(Range a, Range b) {
    const int64_t first = most(a.first, b.first);
    return {first, most(first, least(a.last, b.last))};
  }

  // The products of spectra that one row of outputs sums; so many first ones its neighbours may sum, too.
  struct Sums {
    const T **xs, **hs;
    int64_t terms, shared;
    T* total;
  };

  // Whether they are products of the same kernels with signals as far apart.
  static bool are_alike(const Sums& one, const Sums& other) {
    if (one.shared != other.shared || !std::equal(one.hs, one.hs + one.shared, other.hs)) return false;
    for (int64_t t = 1; t < one.shared; ++t) {
      if (other.xs[t] - one.xs[t] != other.xs[0] - one.xs[0]) return false;
    }
    return true;
  }

  // Products [from, to) of R rows that are alike, Q vectors of each from `j` on.
  template <int R, int Q>
  FILTRAX_INLINE void sum_products(const Sums* rows, int64_t from, int64_t to, int64_t j) const {
    constexpr int W = width<T>;
    typedef Vec<T, W> V;
    const int64_t half = fft_.half;
    if (from == to) return;
    int64_t apart[R];
    V re[R * Q], im[R * Q];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      apart[r] = rows[r].xs[from] - rows->xs[from];
#pragma GCC unroll 4
      for (int q = 0; q < Q; ++q) {
        re[r * Q + q] = load<T>(rows[r].total + j + q * W);
        im[r * Q + q] = load<T>(rows[r].total + half + j + q * W);
      }
    }
    const T *const *xs = rows->xs, *const *hs = rows->hs;
    for (int64_t t = from; t < to; ++t) {
      const T *x = xs[t] + j, *h = hs[t] + j;
#pragma GCC unroll 4
      for (int q = 0; q < Q; ++q) {
        const V hr = kept(load<T>(h + q * W)), hi = kept(load<T>(h + half + q * W));
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          const V xr = kept(load<T>(x + apart[r] + q * W)), xi = kept(load<T>(x + apart[r] + half + q * W));
          re[r * Q + q] += xr * hr;
          im[r * Q + q] += xi * hr;
          re[r * Q + q] += xi * hi;
          im[r * Q + q] -= xr * hi;
        }
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int q = 0; q < Q; ++q) {
        put<T, W>(rows[r].total + j + q * W, re[r * Q + q]);
        put<T, W>(rows[r].total + half + j + q * W, im[r * Q + q]);
      }
    }
  }

  // Neighbouring rows sum products of the same kernels, but at the edges. A line of the cache at a time: what all
  // rows of a group read of it stays near.
  void accumulate(const Sums* rows, int64_t count) const {
    constexpr int64_t W = width<T>, Q = kQuad, Line = Q * W;
    const int64_t half = fft_.half;
    T first[2 * kTogether];
    for (int64_t row = 0; row < count; ++row) {
      const Sums& r = rows[row];
      T dc = r.total[0], middle = r.total[half];
      for (int64_t t = 0; t < r.terms; ++t) {
        dc += r.xs[t][0] * r.hs[t][0];
        middle += r.xs[t][half] * r.hs[t][half];
      }
      first[2 * row] = dc;
      first[2 * row + 1] = middle;
    }
    bool alike[kTogether] = {};
    for (int64_t row = 0; row + Q <= count; row += Q) {
      alike[row] = true;
      for (int64_t other = 1; other < Q; ++other) alike[row] &= are_alike(rows[row], rows[row + other]);
    }
    for (int64_t begin = 0; begin < n_; begin += Line) {
      for (int64_t quad = 0; quad < count; quad += Q) {
        if (alike[quad]) {
          for (int64_t j = begin; j < begin + Line; j += W) sum_products<Q, 1>(&rows[quad], 0, rows[quad].shared, j);
        }
        for (int64_t row = quad; row < least(quad + Q, count); ++row) {
          sum_products<1, Q>(&rows[row], alike[quad] ? rows[row].shared : 0, rows[row].terms, begin);
        }
      }
    }
    if (Parts == 2) return;
    for (int64_t row = 0; row < count; ++row) {
      rows[row].total[0] = first[2 * row];
      rows[row].total[half] = first[2 * row + 1];
    }
  }
};

template <class S, class T, int Parts>
void correlate_frames(const Pool& pool, const Problem& problem, int64_t n, const S* lhs, const S* rhs, S* out) {
  Framed<S, T, Parts>(pool, problem, n, lhs, rhs, out).run();
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
