#pragma once
/// A whole study: pack -> train -> rank -> lesion -> test -> report. Every stage leaves its results on disk and is
/// not done again, so that a study that was killed goes on where it was.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/study/config_check.hpp>
#include <fusiform/study/folder_lock.hpp>
#include <fusiform/study/images.hpp>
#include <fusiform/study/lesioning.hpp>
#include <fusiform/study/provenance.hpp>
#include <fusiform/study/report_page.hpp>
#include <fusiform/study/stage.hpp>
#include <fusiform/study/summary.hpp>
#include <fusiform/study/training.hpp>

namespace fusiform {

namespace detail {

/// Settings whose change does not touch stored results: more or fewer seeds, other intervals.
[[nodiscard]] inline nlohmann::ordered_json binding_settings(nlohmann::ordered_json settings) {
  settings.erase("seeds");
  settings.erase("statistics");
  return settings;
}

/// Throws ConfigError if the folder holds results of another study, naming the first setting that differs.
inline void claim_folder(const StudyContext& study) {
  const nlohmann::ordered_json settings = to_json(study.config);
  const std::string path = study.paths.settings();
  if (std::filesystem::exists(path)) {
    nlohmann::ordered_json stored;
    try {
      stored = nlohmann::ordered_json::parse(read_file(path));
    } catch (const nlohmann::json::exception& problem) {
      throw FileError(path, text("expected the settings of a study: ", problem.what()));
    }
    const auto before = binding_settings(stored).flatten();
    const auto now = binding_settings(settings).flatten();
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

/// Throws ConfigError unless the net can be built and, if a stage up to `last` lesions it, has the layers for that.
inline void check_net(const StudyConfig& config, const std::vector<ClassInfo>& classes, StudyStage last) {
  const StudyNetwork network = build<float, Cpu>(study_plan(config, classes));
  if (last >= StudyStage::rank || !config.lesion.layers.empty()) (void)lesioned_layers(config, network);
}

}  // namespace detail

/// Runs the stages up to `last` for every seed. Throws FileError, ConfigError or NumericError; what was finished
/// before stays.
inline void run_study(StudyContext& study, StudyStage last = StudyStage::report) {
  check(study.config);
  // What cannot work fails here: before the folder belongs to these settings, and before hours of training.
  const ImageSet images = open_tasks(study.config);
  detail::check_net(study.config, images.manifest.classes, last);
  study.paths.create();
  const FolderLock lock(study.paths.root());
  remove_temporaries(study.paths.root());
  detail::claim_folder(study);
  const std::string started = utc_now();
  prepare_images(study, images);
  if (last == StudyStage::pack) return;
  const ImagePack pack(study.paths.images());
  for (const std::uint64_t seed : study.config.seeds) {
    StudyNetwork network = train_network(study, pack, seed);
    if (last == StudyStage::train) continue;
    for (const std::string& layer : lesioned_layers(study.config, network)) {
      if (last == StudyStage::rank)
        (void)rank_layer(study, network, pack, layer, seed);
      else
        lesion_layer(study, network, pack, layer, seed);
    }
  }
  if (last == StudyStage::train || last == StudyStage::rank) return;
  const nlohmann::ordered_json summary = summarize(study, pack);
  write_file_atomically(study.paths.summary(), summary.dump(2) + "\n");
  nlohmann::ordered_json provenance = summary.at("provenance");
  provenance["started"] = started;
  provenance["finished"] = utc_now();
  provenance["threads"] = thread_count();
  provenance["settings"] = to_json(study.config);
  write_file_atomically(study.paths.provenance(), provenance.dump(2) + "\n");
  if (last == StudyStage::report) write_report(study, summary);
}

}  // namespace fusiform
