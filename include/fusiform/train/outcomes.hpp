#pragma once
/// What an evaluation yields: per image the loss and whether the class was found. Means are taken from these.

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/core/transfer.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/convert.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/image_input.hpp>

namespace fusiform {

/// One entry per image. Sums run in double and in the order of the images.
template <Scalar T>
struct Outcomes {
  std::vector<T> losses;              ///< cross-entropy, nats
  std::vector<std::uint8_t> correct;  ///< 1 if the class has the largest logit (ties: the lower class index wins)
  std::vector<std::uint8_t> in_top5;  ///< 1 if the class is among the five largest logits

  explicit Outcomes(Index images = 0) { resize(images); }

  /// Makes room for the outcomes of `images` images.
  void resize(Index images) {
    losses.resize(static_cast<std::size_t>(images));
    correct.resize(static_cast<std::size_t>(images));
    in_top5.resize(static_cast<std::size_t>(images));
  }

  [[nodiscard]] Index count() const noexcept { return static_cast<Index>(losses.size()); }
  [[nodiscard]] double mean_loss() const noexcept { return mean(losses); }
  [[nodiscard]] double top1() const noexcept { return mean(correct); }
  [[nodiscard]] double top5() const noexcept { return mean(in_top5); }

 private:
  template <class U>
  static double mean(const std::vector<U>& values) noexcept {
    double sum = 0;
    for (const U value : values) sum += static_cast<double>(value);
    return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
  }
};

/// Writes the outcomes of one batch, logits (N, classes), to places first..first+N-1.
template <Scalar T>
requires std::same_as<T, Master<T>>
void record_outcomes(In<T, Cpu> logits, std::span<const Index> labels, Index first, Outcomes<T>& outcomes) {
  const Index batch = logits.shape()[0];
  const Index classes = logits.shape()[1];
  softmax_cross_entropy(logits, labels, View<T, Cpu>(outcomes.losses.data() + first, Shape{batch}));
  for (Index n = 0; n < batch; ++n) {
    const T* row = logits.data() + n * classes;
    const Index label = labels[static_cast<std::size_t>(n)];
    Index ahead = 0;  // classes that come before the right one when sorted by logit, then by index
    for (Index k = 0; k < classes; ++k) ahead += row[k] > row[label] || (row[k] == row[label] && k < label) ? 1 : 0;
    outcomes.correct[static_cast<std::size_t>(first + n)] = ahead == 0 ? 1 : 0;
    outcomes.in_top5[static_cast<std::size_t>(first + n)] = ahead < 5 ? 1 : 0;
  }
}

/// The same for logits in bfloat16, which are exact in float.
template <std::same_as<bfloat16> T>
void record_outcomes(In<T, Cpu> logits, std::span<const Index> labels, Index first, Outcomes<float>& outcomes) {
  auto numbers = Tensor<float, Cpu>::uninitialized(logits.shape());
  convert(logits, numbers.view());
  record_outcomes<float>(numbers, labels, first, outcomes);
}

/// Makes outcomes of logits, batch by batch, for Outcomes that outlive this object. On a GPU a batch's logits are
/// looked at when those of the next have been asked for: the GPU goes on meanwhile.
template <Scalar T, Device D>
class OutcomeRecorder {
 public:
  /// Logits (N, classes) of a pass that has been started. They and `labels` may be overwritten by what is started
  /// afterwards.
  void record(View<const T, D> logits, std::span<const Index> labels, Index first, Outcomes<Master<T>>& outcomes) {
    if constexpr (std::same_as<D, Cpu>) {
      record_outcomes<T>(logits, labels, first, outcomes);
    } else {
      Pending& next = pending_[1 - current_];
      next.logits.send(logits);
      next.labels.assign(labels.begin(), labels.end());
      next.first = first;
      next.outcomes = &outcomes;
      finish();
      current_ = 1 - current_;
    }
  }

  /// To be called before the first batch if an error may have ended an earlier series: its outcomes are no longer
  /// there.
  void start() {
    for (Pending& pending : pending_) pending.outcomes = nullptr;
  }

  /// To be called before the outcomes are used.
  void finish() {
    if constexpr (!std::same_as<D, Cpu>) {
      Pending& last = pending_[current_];
      if (last.outcomes == nullptr) return;
      Outcomes<Master<T>>& outcomes = *std::exchange(last.outcomes, nullptr);
      record_outcomes<T>(last.logits.receive(), last.labels, last.first, outcomes);
    }
  }

 private:
  struct Pending {
    ToCpu<T, D> logits;
    std::vector<Index> labels;
    Index first = 0;
    Outcomes<Master<T>>* outcomes = nullptr;
  };

  std::array<Pending, 2> pending_;
  std::size_t current_ = 0;  // the one that was asked for last
};

/// Evaluates all images through the head `head`, `batch` at a time. Labels index the head's outputs.
template <Scalar T, Device D>
[[nodiscard]] Outcomes<Master<T>> evaluate(const Network<T, D>& network, NodeId head,
                                           const LabelledImages<Master<T>>& images, Index batch = 64) {
  Outcomes<Master<T>> outcomes(images.count());
  Activations<T, D> activations;
  ImageInput<T, D> input;
  OutcomeRecorder<T, D> recorder;
  for (Index first = 0; first < images.count(); first += batch) {
    const Index count = std::min(batch, images.count() - first);
    const View<const T, D> pixels = input.range(images, first, count);
    recorder.record(network.forward(pixels, head, activations),
                    std::span(images.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                    first, outcomes);
  }
  recorder.finish();
  return outcomes;
}

}  // namespace fusiform
