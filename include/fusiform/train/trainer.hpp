#pragma once
/// Trains a network on one stream of batches, or on several in alternation (one per branch of a branched net).

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/core/together.hpp>
#include <fusiform/data/batch_source.hpp>
#include <fusiform/data/loader.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/train/batch_loss.hpp>
#include <fusiform/train/optimizer.hpp>
#include <fusiform/train/outcomes.hpp>
#include <fusiform/train/recorded_passes.hpp>
#include <fusiform/train/step_exchange.hpp>

namespace fusiform {

/// Where batches come from and which head they train. On the CPU a Loader, on a GPU UploadedBatches of one
/// (train/uploaded_batches.hpp).
template <Scalar T, Device D = Cpu>
struct TrainStream {
  std::string name;                      ///< of the task; "" for the union of tasks
  NodeId head = 0;                       ///< the classifier
  BatchSource<T, D>* batches = nullptr;  ///< not owned
  std::vector<Index> outputs = {};       ///< for each class of the batches, the head's output; empty: its number
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
/// parameters and keeps a momentum of its own. Network, batches and optimisers must outlive the trainer.
template <Scalar T, Device D = Cpu>
class Trainer {
 public:
  using Observer = std::function<void(const StepReport&)>;

  /// `rng` is the root of all randomness in the passes (dropout); every step draws from a stream of its own, so that
  /// training resumed after any epoch goes on with the same numbers.
  Trainer(Network<T, D>& network, std::vector<TrainStream<T, D>> streams,
          std::vector<std::unique_ptr<Optimizer<T, D>>> optimizers, Rng rng)
      : network_(network), streams_(std::move(streams)), optimizers_(std::move(optimizers)), rng_(rng) {
    require_equal("trainer", "optimisers, one per stream,", streams_.size(), optimizers_.size());
    require_setting(!streams_.empty(), "trainer", "at least one stream", streams_.size());
    parameters_ = network_.learned_parameters();
  }

  [[nodiscard]] std::vector<std::unique_ptr<Optimizer<T, D>>>& optimizers() noexcept { return optimizers_; }

  /// From here on the processes of `team` do every step together, each from its share of the batch; see StepExchange.
  /// All must have equal networks, optimisers and loaders, and call `run_epoch` with the same arguments. Dropout:
  /// process 0 draws as it would alone, process r from the step's stream("process").stream(r). An error on one is
  /// thrown on all.
  void share(Communicator& team) { exchange_.emplace(team, network_); }

  /// Whether a GPU replays the passes of steps from recordings (the default), which spares the CPU the work of starting
  /// every kernel; the results are the same. It does where there is one stream, the trainer is not shared, all layers
  /// can be recorded (Layer::can_be_recorded), and from the third step of an epoch in the same memory on: layers may be
  /// frozen or set otherwise between epochs.
  void replay_steps(bool wanted) noexcept { replays_wanted_ = wanted; }

  /// Steps that were replayed so far.
  [[nodiscard]] Index replayed_steps() const noexcept { return passes_.replays(); }

