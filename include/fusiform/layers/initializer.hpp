#pragma once
/// Starting values of weights.

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform {

/// Fills the tensor with N(0, deviation^2). Element i comes from block i / 4 of the stream, wherever `rng` stands in
/// it: the same bits for any number of threads.
template <Scalar T>
void normal(Tensor<T, Cpu>& tensor, double deviation, Rng rng) {
  const std::span<T> elements = tensor.span();
  const auto count = static_cast<Index>(elements.size());
  parallel_ranges((count + 3) / 4, Index{1} << 14, [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block) {
      const std::array<double, 4> normals = rng.normals_at(static_cast<std::uint64_t>(block));
      for (Index i = 4 * block; i < std::min(4 * block + 4, count); ++i)
        elements[static_cast<std::size_t>(i)] = static_cast<T>(deviation * normals[static_cast<std::size_t>(i % 4)]);
    }
  });
}

/// N(0, 2 / fan_out) for filters (out, kernel_h, kernel_w, in), fan_out = out * kernel_h * kernel_w: keeps the variance
/// of gradients through ReLU layers (He, Zhang, Ren, Sun, ICCV 2015, section 2.2, backward case).
template <Scalar T>
void kaiming_normal_fan_out(Tensor<T, Cpu>& weight, Rng rng) {
  const Shape& shape = weight.shape();
  require_equal("kaiming_normal_fan_out", "dimensions of the filters", 4, shape.rank());
  const Index fan_out = shape[0] * shape[1] * shape[2];
  normal(weight, std::sqrt(2.0 / static_cast<double>(fan_out)), rng);
}

/// On another device: fills on the CPU and copies, so that every device starts with the same bits. `fill` takes a
/// Tensor<T, Cpu>&.
template <Scalar T, Device D, class Fill>
void fill_on_cpu(Tensor<T, D>& tensor, const Fill& fill) {
  if constexpr (std::same_as<D, Cpu>) {
    fill(tensor);
  } else {
    Tensor<T, Cpu> values(tensor.shape());
    fill(values);
    copy_bytes_to(D{}, tensor.data(), values.data(), static_cast<std::size_t>(values.size()) * sizeof(T));
  }
}

}  // namespace fusiform
