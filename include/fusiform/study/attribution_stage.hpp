#pragma once
/// Stage: every unit of a lesioned layer: what its lesion does to each task, and the shortcuts that try to tell without
/// lesions (Taylor, conductance, selectivity, variance).

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/attribution.hpp>
#include <fusiform/analysis/conductance.hpp>
#include <fusiform/analysis/extract_features.hpp>
#include <fusiform/analysis/lesion_agreement.hpp>
#include <fusiform/analysis/selectivity.hpp>
#include <fusiform/analysis/task_variance.hpp>
#include <fusiform/analysis/unit_effects.hpp>
#include <fusiform/io/safetensors.hpp>
#include <fusiform/study/lesioning.hpp>

namespace fusiform {

/// One task's view of the units of a layer.
struct TaskAttribution {
  std::string task;
  UnitTable effects;                ///< loss(lesioned) - loss(intact) for each image and unit, nats
  std::vector<Shortcut> shortcuts;  ///< one number per unit each
};

/// Tensors "<task>.labels" (images), "<task>.effects" (images, units), "<task>.<shortcut>" (units). Crash-safe.
inline void write_attribution(const std::string& path, const std::vector<TaskAttribution>& tasks) {
  SafetensorsWriter file;
  for (const TaskAttribution& task : tasks) {
    file.add<Index>(task.task + ".labels", {task.effects.images()}, task.effects.labels);
    file.add<float>(task.task + ".effects", {task.effects.images(), task.effects.units()}, task.effects.values.span());
    for (const Shortcut& shortcut : task.shortcuts)
      file.add<double>(task.task + "." + shortcut.name, {task.effects.units()}, shortcut.values);
  }
  file.write(path);
}

/// Of the given tasks. Throws FileError if something is missing.
[[nodiscard]] inline std::vector<TaskAttribution> read_attribution(const std::string& path,
                                                                   const std::vector<std::string>& tasks) {
  const SafetensorsFile file(path);
  std::vector<TaskAttribution> result;
  for (const std::string& task : tasks) {
    TaskAttribution attribution{task, {{}, file.read<Index>(task + ".labels")}, {}};
    const std::vector<Index> shape = file.shape(task + ".effects");
    const auto images = static_cast<Index>(attribution.effects.labels.size());
    if (shape.size() != 2 || shape[0] != images)
      throw FileError(path, text("tensor '", task, ".effects': expected (", images, ", units)"));
    attribution.effects.values.resize(Shape{shape[0], shape[1]});
    const std::vector<float> values = file.read<float>(task + ".effects");
    std::copy(values.begin(), values.end(), attribution.effects.values.data());
    for (const std::string& name : file.names()) {
      const std::string prefix = task + ".";
      if (name.rfind(prefix, 0) != 0 || name == prefix + "labels" || name == prefix + "effects") continue;
      attribution.shortcuts.push_back({name.substr(prefix.size()), file.read<double>(name)});
    }
    result.push_back(std::move(attribution));
  }
  return result;
}

namespace detail {

/// Mean over positions of each unit's activation, for the images of one task.
[[nodiscard]] inline FeatureTable unit_responses(const PlacedNet& net, const LesionSite& site,
                                                 const LabelledImages<float>& images) {
  return std::move(net.extract_features({site.node}, images, {.average_positions = true}).front());
}

/// Shortcuts that compare the responses to the task's images with those to the other tasks' images.
inline void add_contrasts(const std::vector<View<const float, Cpu>>& responses, std::size_t task,
                          std::vector<Shortcut>& shortcuts) {
  Shortcut t{"selectivity_t", {}};
  Shortcut d{"d_prime", {}};
  for (const SelectivityContrast& contrast : selectivity_contrasts(responses, task)) {
    t.values.push_back(contrast.t);
    d.values.push_back(contrast.d_prime);
  }
  shortcuts.push_back(std::move(t));
  shortcuts.push_back(std::move(d));
  shortcuts.push_back({"variance_share", task_variances(responses).share[task]});
}

[[nodiscard]] inline TaskAttribution attribute_task(const LesionedNet& lesioned, const LesionSite& site,
                                                    const NetTask& task, const LabelledImages<float>& images) {
  const NodeId head = task_head(lesioned.network, task);
  const PlacedNet& net = lesioned.placed;
  const auto lesions =
      net.added_lesions({.site = site, .head = head}, images, LesionManner{}, lesion_memory(lesioned.lesion()));
  TaskAttribution result{task.task, unit_effects(*lesions, images.labels), {}};
  const UnitTable taylor = net.taylor_attribution(site, head, images);
  const Conductance conductance =
      net.layer_conductance(site, head, images, lesioned.net.settings->attribute.conductance_steps);
  result.shortcuts.push_back({"taylor", unit_means(taylor.values)});
  result.shortcuts.push_back({"gradient_squared", unit_mean_squares(taylor.values)});
  result.shortcuts.push_back({"conductance", unit_means(conductance.units.values)});
  return result;
}

}  // namespace detail

/// Test images of a task on which single units are looked at: at most `[attribute] images`.
[[nodiscard]] inline LabelledImages<float> attributed_images(const LesionedNet& lesioned, const NetTask& task) {
  const Manifest& manifest = lesioned.pack.manifest();
  return task_input(
      lesioned.net.settings->net, lesioned.pack, task,
      stratified_images(manifest, task_images(manifest, task, Split::test), lesioned.net.settings->attribute.images,
                        Rng(lesioned.net.seed).stream("attributed images").stream(task.task)));
}

/// Attributes the units of one layer to the tasks that the net is trained on, unless that is stored already. Always for
/// lesions of kind zero, which the shortcuts estimate.
inline void attribute_layer(StudyContext& study, const LesionedNet& lesioned, const std::string& layer) {
  const std::string path = study.paths.attribution(lesioned.net, layer);
  if (std::filesystem::exists(path)) return;
  const std::vector<NetTask> tasks = ranked_tasks(net_tasks(study, lesioned.net, lesioned.pack));
  const LesionSite site = lesion_site(lesioned.network, layer);
  study.progress.start(text(lesioned.net.title(), ": units of ", layer), "tasks");
  std::vector<TaskAttribution> attributions;
  std::vector<FeatureTable> responses;
  for (const NetTask& task : tasks) {
    const LabelledImages<float> images = attributed_images(lesioned, task);
    attributions.push_back(detail::attribute_task(lesioned, site, task, images));
    responses.push_back(detail::unit_responses(lesioned.placed, site, images));
    study.progress.update(static_cast<Index>(attributions.size()), static_cast<Index>(tasks.size()));
  }
  std::vector<View<const float, Cpu>> views;
  for (const FeatureTable& table : responses) views.push_back(table.values.view());
  for (std::size_t t = 0; t < tasks.size() && tasks.size() > 1; ++t)
    detail::add_contrasts(views, t, attributions[t].shortcuts);
  write_attribution(path, attributions);
  study.progress.finish(text(site.units, " units, ", tasks.size(), " tasks"));
}

}  // namespace fusiform
