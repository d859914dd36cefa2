#pragma once
/// Collects the records of data sets that come as a few large files, and groups them by class.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/data/dataset.hpp>

namespace fusiform::detail {

class RecordSet {
 public:
  /// `task` may be empty: then it is the folder's name. `names` may be empty: then classes are called by number.
  RecordSet(const std::string& folder, std::string task, std::vector<std::string> names)
      : folder_(folder), task_(std::move(task)), names_(std::move(names)) {
    if (!std::filesystem::is_directory(folder))
      throw FileError(folder, "expected a folder of images, found no such folder");
    if (!task_.empty()) return;
    const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
    task_ = (path.has_filename() ? path : path.parent_path()).filename().string();
  }

  void add(std::string path, Index label, Split split, std::function<Image()> load) {
    if (!names_.empty() && label >= static_cast<Index>(names_.size()))
      throw FileError(path, text("expected a class of 0..", names_.size() - 1, ", found ", label));
    records_.push_back({{std::move(path), label, split}, std::move(load)});
  }

  /// Throws FileError if a class has no image.
  [[nodiscard]] ImageSet finish() && {
    if (records_.empty()) throw FileError(folder_, "expected images, found none");
    const auto by_class = [](const Record& a, const Record& b) { return a.entry.class_index < b.entry.class_index; };
    std::stable_sort(records_.begin(), records_.end(), by_class);
    ImageSet set;
    for (Index label = 0; label <= records_.back().entry.class_index; ++label)
      set.manifest.classes.push_back(
          {task_, names_.empty() ? std::to_string(label) : names_[static_cast<std::size_t>(label)]});
    auto loaders = std::make_shared<std::vector<std::function<Image()>>>();
    for (Record& record : records_) {
      set.manifest.images.push_back(std::move(record.entry));
      loaders->push_back(std::move(record.load));
    }
    try {
      set.manifest.validate();
    } catch (const ConfigError& error) {
      throw FileError(folder_, error.what());
    }
    set.load = [loaders](Index item) { return loaders->at(static_cast<std::size_t>(item))(); };
    return set;
  }

 private:
  struct Record {
    ManifestEntry entry;
    std::function<Image()> load;
  };

  std::string folder_;
  std::string task_;
  std::vector<std::string> names_;
  std::vector<Record> records_;
};

}  // namespace fusiform::detail
