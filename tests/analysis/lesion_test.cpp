/// Lesions by cached activations against lesions by brute force: weights set to zero and the whole net run again.

#include <cmath>
#include <string>
#include <vector>

#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/nets/description.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// The published way: zero the unit's weight row and bias, run everything, put them back.
Outcomes<double> outcomes_without_weights(Network<double, Cpu>& network, const std::string& layer, Index unit,
                                          NodeId head, const LabelledImages<double>& images) {
  std::vector<Tensor<double, Cpu>> saved;
  auto parameters = network.layer(network.find(layer)).parameters();
  for (Parameter<double, Cpu>& parameter : parameters) {
    saved.push_back(parameter.value);
    const Index row = parameter.value.size() / parameter.value.shape()[0];
    for (Index i = 0; i < row; ++i) parameter.value[unit * row + i] = 0;
  }
  Outcomes<double> outcomes = evaluate(network, head, images, 5);
  for (std::size_t i = 0; i < saved.size(); ++i) parameters[i].value = saved[i];
  return outcomes;
}

double largest_difference(const Outcomes<double>& a, const Outcomes<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.losses.size(); ++i) largest = std::max(largest, std::abs(a.losses[i] - b.losses[i]));
  return largest;
}

}  // namespace

TEST_CASE("every single-unit lesion of every layer equals brute force") {
  for (const SmallNet& small : small_nets()) {
    Network<double, Cpu> network = small.build<double>();
    const LabelledImages<double> images = small.images<double>(7);
    for (const NodeId head : network.heads()) {
      for (NodeId id = 1; id < network.size(); ++id) {
        const std::string kind = network.node(id).layer->kind();
        if (kind != "conv2d" && kind != "linear") continue;
        if (!network.dependent_on(id)[head]) continue;
        const std::string layer = network.node(id).name;
        INFO(small.name << ", layer " << layer << ", head " << network.node(head).name);
        LesionEvaluator<double> evaluator(network, lesion_site(network, layer, LesionKind::weights), head, images,
                                          {.batch = 3});
        for (Index unit = 0; unit < evaluator.site().units; ++unit) {
          const Outcomes<double> fast = evaluator.evaluate_one({unit});
          const Outcomes<double> brute = outcomes_without_weights(network, layer, unit, head, images);
          // The same operations on the same numbers; only the batches differ.
          REQUIRE(largest_difference(fast, brute) < 1e-10);
          REQUIRE(fast.correct == brute.correct);
        }
      }
    }
  }
}

TEST_CASE("without batch norm, zeroed activations and zeroed weights are the same lesion") {
  const SmallNet small = small_net("chain");
  const Network<double, Cpu> network = small.build<double>();
  const LabelledImages<double> images = small.images<double>(6);
  const NodeId head = network.heads().front();
  for (const char* layer : {"conv1", "conv2", "fc1"}) {
    LesionEvaluator<double> zero(network, lesion_site(network, layer), head, images);
    LesionEvaluator<double> weights(network, lesion_site(network, layer, LesionKind::weights), head, images);
    CHECK(zero.site().node != weights.site().node);
    for (Index unit = 0; unit < zero.site().units; ++unit)
      CHECK(zero.evaluate_one({unit}).losses == weights.evaluate_one({unit}).losses);
  }
}

TEST_CASE("with batch norm the two kinds differ, and kind zero removes the signal") {
  const SmallNet small = small_net("batch norm");
  const Network<double, Cpu> network = small.build<double>();
  const LabelledImages<double> images = small.images<double>(6);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  CHECK(network.node(site.node).layer->kind() == "relu");
  LesionEvaluator<double> zero(network, site, head, images);
  LesionEvaluator<double> weights(network, lesion_site(network, "conv1", LesionKind::weights), head, images);
  double largest = 0;
  for (Index unit = 0; unit < site.units; ++unit)
    largest = std::max(largest, largest_difference(zero.evaluate_one({unit}), weights.evaluate_one({unit})));
  CHECK(largest > 1e-6);

  // Independent check of kind zero: the readers of a silenced channel may have any weights for it.
  Network<double, Cpu> other = small.build<double>();
  Parameter<double, Cpu>& weight = other.layer(other.find("conv2")).parameters()[0];
  const Index in = weight.value.shape()[3];
  for (Index i = 0; i < weight.value.size(); ++i)
    if (i % in == 1) weight.value[i] = 1e3;  // channel 1
  LesionEvaluator<double> changed(other, lesion_site(other, "conv1"), head, images);
  CHECK(changed.evaluate_one({1}).losses == zero.evaluate_one({1}).losses);
  CHECK(changed.evaluate_one({0}).losses != zero.evaluate_one({0}).losses);
}

