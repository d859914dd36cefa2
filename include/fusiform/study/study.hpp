#pragma once
/// A whole study: pack -> train -> rank -> lesion -> test -> report. Every stage leaves its results on disk and is
/// not done again, so that a study that was killed goes on where it was.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/file.hpp>
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
    const auto flat_stored = binding_settings(stored).flatten();
    const auto flat_wanted = binding_settings(settings).flatten();
    for (const auto& [key, value] : flat_wanted.items())
      if (!flat_stored.contains(key) || flat_stored[key] != value)
        throw ConfigError(text(study.paths.root(), ": holds results of other settings: ", key, " was ",
                               flat_stored.contains(key) ? flat_stored[key].dump() : "not there", ", now it is ",
                               value.dump(), "; choose another --out or delete the folder"));
    if (flat_stored.size() != flat_wanted.size())
      throw ConfigError(text(study.paths.root(),
                             ": holds results of other settings (fewer are asked for now); "
                             "choose another --out or delete the folder"));
  }
  write_file_atomically(path, settings.dump(2) + "\n");
}

}  // namespace detail

/// Runs the stages up to `last` for every seed. Throws FileError, ConfigError or NumericError; what was finished
/// before stays.
inline void run_study(StudyContext& study, StudyStage last = StudyStage::report) {
  check(study.config);
  study.paths.create();
  detail::claim_folder(study);
  const std::string started = utc_now();
  prepare_images(study);
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
