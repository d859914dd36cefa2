#pragma once
/// Small data sets held whole in a GPU's memory, as eight-bit pixels, and batches made there: nothing but the random
/// choices crosses the bus. For programs that link fusiform::cuda.

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/storage.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/data/batch_source.hpp>
#include <fusiform/data/epoch_order.hpp>
#include <fusiform/data/image_crop.hpp>
#include <fusiform/data/pack.hpp>
#include <fusiform/data/transform.hpp>

namespace fusiform {

namespace kernels {
/// Element (n, h, w, c) of `output` (N, crop, crop, 3) is table(c, level), for the level of that channel, or for the
/// luma, of the picture's pixel. `crops` may change as soon as the call returns.
template <Scalar T>
void transform_images(const std::uint8_t* pixels, std::span<const ImageCrop> crops, View<const Master<T>, Cuda> table,
                      View<T, Cuda> output);
}  // namespace kernels

/// The pixels of some images of a pack. The pack must outlive this object.
class DeviceImages {
 public:
  /// Bytes that the images take on the GPU.
  [[nodiscard]] static Index bytes(const ImagePack& pack, std::span<const Index> items) {
    Index sum = 0;
    for (const Index item : items) sum += byte_count(pack.image(item));
    return sum;
  }

  /// Copies the images, each named once. Throws ConfigError for one that is not in the pack, CudaError if they do not
  /// fit in the GPU's memory.
  DeviceImages(const ImagePack& pack, std::span<const Index> items)
      : pack_(pack), places_(static_cast<std::size_t>(pack.count()), absent) {
    for (const Index item : items)
      require_setting(item >= 0 && item < pack.count(), "device images: item", text("0..", pack.count() - 1), item);
    pixels_ = Storage<std::uint8_t, Cuda>(bytes(pack, items));
    std::vector<std::uint8_t> some;  // many small images in one copy
    Index copied = 0;
    const auto send = [&] {
      copy_bytes_to(Cuda{}, pixels_.data() + copied, some.data(), some.size());
      copied += static_cast<Index>(some.size());
      some.clear();
    };
    for (const Index item : items) {
      const ImageView image = pack.image(item);
      places_[static_cast<std::size_t>(item)] = copied + static_cast<Index>(some.size());
      some.insert(some.end(), image.pixels, image.pixels + byte_count(image));
      if (some.size() > at_once) send();
    }
    send();
  }

  [[nodiscard]] const ImagePack& pack() const noexcept { return pack_; }
  [[nodiscard]] const std::uint8_t* pixels() const noexcept { return pixels_.data(); }
  [[nodiscard]] bool has(Index item) const noexcept {
    return item >= 0 && item < pack_.count() && places_[static_cast<std::size_t>(item)] != absent;
  }

  /// The part of an image that `options` and what is drawn from `rng` take; see draw_choices.
  [[nodiscard]] ImageCrop crop(Index item, const TransformOptions& options, Rng& rng) const {
    const ImageView image = pack_.image(item);
    const TransformChoices choices = draw_choices(options, image.height, image.width, rng);
    return {places_[static_cast<std::size_t>(item)] + (choices.top * image.width + choices.left) * 3,
            static_cast<std::int32_t>(image.width), choices.flipped, choices.gray};
  }

 private:
  static constexpr Index absent = -1;
  static constexpr std::size_t at_once = std::size_t{16} << 20U;

  [[nodiscard]] static Index byte_count(const ImageView& image) { return image.height * image.width * 3; }

  const ImagePack& pack_;
  std::vector<Index> places_;  // byte of each image's first pixel
  Storage<std::uint8_t, Cuda> pixels_;
};

/// The batches of Loader<Master<T>> with the same options, rounded to T, made by the GPU; options.workers has no
/// meaning. The images must outlive this object. To be used from one thread.
template <Scalar T>
class DeviceLoader final : public BatchSource<T, Cuda> {
 public:
  /// Throws ConfigError for an option out of range or an item that is not on the GPU.
  DeviceLoader(const DeviceImages& images, std::vector<Index> items, const LoaderOptions& options)
      : images_(images), order_(std::move(items), options), options_(options.transform), table_(Shape{3, 256}) {
    for (const Index item : order_.items())
      require_setting(images.has(item), "loader: item", "one of the images on the GPU", item);
    const Transform<Master<T>> transform(options.transform);
    copy_bytes_to(Cuda{}, table_.data(), transform.table().data(), transform.table().size_bytes());
  }

  [[nodiscard]] Index image_count() const noexcept override { return order_.image_count(); }
  [[nodiscard]] Index batch_count() const noexcept { return order_.batch_count(); }

  void start_epoch(Index epoch) override {
    order_.start_epoch(epoch);
    next_ = 0;
  }

  [[nodiscard]] const Batch<T, Cuda>* next() override {
    if (next_ < 0) throw ConfigError("loader: expected start_epoch() before next()");
    if (next_ == batch_count()) return nullptr;
    const auto [first, count] = order_.batch(next_++);
    crops_.clear();
    batch_.labels.clear();
    batch_.items.clear();
    for (Index position = first; position < first + count; ++position) {
      const Index item = order_.item(position);
      Rng rng = order_.rng(position);
      crops_.push_back(images_.crop(item, options_, rng));
      batch_.labels.push_back(images_.pack().label(item));
      batch_.items.push_back(item);
    }
    batch_.images.resize({count, options_.crop, options_.crop, 3});
    kernels::transform_images<T>(images_.pixels(), crops_, table_, batch_.images.view());
    return &batch_;
  }

 private:
  const DeviceImages& images_;
  EpochOrder order_;
  TransformOptions options_;
  Tensor<Master<T>, Cuda> table_;
  Index next_ = -1;  // batch of the epoch; -1: none has been started
  std::vector<ImageCrop> crops_;
  Batch<T, Cuda> batch_;
};

}  // namespace fusiform
