#pragma once
/// Conformance cases of what a warp does by itself: conversions, shuffles, cp.async, ldmatrix, mma, named barriers.

#include "arch_case.cuh"
#include "kernels/arch/bfloat16.cuh"
#include "kernels/arch/cp_async.cuh"
#include "kernels/arch/ldmatrix.cuh"
#include "kernels/arch/mma.cuh"
#include "kernels/arch/named_barrier.cuh"
#include "kernels/arch/registers.cuh"
#include "kernels/arch/shuffle.cuh"

namespace fusiform::test {

__host__ __device__ inline float float_of(std::uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

__host__ __device__ inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

/// Floats around every kind of tie, infinity, NaN, subnormals, and random ones.
__device__ inline float awkward_float(unsigned i) {
  constexpr std::uint32_t special[] = {0x00000000u, 0x80000000u, 0x3f808000u, 0x3f818000u, 0x3f808001u, 0x3f807fffu,
                                       0x7f7fffffu, 0x7f800000u, 0xff800000u, 0x7f800001u, 0xffc12345u, 0x7fffffffu,
                                       0x00000001u, 0x007fffffu, 0x80008000u, 0x3f801000u, 0x3f803000u, 0x3f800fffu};
  constexpr unsigned count = sizeof(special) / sizeof(special[0]);
  return float_of(i < count ? special[i] : seeded_word(i));
}

template <int = 0>
__global__ void show_conversions(std::uint32_t* out) {
  const unsigned i = threadIdx.x;
  const float x = awkward_float(i), y = awkward_float(i + 3);
  out[i] = arch::to_bf16(x).bits;
  out[blockDim.x + i] = arch::pack_bf16(x, y);
  out[2 * blockDim.x + i] = bits_of(arch::to_float(arch::bf16{std::uint16_t(seeded_word(i))}));
}

/// Finite values only: the ISA leaves open what a NaN becomes.
template <int = 0>
__global__ void show_tf32_rounding(std::uint32_t* out) {
#if FUSIFORM_HAS_SM80
  const float x = float_of((seeded_word(threadIdx.x) & 0x9fffffffu) | 0x20000000u);
  out[threadIdx.x] = arch::to_tf32(threadIdx.x < 3 ? float_of(0x3f801000u + threadIdx.x * 0x1000u) : x) & 0xffffe000u;
#endif
}

template <int = 0>
__global__ void show_shuffles(std::uint32_t* out) {
  const unsigned lane = threadIdx.x, value = seeded_word(lane);
  *(out + lane) = arch::shuffle(value, int(lane * 7 + 5));
  out[32 + lane] = arch::shuffle_xor(value, 9);
  out[64 + lane] = arch::shuffle_down(value, 6);
  out[96 + lane] = arch::shuffle_up(value, 11);
  out[128 + lane] = arch::ballot((value & 1u) != 0);
  if (lane >= 8 && lane < 24) out[160 + lane] = arch::shuffle_xor(value, 3, 0x00ffff00u);
  const double wide = arch::shuffle_down(double(value) + 0.5, 1);
  out[192 + lane] = std::uint32_t(wide / 2);
}

/// Every thread copies 4, 8 and 16 bytes in groups of their own; every third copy writes zeros.
template <int = 0>
__global__ void show_cp_async(std::uint32_t* out, const std::uint32_t* in) {
#if FUSIFORM_HAS_SM80
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  const unsigned i = threadIdx.x;
  const bool valid = i % 3 != 1;
  for (unsigned word = i; word < 7 * 32; word += 32) shared[word] = untouched;
  __syncthreads();
  arch::cp_async<4>(shared + i, in + 31 - i, valid);
  arch::cp_async_commit();
  arch::cp_async<8>(shared + 32 + 2 * i, in + 32 + 2 * i, valid);
  arch::cp_async_commit();
  arch::cp_async<16>(shared + 96 + 4 * i, in + 96 + 4 * (i ^ 5u), valid);
  arch::cp_async_commit();
  arch::cp_async_wait<2>();
  arch::cp_async_wait<0>();
  __syncthreads();
  for (unsigned word = i; word < 7 * 32; word += 32) out[word] = shared[word];
#endif
}

/// Rows in a scrambled order, 4 matrices.
template <int Matrices, bool Transposed>
__global__ void show_ldmatrix(std::uint32_t* out) {
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  const unsigned lane = threadIdx.x;
  for (unsigned word = lane; word < 128; word += 32) shared[word] = seeded_word(word);
  __syncthreads();
  std::uint32_t result[Matrices];
  arch::ldmatrix<Matrices, Transposed>(result, shared + 4 * (lane * 11 % 32));
  for (int i = 0; i < Matrices; ++i) out[i * 32 + int(lane)] = result[i];
}

template <int = 0>
__global__ void show_mma_bf16(std::uint32_t* out) {
#if FUSIFORM_HAS_SM80
  const unsigned lane = threadIdx.x;
  std::uint32_t a[4], b[2];
  float sums[4];
  for (unsigned i = 0; i < 4; ++i) a[i] = seeded_bf16_pair(lane * 8 + i);
  for (unsigned i = 0; i < 2; ++i) b[i] = seeded_bf16_pair(lane * 8 + 4 + i);
  for (unsigned i = 0; i < 4; ++i) sums[i] = float(lane * 4 + i);
  arch::mma_m16n8k16_bf16(sums, a, b);
  for (unsigned i = 0; i < 4; ++i) out[i * 32 + lane] = bits_of(sums[i]);
#endif
}

/// The lower 13 bits of every factor are set: the products are exact only if the unit ignores them.
template <int = 0>
__global__ void show_mma_tf32(std::uint32_t* out) {
#if FUSIFORM_HAS_SM80
  const unsigned lane = threadIdx.x;
  const auto factor = [](std::uint32_t place) { return bits_of(float(int(seeded_word(place) % 9) - 4)) | 0x1fffu; };
  std::uint32_t a[4], b[2];
  float sums[4];
  for (unsigned i = 0; i < 4; ++i) a[i] = factor(lane * 8 + i);
  for (unsigned i = 0; i < 2; ++i) b[i] = factor(lane * 8 + 4 + i);
  for (unsigned i = 0; i < 4; ++i) sums[i] = float(lane * 4 + i);
  arch::mma_m16n8k8_tf32(sums, a, b);
  for (unsigned i = 0; i < 4; ++i) out[i * 32 + lane] = bits_of(sums[i]);
#endif
}

/// One warpgroup gives registers to the other; they pass words through shared memory by named barriers.
template <int = 0>
__global__ void __launch_bounds__(256, 1) show_roles(std::uint32_t* out) {
#if FUSIFORM_HAS_SM90A
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  const unsigned thread = threadIdx.x % 128;
  if (threadIdx.x < 128) {
    arch::release_registers<40>();
    for (unsigned turn = 0; turn < 3; ++turn) {
      if (turn > 0) arch::named_barrier_sync(2, 256);
      shared[thread] = seeded_word(turn * 128 + thread);
      arch::named_barrier_arrive(1, 256);
    }
  } else {
    arch::acquire_registers<160>();
    for (unsigned turn = 0; turn < 3; ++turn) {
      arch::named_barrier_sync(1, 256);
      out[turn * 128 + thread] = shared[127 - thread];
      if (turn < 2) arch::named_barrier_arrive(2, 256);
    }
  }
#endif
}

inline void add_warp_cases(ArchCases& cases) {
  const auto add = [&](const char* name, auto kernel, unsigned threads, std::size_t shared_bytes, std::size_t words) {
    cases.push_back({name, [=] { return words_of(kernel, threads, shared_bytes, words); }});
  };
  add("bf16 conversions", show_conversions<>, 128, 0, 3 * 128);
  add("to_tf32", show_tf32_rounding<>, 128, 0, 128);
  add("shuffles", show_shuffles<>, 32, 0, 7 * 32);
  cases.push_back({"cp_async", [] {
                     const DeviceBuffer<std::uint32_t> words(seeded_words(7 * 32, 3));
                     return words_of(show_cp_async<>, 32, 7 * 128, 7 * 32, words.data());
                   }});
  add("ldmatrix/x1", show_ldmatrix<1, false>, 32, 512, 32);
  add("ldmatrix/x1/transposed", show_ldmatrix<1, true>, 32, 512, 32);
  add("ldmatrix/x2", show_ldmatrix<2, false>, 32, 512, 64);
  add("ldmatrix/x2/transposed", show_ldmatrix<2, true>, 32, 512, 64);
  add("ldmatrix/x4", show_ldmatrix<4, false>, 32, 512, 128);
  add("ldmatrix/x4/transposed", show_ldmatrix<4, true>, 32, 512, 128);
  add("mma/m16n8k16/bf16", show_mma_bf16<>, 32, 0, 128);
  add("mma/m16n8k8/tf32", show_mma_tf32<>, 32, 0, 128);
  add("named barriers and setmaxnreg", show_roles<>, 256, 512, 3 * 128);
}

}  // namespace fusiform::test
