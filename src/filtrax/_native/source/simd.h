// Vectors in the compiler's own notation, as wide as the instruction set that a file is built for.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "bfloat16.h"

// Small functions on registers: left to the compiler, some became calls, with all they work on in memory.
#define FILTRAX_INLINE inline __attribute__((always_inline))

#ifdef __AVX512F__
#define FILTRAX_VECTOR 64
#elif defined(__AVX2__)
#define FILTRAX_VECTOR 32
#else
#define FILTRAX_VECTOR 16
#endif

namespace filtrax {
namespace FILTRAX_SET {

template <class T, int W>
struct Vectors {
  typedef T type __attribute__((vector_size(W * sizeof(T))));
  typedef T loose __attribute__((vector_size(W * sizeof(T)), aligned(sizeof(T)), may_alias));
};
template <class T, int W>
using Vec = typename Vectors<T, W>::type;

template <class T>
constexpr int width = FILTRAX_VECTOR / sizeof(T);
template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

template <class T, int W = width<T>>
FILTRAX_INLINE Vec<T, W> load(const T* from) {
  return *reinterpret_cast<const typename Vectors<T, W>::loose*>(from);
}
// Numbers that stand `Step` apart, of as many vectors; those behind the last are read, too.
template <int Step, int Next = 1, class T, size_t... L>
FILTRAX_INLINE Vec<T, width<T>> load_apart(const T* from, Vec<T, width<T>> found, std::index_sequence<L...> lanes) {
  constexpr int W = width<T>;
  if constexpr (Next == Step) {
    return found;
  } else {
    // Lanes of the vectors so far are in place from the second on.
    constexpr auto lane = [](int l) {
      const int at = Step * l - Next * W;
      return at >= 0 && at < W ? W + at : Next == 1 && at < 0 ? Step * l : l;
    };
    const auto more = __builtin_shufflevector(found, load<T>(from + Next * W), lane(int(L))...);
    return load_apart<Step, Next + 1>(from, more, lanes);
  }
}
template <int Step, class T>
FILTRAX_INLINE Vec<T, width<T>> load_apart(const T* from) {
  return load_apart<Step>(from, load<T>(from), std::make_index_sequence<width<T>>{});
}
template <class T, int W>
FILTRAX_INLINE void put(T* to, Vec<T, W> value) {
  *reinterpret_cast<typename Vectors<T, W>::loose*>(to) = value;
}
// The first numbers of a vector, if not all.
template <class T>
FILTRAX_INLINE void put_some(T* to, Vec<T, width<T>> value, int64_t count) {
  if (count >= width<T>) return put<T, width<T>>(to, value);
  if (count <= 0) return;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(to, __mmask16((1u << count) - 1), (__m512i)value);
  } else {
    _mm512_mask_storeu_epi64(to, __mmask8((1u << count) - 1), (__m512i)value);
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_maskstore_epi32(reinterpret_cast<int*>(to), _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count)), places),
                           (__m256i)value);
  } else {
    const __m256i places = _mm256_setr_epi64x(0, 1, 2, 3);
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(to), _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), places),
                           (__m256i)value);
  }
#else
  for (int64_t i = 0; i < count; ++i) to[i] = value[i];
#endif
}
// The numbers of a vector, to every second place.
template <class T, size_t... L>
FILTRAX_INLINE void put_to_every_second(T* to, Vec<T, width<T>> value, std::index_sequence<L...>) {
  constexpr int W = width<T>;
#if defined(__AVX512F__)
  const auto low = (__m512i)__builtin_shufflevector(value, value, int(L / 2)...);
  const auto high = (__m512i)__builtin_shufflevector(value, value, int((L + W) / 2)...);
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(to, __mmask16(0x5555), low);
    _mm512_mask_storeu_epi32(to + W, __mmask16(0x5555), high);
  } else {
    _mm512_mask_storeu_epi64(to, __mmask8(0x55), low);
    _mm512_mask_storeu_epi64(to + W, __mmask8(0x55), high);
  }
#else
  for (int l = 0; l < W; ++l) to[2 * l] = value[l];
