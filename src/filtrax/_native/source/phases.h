// Signals whose samples stand apart, with zeros between them: each phase of the outputs is a problem of its own, in
// which taps that would only meet zeros are left out.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "problem.h"

namespace filtrax {

// Outputs `base` apart along an axis, from the one of this number on, which meet every `step`-th tap.
struct Turn {
  Turn(const Slide& axis, int64_t number) : step(axis.base / std::gcd(axis.base, axis.dilation)) {
    const auto begin = [&] { return axis.stride * number + axis.dilation * tap - axis.lo; };
    while (tap < step && begin() % axis.base != 0) ++tap;
    k = tap < step && tap < axis.k ? ceil_div(axis.k - tap, step) : 0;
    m = ceil_div(axis.m - number, axis.base);
    lo = -begin() / axis.base;
  }
  // The axis of these alone.
  Slide of(const Slide& axis) const {
    return {axis.n, k, m, lo, axis.stride, axis.dilation * step / axis.base, axis.lhs, axis.rhs * step,
            axis.out * axis.base, 1};
  }
  // From tap to tap, the first of them, how many there are, outputs, and samples before the first.
  int64_t step, tap = 0, k, m, lo;
};

// Whether outputs of all phases meet neighbours.
inline bool meets_neighbours(const Slide& axis) {
  return axis.base == 1 || (axis.stride == 1 && axis.dilation == std::gcd(axis.base, axis.dilation));
}

// An axis in the turns of its outputs, but for those that meet zeros only, and as one for all: an output of it meets
// the samples that any of these meets.
struct Turns {
  explicit Turns(const Slide& axis) : united(axis) {
    united.lo = united.k = united.m = 0;
    for (int64_t i = 0; i < least(axis.base, axis.m); ++i) {
      const Turn turn(axis, i);
      if (turn.k == 0) continue;
      united.lo = each.empty() ? turn.lo : most(united.lo, turn.lo);
      united.m = most(united.m, turn.m);
      each.push_back(turn);
      numbers.push_back(i);
    }
    if (each.empty()) return;
    for (const Turn& turn : each) united.k = most(united.k, ahead(turn) + turn.k);
    united = {axis.n, united.k, united.m, united.lo, axis.stride, each[0].of(axis).dilation, axis.lhs,
              axis.rhs * each[0].step, axis.out * axis.base, 1};
  }
  // The samples before the first that outputs of one meet.
  int64_t ahead(const Turn& turn) const { return united.lo - turn.lo; }

  Slide united;
  std::vector<Turn> each;
  std::vector<int64_t> numbers;
};

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
    const Turns turns(slide);
    leave_out |= int64_t(turns.each.size()) < least(slide.base, slide.m);
    for (size_t i = 0; i < turns.each.size(); ++i) {
      Phase phase = whole;
      Slide& part = axis < kOuter ? phase.problem.outer[axis] : phase.problem.inner;
      part = turns.each[i].of(slide);
      phase.rhs += turns.each[i].tap * slide.rhs;
      phase.out += turns.numbers[i] * slide.out;
      found.push_back(phase);
    }
  }
};

}  // namespace filtrax
