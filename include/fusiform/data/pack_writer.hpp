#pragma once
/// Decodes and resizes an image set into a pack file.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/mapped_file.hpp>
#include <fusiform/data/pack_format.hpp>
#include <fusiform/data/resize.hpp>
#include <fusiform/io/atomic_file.hpp>

namespace fusiform {

struct PackOptions {
  Index shorter_side = 72;    ///< pixels on the shorter side after resizing
  bool skip_damaged = false;  ///< leave unreadable images out and list them, instead of failing
  std::function<void(Index done, Index total)> progress = nullptr;  ///< called now and then, from the calling thread
};

struct PackReport {
  Index images = 0;                  ///< in the pack
  std::vector<std::string> damaged;  ///< one message for each image left out; each starts with its path
  Index bytes = 0;                   ///< size of the file
};

namespace detail {

/// Tells manifests, options and (by size and time of change) image files apart.
[[nodiscard]] inline std::uint64_t pack_source_hash(const Manifest& manifest, Index shorter_side) {
  std::uint64_t hash = mix(pack_version, static_cast<std::uint64_t>(shorter_side));
  const auto add = [&hash](std::string_view characters) {
    hash = mix(hash, checksum_block(std::as_bytes(std::span(characters))));
  };
  for (const ClassInfo& info : manifest.classes) {
    add(info.task);
    add(info.name);
  }
  for (const ManifestEntry& image : manifest.images) {
    add(image.path);
    hash = mix(hash, static_cast<std::uint64_t>(image.class_index) * 2 + (image.split == Split::train ? 0 : 1));
    struct stat status {};
    if (::stat(image.path.c_str(), &status) == 0) {
      hash = mix(hash, static_cast<std::uint64_t>(status.st_size));
      hash = mix(hash, static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000U +
                           static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
    }
  }
  return hash;
}

[[nodiscard]] inline PackFooter read_pack_footer(std::span<const std::byte> file, const std::string& path) {
  PackFooter footer;
  if (file.size() < pack_lead_size || std::memcmp(file.data(), pack_magic.data(), pack_magic.size()) != 0)
    throw FileError(path, text("expected a pack of images (starting with ", pack_magic, "), found something else"));
  std::uint64_t version = 0;
  std::memcpy(&version, file.data() + pack_magic.size(), sizeof version);
  if (version != pack_version)
    throw FileError(path, text("expected a pack of version ", pack_version, ", found version ", version));
  if (file.size() < pack_lead_size + sizeof footer)
    throw FileError(path, "damaged pack: the end of the file is missing");
  std::memcpy(&footer, file.data() + file.size() - sizeof footer, sizeof footer);
  if (footer.check != footer.expected_check() || footer.index_offset > file.size() - sizeof footer)
    throw FileError(path, "damaged pack: the end of the file is missing or overwritten");
  return footer;
}

/// Decodes image `item` to three channels with the given shorter side. Throws a fusiform error if it is unusable.
[[nodiscard]] inline Image prepare_packed_image(const ImageSet& set, Index item, Index shorter_side) {
  constexpr Index most_pixels = Index{1} << 26;
  Image image = to_rgb(set.load(item));
  require_picture("pack", image.view());
  const ImageSize size = size_with_shorter_side({image.height, image.width}, shorter_side);
  if (size.height * size.width > most_pixels)
    throw ShapeError(text("expected a picture, got a strip of ", image.height, " x ", image.width, " pixels"));
  if (size == ImageSize{image.height, image.width}) return image;
  return resize_bilinear(image.view(), size);
}

/// The pixels part of a pack, streamed, with what the index has to say about it.
class PackStream {
 public:
  explicit PackStream(const std::string& path) : file_(path) {
    ByteWriter lead;
    for (const char character : pack_magic) lead.number(character);
    lead.number(pack_version);
    write(lead.bytes());
  }

  void add(const ManifestEntry& entry, const Image& image) {
    entries_.number(size_);
    entries_.number(static_cast<std::uint32_t>(image.height));
    entries_.number(static_cast<std::uint32_t>(image.width));
    entries_.number(static_cast<std::uint32_t>(entry.class_index));
    entries_.number(static_cast<std::uint32_t>(entry.split == Split::train ? 0 : 1));
    entries_.string(entry.path);
    ++images_;
    write(std::as_bytes(std::span(image.pixels)));
  }

  /// Returns the size of the file.
  Index finish(const std::vector<ClassInfo>& classes, PackFooter footer) {
    footer.index_offset = size_;
    footer.images = images_;
    ByteWriter head;
    head.number(static_cast<std::uint64_t>(classes.size()));
    for (const ClassInfo& info : classes) {
      head.string(info.task);
      head.string(info.name);
    }
    head.number(images_);
    write(head.bytes());
    write(entries_.bytes());
    footer.contents = checksum_.value();
    footer.check = footer.expected_check();
    file_.write(std::as_bytes(std::span(&footer, 1)));
    file_.commit();
    return static_cast<Index>(size_ + sizeof footer);
  }

 private:
  void write(std::span<const std::byte> bytes) {
    file_.write(bytes);
    checksum_.update(bytes);
    size_ += bytes.size();
  }

  AtomicFile file_;
  Checksum checksum_;
  ByteWriter entries_;
  std::uint64_t size_ = 0;
  std::uint64_t images_ = 0;
};

/// Throws FileError that counts the damaged images and lists the first ones.
[[noreturn]] inline void fail_for_damaged(const std::string& path, const std::vector<std::string>& damaged,
                                          Index images) {
  constexpr std::size_t most_listed = 20;
  std::string list = text("not written: ", damaged.size(), " of ", images, " images cannot be used:");
  for (std::size_t i = 0; i < std::min(damaged.size(), most_listed); ++i) list += "\n  " + damaged[i];
  if (damaged.size() > most_listed) list += text("\n  ... and ", damaged.size() - most_listed, " more");
  throw FileError(path, list);
}

}  // namespace detail

/// True if the file at `path` is a pack of exactly this manifest and these options, made from image files that have
/// not changed since (by size and time). Does not verify the pixels: opening the pack does.
[[nodiscard]] inline bool pack_is_current(const std::string& path, const Manifest& manifest,
                                          const PackOptions& options) {
  try {
    const MappedFile file(path);
    const detail::PackFooter footer = detail::read_pack_footer(file.bytes(), path);
    return (footer.left_out == 0 || options.skip_damaged) &&
           footer.source_hash == detail::pack_source_hash(manifest, options.shorter_side);
  } catch (const FileError&) {
    return false;
  }
}

/// Decodes, resizes and writes all images in the order of the manifest; crash-safe, in parallel, a few hundred images
/// in memory at a time, the same file for any number of threads.
/// Every image is tried. Throws FileError that lists the damaged ones, unless they may be skipped; ConfigError if the
/// manifest is inconsistent, also when a class has lost its last image.
inline PackReport write_pack(const ImageSet& set, const std::string& path, const PackOptions& options) {
  constexpr Index chunk = 256;
  require_setting(options.shorter_side >= 1, "pack: shorter side", "at least 1", options.shorter_side);
  set.manifest.validate();
  // Before the pixels are read: a file that changes while it is packed must not look current.
  const std::uint64_t source_hash = detail::pack_source_hash(set.manifest, options.shorter_side);
  const Index total = set.image_count();
  detail::PackStream stream(path);
  PackReport report;
  Manifest packed{set.manifest.classes, {}};
  std::vector<Image> images(static_cast<std::size_t>(chunk));
  std::vector<std::string> problems(static_cast<std::size_t>(chunk));
  for (Index first = 0; first < total; first += chunk) {
    const Index count = std::min(chunk, total - first);
    parallel_for(count, [&](Index i) {
      const auto slot = static_cast<std::size_t>(i);
      const std::string& source = set.manifest.images[static_cast<std::size_t>(first + i)].path;
      problems[slot].clear();
      try {
        images[slot] = detail::prepare_packed_image(set, first + i, options.shorter_side);
      } catch (const FileError& error) {
        problems[slot] = error.what();
      } catch (const Error& error) {
        problems[slot] = text(source, ": ", error.what());
      }
    });
    for (Index i = 0; i < count; ++i) {
      const auto slot = static_cast<std::size_t>(i);
      const ManifestEntry& entry = set.manifest.images[static_cast<std::size_t>(first + i)];
      if (!problems[slot].empty()) {
        report.damaged.push_back(problems[slot]);
      } else if (report.damaged.empty() || options.skip_damaged) {
        stream.add(entry, images[slot]);
        packed.images.push_back(entry);
      }
    }
    if (options.progress) options.progress(first + count, total);
  }
  if (!report.damaged.empty() && !options.skip_damaged) detail::fail_for_damaged(path, report.damaged, total);
  packed.validate();
  report.images = static_cast<Index>(packed.images.size());
  report.bytes = stream.finish(set.manifest.classes, {.shorter_side = static_cast<std::uint64_t>(options.shorter_side),
                                                      .left_out = report.damaged.size(),
                                                      .source_hash = source_hash});
  return report;
}

}  // namespace fusiform
