/// Lesions of every kind against a slow loop: one image at a time, values changed by hand, everything else as it was.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <fusiform/analysis/lesion_evaluator.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

using Net = Network<double, Cpu>;
using Images = LabelledImages<double>;

std::vector<NodeId> all_nodes(const Net& network) {
  std::vector<NodeId> nodes(network.size());
  std::iota(nodes.begin(), nodes.end(), NodeId{0});
  return nodes;
}

/// The value of a node for one image, (H, W, C) or (C).
std::vector<double> value_of(const Net& network, NodeId node, const Images& images, Index image) {
  Tensor<double, Cpu> pixels(images.image.batched(1));
  images.read(image, pixels.view());
  Activations<double, Cpu> activations;
  const auto value = network.forward(pixels, node, activations);
  return {value.span().begin(), value.span().end()};
}

/// The loss of one image with the site's value as given, all that does not depend on it as it is.
double loss_with(const Net& network, NodeId site, NodeId head, const Images& images, Index image,
                 const std::vector<double>& changed) {
  Tensor<double, Cpu> pixels(images.image.batched(1));
  images.read(image, pixels.view());
  Activations<double, Cpu> before;
  network.forward(pixels, head, before, {.keep = all_nodes(network)});
  Activations<double, Cpu> after;
  const Tensor<double, Cpu> value(network.node(site).shape.batched(1), changed);
  after.borrow(site, value);
  const std::vector<bool> dependent = network.dependent_on(site);
  for (NodeId id = 0; id < network.size(); ++id)
    if (!dependent[id]) after.borrow(id, before.value(id));
  const auto logits = network.compute(head, after);
  double sum = 0;
  for (const double logit : logits.span()) sum += std::exp(logit);
  return std::log(sum) - logits[images.labels[static_cast<std::size_t>(image)]];
}

/// Where a lesion takes its values from, all of it computed the slow way.
struct Reference {
  std::vector<std::vector<double>> values;  // of the site, for each reference image
  std::vector<Index> partners;              // one per image
  bool per_position = false;
};

double replacement(const Reference& reference, Index channels, std::size_t position) {
  const auto step = static_cast<std::size_t>(channels);
  double sum = 0;
  double terms = 0;
  for (const std::vector<double>& value : reference.values)
    for (std::size_t i = reference.per_position ? position : position % step; i < value.size(); i += step) {
      sum += value[i];
      terms += 1;
      if (reference.per_position) break;
    }
  return sum / terms;
}

std::vector<double> slow_losses(const Net& network, const LesionSite& site, NodeId head, const Images& images,
                                const Lesion& lesion, const Reference& reference) {
  std::vector<double> losses;
  for (Index image = 0; image < images.count(); ++image) {
    std::vector<double> value = value_of(network, site.node, images, image);
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Index unit = static_cast<Index>(i) % site.units;
      const bool is_named = std::count(lesion.units.begin(), lesion.units.end(), unit) != 0;
      if (is_named == lesion.keep_only) continue;
      if (lesion.kind == LesionKind::zero || lesion.kind == LesionKind::weights) value[i] = 0;
      if (lesion.kind == LesionKind::scale) value[i] *= lesion.alpha;
      if (lesion.kind == LesionKind::mean) value[i] = replacement(reference, site.units, i);
      if (lesion.kind == LesionKind::resample) {
        const auto partner = static_cast<std::size_t>(reference.partners[static_cast<std::size_t>(image)]);
        value[i] = reference.values[partner][i];
      }
    }
    losses.push_back(loss_with(network, site.node, head, images, image, value));
  }
  return losses;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

std::vector<Lesion> lesions_of_every_kind(Index units) {
  std::vector<Lesion> lesions;
  for (const bool keep_only : {false, true})
    for (const std::vector<Index>& set : {std::vector<Index>{0}, std::vector<Index>{units - 1, 1}}) {
      for (const LesionKind kind : {LesionKind::zero, LesionKind::mean, LesionKind::resample})
        lesions.push_back({set, kind, 0, keep_only});
      for (const double alpha : {0.3, -1.0}) lesions.push_back({set, LesionKind::scale, alpha, keep_only});
    }
  return lesions;
}

