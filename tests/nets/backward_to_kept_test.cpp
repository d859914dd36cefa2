// Gradients of chosen nodes without those of parameters, on a network that stays as it is.

#include <vector>

#include <fusiform/nets/description.hpp>
#include <fusiform/nets/suffix.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

const char* const description =
    "input 6 5 2\n"
    "conv1 = conv2d(input; out=4 kernel=3 padding=1)\n"
    "relu1 = relu(conv1)\n"
    "conv2 = conv2d(relu1; out=4 kernel=3 padding=1)\n"
    "norm2 = batch_norm(conv2)\n"
    "sum = add(norm2, relu1)\n"
    "relu2 = relu(sum)\n"
    "pool = max_pool2d(relu2; kernel=2 stride=2)\n"
    "flat = flatten(pool)\n"
    "head = linear(flat; out=3)\n";

}  // namespace

TEST_CASE("backward_to_kept makes the gradients that backward keeps, and touches no parameter") {
  auto network = parse_description<double, Cpu>(description);
  randomize(network, Rng(1));
  const Network<double, Cpu>& constant = network;
  const auto images = random_tensor<double>({4, 6, 5, 2}, Rng(2));
  const auto gradient = random_tensor<double>({4, 3}, Rng(3));
  const NodeId head = network.find("head");
  for (const char* name : {"input", "conv1", "relu1", "norm2", "relu2", "flat"}) {
    INFO(name);
    const NodeId node = network.find(name);
    const PassOptions options{.backward = true, .keep = {node}};
    Activations<double, Cpu> whole;
    network.forward(images, head, whole, options);
    network.backward(head, gradient, whole);
    const auto expected = elements<double>(whole.gradient(node));

    for (Parameter<double, Cpu>* parameter : network.learned_parameters()) parameter->gradient.fill(-7);
    Activations<double, Cpu> pass;
    constant.forward(images, head, pass, options);
    constant.backward_to_kept(head, gradient, pass);
    CHECK(elements<double>(pass.gradient(node)) == expected);
    CHECK_THROWS_AS(constant.backward_to_kept(head, gradient, pass), ConfigError);

    // The same from the node's value on, without the part before it.
    const std::vector<NodeId> frontier = suffix_frontier(network, node, head);
    PassOptions keep{.keep = frontier};
    keep.keep.push_back(node);
    Activations<double, Cpu> prefix;
    constant.forward(images, head, prefix, keep);
    Activations<double, Cpu> suffix;
    for (const NodeId id : keep.keep) suffix.borrow(id, prefix.value(id));
    constant.compute(head, suffix, options);
    constant.backward_to_kept(head, gradient, suffix);
    CHECK(elements<double>(suffix.gradient(node)) == expected);
    for (const Parameter<double, Cpu>* parameter : network.learned_parameters())
      for (const double element : parameter->gradient.span()) REQUIRE(element == -7);
  }
}

TEST_CASE("backward_to_kept wants a pass that allows it, and a gradient of the target's shape") {
  auto network = parse_description<double, Cpu>(description);
  randomize(network, Rng(1));
  const auto images = random_tensor<double>({2, 6, 5, 2}, Rng(2));
  const NodeId head = network.find("head");
  Activations<double, Cpu> pass;
  network.forward(images, head, pass);
  CHECK_THROWS_AS(network.backward_to_kept(head, Tensor<double, Cpu>({2, 3}), pass), ConfigError);
  network.forward(images, head, pass, {.backward = true});
  CHECK_THROWS_AS(network.backward_to_kept(head, Tensor<double, Cpu>({3, 3}), pass), ShapeError);
}
