// What a net computes at once gives what its layers give one by one: ReLU and pooling with the convolution before them,
// and on a GPU the gradient of a ReLU with that of the convolution behind it.

#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <fusiform/nets/copied_network.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/ops/convert.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/sgd.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/conformance/scalars.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr Index images_in_batch = 3, classes = 3, steps = 3;

// Pools that drop a row, a column and nothing, with and without a ReLU before.
constexpr const char* chain = R"(input 11 9 3
conv1 = conv2d(; out=8 kernel=3 padding=1)
relu1 = relu()
pool1 = max_pool2d(; kernel=2 stride=2)
conv2 = conv2d(; out=16 kernel=3 padding=1)
relu2 = relu()
conv3 = conv2d(; out=8 kernel=3 padding=1)
pool3 = max_pool2d(; kernel=2 stride=2)
flat = flatten()
head = linear(; out=3)
)";

// relu1 and relu3 have several readers.
constexpr const char* residual = R"(input 7 8 3
conv1 = conv2d(; out=8 kernel=3 padding=1)
relu1 = relu()
conv2 = conv2d(; out=8 kernel=3 padding=1)
relu2 = relu()
conv3 = conv2d(; out=8 kernel=1 bias=0)
sum = add(conv3, relu1)
relu3 = relu()
pool3 = max_pool2d(; kernel=2 stride=2)
conv4 = conv2d(relu3; out=8 kernel=2 stride=2)
join = add(pool3, conv4)
conv5 = conv2d(; out=5 kernel=2)
relu5 = relu()
pool5 = max_pool2d(; kernel=2 stride=2)
flat = flatten()
head = linear(; out=3)
)";

struct Net {
  std::string description;
  std::vector<std::string> frozen;
};

template <Scalar T>
[[nodiscard]] Network<T, TestDevice> build_net(const Net& net) {
  auto network = SmallNet{"", net.description}.build<Master<T>>();
  if (!net.frozen.empty()) freeze(network, net.frozen);
  return copied_network<T, TestDevice>(network);
}

/// Every node kept: nothing is computed at once.
template <Scalar T>
[[nodiscard]] std::vector<NodeId> all_nodes(const Network<T, TestDevice>& network) {
  std::vector<NodeId> nodes(network.size() - 1);
  std::iota(nodes.begin(), nodes.end(), NodeId{1});
  return nodes;
}

template <class T>
void append(const Tensor<T, TestDevice>& tensor, std::vector<float>& values) {
  const Tensor<T, Cpu> elements = on_host(tensor);
  for (const T element : elements.span()) values.push_back(static_cast<float>(element));
}

/// All parameters.
template <Scalar T>
[[nodiscard]] std::vector<float> parameters_of(Network<T, TestDevice>& network) {
  std::vector<float> values;
  for (const auto& named : network.parameters()) append(named.parameter->value, values);
  return values;
}

/// All parameters, then the logits of an evaluation, after some steps of training.
template <Scalar T>
[[nodiscard]] std::vector<float> trained(const Net& net, bool apart) {
  auto network = build_net<T>(net);
  const NodeId head = network.find("head");
  const std::vector<NodeId> keep = apart ? all_nodes(network) : std::vector<NodeId>{};
  const auto images = on_device(random_elements<T>(network.image_shape().batched(images_in_batch), Rng(2)));
  const auto labels = on_device(Tensor<Index, Cpu>(Shape{images_in_batch}, std::vector<Index>{0, 2, 1}));
  Tensor<T, TestDevice> gradient(Shape{images_in_batch, classes});
  Sgd<T, TestDevice> optimizer({.momentum = 0.9});
  Activations<T, TestDevice> activations;
  for (Index step = 0; step < steps; ++step) {
    const auto logits = network.forward(images, head, activations, {.mode = Mode::train, .keep = keep});
    softmax_cross_entropy_gradient<T, TestDevice>(logits, labels, gradient.view());
    network.backward(head, gradient, activations);
    optimizer.step(network.learned_parameters(), 0.05);
  }
  std::vector<float> values = parameters_of(network);
  const auto logits = network.forward(images, head, activations, {.keep = keep});
  Tensor<Master<T>, TestDevice> numbers(logits.shape());
  convert(logits, numbers.view());
  append(numbers, values);
  return values;
}

