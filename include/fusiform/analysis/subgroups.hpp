#pragma once
/// Whom does a lesion hurt? Effects on subgroups of classes (races of faces, kinds of objects) and on single classes
/// (spec: A.7.7), all from per-image outcomes.

#include <map>
#include <span>
#include <string>
#include <vector>

#include <fusiform/analysis/drops.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// One task's test images with and without a lesion.
template <Scalar T>
struct LesionedOutcomes {
  std::span<const Index> labels;  ///< class of each image
  const Outcomes<T>& base;
  const Outcomes<T>& lesioned;

  /// Throws ShapeError unless there is one outcome per label on both sides.
  void check() const {
    require_equal("lesioned outcomes", "base results, one per image,", labels.size(), base.correct.size());
    require_equal("lesioned outcomes", "lesioned results, one per image,", labels.size(), lesioned.correct.size());
    require_equal("lesioned outcomes", "base losses, one per image,", labels.size(), base.losses.size());
    require_equal("lesioned outcomes", "lesioned losses, one per image,", labels.size(), lesioned.losses.size());
  }
};

struct SubgroupEffect {
  Index subgroup = 0;
  Index classes = 0;
  Index images = 0;
  Interval loss_change;        ///< mean of loss(lesioned) - loss(intact), nats
  Interval base_accuracy;      ///< of the intact net
  Interval lesioned_accuracy;  ///< under the lesion
  Interval drop;               ///< proportional drop
};

/// The effect on one subgroup on the data, on each resample and with each class left out: what intervals are made of,
/// and differences between subgroups. Sample g is the images of subgroup g.
struct ResampledSubgroup {
  Index subgroup = 0;
  Index classes = 0;
  Index images = 0;
  Resampled loss_change;
  ResampledDrops drops;  ///< of one lesion
};

namespace detail {

template <Scalar T>
[[nodiscard]] ResampledSubgroup effect_on_images(const LesionedOutcomes<T>& outcomes, Index subgroup,
                                                 std::span<const std::size_t> images, const Rng& rng,
                                                 const BootstrapOptions& options) {
  std::vector<Index> labels;
  std::vector<double> changes;
  std::vector<std::uint8_t> base;
  std::vector<std::uint8_t> lesioned;
  for (const std::size_t image : images) {
    labels.push_back(outcomes.labels[image]);
    changes.push_back(static_cast<double>(outcomes.lesioned.losses[image]) -
                      static_cast<double>(outcomes.base.losses[image]));
    base.push_back(outcomes.base.correct[image]);
    lesioned.push_back(outcomes.lesioned.correct[image]);
  }
  const HierarchicalBootstrap bootstrap(labels, rng);
  return {.subgroup = subgroup,
          .classes = bootstrap.class_count(),
          .images = bootstrap.image_count(),
          .loss_change = resample_mean(bootstrap, changes, options, subgroup),
          .drops = resample_drops({.task = "subgroup", .labels = labels, .base = base, .lesioned = {lesioned}}, rng,
                                  options, subgroup)};
}

}  // namespace detail

/// The effect on each subgroup that has images, ascending. `subgroup_of_class[label]` is the subgroup of a class, any
/// integer. Each subgroup is resampled by itself, classes then images (subgroup g from stream g of `rng`); with a
/// single class the interval is about other images of that class only. Throws ShapeError if lengths differ, ConfigError
/// for a label without a subgroup.
template <Scalar T>
[[nodiscard]] std::vector<ResampledSubgroup> resample_subgroups(const LesionedOutcomes<T>& outcomes,
                                                                std::span<const Index> subgroup_of_class,
                                                                const Rng& rng, const BootstrapOptions& options = {}) {
  outcomes.check();
  std::map<Index, std::vector<std::size_t>> members;
  for (std::size_t image = 0; image < outcomes.labels.size(); ++image) {
    const Index label = outcomes.labels[image];
    require_setting(label >= 0 && label < static_cast<Index>(subgroup_of_class.size()), "subgroups",
                    text("classes 0..", static_cast<Index>(subgroup_of_class.size()) - 1), label);
    members[subgroup_of_class[static_cast<std::size_t>(label)]].push_back(image);
  }
  std::vector<ResampledSubgroup> effects;
  for (const auto& [subgroup, images] : members)
    effects.push_back(detail::effect_on_images(outcomes, subgroup, std::span<const std::size_t>(images),
                                               rng.stream(static_cast<std::uint64_t>(subgroup)), options));
  return effects;
}

/// Intervals of what was resampled, of the kind and level of `options`.
[[nodiscard]] inline SubgroupEffect subgroup_effect(const ResampledSubgroup& resampled,
                                                    const BootstrapOptions& options = {}) {
  return {.subgroup = resampled.subgroup,
          .classes = resampled.classes,
          .images = resampled.images,
          .loss_change = confidence_interval(resampled.loss_change, options),
          .base_accuracy = confidence_interval(resampled.drops.base, options),
          .lesioned_accuracy = confidence_interval(resampled.drops.accuracy[0], options),
          .drop = confidence_interval(resampled.drops.drop[0], options)};
}

/// Resamples and summarises. Throws as `resample_subgroups`.
template <Scalar T>
[[nodiscard]] std::vector<SubgroupEffect> subgroup_effects(const LesionedOutcomes<T>& outcomes,
                                                           std::span<const Index> subgroup_of_class, const Rng& rng,
                                                           const BootstrapOptions& options = {}) {
  std::vector<SubgroupEffect> effects;
  for (const ResampledSubgroup& resampled : resample_subgroups(outcomes, subgroup_of_class, rng, options))
    effects.push_back(subgroup_effect(resampled, options));
  return effects;
}

struct ClassEffect {
  Index label = 0;
  Index images = 0;
  double loss_change = 0;  ///< mean of loss(lesioned) - loss(intact), nats
  double base_accuracy = 0;
  double lesioned_accuracy = 0;
  double drop = undefined;  ///< undefined if the intact net finds none of the images
};

/// The effect on each class that has images, ascending by label: one row of a lesions x classes matrix.
/// Throws ShapeError if lengths differ.
template <Scalar T>
[[nodiscard]] std::vector<ClassEffect> class_effects(const LesionedOutcomes<T>& outcomes) {
  outcomes.check();
  std::map<Index, ClassEffect> classes;
  for (std::size_t image = 0; image < outcomes.labels.size(); ++image) {
    ClassEffect& effect = classes[outcomes.labels[image]];
    effect.label = outcomes.labels[image];
    ++effect.images;
    effect.loss_change +=
        static_cast<double>(outcomes.lesioned.losses[image]) - static_cast<double>(outcomes.base.losses[image]);
    effect.base_accuracy += outcomes.base.correct[image];
    effect.lesioned_accuracy += outcomes.lesioned.correct[image];
  }
  std::vector<ClassEffect> effects;
  for (auto& [label, effect] : classes) {
    const auto images = static_cast<double>(effect.images);
    effect.loss_change /= images;
    effect.base_accuracy /= images;
    effect.lesioned_accuracy /= images;
    effect.drop = proportional_drop(effect.base_accuracy, effect.lesioned_accuracy);
    effects.push_back(effect);
  }
  return effects;
}

}  // namespace fusiform
