#pragma once
/// What a set of images is: a class table, a list of (image, class, split), and a way to get the pixels.

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>
#include <fusiform/data/image.hpp>
#include <fusiform/io/atomic_file.hpp>

namespace fusiform {

enum class Split { train, test };

[[nodiscard]] constexpr std::string_view to_string(Split split) noexcept {
  return split == Split::train ? "train" : "test";
}

/// One row of the class table: the class's position in the table is the label the net learns.
struct ClassInfo {
  std::string task;
  std::string name;
  friend bool operator==(const ClassInfo&, const ClassInfo&) = default;
};

/// One image: where it comes from (a file, or a made-up name that is unique in the set), its label and its use.
struct ManifestEntry {
  std::string path;
  Index class_index = 0;
  Split split = Split::train;
  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

/// The explicit list of a study's classes and images.
struct Manifest {
  std::vector<ClassInfo> classes;
  std::vector<ManifestEntry> images;

  /// Task names in the order of the class table.
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> names;
    for (const ClassInfo& info : classes)
      if (std::find(names.begin(), names.end(), info.task) == names.end()) names.push_back(info.task);
    return names;
  }

  [[nodiscard]] Index class_count() const noexcept { return static_cast<Index>(classes.size()); }
  [[nodiscard]] Index class_count(std::string_view task) const noexcept {
    return std::count_if(classes.begin(), classes.end(), [&](const ClassInfo& info) { return info.task == task; });
  }

  [[nodiscard]] const ClassInfo& class_of(const ManifestEntry& image) const {
    return classes.at(static_cast<std::size_t>(image.class_index));
  }

  /// Positions of the images of one task ("" = all tasks) and split, ascending.
  [[nodiscard]] std::vector<Index> select(std::string_view task, Split split) const {
    std::vector<Index> items;
    for (std::size_t item = 0; item < images.size(); ++item)
      if (images[item].split == split && (task.empty() || class_of(images[item]).task == task))
        items.push_back(static_cast<Index>(item));
    return items;
  }

  /// Throws ConfigError that names the class or image, if a task has no name, a class stands twice in one task, has no
  /// image, or is missing from one of the splits its task has images in, or if a label or path is unusable.
  void validate() const;

  /// Writes the columns path, class, task, split, separated by tabs, under a header line; crash-safe.
  /// Throws ConfigError if classes do not appear in the order of the class table, which the file could not express.
  void save(const std::string& path) const;
  /// Reads what `save` wrote, or any such list made elsewhere: classes are numbered in order of appearance.
  /// Throws FileError that names the line.
  [[nodiscard]] static Manifest load(const std::string& path);

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

inline void Manifest::validate() const {
  std::set<std::pair<std::string, std::string>> seen;
  for (const ClassInfo& info : classes) {
    if (info.task.empty()) throw ConfigError(text("manifest: class '", info.name, "' belongs to a task without name"));
    if (!seen.emplace(info.task, info.name).second)
      throw ConfigError(
          text("manifest: expected different classes in task '", info.task, "', got '", info.name, "' twice"));
  }
  std::vector<Index> train(classes.size());
  std::vector<Index> test(classes.size());
  std::map<std::string, std::pair<Index, Index>, std::less<>> per_task;
  for (const ManifestEntry& image : images) {
    if (image.class_index < 0 || image.class_index >= class_count())
      throw ConfigError(text("manifest: image '", image.path, "': expected a class in 0..", class_count() - 1, ", got ",
                             image.class_index));
    const bool is_train = image.split == Split::train;
    ++(is_train ? train : test)[static_cast<std::size_t>(image.class_index)];
    auto& counts = per_task[class_of(image).task];
    ++(is_train ? counts.first : counts.second);
  }
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const ClassInfo& info = classes[label];
    if (train[label] + test[label] == 0)
      throw ConfigError(text("manifest: class '", info.name, "' of task '", info.task, "' has no images"));
    const auto& [task_train, task_test] = per_task[info.task];
    if (task_train > 0 && task_test > 0 && (train[label] == 0 || test[label] == 0))
      throw ConfigError(text("manifest: class '", info.name, "' of task '", info.task, "' has no ",
                             train[label] == 0 ? "train" : "test", " images; train and test need the same classes"));
  }
}

namespace detail {

inline constexpr std::string_view manifest_header = "path\tclass\ttask\tsplit";

[[nodiscard]] inline std::vector<std::string> split_at_tabs(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char character : line)
    if (character == '\t')
      fields.emplace_back();
    else
      fields.back() += character;
  return fields;
}

}  // namespace detail

inline void Manifest::save(const std::string& path) const {
  validate();
  std::string contents(detail::manifest_header);
  contents += '\n';
  Index appeared = 0;
  for (const ManifestEntry& image : images) {
    if (image.class_index > appeared)
      throw ConfigError(
          text("manifest: expected images in an order in which classes first appear as in the class "
               "table, got class '",
               class_of(image).name, "' before '", classes[static_cast<std::size_t>(appeared)].name, "'"));
    appeared = std::max(appeared, image.class_index + 1);
    const ClassInfo& info = class_of(image);
    for (const std::string* field : {&image.path, &info.name, &info.task})
      if (field->empty() || field->find_first_of("\t\n\r") != std::string::npos)
        throw ConfigError(text("manifest: expected names without tabs or line breaks, got '", *field, "'"));
    contents += text(image.path, '\t', info.name, '\t', info.task, '\t', to_string(image.split), '\n');
  }
  write_file_atomically(path, contents);
}

