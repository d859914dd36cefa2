/// Attributions against closed forms, against lesions of kind scale and against slow loops.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <fusiform/analysis/attribution.hpp>
#include <fusiform/analysis/conductance.hpp>
#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/unit_effects.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

/// A linear readout of a rectified layer: logits = w relu(conv) + b.
const SmallNet readout{"readout", R"(input 9 7 3
conv1 = conv2d(; out=5 kernel_h=3 kernel_w=3 padding=1)
relu1 = relu()
flat = flatten()
fc = linear(; out=4)
)"};

/// No kink anywhere on the way: everything behind the images is linear, but for the softmax.
const SmallNet smooth{"smooth", R"(input 9 7 3
conv1 = conv2d(; out=5 kernel_h=3 kernel_w=3 padding=1)
pool = global_avg_pool2d()
flat = flatten()
fc = linear(; out=4)
)"};

std::vector<float> elements(const UnitTable& table) { return {table.values.span().begin(), table.values.span().end()}; }

std::vector<std::string> convolutions(const Network<double, Cpu>& network, NodeId head) {
  std::vector<std::string> names;
  for (NodeId id = 1; id < network.size(); ++id)
    if (network.node(id).layer->kind() == "conv2d" && network.dependent_on(id)[head])
      names.push_back(network.node(id).name);
  return names;
}

/// The largest |sum over units - change| over images.
double worst_completeness(const Conductance& conductance) {
  double worst = 0;
  for (const double error : conductance.completeness_errors()) worst = std::max(worst, std::abs(error));
  return worst;
}

void kill_unit(Network<double, Cpu>& network, const std::string& layer, Index unit) {
  for (Parameter<double, Cpu>& parameter : network.layer(network.find(layer)).parameters()) {
    const Index row = parameter.value.size() / parameter.value.shape()[0];
    for (Index i = 0; i < row; ++i) parameter.value[unit * row + i] = parameter.name == "bias" ? -1 : 0;
  }
}

}  // namespace

TEST_CASE("with a linear readout the attribution to a logit is exactly what the unit adds to it") {
  Network<double, Cpu> network = readout.build<double>();
  const LabelledImages<double> images = readout.images<double>(7);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  const UnitTable taylor =
      taylor_attribution(network, site, head, images, {.batch = 3, .output = AttributedOutput::logit});
  const Tensor<double, Cpu>& weight = network.layer(head).parameters()[0].value;  // (4, 9 * 7 * 5)
  REQUIRE(taylor.values.shape() == Shape{7, 5});
  CHECK(taylor.labels == images.labels);
  Tensor<double, Cpu> pixels(images.image.batched(7));
  images.read(0, pixels.view());
  Activations<double, Cpu> activations;
  const auto value = network.forward(pixels, site.node, activations);
  for (Index image = 0; image < 7; ++image)
    for (Index unit = 0; unit < 5; ++unit) {
      double sum = 0;
      const Index label = images.labels[static_cast<std::size_t>(image)];
      for (Index position = 0; position < 63; ++position)
        sum += weight[(label * 63 + position) * 5 + unit] * value[(image * 63 + position) * 5 + unit];
      CHECK(taylor.at(image, unit) == Approx(sum).epsilon(1e-6));  // rounded to float
    }
  // And zeroing the unit really takes that much: the readout is linear in the unit.
  const Conductance whole = layer_conductance(network, site, head, images, {.output = AttributedOutput::logit});
  CHECK(worst_completeness(whole) < 2e-5);  // rounding to float of five numbers of size 1 to 10
}

TEST_CASE("Taylor is minus the slope of the loss when a channel is scaled, in nets of every structure") {
  for (const SmallNet& small : small_nets()) {
    const Network<double, Cpu> network = small.build<double>();
    const LabelledImages<double> images = small.images<double>(5);
    for (const NodeId head : network.heads())
      for (const std::string& layer : convolutions(network, head)) {
        INFO(small.name << ", layer " << layer);
        const LesionSite site = lesion_site(network, layer);
        const UnitTable taylor = taylor_attribution(network, site, head, images, {.batch = 2});
        LesionEvaluator<double> evaluator(network, site, head, images);
        // Small enough to stay between the kinks of the ReLUs, large enough for the digits of a double.
        constexpr double h = 1e-5;
        for (Index unit = 0; unit < site.units; ++unit) {
          const auto up = evaluator.evaluate_one(Lesion{{unit}, LesionKind::scale, 1 + h});
          const auto down = evaluator.evaluate_one(Lesion{{unit}, LesionKind::scale, 1 - h});
          for (Index image = 0; image < images.count(); ++image) {
            const auto i = static_cast<std::size_t>(image);
            const double slope = (up.losses[i] - down.losses[i]) / (2 * h);
            // 2e-7: float; 1e-8: h^2 and the rounding of losses around 1 over 2 h.
            CHECK(std::abs(taylor.at(image, unit) + slope) < 2e-7 * std::abs(slope) + 1e-8);
          }
        }
      }
  }
}

