#include <numeric>

#include <fusiform/data/sampling.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using test::noise_set;

namespace {

std::vector<Index> per_class(const Manifest& manifest, const std::vector<Index>& items) {
  std::vector<Index> counts(manifest.classes.size());
  for (const Index item : items)
    ++counts[static_cast<std::size_t>(manifest.images[static_cast<std::size_t>(item)].class_index)];
  return counts;
}

}  // namespace

TEST_CASE("stratified images take the same number of every class") {
  const ImageSet set = union_of_tasks({noise_set("a", 5, 8, 3), noise_set("b", 3, 20, 2)});
  const Manifest& manifest = set.manifest;
  const std::vector<Index> chosen = stratified_images(manifest, "a", Split::train, 17, Rng(1));
  CHECK(chosen.size() == 17);
  CHECK(std::is_sorted(chosen.begin(), chosen.end()));
  CHECK(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
  std::vector<Index> counts = per_class(manifest, chosen);
  CHECK(std::accumulate(counts.begin(), counts.begin() + 5, Index{0}) == 17);
  for (std::size_t label = 0; label < 5; ++label) CHECK((counts[label] == 3 || counts[label] == 4));
  for (const Index item : chosen) CHECK(manifest.images[static_cast<std::size_t>(item)].split == Split::train);
  CHECK(classes_covered(manifest, chosen) == 5);

  CHECK(stratified_images(manifest, "a", Split::train, 17, Rng(1)) == chosen);
  CHECK(stratified_images(manifest, "a", Split::train, 17, Rng(2)) != chosen);
  CHECK(stratified_images(manifest, "a", Split::train, 1000, Rng(1)) == manifest.select("a", Split::train));
  // 8 of each class are not enough for 80 of all: the larger classes give the rest.
  CHECK(per_class(manifest, stratified_images(manifest, "", Split::train, 70, Rng(1))) ==
        std::vector<Index>{8, 8, 8, 8, 8, 10, 10, 10});
  CHECK(stratified_images(manifest, "nobody", Split::train, 5, Rng(1)).empty());
  CHECK_THROWS_AS(stratified_images(manifest, "a", Split::train, 0, Rng(1)), ConfigError);
}

TEST_CASE("first images are whole classes in order") {
  ImageSet set = noise_set("a", 3, 4, 2);
  CHECK(first_images(set.manifest, "a", Split::train, 6) == std::vector<Index>{0, 1, 2, 3, 6, 7});
  CHECK(first_images(set.manifest, "", Split::test, 99) == std::vector<Index>{4, 5, 10, 11, 16, 17});
  CHECK(classes_covered(set.manifest, first_images(set.manifest, "a", Split::train, 4)) == 1);
  std::swap(set.manifest.images[0], set.manifest.images[6]);  // order of classes, not of the list
  CHECK(first_images(set.manifest, "a", Split::train, 4) == std::vector<Index>{1, 2, 3, 6});
}

TEST_CASE("shuffled images are drawn without repetition") {
  const Manifest manifest = noise_set("a", 3, 30, 2).manifest;
  const std::vector<Index> chosen = shuffled_images(manifest, "a", Split::train, 40, Rng(4));
  CHECK(chosen.size() == 40);
  CHECK(std::is_sorted(chosen.begin(), chosen.end()));
  CHECK(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
  CHECK(shuffled_images(manifest, "a", Split::train, 400, Rng(4)) == manifest.select("a", Split::train));
}

TEST_CASE("subsets keep order, drop classes without images and load the right ones") {
  const ImageSet set = noise_set("a", 4, 3, 1);
  const ImageSet part = subset(set, {13, 0, 2, 15});
  CHECK(part.manifest.classes == std::vector<ClassInfo>{{"a", "class0"}, {"a", "class3"}});
  REQUIRE(part.image_count() == 4);
  CHECK(part.manifest.images[2].path == set.manifest.images[13].path);
  CHECK(part.manifest.images[2].class_index == 1);
  CHECK(part.load(2).pixels == set.load(13).pixels);
}

TEST_CASE("limits hold for each class and do not depend on the other classes") {
  const ImageSet set = noise_set("a", 4, 9, 4);
  const ImageSet limited = limit_per_class(set, {.train = 5, .test = 2}, Rng(1));
  CHECK(per_class(limited.manifest, limited.manifest.select("a", Split::train)) == std::vector<Index>(4, 5));
  CHECK(per_class(limited.manifest, limited.manifest.select("a", Split::test)) == std::vector<Index>(4, 2));
  CHECK(limit_per_class(set, {}, Rng(1)).manifest == set.manifest);
  std::vector<Index> last_class(13);
  std::iota(last_class.begin(), last_class.end(), Index{39});
  const ImageSet alone = limit_per_class(subset(set, last_class), {.train = 5, .test = 2}, Rng(1));
  for (std::size_t i = 0; i < 7; ++i) CHECK(alone.manifest.images[i].path == limited.manifest.images[21 + i].path);
}
