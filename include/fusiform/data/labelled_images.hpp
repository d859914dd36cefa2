#pragma once
/// A fixed list of images with their classes, ready to be fed to a network: what evaluations and lesions run on.

#include <functional>
#include <utility>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform {

/// A value; copies share the images behind `read`.
template <Scalar T>
struct LabelledImages {
  Shape image;                ///< of one image, (H, W, C)
  std::vector<Index> labels;  ///< class of each image
  /// Fills `images` (N, H, W, C) with images first..first+N-1 of the list.
  std::function<void(Index first, View<T, Cpu> images)> read;

  [[nodiscard]] Index count() const noexcept { return static_cast<Index>(labels.size()); }
};

/// The images of a tensor (N, H, W, C). Throws ShapeError unless there is one label for each.
template <Scalar T>
[[nodiscard]] LabelledImages<T> labelled_images(Tensor<T, Cpu> images, std::vector<Index> labels) {
  require_equal("labelled images", "labels", images.shape()[0], static_cast<Index>(labels.size()));
  const Shape image = images.shape().without_batch();
  return {image, std::move(labels), [images = std::move(images)](Index first, View<T, Cpu> output) {
            const View<const T, Cpu> part = images.view().batch_range(first, output.shape()[0]);
            copy_bytes(Cpu{}, output.data(), part.data(), static_cast<std::size_t>(part.size()) * sizeof(T));
          }};
}

}  // namespace fusiform
