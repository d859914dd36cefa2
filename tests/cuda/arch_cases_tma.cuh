#pragma once
/// Conformance cases of the copy engine: tiled and im2col loads, tiled stores, and the mbarriers they arrive on.

#include "arch_case.cuh"
#include "kernels/arch/fence.cuh"
#include "kernels/arch/mbarrier.cuh"
#include "kernels/arch/tma.cuh"

namespace fusiform::test {

struct Box {
  int at[4];
};

/// Coordinates of an im2col load.
struct Column {
  int channel, x, y, image, tap_x, tap_y;
};

/// The barrier lies behind the tile.
__device__ inline std::uint64_t* barrier_behind(unsigned bytes) {
  return reinterpret_cast<std::uint64_t*>(static_cast<unsigned char*>(arch::dynamic_shared_memory()) + bytes);
}

__device__ inline void prepare_barrier(std::uint64_t* barrier) {
  if (threadIdx.x == 0) {
    arch::mbarrier_init(barrier, 1);
    arch::fence_mbarrier_init();
  }
  __syncthreads();
}

__device__ inline void dump_tile(std::uint32_t* out, const void* tile, unsigned bytes) {
  const auto* words = static_cast<const std::uint32_t*>(tile);
  for (unsigned i = threadIdx.x; i < bytes / 4; i += blockDim.x) out[i] = words[i];
}

/// The tile begins `offset` bytes behind the start of shared memory.
template <int Rank>
__global__ void show_tiled_load(std::uint32_t* out, const __grid_constant__ arch::TensorMap map, Box box,
                                unsigned bytes, unsigned offset) {
#if FUSIFORM_HAS_SM90A
  std::uint64_t* barrier = barrier_behind(offset + bytes);
  auto* tile = static_cast<unsigned char*>(arch::dynamic_shared_memory()) + offset;
  prepare_barrier(barrier);
  if (threadIdx.x == 0) {
    arch::tma_prefetch_map(&map);
    arch::mbarrier_arrive_expect_bytes(barrier, bytes);
    if constexpr (Rank == 2) arch::tma_load_2d(tile, &map, barrier, box.at[0], box.at[1]);
    if constexpr (Rank == 3) arch::tma_load_3d(tile, &map, barrier, box.at[0], box.at[1], box.at[2]);
    if constexpr (Rank == 4) arch::tma_load_4d(tile, &map, barrier, box.at[0], box.at[1], box.at[2], box.at[3]);
  }
  arch::mbarrier_wait(barrier, 0);
  dump_tile(out, tile, bytes);
#endif
}

template <int = 0>
__global__ void show_im2col_load(std::uint32_t* out, const __grid_constant__ arch::TensorMap map, Column column,
                                 unsigned bytes) {
#if FUSIFORM_HAS_SM90A
  std::uint64_t* barrier = barrier_behind(bytes);
  prepare_barrier(barrier);
  if (threadIdx.x == 0) {
    arch::mbarrier_arrive_expect_bytes(barrier, bytes);
    arch::tma_load_im2col(arch::dynamic_shared_memory(), &map, barrier, column.channel, column.x, column.y,
                          column.image, std::uint16_t(column.tap_x), std::uint16_t(column.tap_y));
  }
  arch::mbarrier_wait(barrier, 0);
  dump_tile(out, arch::dynamic_shared_memory(), bytes);
#endif
}

/// Fills the tile with seeded words and stores it twice, as two groups, at two places.
template <int Rank>
__global__ void show_tiled_store(std::uint32_t*, const __grid_constant__ arch::TensorMap map, Box first, Box second,
                                 unsigned bytes) {
#if FUSIFORM_HAS_SM90A
  auto* words = static_cast<std::uint32_t*>(arch::dynamic_shared_memory());
  for (unsigned i = threadIdx.x; i < bytes / 4; i += blockDim.x) words[i] = seeded_word(i + 77);
  arch::fence_proxy_async_shared();
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (const Box& box : {first, second}) {
    if constexpr (Rank == 2) arch::tma_store_2d(&map, words, box.at[0], box.at[1]);
    if constexpr (Rank == 3) arch::tma_store_3d(&map, words, box.at[0], box.at[1], box.at[2]);
    if constexpr (Rank == 4) arch::tma_store_4d(&map, words, box.at[0], box.at[1], box.at[2], box.at[3]);
    arch::tma_store_commit();
  }
  arch::tma_store_wait_read<1>();
  arch::tma_store_wait<0>();
#endif
}

/// What tests of both parities say after every event of four phases; the last two need bytes of a load.
template <int = 0>
__global__ void show_mbarrier_phases(std::uint32_t* out, const __grid_constant__ arch::TensorMap map, unsigned bytes) {
#if FUSIFORM_HAS_SM90A
  if (threadIdx.x != 0) return;
  std::uint64_t* barrier = barrier_behind(bytes);
  const auto show = [&] { *out++ = unsigned(arch::mbarrier_test(barrier, 0)) + 2u * arch::mbarrier_test(barrier, 1); };
  arch::mbarrier_init(barrier, 2);
  arch::fence_mbarrier_init();
  show();
  for (int phase = 0; phase < 2; ++phase)
    for (int arrival = 0; arrival < 2; ++arrival) {
      arch::mbarrier_arrive(barrier);
      show();
    }
  for (unsigned phase = 0; phase < 2; ++phase) {
    arch::mbarrier_arrive_expect_bytes(barrier, bytes);
    arch::mbarrier_arrive_expect_bytes(barrier, bytes);  // both arrivals, half of the bytes
    arch::tma_load_2d(arch::dynamic_shared_memory(), &map, barrier, 0, 0);
    show();
    arch::tma_load_2d(arch::dynamic_shared_memory(), &map, barrier, 0, 0);
    arch::mbarrier_wait(barrier, phase);
    show();
  }
#endif
}

class TmaCases {
 public:
  explicit TmaCases(ArchCases& cases) : cases_(cases) {}

