// Lesions and what else looks into a net, on every device: what the definition says in double precision on the CPU.

#include <cmath>
#include <vector>

#include <fusiform/analysis/attribution.hpp>
#include <fusiform/analysis/conductance.hpp>
#include <fusiform/analysis/direct_lesion.hpp>
#include <fusiform/analysis/effects.hpp>
#include <fusiform/analysis/extract_features.hpp>
#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/ranking.hpp>

#include "tests/conformance/nets.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr Index image_count = 11;  // no multiple of a batch

/// A small net on the tested device and in double on the CPU, with the same images.
struct Subject {
  explicit Subject(const std::string& name)
      : start(small_net(name).build<float>()),
        network(copied_network<float, TestDevice>(start)),
        exact(in_double(start)),
        images(small_net(name).images<float>(image_count)),
        exact_images(in_double(images)),
        head(start.heads().front()) {}

  Network<float, Cpu> start;
  Network<float, TestDevice> network;
  Network<double, Cpu> exact;
  LabelledImages<float> images;
  LabelledImages<double> exact_images;
  NodeId head;
};

[[nodiscard]] std::vector<Index> all_images() {
  std::vector<Index> all;
  for (Index i = 0; i < image_count; ++i) all.push_back(i);
  return all;
}

/// Some roundings of 6e-8 in sums of a few hundred terms, on losses of size 1 to 10.
void check_losses(const std::vector<float>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(std::abs(static_cast<double>(found[i]) - expected[i]) <= 1e-5 * (1 + expected[i]));
}

}  // namespace

TEST_CASE("evaluation on every device", "[train]") {
  for (const char* name : {"chain", "batch norm", "residual"}) {
    CAPTURE(name);
    const Subject s(name);
    const Outcomes<double> expected = evaluate(s.exact, s.head, s.exact_images);
    std::vector<float> first;
    for (int way = 0; way < ways_to_run(); ++way) {
      run_this_way(way);
      const Outcomes<float> found = evaluate(s.network, s.head, s.images, 4);
      check_losses(found.losses, expected.losses);
      CHECK(found.correct == expected.correct);
      CHECK(found.in_top5 == expected.in_top5);
      if (way == 0) first = found.losses;
      CHECK(found.losses == first);
    }
    run_this_way(0);
    CHECK(evaluate(s.network, s.head, s.images, 3).losses == first);  // an image's bits do not depend on its batch
  }
}

TEST_CASE("lesions of every kind are what their definition says, on every device", "[analysis]") {
  const LesionReference<double> exact_reference{.rng = Rng(4)};
  const LesionReference<float> reference{.rng = Rng(4)};
  for (const char* name : {"chain", "batch norm", "residual"}) {
    const Subject s(name);
    for (const LesionKind kind :
         {LesionKind::zero, LesionKind::weights, LesionKind::mean, LesionKind::resample, LesionKind::scale}) {
      CAPTURE(name, static_cast<int>(kind));
      const LesionSite site = lesion_site(s.network, "conv1", kind);
      DirectLesion<double> exact(s.exact, site, s.head, s.exact_images, exact_reference);
      DirectLesion<float, TestDevice> direct(s.network, site, s.head, s.images, reference);
      LesionEvaluator<float, TestDevice> evaluator(s.network, site, s.head, s.images, {.batch = 4}, reference);
      for (const bool keep_only : {false, true}) {
        const Lesion lesion{.units = {1, 3}, .kind = kind, .alpha = 0.5, .keep_only = keep_only};
        const Outcomes<double> expected = exact.evaluate(lesion, all_images());
        check_losses(direct.evaluate(lesion, all_images()).losses, expected.losses);
        check_losses(evaluator.evaluate_one(lesion).losses, expected.losses);
      }
    }
  }
}

TEST_CASE("a table of lesions holds the same bits in all ways and for any memory", "[analysis]") {
  const Subject s("chain");
  const LesionSite site = lesion_site(s.network, "conv2");
  const std::vector<std::vector<Index>> sets{{}, {0}, {1, 2}, {7}, {0, 1, 2, 3, 4, 5, 6, 7}};
  std::vector<Outcomes<float>> first;
  for (int way = 0; way < ways_to_run(); ++way) {
    CAPTURE(name_of_way(way));
    run_this_way(way);
    for (const std::size_t memory : {std::size_t{1}, std::size_t{1} << 20}) {
      LesionEvaluator<float, TestDevice> evaluator(s.network, site, s.head, s.images, {.batch = 4, .memory = memory});
      std::vector<Outcomes<float>> found = evaluator.evaluate(std::span<const std::vector<Index>>(sets));
      if (first.empty()) first = found;
      for (std::size_t i = 0; i < sets.size(); ++i) CHECK(found[i].losses == first[i].losses);
    }
  }
  run_this_way(0);
  LesionEvaluator<double> exact(s.exact, site, s.head, s.exact_images);
  const auto expected = exact.evaluate(std::span<const std::vector<Index>>(sets));
  for (std::size_t i = 0; i < sets.size(); ++i) check_losses(first[i].losses, expected[i].losses);
}

