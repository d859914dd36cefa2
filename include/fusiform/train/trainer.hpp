#pragma once
/// Trains a network on one stream of batches, or on several in alternation (one per branch of a branched net).

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/data/loader.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/train/optimizer.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// Where batches come from and which head they train.
template <Scalar T>
struct TrainStream {
  std::string name;                 ///< of the task; "" for the union of tasks
  NodeId head = 0;                  ///< the classifier
  Loader<T>* batches = nullptr;     ///< not owned
  std::vector<Index> outputs = {};  ///< for each class of the loader, the head's output; empty: its number
};

/// What one epoch of training did. Losses are means over images, in nats.
struct EpochReport {
  Index epoch = 0;  ///< 1 for the first
  double learning_rate = 0;
  double loss = 0;
  double top1 = 0;
  double top5 = 0;
  double images_per_second = 0;  ///< of training, validation not counted
};

/// Where training stands, for a progress line.
struct StepReport {
  Index epoch = 0;
  Index images_done = 0;  ///< in this epoch
  Index images_total = 0;
  double loss = 0;  ///< mean over the images of this epoch so far
};

/// One optimiser per stream: as in the published training of branched nets, each stream's optimiser steps over all
/// parameters and keeps a momentum of its own. Network, loaders and optimisers must outlive the trainer.
template <Scalar T>
class Trainer {
 public:
  using Observer = std::function<void(const StepReport&)>;

  /// `rng` is the root of all randomness in the passes (dropout); every step draws from a stream of its own, so that
  /// training resumed after any epoch goes on with the same numbers.
  Trainer(Network<T, Cpu>& network, std::vector<TrainStream<T>> streams,
          std::vector<std::unique_ptr<Optimizer<T, Cpu>>> optimizers, Rng rng)
      : network_(network), streams_(std::move(streams)), optimizers_(std::move(optimizers)), rng_(rng) {
    require_equal("trainer", "optimisers, one per stream,", streams_.size(), optimizers_.size());
    require_setting(!streams_.empty(), "trainer", "at least one stream", streams_.size());
    parameters_ = network_.learned_parameters();
  }

  [[nodiscard]] std::vector<std::unique_ptr<Optimizer<T, Cpu>>>& optimizers() noexcept { return optimizers_; }

  /// One pass over every stream: step by step in turn, a shorter stream just stops. `epoch` counts from 1.
  /// Throws NumericError as soon as a batch's loss is not a finite number; parameters then still hold finite values.
  EpochReport run_epoch(Index epoch, double learning_rate, const Observer& observer = {}) {
    EpochReport report{.epoch = epoch, .learning_rate = learning_rate};
    StepReport progress{.epoch = epoch};
    for (const TrainStream<T>& stream : streams_) {
      stream.batches->start_epoch(epoch);
      progress.images_total += stream.batches->image_count();
    }
    double loss_sum = 0;
    double correct = 0;
    double in_top5 = 0;
    std::vector<bool> finished(streams_.size(), false);
    const auto start = std::chrono::steady_clock::now();
    for (Index step = 0; std::count(finished.begin(), finished.end(), false) > 0; ++step) {
      for (std::size_t s = 0; s < streams_.size(); ++s) {
        const Batch<T>* batch = finished[s] ? nullptr : streams_[s].batches->next();
        if (batch == nullptr) {
          finished[s] = true;
          continue;
        }
        const Outcomes<T>& outcomes = train_batch(s, *batch, epoch, step, learning_rate);
        const auto images = static_cast<double>(outcomes.count());
        loss_sum += outcomes.mean_loss() * images;
        correct += outcomes.top1() * images;
        in_top5 += outcomes.top5() * images;
        progress.images_done += outcomes.count();
        progress.loss = loss_sum / static_cast<double>(progress.images_done);
        if (observer) observer(progress);
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const auto images = static_cast<double>(std::max<Index>(1, progress.images_done));
    report.loss = loss_sum / images;
    report.top1 = correct / images;
    report.top5 = in_top5 / images;
    report.images_per_second = images / elapsed.count();
    return report;
  }

 private:
  /// One step. Returns its outcomes, valid until the next. Steps of equal batches allocate nothing after the second.
  const Outcomes<T>& train_batch(std::size_t s, const Batch<T>& batch, Index epoch, Index step, double learning_rate) {
    const TrainStream<T>& stream = streams_[s];
    labels_.clear();
    for (const Index label : batch.labels)
      labels_.push_back(stream.outputs.empty() ? label : stream.outputs[static_cast<std::size_t>(label)]);
    const Rng rng = rng_.stream(static_cast<std::uint64_t>(epoch)).stream(static_cast<std::uint64_t>(step)).stream(s);
    const View<const T, Cpu> logits =
        network_.forward(batch.images, stream.head, activations_, {.mode = Mode::train, .rng = rng});
    outcomes_.resize(static_cast<Index>(labels_.size()));
    record_outcomes<T>(logits, labels_, 0, outcomes_);
    if (!std::isfinite(outcomes_.mean_loss()))
      throw NumericError(text("training: epoch ", epoch, ", step ", step + 1, ": expected a finite loss, got ",
                              outcomes_.mean_loss(), " at learning rate ", learning_rate,
                              "; a smaller learning rate usually helps"));
    logit_gradient_.resize(logits.shape());
    softmax_cross_entropy_gradient(logits, std::span<const Index>(labels_), logit_gradient_.view());
    network_.backward(stream.head, logit_gradient_, activations_);
    network_.update_statistics(stream.head, activations_);
    optimizers_[s]->step(parameters_, learning_rate);
    return outcomes_;
  }

  Network<T, Cpu>& network_;
  std::vector<TrainStream<T>> streams_;
  std::vector<std::unique_ptr<Optimizer<T, Cpu>>> optimizers_;
  Rng rng_;
  std::vector<Parameter<T, Cpu>*> parameters_;
  Activations<T, Cpu> activations_;
  Tensor<T, Cpu> logit_gradient_;
  Outcomes<T> outcomes_;
  std::vector<Index> labels_;
};

}  // namespace fusiform
