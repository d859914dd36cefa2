/// Kernels with a bug each, which the emulator must show, and the same kernels without it, which must pass.

#include <cmath>
#include <cstdio>
#include <iostream>
#include <vector>

#include "kernels/arch/cp_async.cuh"
#include "kernels/arch/fence.cuh"
#include "kernels/arch/mbarrier.cuh"
#include "kernels/arch/named_barrier.cuh"
#include "kernels/arch/shuffle.cuh"
#include "kernels/arch/tma.cuh"
#include "kernels/launch.cuh"
#include "tests/cuda_emulation/child.hpp"
#include "tests/cuda_emulation/settings.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr unsigned threads = 64;

float* shared_floats() { return static_cast<float*>(arch::dynamic_shared_memory()); }

/// Runs the kernel on 64 threads with room for 64 floats, then compares out(i) with expected(i).
template <class Expected, class... Extra>
std::string outcome(void (*kernel)(float*, Extra...), const cuda_emulation::Config& config, Expected expected,
                    const Extra&... extra) {
  const cuda_emulation::ScopedConfig scope(config);
  return outcome_in_child([&] {
    std::vector<float> out(threads, -1.0f);
    launch(kernel, {.grid = 1, .block = threads, .shared_bytes = threads * sizeof(float)}, out.data(), extra...);
    for (unsigned i = 0; i < threads; ++i)
      if (!(out[i] == expected(i))) return false;
    return true;
  });
}

/// The settings under which the bug shows, as a wrong result or an error with `text` in it.
template <class Run>
std::vector<std::string> shows(Run run, const std::string& expected_text = "") {
  std::vector<std::string> where;
  for (const auto& config : emulator_settings()) {
    const std::string result = run(config);
    INFO(name_of(config) << ": " << result);
    if (result == "right") continue;
    if (result != "wrong") CHECK(result.find(expected_text) != std::string::npos);
    if (!expected_text.empty()) CHECK(result != "wrong");
    where.push_back(name_of(config));
  }
  return where;
}

constexpr std::size_t everywhere = 6;

template <bool Bug>
__global__ void reverse_through_shared_memory(float* out) {
  float* shared = shared_floats();
  shared[threadIdx.x] = float(threadIdx.x);
  if (!Bug) __syncthreads();
  out[threadIdx.x] = shared[threads - 1 - threadIdx.x];
}

template <bool Bug>
__global__ void copy_in_two_groups(float* out, const float* in) {
  float* shared = shared_floats();
  if (threadIdx.x < 8) {
    arch::cp_async<16>(shared + 4 * threadIdx.x, in + 4 * threadIdx.x);
    arch::cp_async_commit();
    arch::cp_async<16>(shared + 32 + 4 * threadIdx.x, in + 32 + 4 * threadIdx.x);
    arch::cp_async_commit();
  }
  arch::cp_async_wait<Bug ? 1 : 0>();
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x];
  arch::cp_async_wait<0>();
}

template <bool Bug>
__global__ void leave_with_a_copy_in_flight(float* out, const float* in) {
  arch::cp_async<4>(shared_floats() + threadIdx.x, in + threadIdx.x);
  arch::cp_async_commit();
  if (!Bug) arch::cp_async_wait<0>();
  out[threadIdx.x] = float(threadIdx.x);
}

template <int Kind>
__global__ void barrier_of_some(float* out) {
  out[threadIdx.x] = float(threadIdx.x);
  if (Kind == 0) __syncthreads();
  if (Kind == 1 && threadIdx.x < 40) __syncthreads();
  if (Kind == 2) {
    if (threadIdx.x % 2 == 0)
      __syncthreads();
    else
      __syncthreads();
  }
  if (Kind == 3) arch::named_barrier_sync(1, threadIdx.x % 2 == 0 ? 64 : 32);
  if (Kind == 4) arch::named_barrier_sync(1 + threadIdx.x / 32, 64);
}

template <bool Bug>
__global__ void write_behind_the_end(float* out) {
  float* shared = shared_floats();
  shared[threadIdx.x + (Bug ? 1 : 0)] = float(threadIdx.x);
  out[threadIdx.x] = float(threadIdx.x);
}

template <bool Bug>
__global__ void read_what_was_never_written(float* out) {
  float* shared = shared_floats();
  if (!Bug || threadIdx.x != 5) shared[threadIdx.x] = float(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x];
}

