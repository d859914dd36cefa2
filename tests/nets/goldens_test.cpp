// Three small nets against PyTorch: evaluation, a training pass with all gradients, three SGD steps, lesions.

#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/nets/resnet.hpp>
#include <fusiform/nets/suffix.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

const char* const vgg_tiny =
    "input 16 16 3\n"
    "0 = conv2d(; out=8 kernel=3 padding=1)\n"
    "1 = relu()\n"
    "2 = conv2d(; out=8 kernel=3 padding=1)\n"
    "3 = relu()\n"
    "4 = max_pool2d(; kernel=2)\n"
    "5 = conv2d(; out=16 kernel=3 padding=1)\n"
    "6 = relu()\n"
    "7 = conv2d(; out=16 kernel=3 padding=1)\n"
    "8 = relu()\n"
    "9 = max_pool2d(; kernel=2)\n"
    "10 = flatten()\n"
    "11 = linear(; out=32)\n"
    "12 = relu()\n"
    "13 = linear(; out=10)\n";

const char* const alexnet_bn_tiny =
    "input 32 32 3\n"
    "0 = conv2d(; out=8 kernel=5 stride=2 padding=2)\n"
    "1 = batch_norm()\n"
    "2 = relu()\n"
    "3 = max_pool2d(; kernel=3 stride=2)\n"
    "4 = conv2d(; out=12 kernel=3 padding=1)\n"
    "5 = batch_norm()\n"
    "6 = relu()\n"
    "7 = conv2d(; out=12 kernel=3 padding=1)\n"
    "8 = batch_norm()\n"
    "9 = relu()\n"
    "10 = max_pool2d(; kernel=3 stride=2)\n"
    "11 = flatten()\n"
    "12 = linear(; out=24)\n"
    "13 = relu()\n"
    "14 = linear(; out=7)\n";

std::string resnet_tiny() {
  NetworkPlan plan{{32, 32, 3}, {}};
  plan.add("conv1", "conv2d", convolution_options({.out = 8, .kernel = 7, .stride = 2, .padding = 3, .bias = false}));
  plan.add("bn1", "batch_norm");
  plan.add("relu", "relu");
  plan.add("maxpool", "max_pool2d", pooling_options(3, 2, 1));
  add_resnet_block(plan, {.name = "layer1.0", .in = 8, .width = 4, .stride = 1, .bottleneck = true});
  add_resnet_block(plan, {.name = "layer1.1", .in = 16, .width = 4, .stride = 1, .bottleneck = true});
  add_resnet_block(plan, {.name = "layer2.0", .in = 16, .width = 8, .stride = 2, .bottleneck = true});
  plan.add("avgpool", "global_avg_pool2d");
  plan.add("flatten", "flatten");
  plan.add("fc", "linear", {{"out", 5}});
  return describe(plan);
}

/// A golden file and its net, in the scalar type of the test.
template <Scalar T>
struct GoldenNet {
  SafetensorsFile file;
  Network<T, Cpu> network;
  Tensor<T, Cpu> images;
  std::vector<Index> labels;
  NodeId head;
  Activations<T, Cpu> activations;

  /// Convolutions to which `algorithm` does not apply are left to the automatic choice.
  GoldenNet(const std::string& name, const std::string& description, ConvAlgorithm algorithm)
      : file(std::string(FUSIFORM_GOLDENS) + "/" + name + ".safetensors"),
        network(parse_description<T, Cpu>(description)),
        images(read_images<T>(file, "input")),
        labels(file.read<Index>("labels")),
        head(network.size() - 1) {
    load_weights(network, file.path(), {.rename = [](const std::string& tensor) {
                   return tensor.starts_with("param.") ? tensor.substr(6) : std::string();
                 }});
    const bool winograd = algorithm == ConvAlgorithm::winograd_2x2 || algorithm == ConvAlgorithm::winograd_4x4;
    for (NodeId id = 1; id < network.size(); ++id)
      if (auto* convolution = dynamic_cast<Conv2d<T, Cpu>*>(&network.layer(id)))
        if (!winograd ||
            winograd_applies(convolution->parameters()[0].value.shape(), {.stride = convolution->config().stride}))
          convolution->set_algorithm(algorithm);
  }

  /// Forward and backward pass of the mean loss of the batch. Returns the loss.
  double train_pass() {
    const View<const T, Cpu> logits = network.forward(images, head, activations, {.mode = Mode::train, .keep = {0}});
    const double loss = mean_loss(std::span<const T>(losses_of(logits, labels)));
    Tensor<T, Cpu> gradient(logits.shape());
    softmax_cross_entropy_gradient<T>(logits, std::span<const Index>(labels), gradient.view());
    network.backward(head, gradient, activations);
    return loss;
  }

  /// Losses with one channel of a layer's output set to 0, which is what zero weights and a zero bias give.
  std::vector<T> lesioned_losses(NodeId site, Index unit) {
    PassOptions keep{.keep = suffix_frontier(network, site, head)};
    keep.keep.push_back(site);
    network.forward(images, head, activations, keep);
    const std::vector<T> intact = elements<T>(activations.value(site));
    Tensor<T, Cpu> value(activations.value(site).shape(), std::span<const T>(intact));
    const Index channels = value.shape().channels();
    for (Index at = unit; at < value.size(); at += channels) value[at] = 0;
    Activations<T, Cpu> behind;
    for (const NodeId node : keep.keep) behind.borrow(node, activations.value(node));
    behind.borrow(site, value);
    return losses_of(network.compute(head, behind), labels);
  }
};

