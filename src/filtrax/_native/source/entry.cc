// What XLA calls: reads the call, and hands it to the kernels for the machine's instruction set.
#include <cstring>
#include <new>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "bands.h"
#include "bfloat16.h"
#include "extend.h"
#include "kernels.h"
#include "memory.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

enum class Set { kNone, kBasic, kAvx2, kAvx512 };

// The best instruction set of the machine for which there are kernels.
Set set_of_machine() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    return Set::kAvx512;
  }
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Set::kAvx2 : Set::kNone;
#else
  return Set::kBasic;
#endif
}

template <class Type>
filtrax::Correlate kernels_of() {
  static const Set set = set_of_machine();
#if defined(__x86_64__)
  if (set == Set::kAvx512) return filtrax::avx512::correlate<Type>;
  if (set == Set::kAvx2) return filtrax::avx2::correlate<Type>;
#else
  if (set == Set::kBasic) return filtrax::basic::correlate<Type>;
#endif
  return nullptr;
}

filtrax::Correlate kernels(ffi::DataType dtype) {
  switch (dtype) {
    case ffi::DataType::F32:
      return kernels_of<filtrax::Float32>();
    case ffi::DataType::F64:
      return kernels_of<filtrax::Float64>();
    case ffi::DataType::C64:
      return kernels_of<filtrax::Complex64>();
    case ffi::DataType::C128:
      return kernels_of<filtrax::Complex128>();
    case ffi::DataType::BF16:
      return kernels_of<filtrax::Bfloat16>();
    case ffi::DataType::S32:
    case ffi::DataType::U32:
      return kernels_of<filtrax::Int32>();
    case ffi::DataType::S64:
    case ffi::DataType::U64:
      return kernels_of<filtrax::Int64>();
    default:
      return nullptr;
  }
}

filtrax::Pool pool_of(ffi::ThreadPool& threads) {
  return {threads.num_threads(), [&](std::function<void()> task) { threads.Schedule(std::move(task)); }};
}

// The numbers of a struct of integers; false where they are not as many.
template <class T>
bool read(ffi::Span<const int64_t> numbers, T& to) {
  if (numbers.size() * sizeof(int64_t) != sizeof(to)) return false;
  std::memcpy(&to, numbers.begin(), sizeof(to));
  return true;
}
ffi::Error another_version() { return ffi::Error::InvalidArgument("filtrax: the library is of another version"); }

// What takes memory of its own.
template <class Run>
ffi::Error where_memory_is(const Run& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "filtrax: no memory for temporary arrays");
  }
}

ffi::Error run(ffi::ThreadPool threads, ffi::AnyBuffer lhs, ffi::AnyBuffer rhs, ffi::Result<ffi::AnyBuffer> out,
               int64_t algorithm, int64_t block, ffi::Span<const int64_t> numbers) {
  filtrax::Problem problem;
  if (!read(numbers, problem)) return another_version();
  const filtrax::Pool pool = pool_of(threads);
  filtrax::in_large_pages(out->untyped_data(), out->size_bytes());
  return where_memory_is([&] {
    const filtrax::Correlate correlate = kernels(lhs.element_type());
    const bool served = correlate && correlate(static_cast<filtrax::Algorithm>(algorithm), pool, problem, block,
                                               lhs.untyped_data(), rhs.untyped_data(), out->untyped_data());
    return served ? ffi::Error::Success() : ffi::Error::InvalidArgument("filtrax: no kernels for this dtype");
  });
}

