#include <cmath>
#include <numeric>
#include <vector>

#include <fusiform/analysis/extract_features.hpp>
#include <fusiform/analysis/feature_scaling.hpp>
#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/analysis/sparse_projection.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using test::random_tensor;

namespace {

/// A node's values for all images at once, each in a pass of its own.
Tensor<float, Cpu> values_of(const Network<float, Cpu>& network, NodeId node, const LabelledImages<float>& images) {
  Tensor<float, Cpu> pixels(images.image.batched(images.count()));
  images.read(0, pixels.view());
  Activations<float, Cpu> activations;
  const View<const float, Cpu> value = network.forward(pixels, node, activations);
  return Tensor<float, Cpu>(Shape{images.count(), value.size() / std::max<Index>(1, images.count())}, value.span());
}

std::vector<NodeId> all_nodes(const Network<float, Cpu>& network) {
  std::vector<NodeId> nodes(network.size());
  std::iota(nodes.begin(), nodes.end(), NodeId{0});
  return nodes;
}

}  // namespace

TEST_CASE("features of several layers are their activations") {
  for (const SmallNet& net : small_nets()) {
    INFO(net.name);
    const auto network = net.build<float>();
    const auto images = net.images<float>(7);
    const std::vector<FeatureTable> tables = extract_features(network, all_nodes(network), images, {.batch = 3});
    REQUIRE(tables.size() == network.size());
    for (NodeId node = 0; node < network.size(); ++node) {
      INFO(network.node(node).name);
      CHECK(tables[node].layer == network.node(node).name);
      CHECK(tables[node].labels == images.labels);
      CHECK(tables[node].feature_count() == network.node(node).shape.size());
      // Bits of an image's activation do not depend on its batch, nor on whether the ReLU behind a layer is fused.
      CHECK(test::same_bits(tables[node].values, values_of(network, node, images)));
    }
    // In any order, and twice.
    const std::vector<FeatureTable> some = extract_features(network, {3, 1, 3}, images);
    CHECK(test::same_bits(some[0].values, tables[3].values));
    CHECK(test::same_bits(some[1].values, tables[1].values));
    CHECK(test::same_bits(some[2].values, tables[3].values));
  }
}

TEST_CASE("features averaged over positions") {
  const SmallNet net = small_net("chain");
  const auto network = net.build<float>();
  const auto images = net.images<float>(4);
  const NodeId node = network.find("conv2");
  const Tensor<float, Cpu> whole = extract_features(network, node, images).values;
  const FeatureTable means = extract_features(network, node, images, {.average_positions = true});
  const Shape shape = network.node(node).shape;
  REQUIRE(means.feature_count() == shape.channels());
  for (Index n = 0; n < 4; ++n)
    for (Index c = 0; c < shape.channels(); ++c) {
      double sum = 0;
      for (Index h = 0; h < shape[0]; ++h)
        for (Index w = 0; w < shape[1]; ++w)
          sum += static_cast<double>(whole[((n * shape[0] + h) * shape[1] + w) * shape[2] + c]);
      // Rounded to float.
      CHECK(means.row(n)[static_cast<std::size_t>(c)] ==
            Approx(sum / static_cast<double>(shape[0] * shape[1])).epsilon(1e-6));
    }
  const NodeId fc = network.find("fc1");
  CHECK(test::same_bits(extract_features(network, fc, images, {.average_positions = true}).values,
                        extract_features(network, fc, images).values));
}

TEST_CASE("too many features are projected") {
  const SmallNet net = small_net("chain");
  const auto network = net.build<float>();
  const auto images = net.images<float>(6);
  const NodeId node = network.find("conv1");
  const FeatureTable whole = extract_features(network, node, images);
  const FeatureOptions options{.batch = 4, .max_features = 40, .rng = Rng(3)};
  const FeatureTable projected = extract_features(network, node, images, options);
  REQUIRE(projected.feature_count() == 40);
  const SparseProjection projection(whole.feature_count(), 40, Rng(3).stream("conv1"));
  std::vector<float> expected(40);
  for (Index n = 0; n < 6; ++n) {
    projection.apply(whole.row(n), std::span(expected));
    CHECK(std::equal(expected.begin(), expected.end(), projected.row(n).begin()));
  }
  {
    const test::ThreadCount one(1);
    CHECK(test::same_bits(extract_features(network, node, images, options).values, projected.values));
  }
  // A layer within the limit stays as it is.
  const NodeId small = network.find("fc1");
  CHECK(test::same_bits(extract_features(network, small, images, options).values,
                        extract_features(network, small, images).values));
}

TEST_CASE("features of no images, and wrong options") {
  const SmallNet net = small_net("branched");
  const auto network = net.build<float>();
  const FeatureTable none = extract_features(network, 1, net.images<float>(0));
  CHECK(none.count() == 0);
  CHECK(none.feature_count() == network.node(1).shape.size());
  CHECK(extract_features(network, std::vector<NodeId>{}, net.images<float>(2)).empty());
  CHECK_THROWS_AS(extract_features(network, 1, net.images<float>(1), {.batch = 0}), ConfigError);
  CHECK_THROWS_AS(extract_features(network, 1, net.images<float>(1), {.max_features = -1}), ConfigError);
  CHECK_THROWS_WITH(extract_features(network, 1, net.images<float>(1), {.max_features = 3}),
                    Catch::Contains("at least 4 outputs"));
}

