#pragma once
/// What computes a study's nets, in terms of the CPU's memory: the stages of a study do not know the device.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/conductance.hpp>
#include <fusiform/analysis/direct_lesion.hpp>
#include <fusiform/analysis/effects.hpp>
#include <fusiform/analysis/extract_features.hpp>
#include <fusiform/data/loader.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/schedule.hpp>
#include <fusiform/train/trainer.hpp>

namespace fusiform {

/// A study's nets are in single precision; this is where their weights lie for good.
using StudyNetwork = Network<float, Cpu>;

/// What many lesions of one layer are asked of.
struct PlacedLesions {
  LesionSite site{};
  NodeId head = 0;
  LesionReference<float> reference{};
};

/// One net on the device. It must outlive all that it makes.
class PlacedNet {
 public:
  PlacedNet() = default;
  PlacedNet(const PlacedNet&) = delete;
  PlacedNet& operator=(const PlacedNet&) = delete;
  virtual ~PlacedNet() = default;

  [[nodiscard]] virtual Outcomes<float> evaluate(NodeId head, const LabelledImages<float>& images) const = 0;

  /// The fastest way to lesions that each add few units to one base; `memory`: bytes for values that are kept.
  /// The images must outlive the result.
  [[nodiscard]] virtual std::unique_ptr<AddedLesions<float>> added_lesions(const PlacedLesions& lesions,
                                                                           const LabelledImages<float>& images,
                                                                           const LesionManner& manner,
                                                                           std::size_t memory) const = 0;

  /// Lesions by their definition. The images must outlive the result.
  [[nodiscard]] virtual std::unique_ptr<DefinedLesions<float>> defined_lesions(
      const PlacedLesions& lesions, const LabelledImages<float>& images) const = 0;

  /// As fusiform::lesion_effects.
  [[nodiscard]] virtual std::vector<TaskEffects<float>> lesion_effects(
      const LesionSite& site, const std::vector<PlannedLesion>& planned, const std::vector<TaskImages<float>>& tasks,
      std::size_t memory, const std::function<void(Index, Index)>& progress, const LesionManner& manner) const = 0;

  /// As fusiform::extract_features.
  [[nodiscard]] virtual std::vector<FeatureTable> extract_features(const std::vector<NodeId>& nodes,
                                                                   const LabelledImages<float>& images,
                                                                   const FeatureOptions& options) const = 0;

  /// As the functions of these names.
  [[nodiscard]] virtual UnitTable taylor_attribution(const LesionSite& site, NodeId head,
                                                     const LabelledImages<float>& images) const = 0;
  [[nodiscard]] virtual Conductance layer_conductance(const LesionSite& site, NodeId head,
                                                      const LabelledImages<float>& images, Index steps) const = 0;
};

/// The training of one net on the device.
class PlacedTraining {
 public:
  PlacedTraining() = default;
  PlacedTraining(const PlacedTraining&) = delete;
  PlacedTraining& operator=(const PlacedTraining&) = delete;
  virtual ~PlacedTraining() = default;

  /// As Trainer::share and Trainer::run_epoch.
  virtual void share(Communicator& team) = 0;
  virtual EpochReport run_epoch(Index epoch, double learning_rate, const Trainer<float>::Observer& observer) = 0;

  /// As save_training and load_training.
  virtual void save(const std::string& path, const Schedule& schedule, const TrainingPosition& position) = 0;
  virtual TrainingPosition load(const std::string& path, Schedule& schedule) = 0;

  /// The net as it stands.
  [[nodiscard]] virtual const PlacedNet& net() const = 0;

  /// Brings the weights as they stand to the network that the training began with.
  virtual void update_network() = 0;
};

/// Batches of a pack's images for one head, made by the device as a Loader makes them; see TrainStream.
struct ImageStream {
  std::string name;
  NodeId head = 0;
  const ImagePack* pack = nullptr;  ///< not owned
  std::vector<Index> items;         ///< of the pack
  LoaderOptions options;
  std::vector<Index> outputs;
};

/// In what the passes of a training compute. Weights, what optimisers keep and all that is asked of a net are float.
enum class TrainPrecision {
  exact,   ///< float
  bf16x2,  ///< float, convolutions and linear layers by ConvAlgorithm::bf16x2
  bf16,    ///< Network<bfloat16, Cuda>
};

/// Makes optimisers for a device, one for each stream of batches.
struct OptimizerChoice {
  bool adam = false;  ///< else SGD
  double momentum = 0.9;
  double weight_decay = 0;
};

/// The CPU or a GPU.
class StudyDevice {
 public:
  StudyDevice() = default;
  StudyDevice(const StudyDevice&) = delete;
  StudyDevice& operator=(const StudyDevice&) = delete;
  virtual ~StudyDevice() = default;

  /// "cpu", "cuda".
  [[nodiscard]] virtual std::string name() const = 0;
  /// For provenance: the name, and on what it computes.
  [[nodiscard]] virtual std::string description() const = 0;

  /// The network must outlive the result, and stay as it is.
  [[nodiscard]] virtual std::unique_ptr<PlacedNet> place(const StudyNetwork& network) const = 0;

  [[nodiscard]] virtual bool trains_in(TrainPrecision precision) const noexcept = 0;

  /// A training that begins with `network`, whose weights change by `update_network` at the latest. Streams' packs and
  /// the network must outlive the result. Throws ConfigError for a precision that it does not train in.
  [[nodiscard]] virtual std::unique_ptr<PlacedTraining> train(StudyNetwork& network,
                                                              const std::vector<ImageStream>& streams,
                                                              const OptimizerChoice& optimizer,
                                                              TrainPrecision precision, const Rng& rng) const = 0;
};

}  // namespace fusiform
