#pragma once
/// The order in which races see a list of images: random, and every class present from the start in its share.

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/data/labelled_images.hpp>

namespace fusiform {

/// A permutation: place i of the new order holds image order[i]. The images of a class are put in random order and
/// spread evenly, each at a random place within its own part of the list; so a class that makes up a share of the list
/// makes up that share of its first images too, up to an image or two. Means over the first images then estimate means
/// over the list, with less error than if images were simply shuffled. Depends on the labels and the stream only.
[[nodiscard]] inline std::vector<Index> race_order(std::span<const Index> labels, const Rng& rng) {
  std::map<Index, std::vector<Index>> classes;
  for (std::size_t image = 0; image < labels.size(); ++image)
    classes[labels[image]].push_back(static_cast<Index>(image));
  std::vector<std::pair<double, Index>> places;
  for (auto& [label, images] : classes) {
    Rng stream = rng.stream("race order").stream(static_cast<std::uint64_t>(label));
    stream.shuffle(std::span(images));
    const auto size = static_cast<double>(images.size());
    for (std::size_t i = 0; i < images.size(); ++i)
      places.emplace_back((static_cast<double>(i) + stream.uniform()) / size, images[i]);
  }
  std::sort(places.begin(), places.end());
  std::vector<Index> order;
  for (const auto& [place, image] : places) order.push_back(image);
  return order;
}

/// The same images in another order, read one by one. Throws ConfigError unless `order` names each image once.
template <Scalar T>
[[nodiscard]] LabelledImages<T> reordered(LabelledImages<T> images, std::vector<Index> order) {
  std::vector<Index> named = order;
  std::sort(named.begin(), named.end());
  bool each_once = static_cast<Index>(named.size()) == images.count();
  for (std::size_t i = 0; i < named.size(); ++i) each_once = each_once && named[i] == static_cast<Index>(i);
  require_setting(each_once, "order of images", text("each of ", images.count(), " images once"),
                  text("another list of ", order.size()));
  std::vector<Index> labels;
  for (const Index image : order) labels.push_back(images.labels[static_cast<std::size_t>(image)]);
  return {images.image, std::move(labels),
          [read = std::move(images.read), order = std::move(order)](Index first, View<T, Cpu> output) {
            for (Index i = 0; i < output.shape()[0]; ++i)
              read(order[static_cast<std::size_t>(first + i)], output.batch_range(i, 1));
          }};
}

}  // namespace fusiform
