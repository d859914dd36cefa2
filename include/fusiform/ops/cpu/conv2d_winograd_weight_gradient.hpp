#pragma once
/// Gradient of a convolution with 3 x 3 filters and stride 1 with respect to its filters, by Winograd's minimal
/// filtering: dg = G^T [sum over tiles of (A dy A^T) * (B^T d B)] G, the transpose of the forward algorithm.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/add_chunks.hpp>
#include <fusiform/ops/cpu/gemm.hpp>
#include <fusiform/ops/cpu/winograd_tiles.hpp>

namespace fusiform::kernels {

/// A(i, k) = a[k * block_stride + i] and B(k, j) = b[k * block_stride + j]: the sum runs over transformed tiles.
template <Scalar T>
struct SumOverTiles {
  static constexpr Index a_row = 1;
  static constexpr Index a_step = block_stride<T>;
  static constexpr Index b_step = block_stride<T>;
};

struct WinogradPartialScratch {};

/// The filters are cut into blocks and the tiles into chunks that depend on the shapes only; each chunk of each block
/// is one task with sums of its own, and the chunks are added in their order. So the bits do not depend on the number
/// of threads.
template <Scalar T, int tile>
class WinogradWeightGradient {
 public:
  /// x and dy share the grid: that of the output pixels. dw: (outputs, 3, 3, channels).
  WinogradWeightGradient(const TiledImages<T>& x, const TiledImages<T>& dy, const TileGrid<tile>& grid, T* dw)
      : x_(x), dy_(dy), grid_(grid), dw_(dw) {}

  void run() const {
    const Index size = dy_.channels * 9 * x_.channels;
    const Index tiles = grid_.tiles();
    if (tiles == 0) {
      std::fill_n(dw_, size, T{});
      return;
    }
    const Index input_blocks = divide_up(x_.channels, block_inputs);
    const Index output_blocks = divide_up(dy_.channels, block_outputs);
    const Index blocks = input_blocks * output_blocks;
    const Index chunks = std::clamp<Index>(divide_up(tasks_wanted, blocks), 1, divide_up(tiles, tiles_worthwhile));
    const Index chunk_tiles = divide_up(tiles, chunks);
    T* partial = chunks > 1 ? scratch<WinogradPartialScratch, T>((chunks - 1) * size) : nullptr;
    parallel_for(chunks * blocks, [&](Index task) {
      const Index chunk = task / blocks;
      const Index block = task % blocks;
      const Block here{.input = block % input_blocks * block_inputs,
                       .inputs = std::min(block_inputs, x_.channels - block % input_blocks * block_inputs),
                       .output = block / input_blocks * block_outputs,
                       .outputs = std::min(block_outputs, dy_.channels - block / input_blocks * block_outputs)};
      compute(std::min(tiles, chunk * chunk_tiles), std::min(tiles, (chunk + 1) * chunk_tiles), here,
              chunk == 0 ? dw_ : partial + (chunk - 1) * size);
    });
    add_chunks(partial, chunks - 1, size, dw_);
  }

 private:
  static constexpr Index positions = winograd_positions<tile>;
  /// A block's sums (36 of them per filter) stay in the second- or third-level cache; its inputs and outputs lie in one
  /// slice of the transformed tiles. The tiles of dy are transformed once for each block of inputs, those of x for
  /// each of outputs: 6 % of the products' time at 512 x 512 channels.
  static constexpr Index block_inputs = 128;
  static constexpr Index block_outputs = block_depth<T>;
  static constexpr Index tasks_wanted = 16;
  static constexpr Index tiles_worthwhile = 448;

  struct Block {
    Index input, inputs, output, outputs;
  };

  /// Tiles transformed together: the depth of the products. Equal parts of all tiles, as the sums are read and written
  /// once for each.
  [[nodiscard]] static Index depth_of(const Block& block, Index tiles) {
    const Index per_tile = positions * (block.inputs + block.outputs);
    const Index cached = (Index{768} << 10U) / static_cast<Index>(sizeof(T)) / per_tile;
    const Index wanted = std::clamp<Index>(cached, 56, 224);
    return divide_up(tiles, std::max<Index>(1, (tiles + wanted / 2) / wanted));
  }