inline Manifest Manifest::load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw FileError(path, "cannot open the manifest");
  Manifest manifest;
  std::map<std::pair<std::string, std::string>, Index> labels;
  std::string line;
  Index number = 0;
  const auto damaged = [&](const auto&... problem) { return FileError(path, text("line ", number, ": ", problem...)); };
  while (std::getline(in, line)) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number == 1) {
      if (line != detail::manifest_header)
        throw damaged("expected the header 'path<tab>class<tab>task<tab>split', got '", line, "'");
      continue;
    }
    if (line.empty()) continue;
    const std::vector<std::string> fields = detail::split_at_tabs(line);
    if (fields.size() != 4) throw damaged("expected 4 fields separated by tabs, got ", fields.size());
    for (std::size_t field = 0; field < 3; ++field)
      if (fields[field].empty()) throw damaged("field ", field + 1, " is empty");
    if (fields[3] != "train" && fields[3] != "test") throw damaged("expected 'train' or 'test', got '", fields[3], "'");
    const auto [place, added] = labels.emplace(std::pair(fields[2], fields[1]), manifest.class_count());
    if (added) manifest.classes.push_back({fields[2], fields[1]});
    manifest.images.push_back({fields[0], place->second, fields[3] == "train" ? Split::train : Split::test});
  }
  if (number == 0) throw FileError(path, "expected a manifest with a header line, got an empty file");
  try {
    manifest.validate();
  } catch (const ConfigError& error) {
    throw FileError(path, error.what());
  }
  return manifest;
}

/// A manifest with its pixels. `load(i)` decodes image i of the manifest, or throws FileError; it may be called from
/// several threads at once.
struct ImageSet {
  Manifest manifest;
  std::function<Image(Index)> load;

  [[nodiscard]] Index class_count() const noexcept { return manifest.class_count(); }
  [[nodiscard]] Index image_count() const noexcept { return static_cast<Index>(manifest.images.size()); }
};

/// One set with one class table, tasks and classes in the order given.
/// Throws ConfigError if a task name is used by two sets, or if the result does not pass `Manifest::validate`.
[[nodiscard]] inline ImageSet union_of_tasks(std::vector<ImageSet> sets) {
  ImageSet result;
  std::vector<Index> first_image;
  std::set<std::string> used;
  std::vector<std::function<Image(Index)>> loaders;
  for (ImageSet& set : sets) {
    for (const std::string& task : set.manifest.tasks())
      if (!used.insert(task).second)
        throw ConfigError(text("union of tasks: expected different task names, got '", task, "' twice"));
    const Index first_class = result.class_count();
    first_image.push_back(result.image_count());
    loaders.push_back(std::move(set.load));
    for (ClassInfo& info : set.manifest.classes) result.manifest.classes.push_back(std::move(info));
    for (ManifestEntry& image : set.manifest.images) {
      image.class_index += first_class;
      result.manifest.images.push_back(std::move(image));
    }
  }
  result.manifest.validate();
  result.load = [first_image = std::move(first_image), loaders = std::move(loaders)](Index item) {
    const auto set = std::upper_bound(first_image.begin(), first_image.end(), item) - first_image.begin() - 1;
    return loaders[static_cast<std::size_t>(set)](item - first_image[static_cast<std::size_t>(set)]);
  };
  return result;
}

/// Training images of each task. A dual-task net only tells about its tasks if it saw as many images of each.
struct MatchedCounts {
  std::vector<std::pair<std::string, Index>> train_images;  ///< task, count; in the order of the class table
  double ratio = 1;                                         ///< largest count over smallest, infinite if one is 0
  std::string warning;                                      ///< empty up to a difference of 2 %
};

/// The counts of some tasks, by default of all.
[[nodiscard]] inline MatchedCounts check_matched_counts(const Manifest& manifest, std::vector<std::string> tasks = {}) {
  if (tasks.empty()) tasks = manifest.tasks();
  MatchedCounts result;
  Index smallest = std::numeric_limits<Index>::max();
  Index largest = 0;
  for (const std::string& task : tasks) {
    const auto count = static_cast<Index>(manifest.select(task, Split::train).size());
    result.train_images.emplace_back(task, count);
    smallest = std::min(smallest, count);
    largest = std::max(largest, count);
  }
  if (largest == 0) return result;
  result.ratio = smallest == 0 ? std::numeric_limits<double>::infinity()
                               : static_cast<double>(largest) / static_cast<double>(smallest);
  if (result.ratio > 1.02) {
    std::ostringstream counts;
    for (const auto& [task, count] : result.train_images)
      counts << (counts.tellp() > 0 ? ", " : "") << task << ' ' << count;
    result.warning = text("training images per task differ by more than 2 % (", counts.str(), "; ratio ", result.ratio,
                          "): a difference between tasks may come from their amounts of training");
  }
  return result;
}

}  // namespace fusiform
