#pragma once
/// Which images: subsets of a manifest or a pack, drawn or in order.

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/pack.hpp>

namespace fusiform {

namespace detail {

/// Images by class, each list in the order given.
[[nodiscard]] inline std::map<Index, std::vector<Index>> items_by_class(const Manifest& manifest,
                                                                        std::span<const Index> items) {
  std::map<Index, std::vector<Index>> classes;
  for (const Index item : items) classes[manifest.images[static_cast<std::size_t>(item)].class_index].push_back(item);
  return classes;
}

inline void require_count(std::string_view where, Index count) {
  require_setting(count >= 1, where, "at least 1 image", count);
}

}  // namespace detail

/// The same number of images of every class among `items`: one more of each class in turn, until there are `count`.
/// Numbers per class differ by at most one unless a class runs out; which classes give the extra ones and which images
/// of a class are taken is drawn. In pack order; all images if there are fewer than `count`.
[[nodiscard]] inline std::vector<Index> stratified_images(const Manifest& manifest, std::span<const Index> items,
                                                          Index count, const Rng& rng) {
  detail::require_count("stratified images", count);
  auto classes = detail::items_by_class(manifest, items);
  std::vector<Index> turns;
  std::size_t most = 0;
  for (auto& [label, members] : classes) {
    rng.stream("images").stream(static_cast<std::uint64_t>(label)).shuffle(std::span(members));
    turns.push_back(label);
    most = std::max(most, members.size());
  }
  rng.stream("turns").shuffle(std::span(turns));
  std::vector<Index> chosen;
  for (std::size_t round = 0; round < most; ++round)
    for (const Index label : turns) {
      const std::vector<Index>& members = classes[label];
      if (round < members.size() && static_cast<Index>(chosen.size()) < count) chosen.push_back(members[round]);
    }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// The same of one task ("" = all) and split.
[[nodiscard]] inline std::vector<Index> stratified_images(const Manifest& manifest, std::string_view task, Split split,
                                                          Index count, const Rng& rng) {
  return stratified_images(manifest, manifest.select(task, split), count, rng);
}

/// The first `count` of `items` in the order of classes: all of the first class, then of the second, and so on. Covers
/// few classes; the literal behaviour of the published scripts.
[[nodiscard]] inline std::vector<Index> first_images(const Manifest& manifest, std::span<const Index> items,
                                                     Index count) {
  detail::require_count("first images", count);
  std::vector<Index> chosen;
  for (const auto& [label, members] : detail::items_by_class(manifest, items))
    for (const Index item : members)
      if (static_cast<Index>(chosen.size()) < count) chosen.push_back(item);
  return chosen;
}

[[nodiscard]] inline std::vector<Index> first_images(const Manifest& manifest, std::string_view task, Split split,
                                                     Index count) {
  return first_images(manifest, manifest.select(task, split), count);
}

/// `count` images of the task, every one equally likely, in pack order.
[[nodiscard]] inline std::vector<Index> shuffled_images(const Manifest& manifest, std::string_view task, Split split,
                                                        Index count, Rng rng) {
  detail::require_count("shuffled images", count);
  std::vector<Index> items = manifest.select(task, split);
  rng.shuffle(std::span(items));
  if (static_cast<Index>(items.size()) > count) items.resize(static_cast<std::size_t>(count));
  std::sort(items.begin(), items.end());
  return items;
}

[[nodiscard]] inline std::vector<Index> stratified_images(const ImagePack& pack, std::string_view task, Split split,
                                                          Index count, const Rng& rng) {
  return stratified_images(pack.manifest(), task, split, count, rng);
}
[[nodiscard]] inline std::vector<Index> first_images(const ImagePack& pack, std::string_view task, Split split,
                                                     Index count) {
  return first_images(pack.manifest(), task, split, count);
}
[[nodiscard]] inline std::vector<Index> shuffled_images(const ImagePack& pack, std::string_view task, Split split,
                                                        Index count, const Rng& rng) {
  return shuffled_images(pack.manifest(), task, split, count, rng);
}

/// How many classes a list of images covers: to be reported beside every ranking.
[[nodiscard]] inline Index classes_covered(const Manifest& manifest, std::span<const Index> items) {
  std::vector<bool> covered(manifest.classes.size());
  for (const Index item : items)
    covered.at(static_cast<std::size_t>(manifest.images.at(static_cast<std::size_t>(item)).class_index)) = true;
  return std::count(covered.begin(), covered.end(), true);
}

/// The set with only these images; classes without images go, the order of classes and images stays.
[[nodiscard]] inline ImageSet subset(ImageSet set, std::vector<Index> items) {
  std::sort(items.begin(), items.end());
  std::vector<Index> renumbered(set.manifest.classes.size(), -1);
  for (const Index item : items)
    renumbered[static_cast<std::size_t>(set.manifest.images.at(static_cast<std::size_t>(item)).class_index)] = 0;
  ImageSet result;
  for (std::size_t label = 0; label < renumbered.size(); ++label) {
    if (renumbered[label] < 0) continue;
    renumbered[label] = result.class_count();
    result.manifest.classes.push_back(set.manifest.classes[label]);
  }
  for (const Index item : items) {
    ManifestEntry& image = set.manifest.images[static_cast<std::size_t>(item)];
    image.class_index = renumbered[static_cast<std::size_t>(image.class_index)];
    result.manifest.images.push_back(std::move(image));
  }
  result.load = [load = std::move(set.load), items = std::move(items)](Index item) {
    return load(items.at(static_cast<std::size_t>(item)));
  };
  return result;
}

/// At most `train` and `test` images of every class (0 = no limit), drawn for each class on its own by its name.
struct PerClassLimits {
  Index train = 0;
  Index test = 0;
};

[[nodiscard]] inline ImageSet limit_per_class(ImageSet set, const PerClassLimits& limits, const Rng& rng) {
  std::vector<Index> kept;
  for (const Split split : {Split::train, Split::test}) {
    const Index limit = split == Split::train ? limits.train : limits.test;
    for (auto& [label, items] : detail::items_by_class(set.manifest, set.manifest.select("", split))) {
      if (limit > 0 && static_cast<Index>(items.size()) > limit) {
        const ClassInfo& info = set.manifest.classes[static_cast<std::size_t>(label)];
        rng.stream(to_string(split)).stream(info.task).stream(info.name).shuffle(std::span(items));
        items.resize(static_cast<std::size_t>(limit));
      }
      kept.insert(kept.end(), items.begin(), items.end());
    }
  }
  return subset(std::move(set), std::move(kept));
}

}  // namespace fusiform
