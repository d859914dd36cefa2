#pragma once
/// Filters in the form in which Winograd's convolution multiplies by them: for each of the product positions (36 with
/// tile 4) a matrix (depth, outputs), cut into slices of block_depth rows and these into panels, see gemm.hpp.

#include <algorithm>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/scratch.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/gemm.hpp>
#include <fusiform/ops/cpu/winograd_transform.hpp>

namespace fusiform::kernels {

/// Where the pieces of transformed filters lie.
template <Scalar T, int tile>
struct WinogradFilterLayout {
  Index depth;
  Index outputs;

  [[nodiscard]] Index padded_outputs() const noexcept { return round_up(outputs, panel_width<T>); }
  [[nodiscard]] Index stride() const noexcept { return position_stride<T>(depth * padded_outputs()); }
  [[nodiscard]] Index size() const noexcept { return winograd_positions<tile> * stride(); }
  /// Row k of the panel that holds output j, at position 0.
  [[nodiscard]] Index offset(Index k, Index j) const noexcept {
    const Index slice = k / block_depth<T> * block_depth<T>;
    const Index slice_depth = std::min(block_depth<T>, depth - slice);
    return slice * padded_outputs() + j / panel_width<T> * panel_width<T> * slice_depth + (k - slice) * panel_width<T>;
  }
};

/// Filters first_output, first_output + 1, ... of a convolution, transformed.
template <Scalar T, int tile>
struct WinogradFilters {
  const T* data;
  WinogradFilterLayout<T, tile> layout;
  Index first_output;

  [[nodiscard]] const T* panel(Index position, Index k, Index output) const noexcept {
    return data + position * layout.stride() + layout.offset(k, output - first_output);
  }
};

/// For the forward pass: depth is the input channels, outputs are `count` output channels from `first` on. Lanes run
/// over the input channels, in which the filters are contiguous; squares are transposed on their way into the panels.
template <Scalar T, int tile>
void winograd_forward_filters(View<const T, Cpu> weight, Index first, Index count, T* transformed) {
  struct SquaresScratch {};
  constexpr Index lanes = simd::lanes<T>;
  constexpr Index positions = winograd_positions<tile>;
  const Index channels = weight.shape()[3];
  const WinogradFilterLayout<T, tile> layout{channels, count};
  parallel_for(layout.padded_outputs() / lanes, [&](Index group) {
    T* squares = scratch<SquaresScratch, T>(positions * lanes * lanes);
    const Index o = group * lanes;
    for (Index c = 0; c < channels; c += lanes) {
      const Index lanes_left = channels - c;
      for (Index i = 0; i < lanes; ++i) {
        const T* taps = weight.data() + (first + o + i) * 9 * channels + c;
        const Index exist = o + i < count ? lanes_left : 0;
        // The next 9 vectors of this filter. They lie in 9 pages, too many of them at a time for the hardware.
        if (exist > lanes)
          for (Index tap = 0; tap < 9; ++tap) __builtin_prefetch(taps + tap * channels + lanes);
        transform_square<typename WinogradTransform<tile>::Filter, T>(
            [&](auto row, Index column) __attribute__((always_inline)) {
              const T* tap = taps + (row * 3 + column) * channels;
              return simd::load_up_to(tap, exist);
            },
            [&](Index row, auto column, simd::Vector<T> value) __attribute__((always_inline)) {
              simd::store(squares + ((row * (tile + 2) + column) * lanes + i) * lanes, value);
            });
      }
      for (Index p = 0; p < positions; ++p) {
        simd::Vector<T> square[lanes];
        for (Index i = 0; i < lanes; ++i) square[i] = simd::load(squares + (p * lanes + i) * lanes);
        simd::transpose<T>(square);
        // block_depth is a multiple of the lanes: the square lies in one slice.
        T* to = transformed + p * layout.stride() + layout.offset(c, o) + o % panel_width<T>;
        for (Index k = 0; k < std::min(lanes, lanes_left); ++k) simd::store(to + k * panel_width<T>, square[k]);
      }
    }
  });
}

/// For the gradient with respect to the input: depth is the output channels, outputs are `count` input channels from
/// `first` on, and the filters are turned by 180 degrees.
template <Scalar T, int tile>
void winograd_backward_input_filters(View<const T, Cpu> weight, Index first, Index count, T* transformed) {
  constexpr Index lanes = simd::lanes<T>;
  constexpr Index rows_each = 8;
  const Index depth = weight.shape()[0];
  const Index channels = weight.shape()[3];
  const WinogradFilterLayout<T, tile> layout{depth, count};
  parallel_ranges(depth, rows_each, [&](Index begin, Index end) {
    for (Index c = 0; c < layout.padded_outputs(); c += lanes) {
      const Index exist = std::max<Index>(0, count - c);
      for (Index o = begin; o < end; ++o) {
        const T* taps = weight.data() + o * 9 * channels + first + c;
        T* to = transformed + layout.offset(o, c) + c % panel_width<T>;
        transform_square<typename WinogradTransform<tile>::Filter, T>(
            [&](auto row, Index column) __attribute__((always_inline)) {
              const T* tap = taps + ((2 - row) * 3 + 2 - column) * channels;
              return simd::load_up_to(tap, exist);
            },
            [&](Index row, auto column, simd::Vector<T> value) __attribute__((always_inline)) {
              simd::store(to + (row * (tile + 2) + column) * layout.stride(), value);
            });
      }
    }
  });
}

}  // namespace fusiform::kernels