  void compute(Index first, Index end, const Block& block, T* dw) const {
    struct InputTilesScratch {};
    struct OutputTilesScratch {};
    struct SumsScratch {};
    const Index depth = depth_of(block, std::max<Index>(1, end - first));
    const TransformedTiles<T> inputs = make_tiles<InputTilesScratch>(depth, block.inputs);
    const TransformedTiles<T> outputs = make_tiles<OutputTilesScratch>(depth, block.outputs);
    const Index row = round_up(block.inputs, panel_width<T>);
    const Index sums_stride = position_stride<T>(block.outputs * row);
    T* sums = scratch<SumsScratch, T>(positions * sums_stride);
    if (first >= end) std::fill_n(sums, positions * sums_stride, T{});
    for (Index t = first; t < end; t += depth) {
      const Index count = std::min(depth, end - t);
      transform_tiles<typename WinogradTransform<tile>::Input, tile>(x_, grid_, t, count, block.input, block.inputs,
                                                                     inputs);
      transform_tiles<typename WinogradTransform<tile>::OutputGradient, tile>(dy_, grid_, t, count, block.output,
                                                                              block.outputs, outputs);
      multiply(count, block, inputs, outputs, t > first, sums, sums_stride);
    }
    store(block, sums, sums_stride, dw);
  }

  template <class Purpose>
  [[nodiscard]] static TransformedTiles<T> make_tiles(Index rows, Index channels) {
    const Index stride = transformed_tiles_stride<T>(rows, channels);
    return {scratch<Purpose, T>(positions * stride), rows, stride};
  }

  /// sums(position, output, input) (+)= sum over tiles of outputs(position, tile, output) inputs(position, tile,
  /// input).
  void multiply(Index count, const Block& block, const TransformedTiles<T>& inputs, const TransformedTiles<T>& outputs,
                bool accumulate, T* sums, Index sums_stride) const {
    const Index row = round_up(block.inputs, panel_width<T>);
    T** rows = scratch<Block, T*>(block.outputs);
    for (Index o = 0; o < block.outputs; ++o) rows[o] = sums + o * row;
    for (Index p = 0; p < positions; ++p) {
      const T* a = outputs.data + p * outputs.stride;
      for (Index c = 0; c < row; c += panel_width<T>) {
        const TileTarget<T> target{rows, p * sums_stride + c, panel_width<T>, accumulate, nullptr};
        multiply_panel<SumOverTiles<T>>(
            block.outputs, count, [&](Index o) { return a + o; }, inputs.data + p * inputs.stride + c, target);
      }
    }
  }

  void store(const Block& block, const T* sums, Index sums_stride, T* dw) const {
    constexpr Index lanes = simd::lanes<T>;
    const Index row = round_up(block.inputs, panel_width<T>);
    for (Index o = 0; o < block.outputs; ++o) {
      T* filter = dw + (block.output + o) * 9 * x_.channels + block.input;
      for (Index c = 0; c < block.inputs; c += lanes) {
        const Index lanes_left = block.inputs - c;
        transform_square<typename WinogradTransform<tile>::FilterGradient, T>(
            [&](auto i, auto j) __attribute__((always_inline)) {
              return simd::load(sums + (i * (tile + 2) + j) * sums_stride + o * row + c);
            },
            [&](auto i, auto j, simd::Vector<T> value) __attribute__((always_inline)) {
              T* to = filter + (i * 3 + j) * x_.channels + c;
              simd::store_up_to(to, value, lanes_left);
            });
      }
    }
  }

  TiledImages<T> x_;
  TiledImages<T> dy_;
  TileGrid<tile> grid_;
  T* dw_;
};

template <int tile, Scalar T>
void conv2d_backward_weight_winograd(View<const T, Cpu> x, View<const T, Cpu> dy, const Conv2dOptions& options,
                                     View<T, Cpu> dw) {
  const TiledImages<T> inputs{x.data(), x.shape()[1], x.shape()[2], x.shape()[3], -options.padding};
  const TiledImages<T> outputs{dy.data(), dy.shape()[1], dy.shape()[2], dy.shape()[3], 0};
  const TileGrid<tile> grid{dy.shape()[0], dy.shape()[1], dy.shape()[2]};
  WinogradWeightGradient<T, tile>(inputs, outputs, grid, dw.data()).run();
}

}  // namespace fusiform::kernels
