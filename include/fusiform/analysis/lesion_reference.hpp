#pragma once
/// What lesions of kinds mean and resample put in the place of a channel: its mean over reference images, or its
/// values for another image.

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/train/image_input.hpp>

namespace fusiform {

/// Where kinds mean and resample take their values from. T is the scalar of images.
template <Scalar T>
struct LesionReference {
  const LabelledImages<T>* images = nullptr;  ///< of this or another task; nullptr: the evaluated images themselves
  bool per_position = false;                  ///< mean: one for each position instead of one for the channel
  Rng rng{0};                                 ///< resample: draws each image's partner, once for all lesions
};

/// For each of `images` images the position of its partner in the list of references. From the images themselves
/// (`references` = nothing else): one random cycle, so nobody is its own partner and each is one partner
/// (Sattolo's shuffle). From another list: a random order of it, over and over.
/// Throws ConfigError for a single image without other references, or for an empty list.
[[nodiscard]] inline std::vector<Index> resample_partners(Index images, Rng rng) {
  require_setting(images != 1, "resample lesion", "at least 2 images to exchange channels", images);
  std::vector<Index> order(static_cast<std::size_t>(images));
  std::iota(order.begin(), order.end(), Index{0});
  rng.shuffle(std::span(order));
  std::vector<Index> partners(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    partners[static_cast<std::size_t>(order[i])] = order[(i + 1) % order.size()];
  return partners;
}
[[nodiscard]] inline std::vector<Index> resample_partners(Index images, Index references, Rng rng) {
  require_setting(references >= 1, "resample lesion", "at least 1 reference image", references);
  std::vector<Index> order(static_cast<std::size_t>(references));
  std::iota(order.begin(), order.end(), Index{0});
  rng.shuffle(std::span(order));
  std::vector<Index> partners(static_cast<std::size_t>(images));
  for (std::size_t i = 0; i < partners.size(); ++i) partners[i] = order[i % order.size()];
  return partners;
}

/// The mean value of a node over images, of the shape of one image's value; each channel's mean over images and
/// positions, everywhere the same, unless `per_position`. Sums run on the CPU, in double, images first, in their order.
/// Throws ConfigError if there are no images.
template <Scalar T, Device D>
[[nodiscard]] Tensor<T, Cpu> mean_value(const Network<T, D>& network, NodeId node,
                                        const LabelledImages<Master<T>>& images, Index batch,
                                        bool per_position = false) {
  require_setting(images.count() >= 1, "mean lesion", "at least 1 reference image", images.count());
  const Shape& shape = network.node(node).shape;
  std::vector<double> sums(static_cast<std::size_t>(shape.size()));
  Activations<T, D> activations;
  ImageInput<T, D> input;
  Tensor<T, Cpu> buffer;
  for (Index first = 0; first < images.count(); first += batch) {
    const View<const T, D> pixels = input.range(images, first, std::min(batch, images.count() - first));
    const View<const T, Cpu> value = on_cpu(network.forward(pixels, node, activations), buffer);
    constexpr Index grain = 4096;
    parallel_ranges(shape.size(), grain, [&](Index begin, Index end) {
      for (Index n = 0; n < value.shape()[0]; ++n)
        for (Index i = begin; i < end; ++i)
          sums[static_cast<std::size_t>(i)] += static_cast<double>(value[n * shape.size() + i]);
    });
  }
  const Index channels = shape.channels();
  double terms = static_cast<double>(images.count());
  if (!per_position) {
    for (Index i = channels; i < shape.size(); ++i)
      sums[static_cast<std::size_t>(i % channels)] += sums[static_cast<std::size_t>(i)];
    for (Index i = channels; i < shape.size(); ++i)
      sums[static_cast<std::size_t>(i)] = sums[static_cast<std::size_t>(i % channels)];
    terms *= static_cast<double>(shape.size()) / static_cast<double>(channels);
  }
  Tensor<T, Cpu> result = Tensor<T, Cpu>::uninitialized(shape);
  for (Index i = 0; i < shape.size(); ++i) result[i] = static_cast<T>(sums[static_cast<std::size_t>(i)] / terms);
  return result;
}

}  // namespace fusiform
