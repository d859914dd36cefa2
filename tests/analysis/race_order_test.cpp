/// The order of images in races: a permutation, random, with all classes in their shares from the start.

#include <cmath>
#include <map>
#include <vector>

#include <fusiform/analysis/race_order.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// Class k has sizes[k] images, class after class.
std::vector<Index> labels_of(const std::vector<Index>& sizes) {
  std::vector<Index> labels;
  for (std::size_t k = 0; k < sizes.size(); ++k) labels.insert(labels.end(), static_cast<std::size_t>(sizes[k]), k);
  return labels;
}

}  // namespace

TEST_CASE("a race order names each image once, and depends on the stream only") {
  const std::vector<Index> labels = labels_of({7, 1, 12, 0, 30});
  std::vector<Index> order = race_order(labels, Rng(3));
  CHECK(race_order(labels, Rng(3)) == order);
  CHECK(race_order(labels, Rng(4)) != order);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < labels.size(); ++i) CHECK(order[i] == static_cast<Index>(i));
  CHECK(race_order({}, Rng(3)).empty());
}

TEST_CASE("classes of one size take turns") {
  const std::vector<Index> labels = labels_of(std::vector<Index>(10, 24));
  const std::vector<Index> order = race_order(labels, Rng(1));
  std::vector<Index> counts(10);
  for (std::size_t i = 0; i < order.size(); ++i) {
    ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(order[i])])];
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    CHECK(*most - *least <= 1);
  }
}

TEST_CASE("classes of any size keep their shares in every prefix") {
  const std::vector<Index> sizes{100, 10, 3, 1, 50, 37};
  const std::vector<Index> labels = labels_of(sizes);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<Index> order = race_order(labels, Rng(seed));
    std::vector<double> counts(sizes.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(order[i])])];
      for (std::size_t k = 0; k < sizes.size(); ++k) {
        const double share = static_cast<double>((i + 1) * static_cast<std::size_t>(sizes[k])) / 201;
        // Each class is within 1 of its share of the line on which all are placed; so the number of images placed is
        // within 6, of which a class has half at most.
        CHECK(std::abs(counts[k] - share) < 4);
      }
    }
  }
}

TEST_CASE("every image is equally likely to come early") {
  const std::vector<Index> labels = labels_of({40, 20, 5});
  std::vector<double> early(65);
  const Index draws = 4000;
  for (Index d = 0; d < draws; ++d) {
    const std::vector<Index> order = race_order(labels, Rng(static_cast<std::uint64_t>(d)));
    for (std::size_t i = 0; i < 13; ++i) ++early[static_cast<std::size_t>(order[i])];
  }
  // One in five of 4,000: standard error 0.0063; 65 images, so 4 standard errors.
  for (const double count : early) CHECK(std::abs(count / static_cast<double>(draws) - 0.2) < 0.026);
}

TEST_CASE("reordered images carry their labels") {
  Tensor<float, Cpu> pixels({5, 1, 1, 2});
  for (Index i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i);
  const LabelledImages<float> images =
      reordered(labelled_images(std::move(pixels), {0, 10, 20, 30, 40}), {3, 0, 4, 2, 1});
  CHECK(images.labels == std::vector<Index>{30, 0, 40, 20, 10});
  Tensor<float, Cpu> read(images.image.batched(3));
  images.read(1, read.view());
  CHECK(std::vector<float>(read.data(), read.data() + read.size()) == std::vector<float>{0, 1, 8, 9, 4, 5});
  CHECK_THROWS_AS(reordered(images, {0, 1, 2, 3}), ConfigError);
  CHECK_THROWS_AS(reordered(images, {0, 1, 2, 3, 3}), ConfigError);
  CHECK_THROWS_AS(reordered(images, {0, 1, 2, 3, 5}), ConfigError);
}
