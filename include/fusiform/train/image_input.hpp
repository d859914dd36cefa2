#pragma once
/// Images as the input of a net, on the device that it computes on.

#include <span>

#include <fusiform/core/transfer.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/ops/convert.hpp>

namespace fusiform {

/// A few images at a time, in memory that is used again. What was returned is for passes that are started before the
/// next call; on a GPU the next images are read while it computes with the last ones.
template <Scalar T, Device D>
class ImageInput {
 public:
  /// Images first..first+count-1 of the list.
  [[nodiscard]] View<const T, D> range(const LabelledImages<Master<T>>& images, Index first, Index count) {
    images.read(first, pixels_.write(images.image.batched(count)));
    return send();
  }

  /// Images of the list in the order of `chosen`.
  [[nodiscard]] View<const T, D> chosen(const LabelledImages<Master<T>>& images, std::span<const Index> chosen) {
    const View<Master<T>, Cpu> pixels = pixels_.write(images.image.batched(static_cast<Index>(chosen.size())));
    for (std::size_t i = 0; i < chosen.size(); ++i)
      images.read(chosen[i], pixels.batch_range(static_cast<Index>(i), 1));
    return send();
  }

 private:
  [[nodiscard]] View<const T, D> send() {
    if constexpr (std::same_as<T, Master<T>>) {
      return pixels_.send();
    } else {
      const View<const Master<T>, D> pixels = pixels_.send();
      converted_.resize(pixels.shape());
      convert(pixels, converted_.view());
      return converted_;
    }
  }

  ToDevice<Master<T>, D> pixels_;
  Tensor<T, D> converted_;  // if T is not the images' scalar
};

}  // namespace fusiform
