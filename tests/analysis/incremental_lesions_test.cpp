/// Lesions by what they change against lesions by computing everything again (spec: C.3).

#include <cmath>
#include <string>
#include <vector>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

/// Nets whose regions have every shape: beside those of small_nets.hpp a layer that mixes channels without terms, an
/// addition of two branches, and convolutions that stand where pooling and batch norm lie between.
std::vector<SmallNet> nets_of_all_regions() {
  std::vector<SmallNet> nets = small_nets();
  nets.push_back({"normalised", R"(input 9 7 3
conv1 = conv2d(; out=6 kernel_h=3 kernel_w=3 padding=1)
relu1 = relu()
norm1 = local_response_norm()
pool1 = max_pool2d(; kernel=3 stride=2)
conv2 = conv2d(; out=5 kernel_h=2 kernel_w=2)
relu2 = relu()
flat = flatten()
fc = linear(; out=4)
)"});
  nets.push_back({"two ways", R"(input 9 7 3
conv1 = conv2d(; out=4 kernel_h=3 kernel_w=3 padding=1)
relu1 = relu()
a.conv = conv2d(relu1; out=6 kernel_h=2 kernel_w=2 stride=2)
a.bn = batch_norm()
b.pool = max_pool2d(relu1; kernel=2 stride=2)
b.bn = batch_norm()
b.conv = conv2d(; out=6 kernel_h=1 kernel_w=1)
a.relu = relu(a.bn)
a.pool = avg_pool2d(; kernel=2 stride=2)
a.up = conv2d(; out=6 kernel_h=1 kernel_w=1)
b.pool2 = avg_pool2d(b.conv; kernel=2 stride=2)
sum = add(a.up, b.pool2)
relu3 = relu()
flat = flatten()
fc1 = linear(; out=9)
bn3 = batch_norm()
relu4 = relu()
fc2 = linear(; out=4)
)"});
  return nets;
}

std::vector<std::string> lesionable_layers(const Network<double, Cpu>& network, NodeId head) {
  std::vector<std::string> layers;
  for (NodeId id = 1; id < network.size(); ++id) {
    const std::string kind = network.node(id).layer->kind();
    if ((kind == "conv2d" || kind == "linear") && network.dependent_on(id)[head])
      layers.push_back(network.node(id).name);
  }
  return layers;
}

std::vector<std::vector<Index>> all_singles(Index units) {
  std::vector<std::vector<Index>> added{{}};
  for (Index unit = 0; unit < units; ++unit) added.push_back({unit});
  return added;
}

/// What a lesion does to one image, by the definition: the whole net on this image alone, one layer after the other,
/// with the site's channels replaced by hand.
double loss_by_hand(const Network<double, Cpu>& network, const LesionSite& site, NodeId head,
                    const LabelledImages<double>& images, Index image, const std::vector<Index>& units) {
  std::vector<Tensor<double, Cpu>> values(network.size());
  values[0].resize(images.image.batched(1));
  images.read(image, values[0].view());
  for (NodeId id = 1; id <= head; ++id) {
    const auto& node = network.node(id);
    values[id].resize(node.shape.batched(1));
    std::vector<View<const double, Cpu>> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(values[input].view());
    LayerState<double, Cpu> state;
    node.layer->forward({.inputs = inputs, .output = values[id].view(), .state = state, .mode = Mode::evaluate});
    if (id == site.node)
      for (Index i = 0; i < values[id].size(); ++i)
        for (const Index unit : units)
          if (i % site.units == unit) values[id][i] = 0;
  }
  double sum = 0;
  const Index label = images.labels[static_cast<std::size_t>(image)];
  for (const double logit : values[head].span()) sum += std::exp(logit - values[head][label]);
  return std::log(sum);
}

template <class T>
double largest_difference(const Outcomes<T>& a, const Outcomes<T>& b, double scale) {
  double largest = 0;
  for (std::size_t i = 0; i < a.losses.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.losses[i]) - static_cast<double>(b.losses[i])) /
                                    (1 + scale * std::abs(static_cast<double>(b.losses[i]))));
  return largest;
}

}  // namespace