TEST_CASE("a unit at the end of a residual block is the channel after the addition") {
  const Network<double, Cpu> network = small_net("residual").build<double>();
  CHECK(network.node(lesion_site(network, "block.conv2").node).name == "block.relu2");
  CHECK(network.node(lesion_site(network, "block.conv1").node).name == "block.relu1");
  CHECK(network.node(lesion_site(network, "block.conv2", LesionKind::weights).node).name == "block.conv2");
}

TEST_CASE("outcomes do not depend on threads, memory or what else is evaluated") {
  const SmallNet small = small_net("residual");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(23);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "block.conv1");
  const std::vector<std::vector<Index>> lesions{{}, {0}, {1, 3}, {0, 1, 2, 3}};
  LesionEvaluator<float> reference(network, site, head, images, {.batch = 4});
  set_thread_count(1);
  const auto expected = reference.evaluate(lesions);
  for (const int threads : {1, 2, 3}) {
    for (const std::size_t memory : {std::size_t{1}, std::size_t{20'000}, std::size_t{1} << 30U}) {
      set_thread_count(threads);
      LesionEvaluator<float> evaluator(network, site, head, images, {.batch = 4, .memory = memory});
      const auto outcomes = evaluator.evaluate(lesions);
      for (std::size_t i = 0; i < lesions.size(); ++i) {
        CHECK(outcomes[i].losses == expected[i].losses);
        CHECK(outcomes[i].correct == expected[i].correct);
        CHECK(evaluator.evaluate_one(lesions[i]).losses == expected[i].losses);
      }
    }
  }
}

TEST_CASE("identities: no lesion, a dead unit, all units, order within a set") {
  const SmallNet small = small_net("chain");
  Network<double, Cpu> network = small.build<double>();
  const LabelledImages<double> images = small.images<double>(9);
  const NodeId head = network.heads().front();
  Parameter<double, Cpu>& bias = network.layer(network.find("conv2")).parameters()[1];
  bias.value[2] = -1e9;  // never active
  LesionEvaluator<double> evaluator(network, lesion_site(network, "conv2"), head, images, {.batch = 64});
  const Outcomes<double> intact = evaluate(network, head, images);
  CHECK(evaluator.evaluate_one({}).losses == intact.losses);
  CHECK(evaluator.evaluate_one({2}).losses == intact.losses);
  CHECK(evaluator.evaluate_one({0, 5}).losses == evaluator.evaluate_one({5, 0}).losses);
  std::vector<Index> all(static_cast<std::size_t>(evaluator.site().units));
  for (std::size_t unit = 0; unit < all.size(); ++unit) all[unit] = static_cast<Index>(unit);
  const Outcomes<double> nothing_left = evaluator.evaluate_one(all);
  for (std::size_t i = 0; i < images.labels.size(); ++i)  // the image cannot matter any more, only its class
    for (std::size_t j = 0; j < images.labels.size(); ++j)
      if (images.labels[i] == images.labels[j]) CHECK(nothing_left.losses[i] == nothing_left.losses[j]);
}

TEST_CASE("lesions that make no sense are refused") {
  const SmallNet small = small_net("branched");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(2);
  CHECK_THROWS_AS(lesion_site(network, "conv9"), ConfigError);
  CHECK_THROWS_AS(lesion_site(network, "input"), ConfigError);
  const NodeId left = network.find("left.fc");
  LesionEvaluator<float> evaluator(network, lesion_site(network, "conv1"), left, images);
  CHECK_THROWS_AS(evaluator.evaluate_one({99}), ConfigError);
  CHECK_THROWS_AS(evaluator.evaluate_one({-1}), ConfigError);
  CHECK_THROWS_AS(evaluator.evaluate_one({1, 1}), ConfigError);
  CHECK_THROWS_AS(LesionEvaluator<float>(network, lesion_site(network, "right.conv"), left, images), ConfigError);
}

TEST_CASE("evaluators work inside of a parallel loop") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(6);
  const LesionSite site = lesion_site(network, "conv2");
  const NodeId head = network.heads().front();
  LesionEvaluator<float> outside(network, site, head, images, {.batch = 2});
  set_thread_count(3);
  std::vector<Outcomes<float>> outcomes(6, Outcomes<float>(0));
  parallel_for(6, [&](Index unit) {
    LesionEvaluator<float> evaluator(network, site, head, images, {.batch = 2});
    outcomes[static_cast<std::size_t>(unit)] = evaluator.evaluate_one({unit});
  });
  for (Index unit = 0; unit < 6; ++unit)
    CHECK(outcomes[static_cast<std::size_t>(unit)].losses == outside.evaluate_one({unit}).losses);
}
