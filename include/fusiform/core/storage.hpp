#pragma once
/// Owned, aligned memory on a device.

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <fusiform/core/device.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Every allocation starts on a cache line, which is also the widest vector.
inline constexpr std::size_t storage_alignment = 64;

[[nodiscard]] inline void* allocate_bytes(Cpu, std::size_t bytes) {
  return ::operator new (bytes, std::align_val_t{storage_alignment});
}
inline void deallocate_bytes(Cpu, void* memory) noexcept {
  ::operator delete (memory, std::align_val_t{storage_alignment});
}
inline void copy_bytes(Cpu, void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes > 0) std::memcpy(to, from, bytes);
}
inline void zero_bytes(Cpu, void* memory, std::size_t bytes) noexcept {
  if (bytes > 0) std::memset(memory, 0, bytes);
}

/// All of them are ordered with the operations of the calling thread's stream. Throw CudaError: no GPU, no memory left.
[[nodiscard]] void* allocate_bytes(Cuda, std::size_t bytes);
void deallocate_bytes(Cuda, void* memory) noexcept;
void copy_bytes(Cuda, void* to, const void* from, std::size_t bytes);
void zero_bytes(Cuda, void* memory, std::size_t bytes);
/// From the host's memory, which may be changed as soon as the call returns.
void copy_bytes_to(Cuda, void* to, const void* from, std::size_t bytes);
/// To the host's memory, after all operations before.
void copy_bytes_from(Cuda, void* to, const void* from, std::size_t bytes);

/// A block of `capacity()` uninitialised elements. Movable; copying is the tensor's business.
template <class T, Device D>
class Storage {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Storage() = default;
  explicit Storage(Index capacity) : capacity_(capacity) {
    if (capacity > 0) data_ = static_cast<T*>(allocate_bytes(D{}, static_cast<std::size_t>(capacity) * sizeof(T)));
  }
  Storage(Storage&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  Storage& operator=(Storage&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() {
    if (data_ != nullptr) deallocate_bytes(D{}, data_);
  }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] Index capacity() const noexcept { return capacity_; }

 private:
  T* data_ = nullptr;
  Index capacity_ = 0;
};

}  // namespace fusiform
