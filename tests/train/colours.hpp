#pragma once
/// Pictures of plain colours, for tests of training.

#include <fusiform/core/random.hpp>
#include <fusiform/data/pack_writer.hpp>

namespace fusiform::test {

/// Two tasks of three classes each: noisy plain colours, easy to tell apart.
[[nodiscard]] inline ImageSet colours() {
  ImageSet set;
  for (const char* task : {"warm", "cold"})
    for (const char* name : {"a", "b", "c"}) set.manifest.classes.push_back({task, name});
  for (Index label = 0; label < 6; ++label)
    for (Index i = 0; i < 12; ++i)
      set.manifest.images.push_back({text("colours/", label, "/", i), label, i < 9 ? Split::train : Split::test});
  set.load = [manifest = set.manifest](Index item) {
    Image image = blank_image(9, 9);
    Rng rng = Rng(3).stream(static_cast<std::uint64_t>(item));
    const Index label = manifest.images[static_cast<std::size_t>(item)].class_index;
    for (Index i = 0; i < 9 * 9 * 3; ++i) {
      const bool bright = ((label + 1) >> (i % 3)) % 2 == 1;
      image.pixels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>((bright ? 170 : 60) + rng.below(40));
    }
    return image;
  };
  return set;
}

}  // namespace fusiform::test