TEST_CASE("at a residual site the gradient of every path is counted") {
  // relu1 is read by the block and by the skip connection: both carry its lesion.
  const SmallNet small = small_net("residual");
  const Network<double, Cpu> network = small.build<double>();
  const LesionSite site = lesion_site(network, "conv1");
  CHECK(network.readers(site.node).size() == 2);
  const LabelledImages<double> images = small.images<double>(4);
  const Conductance conductance = layer_conductance(network, site, network.heads().front(), images, {.steps = 2000});
  // relu1 is all that the rest sees: complete, up to kinks crossed within a step.
  CHECK(worst_completeness(conductance) < 2e-3);
  // conv1 of the block sits beside the skip connection: the rest of the change flows there.
  const Conductance inner =
      layer_conductance(network, lesion_site(network, "block.conv1"), network.heads().front(), images, {.steps = 500});
  CHECK(worst_completeness(inner) > 0.1);
}

TEST_CASE("conductance adds up to the change of the output, the better the more steps") {
  const NodeId head = smooth.build<double>().heads().front();
  const Network<double, Cpu> network = smooth.build<double>();
  const LabelledImages<double> images = smooth.images<double>(6);
  const LesionSite site = lesion_site(network, "conv1");
  Tensor<double, Cpu> baseline(images.image);
  for (Index i = 0; i < baseline.size(); ++i) baseline[i] = 0.01 * static_cast<double>(i % 7);
  for (const Tensor<double, Cpu>& from : {Tensor<double, Cpu>(), baseline}) {
    double error_before = 0;
    for (const Index steps : {4, 8, 16}) {
      const auto conductance = layer_conductance(network, site, head, images, {.batch = 4, .steps = steps}, from);
      const double error = worst_completeness(conductance);
      INFO(steps << " steps, error " << error);
      // Midpoint rule, smooth integrand: a quarter with each doubling, until float rounding shows.
      if (error_before > 1e-5) CHECK(error < error_before / 3);
      error_before = error;
    }
    CHECK(error_before < 1e-3);
  }
  // F(image) - F(baseline) itself.
  const auto conductance = layer_conductance(network, site, head, images, {.steps = 1});
  Tensor<double, Cpu> grey(images.image.batched(6));
  const Outcomes<double> at_image = evaluate(network, head, images);
  const Outcomes<double> at_grey = evaluate(network, head, labelled_images(grey, images.labels));
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(conductance.change[i] == Approx(at_grey.losses[i] - at_image.losses[i]).epsilon(1e-12));
}

TEST_CASE("conductance of a single image from itself is nothing, and one step of a linear function is exact") {
  const Network<double, Cpu> network = smooth.build<double>();
  const LabelledImages<double> images = smooth.images<double>(1);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  Tensor<double, Cpu> same(images.image.batched(1));
  images.read(0, same.view());
  const Tensor<double, Cpu> baseline(images.image, same.span());
  const auto nothing = layer_conductance(network, site, head, images, {.steps = 3}, baseline);
  for (const float value : elements(nothing.units)) CHECK(value == Approx(0).margin(1e-12));
  CHECK(nothing.change[0] == Approx(0).margin(1e-12));
  const auto exact = layer_conductance(network, site, head, images, {.steps = 1, .output = AttributedOutput::logit});
  CHECK(worst_completeness(exact) < 1e-6);
}

TEST_CASE("a dead unit has attribution 0 and effect 0 on every image") {
  const SmallNet small = small_net("chain");
  Network<double, Cpu> network = small.build<double>();
  kill_unit(network, "conv2", 3);
  const LabelledImages<double> images = small.images<double>(6);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv2");
  IncrementalLesions<double> lesions(network, site, head, images);
  const UnitTable taylor = taylor_attribution(network, site, head, images);
  const Conductance conductance = layer_conductance(network, site, head, images, {.steps = 4});
  const UnitTable effects = unit_effects(lesions, images.labels);
  for (Index image = 0; image < images.count(); ++image) {
    CHECK(taylor.at(image, 3) == 0);
    CHECK(conductance.units.at(image, 3) == 0);
    CHECK(effects.at(image, 3) == 0);
  }
  CHECK(unit_means(taylor.values)[3] == 0);
  CHECK(unit_mean_squares(taylor.values)[3] == 0);
  CHECK(unit_mean_squares(taylor.values)[0] > 0);
}

