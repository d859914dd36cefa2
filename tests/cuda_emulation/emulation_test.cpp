/// What the emulator promises about the execution of correct kernels.

#include <algorithm>
#include <vector>

#include "kernels/arch/named_barrier.cuh"
#include "kernels/arch/shuffle.cuh"
#include "kernels/launch.cuh"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

template <int = 0>
__global__ void number_threads(unsigned* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * (blockDim.x * blockDim.y * blockDim.z) + thread] += block * 1000 + thread;
}

template <int = 0>
__global__ void sum_rows(const float* x, int columns, float* out) {
  auto* parts = static_cast<float*>(arch::dynamic_shared_memory());
  float sum = 0.0f;
  for (int i = int(threadIdx.x); i < columns; i += int(blockDim.x)) sum += x[int(blockIdx.x) * columns + i];
  for (int distance = 16; distance > 0; distance /= 2) sum += arch::shuffle_down(sum, unsigned(distance));
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (unsigned i = 1; i < blockDim.x / 32; ++i) sum += parts[i];
    out[blockIdx.x] = sum;
  }
}

/// The first warp fills a buffer, the second reads it, in turns, with a pair of named barriers.
template <int = 0>
__global__ void take_turns(int* out) {
  auto* buffer = static_cast<int*>(arch::dynamic_shared_memory());
  for (int turn = 0; turn < 5; ++turn) {
    if (threadIdx.x < 32) {
      if (turn > 0) arch::named_barrier_sync(2, 64);
      buffer[threadIdx.x] = turn * 100 + int(threadIdx.x);
      arch::named_barrier_arrive(1, 64);
    } else {
      arch::named_barrier_sync(1, 64);
      out[turn * 32 + int(threadIdx.x) - 32] = buffer[63 - threadIdx.x];
      if (turn < 4) arch::named_barrier_arrive(2, 64);
    }
  }
}

template <int = 0>
__global__ void shuffles(std::uint32_t* out) {
  const unsigned lane = threadIdx.x % 32;
  const auto value = std::uint32_t(100 + lane);
  out[threadIdx.x] = arch::shuffle(value, int(lane) * 5 + 3);
  out[32 + threadIdx.x] = arch::shuffle_up(value, 3);
  out[64 + threadIdx.x] = arch::shuffle_down(value, 7);
  out[96 + threadIdx.x] = arch::ballot(lane % 3 == 0);
}

}  // namespace

TEST_CASE("Every thread of every block runs once and knows its place", "[emulation]") {
  for (const auto& config : emulator_settings()) {
    const cuda_emulation::ScopedConfig scope(config);
    std::vector<unsigned> out(2 * 3 * 2 * 70, 0);
    launch(number_threads<>, {.grid = {2, 3, 2}, .block = {7, 5, 2}}, out.data());
    bool right = true;
    for (unsigned i = 0; i < out.size(); ++i) right = right && out[i] == i / 70 * 1000 + i % 70;
    CHECK(right);
  }
}

TEST_CASE("A reduction gives the same bits under every setting and for any number of OS threads", "[emulation]") {
  constexpr int rows = 9, columns = 1000;
  std::vector<float> x(rows * columns);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1.0f / float(1 + i * 7 % 1013);
  std::vector<float> first;
  for (unsigned os_threads : {1u, 3u})
    for (auto config : emulator_settings()) {
      config.os_threads = os_threads;
      const cuda_emulation::ScopedConfig scope(config);
      std::vector<float> out(rows, -1.0f);
      launch(sum_rows<>, {.grid = rows, .block = 96, .shared_bytes = 3 * sizeof(float)}, x.data(), columns, out.data());
      if (first.empty()) first = out;
      CHECK(out == first);
    }
  for (int row = 0; row < rows; ++row) {
    double sum = 0.0;
    for (int i = 0; i < columns; ++i) sum += double(x[std::size_t(row * columns + i)]);
    CHECK(double(first[std::size_t(row)]) == Approx(sum).epsilon(1e-6));  // 1000 positive terms, rounded once each
  }
}

TEST_CASE("Named barriers let warps take turns", "[emulation]") {
  for (const auto& config : emulator_settings()) {
    const cuda_emulation::ScopedConfig scope(config);
    std::vector<int> out(5 * 32, -1);
    launch(take_turns<>, {.grid = 1, .block = 64, .shared_bytes = 32 * sizeof(int)}, out.data());
    bool right = true;
    for (int i = 0; i < 5 * 32; ++i) right = right && out[std::size_t(i)] == i / 32 * 100 + 31 - i % 32;
    CHECK(right);
  }
}

TEST_CASE("Shuffles take their values from the lanes that CUDA names", "[emulation]") {
  for (const auto& config : emulator_settings()) {
    const cuda_emulation::ScopedConfig scope(config);
    std::vector<std::uint32_t> out(128, 0);
    launch(shuffles<>, {.grid = 1, .block = 32}, out.data());
    for (unsigned lane = 0; lane < 32; ++lane) {
      CHECK(out[lane] == 100 + (lane * 5 + 3) % 32);
      CHECK(out[32 + lane] == 100 + (lane < 3 ? lane : lane - 3));
      CHECK(out[64 + lane] == 100 + (lane > 24 ? lane : lane + 7));
      CHECK(out[96 + lane] == 0x49249249u);  // bits 0, 3, ..., 30
    }
  }
}

TEST_CASE("Launches that no device takes are refused with their shapes", "[emulation]") {
  unsigned out[1] = {};
  const auto refusal = [&](const LaunchShape& shape) -> std::string {
    try {
      launch(number_threads<>, shape, &out[0]);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(
      refusal({.grid = {4, 5, 6}, .block = {33, 32, 1}, .what = "number 3 rows"}) ==
      "kernel launch: out of the device's limits: number 3 rows: grid (4, 5, 6), block (33, 32, 1), 0 bytes of shared "
      "memory");
  CHECK(refusal({.grid = 1, .block = 32, .shared_bytes = (227 << 10) + 1}) != "accepted");
  CHECK(refusal({.grid = {1, 65536, 1}, .block = 32}) != "accepted");
  CHECK(refusal({.grid = 0, .block = 32}) != "accepted");
}