TEST_CASE("a ranking on any device is that of the CPU", "[analysis]") {
  const RankingOptions options{.fraction = 0.5, .group = 0.125};
  for (const char* name : {"chain", "batch norm", "residual", "branched"}) {
    CAPTURE(name);
    const Subject s(name);
    const LesionSite site = lesion_site(s.network, "conv1");
    IncrementalLesions<double> exact(s.exact, site, s.head, s.exact_images);
    const Ranking expected = rank_units(exact, options);
    IncrementalLesions<float, TestDevice> lesions(s.network, site, s.head, s.images, {.block = 4});
    const Ranking found = rank_units(lesions, options);
    CHECK(found.units == expected.units);
    REQUIRE(found.iterations.size() == expected.iterations.size());
    for (std::size_t i = 0; i < found.iterations.size(); ++i)
      for (std::size_t c = 0; c < expected.iterations[i].losses.size(); ++c)
        CHECK(found.iterations[i].losses[c] == Approx(expected.iterations[i].losses[c]).epsilon(1e-5));
  }
}

TEST_CASE("lesions added to a base are what their definition says, for any range, block and memory", "[analysis]") {
  const std::vector<Index> base{2};
  const std::vector<std::vector<Index>> added{{}, {0}, {1, 3}};
  const LesionReference<double> exact_reference{.rng = Rng(4)};
  const LesionReference<float> reference{.rng = Rng(4)};
  // Sums behind convolutions, flattened features, batch norms; exits into skip connections and pools.
  for (const char* name : {"chain", "batch norm", "residual", "branched"})
    for (const LesionManner manner : {LesionManner{}, LesionManner{LesionKind::mean},
                                      LesionManner{LesionKind::resample}, LesionManner{LesionKind::scale, 0.5}}) {
      CAPTURE(name, static_cast<int>(manner.kind));
      const Subject s(name);
      const LesionSite site = lesion_site(s.network, "conv1", manner.kind);
      DirectLesion<double> exact(s.exact, site, s.head, s.exact_images, exact_reference);
      IncrementalLesions<float, TestDevice> lesions(s.network, site, s.head, s.images, {manner, 4}, reference);
      const auto whole = lesions.evaluate(base, added, {0, image_count});
      for (std::size_t i = 0; i < added.size(); ++i) {
        Lesion lesion{.units = base, .kind = manner.kind, .alpha = manner.alpha};
        lesion.units.insert(lesion.units.end(), added[i].begin(), added[i].end());
        check_losses(whole[i].losses, exact.evaluate(lesion, all_images()).losses);
      }
      IncrementalLesions<float, TestDevice> others(s.network, site, s.head, s.images, {manner, 8, 1}, reference);
      const auto in_larger_blocks = others.evaluate(base, added, {0, image_count});
      for (const ImageRange range : {ImageRange{0, 4}, ImageRange{4, 7}, ImageRange{8, 3}}) {
        const auto part = lesions.evaluate(base, added, range);
        for (std::size_t i = 0; i < added.size(); ++i)
          CHECK(std::equal(part[i].losses.begin(), part[i].losses.end(), whole[i].losses.begin() + range.first));
      }
      for (std::size_t i = 0; i < added.size(); ++i) CHECK(in_larger_blocks[i].losses == whole[i].losses);
    }
  const Subject s("chain");
  IncrementalLesions<float, TestDevice> lesions(s.network, lesion_site(s.network, "conv2"), s.head, s.images,
                                                {.block = 4});
  CHECK_THROWS_AS(lesions.evaluate(base, added, {2, 4}), ConfigError);
  CHECK_THROWS_AS(lesions.evaluate({}, std::vector<std::vector<Index>>{{8}}, {0, 4}), ConfigError);
  // At another site: what adds its channels up is a linear layer behind a pool.
  std::vector<std::vector<Index>> singles{{}};
  for (Index unit = 0; unit < lesions.units(); ++unit) singles.push_back({unit});
  LesionEvaluator<float, TestDevice> slow(s.network, lesions.site(), s.head, s.images);
  const auto expected = slow.evaluate(std::span<const std::vector<Index>>(singles));
  const auto found = lesions.evaluate({}, singles);
  for (std::size_t i = 0; i < singles.size(); ++i)
    check_losses(found[i].losses, {expected[i].losses.begin(), expected[i].losses.end()});
}

TEST_CASE("attributions and features are those of double precision", "[analysis]") {
  for (const char* name : {"chain", "batch norm", "residual"}) {
    CAPTURE(name);
    const Subject s(name);
    const LesionSite site = lesion_site(s.network, "conv1");
    const auto check = [&](const Tensor<float, Cpu>& found, const Tensor<float, Cpu>& expected) {
      REQUIRE(found.shape() == expected.shape());
      double largest = 0;
      for (const float value : expected.span()) largest = std::max(largest, std::abs(static_cast<double>(value)));
      REQUIRE(largest > 0);
      // Sums of products of activations and gradients, each with a relative error of some 1e-6.
      for (Index i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= 2e-5 * largest);
    };
    for (const AttributedOutput output : {AttributedOutput::log_probability, AttributedOutput::logit}) {
      check(taylor_attribution(s.network, site, s.head, s.images, {.batch = 4, .output = output}).values,
            taylor_attribution(s.exact, site, s.head, s.exact_images, {.output = output}).values);
      check(
          layer_conductance(s.network, site, s.head, s.images, {.batch = 4, .steps = 3, .output = output}).units.values,
          layer_conductance(s.exact, site, s.head, s.exact_images, {.steps = 3, .output = output}).units.values);
    }
    const std::vector<NodeId> nodes{site.node, s.head};
    const auto found = extract_features(s.network, nodes, s.images, {.batch = 4});
    const auto expected = extract_features(s.exact, nodes, s.exact_images);
    for (std::size_t i = 0; i < nodes.size(); ++i) check(found[i].values, expected[i].values);
  }
}
