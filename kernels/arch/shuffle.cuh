#pragma once
/// Values from other lanes of the warp. T has 4 or 8 bytes; all lanes of `mask` call it together.

#include "target.cuh"

namespace fusiform::arch {

/// The value of lane `source` (modulo 32).
template <class T>
__device__ inline T shuffle(T value, int source, std::uint32_t mask = 0xffffffffu FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  return cuda_emulation::shuffle_from(mask, value, unsigned(source) % 32, "shuffle", where);
#else
  return __shfl_sync(mask, value, source);
#endif
}

/// The value of the lane whose number differs in the bits of `bits`.
template <class T>
__device__ inline T shuffle_xor(T value, int bits, std::uint32_t mask = 0xffffffffu FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  const unsigned lane = cuda_emulation::current_thread->lane();
  return cuda_emulation::shuffle_from(mask, value, (lane ^ unsigned(bits)) % 32, "shuffle_xor", where);
#else
  return __shfl_xor_sync(mask, value, bits);
#endif
}

/// The value of the lane `distance` above; a lane's own value where there is none.
template <class T>
__device__ inline T shuffle_down(T value, unsigned distance, std::uint32_t mask = 0xffffffffu FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  const unsigned lane = cuda_emulation::current_thread->lane();
  return cuda_emulation::shuffle_from(mask, value, lane + distance < 32 ? lane + distance : lane, "shuffle_down",
                                      where);
#else
  return __shfl_down_sync(mask, value, distance);
#endif
}

/// The value of the lane `distance` below; a lane's own value where there is none.
template <class T>
__device__ inline T shuffle_up(T value, unsigned distance, std::uint32_t mask = 0xffffffffu FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  const unsigned lane = cuda_emulation::current_thread->lane();
  return cuda_emulation::shuffle_from(mask, value, distance <= lane ? lane - distance : lane, "shuffle_up", where);
#else
  return __shfl_up_sync(mask, value, distance);
#endif
}

/// A bit a lane: where `condition` holds.
__device__ inline std::uint32_t ballot(bool condition, std::uint32_t mask = 0xffffffffu FUSIFORM_CALLER) {
#if defined(FUSIFORM_EMULATE_CUDA)
  struct Record {
    bool condition;
    std::uint32_t result;
  } record{condition, 0};
  cuda_emulation::warp_operation(mask, record, "ballot", where, [](Record* const* lanes) {
    std::uint32_t bits = 0;
    for (unsigned i = 0; i < 32; ++i)
      if (lanes[i] != nullptr && lanes[i]->condition) bits |= std::uint32_t(1) << i;
    for (unsigned i = 0; i < 32; ++i)
      if (lanes[i] != nullptr) lanes[i]->result = bits;
  });
  return record.result;
#else
  return __ballot_sync(mask, condition);
#endif
}

}  // namespace fusiform::arch