template <int Kind>
__global__ void shuffle_with_mask(float* out) {
  const auto lane = float(threadIdx.x % 32);
  float value = -1.0f;
  if (Kind == 0) value = arch::shuffle_xor(lane, 1);
  if (Kind == 1 && threadIdx.x % 32 < 16) value = arch::shuffle_xor(lane, 1);  // 16 lanes never come
  if (Kind == 2) value = arch::shuffle_xor(lane, 1, 0xffffu);                  // half are not in it
  if (Kind == 3) value = arch::shuffle(lane, 3, threadIdx.x % 2 == 0 ? 0x55555555u : 0xaaaaaaaau);  // 3 is odd
  out[threadIdx.x] = value;
}

/// A ring of two stages of one row each, filled by a thread of the first warp, read by the second. Kinds: 0 correct,
/// 1 the producer does not wait for free stages, 2 a lane frees the stage before the others have read it, 3 the
/// consumer does not wait for the data, 4 fewer bytes are announced than come, 5 more, 6 nobody announces.
template <int Kind>
__global__ void ring(float* out, const __grid_constant__ arch::TensorMap rows) {
  struct Shared {
    float row[2][32];
    std::uint64_t full[2], empty[2];
  };
  auto& shared = *static_cast<Shared*>(arch::dynamic_shared_memory());
  if (threadIdx.x == 0) {
    for (int i = 0; i < 2; ++i) {
      arch::mbarrier_init(&shared.full[i], 1);
      arch::mbarrier_init(&shared.empty[i], 1);
    }
    arch::fence_mbarrier_init();
  }
  __syncthreads();
  float sum = 0.0f;
  for (unsigned row = 0; row < 8; ++row) {
    const unsigned stage = row % 2, phase = row / 2 % 2;
    if (threadIdx.x == 0) {
      if (Kind != 1) arch::mbarrier_wait(&shared.empty[stage], phase ^ 1u);
      if (Kind == 6)
        arch::mbarrier_arrive(&shared.full[stage]);
      else
        arch::mbarrier_arrive_expect_bytes(&shared.full[stage], Kind == 4 ? 112 : Kind == 5 ? 144 : 128);
      arch::tma_load_2d(shared.row[stage], &rows, &shared.full[stage], 0, int(row));
    }
    if (threadIdx.x >= 32) {
      if (Kind != 3) arch::mbarrier_wait(&shared.full[stage], phase);
      if (Kind == 2 && threadIdx.x == 32) arch::mbarrier_arrive(&shared.empty[stage]);
      sum = 2.0f * sum + shared.row[stage][threadIdx.x % 32];
      __syncwarp();
      if (Kind != 2 && threadIdx.x == 32) arch::mbarrier_arrive(&shared.empty[stage]);
    }
  }
  if (threadIdx.x == 0 && Kind == 3)  // leaves nothing in flight, so that only the wrong result shows
    for (unsigned stage = 0; stage < 2; ++stage) arch::mbarrier_wait(&shared.full[stage], 1);
  out[threadIdx.x] = sum;
}

template <int Kind>
std::string ring_outcome(const cuda_emulation::Config& config) {
  alignas(16) static float in[8][32];
  float expected[32] = {};
  for (int row = 0; row < 8; ++row)
    for (int i = 0; i < 32; ++i) {
      in[row][i] = float(row * row + i);
      expected[i] = 2.0f * expected[i] + in[row][i];
    }
  const auto map = arch::make_tensor_map(arch::TiledMap{
      .data = in, .scalar = arch::MapScalar::f32, .extent = {32, 8}, .box = {32, 1}, .swizzle = arch::Swizzle::none});
  const cuda_emulation::ScopedConfig scope(config);
  return outcome_in_child([&] {
    std::vector<float> out(threads, -1.0f);
    launch(ring<Kind>, {.grid = 1, .block = threads, .shared_bytes = 2 * 128 + 4 * 8}, out.data(), map);
    for (unsigned i = 0; i < 32; ++i)
      if (!(out[32 + i] == expected[i])) return false;
    return true;
  });
}

/// Kinds: 0 correct, 1 the tile is overwritten before the store has read it, 2 the thread leaves before that, 3 the
/// store is not committed.
template <int Kind>
__global__ void store_a_tile(float* out, const __grid_constant__ arch::TensorMap map) {
  float* shared = shared_floats();
  shared[threadIdx.x] = float(threadIdx.x);
  arch::fence_proxy_async_shared();
  __syncthreads();
  if (threadIdx.x == 0) {
    arch::tma_store_2d(&map, shared, 0, 0);
    if (Kind != 3) arch::tma_store_commit();
    if (Kind == 0) arch::tma_store_wait_read<0>();
  }
  __syncthreads();
  if (Kind <= 1) shared[threadIdx.x] = -5.0f;
  if (threadIdx.x == 0 && Kind == 1) arch::tma_store_wait<0>();
  (void)out;
}

