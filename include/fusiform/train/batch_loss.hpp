#pragma once
/// The loss of one batch: its gradient where the net computes, its outcomes on the CPU.

#include <algorithm>
#include <span>

#include <fusiform/core/transfer.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// Batch by batch. With batches of one size nothing is allocated after the first.
template <Scalar T, Device D>
class BatchLoss {
 public:
  /// Logits (N, classes) of a forward pass, which stay where they are until `outcomes`, and their classes. Throws
  /// ConfigError for a label that is no class.
  void start(View<const T, D> logits, std::span<const Index> labels) {
    logits_ = logits;
    const View<Index, Cpu> classes = labels_.write(Shape{static_cast<Index>(labels.size())});
    std::copy(labels.begin(), labels.end(), classes.data());
    require_labels<T, Cpu>(View<const T, Cpu>(nullptr, logits.shape()), classes);
    label_values_ = classes;
    sent_labels_ = labels_.send();
    to_cpu_.send(logits);
  }

  /// The gradient of `weight` times the mean loss, until the next call.
  [[nodiscard]] View<const T, D> gradient(Master<T> weight) {
    gradient_.resize(logits_.shape());
    if constexpr (std::same_as<D, Cpu>) {
      softmax_cross_entropy_gradient<T, Cpu>(logits_, sent_labels_, gradient_.view());
      if (weight != 1)
        for (T& value : gradient_.span()) value *= weight;
    } else {
      const auto images = static_cast<double>(std::max<Index>(1, sent_labels_.size()));
      softmax_cross_entropy_gradient<T, D>(logits_, sent_labels_, static_cast<double>(weight) / images,
                                           gradient_.view());
    }
    return gradient_;
  }

  /// A number that changes when the labels' or the gradient's memory moves.
  [[nodiscard]] std::uint64_t addresses() const noexcept {
    return mix(reinterpret_cast<std::uintptr_t>(sent_labels_.data()),
               reinterpret_cast<std::uintptr_t>(gradient_.data()));
  }

  /// Waits for the logits; not for what was started behind them. Valid until the next call.
  [[nodiscard]] const Outcomes<Master<T>>& outcomes() {
    outcomes_.resize(label_values_.size());
    record_outcomes<T>(to_cpu_.receive(), label_values_.span(), 0, outcomes_);
    return outcomes_;
  }

 private:
  View<const T, D> logits_;
  ToDevice<Index, D> labels_;
  View<const Index, Cpu> label_values_;
  View<const Index, D> sent_labels_;
  ToCpu<T, D> to_cpu_;
  Tensor<T, D> gradient_;
  Outcomes<Master<T>> outcomes_;
};

}  // namespace fusiform
