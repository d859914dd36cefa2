#pragma once
/// Second stage: train one net per seed. A checkpoint after every epoch; a killed training goes on from there and ends
/// with the same bits as an undisturbed one.

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/data/loader.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/training_log.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/schedule.hpp>
#include <fusiform/train/sgd.hpp>
#include <fusiform/train/trainer.hpp>

namespace fusiform {

/// The layers of the study's net. Throws ConfigError for an unknown architecture or layer to branch after.
[[nodiscard]] inline NetworkPlan study_plan(const StudyConfig& config, const std::vector<ClassInfo>& classes) {
  NetOptions options{.image = Shape{config.net.input, config.net.input, 3}, .dropout = config.net.dropout};
  if (config.net.branch_after.empty()) {
    options.heads = {{"", static_cast<Index>(classes.size())}};
  } else {
    for (const TaskClasses& task : task_classes(classes)) options.heads.push_back({task.task, task.count});
    options.branch_after = config.net.branch_after;
  }
  return plan_network(config.net.arch, options);
}

/// The study's net with starting values for this seed.
[[nodiscard]] inline StudyNetwork initial_network(const StudyConfig& config, const std::vector<ClassInfo>& classes,
                                                  std::uint64_t seed) {
  return build_initialized<float, Cpu>(study_plan(config, classes), Rng(seed).stream("initialisation"));
}

/// Top-1, top-5 and loss of every task on its test images.
[[nodiscard]] inline std::vector<TaskScore> score_tasks(const StudyConfig& config, const StudyNetwork& network,
                                                        const ImagePack& pack) {
  std::vector<TaskScore> scores;
  for (const TaskClasses& task : task_classes(pack.classes())) {
    const TaskHead head = task_head(network, task);
    const auto images = labelled_images<float>(pack, pack.select(task.task, Split::test), evaluation_transform(config),
                                               head.first_class);
    const Outcomes<float> outcomes = evaluate(network, head.node, images);
    scores.push_back({task.task, outcomes.count(), outcomes.mean_loss(), outcomes.top1(), outcomes.top5()});
  }
  return scores;
}

namespace detail {

[[nodiscard]] inline std::unique_ptr<Optimizer<float, Cpu>> make_optimizer(const TrainConfig& train) {
  if (train.optimizer == "adam")
    return std::make_unique<Adam<float, Cpu>>(AdamOptions{.weight_decay = train.weight_decay});
  return std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = train.momentum, .weight_decay = train.weight_decay});
}

[[nodiscard]] inline std::unique_ptr<Schedule> make_schedule(const TrainConfig& train) {
  if (train.schedule == "plateau")
    return std::make_unique<ReduceOnPlateau>(ReduceOnPlateauOptions{
        .learning_rate = train.learning_rate, .factor = train.factor, .patience = train.patience});
  return std::make_unique<StepSchedule>(StepScheduleOptions{.learning_rate = train.learning_rate,
                                                            .step_size = train.schedule == "step" ? train.step_size : 0,
                                                            .factor = train.factor});
}

/// One loader over the union of tasks, or one per branch.
[[nodiscard]] inline std::vector<std::unique_ptr<Loader<float>>> make_loaders(const StudyConfig& config,
                                                                              const ImagePack& pack,
                                                                              std::uint64_t seed) {
  std::vector<std::string> names = {""};
  if (!config.net.branch_after.empty()) names = pack.tasks();
  std::vector<std::unique_ptr<Loader<float>>> loaders;
  for (const std::string& name : names)
    loaders.push_back(std::make_unique<Loader<float>>(pack, pack.select(name, Split::train),
                                                      LoaderOptions{.batch = config.train.batch,
                                                                    .shuffle = true,
                                                                    .transform = {.crop = config.net.input,
                                                                                  .random_crop = true,
                                                                                  .flip = config.train.flip,
                                                                                  .grayscale = config.train.grayscale},
                                                                    .rng = Rng(seed).stream("loader").stream(name)}));
  return loaders;
}

[[nodiscard]] inline std::vector<TrainStream<float>> make_streams(
    const StudyNetwork& network, const ImagePack& pack, const std::vector<std::unique_ptr<Loader<float>>>& loaders) {
  std::vector<TrainStream<float>> streams;
  const std::vector<TaskClasses> tasks = task_classes(pack.classes());
  if (loaders.size() == 1) return {{"", network.heads().front(), 0, loaders.front().get()}};
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TaskHead head = task_head(network, tasks[i]);
    streams.push_back({tasks[i].task, head.node, head.first_class, loaders[i].get()});
  }
  return streams;
}

}  // namespace detail

/// Trains to the configured number of epochs, or goes on from the checkpoint there is, and returns the net.
/// Throws NumericError if the loss leaves the numbers, in a step or on the test images; the checkpoint of the epoch
/// before stays.
[[nodiscard]] inline StudyNetwork train_network(StudyContext& study, const ImagePack& pack, std::uint64_t seed) {
  const StudyConfig& config = study.config;
  StudyNetwork network = initial_network(config, pack.classes(), seed);
  const auto loaders = detail::make_loaders(config, pack, seed);
  std::vector<std::unique_ptr<Optimizer<float, Cpu>>> optimizers;
  for (std::size_t i = 0; i < loaders.size(); ++i) optimizers.push_back(detail::make_optimizer(config.train));
  Trainer<float> trainer(network, detail::make_streams(network, pack, loaders), std::move(optimizers),
                         Rng(seed).stream("training"));
  const auto schedule = detail::make_schedule(config.train);
  const std::string path = study.paths.checkpoint(seed);
  Index finished = 0;
  if (std::filesystem::exists(path)) finished = load_training(path, network, trainer.optimizers(), *schedule).epoch;
  TrainingLog log = TrainingLog::resume(study.paths.training_log(seed), finished, pack.tasks());
  if (finished == 0) log.add({}, score_tasks(config, network, pack));
  for (Index epoch = finished + 1; epoch <= config.train.epochs; ++epoch) {
    study.progress.start(text("seed ", seed, ", epoch ", epoch, "/", config.train.epochs), "images");
    const EpochReport report = trainer.run_epoch(epoch, schedule->learning_rate(), [&](const StepReport& step) {
      study.progress.update(step.images_done, step.images_total, "loss " + format_fixed(step.loss, 3));
    });
    const std::vector<TaskScore> scores = score_tasks(config, network, pack);
    if (!std::isfinite(mean_loss(scores)))
      throw NumericError(text("training: after the last step of epoch ", epoch,
                              ": expected a finite loss on the test images, got ", mean_loss(scores),
                              " at learning rate ", schedule->learning_rate(),
                              "; a smaller learning rate usually helps"));
    schedule->end_epoch(mean_loss(scores));
    log.add(report, scores);
    log.write();
    save_training(path, network, trainer.optimizers(), *schedule, {.epoch = epoch, .seed = seed});
    study.progress.finish(describe(report, scores));
  }
  if (config.train.epochs == 0) {  // the untrained net is a result too
    log.write();
    save_training(path, network, trainer.optimizers(), *schedule, {.epoch = 0, .seed = seed});
  }
  return network;
}

}  // namespace fusiform