/// The differences of one golden net, see `difference`.
struct Differences {
  double eval_logits = 0;
  double lesions = 0;
  double train_loss = 0;
  double train_logits = 0;
  double input_gradient = 0;
  double gradients = 0;
  double losses = 0;      ///< of three steps
  double parameters = 0;  ///< after three steps, running statistics included
};

template <Scalar T>
Differences compare(const std::string& name, const std::string& description, ConvAlgorithm algorithm) {
  Differences result;
  GoldenNet<T> golden(name, description, algorithm);
  const SafetensorsFile& file = golden.file;
  result.eval_logits = difference(elements<T>(golden.network.forward(golden.images, golden.head, golden.activations)),
                                  file.read<double>("eval.logits"));
  int lesion_layers = 0;
  for (NodeId site = 1; site < golden.network.size(); ++site) {
    const std::string tensor = "lesion." + golden.network.node(site).name + ".loss_per_image";
    if (!file.contains(tensor)) continue;
    ++lesion_layers;
    std::vector<T> losses;
    for (Index unit = 0; unit < file.shape(tensor)[0]; ++unit)
      for (const T loss : golden.lesioned_losses(site, unit)) losses.push_back(loss);
    result.lesions = std::max(result.lesions, difference(losses, file.read<double>(tensor)));
  }
  CHECK(lesion_layers >= 4);

  result.train_loss = difference(std::vector<double>{golden.train_pass()}, file.read<double>("train.loss"));
  result.train_logits =
      difference(elements<T>(golden.activations.value(golden.head)), file.read<double>("train.logits"));
  result.input_gradient =
      difference(elements<T>(golden.activations.gradient(0)), elements(read_images<double>(file, "train.input_grad")));
  for (const PyTorchTensor<T, Cpu>& tensor : pytorch_tensors(golden.network)) {
    if (!tensor.parameter->is_learned()) continue;
    const std::vector<T> gradient = to_pytorch(tensor.layout, std::span<const T>(tensor.parameter->gradient.span()));
    result.gradients = std::max(result.gradients, difference(gradient, file.read<double>("grad." + tensor.name)));
  }

  Sgd<T, Cpu> sgd({.momentum = 0.9, .weight_decay = 1e-4});
  const std::vector<Parameter<T, Cpu>*> parameters = golden.network.learned_parameters();
  std::vector<double> losses;
  for (int step = 0; step < 3; ++step) {
    losses.push_back(golden.train_pass());
    golden.network.update_statistics(golden.head, golden.activations);
    sgd.step(parameters, 0.01);
  }
  result.losses = difference(losses, file.read<double>("sgd3.losses"));
  for (const PyTorchTensor<T, Cpu>& tensor : pytorch_tensors(golden.network)) {
    const std::vector<T> value = to_pytorch(tensor.layout, std::span<const T>(tensor.parameter->value.span()));
    result.parameters = std::max(result.parameters, difference(value, file.read<double>("sgd3." + tensor.name)));
  }
  return result;
}

// The goldens are PyTorch's float32 results. In double only their own rounding is left: up to 6e-8 measured. In float,
// sums of up to 256 products in another order give up to 4e-7, batch norm over few images up to 1e-6 in training. The
// gradient of a convolution's bias before a batch norm is 0; what rounding leaves there is up to 1e-5 of the floor.
template <Scalar T>
void check(const std::string& name, const std::string& description) {
  const bool is_float = std::same_as<T, float>;
  CAPTURE(name);
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm, ConvAlgorithm::direct,
                                        ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4}) {
    CAPTURE(static_cast<int>(algorithm));
    const Differences found = compare<T>(name, description, algorithm);
    CHECK(found.eval_logits < (is_float ? 1e-6 : 1.2e-7));
    CHECK(found.lesions < (is_float ? 1e-6 : 1.2e-7));
    CHECK(found.train_loss < (is_float ? 1e-6 : 1.2e-7));
    CHECK(found.train_logits < (is_float ? 2e-6 : 1.2e-7));
    CHECK(found.input_gradient < (is_float ? 2e-6 : 1.2e-7));
    CHECK(found.gradients < (is_float ? 2e-5 : 1.2e-7));
    CHECK(found.losses < (is_float ? 1e-6 : 1.2e-7));
    CHECK(found.parameters < (is_float ? 1e-6 : 1.2e-7));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a small VGG is PyTorch's", "[golden]", float, double) { check<TestType>("vgg_tiny", vgg_tiny); }
TEMPLATE_TEST_CASE("a small AlexNet with batch norm is PyTorch's", "[golden]", float, double) {
  check<TestType>("alexnet_bn_tiny", alexnet_bn_tiny);
}
TEMPLATE_TEST_CASE("a small bottleneck ResNet is PyTorch's", "[golden]", float, double) {
  check<TestType>("resnet_tiny", resnet_tiny());
}