std::vector<std::string> layers_with_units(const Net& network, NodeId head) {
  std::vector<std::string> names;
  for (NodeId id = 1; id < network.size(); ++id) {
    const std::string kind = network.node(id).layer->kind();
    if ((kind == "conv2d" || kind == "linear") && id != head && network.dependent_on(id)[head])
      names.push_back(network.node(id).name);
  }
  return names;
}

std::vector<Index> all_units(const LesionSite& site) {
  std::vector<Index> units(static_cast<std::size_t>(site.units));
  std::iota(units.begin(), units.end(), Index{0});
  return units;
}

}  // namespace

TEST_CASE("lesions of every kind equal a slow loop over images, in nets of every structure") {
  for (const SmallNet& small : small_nets()) {
    const Net network = small.build<double>();
    const Images images = small.images<double>(7);
    Rng rng(77);
    Tensor<double, Cpu> pixels({5, 9, 7, 3});
    for (double& value : pixels.span()) value = rng.normal() + 0.5;
    const Images others = labelled_images(std::move(pixels), {0, 1, 2, 3, 0});
    for (const NodeId head : network.heads())
      for (const std::string& layer : layers_with_units(network, head))
        for (const bool from_others : {false, true}) {
          INFO(small.name << ", layer " << layer << ", other images " << from_others);
          const LesionSite site = lesion_site(network, layer);
          const Images& source = from_others ? others : images;
          Reference reference{.values = {}, .partners = {}, .per_position = from_others};
          for (Index i = 0; i < source.count(); ++i)
            reference.values.push_back(value_of(network, site.node, source, i));
          reference.partners = from_others ? resample_partners(7, 5, Rng(3)) : resample_partners(7, Rng(3));
          LesionEvaluator<double> evaluator(
              network, site, head, images, {.batch = 3},
              {.images = from_others ? &others : nullptr, .per_position = from_others, .rng = Rng(3)});
          const std::vector<Lesion> lesions = lesions_of_every_kind(site.units);
          const auto outcomes = evaluator.evaluate(lesions);
          for (std::size_t i = 0; i < lesions.size(); ++i)
            // The same numbers in another order of summation at most.
            REQUIRE(largest_difference(outcomes[i].losses,
                                       slow_losses(network, site, head, images, lesions[i], reference)) < 1e-10);
        }
  }
}

TEST_CASE("a keep-only lesion of kind weights equals a net whose other weight rows are zero") {
  for (const SmallNet& small : small_nets()) {
    const Net network = small.build<double>();
    const Images images = small.images<double>(5);
    const NodeId head = network.heads().back();
    for (const std::string& layer : layers_with_units(network, head)) {
      INFO(small.name << ", layer " << layer);
      Net edited = small.build<double>();
      for (Parameter<double, Cpu>& parameter : edited.layer(edited.find(layer)).parameters()) {
        const Index row = parameter.value.size() / parameter.value.shape()[0];
        for (Index i = 0; i < parameter.value.size(); ++i)
          if (i / row != 1 && i / row != 2) parameter.value[i] = 0;
      }
      const LesionSite site = lesion_site(network, layer, LesionKind::weights);
      LesionEvaluator<double> evaluator(network, site, head, images, {.batch = 2});
      const Lesion lesion{.units = {2, 1}, .kind = LesionKind::weights, .keep_only = true};
      CHECK(largest_difference(evaluator.evaluate_one(lesion).losses, evaluate(edited, head, images).losses) < 1e-10);
    }
  }
}

