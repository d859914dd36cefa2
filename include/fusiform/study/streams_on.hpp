#pragma once
/// A study's streams of batches on a device.

#include <memory>
#include <utility>
#include <vector>

#include <fusiform/core/cuda.hpp>
#include <fusiform/data/device_images.hpp>
#include <fusiform/data/loader.hpp>
#include <fusiform/study/study_device.hpp>
#include <fusiform/train/uploaded_batches.hpp>

namespace fusiform::detail {

/// Where a stream's images lie while it is trained on.
enum class ImagePlace {
  by_size,  ///< in the GPU's memory if they take a quarter of what is free, else on the CPU
  device,
  host,  ///< every batch is sent
};

/// Streams whose batches are on a GPU. Their bits do not depend on where the images lie.
template <Scalar T, Device D>
class StreamsOn {
 public:
  explicit StreamsOn(const std::vector<ImageStream>& streams, ImagePlace place = ImagePlace::by_size) {
    for (const ImageStream& stream : streams) {
      BatchSource<T, D>& batches = is_on_device(stream, place) ? on_device(stream) : sent(stream);
      streams_.push_back({stream.name, stream.head, &batches, stream.outputs});
    }
  }
  [[nodiscard]] const std::vector<TrainStream<T, D>>& get() const noexcept { return streams_; }
  /// How many streams' images lie on the GPU.
  [[nodiscard]] std::size_t held_count() const noexcept { return images_.size(); }

 private:
  [[nodiscard]] static bool is_on_device(const ImageStream& stream, ImagePlace place) {
    if (place != ImagePlace::by_size) return place == ImagePlace::device;
    const auto bytes = static_cast<std::size_t>(DeviceImages::bytes(*stream.pack, stream.items));
    return bytes <= free_device_bytes(D{}) / 4;
  }
  [[nodiscard]] BatchSource<T, D>& on_device(const ImageStream& stream) {
    images_.push_back(std::make_unique<DeviceImages>(*stream.pack, stream.items));
    return keep(std::make_unique<DeviceLoader<T>>(*images_.back(), stream.items, stream.options));
  }
  [[nodiscard]] BatchSource<T, D>& sent(const ImageStream& stream) {
    loaders_.push_back(std::make_unique<Loader<Master<T>>>(*stream.pack, stream.items, stream.options));
    return keep(std::make_unique<UploadedBatches<T>>(*loaders_.back()));
  }
  [[nodiscard]] BatchSource<T, D>& keep(std::unique_ptr<BatchSource<T, D>> batches) {
    return *batches_.emplace_back(std::move(batches));
  }

  std::vector<std::unique_ptr<DeviceImages>> images_;
  std::vector<std::unique_ptr<Loader<Master<T>>>> loaders_;
  std::vector<std::unique_ptr<BatchSource<T, D>>> batches_;
  std::vector<TrainStream<T, D>> streams_;
};

template <>
class StreamsOn<float, Cpu> {
 public:
  explicit StreamsOn(const std::vector<ImageStream>& streams) {
    for (const ImageStream& stream : streams) {
      loaders_.push_back(std::make_unique<Loader<float>>(*stream.pack, stream.items, stream.options));
      streams_.push_back({stream.name, stream.head, loaders_.back().get(), stream.outputs});
    }
  }
  [[nodiscard]] const std::vector<TrainStream<float>>& get() const noexcept { return streams_; }

 private:
  std::vector<std::unique_ptr<Loader<float>>> loaders_;
  std::vector<TrainStream<float>> streams_;
};

}  // namespace fusiform::detail
