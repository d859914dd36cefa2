#pragma once
/// Conformance cases of wgmma: widths, orders of both operands, descriptors, accumulation.

#include "arch_case.cuh"
#include "kernels/arch/fence.cuh"
#include "kernels/arch/wgmma.cuh"

namespace fusiform::test {

/// Two chained products of whole numbers, so that the sums are exact: the first overwrites the poisoned sums, the
/// second reads the next 16 terms. The words shown are hashes of eight sums. Operands lie in 64 KiB of seeded bf16;
/// mn_major column blocks are 8 KiB apart.
template <int N, arch::Order A, arch::Order B>
__global__ void __launch_bounds__(128, 1) show_wgmma(std::uint32_t* out) {
#if FUSIFORM_HAS_SM90A
  auto* shared = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  for (unsigned word = threadIdx.x; word < 16384; word += 128) shared[word] = seeded_bf16_pair(word);
  arch::fence_proxy_async_shared();
  __syncthreads();
  constexpr std::uint32_t column_blocks = 8192;
  constexpr std::uint32_t a_step = A == arch::Order::k_major ? 32 : 2048,
                          b_step = B == arch::Order::k_major ? 32 : 2048;
  const std::uint32_t a = arch::shared_address(shared), b = a + 24576;
  float sums[N / 2];
  for (int i = 0; i < N / 2; ++i) sums[i] = 1000.0f;
  arch::wgmma_fence();
  arch::wgmma_m64k16<N, A, B>(sums, arch::wgmma_operand(a, column_blocks), arch::wgmma_operand(b, column_blocks),
                              false);
  arch::wgmma_m64k16<N, A, B>(sums, arch::wgmma_operand(a + a_step, column_blocks),
                              arch::wgmma_operand(b + b_step, column_blocks), true);
  arch::wgmma_commit();
  arch::wgmma_wait<0>();
  for (int i = 0; i < N / 16; ++i) {
    std::uint32_t eight_sums = 0;
    for (int j = 0; j < 8; ++j) eight_sums = eight_sums * 0x9e3779b1u + std::uint32_t(int(sums[8 * i + j]));
    out[i * 128 + int(threadIdx.x)] = eight_sums;
  }
#endif
}

template <int N>
void add_wgmma_cases(ArchCases& cases) {
  using arch::Order;
  const std::string name = text("wgmma/m64n", N, "k16/");
  const auto add = [&](const char* orders, auto kernel) {
    cases.push_back({name + orders, [kernel] { return words_of(kernel, 128, 65536, 8 * N); }});
  };
  add("k_major, k_major", show_wgmma<N, Order::k_major, Order::k_major>);
  add("k_major, mn_major", show_wgmma<N, Order::k_major, Order::mn_major>);
  add("mn_major, k_major", show_wgmma<N, Order::mn_major, Order::k_major>);
  add("mn_major, mn_major", show_wgmma<N, Order::mn_major, Order::mn_major>);
}

inline void add_wgmma_cases(ArchCases& cases) {
  add_wgmma_cases<64>(cases);
  add_wgmma_cases<128>(cases);
  add_wgmma_cases<192>(cases);
  add_wgmma_cases<256>(cases);
}

}  // namespace fusiform::test
