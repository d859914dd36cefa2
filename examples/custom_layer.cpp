// A net with a layer of your own, filled with weights that PyTorch wrote: ResNet-20 on CIFAR-10.
//
//     custom_layer resnet20.safetensors test_batch.bin
//
// The layer is in option_a_shortcut.hpp. Weights: github.com/akamaster/pytorch_resnet_cifar10, as safetensors.
// Images: the "binary version" of CIFAR-10, one byte of label and 3 x 32 x 32 bytes of red, green, blue per image.

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/train/outcomes.hpp>

#include "option_a_shortcut.hpp"

using namespace fusiform;

namespace {

constexpr Index image_bytes = 3 * 32 * 32;

struct CifarBatch {
  Tensor<float, Cpu> images;  // (N, 32, 32, 3), normalised as the weights were trained
  std::vector<Index> labels;
};

CifarBatch read_cifar(const std::string& path) {
  constexpr float mean[3] = {0.485F, 0.456F, 0.406F};
  constexpr float deviation[3] = {0.229F, 0.224F, 0.225F};
  const std::string bytes = read_file(path);
  const Index count = static_cast<Index>(bytes.size()) / (1 + image_bytes);
  if (count == 0 || static_cast<Index>(bytes.size()) != count * (1 + image_bytes))
    throw FileError(path, text("expected images of ", 1 + image_bytes, " bytes each, found ", bytes.size(), " bytes"));
  CifarBatch batch{Tensor<float, Cpu>(Shape{count, 32, 32, 3}), {}};
  const auto byte = [&](Index at) { return static_cast<unsigned char>(bytes[static_cast<std::size_t>(at)]); };
  for (Index n = 0; n < count; ++n) {
    const Index first = n * (1 + image_bytes);
    batch.labels.push_back(byte(first));
    for (Index c = 0; c < 3; ++c)
      for (Index pixel = 0; pixel < 32 * 32; ++pixel)
        batch.images[(n * 32 * 32 + pixel) * 3 + c] =
            (static_cast<float>(byte(first + 1 + c * 32 * 32 + pixel)) / 255.0F - mean[c]) / deviation[c];
  }
  return batch;
}

int run(const std::string& weights, const std::string& images) {
  Network<float, Cpu> network = build(cifar_resnet_plan(3), factory_with_shortcut<float>());
  load_weights(network, weights);
  const CifarBatch data = read_cifar(images);

  const NodeId head = network.find("linear");
  const Index count = data.images.shape()[0];
  Outcomes<float> outcomes(count);
  Activations<float, Cpu> activations;
  constexpr Index batch = 100;
  for (Index first = 0; first < count; first += batch) {
    const Index size = std::min(batch, count - first);
    const auto logits = network.forward(data.images.view().batch_range(first, size), head, activations);
    const auto labels = std::span(data.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(size));
    record_outcomes<float>(logits, labels, first, outcomes);
  }
  std::printf("%lld images: top-1 %.4f, mean loss %.4f\n", static_cast<long long>(count), outcomes.top1(),
              outcomes.mean_loss());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: custom_layer WEIGHTS TEST_BATCH\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "custom_layer: %s\n", error.what());
    return 1;
  }
}
