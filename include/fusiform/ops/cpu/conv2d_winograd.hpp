#pragma once
/// Forward convolution with 3 x 3 filters and stride 1, and its gradient with respect to the input (which is the
/// convolution of dy with the filters turned and transposed), by Winograd's minimal filtering.

#include <algorithm>
#include <array>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/winograd_filters.hpp>
#include <fusiform/ops/cpu/winograd_tiles.hpp>
#include <fusiform/ops/filter_cache.hpp>

namespace fusiform::kernels {

/// A block of tiles goes through all three steps (transform, products, transform back) before the next one begins, so
/// that the transformed data stay in the caches. Every element of the result is summed over the channels in their
/// order; neither the batch nor the number of threads changes it.
template <Scalar T, int tile>
class WinogradConvolution {
 public:
  /// `filters`: transformed, see winograd_filters.hpp; `bias` may be nullptr; y: (images, height, width, outputs) with
  /// the images, height and width of `grid`.
  WinogradConvolution(const TiledImages<T>& x, const TileGrid<tile>& grid, const T* filters, Index outputs,
                      const T* bias, bool relu, T* y)
      : x_(x), grid_(grid), filters_(filters), outputs_(outputs), bias_(bias), relu_(relu), y_(y) {}

  void run() const {
    const Index tiles = grid_.tiles();
    if (tiles == 0) return;
    const Index threads = thread_count();
    Index tile_tasks = divide_up(tiles, block_tiles());
    if (tile_tasks < 8 * threads) tile_tasks = std::min(round_up(tile_tasks, threads), divide_up(tiles, tile_rows));
    // Few tiles: share out the outputs too; the tasks then repeat the transform of the input.
    const Index groups = divide_up(outputs_, group_outputs);
    const Index output_tasks = tile_tasks < threads ? std::min(groups, divide_up(threads, tile_tasks)) : 1;
    const Index tiles_each = divide_up(tiles, tile_tasks);
    const Index outputs_each = divide_up(groups, output_tasks) * group_outputs;
    parallel_for(tile_tasks * output_tasks, [&](Index task) {
      const Index first = task / output_tasks * tiles_each;
      const Index first_output = task % output_tasks * outputs_each;
      const Index count = std::min(tiles_each, tiles - first);
      if (count > 0 && first_output < outputs_)
        compute(first, count, first_output, std::min(outputs_, first_output + outputs_each));
    });
  }

 private:
  static constexpr Index positions = winograd_positions<tile>;
  /// Outputs whose products are held at a time: four panels with AVX-512, eight with AVX2.
  static constexpr Index group_outputs = 128;

  /// Tiles per block. As many as the second-level cache holds with their products, but enough of them that reading
  /// the filters (once per block) stays below a few bytes per cycle.
  [[nodiscard]] Index block_tiles() const {
    const Index per_tile = positions * (x_.channels + std::min(outputs_, group_outputs));
    const Index cached = (Index{768} << 10U) / static_cast<Index>(sizeof(T)) / per_tile;
    const Index amortised = x_.channels * outputs_ > 96 * 96 ? 56 : 28;
    return round_up(std::clamp<Index>(cached, amortised, 224), tile_rows);
  }

  void compute(Index first, Index count, Index first_output, Index end_output) const {
    struct TilesScratch {};
    struct ProductsScratch {};
    const Rows rows(count);
    const Index tiles_stride = transformed_tiles_stride<T>(rows.padded, x_.channels);
    const Index products_stride =
        position_stride<T>(rows.padded * round_up(std::min(end_output - first_output, group_outputs), panel_width<T>));
    const TransformedTiles<T> tiles{scratch<TilesScratch, T>(positions * tiles_stride), rows.padded, tiles_stride};
    T* products = scratch<ProductsScratch, T>(positions * products_stride);
    transform_tiles<typename WinogradTransform<tile>::Input, tile>(x_, grid_, first, count, 0, x_.channels, tiles);
    for (Index o = first_output; o < end_output; o += group_outputs) {
      const Index width = std::min(group_outputs, end_output - o);
      multiply(tiles, rows, o, width, products, products_stride);
      store(first, count, o, width, products, products_stride);
    }
  }

  /// Rows of the products: blocks of equal height, the last filled up with rows that nobody reads.
  struct Rows {
    explicit Rows(Index count) {
      const Index blocks = divide_up(count, tile_rows);
      height = round_up(divide_up(count, blocks), 2);
      padded = blocks * height;
    }
    Index height;
    Index padded;
  };

  void multiply(const TransformedTiles<T>& tiles, const Rows& rows, Index o, Index width, T* products,
                Index products_stride) const {
    const Index padded = round_up(width, panel_width<T>);
    const WinogradFilterLayout<T, tile> layout{x_.channels, outputs_};
    T** row_starts = scratch<Rows, T*>(rows.padded);
    for (Index i = 0; i < rows.padded; ++i) row_starts[i] = products + i * padded;
    for (Index p = 0; p < positions; ++p) {
      for (Index k = 0; k < x_.channels; k += block_depth<T>) {
        const Index depth = std::min(block_depth<T>, x_.channels - k);
        for (Index j = 0; j < padded; j += panel_width<T>) {
          const T* panel = filters_ + p * layout.position_size() + layout.offset(k, o + j);
          for (Index i = 0; i < rows.padded; i += rows.height) {
            const TileTarget<T> target{row_starts + i, p * products_stride + j, panel_width<T>, k > 0, nullptr};
            multiply_block(rows.height, depth,
                           tiles.data + p * tiles.stride + (k / block_depth<T> * rows.padded + i) * block_stride<T>,
                           panel, target);
          }
        }
      }
    }
  }

