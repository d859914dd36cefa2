#pragma once
/// What an evaluation yields: per image the loss and whether the class was found. Means are taken from these.

#include <algorithm>
#include <span>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>

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

/// Evaluates all images through the head `head`, `batch` at a time. Labels index the head's outputs.
template <Scalar T>
[[nodiscard]] Outcomes<T> evaluate(const Network<T, Cpu>& network, NodeId head, const LabelledImages<T>& images,
                                   Index batch = 64) {
  Outcomes<T> outcomes(images.count());
  Activations<T, Cpu> activations;
  Tensor<T, Cpu> pixels;
  for (Index first = 0; first < images.count(); first += batch) {
    const Index count = std::min(batch, images.count() - first);
    pixels.resize(images.image.batched(count));
    images.read(first, pixels.view());
    const View<const T, Cpu> logits = network.forward(pixels, head, activations);
    record_outcomes<T>(
        logits, std::span(images.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
        first, outcomes);
  }
  return outcomes;
}

}  // namespace fusiform
