#pragma once
/// Devices for studies. Only a program that links fusiform::cuda can use StudyDeviceOn<Cuda>.

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/cuda.hpp>
#include <fusiform/nets/copied_network.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/placed_net.hpp>
#include <fusiform/study/study_device.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/sgd.hpp>
#include <fusiform/train/uploaded_batches.hpp>

namespace fusiform {

namespace detail {

template <Device D>
[[nodiscard]] std::vector<std::unique_ptr<Optimizer<float, D>>> make_optimizers(const OptimizerChoice& choice,
                                                                                std::size_t streams) {
  std::vector<std::unique_ptr<Optimizer<float, D>>> optimizers;
  for (std::size_t i = 0; i < streams; ++i)
    if (choice.adam)
      optimizers.push_back(std::make_unique<Adam<float, D>>(AdamOptions{.weight_decay = choice.weight_decay}));
    else
      optimizers.push_back(std::make_unique<Sgd<float, D>>(
          SgdOptions{.momentum = choice.momentum, .weight_decay = choice.weight_decay}));
  return optimizers;
}

/// A net of the CPU on device D: itself, or a copy.
template <Device D>
class NetworkOn {
 public:
  explicit NetworkOn(const StudyNetwork& network) : copy_(copied_network<float, D>(network)) {}
  [[nodiscard]] Network<float, D>& get() noexcept { return copy_; }

 private:
  Network<float, D> copy_;
};
template <>
class NetworkOn<Cpu> {
 public:
  explicit NetworkOn(StudyNetwork& network) : network_(network) {}
  [[nodiscard]] StudyNetwork& get() noexcept { return network_; }

 private:
  StudyNetwork& network_;
};

/// Streams whose batches go to device D.
template <Device D>
class StreamsOn {
 public:
  explicit StreamsOn(const std::vector<TrainStream<float>>& streams) {
    for (const TrainStream<float>& stream : streams) {
      uploaded_.push_back(std::make_unique<UploadedBatches<float>>(*stream.batches));
      streams_.push_back({stream.name, stream.head, uploaded_.back().get(), stream.outputs});
    }
  }
  [[nodiscard]] const std::vector<TrainStream<float, D>>& get() const noexcept { return streams_; }

 private:
  std::vector<std::unique_ptr<UploadedBatches<float>>> uploaded_;
  std::vector<TrainStream<float, D>> streams_;
};
template <>
class StreamsOn<Cpu> {
 public:
  explicit StreamsOn(std::vector<TrainStream<float>> streams) : streams_(std::move(streams)) {}
  [[nodiscard]] const std::vector<TrainStream<float>>& get() const noexcept { return streams_; }

 private:
  std::vector<TrainStream<float>> streams_;
};

template <Device D>
class PlacedTrainingOn final : public PlacedTraining {
 public:
  PlacedTrainingOn(StudyNetwork& network, const std::vector<TrainStream<float>>& streams,
                   const OptimizerChoice& optimizer, const Rng& rng)
      : original_(network),
        network_(network),
        streams_(streams),
        trainer_(network_.get(), streams_.get(), make_optimizers<D>(optimizer, streams.size()), rng),
        net_(network_.get()) {}

  void share(Communicator& team) override { trainer_.share(team); }
  EpochReport run_epoch(Index epoch, double learning_rate, const Trainer<float>::Observer& observer) override {
    return trainer_.run_epoch(epoch, learning_rate, observer);
  }

  void save(const std::string& path, const Schedule& schedule, const TrainingPosition& position) override {
    save_training(path, network_.get(), trainer_.optimizers(), schedule, position);
  }
  TrainingPosition load(const std::string& path, Schedule& schedule) override {
    return load_training(path, network_.get(), trainer_.optimizers(), schedule);
  }

  [[nodiscard]] const PlacedNet& net() const override { return net_; }
  void update_network() override {
    if constexpr (!std::same_as<D, Cpu>) copy_weights(network_.get(), original_);
  }

 private:
  StudyNetwork& original_;
  NetworkOn<D> network_;
  StreamsOn<D> streams_;
  Trainer<float, D> trainer_;
  PlacedNetOn<D> net_;
};

}  // namespace detail

template <Device D>
class StudyDeviceOn final : public StudyDevice {
 public:
  [[nodiscard]] std::string name() const override { return D::name; }
  [[nodiscard]] std::string description() const override {
    if constexpr (std::same_as<D, Cpu>)
      return name();
    else
      return name() + ": " + describe_devices(D{}).front();
  }

  [[nodiscard]] std::unique_ptr<PlacedNet> place(const StudyNetwork& network) const override {
    if constexpr (std::same_as<D, Cpu>)
      return std::make_unique<PlacedNetOn<D>>(network);
    else
      return std::make_unique<PlacedNetOn<D>>(copied_network<float, D>(network));
  }

  [[nodiscard]] std::unique_ptr<PlacedTraining> train(StudyNetwork& network,
                                                      const std::vector<TrainStream<float>>& streams,
                                                      const OptimizerChoice& optimizer, const Rng& rng) const override {
    return std::make_unique<detail::PlacedTrainingOn<D>>(network, streams, optimizer, rng);
  }
};

[[nodiscard]] inline const StudyDevice& cpu_device() {
  static const StudyDeviceOn<Cpu> device;
  return device;
}

/// The device of a study.
[[nodiscard]] inline const StudyDevice& device_of(const StudyContext& study) {
  return study.device == nullptr ? cpu_device() : *study.device;
}

}  // namespace fusiform