TEST_CASE("the table of unit effects holds each single lesion's losses minus the intact ones") {
  const SmallNet small = small_net("batch norm");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(9);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  LesionEvaluator<float> evaluator(network, site, head, images, {.batch = 4});
  const std::vector<float> intact = evaluate(network, head, images, 4).losses;
  for (const LesionKind kind : {LesionKind::zero, LesionKind::mean}) {
    IncrementalLesions<float> lesions(network, site, head, images, {.manner = {kind}, .block = 4});
    const UnitTable effects = unit_effects(lesions, images.labels);
    CHECK(effects.labels == images.labels);
    REQUIRE(effects.values.shape() == Shape{9, site.units});
    for (Index unit = 0; unit < site.units; ++unit) {
      const auto lesioned = evaluator.evaluate_one(Lesion{.units = {unit}, .kind = kind});
      double sum = 0;
      for (Index image = 0; image < 9; ++image) {
        const auto i = static_cast<std::size_t>(image);
        const auto change = static_cast<double>(lesioned.losses[i]) - static_cast<double>(intact[i]);
        CHECK(effects.at(image, unit) == Approx(change).margin(2e-5));  // other orders of summation in float
        sum += change;
      }
      CHECK(unit_means(effects.values)[static_cast<std::size_t>(unit)] == Approx(sum / 9).margin(2e-5));
    }
    CHECK_THROWS_AS(unit_effects(lesions, {0, 1}), ShapeError);
  }
}

TEST_CASE("attributions have the same bits for any number of threads and any batch order of magnitude") {
  const SmallNet small = small_net("residual");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(11);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "block.conv1");
  const test::ThreadCount restore(1);
  const auto taylor = elements(taylor_attribution(network, site, head, images, {.batch = 4}));
  const auto conductance = elements(layer_conductance(network, site, head, images, {.batch = 4, .steps = 3}).units);
  const auto means = unit_means(taylor_attribution(network, site, head, images, {.batch = 4}).values);
  const auto other_batch = elements(taylor_attribution(network, site, head, images, {.batch = 11}));
  for (std::size_t i = 0; i < taylor.size(); ++i) CHECK(other_batch[i] == Approx(taylor[i]).margin(1e-5));
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    CHECK(elements(taylor_attribution(network, site, head, images, {.batch = 4})) == taylor);
    CHECK(elements(layer_conductance(network, site, head, images, {.batch = 4, .steps = 3}).units) == conductance);
    CHECK(unit_means(taylor_attribution(network, site, head, images, {.batch = 4}).values) == means);
  }
}

TEST_CASE("attributions that make no sense are refused, and no images are no rows") {
  const SmallNet small = small_net("branched");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(2);
  const NodeId left = network.find("left.fc");
  const LesionSite site = lesion_site(network, "conv1");
  CHECK_THROWS_AS(taylor_attribution(network, lesion_site(network, "right.conv"), left, images), ConfigError);
  CHECK_THROWS_AS(taylor_attribution(network, lesion_site(network, "left.fc"), left, images), ConfigError);
  CHECK_THROWS_AS(taylor_attribution(network, site, left, images, {.batch = 0}), ConfigError);
  CHECK_THROWS_AS(layer_conductance(network, site, left, images, {.steps = 0}), ConfigError);
  CHECK_THROWS_AS(layer_conductance(network, site, left, images, {}, Tensor<float, Cpu>({9, 7, 1})), ShapeError);
  LabelledImages<float> wrong = images;
  wrong.labels = {0, 4};
  for (const AttributedOutput output : {AttributedOutput::logit, AttributedOutput::log_probability})
    CHECK_THROWS_AS(taylor_attribution(network, site, left, wrong, {.output = output}), ConfigError);
  const UnitTable none = taylor_attribution(network, site, left, small.images<float>(0));
  CHECK(none.images() == 0);
  CHECK(none.units() == site.units);
  CHECK(unit_means(none.values) == std::vector<double>(static_cast<std::size_t>(site.units), 0.0));
}
