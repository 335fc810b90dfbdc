// What each instruction set offers: the same functions, built once for each.
#pragma once

#include "pool.h"
#include "problem.h"

namespace filtrax {

enum Algorithm : int64_t { kTaps = 0, kDots = 1, kFrames = 2, kWinograd = 3, kWinogradSums = 4 };

// Of the arrays, in XLA's own numbering of types; `false` for a type that is not served.
typedef bool (*Correlate)(int dtype, Algorithm algorithm, const Pool& pool, const Problem& problem,
                          int64_t block, const void* lhs, const void* rhs, void* out);

namespace basic {
bool correlate(int, Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);
}
namespace avx2 {
bool correlate(int, Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);
}
namespace avx512 {
bool correlate(int, Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);
}

}  // namespace filtrax
