#pragma once
/// Memory that kernels can reach: the device's, or under the emulator the host's.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "kernels/arch/target.cuh"
#if !defined(FUSIFORM_EMULATE_CUDA)
#include "kernels/cuda_error.cuh"
#endif

namespace fusiform::test {

/// Elements at a multiple of 256 bytes, as cudaMalloc gives them.
template <class T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(const std::vector<T>& values) : count_(values.size()) {
    void* memory = nullptr;
#if defined(FUSIFORM_EMULATE_CUDA)
    memory = std::aligned_alloc(256, (bytes() + 255) / 256 * 256 + 256);
    if (memory == nullptr) throw std::bad_alloc();
    std::copy(values.begin(), values.end(), static_cast<T*>(memory));
#else
    check_cuda(cudaMalloc(&memory, bytes() + 256), "cudaMalloc");
    check_cuda(cudaMemcpy(memory, values.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
#endif
    memory_.reset(static_cast<T*>(memory));
  }

  [[nodiscard]] T* data() const { return memory_.get(); }

  /// The elements, after the kernels launched so far.
  [[nodiscard]] std::vector<T> download() const {
    std::vector<T> values(count_);
#if defined(FUSIFORM_EMULATE_CUDA)
    std::copy_n(data(), count_, values.begin());
#else
    check_cuda(cudaMemcpy(values.data(), data(), bytes(), cudaMemcpyDeviceToHost), "kernel");
#endif
    return values;
  }

 private:
  struct Free {
    void operator()(T* memory) const {
#if defined(FUSIFORM_EMULATE_CUDA)
      std::free(memory);
#else
      cudaFree(memory);
#endif
    }
  };
  [[nodiscard]] std::size_t bytes() const { return count_ * sizeof(T); }

  std::size_t count_;
  std::unique_ptr<T, Free> memory_;
};

}  // namespace fusiform::test
