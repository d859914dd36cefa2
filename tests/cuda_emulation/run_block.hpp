#pragma once
/// Runs the threads of a block until all have ended.

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "block.hpp"
#include "report.hpp"

namespace fusiform::cuda_emulation {

/// A thread must not end with operations in flight: on the device they would hit memory that is no longer its block's.
inline void check_nothing_in_flight(Thread& thread) {
  if (!thread.copies.idle()) fail("cp.async still in flight at thread exit");
  if (!thread.products.idle()) fail("wgmma still in flight at thread exit");
  for (auto& group : thread.stores.closed())
    for (BulkStore& store : group)
      if (store.read) fail("TMA store has not read its shared memory at thread exit");
  while (thread.stores.groups() > 0) {
    for (BulkStore& store : thread.stores.oldest()) store.write();
    thread.stores.drop_oldest();
  }
  if (!thread.stores.idle()) fail("TMA store was never committed");
}

inline void run_thread() {
  enter_fiber(current_block->scheduler);
  Block& block = *current_block;
  Thread& thread = *current_thread;
  try {
    block.kernel();
    check_nothing_in_flight(thread);
  } catch (...) {
    block.error = std::current_exception();
  }
  thread.done = true;
  switch_fiber(thread.fiber, block.scheduler, true);
}

inline void start_threads(Block& block) {
  const std::size_t count = volume(block.shape);
  while (block.stacks.size() < count) block.stacks.emplace_back(config.stack_bytes);
  block.threads.resize(count);
  block.warps.assign((count + 31) / 32, {});
  for (unsigned i = 0; i < count; ++i) {
    Thread& thread = block.threads[i];
    thread.index = index_in(block.shape, i);
    thread.number = i;
    thread.warp = &block.warps[i / 32];
    thread.wait = {};
    thread.done = false;
    thread.copies.clear();
    thread.stores.clear();
    thread.products.clear();
    prepare_fiber(thread.fiber, block.stacks[i], &run_thread);
  }
  block.barriers.fill({});
  block.mbarriers.clear();
  block.loads.clear();
  block.error = nullptr;
}

/// Completes one TMA load: loads are not ordered among each other, so any of them may be the next.
inline bool complete_a_load(Block& block, std::mt19937& random) {
  if (block.loads.empty()) return false;
  std::size_t i = 0;
  if (config.schedule == Schedule::reverse) i = block.loads.size() - 1;
  if (config.schedule == Schedule::random) i = random() % block.loads.size();
  const auto load = std::move(block.loads[i]);
  block.loads.erase(block.loads.begin() + std::ptrdiff_t(i));
  load();
  return true;
}

/// The order of one round; with `some_warps`, about half of the warps do not get their turn.
inline void plan_round(std::vector<unsigned>& order, std::size_t threads, bool some_warps, std::mt19937& random) {
  order.clear();
  for (unsigned warp = 0; warp < (threads + 31) / 32; ++warp) {
    if (some_warps && random() % 2 == 0) continue;
    for (unsigned i = warp * 32; i < std::min<std::size_t>(threads, warp * 32 + 32); ++i) order.push_back(i);
  }
  if (config.schedule == Schedule::reverse) std::reverse(order.begin(), order.end());
  if (config.schedule == Schedule::random) std::shuffle(order.begin(), order.end(), random);
}

/// Gives every thread of `order` that can go on its turn; false when none could.
inline bool run_round(Block& block, const std::vector<unsigned>& order) {
  bool progress = false;
  for (unsigned i : order) {
    Thread& thread = block.threads[i];
    if (!thread.runnable()) continue;
    progress = true;
    thread.wait.generation = nullptr;
    current_thread = &thread;
    ++block.switches;
    switch_fiber(block.scheduler, thread.fiber);
    current_thread = nullptr;
    if (block.error) std::rethrow_exception(block.error);
  }
  return progress;
}

inline void check_end_of_block(const Block& block) {
  if (!block.loads.empty()) fail("TMA load still in flight at the end of the block");
  for (const Mbarrier& m : block.mbarriers)
    if (m.bytes != 0) fail(text("mbarrier at ", m.address, ": ", m.bytes, " bytes announced but not arrived"));
  if (!block.shared.intact()) fail("shared memory overrun");
}

/// Runs one block of `shape` threads with `shared_bytes` of shared memory.
inline void run_block(Block& block, std::size_t shared_bytes, std::mt19937& random) {
  block.shared.reset(shared_bytes);
  start_threads(block);
  const auto alive = [](const Thread& thread) { return !thread.done; };
  std::vector<unsigned> order;
  plan_round(order, block.threads.size(), false, random);
  const std::vector<unsigned> everybody = order;
  while (std::any_of(block.threads.begin(), block.threads.end(), alive)) {
    if (config.schedule == Schedule::random) plan_round(order, block.threads.size(), true, random);
    if (run_round(block, order) || (order.size() < everybody.size() && run_round(block, everybody))) continue;
    if (!complete_a_load(block, random)) fail("deadlock: nobody can go on" + waiting_threads(block));
  }
  check_end_of_block(block);
}

}  // namespace fusiform::cuda_emulation
