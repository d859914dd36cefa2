#pragma once
/// Forward convolution with 3 x 3 filters and stride 1, and its gradient with respect to the input (which is the
/// convolution of dy with the filters turned and transposed), by Winograd's minimal filtering.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>
#include <fusiform/ops/cpu/winograd_filters.hpp>
#include <fusiform/ops/cpu/winograd_products.hpp>
#include <fusiform/ops/cpu/winograd_tiles.hpp>
#include <fusiform/ops/filter_cache.hpp>

namespace fusiform::kernels {

struct WinogradFiltersScratch {};
struct WinogradTilesScratch {};

/// Every element of the result is summed over the channels in their order; neither the batch nor the number of threads
/// nor the order of the work below changes it.
/// `make(first, count, to)` transforms the filters of `count` outputs from `first` on.
template <Scalar T, int tile, class MakeFilters>
class WinogradConvolution {
 public:
  /// `kept`: all filters, transformed, or nullptr if they must be made.
  WinogradConvolution(const TiledImages<T>& x, const WinogradTarget<T, tile>& y, const MakeFilters& make, const T* kept)
      : x_(x), y_(y), make_(make), kept_(kept) {}

  void run() const {
    const Index tiles = y_.grid.tiles();
    if (tiles == 0 || y_.channels == 0) return;
    const WinogradFilterLayout<T, tile> layout{x_.channels, y_.channels};
    const bool large_filters = layout.size() * static_cast<Index>(sizeof(T)) > Index{12} << 20U;
    if (large_filters || divide_up(tiles, tiles_per_block()) < thread_count()) {
      run_by_outputs(tiles);
    } else {
      run_by_tiles(tiles);
    }
  }

 private:
  static constexpr Index positions = winograd_positions<tile>;
  static constexpr Index group_outputs = 64;

  /// Each task takes a block of tiles through all three steps, so that the transformed tiles and their products stay
  /// in its caches, and reads all filters.
  void run_by_tiles(Index tiles) const {
    const WinogradFilters<T, tile> filters = all_filters();
    const Index threads = thread_count();
    Index tasks = divide_up(tiles, tiles_per_block());
    if (tasks < 8 * threads) tasks = std::min(round_up(tasks, threads), divide_up(tiles, tile_rows));
    parallel_ranges(tiles, divide_up(tiles, tasks), [&](Index first, Index end) {
      const WinogradRows rows(end - first);
      const TransformedTiles<T> transformed = make_transformed(rows.padded);
      transform_tiles<typename WinogradTransform<tile>::Input, tile>(x_, y_.grid, first, end - first, 0, x_.channels,
                                                                     transformed);
      for (Index o = 0; o < y_.channels; o += 2 * group_outputs)
        winograd_products(transformed, x_.channels, rows, filters, first, end - first, o,
                          std::min(2 * group_outputs, y_.channels - o), y_);
    });
  }

  /// Each task takes a group of outputs through the products and the transform back, for all tiles of a chunk. Filters
  /// that are larger than the caches are read (or even made) only once for hundreds of tiles.
  void run_by_outputs(Index tiles) const {
    const Index chunk = std::min(tiles, tiles_per_chunk());
    const WinogradRows rows(chunk);
    const TransformedTiles<T> transformed = make_transformed(rows.padded);
    for (Index first = 0; first < tiles; first += chunk) {
      const Index count = std::min(chunk, tiles - first);
      constexpr Index tiles_each = 4;
      parallel_ranges(count, tiles_each, [&](Index begin, Index end) {
        TransformedTiles<T> part = transformed;
        part.data += begin * block_stride<T>;
        transform_tiles<typename WinogradTransform<tile>::Input, tile>(x_, y_.grid, first + begin, end - begin, 0,
                                                                       x_.channels, part);
      });
      parallel_ranges(y_.channels, group_outputs, [&](Index o, Index end) {
        winograd_products(transformed, x_.channels, rows, filters_of(o, end - o), first, count, o, end - o, y_);
      });
    }
  }

