#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/data/stimuli.hpp>

#include "tests/support/catch.hpp"

using fusiform::Image;
using fusiform::ImageSet;
using fusiform::Index;
using fusiform::Split;
using fusiform::StimuliOptions;

namespace {

using Render = Image (*)(Index, Index, const StimuliOptions&);
using Features = std::vector<double> (*)(const Image&, Index);
constexpr std::array<Render, 2> renders{fusiform::render_face, fusiform::render_object};

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

/// Grey, `side` x `side`, without mean and contrast: what is left when colour and exposure are taken away.
std::vector<double> small_grey(const Image& image, Index side) {
  std::vector<double> grey(static_cast<std::size_t>(side * side));
  for (Index y = 0; y < image.height; ++y)
    for (Index x = 0; x < image.width; ++x)
      for (Index c = 0; c < 3; ++c)
        grey[static_cast<std::size_t>(y * side / image.height * side + x * side / image.width)] +=
            image.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + c)];
  double mean = 0;
  double square = 0;
  for (const double value : grey) mean += value / static_cast<double>(grey.size());
  for (double& value : grey) square += (value - mean) * (value - mean);
  for (double& value : grey) value = (value - mean) / std::sqrt(square + 1e-12);
  return grey;
}

/// Like `small_grey`, of the steps between neighbouring pixels: contours, whatever is darker than what.
std::vector<double> small_contours(const Image& image, Index side) {
  Image steps = image;
  const auto grey = [&](Index y, Index x) {
    const auto at = static_cast<std::size_t>((y * image.width + x) * 3);
    return int{image.pixels[at]} + int{image.pixels[at + 1]} + int{image.pixels[at + 2]};
  };
  for (Index y = 0; y < image.height; ++y)
    for (Index x = 0; x < image.width; ++x) {
      const int across = std::abs(grey(y, std::min(x + 1, image.width - 1)) - grey(y, std::max<Index>(x - 1, 0)));
      const int down = std::abs(grey(std::min(y + 1, image.height - 1), x) - grey(std::max<Index>(y - 1, 0), x));
      const auto step = static_cast<std::uint8_t>(std::min(255, (across + down) / 3));
      std::fill_n(steps.pixels.begin() + (y * image.width + x) * 3, 3, step);
    }
  return small_grey(steps, side);
}

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// Share of test images whose nearest class mean, over the training images, is their own.
double nearest_mean_accuracy(Render render, const StimuliOptions& o, Features features) {
  constexpr Index side = 12;
  std::vector<std::vector<double>> means;
  for (Index label = 0; label < o.classes; ++label) {
    std::vector<double> mean(static_cast<std::size_t>(side * side));
    for (Index i = 0; i < o.train_per_class; ++i) {
      const std::vector<double> image = features(render(label, i, o), side);
      for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += image[k] / static_cast<double>(o.train_per_class);
    }
    means.push_back(mean);
  }
  Index right = 0;
  for (Index label = 0; label < o.classes; ++label)
    for (Index i = 0; i < o.test_per_class; ++i) {
      const std::vector<double> image = features(render(label, o.train_per_class + i, o), side);
      const auto nearest = std::min_element(means.begin(), means.end(), [&](const auto& a, const auto& b) {
        return squared_distance(a, image) < squared_distance(b, image);
      });
      right += nearest - means.begin() == label ? 1 : 0;
    }
  return static_cast<double>(right) / static_cast<double>(o.classes * o.test_per_class);
}

}  // namespace

TEST_CASE("a stimulus is a function of its arguments", "[stimuli]") {
  for (const Render render : renders) {
    const Image first = render(3, 5, {.seed = 7});
    CHECK(first.height == 64);
    CHECK(first.width == 64);
    CHECK(first.channels == 3);
    CHECK(first.pixels.size() == 64 * 64 * 3);
    CHECK(render(3, 5, {.seed = 7}).pixels == first.pixels);
    // Counts of images do not enter the picture.
    CHECK(render(3, 5, {.classes = 4, .train_per_class = 1, .test_per_class = 0, .seed = 7}).pixels == first.pixels);
    // 1 grey level on average is far more than rounding, and less than any pair of different pictures has.
    CHECK(mean_difference(first, render(3, 6, {.seed = 7})) > 1);
    CHECK(mean_difference(first, render(4, 5, {.seed = 7})) > 1);
    CHECK(mean_difference(first, render(3, 5, {.seed = 8})) > 1);
  }
}

TEST_CASE("stimuli do not depend on the number of threads", "[stimuli]") {
  const ImageSet set = fusiform::object_stimuli({.classes = 3, .train_per_class = 2, .test_per_class = 1, .size = 24});
  std::vector<Image> parallel(9);
  fusiform::set_thread_count(3);
  fusiform::parallel_for(9, [&](Index i) { parallel[static_cast<std::size_t>(i)] = set.load(i); });
  fusiform::set_thread_count(1);
  for (Index i = 0; i < 9; ++i) CHECK(set.load(i).pixels == parallel[static_cast<std::size_t>(i)].pixels);
}

