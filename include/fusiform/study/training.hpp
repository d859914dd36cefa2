#pragma once
/// Second stage: train one net per seed. A checkpoint after every epoch; a killed training goes on from there and ends
/// with the same bits as an undisturbed one.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/nets/transfer.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/setting_check.hpp>
#include <fusiform/study/study_device_on.hpp>
#include <fusiform/study/team.hpp>
#include <fusiform/study/training_log.hpp>
#include <fusiform/study/weights_checksum.hpp>
#include <fusiform/train/schedule.hpp>

namespace fusiform {

/// The layers of one net. Throws ConfigError for an unknown architecture or layer to branch after.
[[nodiscard]] inline NetworkPlan net_plan(const NetConfig& net, const std::vector<NetTask>& tasks) {
  NetOptions options{.image = Shape{net.input, net.input, 3}, .heads = net_heads(net, tasks), .dropout = net.dropout};
  // A single task has nothing to branch from.
  if (options.heads.size() > 1) options.branch_after = net.branch_after;
  return plan_network(net.arch, options);
}

/// Top-1, top-5 and loss of every task on its test images.
[[nodiscard]] inline std::vector<TaskScore> score_tasks(const NetConfig& net, const StudyNetwork& network,
                                                        const PlacedNet& placed, const ImagePack& pack,
                                                        const std::vector<NetTask>& tasks) {
  std::vector<TaskScore> scores;
  for (const NetTask& task : tasks) {
    const auto images = task_input(net, pack, task, task_images(pack.manifest(), task, Split::test));
    const Outcomes<float> outcomes = placed.evaluate(task_head(network, task), images);
    scores.push_back({task.task, outcomes.count(), outcomes.mean_loss(), outcomes.top1(), outcomes.top5()});
  }
  return scores;
}

namespace detail {

[[nodiscard]] inline OptimizerChoice optimizer_choice(const TrainConfig& train) {
  return {.adam = train.optimizer == "adam", .momentum = train.momentum, .weight_decay = train.weight_decay};
}

[[nodiscard]] inline TrainPrecision train_precision(const TrainConfig& train) {
  if (train.precision == "bf16") return TrainPrecision::bf16;
  return train.precision == "bf16x2" ? TrainPrecision::bf16x2 : TrainPrecision::exact;
}

/// Throws SettingError unless the study's device can train all nets as they are to be trained.
inline void require_precisions(const StudyContext& study) {
  const StudyDevice& device = device_of(study);
  for (const StudyNet& net : study_nets(study.config))
    if (const TrainConfig& train = net.settings->train; !device.trains_in(train_precision(train)))
      throw SettingError({.section = "train", .key = "precision", .variant = net.variant},
                         text("expected 'float' on device '", device.name(), "', got '", train.precision,
                              "', which needs --device cuda"));
}

[[nodiscard]] inline std::unique_ptr<Schedule> make_schedule(const TrainConfig& train) {
  if (train.schedule == "plateau")
    return std::make_unique<ReduceOnPlateau>(ReduceOnPlateauOptions{
        .learning_rate = train.learning_rate, .factor = train.factor, .patience = train.patience});
  return std::make_unique<StepSchedule>(StepScheduleOptions{.learning_rate = train.learning_rate,
                                                            .step_size = train.schedule == "step" ? train.step_size : 0,
                                                            .factor = train.factor});
}

/// Trained tasks stand first.
[[nodiscard]] inline std::size_t trained_count(const std::vector<NetTask>& tasks) {
  return static_cast<std::size_t>(
      std::count_if(tasks.begin(), tasks.end(), [](const NetTask& task) { return task.is_trained(); }));
}

/// One group of tasks for the shared classifier, or one for each branch.
[[nodiscard]] inline std::vector<std::vector<NetTask>> training_groups(const NetConfig& net,
                                                                       const std::vector<NetTask>& tasks) {
  std::vector<std::vector<NetTask>> groups;
  for (const NetTask& task : tasks) {
    if (!task.is_trained()) continue;
    if (groups.empty() || !net.branch_after.empty()) groups.emplace_back();
    groups.back().push_back(task);
  }
  return groups;
}

/// Outputs of several tasks of one head in one table.
[[nodiscard]] inline std::vector<Index> joint_outputs(const std::vector<NetTask>& tasks) {
  std::vector<Index> outputs(tasks.front().outputs.size(), no_output);
  for (const NetTask& task : tasks)
    for (std::size_t label = 0; label < outputs.size(); ++label)
      outputs[label] = std::max(outputs[label], task.outputs[label]);
  return outputs;
}

/// One stream of batches for each group.
[[nodiscard]] inline std::vector<ImageStream> training_streams(const StudyNet& net, const StudyNetwork& network,
                                                               const ImagePack& pack,
                                                               const std::vector<NetTask>& tasks) {
  std::vector<ImageStream> streams;
  const NetSettings& settings = *net.settings;
  for (const std::vector<NetTask>& group : training_groups(settings.net, tasks)) {
    NetTask joint = group.front();
    joint.outputs = joint_outputs(group);
    const std::string name = settings.net.branch_after.empty() ? "" : joint.task;
    streams.push_back({.name = name,
                       .head = task_head(network, joint),
                       .pack = &pack,
                       .items = task_images(pack.manifest(), joint, Split::train),
                       .options = {.batch = settings.train.batch,
                                   .shuffle = true,
                                   .transform = {.crop = settings.net.input,
                                                 .random_crop = true,
                                                 .flip = settings.train.flip,
                                                 .grayscale = settings.train.grayscale},
                                   .rng = Rng(net.seed).stream("loader").stream(name)},
                       .outputs = joint.outputs});
  }
  return streams;
}

/// Other nets of the study that are this one after `epoch` epochs and have not been trained.
[[nodiscard]] inline std::vector<StudyNet> nets_that_end(const StudyContext& study, const StudyNet& net, Index epoch) {
  std::vector<StudyNet> nets = study_nets(study.config);
  std::erase_if(nets, [&](const StudyNet& other) {
    return other.seed != net.seed || other.settings->train.epochs != epoch ||
           !is_on_the_way(*other.settings, *net.settings) || std::filesystem::exists(study.paths.checkpoint(other));
  });
  return nets;
}

/// The mean loss of the trained tasks after an epoch. Throws NumericError unless it is finite.
[[nodiscard]] inline double watched_loss(const StudyNet& net, Index epoch, const std::vector<TaskScore>& scores,
                                         std::size_t trained, double learning_rate) {
  const double watched = mean_loss(scores, trained);
  if (!std::isfinite(watched))
    throw NumericError(text("training: ", net.title(), ": after the last step of epoch ", epoch,
                            ": expected a finite loss on the test images, got ", watched, " at learning rate ",
                            learning_rate, "; a smaller learning rate usually helps"));
  return watched;
}

}  // namespace detail

/// Which layers learn, and how fast. Throws ConfigError for unknown layers.
inline void choose_learning_layers(StudyNetwork& network, const TrainConfig& train) {
  for (const std::string& layer : train.freeze)
    if (layer == "trunk")
      freeze_all_but(network, {"heads"});
    else
      freeze(network, {layer});
  for (const auto& [layer, factor] : train.learning_rates) set_rate_factor(network, {layer}, factor);
}

/// The file of weights that the net starts from: that of another net of the study with the same seed, or any.
[[nodiscard]] inline std::string initial_weights(const StudyPaths& paths, const StudyNet& net) {
  const std::string& from = net.settings->train.init_from;
  if (names_weights_file(from)) return from;
  return paths.checkpoint({from == "main" ? "" : from, net.seed});
}

/// The net with its starting values: random ones of its seed, or those of another net where it has the same layers.
[[nodiscard]] inline StudyNetwork initial_network(const StudyContext& study, const StudyNet& net,
                                                  const std::vector<NetTask>& tasks) {
  StudyNetwork network =
      build_initialized<float, Cpu>(net_plan(net.settings->net, tasks), Rng(net.seed).stream("initialisation"));
  const TrainConfig& train = net.settings->train;
  if (!train.init_from.empty())
    (void)transfer_weights(initial_weights(study.paths, net), network, {.reset_heads = train.reset_head});
  choose_learning_layers(network, train);
  return network;
}

namespace detail {

/// The training of one net on this process.
class NetTraining {
 public:
  /// Goes on from the checkpoint there is.
  NetTraining(const StudyContext& study, const ImagePack& pack, const StudyNet& net)
      : net_(net),
        tasks_(net_tasks(study, net, pack)),
        network_(initial_network(study, net, tasks_)),
        schedule_(make_schedule(net.settings->train)),
        training_(device_of(study).train(network_, training_streams(net, network_, pack, tasks_),
                                         optimizer_choice(net.settings->train), train_precision(net.settings->train),
                                         Rng(net.seed).stream("training"))) {
    const std::string path = study.paths.checkpoint(net);
    if (std::filesystem::exists(path)) finished_ = training_->load(path, *schedule_).epoch;
  }

