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
#include <fusiform/study/learning_net.hpp>
#include <fusiform/study/placed_net.hpp>
#include <fusiform/study/streams_on.hpp>
#include <fusiform/study/study_device.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/sgd.hpp>

namespace fusiform {

namespace detail {

template <Scalar T, Device D>
[[nodiscard]] std::vector<std::unique_ptr<Optimizer<T, D>>> make_optimizers(const OptimizerChoice& choice,
                                                                            std::size_t streams) {
  std::vector<std::unique_ptr<Optimizer<T, D>>> optimizers;
  for (std::size_t i = 0; i < streams; ++i)
    if (choice.adam)
      optimizers.push_back(std::make_unique<Adam<T, D>>(AdamOptions{.weight_decay = choice.weight_decay}));
    else
      optimizers.push_back(
          std::make_unique<Sgd<T, D>>(SgdOptions{.momentum = choice.momentum, .weight_decay = choice.weight_decay}));
  return optimizers;
}

template <Scalar T, Device D>
class PlacedTrainingOn final : public PlacedTraining {
 public:
  PlacedTrainingOn(StudyNetwork& network, const std::vector<ImageStream>& streams, const OptimizerChoice& optimizer,
                   bool in_bf16x2, const Rng& rng)
      : original_(network),
        network_(network),
        streams_(streams),
        trainer_(network_.learning(), streams_.get(), make_optimizers<T, D>(optimizer, streams.size()), rng),
        net_(network_.exact()),
        in_bf16x2_(in_bf16x2) {}

  void share(Communicator& team) override { trainer_.share(team); }
  EpochReport run_epoch(Index epoch, double learning_rate, const Trainer<float>::Observer& observer) override {
    std::optional<Bf16x2Passes<T, D>> passes;
    if (in_bf16x2_) passes.emplace(network_.learning());
    const EpochReport report = trainer_.run_epoch(epoch, learning_rate, observer);
    network_.update_exact();
    return report;
  }

  void save(const std::string& path, const Schedule& schedule, const TrainingPosition& position) override {
    save_training(path, network_.learning(), trainer_.optimizers(), schedule, position);
  }
  TrainingPosition load(const std::string& path, Schedule& schedule) override {
    TrainingPosition position = load_training(path, network_.learning(), trainer_.optimizers(), schedule);
    network_.update_exact();
    return position;
  }

  [[nodiscard]] const PlacedNet& net() const override { return net_; }
  void update_network() override {
    if constexpr (!std::same_as<D, Cpu>) copy_weights(network_.exact(), original_);
  }

 private:
  StudyNetwork& original_;
  LearningNet<T, D> network_;
  StreamsOn<T, D> streams_;
  Trainer<T, D> trainer_;
  PlacedNetOn<D> net_;
  bool in_bf16x2_;
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
      return name() + ": " + describe_used_device(D{});
  }

  [[nodiscard]] std::unique_ptr<PlacedNet> place(const StudyNetwork& network) const override {
    if constexpr (std::same_as<D, Cpu>)
      return std::make_unique<PlacedNetOn<D>>(network);
    else
      return std::make_unique<PlacedNetOn<D>>(copied_network<float, D>(network));
  }

  [[nodiscard]] bool trains_in(TrainPrecision precision) const noexcept override {
    return precision == TrainPrecision::exact || !std::same_as<D, Cpu>;
  }

  [[nodiscard]] std::unique_ptr<PlacedTraining> train(StudyNetwork& network, const std::vector<ImageStream>& streams,
                                                      const OptimizerChoice& optimizer, TrainPrecision precision,
                                                      const Rng& rng) const override {
    if (!trains_in(precision)) throw ConfigError("training: expected precision `exact` on the CPU, got one of a GPU");
    if constexpr (!std::same_as<D, Cpu>)
      if (precision == TrainPrecision::bf16)
        return std::make_unique<detail::PlacedTrainingOn<bfloat16, D>>(network, streams, optimizer, false, rng);
    return std::make_unique<detail::PlacedTrainingOn<float, D>>(network, streams, optimizer,
                                                                precision == TrainPrecision::bf16x2, rng);
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
