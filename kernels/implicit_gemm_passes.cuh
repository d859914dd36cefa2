#pragma once
/// The passes of a convolution as products: result(line, column) = sum over terms of left(line, term) right(column,
/// term). Images are (N, H, W, C), filters (out, kernel_h, kernel_w, in). A linear layer is the convolution of images
/// of one pixel.

#include <algorithm>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/conv2d_shape.hpp>

#include "conv2d_problem.hpp"
#include "implicit_gemm_plan.hpp"
#include "implicit_gemm_readers.cuh"
#include "implicit_gemm_results.cuh"

namespace fusiform::kernels {

/// A product, or one of several of a pass.
template <class Left_, class Right_, class Result_>
struct Product {
  using Left = Left_;
  using Right = Right_;
  using Result = Result_;
  Left left;
  Right right;
  Result result;
  Index lines, columns, terms;

  static constexpr int parts = 1;
  __device__ const Product& part(int) const { return *this; }
};

namespace detail {

/// Pixels of a batch and elements of the filters are counted in 32 bits.
inline void require_small_images(const Shape& images, const Shape& filters) {
  constexpr Index most = Index{1} << 30;
  if (images[0] * images[1] * images[2] > most || filters.size() > most)
    throw ShapeError(text("conv2d: expected at most 2^30 pixels and weights on a GPU, got ", images, " and ", filters));
}

inline Digits digits(Index middle, Index low) {
  return {int(std::max<Index>(middle, 1)), int(std::max<Index>(low, 1))};
}

}  // namespace detail

namespace detail {

/// The left factor of a forward pass, in the order of `grid`.
template <class T, class Grid>
WindowLines<T, Grid> windows_of(View<const T, Cuda> x, const Shape& filters, const Conv2dOptions& options, Index lines,
                                const Grid& grid) {
  const Shape& in = x.shape();
  return {.images = x.data(),
          .height = int(in[1]),
          .width = int(in[2]),
          .channels = int(in[3]),
          .lines = lines,
          .grid = grid,
          .step = int(options.stride),
          .first_row = -int(options.padding),
          .first_column = -int(options.padding),
          .direction = 1,
          .tap_rows = int(filters[1]),
          .taps = digits(filters[2], filters[3])};
}

}  // namespace detail

template <class T, class W, class Y>
using ForwardProduct = Product<WindowLines<T>, MatrixLines<W>, RowsOfMatrix<Y>>;

template <class T, class W, class Y>
ForwardProduct<T, W, Y> forward_product(View<const T, Cuda> x, View<const W, Cuda> weight, const Conv2dOptions& options,
                                        const Shape& output, Y* y) {
  const Shape& filters = weight.shape();
  detail::require_small_images(x.shape(), filters);
  const Index lines = output[0] * output[1] * output[2], terms = filters.without_batch().size();
  return {.left = detail::windows_of(x, filters, options, lines, detail::digits(output[1], output[2])),
          .right = {.matrix = weight.data(), .lines = filters[0], .terms = terms},
          .result = {.data = y, .columns = filters[0]},
          .lines = lines,
          .columns = filters[0],
          .terms = terms};
}

template <class T, class W, class Y>
using MaxPoolProduct = Product<WindowLines<T, WindowGrid>, MatrixLines<W>, WindowMaxima<Y>>;

/// The forward pass to the maxima of 2 x 2 windows of its result, which has the shape `between`; y has `output`.
template <class T, class W, class Y>
MaxPoolProduct<T, W, Y> max_pool_product(View<const T, Cuda> x, View<const W, Cuda> weight,
                                         const Conv2dOptions& options, const Shape& between, const Shape& output, Y* y,
                                         const Conv2dMaxPool& max_pool) {
  const Shape& filters = weight.shape();
  detail::require_small_images(x.shape(), filters);
  detail::require_small_images(between, filters);
  const Index lines = 4 * output[0] * output[1] * output[2], terms = filters.without_batch().size();
  const Digits windows = detail::digits(output[1], output[2]);
  return {.left = detail::windows_of(x, filters, options, lines, WindowGrid{windows}),
          .right = {.matrix = weight.data(), .lines = filters[0], .terms = terms},
          .result = {.maxima = y,
                     .positions = max_pool.positions,
                     .after_relu = max_pool.after_relu,
                     .columns = filters[0],
                     .windows = windows,
                     .width = int(between[2])},
          .lines = lines,
          .columns = filters[0],
          .terms = terms};
}

template <class T, class Y>
using WeightGradientProduct = Product<MatrixTerms<T>, WindowTerms<T>, RowsOfMatrix<Y>>;

template <class T, class Y>
WeightGradientProduct<T, Y> weight_gradient_product(View<const T, Cuda> x, View<const T, Cuda> dy,
                                                    const Conv2dOptions& options, const Shape& filters, Y* dw) {
  const Shape &in = x.shape(), &output = dy.shape();
  detail::require_small_images(in, filters);
  const Index pixels = output[0] * output[1] * output[2], columns = filters.without_batch().size();
  return {.left = {.matrix = dy.data(), .lines = filters[0], .terms = pixels},
          .right = {.images = x.data(),
                    .height = int(in[1]),
                    .width = int(in[2]),
                    .channels = int(in[3]),
                    .step = int(options.stride),
                    .padding = int(options.padding),
                    .line_count = int(columns),
                    .taps = detail::digits(filters[2], filters[3]),
                    .image_count = int(in[0]),
                    .grid = detail::digits(output[1], output[2])},
          .result = {.data = dw, .columns = columns},
          .lines = filters[0],
          .columns = columns,
          .terms = pixels};
}

/// Several products in one launch. `lines`, `columns`, `terms`: at most, of one of them.
template <class Product_>
struct ProductList {
  using Left = typename Product_::Left;
  using Right = typename Product_::Right;
  static constexpr int most = 16;  ///< all lie in the 4 KiB of a kernel's parameters
  Product_ products[most];
  int parts;
  Index lines, columns, terms;