  [[nodiscard]] const StudyNet& net() const noexcept { return net_; }
  [[nodiscard]] const std::vector<NetTask>& tasks() const noexcept { return tasks_; }
  /// With the weights as they stand.
  [[nodiscard]] StudyNetwork& network() {
    training_->update_network();
    return network_;
  }
  void share(Communicator& team) { training_->share(team); }
  [[nodiscard]] Schedule& schedule() noexcept { return *schedule_; }
  [[nodiscard]] Index finished() const noexcept { return finished_; }  ///< epochs

  /// What one more epoch depends on, the same on every process that can take part.
  [[nodiscard]] std::string identity() {
    return text("training of ", net_.title(), " after epoch ", finished_, " with weights ",
                weights_checksum(network()));
  }

  EpochReport run_epoch(double learning_rate, const Trainer<float>::Observer& observer = {}) {
    const EpochReport report = training_->run_epoch(finished_ + 1, learning_rate, observer);
    ++finished_;
    return report;
  }

  /// Scores of all tasks on their test images.
  [[nodiscard]] std::vector<TaskScore> score(const ImagePack& pack) const {
    return score_tasks(net_.settings->net, network_, training_->net(), pack, tasks_);
  }

  /// Net, optimisers and schedule as they stand. Throws FileError.
  void save(const std::string& path) { training_->save(path, *schedule_, {.epoch = finished_, .seed = net_.seed}); }

