// What each instruction set offers for each type of arrays: the same functions, built once for each of both.
#pragma once

#include "bfloat16.h"
#include "pool.h"
#include "problem.h"

namespace filtrax {

enum Algorithm : int64_t { kTaps = 0, kDots = 1, kFrames = 2, kWinograd = 3, kWinogradSums = 4 };

// How numbers are stored, in what they are computed, and of how many parts one is made.
template <class S, class T, int Parts>
struct Type {
  using Stored = S;
  using Computed = T;
  static constexpr int kParts = Parts;
};
using Float32 = Type<float, float, 1>;
using Float64 = Type<double, double, 1>;
using Complex64 = Type<float, float, 2>;
using Complex128 = Type<double, double, 2>;
using Bfloat16 = Type<BFloat16, float, 1>;
// Signed and unsigned integers wrap around alike.
using Int32 = Type<uint32_t, uint32_t, 1>;
using Int64 = Type<uint64_t, uint64_t, 1>;

// Of the arrays; `false` where the type has no such algorithm.
using Correlate = bool (*)(Algorithm, const Pool&, const Problem&, int64_t block, const void* lhs, const void* rhs,
                           void* out);

namespace basic {
template <class Type>
bool correlate(Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);
}
namespace avx2 {
template <class Type>
bool correlate(Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);
}
namespace avx512 {
template <class Type>
bool correlate(Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);
}

}  // namespace filtrax
