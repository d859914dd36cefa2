#pragma once
/// Image sets as folders of picture files, one folder for each class. Needs fusiform::study (image_file.hpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/image_file.hpp>
#include <fusiform/data/sampling.hpp>

namespace fusiform {

struct ImageFolderOptions {
  std::string task{};          ///< "" = the name of the folder
  double test_fraction = 0.2;  ///< of each class, where there are no train and test folders
  std::uint64_t seed = 0;      ///< of the split and of the choice of images
  std::string class_prefix{};  ///< only classes whose names start with this
  Index min_images = 0;        ///< leave out classes with fewer images
  Index max_classes = 0;       ///< keep the first ones in sorted order; 0 = all
  Index max_per_class = 0;     ///< at most so many training images of each class; 0 = all
  Index train_per_class = 0;   ///< exactly so many training images of each class; 0 = all
  Index test_per_class = 0;    ///< exactly so many test images of each class; 0 = all
};

namespace detail {

/// The picture files of one class.
struct ClassFolder {
  std::string name;
  std::vector<std::string> train;
  std::vector<std::string> test;
};

[[nodiscard]] inline bool is_hidden(const std::filesystem::path& path) {
  return path.filename().string().rfind('.', 0) == 0;
}

[[nodiscard]] inline bool has_image_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& character : extension)
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  constexpr std::array<std::string_view, 6> known{".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

/// Names of the folders inside a folder (links count), in byte order, without hidden ones.
[[nodiscard]] inline std::vector<std::string> folders_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory() && !is_hidden(entry.path())) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// All pictures under a class folder, nested ones too, in byte order of their paths.
[[nodiscard]] inline std::vector<std::string> images_under(const std::filesystem::path& folder) {
  std::vector<std::string> paths;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder);
       entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    if (is_hidden(entry->path())) {
      if (entry->is_directory()) entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && has_image_extension(entry->path())) {
      paths.push_back(entry->path().generic_string());
    }
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty())
    throw FileError(folder.generic_string(),
                    "expected pictures of a class (jpg, jpeg, png, bmp, pgm, ppm), found none");
  return paths;
}

[[nodiscard]] inline std::vector<std::string> class_names_in(const std::filesystem::path& folder,
                                                             const ImageFolderOptions& options) {
  std::vector<std::string> names = folders_in(folder);
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const std::string& name) { return name.rfind(options.class_prefix, 0) != 0; }),
              names.end());
  if (names.empty())
    throw FileError(folder.generic_string(),
                    options.class_prefix.empty()
                        ? std::string("expected a folder for each class, found none")
                        : text("expected class folders that start with '", options.class_prefix, "', found none"));
  return names;
}

/// Moves a drawn part of the images to `test`; at least one image stays and one goes.
inline void split_class(ClassFolder& images, const std::filesystem::path& folder, const ImageFolderOptions& options) {
  const auto count = static_cast<Index>(images.train.size());
  const Index wanted = options.test_per_class > 0
                           ? options.test_per_class
                           : static_cast<Index>(std::lround(options.test_fraction * static_cast<double>(count)));
  if (options.test_fraction <= 0 && options.test_per_class == 0) return;
  if (count < 2)
    throw FileError((folder / images.name).generic_string(),
                    "expected at least 2 pictures to split into train and test, found 1");
  const auto tests = static_cast<std::size_t>(std::clamp<Index>(wanted, 1, count - 1));
  std::vector<std::string> drawn = images.train;
  Rng(options.seed).stream("train and test").stream(images.name).shuffle(std::span(drawn));
  images.test.assign(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(tests));
  images.train.assign(drawn.begin() + static_cast<std::ptrdiff_t>(tests), drawn.end());
  std::sort(images.test.begin(), images.test.end());
  std::sort(images.train.begin(), images.train.end());
}

inline void require_same_classes(const std::filesystem::path& folder, const std::vector<std::string>& train,
                                 const std::vector<std::string>& test) {
  std::vector<std::string> differences;
  std::set_symmetric_difference(train.begin(), train.end(), test.begin(), test.end(), std::back_inserter(differences));
  if (differences.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(differences.size(), 10); ++i) {
    const bool in_train = std::binary_search(train.begin(), train.end(), differences[i]);
    list += text(i > 0 ? ", " : "", "'", differences[i], "' only in ", in_train ? "train" : "test");
  }
  if (differences.size() > 10) list += text(" and ", differences.size() - 10, " more");
  throw FileError(folder.generic_string(), "expected the same classes in train and test, found " + list);
}

/// The folder with test images beside `train`: test, or else val or valid. Empty if this is no such layout.
[[nodiscard]] inline std::string test_folder_name(const std::vector<std::string>& folders) {
  if (!std::binary_search(folders.begin(), folders.end(), "train")) return {};
  for (const char* name : {"test", "val", "valid"})
    if (std::binary_search(folders.begin(), folders.end(), name)) return name;
  return {};
}

