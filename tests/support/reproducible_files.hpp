#pragma once
/// What two runs of one study must have in common.

#include <filesystem>
#include <map>
#include <string>

#include <fusiform/io/file.hpp>

namespace fusiform::test {

/// All results that must not depend on threads, kills or the clock, by their paths below the folder.
[[nodiscard]] inline std::map<std::string, std::string> reproducible_files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = std::filesystem::relative(entry.path(), folder).generic_string();
    const bool timed = name.starts_with("training_") || name == "provenance.json" || name.starts_with("figures") ||
                       name == "report.html";
    if (entry.is_regular_file() && !timed) files[name] = read_file(entry.path().string());
  }
  return files;
}

}  // namespace fusiform::test
