// Sharing turns of a loop between XLA's threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace filtrax {

// What the kernels know of the thread pool: how many threads, and how to start something there.
struct Pool {
  int64_t threads;
  std::function<void(std::function<void()>)> start;
};

// Calls `turn(number)` for every number below `count`, from several threads at once. What a turn throws,
// the caller throws.
//
// The caller takes turns itself, and waits only for helpers that have begun one: so it ends even
// where every thread of the pool is busy, for instance with callers like this one.
template <class Turn>
void share(const Pool& pool, int64_t count, const Turn& turn) {
  const int64_t helpers = (count < pool.threads ? count : pool.threads) - 1;
  if (helpers <= 0) {
    for (int64_t number = 0; number < count; ++number) turn(number);
    return;
  }
  struct State {
    std::atomic<int64_t> next{0};
    std::mutex mutex;
    std::condition_variable idle;
    int64_t working = 0;
    bool closed = false;
    std::exception_ptr failure;
  };
  auto state = std::make_shared<State>();
  const Turn* shared = &turn;
  auto work = [count, shared](State& s) {
    try {
      for (int64_t number; (number = s.next.fetch_add(1)) < count;) (*shared)(number);
    } catch (...) {
      std::lock_guard<std::mutex> lock(s.mutex);
      s.failure = std::current_exception();
      s.next = count;
    }
  };
  for (int64_t helper = 0; helper < helpers; ++helper) {
    pool.start([state, work] {
      {
        std::lock_guard<std::mutex> lock(state->mutex);
        if (state->closed) return;
        ++state->working;
      }
      work(*state);
      std::lock_guard<std::mutex> lock(state->mutex);
      if (--state->working == 0) state->idle.notify_all();
    });
  }
  work(*state);
  std::unique_lock<std::mutex> lock(state->mutex);
  state->closed = true;
  state->idle.wait(lock, [&] { return state->working == 0; });
  if (state->failure) std::rethrow_exception(state->failure);
}

}  // namespace filtrax