  static void multiply_block(Index height, Index depth, const T* a, const T* b, const TileTarget<T>& target) {
    const auto block = [&]<int rows>(std::integral_constant<int, rows>) {
      micro_kernel<T, RowsOfA<T>, rows, 2>(depth, a, b, target);
    };
    switch (height) {
      case 2:
        return block(std::integral_constant<int, 2>{});
      case 4:
        return block(std::integral_constant<int, 4>{});
      case 6:
        return block(std::integral_constant<int, 6>{});
    }
    if constexpr (tile_rows == 14) {
      switch (height) {
        case 8:
          return block(std::integral_constant<int, 8>{});
        case 10:
          return block(std::integral_constant<int, 10>{});
        case 12:
          return block(std::integral_constant<int, 12>{});
        case 14:
          return block(std::integral_constant<int, 14>{});
      }
    }
  }

  /// Transforms back outputs o to o + width - 1 and writes the pixels that exist.
  void store(Index first, Index count, Index o, Index width, const T* products, Index products_stride) const {
    constexpr Index lanes = simd::lanes<T>;
    using Transform = typename WinogradTransform<tile>::Output;
    const Index padded = round_up(width, panel_width<T>);
    TilePosition<tile> position(grid_, first);
    for (Index t = 0; t < count; ++t, position.advance()) {
      T* corner =
          y_ + ((position.image() * grid_.height + position.row()) * grid_.width + position.column()) * outputs_ + o;
      const Index rows_left = grid_.height - position.row();
      const Index columns_left = grid_.width - position.column();
      for (Index j = 0; j < width; j += lanes) {
        const Index lanes_left = width - j;
        simd::Vector<T> bias{};
        if (bias_ != nullptr)
          bias = lanes_left >= lanes ? simd::load(bias_ + o + j) : simd::load_first(bias_ + o + j, lanes_left);
        transform_square<Transform, T>(
            [&](auto row, auto column) __attribute__((always_inline)) {
              return simd::load(products + (row * (tile + 2) + column) * products_stride + t * padded + j);
            },
            [&](auto row, auto column, simd::Vector<T> value) __attribute__((always_inline)) {
              if (row >= rows_left || column >= columns_left) return;
              value = value + bias;
              if (relu_) value = simd::relu<T>(value);
              T* to = corner + (row * grid_.width + column) * outputs_ + j;
              if (lanes_left >= lanes) {
                simd::store(to, value);
              } else {
                simd::store_first(to, value, lanes_left);
              }
            });
      }
    }
  }

  TiledImages<T> x_;
  TileGrid<tile> grid_;
  const T* filters_;
  Index outputs_;
  const T* bias_;
  bool relu_;
  T* y_;
};

struct WinogradFiltersScratch {};

template <int tile, Scalar T>
void conv2d_forward_winograd(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                             const Conv2dOptions& options, View<T, Cpu> y, FilterCache<T, Cpu>* cache) {
  const WinogradFilterLayout<T, tile> layout{x.shape()[3], y.shape()[3]};
  std::shared_ptr<const Tensor<T, Cpu>> kept;
  if (cache != nullptr) {
    kept = cache->get(weight, tile == 2 ? ConvAlgorithm::winograd_2x2 : ConvAlgorithm::winograd_4x4, layout.size(),
                      [&](View<T, Cpu> made) { winograd_forward_filters<T, tile>(weight, made.data()); });
  } else {
    winograd_forward_filters<T, tile>(weight, scratch<WinogradFiltersScratch, T>(layout.size()));
  }
  const T* filters = kept ? kept->data() : scratch<WinogradFiltersScratch, T>(layout.size());
  const TiledImages<T> images{x.data(), x.shape()[1], x.shape()[2], x.shape()[3], -options.padding};
  const TileGrid<tile> grid{y.shape()[0], y.shape()[1], y.shape()[2]};
  WinogradConvolution<T, tile>(images, grid, filters, y.shape()[3], bias.data(), options.relu, y.data()).run();
}

template <int tile, Scalar T>
void conv2d_backward_input_winograd(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                                    View<T, Cpu> dx) {
  const WinogradFilterLayout<T, tile> layout{dy.shape()[3], dx.shape()[3]};
  T* filters = scratch<WinogradFiltersScratch, T>(layout.size());
  winograd_backward_input_filters<T, tile>(weight, filters);
  const TiledImages<T> images{dy.data(), dy.shape()[1], dy.shape()[2], dy.shape()[3], options.padding - 2};
  const TileGrid<tile> grid{dx.shape()[0], dx.shape()[1], dx.shape()[2]};
  WinogradConvolution<T, tile>(images, grid, filters, dx.shape()[3], nullptr, false, dx.data()).run();
}

}  // namespace fusiform::kernels
