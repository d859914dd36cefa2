#pragma once
/// First stage: the tasks' images, listed in a manifest and packed into one file.

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/data/cifar.hpp>
#include <fusiform/data/idx.hpp>
#include <fusiform/data/image_folder.hpp>
#include <fusiform/data/pack_writer.hpp>
#include <fusiform/data/stimuli.hpp>
#include <fusiform/data/upside_down.hpp>
#include <fusiform/study/context.hpp>

namespace fusiform {

namespace detail {

[[nodiscard]] inline ImageSet open_stimuli(const TaskConfig& task, Index size, std::uint64_t seed) {
  StimuliOptions options{.size = size, .seed = seed};
  if (task.classes > 0) options.classes = task.classes + task.held_out_classes;
  if (task.train_per_class > 0) options.train_per_class = task.train_per_class;
  if (task.test_per_class > 0) options.test_per_class = task.test_per_class;
  ImageSet set;
  if (task.images == "stimuli:faces")
    set = face_stimuli(options);
  else if (task.images == "stimuli:objects")
    set = object_stimuli(options);
  else
    throw ConfigError(
        text("task '", task.name, "': expected images = stimuli:faces or stimuli:objects, got ", task.images));
  for (ClassInfo& info : set.manifest.classes) info.task = task.name;
  return set;
}

[[nodiscard]] inline ImageSet open_folder(const TaskConfig& task, std::uint64_t seed) {
  return image_folder(task.images, {.task = task.name,
                                    .test_fraction = task.test_fraction,
                                    .seed = seed,
                                    .class_prefix = task.class_prefix,
                                    .min_images = task.min_images,
                                    .max_classes = task.classes > 0 ? task.classes + task.held_out_classes : 0,
                                    .train_per_class = task.train_per_class,
                                    .test_per_class = task.test_per_class});
}

/// The classes a task is trained on, and those it keeps for decoding.
struct OpenedTask {
  ImageSet trained;
  ImageSet held_out;  ///< all images as test images
};

/// Draws the held-out classes. Throws ConfigError unless one class at least is left.
[[nodiscard]] inline OpenedTask hold_out(ImageSet set, const TaskConfig& task, const Rng& rng) {
  const Index classes = set.class_count();
  require_setting(task.held_out_classes < classes, "task '" + task.name + "'",
                  text("fewer held-out classes than the ", classes, " there are"), task.held_out_classes);
  std::vector<Index> order(static_cast<std::size_t>(classes));
  std::iota(order.begin(), order.end(), Index{0});
  Rng(rng).shuffle(std::span(order));
  std::vector<bool> is_held_out(order.size(), false);
  for (Index i = 0; i < task.held_out_classes; ++i)
    is_held_out[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
  std::vector<Index> trained;
  std::vector<Index> held_out;
  for (std::size_t item = 0; item < set.manifest.images.size(); ++item)
    (is_held_out[static_cast<std::size_t>(set.manifest.images[item].class_index)] ? held_out : trained)
        .push_back(static_cast<Index>(item));
  OpenedTask result{subset(set, std::move(trained)), subset(std::move(set), std::move(held_out))};
  for (ManifestEntry& image : result.held_out.manifest.images) image.split = Split::test;
  return result;
}

[[nodiscard]] inline OpenedTask open_task(const TaskConfig& task, Index size, std::uint64_t seed) {
  ImageSet set;
  if (task.images.rfind("stimuli:", 0) == 0)
    set = open_stimuli(task, size, seed);
  else if (task.format == "cifar10" || task.format == "idx")
    set = limit_per_class(
        task.format == "idx" ? idx_images(task.images, {.task = task.name}) : cifar10(task.images, {.task = task.name}),
        {.train = task.train_per_class, .test = task.test_per_class}, Rng(seed).stream("images of a class"));
  else
    set = open_folder(task, seed);
  if (task.inverted) set = upside_down(std::move(set));
  return hold_out(std::move(set), task, Rng(seed).stream("held-out classes").stream(task.name));
}

/// Throws ConfigError for a task without training or test images.
inline void require_both_splits(const Manifest& manifest) {
  for (const std::string& task : manifest.tasks()) {
    const std::size_t train = manifest.select(task, Split::train).size();
    const std::size_t test = manifest.select(task, Split::test).size();
    require_setting(train > 0 && test > 0, "task '" + task + "'", "training images and test images",
                    text(train, " and ", test));
  }
}

}  // namespace detail

/// What a study looks at.
struct StudyImages {
  ImageSet tasks;     ///< all tasks under one class table
  ImageSet held_out;  ///< classes of the same tasks that no net is trained on; may be empty
};

/// Split and held-out classes are drawn with the study's first seed, so that all nets of a study train on the same
/// images. Throws FileError or ConfigError naming folder and class.
[[nodiscard]] inline StudyImages open_tasks(const StudyConfig& config) {
  const std::uint64_t seed = config.seeds.front();
  std::vector<ImageSet> trained;
  std::vector<ImageSet> held_out;
  for (const TaskConfig& task : config.tasks) {
    detail::OpenedTask opened = detail::open_task(task, config.resize(), seed);
    trained.push_back(std::move(opened.trained));
    if (task.held_out_classes > 0)
      held_out.push_back(limit_per_class(std::move(opened.held_out), {.test = config.decode.images_per_class},
                                         Rng(seed).stream("held-out images")));
  }
  StudyImages images{union_of_tasks(std::move(trained)), union_of_tasks(std::move(held_out))};
  detail::require_both_splits(images.tasks.manifest);
  return images;
}

namespace detail {

/// Packs a set of images unless that is done already. Throws FileError listing damaged images unless they may be
/// skipped.
inline void pack_images(StudyContext& study, const ImageSet& images, const StudyPaths::PackedSet& place) {
  const PackOptions options{.shorter_side = study.config.resize(),
                            .skip_damaged = study.skip_damaged,
                            .progress = [&](Index done, Index total) { study.progress.update(done, total); }};
  if (pack_is_current(place.pack, images.manifest, options)) return;
  images.manifest.save(place.manifest);
  study.progress.start("packing", "images");
  const PackReport report = write_pack(images, place.pack, options);
  study.progress.finish(text(report.images, " images"));
  for (const std::string& problem : report.damaged) study.progress.say("left out: " + problem);
}

/// Says how many images each net is trained on, and whether its tasks' counts match.
inline void say_counts(StudyContext& study, const Manifest& manifest) {
  for (const std::string& task : manifest.tasks())
    study.progress.say(text("task ", task, ": ", manifest.class_count(task), " classes, ",
                            manifest.select(task, Split::train).size(), " training and ",
                            manifest.select(task, Split::test).size(), " test images"));
  std::vector<std::string> said;
  for (const StudyNet& net : study_nets(study.config)) {
    std::vector<std::string> tasks;
    for (const NetTask& task : net_tasks(net.settings->net, study.config.tasks, manifest.classes))
      if (task.is_trained()) tasks.push_back(task.task);
    const MatchedCounts counts = check_matched_counts(manifest, tasks);
    if (counts.warning.empty() || std::find(said.begin(), said.end(), counts.warning) != said.end()) continue;
    said.push_back(counts.warning);
    study.progress.say("warning: " + counts.warning);
  }
}

}  // namespace detail

/// Packs the images unless that is done already; says how many there are and whether the tasks' counts match.
/// Throws FileError listing damaged images unless they may be skipped.
inline void prepare_images(StudyContext& study, const StudyImages& images) {
  detail::say_counts(study, images.tasks.manifest);
  detail::pack_images(study, images.tasks, study.paths.tasks());
  detail::require_both_splits(ImagePack(study.paths.tasks().pack).manifest());
  if (images.held_out.image_count() > 0) detail::pack_images(study, images.held_out, study.paths.held_out());
}

}  // namespace fusiform
