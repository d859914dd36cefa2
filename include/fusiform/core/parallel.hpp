#pragma once
/// Parallel loops whose results do not depend on the number of threads: work is cut into the same pieces always,
/// and a sum over pieces is taken in their order by the caller.

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scalar.hpp>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace fusiform {

/// Threads that parallel loops use. Without OpenMP always 1.
[[nodiscard]] inline int thread_count() noexcept {
#ifdef _OPENMP
  return omp_in_parallel() != 0 ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets the number of threads for loops started from this thread.
inline void set_thread_count([[maybe_unused]] int threads) noexcept {
#ifdef _OPENMP
  omp_set_num_threads(std::max(1, threads));
#endif
}

/// The calling thread's number inside a parallel loop, 0 outside.
[[nodiscard]] inline int thread_index() noexcept {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/// Calls body(i) for 0 <= i < count, on all threads; a loop inside a loop runs on its own thread only.
/// Iterations must not depend on each other. If some throw, the exception of the lowest i is rethrown after the loop,
/// as one thread would; iterations behind it may have run or not.
template <class Body>
void parallel_for(Index count, const Body& body) {
  if (count <= 1 || thread_count() == 1) {
    for (Index i = 0; i < count; ++i) body(i);
    return;
  }
  std::exception_ptr failure;
  std::mutex failure_lock;
  std::atomic<Index> failed_at{count};
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1)
#endif
  for (Index i = 0; i < count; ++i) {
    if (i > failed_at.load(std::memory_order_relaxed)) continue;
    try {
      body(i);
    } catch (...) {
      const std::lock_guard lock(failure_lock);
      if (i < failed_at.load(std::memory_order_relaxed)) {
        failed_at.store(i, std::memory_order_relaxed);
        failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
}

/// Calls body(begin, end) for consecutive pieces of `grain` elements that together cover 0..count.
/// For elementwise work: `grain` large enough to pay for a thread, the cut independent of the thread count.
template <class Body>
void parallel_ranges(Index count, Index grain, const Body& body) {
  const Index pieces = divide_up(count, grain);
  parallel_for(pieces, [&](Index piece) { body(piece * grain, std::min(count, (piece + 1) * grain)); });
}

}  // namespace fusiform