  /// One pass over every stream: step by step in turn, a shorter stream just stops. `epoch` counts from 1.
  /// Throws NumericError as soon as a batch's loss is not a finite number; parameters then still hold finite values.
  EpochReport run_epoch(Index epoch, double learning_rate, const Observer& observer = {}) {
    EpochReport report{.epoch = epoch, .learning_rate = learning_rate};
    passes_.forget();
    may_replay_ = replays_wanted_ && streams_.size() == 1 && !exchange_ && network_.can_be_recorded(streams_[0].head);
    StepReport progress{.epoch = epoch};
    for (const TrainStream<T, D>& stream : streams_) {
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
        const Outcomes<Master<T>>* trained = finished[s] ? nullptr : train_step(s, {epoch, step, learning_rate});
        if (trained == nullptr) {
          finished[s] = true;
          continue;
        }
        const Outcomes<Master<T>>& outcomes = *trained;
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
  struct Step {
    Index epoch;
    Index number;  // 0 for the first of the epoch
    double learning_rate;
  };

  /// One step on the next batch of a stream. Returns its outcomes, valid until the next; nullptr if the stream has
  /// ended. Steps of equal batches allocate nothing after the second.
  const Outcomes<Master<T>>* train_step(std::size_t s, const Step& step) {
    if (exchange_) return train_shared_step(s, step);
    const Batch<T, D>* batch = streams_[s].batches->next();
    if (batch == nullptr) return nullptr;
    forward_and_backward(s, *batch, {0, static_cast<Index>(batch->labels.size())}, step_rng(s, step));
    const Outcomes<Master<T>>& outcomes = loss_.outcomes();  // while a GPU still makes the gradients
    require_finite(outcomes, step);
    network_.update_statistics(streams_[s].head, activations_);
    optimizers_[s]->step(parameters_, step.learning_rate);
    return &outcomes;
  }

  const Outcomes<Master<T>>* train_shared_step(std::size_t s, const Step& step) {
    const Communicator& team = exchange_->team();
    const Batch<T, D>* batch = nullptr;
    BatchShare share;
    Index images = 0;
    const Outcomes<Master<T>>* own = &no_outcomes_;
    together(exchange_->team(), [&] {
      batch = streams_[s].batches->next();
      if (batch == nullptr) return;
      images = static_cast<Index>(batch->labels.size());
      share = batch_share(images, team);
      exchange_->begin();
      if (share.count == 0) return;
      Rng rng = step_rng(s, step);
      if (team.rank() > 0) rng = rng.stream("process").stream(static_cast<std::uint64_t>(team.rank()));
      forward_and_backward(s, *batch, share, rng);
      network_.update_statistics(streams_[s].head, activations_);
      own = &loss_.outcomes();
    });
    if (batch == nullptr) return nullptr;
    const Outcomes<Master<T>>& outcomes = exchange_->combine(images, share, *own);
    try {
      require_finite(outcomes, step);
    } catch (const NumericError&) {
      exchange_->restore();
      throw;
    }
    optimizers_[s]->step(parameters_, step.learning_rate);
    return &outcomes;
  }

  [[nodiscard]] Rng step_rng(std::size_t s, const Step& step) const {
    return rng_.stream(static_cast<std::uint64_t>(step.epoch))
        .stream(static_cast<std::uint64_t>(step.number))
        .stream(s);
  }

  /// The gradients of the share's part of the batch's mean loss.
  void forward_and_backward(std::size_t s, const Batch<T, D>& batch, const BatchShare& share, const Rng& rng) {
    const TrainStream<T, D>& stream = streams_[s];
    labels_.clear();
    for (Index i = share.first; i < share.first + share.count; ++i) {
      const Index label = batch.labels[static_cast<std::size_t>(i)];
      labels_.push_back(stream.outputs.empty() ? label : stream.outputs[static_cast<std::size_t>(label)]);
    }
    const auto count = static_cast<Index>(batch.labels.size());
    const Master<T> weight = share.count == count ? 1 : Master<T>(share.count) / Master<T>(count);
    Passes step{*this, batch.images.view().batch_range(share.first, share.count), stream.head, rng, weight};
    if (may_replay_)
      passes_.run({step.images.data(), share.count}, step);
    else
      run_passes(step);
  }

  /// The passes of one step; see RecordedPasses.
  struct Passes {
    Trainer& trainer;
    View<const T, D> images;
    NodeId head = 0;
    Rng rng{0};
    Master<T> weight = 1;  // of the loss

    void forward(bool recorded) {
      trainer.logits_ = trainer.network_.forward(images, head, trainer.activations_,
                                                 {.mode = Mode::train, .rng = rng, .recorded = recorded});
    }
    void start() { trainer.loss_.start(trainer.logits_, trainer.labels_); }
    void backward() { trainer.network_.backward(head, trainer.loss_.gradient(weight), trainer.activations_); }
    void set_streams() { trainer.network_.set_streams(rng, trainer.activations_); }
    [[nodiscard]] std::uint64_t addresses() const {
      return mix(trainer.activations_.addresses(), trainer.loss_.addresses());
    }
  };

  static void require_finite(const Outcomes<Master<T>>& outcomes, const Step& step) {
    if (std::isfinite(outcomes.mean_loss())) return;
    throw NumericError(text("training: epoch ", step.epoch, ", step ", step.number + 1,
                            ": expected a finite loss, got ", outcomes.mean_loss(), " at learning rate ",
                            step.learning_rate, "; a smaller learning rate usually helps"));
  }

  Network<T, D>& network_;
  std::vector<TrainStream<T, D>> streams_;
  std::vector<std::unique_ptr<Optimizer<T, D>>> optimizers_;
  Rng rng_;
  std::vector<Parameter<T, D>*> parameters_;
  Activations<T, D> activations_;
  View<const T, D> logits_;  // of the last forward pass
  BatchLoss<T, D> loss_;
  RecordedPasses<D> passes_;
  bool replays_wanted_ = true;
  bool may_replay_ = false;  // in this epoch
  std::vector<Index> labels_;
  std::optional<StepExchange<T, D>> exchange_;  // if the steps are shared
  const Outcomes<Master<T>> no_outcomes_;       // of a share without images
};

}  // namespace fusiform
