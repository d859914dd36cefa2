#pragma once
/// Where a study keeps its results.

#include <cctype>
#include <cstdint>
#include <filesystem>
#include <string>

#include <fusiform/core/error.hpp>
#include <fusiform/study/study_net.hpp>

namespace fusiform {

/// All files lie below `root`.
class StudyPaths {
 public:
  explicit StudyPaths(std::filesystem::path root) : root_(std::move(root)) {}

  /// Creates the folders. Throws FileError.
  void create() const {
    std::error_code ignored;
    if (std::filesystem::exists(root_, ignored) && !std::filesystem::is_directory(root_, ignored))
      throw FileError(root_.string(), "expected a folder for the results, found a file");
    for (const char* folder :
         {"checkpoints", "decoding", "rankings", "outcomes", "controls", "attribution", "pairs", "figures"}) {
      std::error_code problem;
      std::filesystem::create_directories(root_ / folder, problem);
      if (problem) throw FileError((root_ / folder).string(), "cannot create the folder: " + problem.message());
    }
  }

  [[nodiscard]] std::string root() const { return root_.string(); }
  [[nodiscard]] std::string settings() const { return in_root("study.json"); }

  /// A set of images: its list, and its pixels in one file.
  struct PackedSet {
    std::string manifest;
    std::string pack;
  };
  [[nodiscard]] PackedSet tasks() const { return {in_root("manifest.tsv"), in_root("images.pack")}; }
  [[nodiscard]] PackedSet held_out() const { return {in_root("held_out.tsv"), in_root("held_out.pack")}; }

  [[nodiscard]] std::string summary() const { return in_root("summary.json"); }
  [[nodiscard]] std::string similarity() const { return in_root("similarity.json"); }
  [[nodiscard]] std::string provenance() const { return in_root("provenance.json"); }
  [[nodiscard]] std::string report() const { return in_root("report.html"); }
  [[nodiscard]] std::string figures() const { return in_root("figures"); }

  [[nodiscard]] std::string checkpoint(const StudyNet& net) const {
    return in_root("checkpoints/" + name_of(net) + ".safetensors");
  }
  [[nodiscard]] std::string training_log(const StudyNet& net) const {
    return in_root("training_" + name_of(net) + ".csv");
  }
  /// Per-image outcomes of the net without lesions.
  [[nodiscard]] std::string intact(const StudyNet& net) const {
    return in_root("outcomes/" + name_of(net) + ".safetensors");
  }
  /// Predicted classes of all held-out images from every decoded layer.
  [[nodiscard]] std::string decoding(const StudyNet& net) const {
    return in_root("decoding/" + name_of(net) + ".jsonl");
  }
  /// Journal of one greedy ranking, a line per iteration.
  [[nodiscard]] std::string ranking(const StudyNet& net, const std::string& layer, const std::string& task) const {
    return in_root("rankings/" + name_of(net) + "_" + plain(layer) + "_" + plain(task) + ".jsonl");
  }
  /// What the audit of one ranking found, iteration by iteration.
  [[nodiscard]] std::string ranking_audit(const StudyNet& net, const std::string& layer,
                                          const std::string& task) const {
    return ranking(net, layer, task) + ".audit";
  }
  /// What a ranking that is not complete has computed of its next iteration.
  [[nodiscard]] std::string ranking_work(const StudyNet& net, const std::string& layer, const std::string& task) const {
    return ranking(net, layer, task) + ".work";
  }
  /// Per-image outcomes of all lesions of one layer.
  [[nodiscard]] std::string outcomes(const StudyNet& net, const std::string& layer) const {
    return in_root("outcomes/" + name_of(net) + "_" + plain(layer) + ".safetensors");
  }
  /// The same of one random-class control.
  [[nodiscard]] std::string control(const StudyNet& net, const std::string& layer, Index draw) const {
    return in_root("controls/" + name_of(net) + "_" + plain(layer) + "_" + std::to_string(draw) + ".safetensors");
  }
  /// Every unit of a layer: its lesion's effect and the shortcuts for it.
  [[nodiscard]] std::string attribution(const StudyNet& net, const std::string& layer) const {
    return in_root("attribution/" + name_of(net) + "_" + plain(layer) + ".safetensors");
  }

  /// Per-image outcomes of single units and pairs of units of a layer.
  [[nodiscard]] std::string pairs(const StudyNet& net, const std::string& layer) const {
    return in_root("pairs/" + name_of(net) + "_" + plain(layer) + ".safetensors");
  }

  /// Every class under the lesions of every layer.
  [[nodiscard]] std::string class_effects(const StudyNet& net) const {
    return in_root("class_effects_" + name_of(net) + ".csv");
  }

  /// "seed0", "faces%20only_seed0": the beginning of a net's file names.
  [[nodiscard]] static std::string name_of(const StudyNet& net) {
    return (net.variant.empty() ? "" : plain(net.variant) + "_") + "seed" + std::to_string(net.seed);
  }

 private:
  [[nodiscard]] std::string in_root(const std::string& name) const { return (root_ / name).string(); }
  /// A name as part of a file name: other characters as "%" and two digits. Different names stay different.
  static std::string plain(const std::string& name) {
    std::string result;
    for (const char character : name) {
      const auto byte = static_cast<unsigned char>(character);
      if (std::isalnum(byte) != 0 || character == '.' || character == '-' || character == '_')
        result += character;
      else
        result.append({'%', "0123456789abcdef"[byte >> 4U], "0123456789abcdef"[byte & 15U]});
    }
    return result;
  }

  std::filesystem::path root_;
};

}  // namespace fusiform
