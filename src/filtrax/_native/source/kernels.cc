// Built once for each instruction set, named by FILTRAX_SET, and type, named by FILTRAX_TYPE.
#include "kernels.h"

#include "bank_sums.h"
#include "banks.h"
#include "channels.h"
#include "frames.h"
#include "images_in_place.h"
#include "images_in_place_sums.h"
#include "phases.h"
#include "short_row_sums.h"
#include "short_rows.h"
#include "sums.h"
#include "taps.h"
#include "winograd.h"

namespace filtrax {
namespace FILTRAX_SET {

template <class S, class T, int Parts>
void run(Algorithm algorithm, const Pool& pool, const Problem& problem, int64_t block, const S* lhs, const S* rhs,
         S* out) {
  if (algorithm == kFrames) {
    if constexpr (T(0.5) != T(0)) correlate_frames<S, T, Parts>(pool, problem, block, lhs, rhs, out);
    return;
  }
  if (algorithm == kTaps && are_short_rows<T, Parts>(problem)) {
    return correlate_short_rows<S, T, Parts>(pool, problem, lhs, rhs, out);
  }
  if constexpr (Parts == 1) {
    if constexpr (T(0.5) != T(0)) {
      if (algorithm == kWinograd || algorithm == kWinogradSums) {
        return correlate_winograd<S, T>(pool, problem, algorithm == kWinogradSums, lhs, rhs, out);
      }
    }
    if (algorithm == kDots && are_short_row_sums<T>(problem)) {
      return correlate_short_row_sums<S, T>(pool, problem, lhs, rhs, out);
    }
    if (algorithm == kTaps && is_across_channels<T>(problem)) {
      return correlate_across_channels<S, T>(pool, problem, lhs, rhs, out);
    }
    if (algorithm == kTaps && is_in_place<S, T>(problem)) {
      return correlate_in_place(pool, problem, reinterpret_cast<const T*>(lhs), reinterpret_cast<const T*>(rhs),
                                reinterpret_cast<T*>(out));
    }
    if (algorithm == kDots && is_sum_in_place<S, T>(problem)) {
      return sums_in_place(pool, problem, reinterpret_cast<const T*>(lhs), reinterpret_cast<const T*>(rhs),
                           reinterpret_cast<T*>(out));
    }
    if (algorithm == kTaps && is_bank<T>(problem)) return correlate_bank<S, T>(pool, problem, lhs, rhs, out);
    if (algorithm == kDots && is_bank_of_sums<T>(problem)) {
      return correlate_bank_sums<S, T>(pool, problem, lhs, rhs, out);
    }
  }
  algorithm == kTaps ? correlate_taps<S, T, Parts>(pool, problem, lhs, rhs, out)
                     : correlate_sums<S, T, Parts>(pool, problem, lhs, rhs, out);
}

template <class Type>
bool correlate(Algorithm algorithm, const Pool& pool, const Problem& problem, int64_t block, const void* lhs_,
               const void* rhs_, void* out_) {
  using S = typename Type::Stored;
  using T = typename Type::Computed;
  constexpr int Parts = Type::kParts;
  if (algorithm >= kFrames && T(0.5) == T(0)) return false;
  const Place start = start_of(problem);
  const S* lhs = static_cast<const S*>(lhs_);
  const S* rhs = static_cast<const S*>(rhs_) + start.rhs * Parts;
  S* out = static_cast<S*>(out_) + start.out * Parts;
  if constexpr (Parts == 1) {
    // All phases of outputs at once.
    if (algorithm == kTaps && (is_across_channels<T>(problem) || is_in_place<S, T>(problem))) {
      run<S, T, Parts>(algorithm, pool, problem, block, lhs, rhs, out);
      return true;
    }
  }
  const Phases phases(problem);
  if (phases.leave_out) std::memset(out_, 0, problem.count_outputs() * Parts * sizeof(S));
  if constexpr (Parts == 1) {
    if (algorithm == kTaps && phases.problems.size() > 1 && is_bank_of_phases<T>(problem)) {
      correlate_bank<S, T>(pool, problem, lhs, rhs, out);
      return true;
    }
  }
  for (const Phases::Phase& each : phases.problems) {
    run<S, T, Parts>(algorithm, pool, each.problem, block, lhs, rhs + each.rhs * Parts, out + each.out * Parts);
  }
  return true;
}

template bool correlate<FILTRAX_TYPE>(Algorithm, const Pool&, const Problem&, int64_t, const void*, const void*, void*);

}  // namespace FILTRAX_SET
}  // namespace filtrax