  void add() {
    tiled_loads();
    im2col_loads();
    stores();
    cases_.push_back(
        {"mbarrier/phases", [] {
           const DeviceBuffer<std::uint32_t> data(seeded_words(32 * 4));
           const Map map{.data = data.data(), .scalar = arch::MapScalar::f32, .extent = {32, 4}, .box = {32, 4}};
           return words_of(show_mbarrier_phases<>, 32, 520, 9, arch::make_tensor_map(map), 512u);
         }});
    refused();
  }

 private:
  using Map = arch::TiledMap;
  static constexpr arch::Swizzle swizzles[] = {arch::Swizzle::none, arch::Swizzle::bytes_32, arch::Swizzle::bytes_64,
                                               arch::Swizzle::bytes_128};
  static constexpr arch::MapScalar f32 = arch::MapScalar::f32;

  static unsigned box_bytes(const Map& map) {
    unsigned bytes = arch::bytes_of(map.scalar);
    for (const std::uint32_t extent : map.box) bytes *= extent;
    return bytes;
  }
  /// Elements in a row of a box that suits the swizzle.
  static unsigned row_of(arch::Swizzle swizzle, arch::MapScalar scalar) {
    return (swizzle == arch::Swizzle::none ? 48 : arch::bytes_of(swizzle)) / arch::bytes_of(scalar);
  }

  template <int Rank>
  void load(const std::string& name, Map map, const Box& box, unsigned offset = 0) {
    cases_.push_back({text("tma_load_", Rank, "d/", name), [=]() mutable {
                        const DeviceBuffer<std::uint32_t> data(seeded_words(40 * 24 * 2 * 2));
                        map.data = data.data();
                        const unsigned bytes = box_bytes(map);
                        return words_of(show_tiled_load<Rank>, 64, offset + bytes + 8, bytes / 4,
                                        arch::make_tensor_map(map), box, bytes, offset);
                      }});
  }

  void tiled_loads() {
    for (const arch::Swizzle swizzle : swizzles) {
      const std::string name = text("swizzle ", arch::bytes_of(swizzle));
      const Map map{.extent = {80, 24}, .box = {row_of(swizzle, arch::MapScalar::bfloat), 16}, .swizzle = swizzle};
      load<2>(name + "/inside", map, {{8, 3}});
      load<2>(name + "/above", map, {{72, -5}});
      load<2>(name + "/before", map, {{-8, 13}});
      load<2>(name + "/f32", {.scalar = f32, .extent = {40, 24}, .box = {row_of(swizzle, f32), 8}, .swizzle = swizzle},
              {{36, 20}});
      // The pattern goes by the address, wherever the tile begins.
      load<2>(name + "/at an odd multiple of 128 bytes", map, {{8, 3}}, 128);
    }
    load<3>("dense", {.extent = {40, 6, 8}, .box = {32, 2, 3}}, {{16, 5, 6}});
    load<3>("strided",
            {.extent = {72, 3, 16}, .stride = {160, 48}, .box = {64, 1, 8}, .swizzle = arch::Swizzle::bytes_128},
            {{64, 2, 11}});
    load<4>("swizzle 32", {.extent = {16, 5, 4, 6}, .box = {16, 3, 2, 2}, .swizzle = arch::Swizzle::bytes_32},
            {{8, 3, -1, 4}});
  }

  void im2col(const std::string& name, arch::Im2colMap map, const Column& column) {
    cases_.push_back({"tma_load_im2col/" + name, [=]() mutable {
                        const DeviceBuffer<std::uint32_t> data(seeded_words(3 * 7 * 9 * 72 / 2, 5));
                        map.data = data.data();
                        const unsigned bytes = map.box_channels * arch::bytes_of(map.scalar) * map.box_pixels;
                        return words_of(show_im2col_load<>, 64, bytes + 8, bytes / 4, arch::make_tensor_map(map),
                                        column, bytes);
                      }});
  }

