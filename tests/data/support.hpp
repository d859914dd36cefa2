#pragma once
/// Files and image sets for the tests of data.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/data/dataset.hpp>

namespace test {

/// An empty folder that goes with its contents.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> counter{0};
    path_ = std::filesystem::temp_directory_path() /
            ("fusiform_data_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  /// The path of something inside; folders on the way are made.
  [[nodiscard]] std::string operator/(const std::string& name) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    return (path_ / name).generic_string();
  }
  [[nodiscard]] std::string path() const { return path_.generic_string(); }

  std::string write(const std::string& name, std::string_view contents) const {
    const std::string path = *this / name;
    std::ofstream(path, std::ios::binary) << contents;
    return path;
  }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The message of the exception of type E that `action` throws; "no exception" or "another exception" otherwise.
template <class E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (...) {
    return "another exception";
  }
  return "no exception";
}

inline bool contains(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

inline fusiform::Image noise_image(fusiform::Index height, fusiform::Index width, std::uint64_t seed,
                                   fusiform::Index channels = 3) {
  fusiform::Image image = fusiform::blank_image(height, width, channels);
  fusiform::Rng rng(seed);
  for (std::uint8_t& pixel : image.pixels) pixel = static_cast<std::uint8_t>(rng.word() >> 24U);
  return image;
}

/// A binary PPM (or PGM) of an image.
inline std::string pnm_of(const fusiform::Image& image) {
  return (image.channels == 3 ? "P6\n" : "P5\n") + std::to_string(image.width) + " " + std::to_string(image.height) +
         "\n255\n" + std::string(image.pixels.begin(), image.pixels.end());
}

/// `classes` classes of one task with noise images of different sizes of at least 20 x 20.
inline fusiform::ImageSet noise_set(const std::string& task, fusiform::Index classes, fusiform::Index train,
                                    fusiform::Index test) {
  fusiform::ImageSet set;
  for (fusiform::Index label = 0; label < classes; ++label) {
    set.manifest.classes.push_back({task, "class" + std::to_string(label)});
    for (fusiform::Index i = 0; i < train + test; ++i)
      set.manifest.images.push_back({task + "/" + std::to_string(label) + "/" + std::to_string(i), label,
                                     i < train ? fusiform::Split::train : fusiform::Split::test});
  }
  set.load = [](fusiform::Index item) {
    return noise_image(20 + item % 5, 20 + item % 7, static_cast<std::uint64_t>(item));
  };
  return set;
}

}  // namespace test
