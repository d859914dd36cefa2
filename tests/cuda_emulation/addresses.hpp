#pragma once
/// Shared memory by 32-bit address, as instructions name it.

#include "block.hpp"

namespace fusiform::cuda_emulation {

[[nodiscard]] inline std::uint32_t shared_address(const void* pointer) {
  const SharedMemory& shared = current_block->shared;
  if (!shared.contains(pointer, 0)) fail("a pointer to shared memory was expected, got one to other memory");
  return std::uint32_t(static_cast<const std::byte*>(pointer) - shared.data()) + SharedMemory::first_address;
}

/// `bytes` bytes from `address` on; fails when they are not all shared memory of this block.
[[nodiscard]] inline std::byte* shared_bytes(std::uint32_t address, std::size_t bytes) {
  const SharedMemory& shared = current_block->shared;
  if (address < SharedMemory::first_address || address - SharedMemory::first_address + bytes > shared.bytes())
    fail(text("access to shared memory from ", address, " to ", address + bytes, ", but it ends at ",
              SharedMemory::first_address + shared.bytes()));
  return shared.data() + (address - SharedMemory::first_address);
}

}  // namespace fusiform::cuda_emulation
