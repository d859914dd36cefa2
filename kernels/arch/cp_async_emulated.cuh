#pragma once
/// cp.async under the emulator.

#include <cstring>

#include "tests/cuda_emulation/cuda_emulation.hpp"

namespace fusiform::cuda_emulation {

inline void perform(const SharedCopy& copy) {
  if (copy.fill_with_zeros)
    std::memset(copy.to, 0, copy.bytes);
  else
    std::memcpy(copy.to, copy.from, copy.bytes);
}

inline void cp_async(const SharedCopy& copy) {
  const auto misaligned = [&](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % copy.bytes != 0; };
  if (!current_block->shared.contains(copy.to, copy.bytes)) fail("cp.async: the destination is not in shared memory");
  if (misaligned(copy.to) || misaligned(copy.from))
    fail(text("cp.async: expected addresses that are multiples of ", copy.bytes));
  if (config.completion == Completion::eager) perform(copy);
  current_thread->copies.issue(copy);
}

inline void cp_async_wait(std::size_t pending) {
  auto& copies = current_thread->copies;
  for (; copies.groups() > pending; copies.drop_oldest())
    if (config.completion == Completion::deferred)
      for (const SharedCopy& copy : copies.oldest()) perform(copy);
}

}  // namespace fusiform::cuda_emulation
