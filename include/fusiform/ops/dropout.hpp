#pragma once
/// Inverted dropout (Srivastava et al. 2014): elements are dropped with probability p, the rest scaled by 1 / (1 - p).

#include <cstdint>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/dropout.hpp>

namespace fusiform {

/// A mask holds one bit per element, 32 to a word: element i is bit i % 32 of word i / 32.
[[nodiscard]] inline Shape dropout_mask_shape(const Shape& x) { return {(x.size() + 31) / 32}; }

namespace kernels {
template <Scalar T>
void dropout_forward(View<const T, Cuda> x, double probability, const Rng& rng, View<T, Cuda> y,
                     View<std::int32_t, Cuda> mask);
template <Scalar T>
void dropout_forward_recorded(View<const T, Cuda> x, double probability, const Rng* stream, View<T, Cuda> y,
                              View<std::int32_t, Cuda> mask);
template <Scalar T>
void dropout_backward(View<const T, Cuda> dy, View<const std::int32_t, Cuda> mask, double probability,
                      View<T, Cuda> dx);
}  // namespace kernels

/// Element i is kept if word i of the stream, whatever the stream's position, is at least probability * 2^32; so the
/// mask depends on the stream and the place of the element only. Any shape; 0 <= probability <= 1 (ConfigError).
/// Throws ShapeError unless y has x's shape and `mask` that of dropout_mask_shape.
template <Scalar T, Device D>
void dropout_forward(In<T, D> x, double probability, const Rng& rng, View<T, D> y, View<std::int32_t, D> mask) {
  require_setting(probability >= 0 && probability <= 1, "dropout", "probability in 0..1", probability);
  require_equal("dropout", "output shape", x.shape(), y.shape());
  require_equal("dropout", "mask shape", dropout_mask_shape(x.shape()), mask.shape());
  kernels::dropout_forward(x, probability, rng, y, mask);
}

/// dropout_forward for recordings: the stream is read from the GPU's memory when the kernel runs.
template <Scalar T>
void dropout_forward_recorded(In<T, Cuda> x, double probability, const Rng* stream, View<T, Cuda> y,
                              View<std::int32_t, Cuda> mask) {
  require_setting(probability >= 0 && probability <= 1, "dropout", "probability in 0..1", probability);
  require_equal("dropout", "output shape", x.shape(), y.shape());
  require_equal("dropout", "mask shape", dropout_mask_shape(x.shape()), mask.shape());
  kernels::dropout_forward_recorded<T>(x, probability, stream, y, mask);
}

/// Puts a stream into the GPU's memory.
void set_dropout_stream(const Rng& rng, Rng* stream);

/// dx = dy / (1 - probability) where the mask kept the element, 0 elsewhere. Throws as dropout_forward.
template <Scalar T, Device D>
void dropout_backward(In<T, D> dy, std::type_identity_t<View<const std::int32_t, D>> mask, double probability,
                      View<T, D> dx) {
  require_setting(probability >= 0 && probability <= 1, "dropout", "probability in 0..1", probability);
  require_equal("dropout", "input gradient shape", dy.shape(), dx.shape());
  require_equal("dropout", "mask shape", dropout_mask_shape(dy.shape()), mask.shape());
  kernels::dropout_backward(dy, mask, probability, dx);
}

}  // namespace fusiform