TEST_CASE("every single-unit lesion of every layer, with and without a base, is what the whole net gives by hand") {
  for (const SmallNet& small : nets_of_all_regions()) {
    const Network<double, Cpu> network = small.build<double>();
    const LabelledImages<double> images = small.images<double>(5);
    for (const NodeId head : network.heads())
      for (const std::string& layer : lesionable_layers(network, head))
        for (const LesionKind kind : {LesionKind::zero, LesionKind::weights}) {
          const LesionSite site = lesion_site(network, layer, kind);
          IncrementalLesions<double> lesions(network, site, head, images, {.block = 2});
          for (const std::vector<Index>& base : {std::vector<Index>{}, std::vector<Index>{1, 3}}) {
            INFO(small.name << ", layer " << layer << ", head " << network.node(head).name << ", base of "
                            << base.size());
            std::vector<std::vector<Index>> added{{}};
            for (Index unit = 0; unit < site.units; ++unit)
              if (std::count(base.begin(), base.end(), unit) == 0) added.push_back({unit});
            const auto outcomes = lesions.evaluate(base, added);
            for (std::size_t i = 0; i < added.size(); ++i) {
              std::vector<Index> units = base;
              units.insert(units.end(), added[i].begin(), added[i].end());
              for (Index image = 0; image < images.count(); ++image)
                // spec V1: a few hundred roundings of a double, none of which grows
                REQUIRE(std::abs(outcomes[i].losses[static_cast<std::size_t>(image)] -
                                 loss_by_hand(network, site, head, images, image, units)) < 1e-10);
            }
          }
        }
  }
}

TEST_CASE("lesions of every kind, of units and pairs, equal those by cached activations, in float and double") {
  for (const SmallNet& small : nets_of_all_regions()) {
    const Network<double, Cpu> network = small.build<double>();
    const Network<float, Cpu> network_f = small.build<float>();
    const LabelledImages<double> images = small.images<double>(7);
    const LabelledImages<float> images_f = small.images<float>(7);
    const NodeId head = network.heads().front();
    for (const std::string& layer : lesionable_layers(network, head))
      for (const LesionKind kind : {LesionKind::zero, LesionKind::mean, LesionKind::resample, LesionKind::scale}) {
        INFO(small.name << ", layer " << layer << ", kind " << static_cast<int>(kind));
        const LesionManner manner{kind, -0.75};
        const LesionSite site = lesion_site(network, layer);
        IncrementalLesions<double> lesions(network, site, head, images, {.manner = manner, .block = 3});
        IncrementalLesions<float> lesions_f(network_f, site, head, images_f, {.manner = manner, .block = 3});
        LesionEvaluator<double> evaluator(network, site, head, images, {.batch = 3});
        LesionEvaluator<float> evaluator_f(network_f, site, head, images_f, {.batch = 3});
        auto added = all_singles(site.units);
        added.push_back({0, site.units - 1});
        added.push_back({2, 1, 0});
        const auto outcomes = lesions.evaluate({}, added);
        const auto outcomes_f = lesions_f.evaluate({}, added);
        for (std::size_t i = 0; i < added.size(); ++i) {
          const Lesion lesion{added[i], kind, manner.alpha};
          const Outcomes<double> expected = evaluator.evaluate_one(lesion);
          REQUIRE(largest_difference(outcomes[i], expected, 0) < 1e-10);
          REQUIRE(outcomes[i].correct == expected.correct);
          REQUIRE(outcomes[i].in_top5 == expected.in_top5);
          // spec V1: float within 2e-5 (1 + |loss|)
          REQUIRE(largest_difference(outcomes_f[i], evaluator_f.evaluate_one(lesion), 1) < 2e-5);
        }
      }
  }
}

