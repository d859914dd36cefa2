#pragma once
/// A whole study: pack -> train -> rank -> lesion -> test -> report. Every stage leaves its results on disk and is
/// not done again, so that a study that was killed goes on where it was.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/study/attribution_stage.hpp>
#include <fusiform/study/class_groups.hpp>
#include <fusiform/study/config_check.hpp>
#include <fusiform/study/controls.hpp>
#include <fusiform/study/decoding_stage.hpp>
#include <fusiform/study/folder_lock.hpp>
#include <fusiform/study/images.hpp>
#include <fusiform/study/lesioning.hpp>
#include <fusiform/study/pair_stage.hpp>
#include <fusiform/study/provenance.hpp>
#include <fusiform/study/report_page.hpp>
#include <fusiform/study/similarity_stage.hpp>
#include <fusiform/study/stage.hpp>
#include <fusiform/study/summary.hpp>
#include <fusiform/study/team.hpp>
#include <fusiform/study/training.hpp>

namespace fusiform {

namespace detail {

/// Settings whose change does not touch stored results: more or fewer seeds, other intervals, groups of classes, more
/// or fewer analyses and controls; a variant that only one of the two has.
[[nodiscard]] inline nlohmann::ordered_json binding_settings(nlohmann::ordered_json settings,
                                                             const nlohmann::ordered_json& other) {
  settings.erase("statistics");
  for (auto& task : settings["task"]) task.erase("groups");
  const auto free_of_choices = [](nlohmann::ordered_json& net) {
    for (const char* key : {"seeds", "analyses"}) net.erase(key);
    if (net.contains("train")) net["train"].erase("snapshots");
    for (const char* key : {"random_classes", "pairs", "audit"})
      if (net.contains("lesion")) net["lesion"].erase(key);
  };
  free_of_choices(settings);
  nlohmann::ordered_json variants = nlohmann::ordered_json::object();
  for (auto& [name, variant] : settings["variants"].items()) {
    if (!other.contains("variants") || !other["variants"].contains(name)) continue;
    free_of_choices(variant);
    variants[name] = variant;
  }
  settings["variants"] = std::move(variants);
  return settings;
}

/// The settings that a folder is bound to. Devices round differently, so that results of one are not mixed with those
/// of another; of the CPU nothing is said, as ever.
[[nodiscard]] inline nlohmann::ordered_json folder_settings(const StudyContext& study) {
  nlohmann::ordered_json settings = to_json(study.config);
  if (device_of(study).name() != Cpu::name) settings["device"] = device_of(study).name();
  return settings;
}

/// Throws ConfigError unless the folder's results, if there are any, come from this device.
inline void require_same_device(const StudyContext& study, const nlohmann::ordered_json& stored) {
  const std::string was = stored.contains("device") ? stored["device"].get<std::string>() : Cpu::name;
  const std::string is = device_of(study).name();
  if (was != is)
    throw ConfigError(text(study.paths.root(), ": holds results computed on '", was,
                           "', but this run is to compute on '", is, "', which rounds differently; choose --device ",
                           was, " or another --out"));
}

/// Where GPUs compute, says which process uses which.
inline void say_devices(const StudyContext& study, const StudyTeam& team) {
  if (device_of(study).name() == Cpu::name) return;
  for (std::size_t process = 0; process < team.devices().size(); ++process)
    study.progress.say(text("process ", process, " computes on ", team.devices()[process]));
}

/// Throws ConfigError if the folder holds results of another study, naming the first setting that differs, or of
/// another device.
inline void claim_folder(const StudyContext& study) {
  const nlohmann::ordered_json settings = folder_settings(study);
  const std::string path = study.paths.settings();
  if (std::filesystem::exists(path)) {
    nlohmann::ordered_json stored;
    try {
      stored = nlohmann::ordered_json::parse(read_file(path));
    } catch (const nlohmann::json::exception& problem) {
      throw FileError(path, text("expected the settings of a study: ", problem.what()));
    }
    require_same_device(study, stored);
    const auto before = binding_settings(stored, settings).flatten();
    const auto now = binding_settings(settings, stored).flatten();
    const auto refuse_if_other = [&](const std::string& key) {
      const std::string was = before.contains(key) ? before[key].dump() : "not there";
      const std::string is = now.contains(key) ? now[key].dump() : "not there";
      if (was != is)
        throw ConfigError(text(study.paths.root(), ": holds results of other settings: ", key.substr(1), " was ", was,
                               ", now it is ", is, "; choose another --out or delete the folder"));
    };
    for (const auto& entry : now.items()) refuse_if_other(entry.key());
    for (const auto& entry : before.items()) refuse_if_other(entry.key());
  }
  write_file_atomically(path, settings.dump(2) + "\n");
}

/// Throws ConfigError unless every net can be built and, if a stage up to `last` lesions it, has the layers for that.
inline void check_nets(const StudyConfig& config, const std::vector<ClassInfo>& classes, StudyStage last) {
  for (const StudyNet& net : study_nets(config)) {
    const NetSettings& settings = *net.settings;
    const std::vector<NetTask> tasks = net_tasks(settings.net, config.tasks, classes);
    StudyNetwork network = build<float, Cpu>(net_plan(settings.net, tasks));
    choose_learning_layers(network, settings.train);
    if (settings.lesions_layers() && (last >= StudyStage::rank || !settings.lesion.layers.empty()))
      (void)lesioned_layers(settings.lesion, network);
    (void)read_layers(settings.decode.layers, network);
    const auto trained = static_cast<Index>(ranked_tasks(tasks).size());
    if (settings.lesion.random_classes > 0 && settings.does("lesion"))
      require_setting(network.heads().size() == 1 && trained > 1, text("net '", net.variant, "', random_classes"),
                      "one classifier for at least two tasks",
                      text(network.heads().size(), " classifiers, ", trained, " tasks"));
  }
}

/// The packed images of a study.
struct StudyPacks {
  ImagePack tasks;
  std::optional<ImagePack> held_out;  ///< if classes are held out
};

/// Stages of one net up to `last`.
inline void run_net(StudyContext& study, const StudyPacks& packs, const StudyNet& net, StudyStage last) {
  const StudyNetwork network = train_network(study, packs.tasks, net);
  if (last == StudyStage::train) return;
  const std::unique_ptr<PlacedNet> placed = device_of(study).place(network);
  const LesionedNet lesioned{net, network, *placed, packs.tasks};
  if (packs.held_out && net.settings->does("decode")) decode_net(study, lesioned, *packs.held_out);
  if (last == StudyStage::decode) return;
  if (last >= StudyStage::lesion) evaluate_intact(study, lesioned);
  if (!net.settings->lesions_layers()) return;
  for (const std::string& layer : lesioned_layers(net.settings->lesion, network)) {
    if (last >= StudyStage::lesion && net.settings->does("attribute")) attribute_layer(study, lesioned, layer);
    if (!net.settings->does("lesion")) continue;
    if (last == StudyStage::rank) {
      (void)rank_layer(study, lesioned, layer);
    } else {
      lesion_layer(study, lesioned, layer);
      pair_layer(study, lesioned, layer);
      run_controls(study, lesioned, layer);
    }
  }
}

}  // namespace detail

/// Runs the stages up to `last` for every net. Throws FileError, ConfigError or NumericError; what was finished
/// before stays. On process 0 of a team; the others are in `serve_study` (study/serve.hpp) meanwhile.
inline void run_study(StudyContext& study, StudyStage last = StudyStage::report) {
  const StudyTeam team(study);
  check(study.config);
  detail::require_precisions(study);
  // What cannot work fails here: before the folder belongs to these settings, and before hours of training.
  const StudyImages images = open_tasks(study.config);
  detail::check_nets(study.config, images.tasks.manifest.classes, last);
  for (const TaskConfig& task : study.config.tasks)
    check_groups(task, images.tasks.manifest.classes, images.held_out.manifest.classes);
  study.paths.create();
  const FolderLock lock(study.paths.root());
  remove_temporaries(study.paths.root());
  detail::claim_folder(study);
  detail::say_devices(study, team);
  const std::string started = utc_now();
  prepare_images(study, images);
  if (last == StudyStage::pack) return;
  detail::StudyPacks packs{ImagePack(study.paths.tasks().pack), std::nullopt};
  if (images.held_out.image_count() > 0) packs.held_out.emplace(study.paths.held_out().pack);
  for (const StudyNet& net : study_nets(study.config)) detail::run_net(study, packs, net, last);
  if (last < StudyStage::lesion) return;
  compare_representations(study, packs.tasks);
  const nlohmann::ordered_json summary = summarize(study, packs.tasks);
  write_file_atomically(study.paths.summary(), summary.dump(2) + "\n");
  nlohmann::ordered_json provenance = summary.at("provenance");
  provenance["started"] = started;
  provenance["finished"] = utc_now();
  provenance["threads"] = thread_count();
  provenance["processes"] = study.team->size();
  if (study.team->size() > 1) provenance["devices"] = team.devices();
  provenance["settings"] = to_json(study.config);
  write_file_atomically(study.paths.provenance(), provenance.dump(2) + "\n");
  if (last == StudyStage::report) write_report(study, summary);
}

}  // namespace fusiform
