#pragma once
/// Softmax followed by cross-entropy against one right class per image.

#include <algorithm>
#include <span>

#include <fusiform/core/error.hpp>
#include <fusiform/core/view.hpp>
#include <fusiform/ops/cpu/softmax_cross_entropy.hpp>

namespace fusiform {

namespace kernels {
template <Scalar T>
void softmax_cross_entropy(View<const T, Cuda> logits, View<const Index, Cuda> labels, View<Master<T>, Cuda> losses);
template <Scalar T>
void softmax_cross_entropy_gradient(View<const T, Cuda> logits, View<const Index, Cuda> labels, double weight,
                                    View<T, Cuda> dlogits);
}  // namespace kernels

/// Throws ShapeError unless logits are (N, K) with N labels; on the CPU also ConfigError for a label outside 0..K-1. On
/// a GPU such a label makes the image's loss and gradient NaN.
template <Scalar T, Device D>
void require_labels(const View<const T, D>& logits, const View<const Index, D>& labels) {
  require_equal("softmax_cross_entropy", "dimensions (N, K)", 2, logits.shape().rank());
  require_equal("softmax_cross_entropy", "labels shape", Shape{logits.shape()[0]}, labels.shape());
  if constexpr (std::same_as<D, Cpu>) {
    const Index classes = logits.shape()[1];
    for (const Index label : labels.span())
      if (label < 0 || label >= classes)  // the message is made only if it is needed: it takes longer than the loss
        require_setting(false, "softmax_cross_entropy", text("labels in 0..", classes - 1), label);
  }
}

/// losses[n] = log(sum of exp(logits[n])) - logits[n, labels[n]], computed so that large logits do not overflow.
/// logits (N, K), labels (N), losses (N). Throws as require_labels.
template <Scalar T, Device D>
requires std::same_as<T, Master<T>>
void softmax_cross_entropy(In<T, D> logits, View<const Index, D> labels, View<T, D> losses) {
  require_labels<T, D>(logits, labels);
  require_equal("softmax_cross_entropy", "losses shape", labels.shape(), losses.shape());
  kernels::softmax_cross_entropy(logits, labels, losses);
}

/// The same for logits in bfloat16: losses stay float.
template <std::same_as<bfloat16> T = bfloat16, Device D>
void softmax_cross_entropy(In<T, D> logits, View<const Index, D> labels, View<Master<T>, D> losses) {
  require_labels<T, D>(logits, labels);
  require_equal("softmax_cross_entropy", "losses shape", labels.shape(), losses.shape());
  kernels::softmax_cross_entropy(logits, labels, losses);
}

/// dlogits = weight * (softmax(logits) - one-hot(labels)): the gradient of weight * (sum of losses).
/// Throws as require_labels.
template <Scalar T, Device D>
void softmax_cross_entropy_gradient(In<T, D> logits, View<const Index, D> labels, double weight, View<T, D> dlogits) {
  require_labels<T, D>(logits, labels);
  require_equal("softmax_cross_entropy", "gradient shape", logits.shape(), dlogits.shape());
  kernels::softmax_cross_entropy_gradient(logits, labels, weight, dlogits);
}

/// The gradient of the mean loss of the batch.
template <Scalar T, Device D>
void softmax_cross_entropy_gradient(In<T, D> logits, View<const Index, D> labels, View<T, D> dlogits) {
  softmax_cross_entropy_gradient(logits, labels, 1.0 / static_cast<double>(std::max<Index>(1, labels.size())), dlogits);
}

/// Labels as a batch holds them.
template <Scalar T>
void softmax_cross_entropy(In<T, Cpu> logits, std::span<const Index> labels, View<T, Cpu> losses) {
  softmax_cross_entropy(logits, View<const Index, Cpu>(labels.data(), Shape{static_cast<Index>(labels.size())}),
                        losses);
}
template <Scalar T>
void softmax_cross_entropy_gradient(In<T, Cpu> logits, std::span<const Index> labels, View<T, Cpu> dlogits) {
  softmax_cross_entropy_gradient(
      logits, View<const Index, Cpu>(labels.data(), Shape{static_cast<Index>(labels.size())}), dlogits);
}

/// Mean of per-image losses, added in double from first to last; 0 for none.
template <Scalar T>
[[nodiscard]] double mean_loss(std::span<const T> losses) {
  double sum = 0;
  for (const T loss : losses) sum += static_cast<double>(loss);
  return losses.empty() ? 0 : sum / static_cast<double>(losses.size());
}

}  // namespace fusiform