[[nodiscard]] inline std::vector<ClassFolder> list_classes(const std::filesystem::path& folder,
                                                           const ImageFolderOptions& options) {
  std::vector<ClassFolder> classes;
  const std::string test = test_folder_name(folders_in(folder));
  if (test.empty()) {
    for (const std::string& name : class_names_in(folder, options))
      classes.push_back({name, images_under(folder / name), {}});
  } else {
    const std::vector<std::string> names = class_names_in(folder / "train", options);
    require_same_classes(folder, names, class_names_in(folder / test, options));
    for (const std::string& name : names)
      classes.push_back({name, images_under(folder / "train" / name), images_under(folder / test / name)});
  }
  const auto is_small = [&](const ClassFolder& images) {
    return static_cast<Index>(images.train.size() + images.test.size()) < options.min_images;
  };
  classes.erase(std::remove_if(classes.begin(), classes.end(), is_small), classes.end());
  if (classes.empty())
    throw FileError(folder.generic_string(),
                    text("expected classes with at least ", options.min_images, " pictures, found none"));
  if (options.max_classes > 0 && static_cast<Index>(classes.size()) > options.max_classes)
    classes.resize(static_cast<std::size_t>(options.max_classes));
  if (test.empty())
    for (ClassFolder& images : classes) split_class(images, folder, options);
  return classes;
}

inline void require_enough(const std::filesystem::path& folder, const ClassFolder& images,
                           const ImageFolderOptions& options) {
  if (static_cast<Index>(images.train.size()) < options.train_per_class ||
      static_cast<Index>(images.test.size()) < options.test_per_class)
    throw FileError(folder.generic_string(),
                    text("class '", images.name, "': expected ", options.train_per_class, " training and ",
                         options.test_per_class, " test pictures, found ", images.train.size(), " and ",
                         images.test.size(), "; min_images leaves small classes out"));
}

inline void validate(const ImageFolderOptions& options) {
  require_setting(options.test_fraction >= 0 && options.test_fraction < 1, "image folder: test_fraction",
                  "at least 0 and less than 1", options.test_fraction);
  for (const Index count : {options.min_images, options.max_classes, options.max_per_class, options.train_per_class,
                            options.test_per_class})
    require_setting(count >= 0, "image folder: a count", "0 or more", count);
}

}  // namespace detail

/// The set of pictures under `folder`: a folder for each class, with pictures at any depth inside. If there are folders
/// `train` and `test` (or `val`, `valid`), the classes are inside these; otherwise a part of each class is drawn for
/// test, independent of the other classes. Classes and files are in byte order; hidden ones are passed over.
/// Throws FileError naming the folder: missing, without classes, a class without pictures or with too few, different
/// classes in train and test.
[[nodiscard]] inline ImageSet image_folder(const std::string& folder, const ImageFolderOptions& options = {}) {
  detail::validate(options);
  const std::filesystem::path root = std::filesystem::path(folder).lexically_normal();
  if (!std::filesystem::is_directory(root))
    throw FileError(folder, "expected a folder of images, found no such folder");
  const std::filesystem::path named = root.has_filename() ? root : root.parent_path();
  const std::string task = options.task.empty() ? named.filename().string() : options.task;
  ImageSet set;
  try {
    for (const detail::ClassFolder& images : detail::list_classes(root, options)) {
      detail::require_enough(root, images, options);
      for (const std::string& path : images.train)
        set.manifest.images.push_back({path, set.class_count(), Split::train});
      for (const std::string& path : images.test) set.manifest.images.push_back({path, set.class_count(), Split::test});
      set.manifest.classes.push_back({task, images.name});
    }
  } catch (const std::filesystem::filesystem_error& error) {
    throw FileError(folder, text("cannot list the folder: ", error.what()));
  }
  set.manifest.validate();
  auto paths = std::make_shared<std::vector<std::string>>();
  for (const ManifestEntry& image : set.manifest.images) paths->push_back(image.path);
  set.load = [paths](Index item) { return read_image(paths->at(static_cast<std::size_t>(item))); };
  const Index train = options.train_per_class > 0 ? options.train_per_class : options.max_per_class;
  return limit_per_class(std::move(set), {.train = train, .test = options.test_per_class},
                         Rng(options.seed).stream("images of a class"));
}

/// The set that a manifest file lists; relative paths start at the file's folder. Throws FileError.
[[nodiscard]] inline ImageSet image_list(const std::string& manifest_path) {
  ImageSet set{Manifest::load(manifest_path), {}};
  const std::filesystem::path folder = std::filesystem::path(manifest_path).parent_path();
  auto paths = std::make_shared<std::vector<std::string>>();
  for (ManifestEntry& image : set.manifest.images) {
    image.path = (folder / image.path).generic_string();
    paths->push_back(image.path);
  }
  set.load = [paths](Index item) { return read_image(paths->at(static_cast<std::size_t>(item))); };
  return set;
}

}  // namespace fusiform