/// The same in all ways to run it.
template <Scalar T>
[[nodiscard]] std::vector<float> trained_in_all_ways(const Net& net, bool apart, Index count) {
  const auto found = result_of<float>(Shape{count}, [&](View<float, TestDevice> result) {
    const std::vector<float> values = trained<T>(net, apart);
    REQUIRE(static_cast<Index>(values.size()) == count);
    copy(Tensor<float, Cpu>(Shape{count}, values).view(), result);
  });
  return {found.span().begin(), found.span().end()};
}

/// Each parameter went the same way from where the net starts, up to a tenth of the way.
template <Scalar T>
void require_similar_ways(const Net& net, std::span<const float> found, std::span<const float> expected) {
  const auto distance = [](std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    return std::sqrt(sum);
  };
  auto network = build_net<T>(net);
  const std::vector<float> start = parameters_of(network);
  std::size_t first = 0;
  for (const auto& named : network.parameters()) {
    CAPTURE(named.name);
    const auto part = [&, size = static_cast<std::size_t>(named.parameter->value.size())](std::span<const float> all) {
      return all.subspan(first, size);
    };
    CHECK(distance(part(found), part(expected)) <= 0.1 * distance(part(expected), part(start)));
    first += static_cast<std::size_t>(named.parameter->value.size());
  }
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("nets train as their layers do one by one", "[nets][train]", AllScalars) {
  for (const Net& net : {Net{chain, {}}, Net{chain, {"conv2"}}, Net{chain, {"conv1"}}, Net{residual, {}}}) {
    CAPTURE(net.description, net.frozen);
    const std::vector<float> expected = trained<TestType>(net, true);
    const auto found = trained_in_all_ways<TestType>(net, false, static_cast<Index>(expected.size()));
    if constexpr (std::same_as<TestType, Master<TestType>>)
      CHECK(found == expected);
    else  // other kernels may add up in another order: some results then round to a neighbour
      require_similar_ways<TestType>(net, found, expected);
  }
}

TEST_CASE("convolutions take over pooling and the gradients of ReLUs on a GPU", "[layers]") {
  const Conv2d<float, TestDevice> layer({.in = 1, .out = 1, .kernel = 1});
  CHECK(layer.can_end_with_max_pool() == std::same_as<TestDevice, Cuda>);
  CHECK(layer.can_pass_back_through_relu() == std::same_as<TestDevice, Cuda>);
}

TEMPLATE_LIST_TEST_CASE("passes that compute layers at once take the memory that was predicted", "[nets]", AllScalars) {
  for (const char* description : {chain, residual}) {
    auto network = build_net<TestType>({description, {}});
    const NodeId head = network.find("head");
    const auto images = on_device(random_elements<TestType>(network.image_shape().batched(2), Rng(2)));
    const Tensor<TestType, TestDevice> gradient(Shape{2, classes});
    for (const PassOptions& options :
         {PassOptions{}, PassOptions{.mode = Mode::train}, PassOptions{.backward = true}}) {
      Activations<TestType, TestDevice> activations;
      network.forward(images, head, activations, options);
      if (options.has_backward()) network.backward(head, gradient, activations);
      CHECK(activations.bytes() == network.pass_bytes(head, 2, options));
      PassOptions apart = options;
      apart.keep = all_nodes(network);
      CHECK(activations.bytes() < network.pass_bytes(head, 2, apart));
    }
    const NodeId last_conv = network.find(description == chain ? "conv3" : "conv5");
    Activations<TestType, TestDevice> activations;
    network.forward(images, head, activations, {.keep = {last_conv}});
    CHECK(activations.value(last_conv).shape() == network.node(last_conv).shape.batched(2));
    network.forward(images, head, activations);
    CHECK_THROWS_AS(activations.value(last_conv), ConfigError);
  }
}
