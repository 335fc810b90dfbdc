// What XLA calls: reads the call, and hands it to the kernels for the machine's instruction set.
#include <cstring>
#include <new>

#include "kernels.h"
#include "memory.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

filtrax::Correlate kernels() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    return filtrax::avx512::correlate;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return filtrax::avx2::correlate;
#endif
  return filtrax::basic::correlate;
}

ffi::Error run(ffi::ThreadPool threads, ffi::AnyBuffer lhs, ffi::AnyBuffer rhs, ffi::Result<ffi::AnyBuffer> out,
               int64_t algorithm, int64_t block, ffi::Span<const int64_t> numbers) {
  static const filtrax::Correlate correlate = kernels();
  if (numbers.size() != filtrax::kNumbers) return ffi::Error::InvalidArgument("filtrax: the library is of another version");
  filtrax::Problem problem;
  std::memcpy(&problem, numbers.begin(), sizeof(problem));
  const filtrax::Pool pool{threads.num_threads(), [&](std::function<void()> task) { threads.Schedule(std::move(task)); }};
  filtrax::in_large_pages(out->untyped_data(), out->size_bytes());
  try {
    const bool served =
        correlate(static_cast<int>(lhs.element_type()), static_cast<filtrax::Algorithm>(algorithm), pool, problem,
                  block, lhs.untyped_data(), rhs.untyped_data(), out->untyped_data());
    return served ? ffi::Error::Success() : ffi::Error::InvalidArgument("filtrax: no kernels for this dtype");
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "filtrax: no memory for temporary arrays");
  }
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(filtrax_correlate, run,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<int64_t>("algorithm")
                                  .Attr<int64_t>("block")
                                  .Attr<ffi::Span<const int64_t>>("problem"));
