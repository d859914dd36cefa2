#pragma once
/// A fixed list of packed images as network input: centre crop, no augmentation.

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/data/pack.hpp>
#include <fusiform/data/transform.hpp>

namespace fusiform {

/// Images `items` of the pack, each centre-cropped and normalised as `options` say; its random parts are switched off.
/// `outputs` says which output of the net's head stands for each class of the pack; empty: its number.
/// The pack must outlive the result.
template <Scalar T>
[[nodiscard]] LabelledImages<T> labelled_images(const ImagePack& pack, std::vector<Index> items,
                                                TransformOptions options, std::span<const Index> outputs = {}) {
  options.random_crop = false;
  options.flip = 0;
  options.grayscale = 0;
  const auto transform = std::make_shared<const Transform<T>>(options);
  LabelledImages<T> result{Shape{options.crop, options.crop, 3}, {}, {}};
  for (const Index item : items) {
    const Index label = pack.label(item);
    result.labels.push_back(outputs.empty() ? label : outputs[static_cast<std::size_t>(label)]);
  }
  result.read = [&pack, items = std::move(items), transform](Index first, View<T, Cpu> output) {
    parallel_for(output.shape()[0], [&](Index n) {
      Rng unused(0);
      (*transform)(pack.image(items[static_cast<std::size_t>(first + n)]), unused, output.batch_range(n, 1));
    });
  };
  return result;
}

}  // namespace fusiform
