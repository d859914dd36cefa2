#pragma once
/// Where a study keeps its results.

#include <cctype>
#include <cstdint>
#include <filesystem>
#include <string>

#include <fusiform/core/error.hpp>

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
    for (const char* folder : {"checkpoints", "rankings", "outcomes", "figures"}) {
      std::error_code problem;
      std::filesystem::create_directories(root_ / folder, problem);
      if (problem) throw FileError((root_ / folder).string(), "cannot create the folder: " + problem.message());
    }
  }

  [[nodiscard]] std::string root() const { return root_.string(); }
  [[nodiscard]] std::string settings() const { return in_root("study.json"); }
  [[nodiscard]] std::string manifest() const { return in_root("manifest.tsv"); }
  [[nodiscard]] std::string images() const { return in_root("images.pack"); }
  [[nodiscard]] std::string summary() const { return in_root("summary.json"); }
  [[nodiscard]] std::string provenance() const { return in_root("provenance.json"); }
  [[nodiscard]] std::string report() const { return in_root("report.html"); }
  [[nodiscard]] std::string figures() const { return in_root("figures"); }
  [[nodiscard]] std::string table(const std::string& name) const { return in_root(name + ".csv"); }

  [[nodiscard]] std::string checkpoint(std::uint64_t seed) const {
    return in_root("checkpoints/" + name_of(seed) + ".safetensors");
  }
  [[nodiscard]] std::string training_log(std::uint64_t seed) const {
    return in_root("training_" + name_of(seed) + ".csv");
  }
  /// Journal of one greedy ranking, a line per iteration.
  [[nodiscard]] std::string ranking(std::uint64_t seed, const std::string& layer, const std::string& task) const {
    return in_root("rankings/" + name_of(seed) + "_" + plain(layer) + "_" + plain(task) + ".jsonl");
  }
  /// Per-image outcomes of all lesions of one layer.
  [[nodiscard]] std::string outcomes(std::uint64_t seed, const std::string& layer) const {
    return in_root("outcomes/" + name_of(seed) + "_" + plain(layer) + ".safetensors");
  }

 private:
  [[nodiscard]] std::string in_root(const std::string& name) const { return (root_ / name).string(); }
  static std::string name_of(std::uint64_t seed) { return "seed" + std::to_string(seed); }
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
