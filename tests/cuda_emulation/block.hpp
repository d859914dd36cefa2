#pragma once
/// A block: its threads, shared memory and barriers, and the scheduler that gives each thread its turn.

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "config.hpp"
#include "shared_memory.hpp"
#include "thread.hpp"

namespace fusiform::cuda_emulation {

/// A barrier of bar.sync: threads arrive until `expected` are there.
struct Barrier {
  unsigned expected = 0, arrived = 0;
  std::uint64_t generation = 0;
  std::uint32_t warps = 0;        ///< that have arrived, a bit a warp
  std::array<Where, 32> where{};  ///< from where each warp came
};

/// An mbarrier. Its word in shared memory holds only a mark, so that being overwritten shows.
struct Mbarrier {
  std::uint32_t address = 0;
  unsigned count = 0, pending = 0;
  std::int64_t bytes = 0;        ///< announced and not yet arrived
  std::uint64_t generation = 0;  ///< completed phases
};

/// Lanes that take part in one warp operation, each with a record of its own.
struct WarpOperation {
  std::uint32_t mask = 0, arrived = 0;
  const char* what = "";
  Where where{};
  std::array<void*, 32> records{};
  std::uint64_t generation = 0;
};

struct Warp {
  std::array<WarpOperation, 32> operations;  ///< by the lowest lane of their mask: disjoint masks do not meet
};

struct Block {
  static constexpr unsigned barrier_count = 16;

  uint3 index{};
  dim3 shape, grid;
  SharedMemory shared;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::array<Barrier, barrier_count> barriers;
  std::deque<Mbarrier> mbarriers;
  std::vector<std::function<void()>> loads;  ///< TMA loads that have not arrived
  std::function<void()> kernel;
  Fiber scheduler;
  std::vector<Stack> stacks;
  std::exception_ptr error;
  std::uint64_t switches = 0;
};

inline constinit thread_local Block* current_block = nullptr;
inline constinit thread_local Thread* current_thread = nullptr;

/// Ends the launch with an EmulationError that says where.
[[noreturn]] inline void fail(const std::string& problem) {
  const Block& block = *current_block;
  std::string who = text("block (", block.index.x, ", ", block.index.y, ", ", block.index.z, ")");
  if (current_thread != nullptr) who += text(", thread ", current_thread->number);
  throw EmulationError(text(who, ": ", problem));
}

/// Gives the turn to others until `*wait.generation` changes.
inline void wait_for(const Wait& wait) {
  Thread& thread = *current_thread;
  thread.wait = wait;
  switch_fiber(thread.fiber, current_block->scheduler);
}

}  // namespace fusiform::cuda_emulation
