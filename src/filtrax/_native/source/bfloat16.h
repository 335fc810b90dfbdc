// Half precision: the upper half of single precision.
#pragma once

#include <cstdint>
#include <cstring>

namespace filtrax {

// It is stored, never computed with.
struct BFloat16 {
  uint16_t bits;
};

// Always inline: every instruction set has its own, of which none may serve another.
__attribute__((always_inline)) inline float widened(BFloat16 half) {
  const uint32_t bits = uint32_t{half.bits} << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
// To the nearest, ties to even.
__attribute__((always_inline)) inline BFloat16 rounded(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  // A NaN must not round to infinity.
  return {(bits & 0x7fffffff) > 0x7f800000 ? uint16_t((bits >> 16) | 0x40) : uint16_t(rounded)};
}

}  // namespace filtrax
