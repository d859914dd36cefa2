#pragma once
/// The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/mapped_file.hpp>
#include <fusiform/data/record_set.hpp>
#include <fusiform/io/file.hpp>

namespace fusiform {

struct CifarOptions {
  std::string task{};  ///< "" = the name of the folder
};

namespace detail {

inline constexpr Index cifar_side = 32;

/// One name a line; empty lines are passed over.
[[nodiscard]] inline std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::string> names(1);
  for (const char character : read_file(path)) {
    if (character != '\n' && character != '\r')
      names.back() += character;
    else if (!names.back().empty())
      names.emplace_back();
  }
  if (names.back().empty()) names.pop_back();
  if (names.empty()) throw FileError(path, "expected one class name a line, found none");
  return names;
}

/// Records of `labels` bytes, of which the last one counts, and 3 planes (red, green, blue) of 32 x 32.
inline void add_cifar_file(RecordSet& records, const std::string& path, Index labels, Split split) {
  constexpr Index plane = cifar_side * cifar_side;
  const Index record_size = labels + 3 * plane;
  const auto file = std::make_shared<const MappedFile>(path);
  const auto size = static_cast<Index>(file->bytes().size());
  if (size == 0 || size % record_size != 0)
    throw FileError(path, text("expected records of ", record_size, " bytes, found ", size, " bytes, ",
                               size % record_size, " too many"));
  for (Index i = 0; i < size / record_size; ++i) {
    const std::byte* record = file->bytes().data() + i * record_size;
    records.add(text(path, '#', i), std::to_integer<Index>(record[labels - 1]), split, [file, record, labels] {
      Image image = blank_image(cifar_side, cifar_side);
      for (Index pixel = 0; pixel < plane; ++pixel)
        for (Index channel = 0; channel < 3; ++channel)
          image.pixels[static_cast<std::size_t>(pixel * 3 + channel)] =
              std::to_integer<std::uint8_t>(record[labels + channel * plane + pixel]);
      return image;
    });
  }
}

/// Files of the folder whose names start and end so, in byte order.
[[nodiscard]] inline std::vector<std::string> cifar_files(const std::string& folder, const std::string& start) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(start, 0) == 0 && entry.path().extension() == ".bin") paths.push_back(entry.path().generic_string());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) throw FileError(folder, text("expected files ", start, "*.bin, found none"));
  return paths;
}

struct CifarLayout {
  std::string names;
  std::string train;
  std::string test;
  Index labels = 1;
};

[[nodiscard]] inline ImageSet read_cifar(const std::string& folder, const CifarOptions& options,
                                         const CifarLayout& layout) {
  const std::string names = (std::filesystem::path(folder) / layout.names).generic_string();
  if (!std::filesystem::is_directory(folder))
    throw FileError(folder, "expected a folder of images, found no such folder");
  RecordSet records(folder, options.task, read_class_names(names));
  for (const std::string& path : cifar_files(folder, layout.train))
    add_cifar_file(records, path, layout.labels, Split::train);
  for (const std::string& path : cifar_files(folder, layout.test))
    add_cifar_file(records, path, layout.labels, Split::test);
  return std::move(records).finish();
}

}  // namespace detail

/// The set in a folder that holds data_batch_*.bin, test_batch.bin and batches.meta.txt, grouped by class. Shorter
/// files than the original ones are fine. The files must not change while the set is used. Throws FileError.
[[nodiscard]] inline ImageSet cifar10(const std::string& folder, const CifarOptions& options = {}) {
  return detail::read_cifar(folder, options,
                            {.names = "batches.meta.txt", .train = "data_batch", .test = "test_batch", .labels = 1});
}

/// The set in a folder that holds train.bin, test.bin and fine_label_names.txt, with the 100 fine classes.
[[nodiscard]] inline ImageSet cifar100(const std::string& folder, const CifarOptions& options = {}) {
  return detail::read_cifar(folder, options,
                            {.names = "fine_label_names.txt", .train = "train", .test = "test", .labels = 2});
}

}  // namespace fusiform