TEST_CASE("stimuli have any size", "[stimuli]") {
  for (const Render render : renders)
    for (const Index size : {1, 2, 3, 17, 33, 65, 130}) {
      const Image image = render(0, 0, {.size = size});
      CHECK(image.height == size);
      CHECK(image.pixels.size() == static_cast<std::size_t>(size * size * 3));
    }
  // The same scene at another resolution. Meshes, shadows and samples differ in fineness, hence a tenth; the yardstick
  // is the distance to another picture of the class.
  for (const Render render : renders) {
    const auto coarse = small_grey(render(1, 2, {.size = 32}), 16);
    const auto fine = small_grey(render(1, 2, {.size = 96}), 16);
    const auto other = small_grey(render(1, 3, {.size = 96}), 16);
    CHECK(squared_distance(coarse, fine) < 0.1 * squared_distance(coarse, other));
  }
}

TEST_CASE("stimuli use the range of eight bits", "[stimuli]") {
  for (const Render render : renders) {
    double mean_of_means = 0;
    int lowest = 255;
    int highest = 0;
    for (Index i = 0; i < 40; ++i) {
      const Image image = render(i, i, {.size = 40});
      const auto [low, high] = std::minmax_element(image.pixels.begin(), image.pixels.end());
      CHECK(*high - *low > 60);  // no picture is flat or lost in the dark
      lowest = std::min(lowest, int{*low});
      highest = std::max(highest, int{*high});
      double mean = 0;
      for (const std::uint8_t value : image.pixels) mean += value / static_cast<double>(image.pixels.size());
      CHECK(mean > 25);
      CHECK(mean < 225);
      mean_of_means += mean / 40;
    }
    CHECK(lowest < 15);
    CHECK(highest > 240);
    CHECK(mean_of_means > 80);
    CHECK(mean_of_means < 160);
  }
}

TEST_CASE("no two identities or categories are alike", "[stimuli]") {
  // Two classes under the same view, light and paint: only what makes the class differs. More classes than shape
  // families, so that categories of one family are compared too.
  constexpr Index classes = 40;
  const fusiform::Rng rng = fusiform::Rng(1).stream("view");
  std::vector<Image> faces;
  std::vector<Image> objects;
  for (Index label = 0; label < classes; ++label) {
    const auto item = static_cast<std::uint64_t>(label);
    faces.push_back(fusiform::stimuli::face_picture(
        fusiform::stimuli::draw_identity(fusiform::Rng(0).stream("identities").stream(item)), rng, 48));
    objects.push_back(fusiform::stimuli::object_picture(
        fusiform::stimuli::object_category(fusiform::Rng(0).stream("objects"), label), rng, 48));
  }
  for (const auto& pictures : {faces, objects}) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t a = 0; a < pictures.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) least = std::min(least, mean_difference(pictures[a], pictures[b]));
    CHECK(least > 1.5);  // grey levels over the whole picture, most of which is the same background
  }
}

TEST_CASE("stimuli carry their class without colour", "[stimuli]") {
  // The nearest class mean on 12 x 12 normalised values knows no pose: a lower bound for any learner. Chance is 1/16;
  // over 160 test images its standard deviation is 0.019, so 3 times chance is 6.5 deviations away. Faces show it in
  // grey values; objects, painted at random, in their contours.
  const StimuliOptions options{.classes = 16, .train_per_class = 20, .test_per_class = 10, .size = 36, .seed = 3};
  const double faces = nearest_mean_accuracy(fusiform::render_face, options, small_grey);
  const double objects = nearest_mean_accuracy(fusiform::render_object, options, small_contours);
  INFO("faces " << faces << ", objects " << objects);
  CHECK(faces > 3.0 / 16);
  CHECK(objects > 3.0 / 16);
  // And it does not come for free: pose and light have to be learnt.
  CHECK(faces < 0.9);
  CHECK(objects < 0.9);
}

TEST_CASE("a stimulus set lists its images", "[stimuli]") {
  const StimuliOptions options{.classes = 9, .train_per_class = 4, .test_per_class = 2, .size = 8, .seed = 5};
  const ImageSet faces = fusiform::face_stimuli(options);
  CHECK(faces.manifest.tasks() == std::vector<std::string>{"faces"});
  CHECK(faces.class_count() == 9);
  CHECK(faces.image_count() == 54);
  CHECK(faces.manifest.select("faces", Split::train).size() == 36);
  CHECK(faces.manifest.select("faces", Split::test).size() == 18);
  CHECK(faces.manifest.images[7 * 6 + 4].path == "stimuli/faces/007/0004");
  CHECK(faces.manifest.images[7 * 6 + 4].split == Split::test);
  CHECK(faces.manifest.images[7 * 6 + 4].class_index == 7);
  CHECK(faces.load(7 * 6 + 4).pixels == fusiform::render_face(7, 4, options).pixels);
  std::set<std::string> paths;
  for (const auto& image : faces.manifest.images) paths.insert(image.path);
  CHECK(paths.size() == 54);

  const ImageSet both = fusiform::union_of_tasks({faces, fusiform::object_stimuli(options)});
  CHECK(both.class_count() == 18);
  CHECK(both.load(54 + 13).pixels == fusiform::render_object(2, 1, options).pixels);
}

TEST_CASE("stimuli refuse impossible options", "[stimuli]") {
  CHECK_THROWS_AS(fusiform::render_face(-1, 0), fusiform::ConfigError);
  CHECK_THROWS_AS(fusiform::render_object(0, -1), fusiform::ConfigError);
  CHECK_THROWS_AS(fusiform::render_object(0, 0, {.size = 0}), fusiform::ConfigError);
  CHECK_THROWS_AS(fusiform::face_stimuli({.classes = 0}), fusiform::ConfigError);
  CHECK_THROWS_AS(fusiform::object_stimuli({.train_per_class = -1}), fusiform::ConfigError);
}