TEST_CASE("scaling a channel equals scaling the weights that read it") {
  const SmallNet small = small_net("chain");
  const Net network = small.build<double>();
  const Images images = small.images<double>(6);
  const NodeId head = network.heads().front();
  Net edited = small.build<double>();
  Tensor<double, Cpu>& weight = edited.layer(edited.find("conv2")).parameters()[0].value;
  for (Index i = 3; i < weight.size(); i += weight.shape().channels()) weight[i] *= 0.4;
  LesionEvaluator<double> evaluator(network, lesion_site(network, "conv1"), head, images);
  const Lesion lesion{.units = {3}, .kind = LesionKind::scale, .alpha = 0.4};
  CHECK(largest_difference(evaluator.evaluate_one(lesion).losses, evaluate(edited, head, images).losses) < 1e-10);
  CHECK(largest_difference(evaluator.evaluate_one(lesion).losses, evaluate(network, head, images).losses) > 1e-4);
}

TEST_CASE("identities that hold to the bit") {
  for (const char* name : {"chain", "batch norm", "residual", "branched"}) {
    INFO(name);
    const SmallNet small = small_net(name);
    const Network<float, Cpu> network = small.build<float>();
    const LabelledImages<float> images = small.images<float>(9);
    const NodeId head = network.heads().front();
    const LesionSite site = lesion_site(network, "conv1");
    LesionEvaluator<float> evaluator(network, site, head, images, {.batch = 4});
    const auto losses = [&](const Lesion& lesion) { return evaluator.evaluate_one(lesion).losses; };
    const std::vector<float> intact = evaluator.evaluate_one({}).losses;
    CHECK(losses({.units = {0, 2}, .kind = LesionKind::scale, .alpha = 1}) == intact);
    const std::vector<Index> all = all_units(site);
    for (const LesionKind kind : {LesionKind::zero, LesionKind::mean, LesionKind::resample, LesionKind::scale}) {
      CHECK(losses({.units = {}, .kind = kind}) == intact);
      CHECK(losses({.units = all, .kind = kind, .keep_only = true}) == intact);
      CHECK(losses({.units = {}, .kind = kind, .keep_only = true}) == losses({.units = all, .kind = kind}));
      CHECK(losses({.units = {2, 0}, .kind = kind}) == losses({.units = {0, 2}, .kind = kind}));
      CHECK(losses({.units = all, .kind = kind}) != intact);
    }
    CHECK(losses({.units = {1}, .kind = LesionKind::scale, .alpha = 0}) == losses({.units = {1}}));
  }
}

TEST_CASE("a constant channel is its own mean, and a dead unit changes nothing whatever is done to it") {
  const SmallNet small = small_net("chain");
  Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(9);
  const NodeId head = network.heads().front();
  for (Parameter<float, Cpu>& parameter : network.layer(network.find("conv2")).parameters()) {
    const Index row = parameter.value.size() / parameter.value.shape()[0];
    for (Index i = 0; i < row; ++i) {
      parameter.value[row + i] = parameter.name == "bias" ? 0.7F : 0;       // unit 1 is always 0.7
      parameter.value[2 * row + i] = parameter.name == "bias" ? -1.0F : 0;  // unit 2 is always 0
    }
  }
  for (const bool per_position : {false, true}) {
    LesionEvaluator<float> evaluator(network, lesion_site(network, "conv2"), head, images, {.batch = 4},
                                     {.images = nullptr, .per_position = per_position, .rng = Rng(1)});
    const std::vector<float> intact = evaluator.evaluate_one({}).losses;
    for (const LesionKind kind : {LesionKind::mean, LesionKind::resample})
      CHECK(evaluator.evaluate_one(Lesion{.units = {1, 2}, .kind = kind}).losses == intact);
    for (const LesionKind kind : {LesionKind::zero, LesionKind::scale})
      CHECK(evaluator.evaluate_one(Lesion{.units = {2}, .kind = kind}).losses == intact);
    CHECK(evaluator.evaluate_one(Lesion{.units = {1}}).losses != intact);
    CHECK(evaluator.evaluate_one(Lesion{.units = {3}, .kind = LesionKind::mean}).losses != intact);
  }
}