 private:
  StudyNet net_;
  std::vector<NetTask> tasks_;
  StudyNetwork network_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<PlacedTraining> training_;
  Index finished_ = 0;
};

/// Process 0: lets the others take part in the next epoch.
inline void share_epoch(const StudyContext& study, NetTraining& training) {
  const StudyJob job{.kind = StudyJobKind::train,
                     .net = training.net(),
                     .epoch = training.finished() + 1,
                     .learning_rate = training.schedule().learning_rate()};
  (void)share_job(study, job, [&] { return &training; });
}

/// Stores the net, and the nets of the study that it is on its way.
inline void save_nets(const StudyContext& study, NetTraining& training, const TrainingLog& log) {
  const auto save_to = [&](const StudyNet& stored) {
    log.write(study.paths.training_log(stored));
    training.save(study.paths.checkpoint(stored));
  };
  const StudyNet& net = training.net();
  // This net last: what is missing after a kill is stored when the epoch is repeated.
  for (const StudyNet& other : nets_that_end(study, net, training.finished())) save_to(other);
  if (training.finished() > 0 || net.settings->train.epochs == 0) save_to(net);  // an untrained net is a result too
}

/// One epoch and what follows from it. Throws NumericError as train_network.
inline void train_epoch(StudyContext& study, const ImagePack& pack, NetTraining& training, TrainingLog& log) {
  const StudyNet& net = training.net();
  const double learning_rate = training.schedule().learning_rate();
  study.progress.start(text(net.title(), ", epoch ", training.finished() + 1, "/", net.settings->train.epochs),
                       "images");
  if (study.share_batches) share_epoch(study, training);
  const EpochReport report = training.run_epoch(learning_rate, [&](const StepReport& step) {
    study.progress.update(step.images_done, step.images_total, "loss " + format_fixed(step.loss, 3));
  });
  const std::vector<TaskScore> scores = training.score(pack);
  training.schedule().end_epoch(
      watched_loss(net, training.finished(), scores, trained_count(training.tasks()), learning_rate));
  log.add(report, scores);
  save_nets(study, training, log);
  study.progress.finish(describe(report, scores));
}

}  // namespace detail

/// Trains to the configured number of epochs, or goes on from the checkpoint there is, and returns the net. Nets of the
/// study that this one is on its way, with the same seed and settings but for fewer epochs, are stored in passing.
/// Throws NumericError if the loss leaves the numbers, in a step or on the test images; the checkpoint of the epoch
/// before stays.
[[nodiscard]] inline StudyNetwork train_network(StudyContext& study, const ImagePack& pack, const StudyNet& net) {
  detail::NetTraining training(study, pack, net);
  if (study.share_batches) training.share(*study.team);
  std::vector<std::string> names;
  for (const NetTask& task : training.tasks()) names.push_back(task.task);
  TrainingLog log = TrainingLog::resume(study.paths.training_log(net), training.finished(), names);
  if (training.finished() == 0) {
    log.add({}, training.score(pack));
    detail::save_nets(study, training, log);
  }
  while (training.finished() < net.settings->train.epochs) detail::train_epoch(study, pack, training, log);
  return std::move(training.network());
}

}  // namespace fusiform
