#pragma once
/// bar.sync and bar.arrive: __syncthreads and the named barriers.

#include "block.hpp"
#include "report.hpp"

namespace fusiform::cuda_emulation {

/// Counts an arrival at barrier `id` of `count` threads; the last one releases the others. Threads that have exited do
/// not count: a kernel whose threads leave before its barriers is reported as a deadlock.
inline Barrier& arrive_at_barrier(unsigned id, unsigned count, Where where) {
  if (id >= Block::barrier_count) fail(text("named barrier: expected a number below 16, got ", id));
  if (count == 0 || count > current_block->threads.size())
    fail(text("named barrier ", id, ": expected a count of 1 to ", current_block->threads.size(), ", got ", count));
  Barrier& barrier = current_block->barriers[id];
  if (barrier.arrived == 0) {
    barrier.expected = count;
    barrier.warps = 0;
  }
  if (barrier.expected != count)
    fail(text("named barrier ", id, ": counts differ: ", barrier.expected, " and ", count, " threads"));
  const unsigned warp = current_thread->number / 32;
  if ((barrier.warps >> warp & 1u) != 0 && barrier.where[warp].line != where.line)
    fail(text("divergent barrier ", id, ": threads of warp ", warp, " are at ", file_name(where), ":", where.line,
              " and at ", file_name(barrier.where[warp]), ":", barrier.where[warp].line));
  barrier.warps |= std::uint32_t(1) << warp;
  barrier.where[warp] = where;
  if (++barrier.arrived == barrier.expected) {
    barrier.arrived = 0;
    ++barrier.generation;
  }
  return barrier;
}

inline void synchronize_at_barrier(unsigned id, unsigned count, const char* what, Where where) {
  const std::uint64_t before = current_block->barriers[id % Block::barrier_count].generation;
  const Barrier& barrier = arrive_at_barrier(id, count, where);
  if (barrier.generation == before) wait_for({&barrier.generation, before, what, where});
}

inline void synchronize_block(Where where) {
  synchronize_at_barrier(0, unsigned(current_block->threads.size()), "__syncthreads", where);
}

}  // namespace fusiform::cuda_emulation