template <int Kind>
std::string store_outcome(const cuda_emulation::Config& config) {
  const cuda_emulation::ScopedConfig scope(config);
  return outcome_in_child([&] {
    alignas(16) float out[threads];
    std::fill_n(out, threads, -1.0f);
    const auto map = arch::make_tensor_map(
        arch::TiledMap{.data = out, .scalar = arch::MapScalar::f32, .extent = {32, 2}, .box = {32, 2}});
    launch(store_a_tile<Kind>, {.grid = 1, .block = threads, .shared_bytes = threads * 4}, out, map);
    for (unsigned i = 0; i < threads; ++i)
      if (out[i] != float(i)) return false;
    return true;
  });
}

/// Kinds: 0 correct, 1 used before it is initialized, 2 one arrival too many, 3 overwritten, 4 waits for the wrong
/// phase.
template <int Kind>
__global__ void use_an_mbarrier(float* out) {
  auto* barrier = static_cast<std::uint64_t*>(arch::dynamic_shared_memory());
  if (threadIdx.x == 0 && Kind != 1) arch::mbarrier_init(barrier, threads);
  __syncthreads();
  if (threadIdx.x == 0 && Kind == 2) *barrier = 12;
  arch::mbarrier_arrive(barrier);
  arch::mbarrier_wait(barrier, 0);
  out[threadIdx.x] = float(threadIdx.x);
}

/// Threads write, arrive and read what others wrote.
template <bool Bug>
__global__ void wait_for_the_wrong_phase(float* out) {
  struct Shared {
    float value[threads - 2];  // two fewer: the barrier takes their place
    std::uint64_t barrier;
  };
  auto& shared = *static_cast<Shared*>(arch::dynamic_shared_memory());
  if (threadIdx.x == 0) arch::mbarrier_init(&shared.barrier, threads);
  __syncthreads();
  if (threadIdx.x < threads - 2) shared.value[threadIdx.x] = float(threadIdx.x);
  arch::mbarrier_arrive(&shared.barrier);
  arch::mbarrier_wait(&shared.barrier, Bug ? 1 : 0);
  const float read = shared.value[threads - 3 - threadIdx.x % (threads - 2)];
  out[threadIdx.x] = float(threadIdx.x) + read - float(threads - 3 - threadIdx.x % (threads - 2));
}

float same(unsigned i) { return float(i); }

}  // namespace

TEST_CASE("A missing __syncthreads shows under every setting", "[emulation]") {
  const auto reversed = [](unsigned i) { return float(threads - 1 - i); };
  CHECK(shows([&](auto& c) { return outcome(reverse_through_shared_memory<false>, c, reversed); }).empty());
  CHECK(shows([&](auto& c) { return outcome(reverse_through_shared_memory<true>, c, reversed); }).size() == everywhere);
}

TEST_CASE("A wait for too few cp.async groups shows when copies are deferred", "[emulation]") {
  alignas(16) float in[threads];
  for (unsigned i = 0; i < threads; ++i) in[i] = float(i);
  const float* from = in;
  CHECK(shows([&](auto& c) { return outcome(copy_in_two_groups<false>, c, same, from); }).empty());
  const std::vector<std::string> deferred{"forward, deferred", "reverse, deferred", "random, deferred"};
  CHECK(shows([&](auto& c) { return outcome(copy_in_two_groups<true>, c, same, from); }) == deferred);
  CHECK(shows([&](auto& c) { return outcome(leave_with_a_copy_in_flight<false>, c, same, from); }).empty());
  CHECK(shows([&](auto& c) { return outcome(leave_with_a_copy_in_flight<true>, c, same, from); },
              "cp.async still in flight at thread exit")
            .size() == everywhere);
}

