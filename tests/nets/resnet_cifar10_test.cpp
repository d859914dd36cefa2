// Published weights of ResNet-20 and ResNet-56 on real images, against PyTorch's logits and losses. The weights and
// images are not part of the repository; without them these tests say so and pass.

#include <filesystem>

#include <fusiform/layers/gradient_check.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/nets/suffix.hpp>

#include "examples/option_a_shortcut.hpp"
#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

const std::string weights_folder = std::string(FUSIFORM_SHARED_DATA) + "/weights/resnet_cifar10/";
const std::string images_path = std::string(FUSIFORM_SHARED_DATA) + "/data/cifar10_bin/test_batch.bin";

struct Images {
  Tensor<float, Cpu> pixels;  ///< (N, 32, 32, 3)
  std::vector<Index> labels;
};

Images read_images_and_labels() {
  const double mean[3] = {0.485, 0.456, 0.406};
  const double deviation[3] = {0.229, 0.224, 0.225};
  const std::string bytes = read_file(images_path);
  const Index count = static_cast<Index>(bytes.size()) / 3073;
  Images images{Tensor<float, Cpu>(Shape{count, 32, 32, 3}), {}};
  std::size_t at = 0;
  const auto next = [&] { return static_cast<unsigned char>(bytes[at++]); };
  for (Index n = 0; n < count; ++n) {
    images.labels.push_back(next());
    for (Index c = 0; c < 3; ++c)
      for (Index pixel = 0; pixel < 1024; ++pixel)
        images.pixels[(n * 1024 + pixel) * 3 + c] = static_cast<float>((next() / 255.0 - mean[c]) / deviation[c]);
  }
  return images;
}

bool have_data() {
  const bool found = std::filesystem::exists(images_path) && std::filesystem::exists(weights_folder);
  if (!found) WARN("skipped: no weights or images in " << FUSIFORM_SHARED_DATA);
  return found;
}

Network<float, Cpu> load_resnet(const std::string& name, int blocks) {
  auto network = build(cifar_resnet_plan(blocks), factory_with_shortcut<float>());
  const LoadReport report = load_weights(network, weights_folder + name + ".safetensors");
  CHECK(report.missing.empty());
  return network;
}

}  // namespace

TEST_CASE("the hand-made shortcut keeps every second pixel and has the right gradient") {
  OptionAShortcut<double> layer(8);
  const std::vector<Shape> inputs = {{5, 4, 4}};
  CHECK(layer.output_shape(inputs) == Shape{3, 2, 8});
  CHECK_THROWS_AS(OptionAShortcut<double>(3).output_shape(inputs), ShapeError);
  const GradientCheckReport report = check_gradients(layer, inputs, Rng(1));
  CAPTURE(report.where);
  CHECK(report.compared > 0);
  CHECK(report.max_relative_error < 1e-6);
}

TEST_CASE("a net with a hand-made layer is described and saved as any other") {
  const auto factory = factory_with_shortcut<float>();
  const auto network = build(cifar_resnet_plan(1), factory);
  const std::string description = describe(network);
  CHECK(description.find("layer2.0.shortcut = option_a_shortcut(layer1.0.relu; out=32)") != std::string::npos);
  CHECK(describe(parse_description(description, factory)) == description);
}

// Both sides are float. 20 or 56 layers of sums in another order: 5e-7 of the largest logit and 2e-6 of the largest
// loss measured; a wrong kernel or normalisation is off by 1e-2.
TEST_CASE("ResNet-20 and ResNet-56 give PyTorch's logits and losses on 1000 images", "[shared]") {
  if (!have_data()) return;
  const SafetensorsFile golden(std::string(FUSIFORM_GOLDENS) + "/resnet_cifar10.safetensors");
  const Images images = read_images_and_labels();
  REQUIRE(images.labels.size() == 1000);
  const auto [name, blocks] =
      GENERATE(std::pair<std::string, int>{"resnet20", 3}, std::pair<std::string, int>{"resnet56", 9});
  const auto network = load_resnet(name, blocks);
  const NodeId head = network.find("linear");
  Activations<float, Cpu> activations;
  std::vector<float> logits;
  std::vector<float> losses;
  for (Index first = 0; first < 1000; first += 100) {
    const View<const float, Cpu> found =
        network.forward(images.pixels.view().batch_range(first, 100), head, activations);
    for (const float logit : found.span())
      if (logits.size() < 160) logits.push_back(logit);
    const auto labels = images.labels.begin() + first;
    for (const float loss : losses_of(found, {labels, labels + 100})) losses.push_back(loss);
  }
  CHECK(difference(logits, golden.read<double>(name + ".logits16")) < 2e-6);
  CHECK(difference(losses, golden.read<double>(name + ".loss_per_image")) < 5e-6);
}

TEST_CASE("lesions of ResNet-20's last block cost what they cost in PyTorch", "[shared]") {
  if (!have_data()) return;
  const SafetensorsFile golden(std::string(FUSIFORM_GOLDENS) + "/resnet_cifar10.safetensors");
  const Images images = read_images_and_labels();
  const auto network = load_resnet("resnet20", 3);
  const NodeId head = network.find("linear");
  const NodeId site = network.find("layer3.2.conv1");
  Activations<float, Cpu> activations;
  const std::vector<NodeId> frontier = suffix_frontier(network, site, head);
  PassOptions keep{.keep = frontier};
  keep.keep.push_back(site);
  network.forward(images.pixels, head, activations, keep);
  const std::vector<float> intact = elements<float>(activations.value(site));
  Activations<float, Cpu> behind;
  for (const NodeId node : frontier) behind.borrow(node, activations.value(node));
  std::vector<double> found;
  for (Index unit = 0; unit < 16; ++unit) {
    Tensor<float, Cpu> lesioned(activations.value(site).shape(), std::span<const float>(intact));
    for (Index at = unit; at < lesioned.size(); at += lesioned.shape().channels()) lesioned[at] = 0;
    behind.borrow(site, lesioned);
    found.push_back(mean_loss(std::span<const float>(losses_of(network.compute(head, behind), images.labels))));
  }
  CHECK(difference(found, golden.read<double>("resnet20.lesion_weights.layer3.2.conv1.units0_15")) < 1e-6);
}
