// What lies beyond the ends of arrays: copies with margins around them, each of whose samples repeats one inside, and
// the sums that go back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "pool.h"
#include "problem.h"

namespace filtrax {

enum Boundary : int64_t { kEdge = 0, kWrap = 1, kReflect = 2, kSymmetric = 3 };

// An axis of n samples with margins; where these are negative, samples are left out.
struct Margins {
  int64_t n, before, after, boundary;
  int64_t extended() const { return n + before + after; }
  // The sample that is repeated at this place of the extended axis, as in `_boundary.source_index`.
  int64_t source(int64_t place) const {
    const int64_t at = place - before;
    if (at >= 0 && at < n) return at;
    if (boundary == kEdge) return at < 0 ? 0 : n - 1;
    const int64_t period = boundary == kWrap ? n : boundary == kSymmetric ? 2 * n : n > 1 ? 2 * (n - 1) : 1;
    const int64_t within = ((at % period) + period) % period;
    if (within < n || boundary == kWrap) return within;
    return period - within - (boundary == kSymmetric);
  }
  // Places inside, on the extended axis.
  int64_t first() const { return most(before, 0); }
  int64_t last() const { return least(before + n, extended()); }
};
constexpr int kMarginAxes = 6;

// All axes, the last one along memory; behind it lie `items` numbers for each of its samples.
struct Extension {
  Margins axes[kMarginAxes];
  int64_t items;
};

// Bytes of a row that are done at once, and those that are worth another thread.
constexpr int64_t kRowPart = 1 << 16, kWorthThreads = 1 << 17;

// Rows of the last axis, in parts, shared between threads: `row(places, from, to)` with the number of the row along
// each other axis, and which samples of the axis.
template <class Row>
void share_rows(const Pool& pool, const int64_t* sizes, int64_t length, int64_t bytes, const Row& row) {
  int64_t rows = 1;
  for (int a = 0; a < kMarginAxes - 1; ++a) rows *= sizes[a];
  const int64_t parts = 1 + length * bytes / kRowPart, count = rows * parts;
  const int64_t tasks = rows * length * bytes < kWorthThreads ? 1 : least(count, 8 * pool.threads);
  share(pool, tasks, [&](int64_t task) {
    for (int64_t i = count * task / tasks; i < count * (task + 1) / tasks; ++i) {
      int64_t places[kMarginAxes - 1], number = i / parts;
      for (int a = kMarginAxes - 2; a >= 0; --a) {
        if (sizes[a] == 1) {
          places[a] = 0;
          continue;
        }
        places[a] = number % sizes[a];
        number /= sizes[a];
      }
      row(places, length * (i % parts) / parts, length * (i % parts + 1) / parts);
    }
  });
}

// The places beyond the ends of an axis, and the samples that they repeat.
struct Beyond {
  explicit Beyond(const Margins& axis) {
    for (int64_t place = 0; place < axis.extended(); ++place) {
      if (place == axis.first() && axis.last() > place) place = axis.last();
      if (place < axis.extended()) all.push_back({axis.source(place), place});
    }
  }
  struct Pair {
    int64_t sample, place;
  };
  // In the order of samples, so that those of some are found.
  void sort() {
    std::sort(all.begin(), all.end(), [](const Pair& a, const Pair& b) { return a.sample < b.sample; });
  }
  // Those that repeat samples [from, to).
  template <class Each>
  void of(int64_t from, int64_t to, const Each& each) const {
    const auto is_before = [](const Pair& pair, int64_t sample) { return pair.sample < sample; };
    auto pair = std::lower_bound(all.begin(), all.end(), from, is_before);
    for (; pair != all.end() && pair->sample < to; ++pair) each(*pair);
  }
  std::vector<Pair> all;
};

// The array with its margins.
template <class T>
void extend(const Pool& pool, const Extension& extension, const T* x, T* out) {
  const Margins& along = extension.axes[kMarginAxes - 1];
  const int64_t items = extension.items, length = along.extended();
  int64_t sizes[kMarginAxes - 1];
  for (int a = 0; a < kMarginAxes - 1; ++a) sizes[a] = extension.axes[a].extended();
  const Beyond beyond(along);
  share_rows(pool, sizes, length, items * sizeof(T), [&](const int64_t* places, int64_t from, int64_t to) {
    int64_t source = 0, target = 0;
    for (int a = 0; a < kMarginAxes - 1; ++a) {
      source = source * extension.axes[a].n + extension.axes[a].source(places[a]);
      target = target * sizes[a] + places[a];
    }
    const T* samples = x + source * along.n * items;
    T* into = out + target * length * items;
    const auto copy = [&](int64_t place, int64_t sample, int64_t count) {
      std::memcpy(static_cast<void*>(into + place * items), samples + sample * items, count * items * sizeof(T));
    };
    const int64_t left = most(from, along.first()), right = least(to, along.last());
    if (left < right) copy(left, left - along.before, right - left);
    for (const auto& [sample, place] : beyond.all) {
      if (place < from || place >= to) continue;
      if (items == 1) {
        into[place] = samples[sample];
      } else {
        copy(place, sample, 1);
      }
    }
  });
}

// The transpose: each sample gets the sum of all that repeat it. `Add` adds one number to another.
template <class T, class Add>
void fold(const Pool& pool, const Extension& extension, const T* y, T* out, const Add& add) {
  const Margins& along = extension.axes[kMarginAxes - 1];
  const int64_t items = extension.items, wide = along.extended();
  std::vector<Beyond> beyond;
  for (const Margins& axis : extension.axes) {
    beyond.emplace_back(axis);
    beyond.back().sort();
  }
  int64_t sizes[kMarginAxes - 1];
  for (int a = 0; a < kMarginAxes - 1; ++a) sizes[a] = extension.axes[a].n;
  share_rows(pool, sizes, along.n, items * sizeof(T), [&](const int64_t* places, int64_t from, int64_t to) {
    int64_t target = 0;
    for (int a = 0; a < kMarginAxes - 1; ++a) target = target * sizes[a] + places[a];
    T* into = out + target * along.n * items;
    bool begun = false;
    const auto clear = [&](T* row, int64_t begin, int64_t end) {
      std::memset(static_cast<void*>(row + begin * items), 0, (end - begin) * items * sizeof(T));
    };
    const auto meet = [&](int64_t row) {
      const T* samples = y + row * wide * items;
      // Those that lie inside, then those of the margins.
      const int64_t left = most(from, along.first() - along.before), right = least(to, along.last() - along.before);
      const T* inside = samples + along.before * items;
      if (!begun) {
        clear(into, from, to);
        if (left < right) {
          const int64_t count = (right - left) * items;
          std::memcpy(static_cast<void*>(into + left * items), inside + left * items, count * sizeof(T));
        }
        begun = true;
      } else {
        for (int64_t i = left * items; i < right * items; ++i) into[i] = add(into[i], inside[i]);
      }
      beyond.back().of(from, to, [&](const Beyond::Pair& pair) {
        for (int64_t i = 0; i < items; ++i) {
          T& sum = into[pair.sample * items + i];
          sum = add(sum, samples[pair.place * items + i]);
        }
      });
    };
    // Every row that repeats this one.
    const auto each = [&](const auto& self, int a, int64_t row) -> void {
      if (a == kMarginAxes - 1) return meet(row);
      const Margins& axis = extension.axes[a];
      const auto go_on = [&](int64_t place) { self(self, a + 1, row * axis.extended() + place); };
      const int64_t inside = places[a] + axis.before;
      if (inside >= axis.first() && inside < axis.last()) go_on(inside);
      beyond[a].of(places[a], places[a] + 1, [&](const Beyond::Pair& pair) { go_on(pair.place); });
    };
    each(each, 0, 0);
    if (!begun) clear(into, from, to);
  });
}

}  // namespace filtrax