TEST_CASE("Divergent barriers are reported with the places", "[emulation]") {
  CHECK(shows([](auto& c) { return outcome(barrier_of_some<0>, c, same); }).empty());
  CHECK(shows([](auto& c) { return outcome(barrier_of_some<1>, c, same); }, "threads 40-63: exited").size() ==
        everywhere);
  CHECK(shows([](auto& c) { return outcome(barrier_of_some<1>, c, same); },
              "threads 0-39: __syncthreads at planted_bugs_test.cpp:")
            .size() == everywhere);
  CHECK(shows([](auto& c) { return outcome(barrier_of_some<2>, c, same); }, "divergent barrier 0: threads of warp")
            .size() == everywhere);
  CHECK(shows([](auto& c) { return outcome(barrier_of_some<3>, c, same); }, "counts differ").size() == everywhere);
  CHECK(shows([](auto& c) { return outcome(barrier_of_some<4>, c, same); }, "deadlock").size() == everywhere);
}

TEST_CASE("Shared memory that is overrun or never written shows", "[emulation]") {
  CHECK(shows([](auto& c) { return outcome(write_behind_the_end<false>, c, same); }).empty());
  CHECK(shows([](auto& c) { return outcome(write_behind_the_end<true>, c, same); }, "shared memory overrun").size() ==
        everywhere);
  CHECK(shows([](auto& c) { return outcome(read_what_was_never_written<false>, c, same); }).empty());
  CHECK(shows([](auto& c) { return outcome(read_what_was_never_written<true>, c, same); }).size() == everywhere);
}

TEST_CASE("Wrong masks of warp operations are reported", "[emulation]") {
  const auto neighbour = [](unsigned i) { return float((i % 32) ^ 1u); };
  CHECK(shows([&](auto& c) { return outcome(shuffle_with_mask<0>, c, neighbour); }).empty());
  CHECK(shows([&](auto& c) { return outcome(shuffle_with_mask<1>, c, neighbour); }, "threads 16-31: exited").size() ==
        everywhere);
  CHECK(shows([&](auto& c) { return outcome(shuffle_with_mask<2>, c, neighbour); }, "is not in its own mask").size() ==
        everywhere);
  CHECK(shows([&](auto& c) { return outcome(shuffle_with_mask<3>, c, neighbour); }, "reads a lane outside the mask")
            .size() == everywhere);
}

TEST_CASE("A ring of TMA loads shows missing waits and early releases", "[emulation]") {
  CHECK(shows(ring_outcome<0>).empty());
  CHECK(shows(ring_outcome<1>).size() == everywhere);  // no wait for a free stage
  const auto early = shows(ring_outcome<2>);           // only where the producer comes between two consumers
  INFO("a stage freed too early shows under " << early.size() << " settings");
  CHECK(!early.empty());
  CHECK(shows(ring_outcome<3>).size() == everywhere - 1);  // no wait for the data: in order and eager it is there
  CHECK(shows(ring_outcome<4>).size() == everywhere);
  CHECK(shows(ring_outcome<5>, "deadlock").size() == everywhere);
  CHECK(shows(ring_outcome<6>).size() == everywhere);
}

TEST_CASE("A deadlock report says what an mbarrier waits for", "[emulation]") {
  const std::string report = ring_outcome<5>({});
  INFO(report);
  CHECK(report.find("thread 0: mbarrier wait at planted_bugs_test.cpp:") != std::string::npos);
  CHECK(report.find("waits for 0 of 1 arrivals and 16 bytes") != std::string::npos);
  CHECK(report.find("threads 1-31: exited") != std::string::npos);
}

TEST_CASE("TMA stores show tiles that are overwritten or left too early", "[emulation]") {
  CHECK(shows(store_outcome<0>).empty());
  const std::vector<std::string> deferred{"forward, deferred", "reverse, deferred", "random, deferred"};
  CHECK(shows(store_outcome<1>) == deferred);
  CHECK(shows(store_outcome<2>, "TMA store has not read its shared memory at thread exit") == deferred);
  CHECK(shows(store_outcome<3>, "TMA store was never committed").size() == everywhere);
}

TEST_CASE("Misused mbarriers are reported", "[emulation]") {
  CHECK(shows([](auto& c) { return outcome(use_an_mbarrier<0>, c, same); }).empty());
  CHECK(shows([](auto& c) { return outcome(use_an_mbarrier<1>, c, same); }, "was not initialized").size() ==
        everywhere);
  CHECK(shows([](auto& c) { return outcome(use_an_mbarrier<2>, c, same); }, "was overwritten").size() == everywhere);
  CHECK(shows([](auto& c) { return outcome(wait_for_the_wrong_phase<false>, c, same); }).empty());
  CHECK(shows([](auto& c) { return outcome(wait_for_the_wrong_phase<true>, c, same); }).size() == everywhere);
}
