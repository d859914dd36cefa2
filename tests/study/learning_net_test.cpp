#include <fusiform/nets/token_net.hpp>
#include <fusiform/study/learning_net.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// Those of all convolutions and linear layers, in their order.
std::vector<ConvAlgorithm> algorithms_of(Network<float, Cpu>& net) {
  std::vector<ConvAlgorithm> all;
  for (NodeId id = 1; id < net.size(); ++id) {
    if (const auto* layer = dynamic_cast<Conv2d<float, Cpu>*>(&net.layer(id))) all.push_back(layer->config().algorithm);
    if (const auto* layer = dynamic_cast<Linear<float, Cpu>*>(&net.layer(id))) all.push_back(layer->config().algorithm);
  }
  return all;
}

}  // namespace

TEST_CASE("a training in bf16x2 sets convolutions and linear layers, and leaves them as they were") {
  auto net = token_net<float, Cpu>("4 M 6 M fc8", {.image = {8, 8, 3}, .heads = {{"all", 3}}}, Rng(1));
  for (NodeId id = 1; id < net.size(); ++id)
    if (auto* layer = dynamic_cast<Conv2d<float, Cpu>*>(&net.layer(id))) layer->set_algorithm(ConvAlgorithm::direct);
  using enum ConvAlgorithm;
  const std::vector<ConvAlgorithm> before{direct, direct, automatic, automatic};
  REQUIRE(algorithms_of(net) == before);
  {
    const detail::Bf16x2Passes<float, Cpu> passes(net);
    CHECK(algorithms_of(net) == std::vector<ConvAlgorithm>(4, bf16x2));
  }
  CHECK(algorithms_of(net) == before);
}
