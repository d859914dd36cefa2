#pragma once
/// A set of images, decoded and resized once, in one memory-mapped file: what every later step reads.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/mapped_file.hpp>
#include <fusiform/data/pack_format.hpp>
#include <fusiform/data/pack_writer.hpp>

namespace fusiform {

/// Read-only; safe to share between threads.
class ImagePack {
 public:
  /// Maps the file and verifies its checksum, which reads all of it once.
  /// Throws FileError if it is not a pack, of another version, cut short or damaged.
  explicit ImagePack(const std::string& path) : file_(path) {
    footer_ = detail::read_pack_footer(file_.bytes(), path);
    const auto contents = file_.bytes().first(file_.bytes().size() - sizeof footer_);
    if (checksum_of(contents) != footer_.contents)
      throw FileError(path, "damaged pack: the checksum does not fit; delete the file and pack again");
    read_index(detail::ByteReader(contents.subspan(footer_.index_offset), path), path);
  }

  [[nodiscard]] Index count() const noexcept { return static_cast<Index>(manifest_.images.size()); }

  /// Valid as long as the pack.
  [[nodiscard]] ImageView image(Index item) const {
    const Place& place = places_.at(static_cast<std::size_t>(item));
    return {place.height, place.width, 3,
            reinterpret_cast<const std::uint8_t*>(file_.bytes().data()) + static_cast<std::ptrdiff_t>(place.offset)};
  }
  [[nodiscard]] Index label(Index item) const { return entry(item).class_index; }
  [[nodiscard]] Split split(Index item) const { return entry(item).split; }
  [[nodiscard]] const std::string& path_of(Index item) const { return entry(item).path; }

  [[nodiscard]] const std::vector<ClassInfo>& classes() const noexcept { return manifest_.classes; }
  [[nodiscard]] std::vector<std::string> tasks() const { return manifest_.tasks(); }
  [[nodiscard]] const Manifest& manifest() const noexcept { return manifest_; }
  [[nodiscard]] Index shorter_side() const noexcept { return static_cast<Index>(footer_.shorter_side); }
  /// Damaged images of the original manifest that are missing here.
  [[nodiscard]] Index left_out() const noexcept { return static_cast<Index>(footer_.left_out); }

  /// Positions of the images of one task ("" = all tasks) and split, ascending.
  [[nodiscard]] std::vector<Index> select(std::string_view task, Split split) const {
    return manifest_.select(task, split);
  }

  /// 16 hexadecimal digits that tell packs of different pixels, classes or paths apart.
  [[nodiscard]] std::string hash() const {
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(footer_.contents >> shift) & 15U];
    return digits;
  }

 private:
  struct Place {
    std::uint64_t offset = 0;
    Index height = 0;
    Index width = 0;
  };

  [[nodiscard]] const ManifestEntry& entry(Index item) const {
    return manifest_.images.at(static_cast<std::size_t>(item));
  }

  void read_index(detail::ByteReader index, const std::string& path) {
    const auto classes = index.number<std::uint64_t>();
    for (std::uint64_t label = 0; label < classes; ++label) {
      std::string task = index.string();
      manifest_.classes.push_back({std::move(task), index.string()});
    }
    const auto images = index.number<std::uint64_t>();
    for (std::uint64_t item = 0; item < images; ++item) {
      Place place;
      place.offset = index.number<std::uint64_t>();
      place.height = index.number<std::uint32_t>();
      place.width = index.number<std::uint32_t>();
      const auto label = static_cast<Index>(index.number<std::uint32_t>());
      const Split split = index.number<std::uint32_t>() == 0 ? Split::train : Split::test;
      const auto size = static_cast<std::uint64_t>(place.height * place.width * 3);
      if (label >= manifest_.class_count() || size == 0 || place.offset > footer_.index_offset ||
          size > footer_.index_offset - place.offset)
        throw FileError(path, text("damaged index: image ", item, " lies outside of the pack"));
      places_.push_back(place);
      manifest_.images.push_back({index.string(), label, split});
    }
  }

  MappedFile file_;
  detail::PackFooter footer_;
  Manifest manifest_;
  std::vector<Place> places_;
};

}  // namespace fusiform