TEST_CASE("no kind depends on threads, memory or what else is evaluated") {
  const SmallNet small = small_net("residual");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(23);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "block.conv1");
  const std::vector<Lesion> lesions = lesions_of_every_kind(site.units);
  LesionEvaluator<float> reference(network, site, head, images, {.batch = 4}, {.images = nullptr, .rng = Rng(8)});
  const test::ThreadCount restore(1);
  const auto expected = reference.evaluate(lesions);
  for (const int threads : {1, 3})
    for (const std::size_t memory : {std::size_t{1}, std::size_t{20'000}, std::size_t{1} << 30U}) {
      set_thread_count(threads);
      LesionEvaluator<float> evaluator(network, site, head, images, {.batch = 4, .memory = memory},
                                       {.images = nullptr, .rng = Rng(8)});
      const auto one = evaluator.evaluate_one(lesions[3]);  // a scale lesion: no partners are loaded yet
      CHECK(one.losses == expected[3].losses);
      const auto outcomes = evaluator.evaluate(lesions);
      for (std::size_t i = 0; i < lesions.size(); ++i) {
        CHECK(outcomes[i].losses == expected[i].losses);
        CHECK(outcomes[i].correct == expected[i].correct);
        CHECK(evaluator.evaluate_one(lesions[i]).losses == expected[i].losses);
      }
    }
}

TEST_CASE("partners: nobody is its own, everybody is one, and other lists are used evenly") {
  for (const Index images : {2, 3, 10, 101})
    for (const std::uint64_t seed : {1, 2, 3}) {
      const std::vector<Index> partners = resample_partners(images, Rng(seed));
      CHECK(std::set<Index>(partners.begin(), partners.end()).size() == static_cast<std::size_t>(images));
      for (Index i = 0; i < images; ++i) {
        CHECK(partners[static_cast<std::size_t>(i)] != i);
        CHECK((0 <= partners[static_cast<std::size_t>(i)] && partners[static_cast<std::size_t>(i)] < images));
      }
    }
  CHECK(resample_partners(50, Rng(1)) != resample_partners(50, Rng(2)));
  const std::vector<Index> partners = resample_partners(10, 4, Rng(1));
  for (Index reference = 0; reference < 4; ++reference) {
    const auto uses = std::count(partners.begin(), partners.end(), reference);
    CHECK((uses == 2 || uses == 3));
  }
  CHECK_THROWS_AS(resample_partners(1, Rng(1)), ConfigError);
  CHECK_THROWS_AS(resample_partners(3, 0, Rng(1)), ConfigError);
}

TEST_CASE("lesions of other kinds that make no sense are refused") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(1);
  const LabelledImages<float> none = small.images<float>(0);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  LesionEvaluator<float> evaluator(network, site, head, images);
  const double infinite = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(evaluator.evaluate_one(Lesion{.units = {0}, .kind = LesionKind::resample}), ConfigError);
  CHECK_THROWS_AS(evaluator.evaluate_one(Lesion{.units = {0}, .kind = LesionKind::weights}), ConfigError);
  CHECK_THROWS_AS(evaluator.evaluate_one(Lesion{.units = {0}, .kind = LesionKind::scale, .alpha = infinite}),
                  ConfigError);
  CHECK_THROWS_AS(evaluator.evaluate_one(Lesion{.units = {99}, .keep_only = true}), ConfigError);
  LesionEvaluator<float> without(network, site, head, images, {}, {.images = &none});
  CHECK_THROWS_AS(without.evaluate_one(Lesion{.units = {0}, .kind = LesionKind::mean}), ConfigError);
  CHECK_THROWS_AS(without.evaluate_one(Lesion{.units = {0}, .kind = LesionKind::resample}), ConfigError);
  CHECK(evaluator.evaluate_one(Lesion{.units = {0}, .kind = LesionKind::mean}).count() == 1);
}