#endif
}
template <class T>
FILTRAX_INLINE void put_to_every_second(T* to, Vec<T, width<T>> value) {
  put_to_every_second(to, value, std::make_index_sequence<width<T>>{});
}
// So many numbers of two vectors in turn.
template <class T, size_t... L>
FILTRAX_INLINE void put_in_turn(T* to, Vec<T, width<T>> a, Vec<T, width<T>> b, int64_t count,
                                std::index_sequence<L...>) {
  constexpr int W = width<T>;
  put_some<T>(to, __builtin_shufflevector(a, b, int(L / 2 + L % 2 * W)...), count);
  put_some<T>(to + W, __builtin_shufflevector(a, b, int((L + W) / 2 + L % 2 * W)...), count - W);
}
template <class T>
FILTRAX_INLINE void put_in_turn(T* to, Vec<T, width<T>> a, Vec<T, width<T>> b, int64_t count) {
  put_in_turn<T>(to, a, b, count, std::make_index_sequence<width<T>>{});
}
template <class T, int W = width<T>>
FILTRAX_INLINE Vec<T, W> splat(T value) {
  return value - Vec<T, W>{};
}

// Where a value is used more than once the compiler may read it anew each time, unless it is told to keep it.
template <class V>
FILTRAX_INLINE V kept(V value) {
#ifdef __AVX512F__
  asm("" : "+v"(value));
#elif defined(__SSE2__)
  asm("" : "+x"(value));
#endif
  return value;
}

template <class S, class T>
inline void convert(const S* from, T* to, int64_t count) {
  if constexpr (sizeof(S) == sizeof(T)) {
    std::memcpy(to, from, count * sizeof(T));
  } else if constexpr (sizeof(S) < sizeof(T)) {
    for (int64_t i = 0; i < count; ++i) to[i] = widened(from[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = rounded(from[i]);
  }
}

// Half precision as it is read for a product.
template <class S, class T>
FILTRAX_INLINE Vec<T, width<T>> fetch(const S* from) {
  if constexpr (sizeof(S) == sizeof(T)) {
    return load<T>(reinterpret_cast<const T*>(from));
  } else {
    constexpr int W = width<T>;
    typedef Vec<uint32_t, W> Bits;
    const auto narrow = load<uint16_t, W>(&from->bits);
    return (Vec<T, W>)(__builtin_convertvector(narrow, Bits) << 16);
  }
}

// A sum of such products rounded, as it is stored: a NaN among them is quiet and has no lower half that could
// carry, so it stays one.
template <class S, class T>
FILTRAX_INLINE void leave(S* to, Vec<T, width<T>> value) {
  constexpr int W = width<T>;
  if constexpr (sizeof(S) == sizeof(T)) {
    put<T, W>(reinterpret_cast<T*>(to), value);
  } else {
    typedef Vec<uint32_t, W> Bits;
    const Bits bits = (Bits)value, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    put<uint16_t, W>(&to->bits, __builtin_convertvector(rounded, Vec<uint16_t, W>));
  }
}

// The same of so few that they are sooner copied than called for.
template <int Count, class S, class T>
FILTRAX_INLINE void convert_few(const S* from, T* to) {
#pragma GCC unroll 4
  for (int i = 0; i < Count; ++i) {
    if constexpr (sizeof(S) == sizeof(T)) {
      std::memcpy(to + i, from + i, sizeof(T));
    } else {
      convert(from + i, to + i, 1);
    }
  }
}

// Samples of Parts numbers, each so many steps from the next.
template <int Parts, class S, class T>
inline void convert_samples(const S* from, int64_t step, T* to, int64_t to_step, int64_t count) {
  if (step == 1 && to_step == 1) return convert(from, to, count * Parts);
  for (int64_t i = 0; i < count; ++i) convert_few<Parts>(from + i * step * Parts, to + i * to_step * Parts);
}

// Samples [start, start + count) of a row of n samples, zero outside.
template <class S, class T>
inline void window(const S* row, int64_t n, int64_t start, int64_t count, T* to) {
  if (count <= 32) {
    // So few are sooner copied than called for.
    const int64_t first = start < 0 ? (-start < count ? -start : count) : 0;
    const int64_t end = n - start < count ? n - start : count, last = end < first ? first : end;
    for (int64_t i = 0; i < first; ++i) to[i] = T(0);
    for (int64_t i = first; i < last; ++i) convert_few<1>(row + start + i, to + i);
    for (int64_t i = last; i < count; ++i) to[i] = T(0);
    return;
  }
  const int64_t before = start < 0 ? (-start < count ? -start : count) : 0;
  int64_t inside = n - (start + before);
  inside = inside < 0 ? 0 : inside > count - before ? count - before : inside;
  std::memset(static_cast<void*>(to), 0, before * sizeof(T));
  if (inside) convert(row + start + before, to + before, inside);
  std::memset(static_cast<void*>(to + before + inside), 0, (count - before - inside) * sizeof(T));
}

}  // namespace FILTRAX_SET
}  // namespace filtrax