  /// As many tiles as the second-level cache holds with their products, but enough of them that reading the filters
  /// stays below a few bytes per cycle.
  [[nodiscard]] Index tiles_per_block() const {
    const Index per_tile = positions * (x_.channels + std::min(y_.channels, 2 * group_outputs));
    const Index cached = (Index{768} << 10U) / static_cast<Index>(sizeof(T)) / per_tile;
    const Index amortised = x_.channels * y_.channels > 96 * 96 ? 56 : 28;
    return round_up(std::clamp<Index>(cached, amortised, 224), tile_rows);
  }

  /// 16 MiB of transformed tiles, which all threads share.
  [[nodiscard]] Index tiles_per_chunk() const {
    const Index fit = (Index{16} << 20U) / static_cast<Index>(sizeof(T)) / (positions * x_.channels);
    return round_up(std::clamp<Index>(fit, 56, 1024), tile_rows);
  }

  [[nodiscard]] TransformedTiles<T> make_transformed(Index rows) const {
    const Index stride = transformed_tiles_stride<T>(rows, x_.channels);
    return {scratch<WinogradTilesScratch, T>(positions * stride), rows, stride};
  }

  [[nodiscard]] WinogradFilters<T, tile> all_filters() const {
    return kept_ == nullptr ? filters_of(0, y_.channels)
                            : WinogradFilters<T, tile>{kept_, {x_.channels, y_.channels}, 0};
  }

  [[nodiscard]] WinogradFilters<T, tile> filters_of(Index first, Index count) const {
    if (kept_ != nullptr) return all_filters();
    const WinogradFilterLayout<T, tile> layout{x_.channels, count};
    T* made = scratch<WinogradFiltersScratch, T>(layout.size());
    make_(first, count, made);
    return {made, layout, first};
  }

  TiledImages<T> x_;
  WinogradTarget<T, tile> y_;
  const MakeFilters& make_;
  const T* kept_;
};

template <int tile, Scalar T>
void conv2d_forward_winograd(View<const T, Cpu> x, View<const T, Cpu> weight, View<const T, Cpu> bias,
                             const Conv2dOptions& options, View<T, Cpu> y, FilterCache<T, Cpu>* cache) {
  const auto make = [&](Index first, Index count, T* to) {
    winograd_forward_filters<T, tile>(weight, first, count, to);
  };
  std::shared_ptr<const Tensor<T, Cpu>> kept;
  if (cache != nullptr) {
    const WinogradFilterLayout<T, tile> layout{x.shape()[3], y.shape()[3]};
    kept = cache->get(weight, tile == 2 ? ConvAlgorithm::winograd_2x2 : ConvAlgorithm::winograd_4x4, layout.size(),
                      [&](View<T, Cpu> all) { make(0, y.shape()[3], all.data()); });
  }
  const TiledImages<T> images{x.data(), x.shape()[1], x.shape()[2], x.shape()[3], -options.padding};
  const WinogradTarget<T, tile> target{
      y.data(), {y.shape()[0], y.shape()[1], y.shape()[2]}, y.shape()[3], bias.data(), options.relu};
  WinogradConvolution<T, tile, decltype(make)>(images, target, make, kept ? kept->data() : nullptr).run();
}

template <int tile, Scalar T>
void conv2d_backward_input_winograd(View<const T, Cpu> dy, View<const T, Cpu> weight, const Conv2dOptions& options,
                                    View<T, Cpu> dx) {
  const auto make = [&](Index first, Index count, T* to) {
    winograd_backward_input_filters<T, tile>(weight, first, count, to);
  };
  const TiledImages<T> images{dy.data(), dy.shape()[1], dy.shape()[2], dy.shape()[3], options.padding - 2};
  const WinogradTarget<T, tile> target{
      dx.data(), {dx.shape()[0], dx.shape()[1], dx.shape()[2]}, dx.shape()[3], nullptr, false};
  WinogradConvolution<T, tile, decltype(make)>(images, target, make, nullptr).run();
}

}  // namespace fusiform::kernels
