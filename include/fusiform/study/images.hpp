#pragma once
/// First stage: the tasks' images, listed in a manifest and packed into one file.

#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/data/cifar.hpp>
#include <fusiform/data/idx.hpp>
#include <fusiform/data/image_folder.hpp>
#include <fusiform/data/pack_writer.hpp>
#include <fusiform/data/stimuli.hpp>
#include <fusiform/study/context.hpp>

namespace fusiform {

namespace detail {

[[nodiscard]] inline ImageSet open_stimuli(const TaskConfig& task, Index size, std::uint64_t seed) {
  StimuliOptions options{.size = size, .seed = seed};
  if (task.classes > 0) options.classes = task.classes;
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

[[nodiscard]] inline ImageSet open_task(const TaskConfig& task, Index size, std::uint64_t seed) {
  if (task.images.rfind("stimuli:", 0) == 0) return open_stimuli(task, size, seed);
  if (task.format == "cifar10" || task.format == "idx")
    return limit_per_class(
        task.format == "idx" ? idx_images(task.images, {.task = task.name}) : cifar10(task.images, {.task = task.name}),
        {.train = task.train_per_class, .test = task.test_per_class}, Rng(seed).stream("images of a class"));
  return image_folder(task.images, {.task = task.name,
                                    .test_fraction = task.test_fraction,
                                    .seed = seed,
                                    .class_prefix = task.class_prefix,
                                    .min_images = task.min_images,
                                    .max_classes = task.classes,
                                    .train_per_class = task.train_per_class,
                                    .test_per_class = task.test_per_class});
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

/// All tasks under one class table. The split is drawn with the study's first seed, so that all seeds of a study
/// train on the same images. Throws FileError or ConfigError naming folder and class.
[[nodiscard]] inline ImageSet open_tasks(const StudyConfig& config) {
  std::vector<ImageSet> sets;
  for (const TaskConfig& task : config.tasks)
    sets.push_back(detail::open_task(task, config.resize(), config.seeds.front()));
  ImageSet images = union_of_tasks(std::move(sets));
  detail::require_both_splits(images.manifest);
  return images;
}

/// Packs the images unless that is done already; says how many there are and whether the tasks' counts match.
/// Throws FileError listing damaged images unless they may be skipped.
inline void prepare_images(StudyContext& study, const ImageSet& images) {
  for (const std::string& task : images.manifest.tasks())
    study.progress.say(text("task ", task, ": ", images.manifest.class_count(task), " classes, ",
                            images.manifest.select(task, Split::train).size(), " training and ",
                            images.manifest.select(task, Split::test).size(), " test images"));
  const MatchedCounts counts = check_matched_counts(images.manifest);
  if (!counts.warning.empty()) study.progress.say("warning: " + counts.warning);
  const PackOptions options{.shorter_side = study.config.resize(),
                            .skip_damaged = study.skip_damaged,
                            .progress = [&](Index done, Index total) { study.progress.update(done, total); }};
  if (pack_is_current(study.paths.images(), images.manifest, options)) return;
  images.manifest.save(study.paths.manifest());
  study.progress.start("packing", "images");
  const PackReport report = write_pack(images, study.paths.images(), options);
  if (!report.damaged.empty()) detail::require_both_splits(ImagePack(study.paths.images()).manifest());
  study.progress.finish(text(report.images, " images"));
  for (const std::string& problem : report.damaged) study.progress.say("left out: " + problem);
}

}  // namespace fusiform
