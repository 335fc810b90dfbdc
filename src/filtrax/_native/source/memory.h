// Memory for temporary arrays.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace filtrax {

// Asks for large pages where memory that will be written is not there yet: the system hands out pages
// one by one, at the first touch, and thousands of small ones take longer than the sums written to them.
inline void in_large_pages(void* memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kPage = 1 << 21;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / kPage * kPage;
  // A wish: where it is not granted nothing changes.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};
// Numbers that begin a line of the cache, not initialised.
template <class T>
using Buffer = std::unique_ptr<T[], Freed>;
template <class T>
inline Buffer<T> buffer(int64_t count) {
  const size_t bytes = (count * sizeof(T) + 127) / 64 * 64;
  void* memory = std::aligned_alloc(64, bytes);
  if (!memory) throw std::bad_alloc();
  in_large_pages(memory, bytes);
  return Buffer<T>(static_cast<T*>(memory));
}

// What a thread keeps between calls, so that it need not be allocated and paged in anew; the last for bands, in which
// kernels run that use the others.
constexpr int kScratches = 7, kOfBands = 6;
template <class T>
T* scratch(int which, int64_t count) {
  struct Store {
    Buffer<char> memory[kScratches];
    int64_t bytes[kScratches] = {};
  };
  static thread_local Store store;
  const int64_t wanted = count * sizeof(T);
  if (store.bytes[which] < wanted) {
    store.bytes[which] = 0;
    store.memory[which] = buffer<char>(wanted);
    store.bytes[which] = wanted;
  }
  return reinterpret_cast<T*>(store.memory[which].get());
}

// The same, but for so much that a thread had better give it back.
template <class T>
class Temporary {
 public:
  Temporary(int which, int64_t count)
      : own_(count * int64_t(sizeof(T)) > kKept ? buffer<T>(count) : nullptr),
        memory_(own_ ? own_.get() : scratch<T>(which, count)) {}
  T* get() const { return memory_; }

 private:
  static constexpr int64_t kKept = 1 << 26;
  Buffer<T> own_;
  T* memory_;
};

}  // namespace filtrax
