#pragma once
/// The shared memory of a block: poisoned before the block starts, with canaries on both sides.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace fusiform::cuda_emulation {

/// Every byte is 0xFF at first: a NaN as float or bf16, -1 as an integer, so that a read before the first write shows.
class SharedMemory {
 public:
  static constexpr std::size_t margin = 1024;           ///< also the alignment that swizzled tiles need
  static constexpr std::uint32_t first_address = 1024;  ///< the device reserves the first KiB for itself
  static constexpr std::byte poison{0xFF}, canary{0xA5};

  void reset(std::size_t bytes) {
    const std::size_t whole = (bytes + margin - 1) / margin * margin + 2 * margin;
    if (whole > allocated_) {
      memory_.reset(static_cast<std::byte*>(std::aligned_alloc(margin, whole)));
      if (memory_ == nullptr) throw std::bad_alloc();
      allocated_ = whole;
    }
    bytes_ = bytes;
    std::memset(memory_.get(), int(canary), margin);
    std::memset(data(), int(poison), bytes);
    std::memset(data() + bytes, int(canary), whole - margin - bytes);
    end_ = memory_.get() + whole;
  }

  [[nodiscard]] std::byte* data() const { return memory_.get() + margin; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Whether nothing was written within a KiB before the memory or behind it.
  [[nodiscard]] bool intact() const {
    const auto untouched = [](std::byte b) { return b == canary; };
    return std::all_of(memory_.get(), data(), untouched) && std::all_of(data() + bytes_, end_, untouched);
  }

  /// Whether the range lies in this block's shared memory.
  [[nodiscard]] bool contains(const void* begin, std::size_t bytes) const {
    const auto* at = static_cast<const std::byte*>(begin);
    return at >= data() && bytes <= bytes_ && at <= data() + (bytes_ - bytes);
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::byte* end_ = nullptr;
  std::size_t bytes_ = 0, allocated_ = 0;
};

}  // namespace fusiform::cuda_emulation