  __device__ const Product_& part(int index) const { return products[index]; }
};

template <class T, class W, class Y>
using InputGradientProduct = Product<WindowLines<T>, FilterTerms<W>, SpreadPixels<Y>>;

namespace detail {

/// In one direction: the pixels `first`, `first` + stride, ... of an image, and every stride-th tap from `first_tap`
/// on, which are those that reach them. The first pixel gets tap `first_tap` from result `first_result`.
struct InputGradientAxis {
  Index first, pixels, first_tap, taps, first_result;

  InputGradientAxis(Index first_pixel, Index size, Index kernel, const Conv2dOptions& options)
      : first(first_pixel),
        pixels(tiles_of(size - first, options.stride)),
        first_tap((first + options.padding) % options.stride),
        taps(first_tap < kernel ? tiles_of(kernel - first_tap, options.stride) : 0),
        first_result((first + options.padding) / options.stride) {}
};

template <class T, class W, class Y>
InputGradientProduct<T, W, Y> input_gradient_product(View<const T, Cuda> dy, View<const W, Cuda> weight, Index stride,
                                                     const Shape& input, const InputGradientAxis& rows,
                                                     const InputGradientAxis& columns, const Y* relu_output, Y* dx) {
  const Shape &filters = weight.shape(), &output = dy.shape();
  const Index tap_rows = columns.taps == 0 ? 0 : rows.taps, pixels = input[0] * rows.pixels * columns.pixels;
  const Digits taps = digits(columns.taps, filters[0]), grid = digits(rows.pixels, columns.pixels);
  return {.left = {.images = dy.data(),
                   .height = int(output[1]),
                   .width = int(output[2]),
                   .channels = int(filters[0]),
                   .lines = pixels,
                   .grid = grid,
                   .step = 1,
                   .first_row = int(rows.first_result),
                   .first_column = int(columns.first_result),
                   .direction = -1,
                   .tap_rows = int(tap_rows),
                   .taps = taps},
          .right = {.filters = weight.data(),
                    .channels = int(input[3]),
                    .kernel_width = int(filters[2]),
                    .kernel_taps = int(filters[1] * filters[2]),
                    .first_tap = int(rows.first_tap * filters[2] + columns.first_tap),
                    .tap_step = int(stride),
                    .tap_rows = int(tap_rows),
                    .taps = taps},
          .result = {.data = dx,
                     .relu_output = relu_output,
                     .height = int(input[1]),
                     .width = int(input[2]),
                     .channels = int(input[3]),
                     .grid = grid,
                     .first_row = int(rows.first),
                     .first_column = int(columns.first),
                     .step = int(stride)},
          .lines = pixels,
          .columns = input[3],
          .terms = tap_rows * columns.taps * filters[0]};
}

}  // namespace detail

/// The input gradient of a stride s is one product for each remainder of (row + padding) and (column + padding) by s:
/// its pixels are reached by every s-th tap only, and these are all that is multiplied. One list is one launch. With
/// `relu_output`, nullptr or as dx, dx is 0 where that is not positive.
template <class T, class W, class Y>
std::vector<ProductList<InputGradientProduct<T, W, Y>>> input_gradient_products(View<const T, Cuda> dy,
                                                                                View<const W, Cuda> weight,
                                                                                const Conv2dOptions& options,
                                                                                const Shape& input,
                                                                                const Y* relu_output, Y* dx) {
  const Shape& filters = weight.shape();
  detail::require_small_images(input, filters);
  detail::require_small_images(dy.shape(), filters);
  std::vector<ProductList<InputGradientProduct<T, W, Y>>> lists;
  for (Index row = 0; row < std::min(options.stride, input[1]); ++row)
    for (Index column = 0; column < std::min(options.stride, input[2]); ++column) {
      if (lists.empty() || lists.back().parts == lists.back().most) lists.emplace_back();
      auto& list = lists.back();
      const auto product = detail::input_gradient_product(
          dy, weight, options.stride, input, detail::InputGradientAxis(row, input[1], filters[1], options),
          detail::InputGradientAxis(column, input[2], filters[2], options), relu_output, dx);
      list.products[list.parts++] = product;
      list.lines = std::max(list.lines, product.lines);
      list.columns = product.columns;
      list.terms = std::max(list.terms, product.terms);
    }
  return lists;
}

}  // namespace fusiform::kernels
