#pragma once
/// What the GPU programs need around kernels: checked calls, memory from one block, random data, comparison, timing.

#include <cmath>
#include <cstdint>
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/arch/bfloat16.cuh"

namespace gpu {

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

/// One allocation, handed out front to back and taken back as a whole.
class Arena {
 public:
  explicit Arena(std::size_t bytes) : bytes_(bytes) { check(cudaMalloc(&start_, bytes), "cudaMalloc"); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { cudaFree(start_); }

  template <class T>
  [[nodiscard]] T* take(std::int64_t count) {
    const std::size_t size = (std::size_t(count) * sizeof(T) + 1023) / 1024 * 1024;
    if (used_ + size > bytes_) throw std::runtime_error("the arena of device memory is too small");
    T* memory = reinterpret_cast<T*>(static_cast<char*>(start_) + used_);
    used_ += size;
    return memory;
  }
  void clear() { used_ = 0; }

 private:
  void* start_ = nullptr;
  std::size_t bytes_, used_ = 0;
};

/// A number in (-1, 1) from a place and a seed.
__host__ __device__ inline float random_number(std::uint64_t place, std::uint64_t seed) {
  std::uint64_t z = place * 0x9e3779b97f4a7c15ull + seed * 0xbf58476d1ce4e5b9ull + 0x94d049bb133111ebull;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return float(std::int32_t((z ^ z >> 31) >> 32)) * 0x1p-31f;
}

template <int = 0>
__global__ void fill_random_bf16(fusiform::arch::bf16* data, std::int64_t count, std::uint64_t seed, float scale) {
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += std::int64_t(gridDim.x) * blockDim.x) {
    data[i] = fusiform::arch::to_bf16(random_number(std::uint64_t(i), seed) * scale);
  }
}

template <int = 0>
__global__ void fill_random_float(float* data, std::int64_t count, std::uint64_t seed) {
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += std::int64_t(gridDim.x) * blockDim.x)
    data[i] = random_number(std::uint64_t(i), seed);
}

__device__ inline float as_float(fusiform::arch::bf16 value) { return fusiform::arch::to_float(value); }
__device__ inline float as_float(float value) { return value; }

/// parts(2 b) = sum of (a - b)^2, parts(2 b + 1) = sum of b^2 over what block b of 256 threads sees.
template <class A, class B>
__global__ void compare_parts(const A* a, const B* b, std::int64_t count, double* parts) {
  __shared__ double difference[256], square[256];
  double d = 0, s = 0;
  for (std::int64_t i = std::int64_t(blockIdx.x) * 256 + threadIdx.x; i < count; i += std::int64_t(gridDim.x) * 256) {
    const double x = as_float(a[i]), y = as_float(b[i]);
    d += (x - y) * (x - y);
    s += y * y;
  }
  difference[threadIdx.x] = d;
  square[threadIdx.x] = s;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int i = 1; i < 256; ++i) {
    d += difference[i];
    s += square[i];
  }
  parts[2 * blockIdx.x] = d;
  parts[2 * blockIdx.x + 1] = s;
}

/// |a - b| / |b| in double; NaN if a value is NaN.
template <class A, class B>
[[nodiscard]] double relative_error(const A* a, const B* b, std::int64_t count) {
  constexpr int blocks = 512;
  static double* parts = nullptr;
  if (parts == nullptr) check(cudaMalloc(&parts, 2 * blocks * sizeof(double)), "cudaMalloc");
  compare_parts<<<blocks, 256>>>(a, b, count, parts);
  std::vector<double> sums(2 * blocks);
  check(cudaMemcpy(sums.data(), parts, sums.size() * sizeof(double), cudaMemcpyDeviceToHost), "compare");
  double difference = 0, square = 0;
  for (int i = 0; i < blocks; ++i) {
    difference += sums[2 * i];
    square += sums[2 * i + 1];
  }
  return std::sqrt(difference / square);
}

/// Milliseconds between two points of the default stream.
class Timer {
 public:
  Timer() {
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  template <class Work>
  [[nodiscard]] double milliseconds(Work work) {
    check(cudaEventRecord(begin_), "cudaEventRecord");
    work();
    check(cudaEventRecord(end_), "cudaEventRecord");
    check(cudaEventSynchronize(end_), "timed work");
    float time = 0;
    check(cudaEventElapsedTime(&time, begin_, end_), "cudaEventElapsedTime");
    return double(time);
  }

 private:
  cudaEvent_t begin_{}, end_{};
};

}  // namespace gpu
