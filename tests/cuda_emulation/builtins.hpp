#pragma once
/// The variables and functions that CUDA code finds without including anything.

#include <atomic>
#include <cstdint>

#include "barrier.hpp"
#include "block.hpp"
#include "warp.hpp"

// NOLINTBEGIN: the names are CUDA's
#define threadIdx (::fusiform::cuda_emulation::current_thread->index)
#define blockIdx (::fusiform::cuda_emulation::current_block->index)
#define blockDim (::fusiform::cuda_emulation::current_block->shape)
#define gridDim (::fusiform::cuda_emulation::current_block->grid)

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  using namespace fusiform::cuda_emulation;
  synchronize_at_barrier(0, unsigned(current_block->threads.size()), "__syncthreads", where);
}
inline void __syncwarp(std::uint32_t mask = ~0u, std::source_location where = std::source_location::current()) {
  struct {
  } record;
  fusiform::cuda_emulation::warp_operation(mask, record, "__syncwarp", where, [](auto* const*) {});
}
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
template <class T>
T atomicAdd(T* address, T value) {
  return std::atomic_ref<T>(*address).fetch_add(value);
}
// NOLINTEND
