// Signals whose samples stand apart, with zeros between them: each phase of the outputs is a problem of its own, in
// which taps that would only meet zeros are left out.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "problem.h"

namespace filtrax {

struct Phases {
  struct Phase {
    Problem problem;
    int64_t rhs, out;
  };
  std::vector<Phase> problems;
  // Whether there are outputs that meet zeros only.
  bool leave_out = false;

  explicit Phases(const Problem& problem) : problems{{problem, 0, 0}} {
    for (int axis = 0; axis < kOuter + 1; ++axis) {
      if (of(problem, axis).base == 1) continue;
      std::vector<Phase> found;
      for (const Phase& each : problems) divide(each, axis, found);
      problems.swap(found);
    }
  }

 private:
  static const Slide& of(const Problem& problem, int axis) {
    return axis < kOuter ? problem.outer[axis] : problem.inner;
  }

  void divide(const Phase& whole, int axis, std::vector<Phase>& found) {
    const Slide& slide = of(whole.problem, axis);
    // Outputs `base` apart meet every `step`-th tap.
    const int64_t step = slide.base / std::gcd(slide.base, slide.dilation);
    for (int64_t i = 0; i < least(slide.base, slide.m); ++i) {
      int64_t tap = 0;
      const auto begin = [&] { return slide.stride * i + slide.dilation * tap - slide.lo; };
      while (tap < step && begin() % slide.base != 0) ++tap;
      if (tap == step || tap >= slide.k) {
        leave_out = true;
        continue;
      }
      Phase phase = whole;
      Slide& part = axis < kOuter ? phase.problem.outer[axis] : phase.problem.inner;
      part.base = 1;
      part.m = ceil_div(slide.m - i, slide.base);
      part.k = ceil_div(slide.k - tap, step);
      part.lo = -begin() / slide.base;
      part.dilation = slide.dilation * step / slide.base;
      part.rhs = slide.rhs * step;
      part.out = slide.out * slide.base;
      phase.rhs += tap * slide.rhs;
      phase.out += i * slide.out;
      found.push_back(phase);
    }
  }
};

}  // namespace filtrax
