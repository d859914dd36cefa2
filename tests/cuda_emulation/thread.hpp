#pragma once
/// One CUDA thread: a fiber, what it waits for, and what it has issued.

#include <cstdint>

#include "asynchronous.hpp"
#include "fiber.hpp"
#include "types.hpp"

namespace fusiform::cuda_emulation {

/// A place in a kernel's source. clang 14 has no std::source_location.
struct Where {
  const char* file = "";
  unsigned line = 0;

  /// As a default argument: where the function was called.
  static constexpr Where current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

struct Mbarrier;
struct Warp;

/// A thread goes on when *generation differs from `seen`.
struct Wait {
  const std::uint64_t* generation = nullptr;
  std::uint64_t seen = 0;
  const char* what = "";
  Where where{};
  const Mbarrier* mbarrier = nullptr;  ///< for the report
};

struct Thread {
  Fiber fiber;
  uint3 index{};
  unsigned number = 0;  ///< within the block
  Warp* warp = nullptr;
  Wait wait;
  bool done = false;
  AsynchronousGroups<SharedCopy> copies;
  AsynchronousGroups<BulkStore> stores;
  AsynchronousGroups<WarpgroupProduct> products;

  [[nodiscard]] unsigned lane() const { return number % 32; }
  [[nodiscard]] bool runnable() const { return !done && (wait.generation == nullptr || *wait.generation != wait.seen); }
};

}  // namespace fusiform::cuda_emulation