  static arch::Im2colMap convolution(int kernel, int padding, int stride) {
    return {.images = 3,
            .height = 7,
            .width = 9,
            .channels = 72,
            .lower_row = -padding,
            .lower_column = -padding,
            .upper_row = padding - kernel + 1,
            .upper_column = padding - kernel + 1,
            .row_step = stride,
            .column_step = stride,
            .box_pixels = 24};
  }

  void im2col_loads() {
    im2col("1x1", convolution(1, 0, 1), {0, 0, 0, 0, 0, 0});
    im2col("1x1/ragged channels", convolution(1, 0, 1), {64, 4, 6, 1, 0, 0});
    im2col("3x3/padding 1", convolution(3, 1, 1), {0, 6, 4, 0, 0, 0});
    im2col("3x3/padding 1/last tap", convolution(3, 1, 1), {0, 6, 4, 0, 2, 2});
    im2col("3x3/padding 1/behind the last image", convolution(3, 1, 1), {0, 2, 3, 2, 1, 2});
    im2col("3x3/padding 0", convolution(3, 0, 1), {0, 5, 4, 1, 2, 1});
    im2col("3x3/padding 2", convolution(3, 2, 1), {8, -2, 2, 0, 0, 2});
    im2col("3x3/padding 1/stride 2", convolution(3, 1, 2), {0, 3, 3, 0, 2, 0});
    im2col("3x3/padding 0/stride 2", convolution(3, 0, 2), {0, 4, 2, 1, 1, 1});
    im2col("5x5/padding 2", convolution(5, 2, 1), {16, 3, -2, 1, 4, 3});
    im2col("5x5/padding 2/stride 2", convolution(5, 2, 2), {0, 2, 4, 0, 4, 0});
    arch::Im2colMap map = convolution(3, 1, 1);
    map.row_step = 3;
    map.upper_column = 0;
    map.lower_row = -2;
    im2col("uneven box", map, {0, 7, 1, 0, 1, 2});
    map = convolution(3, 1, 1);
    map.scalar = f32;
    map.channels = 36;
    map.box_channels = 32;
    im2col("f32", map, {8, 5, 2, 1, 0, 1});
    map = convolution(3, 1, 1);
    map.swizzle = arch::Swizzle::none;
    map.box_channels = 24;
    im2col("no swizzle", map, {56, 5, 2, 1, 0, 1});
  }

  template <int Rank>
  void store(const std::string& name, Map map, std::size_t words, const Box& first, const Box& second) {
    cases_.push_back({text("tma_store_", Rank, "d/", name), [=]() mutable {
                        const DeviceBuffer<std::uint32_t> data(Words(words, untouched));
                        map.data = data.data();
                        (void)words_of(show_tiled_store<Rank>, 64, box_bytes(map), 0, arch::make_tensor_map(map), first,
                                       second, box_bytes(map));
                        return data.download();
                      }});
  }

  void stores() {
    for (const arch::Swizzle swizzle : swizzles)
      store<2>(text("swizzle ", arch::bytes_of(swizzle)),
               {.extent = {72, 20}, .box = {row_of(swizzle, arch::MapScalar::bfloat), 9}, .swizzle = swizzle}, 36 * 20,
               {{8, 3}}, {{64, 15}});
    store<3>("f32", {.scalar = f32, .extent = {12, 5, 3}, .box = {8, 2, 2}}, 12 * 5 * 3, {{0, 0, 0}}, {{8, 4, 2}});
    store<4>("bf16", {.extent = {16, 3, 4, 2}, .box = {8, 2, 2, 1}}, 16 * 3 * 4 * 2 / 2, {{0, 2, 1, 0}},
             {{8, 0, 2, 1}});
  }

  /// What an H100 answers with an illegal instruction or, for the misplaced tile, a misaligned address.
  void refused() {
    const Map map{.extent = {80, 24}, .box = {64, 16}, .swizzle = arch::Swizzle::bytes_128};
    load<2>("refused/x 3", map, {{3, 0}});
    load<2>("refused/x -3", map, {{-3, 0}});
    load<2>("refused/f32 x 2", {.scalar = f32, .extent = {40, 24}, .box = {32, 8}}, {{2, 0}});
    load<2>("refused/at a multiple of 64 bytes", map, {{8, 3}}, 64);
    im2col("refused/channel 4", convolution(3, 1, 1), {4, 6, 4, 0, 0, 0});
    store<2>("refused/y -1", map, 40 * 24, {{0, -1}}, {{0, 0}});
    store<2>("refused/x -8", map, 40 * 24, {{-8, 0}}, {{0, 0}});
    store<2>("refused/x 4", map, 40 * 24, {{4, 0}}, {{0, 0}});
  }

  ArchCases& cases_;
};

}  // namespace fusiform::test
