/// Data sets in a GPU's memory: the batches of the CPU's loader.

#include <fusiform/data/device_images.hpp>
#include <fusiform/data/loader.hpp>

#include "tests/conformance/scalars.hpp"
#include "tests/data/support.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Pictures of several sizes, of 20 x 20 or more.
class PackFile {
 public:
  PackFile() { write_pack(::test::noise_set("t", 4, 20, 5), path(), {.shorter_side = 20}); }
  [[nodiscard]] std::string path() const { return folder_ / "p"; }

 private:
  ::test::TemporaryFolder folder_;
};

LoaderOptions augmented(Index crop) {
  return {.batch = 7,
          .shuffle = true,
          .transform = {.crop = crop,
                        .random_crop = true,
                        .flip = 0.5,
                        .grayscale = 0.3,
                        .mean = {0.4F, 0.5F, 0.6F},
                        .deviation = {0.2F, 0.3F, 0.7F}},
          .rng = Rng(5),
          .workers = 0};
}

/// What the loader's images become in T.
template <class T>
Tensor<T, Cpu> expected_images(const Tensor<float, Cpu>& images) {
  if constexpr (std::same_as<T, bfloat16>)
    return rounded(images);
  else
    return images;
}

template <class T>
void check_epoch(Loader<float>& expected, BatchSource<T, Cuda>& found, Index epoch) {
  expected.start_epoch(epoch);
  found.start_epoch(epoch);
  CHECK(found.image_count() == expected.image_count());
  while (const Batch<float>* batch = expected.next()) {
    const Batch<T, Cuda>* other = found.next();
    REQUIRE(other != nullptr);
    CHECK(other->labels == batch->labels);
    CHECK(other->items == batch->items);
    CHECK(same_bits(on_host(other->images), expected_images<T>(batch->images)));
  }
  CHECK(found.next() == nullptr);
  CHECK(found.next() == nullptr);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("batches made on a GPU have the bits of the loader's", "[data][cuda]", AllScalars) {
  using T = TestType;
  const PackFile file;
  const ImagePack pack(file.path());
  const std::vector<Index> items = pack.select("t", Split::train);
  const DeviceImages images(pack, items);
  std::vector<LoaderOptions> cases{augmented(16), augmented(15), augmented(20)};
  cases.push_back({.batch = 9, .drop_last = true, .transform = {.crop = 12}, .workers = 0});  // the centre, in order
  for (const LoaderOptions& options : cases) {
    CAPTURE(options.transform.crop);
    Loader<float> expected(pack, items, options);
    DeviceLoader<T> found(images, items, options);
    for (int way = 0; way < ways_to_run(); ++way) {
      run_this_way(way);
      for (const Index epoch : {0, 3}) check_epoch<T>(expected, found, epoch);
    }
    run_this_way(0);
    found.start_epoch(1);
    CHECK(found.next() != nullptr);
    check_epoch<T>(expected, found, 0);  // begun anew in the middle of another
  }
}

TEST_CASE("batches of many images, each several times", "[data][cuda]") {
  const PackFile file;
  const ImagePack pack(file.path());
  const std::vector<Index> items = pack.select("t", Split::test);
  const DeviceImages images(pack, items);
  std::vector<Index> repeated;
  for (int i = 0; i < 15; ++i) repeated.insert(repeated.end(), items.begin(), items.end());
  LoaderOptions options = augmented(10);
  options.batch = 270;  // more than travel with one launch
  Loader<float> expected(pack, repeated, options);
  DeviceLoader<float> found(images, repeated, options);
  check_epoch<float>(expected, found, 2);
}

TEST_CASE("images on a GPU refuse what is not there", "[data][cuda]") {
  const PackFile file;
  const ImagePack pack(file.path());
  const std::vector<Index> items{3, 5};
  CHECK_THROWS_AS(DeviceImages(pack, std::vector<Index>{pack.count()}), ConfigError);
  const DeviceImages images(pack, items);
  CHECK(DeviceImages::bytes(pack, items) ==
        (pack.image(3).height * pack.image(3).width + pack.image(5).height * pack.image(5).width) * 3);
  const LoaderOptions options{.batch = 2, .transform = {.crop = 8}};
  CHECK_THROWS_AS(DeviceLoader<float>(images, {3, 4}, options), ConfigError);
  CHECK_THROWS_AS(DeviceLoader<float>(images, {3, -1}, options), ConfigError);
  CHECK_THROWS_AS(DeviceLoader<float>(images, items, {.batch = 0}), ConfigError);
  DeviceLoader<float> loader(images, items, options);
  CHECK_THROWS_AS(loader.next(), ConfigError);
  DeviceLoader<float> large(images, items, {.batch = 2, .transform = {.crop = 64}});
  large.start_epoch(0);
  CHECK_THROWS_AS(large.next(), ShapeError);
}
