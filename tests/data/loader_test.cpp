#include <set>

#include <fusiform/data/loader.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

struct Epoch {
  std::vector<float> values;
  std::vector<Index> labels;
  std::vector<Index> items;
  std::vector<Index> sizes;
  friend bool operator==(const Epoch&, const Epoch&) = default;
};

Epoch run(Loader<float>& loader, Index epoch) {
  Epoch result;
  loader.start_epoch(epoch);
  while (const Batch<float>* batch = loader.next()) {
    const auto values = batch->images.span();
    result.values.insert(result.values.end(), values.begin(), values.end());
    result.labels.insert(result.labels.end(), batch->labels.begin(), batch->labels.end());
    result.items.insert(result.items.end(), batch->items.begin(), batch->items.end());
    result.sizes.push_back(batch->images.shape()[0]);
    REQUIRE(batch->images.shape() == Shape{static_cast<Index>(batch->labels.size()), 16, 16, 3});
  }
  return result;
}

class PackFixture {
 public:
  PackFixture() { write_pack(test::noise_set("t", 4, 20, 5), folder_ / "p", {.shorter_side = 20}); }

 protected:
  LoaderOptions options(Index workers) const {
    return {.batch = 7,
            .shuffle = true,
            .transform = {.crop = 16, .random_crop = true, .flip = 0.5, .grayscale = 0.3},
            .rng = Rng(5),
            .workers = workers};
  }
  test::TemporaryFolder folder_;
  ImagePack open() const { return ImagePack(folder_ / "p"); }
};

}  // namespace

TEST_CASE_METHOD(PackFixture, "an epoch shows every image once, in an order of its own") {
  const ImagePack pack = open();
  const std::vector<Index> items = pack.select("t", Split::train);
  Loader<float> loader(pack, items, options(1));
  CHECK(loader.image_count() == 80);
  CHECK(loader.batch_count() == 12);
  const Epoch first = run(loader, 0);
  CHECK(first.sizes == std::vector<Index>{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3});
  CHECK(std::multiset<Index>(first.items.begin(), first.items.end()) ==
        std::multiset<Index>(items.begin(), items.end()));
  CHECK(first.items != items);
  for (std::size_t i = 0; i < first.items.size(); ++i) REQUIRE(first.labels[i] == pack.label(first.items[i]));
  const Epoch second = run(loader, 1);
  CHECK(second.items != first.items);
  CHECK(run(loader, 0) == first);
  CHECK(loader.next() == nullptr);
  CHECK(loader.next() == nullptr);
}

TEST_CASE_METHOD(PackFixture, "batches do not depend on workers, batch size or what was read before") {
  const ImagePack pack = open();
  const std::vector<Index> items = pack.select("t", Split::train);
  Loader<float> reference(pack, items, options(0));
  const Epoch expected = run(reference, 3);
  for (const Index workers : {1, 2, 5}) {
    Loader<float> loader(pack, items, options(workers));
    loader.start_epoch(2);
    (void)loader.next();
    CHECK(run(loader, 3) == expected);
  }
  LoaderOptions large = options(1);
  large.batch = 80;
  Loader<float> whole(pack, items, large);
  const Epoch together = run(whole, 3);
  CHECK(together.values == expected.values);
  CHECK(together.items == expected.items);
  LoaderOptions other = options(1);
  other.rng = Rng(6);
  Loader<float> seeded(pack, items, other);
  CHECK(run(seeded, 3).items != expected.items);
}

TEST_CASE_METHOD(PackFixture, "each image is transformed with the stream of its position") {
  const ImagePack pack = open();
  const std::vector<Index> items{3, 3, 50};
  LoaderOptions given = options(1);
  given.shuffle = false;
  Loader<float> loader(pack, items, given);
  const Epoch epoch = run(loader, 9);
  CHECK(epoch.items == items);
  Tensor<float, Cpu> expected(Shape{3, 16, 16, 3});
  for (Index i = 0; i < 3; ++i) {
    Rng rng = given.rng.stream(std::uint64_t{9}).stream(static_cast<std::uint64_t>(i));
    transform(pack.image(items[static_cast<std::size_t>(i)]), given.transform, rng, expected.view().batch_range(i, 1));
  }
  CHECK(std::equal(epoch.values.begin(), epoch.values.end(), expected.span().begin()));
}

TEST_CASE_METHOD(PackFixture, "the last small batch can be left out, and there may be nothing to load") {
  const ImagePack pack = open();
  LoaderOptions given = options(1);
  given.drop_last = true;
  Loader<float> loader(pack, pack.select("t", Split::train), given);
  CHECK(loader.image_count() == 77);
  CHECK(run(loader, 0).sizes == std::vector<Index>(11, 7));
  Loader<float> few(pack, {1, 2, 3}, given);
  CHECK(few.batch_count() == 0);
  CHECK(run(few, 0).items.empty());
  Loader<float> none(pack, {}, options(2));
  CHECK(run(none, 0).items.empty());
  Loader<float> one(pack, {4}, options(3));
  CHECK(run(one, 0).items == std::vector<Index>{4});
}

TEST_CASE_METHOD(PackFixture, "a loader stops cleanly at any moment") {
  const ImagePack pack = open();
  const std::vector<Index> items = pack.select("", Split::train);
  for (int taken = 0; taken < 13; ++taken)
    for (const Index workers : {0, 1, 3}) {
      Loader<float> loader(pack, items, options(workers));
      if (taken > 0) loader.start_epoch(taken);
      for (int i = 1; i < taken; ++i) REQUIRE(loader.next() != nullptr);
    }
}

TEST_CASE_METHOD(PackFixture, "what goes wrong in the background is thrown by next") {
  const ImagePack pack = open();
  LoaderOptions given = options(2);
  given.transform.crop = 21;  // larger than the images
  Loader<float> loader(pack, pack.select("", Split::train), given);
  CHECK_THROWS_AS(loader.next(), ConfigError);
  loader.start_epoch(0);
  for (Index batch = 0; batch < loader.batch_count(); ++batch) CHECK_THROWS_AS(loader.next(), ShapeError);
  CHECK(loader.next() == nullptr);

  CHECK_THROWS_AS(Loader<float>(pack, {0, 100}, options(1)), ConfigError);
  given = options(1);
  given.batch = 0;
  CHECK_THROWS_AS(Loader<float>(pack, {0}, given), ConfigError);
  CHECK_THROWS_AS(Loader<float>(pack, {0}, options(-1)), ConfigError);
}