TEST_CASE("a unit that puts out nothing changes nothing, not by one bit") {
  const SmallNet small = small_net("chain");
  Network<float, Cpu> network = small.build<float>();
  auto parameters = network.layer(network.find("conv2")).parameters();
  for (Index i = 0; i < parameters[0].value.size() / 8; ++i) parameters[0].value[i] = 0;  // filter 0 of 8
  parameters[1].value[0] = -1;
  const LabelledImages<float> images = small.images<float>(6);
  const LesionSite site = lesion_site(network, "conv2");
  IncrementalLesions<float> lesions(network, site, network.heads().front(), images, {.block = 4});
  const auto outcomes = lesions.evaluate({}, all_singles(site.units));
  CHECK(outcomes[1].losses == outcomes[0].losses);
  CHECK(outcomes[2].losses != outcomes[0].losses);
}

TEST_CASE("lesions do not depend on threads, memory, the range asked for, or what was asked before") {
  for (const char* name : {"chain", "residual", "branched"}) {
    const SmallNet small = small_net(name);
    const Network<float, Cpu> network = small.build<float>();
    const LabelledImages<float> images = small.images<float>(22);
    const NodeId head = network.heads().front();
    const LesionSite site = lesion_site(network, "conv1");
    const auto added = all_singles(site.units);
    const auto reference = [&] {
      const test::ThreadCount one(1);
      return IncrementalLesions<float>(network, site, head, images, {.block = 4}).evaluate({}, added);
    }();
    const test::ThreadCount two(2);
    IncrementalLesions<float> little_memory(network, site, head, images, {.block = 4, .memory = 1});
    IncrementalLesions<float> other(network, site, head, images, {.block = 4});
    static_cast<void>(other.evaluate(std::vector<Index>{1}, std::vector<std::vector<Index>>{{}, {2}}));
    for (IncrementalLesions<float>* lesions : {&little_memory, &other}) {
      const auto outcomes = lesions->evaluate({}, added);
      for (std::size_t i = 0; i < added.size(); ++i) CHECK(outcomes[i].losses == reference[i].losses);
      for (const ImageRange range : {ImageRange{8, 4}, ImageRange{20, 2}, ImageRange{4, 18}, ImageRange{0, 0}}) {
        const auto part = lesions->evaluate({}, added, range);
        for (std::size_t i = 0; i < added.size(); ++i) {
          const auto expected = part_of(reference[i].losses, range);
          CHECK(std::vector<float>(expected.begin(), expected.end()) == part[i].losses);
        }
      }
    }
  }
}

TEST_CASE("incremental lesions refuse units, manners and ranges that make no sense") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(6);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  IncrementalLesions<float> lesions(network, site, head, images, {.block = 4});
  const auto evaluate = [&](std::vector<Index> base, std::vector<Index> entry, ImageRange range) {
    return lesions.evaluate(base, std::vector<std::vector<Index>>{std::move(entry)}, range);
  };
  CHECK(evaluate({0}, {1}, {4, 2}).front().count() == 2);
  CHECK_THROWS_AS(evaluate({0}, {0}, {0, 4}), ConfigError);
  CHECK_THROWS_AS(evaluate({}, {6}, {0, 4}), ConfigError);
  CHECK_THROWS_AS(evaluate({}, {-1}, {0, 4}), ConfigError);
  CHECK_THROWS_AS(evaluate({}, {1}, {1, 4}), ConfigError);
  CHECK_THROWS_AS(evaluate({}, {1}, {0, 3}), ConfigError);
  CHECK_THROWS_AS(evaluate({}, {1}, {4, 4}), ConfigError);
  CHECK_THROWS_AS(IncrementalLesions<float>(network, site, head, images, {.block = -1}), ConfigError);
  CHECK_THROWS_AS(IncrementalLesions<float>(network, site, head, images, {.manner = {LesionKind::weights}}),
                  ConfigError);
}
