#pragma once
/// The IDX files of the MNIST family (LeCun, Cortes, Burges), plain or as gzip (needs fusiform::study: data/gzip.hpp).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/gzip.hpp>
#include <fusiform/data/record_set.hpp>
#include <fusiform/io/file.hpp>

namespace fusiform {

struct IdxOptions {
  std::string task{};                      ///< "" = the name of the folder
  std::vector<std::string> class_names{};  ///< of labels 0, 1, 2 ...; empty = the numbers
};

/// An array of bytes with its dimensions.
struct IdxArray {
  std::vector<Index> shape;
  std::vector<std::byte> values;
};

/// Reads an IDX file of bytes. Throws FileError if it is something else or of another length than its header says.
[[nodiscard]] inline IdxArray read_idx(const std::string& path) {
  const std::string file = read_file(path);
  std::span<const std::byte> bytes = std::as_bytes(std::span(file));
  std::vector<std::byte> unpacked;
  if (is_gzip(bytes)) {
    unpacked = gunzip(bytes, path);
    bytes = unpacked;
  }
  if (bytes.size() < 4 || bytes[0] != std::byte{0} || bytes[1] != std::byte{0} || bytes[2] != std::byte{8})
    throw FileError(path, "expected an IDX file of bytes (starting with 00 00 08), found something else");
  const auto rank = std::to_integer<std::size_t>(bytes[3]);
  const std::size_t head = 4 + 4 * rank;
  if (rank < 1 || rank > 3 || bytes.size() < head)
    throw FileError(path, text("expected 1 to 3 dimensions, found ", rank, " in ", bytes.size(), " bytes"));
  IdxArray array;
  std::size_t size = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::size_t dimension = 0;
    for (std::size_t i = 0; i < 4; ++i)
      dimension = dimension * 256 + std::to_integer<std::size_t>(bytes[4 + 4 * axis + i]);
    if (dimension > (std::size_t{1} << 40U) / (size > 0 ? size : 1)) throw FileError(path, "damaged IDX header");
    size *= dimension;
    array.shape.push_back(static_cast<Index>(dimension));
  }
  if (bytes.size() - head != size)
    throw FileError(path, text("expected ", size, " bytes after the header, found ", bytes.size() - head));
  array.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(head), bytes.end());
  return array;
}

namespace detail {

/// The path of `name` in the folder, plain or with .gz. Throws FileError if there is neither.
[[nodiscard]] inline std::string idx_path(const std::string& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    std::string path = (std::filesystem::path(folder) / (name + ending)).generic_string();
    if (std::filesystem::is_regular_file(path)) return path;
  }
  throw FileError(folder, text("expected the file ", name, " or ", name, ".gz, found neither"));
}

}  // namespace detail

/// The set in a folder that holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
/// t10k-labels-idx1-ubyte, each plain or with .gz; grey is repeated on three channels, images are grouped by class.
/// Throws FileError.
[[nodiscard]] inline ImageSet idx_images(const std::string& folder, const IdxOptions& options = {}) {
  detail::RecordSet records(folder, options.task, options.class_names);
  for (const Split split : {Split::train, Split::test}) {
    const std::string prefix = split == Split::train ? "train" : "t10k";
    const std::string image_path = detail::idx_path(folder, prefix + "-images-idx3-ubyte");
    const std::string label_path = detail::idx_path(folder, prefix + "-labels-idx1-ubyte");
    auto images = std::make_shared<IdxArray>(read_idx(image_path));
    const IdxArray labels = read_idx(label_path);
    if (images->shape.size() != 3)
      throw FileError(image_path, text("expected 3 dimensions, found ", images->shape.size()));
    if (labels.shape.size() != 1 || labels.shape[0] != images->shape[0])
      throw FileError(label_path, text("expected ", images->shape[0], " labels, found ", labels.values.size()));
    for (Index i = 0; i < images->shape[0]; ++i) {
      const auto label = std::to_integer<Index>(labels.values[static_cast<std::size_t>(i)]);
      records.add(text(image_path, '#', i), label, split, [images, i] {
        Image image = blank_image(images->shape[1], images->shape[2]);
        const std::byte* pixels = images->values.data() + i * images->shape[1] * images->shape[2];
        for (std::size_t k = 0; k < image.pixels.size(); ++k)
          image.pixels[k] = std::to_integer<std::uint8_t>(pixels[k / 3]);
        return image;
      });
    }
  }
  return std::move(records).finish();
}

}  // namespace fusiform
