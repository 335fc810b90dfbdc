// Correlations of arrays with margins, which are made of a band of outputs at a time: while they are in the cache.
#pragma once

#include <cstdint>

#include "extend.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include "problem.h"

namespace filtrax {

// How outputs are cut into bands along one axis, behind which all of a band lies together.
struct Bands {
  // Arrays, their numbers of samples and of outputs.
  int64_t arrays, samples, outputs;
  // The axis of the extension that is cut, the bands of it, and places between their beginnings.
  int64_t axis, count, step;
  // Places that a band reads, and the last one; outputs of a band.
  int64_t length, last, written;
};

// The part of an extended array from one place of an axis on.
inline Extension part_of(Extension extension, int64_t axis, int64_t from, int64_t length) {
  Margins& cut = extension.axes[axis];
  cut.before -= from;
  cut.after = length - cut.n - cut.before;
  return extension;
}

// `problems`: of each band, and of the last one.
template <class T>
void correlate_bands(const Pool& pool, Correlate correlate, Algorithm algorithm, const Problem* problems,
                     const Extension& extension, const Bands& bands, int64_t bytes, const void* x, const void* h,
                     void* out) {
  const int64_t total = bands.arrays * bands.count, tasks = least(total, 8 * pool.threads);
  int64_t across = extension.items;
  for (int64_t a = 0; a < kMarginAxes; ++a) across *= a == bands.axis ? 1 : extension.axes[a].extended();
  const Pool alone{1, pool.start};
  share(pool, tasks, [&](int64_t task) {
    T* samples = scratch<T>(kOfBands, across * most(bands.length, bands.last));
    for (int64_t i = total * task / tasks; i < total * (task + 1) / tasks; ++i) {
      const int64_t array = i / bands.count, band = i % bands.count;
      const bool is_last = band == bands.count - 1;
      const Extension part = part_of(extension, bands.axis, band * bands.step, is_last ? bands.last : bands.length);
      extend<T>(alone, part, static_cast<const T*>(x) + array * bands.samples, samples);
      char* outputs = static_cast<char*>(out) + (array * bands.outputs + band * bands.written) * bytes;
      correlate(algorithm, alone, problems[is_last], 0, samples, h, outputs);
    }
  });
}

}  // namespace filtrax
