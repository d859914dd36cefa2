#pragma once
/// Hopper input gradients that go on through a ReLU: 0 where its output is not positive; NaN lets them pass. What is
/// read of the output comes into the second-level cache while the sums are made.

#include "arch/bfloat16.cuh"
#include "arch/prefetch.cuh"
#include "conv2d_hopper_target.cuh"
#include "wide_access.cuh"

namespace fusiform::kernels {

#if FUSIFORM_HAS_SM90A

/// Asks for the part of a ReLU's output that belongs to the sums of a consumer.
template <class Tile, class T>
__device__ void prefetch_relu(const T* relu_output, const PixelStore& store, int pixel, int channel) {
  constexpr int width = 128 / int(sizeof(T)), lines = Tile::columns / width, count = Tile::rows_per_consumer * lines;
  if (relu_output == nullptr) return;
  for (int i = int(threadIdx.x) % 128; i < count; i += 128) {
    const std::int64_t offset = pixel_offset(store, pixel + i / lines);
    const int c = channel + i % lines * width;
    if (offset >= 0 && c < store.channels) arch::prefetch_l2(relu_output + offset + c);
  }
}

[[nodiscard]] __device__ __forceinline__ bool lets_pass(float relu_output) { return !(relu_output <= 0.0f); }

/// Two bf16 by those of a ReLU's output.
[[nodiscard]] __device__ __forceinline__ std::uint32_t masked_pair(std::uint32_t pair, std::uint32_t relu_output) {
  const auto passes = [](std::uint32_t bits) { return lets_pass(arch::to_float(arch::bf16{std::uint16_t(bits)})); };
  return (passes(relu_output) ? pair & 0xffffu : 0u) | (passes(relu_output >> 16) ? pair & 0xffff0000u : 0u);
}

/// A ReLU's output beside a warp's 16 staged rows: every lane has 16 bytes of four rows.
template <bool Wanted>
class ReluRows {
 public:
  /// Rows of the pixels from `pixel` on.
  __device__ void begin(const PixelStore& store, int pixel) {
    if (store.relu_output == nullptr) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) place_[i] = pixel_place(store, pixel + row(i));
  }

  /// 64 channels.
  __device__ void load(const PixelStore& store, int channel) {
    wanted_ = store.relu_output != nullptr;
    const int c = channel + piece() * 8;
    if (!wanted_ || c >= store.channels) return;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (place_[i] >= 0)
        output_[i] =
            *reinterpret_cast<const SixteenBytes*>(store.relu_output + std::int64_t(place_[i]) * store.channels + c);
  }

  /// To the rows, when all lanes have staged theirs.
  __device__ void apply(std::uint32_t* rows) const {
    if (!wanted_) return;
    __syncwarp();
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      auto& staged = *reinterpret_cast<SixteenBytes*>(rows + row(i) * 32 + (piece() ^ row(i) % 8) * 4);
      SixteenBytes values = staged;
#pragma unroll
      for (int k = 0; k < 4; ++k) values.word[k] = masked_pair(values.word[k], output_[i].word[k]);
      staged = values;
    }
  }

 private:
  [[nodiscard]] __device__ static int piece() { return int(threadIdx.x) % 8; }
  [[nodiscard]] __device__ static int row(int i) { return int(threadIdx.x) % 32 / 8 + i * 4; }

  int place_[4] = {};
  SixteenBytes output_[4] = {};  // of what is not stored: anything
  bool wanted_ = false;
};
template <>
class ReluRows<false> {
 public:
  __device__ void begin(const PixelStore&, int) {}
  __device__ void load(const PixelStore&, int) {}
  __device__ void apply(std::uint32_t*) const {}
};

/// The same for floats in registers: two channels in every 8 of 64.
template <bool Wanted>
class ReluPairs {
 public:
  __device__ void load(const PixelStore& store, std::int64_t offset, int channel) {
    wanted_ = store.relu_floats != nullptr;
    if (!wanted_) return;
#pragma unroll
    for (int piece = 0; piece < 8; ++piece)
      if (channel + piece * 8 < store.channels)
        output_[piece] = *reinterpret_cast<const FloatPair*>(store.relu_floats + offset + channel + piece * 8);
  }
  [[nodiscard]] __device__ FloatPair masked(const FloatPair& values, int piece) const {
    if (!wanted_) return values;
    return {lets_pass(output_[piece].first) ? values.first : 0.0f,
            lets_pass(output_[piece].second) ? values.second : 0.0f};
  }

 private:
  FloatPair output_[8] = {};
  bool wanted_ = false;
};
template <>
class ReluPairs<false> {
 public:
  __device__ void load(const PixelStore&, std::int64_t, int) {}
  [[nodiscard]] __device__ FloatPair masked(const FloatPair& values, int) const { return values; }
};

#endif

}  // namespace fusiform::kernels