ffi::Error run_bands(ffi::ThreadPool threads, ffi::AnyBuffer x, ffi::AnyBuffer h, ffi::Result<ffi::AnyBuffer> out,
                     int64_t algorithm, ffi::Span<const int64_t> numbers, ffi::Span<const int64_t> margins,
                     ffi::Span<const int64_t> cut) {
  filtrax::Problem problems[2];
  filtrax::Extension extension;
  filtrax::Bands bands;
  if (!read(numbers, problems) || !read(margins, extension) || !read(cut, bands)) return another_version();
  const filtrax::Pool pool = pool_of(threads);
  filtrax::in_large_pages(out->untyped_data(), out->size_bytes());
  const filtrax::Correlate correlate = kernels(x.element_type());
  const int64_t bytes = ffi::ByteWidth(x.element_type());
  if (!correlate) return ffi::Error::InvalidArgument("filtrax: no kernels for this dtype");
  const auto run = [&](auto number) {
    // Numbers are copied as such of so many bytes.
    const int64_t parts = bytes / int64_t(sizeof(number));
    extension.items *= parts;
    bands.samples *= parts;
    filtrax::correlate_bands<decltype(number)>(pool, correlate, static_cast<filtrax::Algorithm>(algorithm), problems,
                                               extension, bands, bytes, x.untyped_data(), h.untyped_data(),
                                               out->untyped_data());
    return ffi::Error::Success();
  };
  return where_memory_is([&] {
    return bytes == 2 ? run(uint16_t{}) : bytes == 4 ? run(uint32_t{}) : run(uint64_t{});
  });
}

template <class T, class Add>
void extend_or_fold(const filtrax::Pool& pool, bool back, const filtrax::Extension& extension, const void* x, void* out,
                    const Add& add) {
  const T* from = static_cast<const T*>(x);
  back ? filtrax::fold<T>(pool, extension, from, static_cast<T*>(out), add)
       : filtrax::extend<T>(pool, extension, from, static_cast<T*>(out));
}

ffi::Error run_extend(ffi::ThreadPool threads, ffi::AnyBuffer x, ffi::Result<ffi::AnyBuffer> out, bool back,
                      ffi::Span<const int64_t> numbers) {
  filtrax::Extension extension;
  if (!read(numbers, extension)) return another_version();
  const filtrax::Pool pool = pool_of(threads);
  filtrax::in_large_pages(out->untyped_data(), out->size_bytes());
  const auto plus = [](auto a, auto b) { return a + b; };
  const auto run = [&](auto number, const auto& add) {
    extend_or_fold<decltype(number)>(pool, back, extension, x.untyped_data(), out->untyped_data(), add);
    return ffi::Error::Success();
  };
  return where_memory_is([&] {
    switch (x.element_type()) {
      case ffi::DataType::BF16:
        return run(filtrax::BFloat16{}, [](filtrax::BFloat16 a, filtrax::BFloat16 b) {
          return filtrax::rounded(filtrax::widened(a) + filtrax::widened(b));
        });
      case ffi::DataType::F32:
        return run(float{}, plus);
      case ffi::DataType::F64:
        return run(double{}, plus);
      case ffi::DataType::C64:
        extension.items *= 2;
        return run(float{}, plus);
      case ffi::DataType::C128:
        extension.items *= 2;
        return run(double{}, plus);
      case ffi::DataType::S32:
      case ffi::DataType::U32:
        return run(uint32_t{}, plus);
      case ffi::DataType::S64:
      case ffi::DataType::U64:
        return run(uint64_t{}, plus);
      default:
        return ffi::Error::InvalidArgument("filtrax: no margins for this dtype");
    }
  });
}

// Zen 4, which takes vectors of 64 bytes in two halves: the one AMD family that knows such vectors and does.
bool halves_vectors() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx) return false;
  __get_cpuid(1, &a, &b, &c, &d);
  return ((a >> 8) & 0xf) == 0xf && ((a >> 20) & 0xff) == 0xa;
#else
  return false;
#endif
}

}  // namespace

// What kernels there are for this machine: none, those of short vectors, those of long ones that its cores take in two
// halves, and those of long ones that they take whole.
extern "C" int filtrax_kernels() {
  const Set set = set_of_machine();
  if (set == Set::kNone) return 0;
  if (set != Set::kAvx512) return 1;
  return halves_vectors() ? 2 : 3;
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(filtrax_correlate, run,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<int64_t>("algorithm")
                                  .Attr<int64_t>("block")
                                  .Attr<ffi::Span<const int64_t>>("problem"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(filtrax_bands, run_bands,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<int64_t>("algorithm")
                                  .Attr<ffi::Span<const int64_t>>("problems")
                                  .Attr<ffi::Span<const int64_t>>("extension")
                                  .Attr<ffi::Span<const int64_t>>("bands"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(filtrax_extend, run_extend,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<bool>("back")
                                  .Attr<ffi::Span<const int64_t>>("extension"));