TEST_CASE("a sparse projection adds each feature to one output of each block") {
  for (const Index outputs : {4, 10, 37}) {
    constexpr Index features = 200;
    const SparseProjection projection(features, outputs, Rng(8));
    CHECK(projection.feature_count() == features);
    std::vector<Index> uses(static_cast<std::size_t>(outputs));
    std::vector<float> out(static_cast<std::size_t>(outputs));
    std::vector<double> sum(out.size());
    for (std::size_t f = 0; f < features; ++f) {
      std::vector<float> unit(features);
      unit[f] = 1;
      projection.apply(std::span<const float>(unit), std::span(out));
      for (Index block = 0; block < 4; ++block) {
        Index used = 0;
        for (Index o = outputs * block / 4; o < outputs * (block + 1) / 4; ++o) {
          const float value = out[static_cast<std::size_t>(o)];
          CHECK((value == 0 || std::abs(value) == 0.5F));
          used += value != 0 ? 1 : 0;
          uses[static_cast<std::size_t>(o)] += value != 0 ? 1 : 0;
          sum[static_cast<std::size_t>(o)] += static_cast<double>(f) * static_cast<double>(value);
        }
        CHECK(used == 1);
      }
    }
    CHECK(*std::min_element(uses.begin(), uses.end()) > 0);
    // Linear: multiples of 1/2 up to 200 are exact.
    std::vector<double> ramp(features);
    std::iota(ramp.begin(), ramp.end(), 0.0);
    projection.apply(std::span<const double>(ramp), std::span(out));
    for (std::size_t o = 0; o < out.size(); ++o) CHECK(static_cast<double>(out[o]) == sum[o]);
  }
  const SparseProjection projection(3, 4, Rng(1));
  std::vector<float> two(2);
  std::vector<float> four(4);
  CHECK_THROWS_AS(projection.apply(std::span<const float>(two), std::span(four)), ShapeError);
}

TEST_CASE("a sparse projection keeps inner products on average") {
  // Over 400 projections: the mean within 4 standard errors, the deviation as promised.
  const auto x = random_tensor<float>({50}, Rng(1));
  auto y = random_tensor<float>({50}, Rng(2));
  for (Index i = 0; i < 50; ++i) y[i] += x[i];
  const auto dot = [](auto a, auto b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); };
  const double expected = dot(x.span(), y.span());
  std::vector<double> found;
  constexpr Index outputs = 64;
  std::vector<float> px(outputs);
  std::vector<float> py(outputs);
  for (std::uint64_t r = 0; r < 400; ++r) {
    const SparseProjection projection(50, outputs, Rng(9).stream(r));
    projection.apply(std::as_const(x).span(), std::span(px));
    projection.apply(std::as_const(y).span(), std::span(py));
    found.push_back(dot(px, py));
  }
  const double mean = std::accumulate(found.begin(), found.end(), 0.0) / 400;
  double variance = 0;
  for (const double value : found) variance += (value - mean) * (value - mean) / 399;
  CHECK(std::abs(mean - expected) < 4 * std::sqrt(variance / 400));
  CHECK(std::sqrt(variance) <
        1.1 * std::sqrt(2.0 / outputs) * std::sqrt(dot(x.span(), x.span()) * dot(y.span(), y.span())));
}

TEST_CASE("class means and class tables") {
  const FeatureTable table{"fc", Tensor<float, Cpu>({4, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 8, 0}), {9, -1, 9, 9}};
  const ClassTable classes = class_table(table.labels);
  CHECK(classes.labels == std::vector<Index>{-1, 9});
  CHECK(classes.class_of_row == std::vector<Index>{1, 0, 1, 1});
  CHECK(classes.members == std::vector<std::vector<Index>>{{1}, {0, 2, 3}});
  const FeatureTable means = class_means(table);
  CHECK(means.labels == classes.labels);
  CHECK(test::same_bits(means.values, Tensor<float, Cpu>({2, 2}, std::vector<float>{3, 4, 14.0F / 3, 8.0F / 3})));

  CHECK_THROWS_WITH(require_classes("here", classes),
                    Catch::Contains("here: expected at least 2 images of class -1, got 1"));
  FeatureTable bad = table;
  bad.labels.pop_back();
  CHECK_THROWS_AS(class_means(bad), ShapeError);
  bad = table;
  bad.values[5] = std::nanf("");
  CHECK_THROWS_WITH(class_means(bad), Catch::Contains("features of 'fc'") && Catch::Contains("in row 2"));
  CHECK_THROWS_AS(class_means(FeatureTable{}), ShapeError);
}

TEST_CASE("z-scores come from the chosen rows") {
  const Tensor<float, Cpu> values({3, 3}, std::vector<float>{1, 7, 0.1F, 3, 7, 0.1F, 100, 9, 5});
  const FeatureTable table{"fc", values, {0, 0, 1}};
  const FeatureScaling scaling(table, std::vector<Index>{0, 1});
  const Tensor<double, Cpu> scores = scaling.apply(table, std::vector<Index>{2, 0});
  // Mean 2, population deviation 1; the constant features are 0, also where they are not constant.
  CHECK(scores.shape() == Shape{2, 3});
  CHECK(scores[0] == Approx(98));
  CHECK(scores[3] == Approx(-1));
  for (const Index constant : {1, 2, 4, 5}) CHECK(scores[constant] == 0);
  CHECK_THROWS_AS(FeatureScaling(table, {}), ConfigError);
}
