// A study's batches on a GPU: the same bits whether the images lie there or are sent.

#include <fusiform/nets/build_network.hpp>
#include <fusiform/study/streams_on.hpp>
#include <fusiform/train/sgd.hpp>
#include <fusiform/train/trainer.hpp>

#include "tests/conformance/scalars.hpp"
#include "tests/data/support.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// The parameters after two epochs with the images at a place.
template <class T>
std::vector<float> trained(const std::vector<ImageStream>& images, detail::ImagePlace place, std::size_t held) {
  Network<T, Cuda> network = build_network<T, Cuda>("4 M fc8", {.image = {12, 12, 3}, .heads = {{"", 4}}}, Rng(1));
  const detail::StreamsOn<T, Cuda> streams(images, place);
  CHECK(streams.held_count() == held);
  std::vector<std::unique_ptr<Optimizer<T, Cuda>>> optimizers;
  for (std::size_t i = 0; i < images.size(); ++i) optimizers.push_back(std::make_unique<Sgd<T, Cuda>>(SgdOptions{}));
  Trainer<T, Cuda> trainer(network, streams.get(), std::move(optimizers), Rng(2));
  for (const Index epoch : {1, 2}) (void)trainer.run_epoch(epoch, 0.01);
  std::vector<float> all;
  for (const NamedParameter<T, Cuda>& named : network.parameters()) {
    const Tensor<float, Cpu> values = copied_to<Cpu>(named.parameter->value);
    all.insert(all.end(), values.span().begin(), values.span().end());
  }
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("where a study's images lie does not change its training", "[study][cuda]", float, bfloat16) {
  using T = TestType;
  const ::test::TemporaryFolder folder;
  const std::string path = folder / "p";
  write_pack(::test::noise_set("t", 4, 6, 2), path, {.shorter_side = 16});
  const ImagePack pack(path);
  ImageStream stream{
      .name = "a",
      .head = build_network<T, Cuda>("4 M fc8", {.image = {12, 12, 3}, .heads = {{"", 4}}}, Rng(1)).heads().at(0),
      .pack = &pack,
      .items = pack.select("t", Split::train),
      .options = {.batch = 7,
                  .shuffle = true,
                  .transform = {.crop = 12, .random_crop = true, .flip = 0.5, .grayscale = 0.3},
                  .rng = Rng(3)},
      .outputs = {1, 0, 3, 2}};
  std::vector<ImageStream> streams{stream, stream};
  streams[1].items = pack.select("t", Split::test);
  const std::vector<float> sent = trained<T>(streams, detail::ImagePlace::host, 0);
  CHECK(trained<T>(streams, detail::ImagePlace::device, 2) == sent);
  CHECK(trained<T>(streams, detail::ImagePlace::by_size, 2) == sent);  // 32 small images
  streams[0].options.rng = Rng(4);
  CHECK(trained<T>(streams, detail::ImagePlace::device, 2) != sent);
}
