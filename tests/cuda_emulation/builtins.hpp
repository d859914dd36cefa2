#pragma once
/// The variables and functions that CUDA code finds without including anything.

#include <cstdint>

#include "barrier.hpp"
#include "block.hpp"
#include "warp.hpp"

// NOLINTBEGIN: the names are CUDA's
#define threadIdx (::fusiform::cuda_emulation::current_thread->index)
#define blockIdx (::fusiform::cuda_emulation::current_block->index)
#define blockDim (::fusiform::cuda_emulation::current_block->shape)
#define gridDim (::fusiform::cuda_emulation::current_block->grid)

inline void __syncthreads(fusiform::cuda_emulation::Where where = fusiform::cuda_emulation::Where::current()) {
  fusiform::cuda_emulation::synchronize_block(where);
}
inline void __syncwarp(std::uint32_t mask = ~0u,
                       fusiform::cuda_emulation::Where where = fusiform::cuda_emulation::Where::current()) {
  struct {
  } record;
  fusiform::cuda_emulation::warp_operation(mask, record, "__syncwarp", where, [](auto* const*) {});
}
// NOLINTEND
