#pragma once
/// Runs a grid: every block once, in an order that the schedule says, spread over OS threads.

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "run_block.hpp"

namespace fusiform::cuda_emulation {

/// Switches to threads since the program started: the emulator's unit of work.
inline std::atomic<std::uint64_t> switch_count{0};

inline std::vector<unsigned> block_order(unsigned blocks) {
  std::vector<unsigned> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  std::mt19937 random(config.seed);
  if (config.schedule == Schedule::reverse) std::reverse(order.begin(), order.end());
  if (config.schedule == Schedule::random) std::shuffle(order.begin(), order.end(), random);
  return order;
}

/// Calls `kernel` once in every thread of every block. Throws what the first failing thread threw.
inline void run_grid(const dim3& grid, const dim3& block_shape, std::size_t shared_bytes,
                     std::function<void()> kernel) {
  const std::vector<unsigned> order = block_order(volume(grid));
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    static thread_local Block block;  // keeps its stacks from launch to launch
    current_block = &block;
    block.shape = block_shape;
    block.grid = grid;
    block.kernel = kernel;
    block.switches = 0;
    try {
      for (std::size_t i; (i = next++) < order.size();) {
        block.index = index_in(grid, order[i]);
        std::mt19937 random(config.seed + order[i]);
        run_block(block, shared_bytes, random);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      next = order.size();
    }
    switch_count += block.switches;
    current_thread = nullptr;
    current_block = nullptr;
  };
  if (config.os_threads <= 1) {
    work();
  } else {
    std::vector<std::jthread> pool;
    for (unsigned i = 0; i < config.os_threads; ++i) pool.emplace_back(work);
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace fusiform::cuda_emulation
