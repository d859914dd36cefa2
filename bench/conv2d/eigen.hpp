#pragma once
/// What one writes with a matrix library: images unrolled into columns (im2col) and Eigen's matrix product, images in
/// parallel. Images are (N, C, H, W), filters (out, in, kernel_h, kernel_w), the layout im2col is usually written for.

#include <Eigen/Dense>
#include <algorithm>
#include <memory>
#include <vector>

#include <fusiform/core/parallel.hpp>

#include "implementation.hpp"

namespace fusiform::bench::eigen {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// (N, H, W, C) to (N, C, H, W); for filters (out, h, w, in) to (out, in, h, w).
inline std::vector<float> channels_first(const Tensor<float, Cpu>& from) {
  const Shape& shape = from.shape();
  const Index pixels = shape[1] * shape[2];
  const Index channels = shape[3];
  std::vector<float> to(static_cast<std::size_t>(from.size()));
  for (Index n = 0; n < shape[0]; ++n)
    for (Index pixel = 0; pixel < pixels; ++pixel)
      for (Index c = 0; c < channels; ++c)
        to[static_cast<std::size_t>((n * channels + c) * pixels + pixel)] = from[(n * pixels + pixel) * channels + c];
  return to;
}

/// The inverse of `channels_first`, for a result of the given shape.
inline Tensor<float, Cpu> channels_last(const float* from, const Shape& shape) {
  const Index pixels = shape[1] * shape[2];
  const Index channels = shape[3];
  Tensor<float, Cpu> to(shape);
  for (Index n = 0; n < shape[0]; ++n)
    for (Index pixel = 0; pixel < pixels; ++pixel)
      for (Index c = 0; c < channels; ++c)
        to[(n * pixels + pixel) * channels + c] = from[(n * channels + c) * pixels + pixel];
  return to;
}

/// Calls row(image_row, column_row, first, last) for every row of pixels that one filter element sees: output pixels
/// first..last - 1 of `column_row` lie on image_row[j * stride + b - padding]; a row outside the image is nullptr.
template <class Pixel, class Row>
void for_each_row(const ConvolutionCase& shape, Index out_size, Pixel* image, Pixel* columns, const Row& row) {
  for (Index c = 0; c < shape.in; ++c)
    for (Index a = 0; a < shape.kernel; ++a)
      for (Index b = 0; b < shape.kernel; ++b) {
        const Index offset = b - shape.padding;
        const Index first = offset >= 0 ? 0 : std::min(out_size, (-offset + shape.stride - 1) / shape.stride);
        const Index reach = shape.size - 1 - offset;
        const Index last = reach < 0 ? first : std::max(first, std::min(out_size, reach / shape.stride + 1));
        for (Index i = 0; i < out_size; ++i, columns += out_size) {
          const Index y = i * shape.stride + a - shape.padding;
          const bool inside = y >= 0 && y < shape.size;
          row(inside ? image + (c * shape.size + y) * shape.size : nullptr, columns, offset, first, last);
        }
      }
}

/// image (in, H, W) -> columns (in * kernel * kernel, H' * W')
inline void image_to_columns(const ConvolutionCase& shape, Index out_size, float* image, float* columns) {
  const auto copy_row = [&](const float* from, float* to, Index offset, Index first, Index last) {
    if (from == nullptr) first = last = out_size;
    std::fill(to, to + first, 0.0F);
    if (shape.stride == 1 && last > first)
      std::copy(from + first + offset, from + last + offset, to + first);
    else
      for (Index j = first; j < last; ++j) to[j] = from[j * shape.stride + offset];
    std::fill(to + last, to + out_size, 0.0F);
  };
  for_each_row(shape, out_size, image, columns, copy_row);
}

/// The transpose of `image_to_columns`: every pixel becomes the sum of the column elements it was copied to.
inline void columns_to_image(const ConvolutionCase& shape, Index out_size, float* columns, float* image) {
  std::fill_n(image, shape.in * shape.size * shape.size, 0.0F);
  const auto add_row = [&](float* to, const float* from, Index offset, Index first, Index last) {
    if (to == nullptr) return;
    for (Index j = first; j < last; ++j) to[j * shape.stride + offset] += from[j];
  };
  for_each_row(shape, out_size, image, columns, add_row);
}

class Convolution {
 public:
  explicit Convolution(const Problem& problem)
      : shape_(problem.shape),
        pass_(problem.pass),
        result_shape_(problem.result_shape()),
        out_size_(problem.y.shape()[1]),
        taps_(shape_.in * shape_.kernel * shape_.kernel),
        x_(channels_first(problem.x)),
        y_(channels_first(problem.y)),
        bias_(Eigen::Map<const Eigen::VectorXf>(problem.bias.data(), shape_.out)),
        weight_(Eigen::Map<const Matrix>(channels_first(problem.weight).data(), shape_.out, taps_)) {
    const auto threads = static_cast<std::size_t>(thread_count());
    columns_.assign(threads, Matrix::Zero(taps_, out_size_ * out_size_));
    if (pass_ == Pass::backward_weight) weight_gradients_.assign(threads, Matrix::Zero(shape_.out, taps_));
  }

  void run() {
    for (Matrix& gradient : weight_gradients_) gradient.setZero();
    parallel_for(shape_.batch, [&](Index n) { run_image(n, static_cast<std::size_t>(thread_index())); });
    for (std::size_t i = 1; i < weight_gradients_.size(); ++i) weight_gradients_[0] += weight_gradients_[i];
  }

  [[nodiscard]] Tensor<float, Cpu> results() const {
    if (pass_ == Pass::forward) return channels_last(y_.data(), result_shape_);
    return channels_last(pass_ == Pass::backward_input ? x_.data() : weight_gradients_[0].data(), result_shape_);
  }

 private:
  void run_image(Index n, std::size_t thread) {
    const Index pixels = out_size_ * out_size_;
    float* const image = x_.data() + n * shape_.in * shape_.size * shape_.size;
    Eigen::Map<Matrix> out(y_.data() + n * shape_.out * pixels, shape_.out, pixels);
    Matrix& columns = columns_[thread];
    if (pass_ != Pass::backward_input) image_to_columns(shape_, out_size_, image, columns.data());
    switch (pass_) {
      case Pass::forward:
        out.noalias() = weight_ * columns;
        out.colwise() += bias_;
        break;
      case Pass::backward_input:
        columns.noalias() = weight_.transpose() * out;
        columns_to_image(shape_, out_size_, columns.data(), image);
        break;
      case Pass::backward_weight:
        weight_gradients_[thread].noalias() += out * columns.transpose();
        break;
    }
  }

  ConvolutionCase shape_;
  Pass pass_;
  Shape result_shape_;
  Index out_size_;
  Index taps_;  ///< elements of one filter
  std::vector<float> x_, y_;
  Eigen::VectorXf bias_;
  Matrix weight_;
  std::vector<Matrix> columns_;           ///< one a thread
  std::vector<Matrix> weight_gradients_;  ///< one a thread
};

inline Implementation implementation(const Problem& problem) {
  const auto convolution = std::make_shared<Convolution>(problem);
  return {"eigen", "", [convolution] { convolution->run(); }, [convolution] { return convolution->results(); }};
}

}  // namespace fusiform::bench::eigen
