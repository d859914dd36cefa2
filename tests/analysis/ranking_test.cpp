/// Greedy rankings against those that PyTorch computed, against a naive search, and their invariances.

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/ranking.hpp>
#include <fusiform/io/safetensors.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/nets/description.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

struct GoldenNet {
  Network<float, Cpu> network;
  LabelledImages<float> images;
};

/// A net of tests/goldens with its weights and its six images, from PyTorch's names and layout to ours.
GoldenNet golden_net(const std::string& file_name, const std::string& description) {
  const std::string path = std::string(FUSIFORM_GOLDENS) + "/" + file_name;
  Network<float, Cpu> network = parse_description<float, Cpu>(description);
  const LoadReport report =
      load_weights(network, path, {.strict = false, .rename = [](const std::string& name) {
                                     return name.starts_with("param.") ? name.substr(6) : std::string();
                                   }});
  REQUIRE(report.missing.empty());
  const SafetensorsFile file(path);
  const std::vector<Index> nchw = file.shape("input");
  const std::vector<float> source = file.read<float>("input");
  Tensor<float, Cpu> pixels({nchw[0], nchw[2], nchw[3], nchw[1]});
  Index position = 0;
  for (Index n = 0; n < nchw[0]; ++n)
    for (Index c = 0; c < nchw[1]; ++c)
      for (Index y = 0; y < nchw[2]; ++y)
        for (Index x = 0; x < nchw[3]; ++x)
          pixels[((n * nchw[2] + y) * nchw[3] + x) * nchw[1] + c] = source[static_cast<std::size_t>(position++)];
  return {std::move(network), labelled_images(std::move(pixels), file.read<Index>("labels"))};
}

GoldenNet vgg_tiny() {
  return golden_net("vgg_tiny.safetensors", R"(input 16 16 3
0 = conv2d(; out=8 kernel_h=3 kernel_w=3 padding=1)
1 = relu()
2 = conv2d(; out=8 kernel_h=3 kernel_w=3 padding=1)
3 = relu()
4 = max_pool2d(; kernel=2 stride=2)
5 = conv2d(; out=16 kernel_h=3 kernel_w=3 padding=1)
6 = relu()
7 = conv2d(; out=16 kernel_h=3 kernel_w=3 padding=1)
8 = relu()
9 = max_pool2d(; kernel=2 stride=2)
10 = flatten()
11 = linear(; out=32)
12 = relu()
13 = linear(; out=10)
)");
}

GoldenNet alexnet_bn_tiny() {
  return golden_net("alexnet_bn_tiny.safetensors", R"(input 32 32 3
0 = conv2d(; out=8 kernel_h=5 kernel_w=5 stride=2 padding=2)
1 = batch_norm()
2 = relu()
3 = max_pool2d(; kernel=3 stride=2)
4 = conv2d(; out=12 kernel_h=3 kernel_w=3 padding=1)
5 = batch_norm()
6 = relu()
7 = conv2d(; out=12 kernel_h=3 kernel_w=3 padding=1)
8 = batch_norm()
9 = relu()
10 = max_pool2d(; kernel=3 stride=2)
11 = flatten()
12 = linear(; out=24)
13 = relu()
14 = linear(; out=7)
)");
}

void check_golden(const GoldenNet& net, const std::string& file_name, const std::vector<std::string>& greedy,
                  const std::vector<std::string>& lesioned) {
  const SafetensorsFile golden(std::string(FUSIFORM_GOLDENS) + "/" + file_name);
  const NodeId head = net.network.heads().front();
  for (const std::string& layer : lesioned) {
    LesionEvaluator<float> evaluator(net.network, lesion_site(net.network, layer, LesionKind::weights), head,
                                     net.images);
    const std::vector<float> expected = golden.read<float>("lesion." + layer + ".loss_per_image");
    for (Index unit = 0; unit < evaluator.site().units; ++unit) {
      const Outcomes<float> outcomes = evaluator.evaluate_one({unit});
      for (Index i = 0; i < net.images.count(); ++i) {
        const float reference = expected[static_cast<std::size_t>(unit * net.images.count() + i)];
        // Two float implementations with other orders of summation: spec V1 allows 2e-5 (1 + |loss|).
        REQUIRE(std::abs(outcomes.losses[static_cast<std::size_t>(i)] - reference) < 2e-5F * (1 + reference));
      }
    }
  }
  for (const std::string& layer : greedy) {
    INFO(file_name << ", layer " << layer);
    IncrementalLesions<float> lesions(net.network, lesion_site(net.network, layer, LesionKind::weights), head,
                                      net.images);
    // Groups of two whatever the layer's size: the share that gives two units.
    const double group = 2.2 / static_cast<double>(lesions.units());
    const Ranking ranking = rank_units(lesions, {.fraction = 0.25, .group = group});
    CHECK(ranking.units == golden.read<Index>("greedy." + layer + ".units"));
    const std::vector<double> losses = golden.read<double>("greedy." + layer + ".losses");
    REQUIRE(ranking.losses.size() == losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i)
      CHECK(std::abs(ranking.losses[i] - losses[i]) < 2e-5 * (1 + losses[i]));
  }
}

/// Greedy selection written the obvious way: whole passes, one candidate after the other.
std::vector<Index> naive_ranking(const Network<double, Cpu>& network, NodeId node, NodeId head,
                                 const LabelledImages<double>& images, Index wanted, Index group) {
  const Index units = network.node(node).shape.channels();
  const auto mean_loss = [&](const std::set<Index>& silent) {
    Activations<double, Cpu> pass;
    Tensor<double, Cpu> pixels(images.image.batched(images.count()));
    images.read(0, pixels.view());
    const View<const double, Cpu> intact = network.forward(pixels, node, pass);
    Tensor<double, Cpu> lesioned(intact.shape(), intact.span());
    for (Index i = 0; i < lesioned.size(); ++i)
      if (silent.contains(i % units)) lesioned[i] = 0;
    Activations<double, Cpu> rest;
    rest.borrow(0, pixels);
    rest.borrow(node, lesioned);
    const View<const double, Cpu> logits = network.compute(head, rest);
    const Index classes = network.node(head).shape.channels();
    double sum = 0;
    for (Index i = 0; i < images.count(); ++i) {
      double total = 0;
      for (Index k = 0; k < classes; ++k) total += std::exp(logits[i * classes + k]);
      sum += std::log(total) - logits[i * classes + images.labels[static_cast<std::size_t>(i)]];
    }
    return sum / static_cast<double>(images.count());
  };
  std::vector<Index> selected;
  while (static_cast<Index>(selected.size()) <= wanted) {
    std::vector<std::pair<double, Index>> candidates;
    for (Index unit = 0; unit < units; ++unit) {
      std::set<Index> silent(selected.begin(), selected.end());
      if (silent.insert(unit).second) candidates.emplace_back(-mean_loss(silent), unit);
    }
    std::sort(candidates.begin(), candidates.end());
    for (Index i = 0; i < group; ++i) selected.push_back(candidates[static_cast<std::size_t>(i)].second);
  }
  return selected;
}

}  // namespace

TEST_CASE("single-unit lesions and greedy rankings of PyTorch's nets, unit for unit") {
  check_golden(vgg_tiny(), "vgg_tiny.safetensors", {"5", "7"}, {"0", "2", "5", "7", "11"});
  check_golden(alexnet_bn_tiny(), "alexnet_bn_tiny.safetensors", {"7"}, {"0", "4", "7", "12"});
}

TEST_CASE("greedy rankings equal a naive search in nets of every structure") {
  for (const SmallNet& small : small_nets()) {
    INFO(small.name);
    const Network<double, Cpu> network = small.build<double>();
    const LabelledImages<double> images = small.images<double>(12);
    const LesionSite site = lesion_site(network, small.name == "residual" ? "block.conv1" : "conv1");
    const NodeId head = network.heads().front();
    IncrementalLesions<double> lesions(network, site, head, images, {.block = 5});
    const Ranking ranking = rank_units(lesions, {.fraction = 0.5, .group = 0});
    const Index limit = selection_schedule(site.units, 0.5, 0).limit;
    CHECK(ranking.units == naive_ranking(network, site.node, head, images, limit, 1));
    CHECK(static_cast<Index>(ranking.units.size()) == limit + 1);  // the published overshoot
  }
}

TEST_CASE("the linear version sorts all units by their single lesions") {
  const SmallNet small = small_net("chain");
  const Network<double, Cpu> network = small.build<double>();
  const LabelledImages<double> images = small.images<double>(10);
  const LesionSite site = lesion_site(network, "conv2");
  LesionEvaluator<double> evaluator(network, site, network.heads().front(), images);
  IncrementalLesions<double> lesions(network, site, network.heads().front(), images);
  const Ranking ranking = rank_units(lesions, {.fraction = 0, .group = 0.016});
  REQUIRE(ranking.iterations.size() == 1);
  REQUIRE(ranking.units.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(ranking.losses[i] == Approx(evaluator.evaluate_one({ranking.units[i]}).mean_loss()).epsilon(1e-12));
    if (i > 0) CHECK(ranking.losses[i] <= ranking.losses[i - 1]);
  }
  CHECK(ranking.top(1.0) == ranking.units);
}

TEST_CASE("a ranking does not depend on threads or memory, and goes on where it was interrupted") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(21);
  const LesionSite site = lesion_site(network, "fc1");
  const NodeId head = network.heads().front();
  const RankingOptions options{.fraction = 0.4, .group = 0.1};
  const auto run = [&](int threads, std::size_t memory, Ranking so_far) {
    set_thread_count(threads);
    IncrementalLesions<float> lesions(network, site, head, images, {.block = 4, .memory = memory});
    return rank_units(lesions, options, {}, std::move(so_far));
  };
  const Ranking reference = run(1, std::size_t{1} << 30U, {});
  REQUIRE(reference.iterations.size() == 5);
  for (const int threads : {1, 2}) {
    const Ranking other = run(threads, 1, {});
    CHECK(other.units == reference.units);
    CHECK(other.losses == reference.losses);
  }
  for (std::size_t kept = 0; kept <= reference.iterations.size(); ++kept) {
    Ranking interrupted;
    interrupted.layer_units = reference.layer_units;
    for (std::size_t i = 0; i < kept; ++i) interrupted.append(reference.iterations[i]);
    const Ranking resumed = run(2, std::size_t{1} << 30U, interrupted);
    CHECK(resumed.units == reference.units);
    CHECK(resumed.losses == reference.losses);
    CHECK(resumed.accuracies == reference.accuracies);
  }
}

TEST_CASE("a ranking refuses losses that are not numbers, and fractions that were not ranked") {
  const SmallNet small = small_net("chain");
  Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(3);
  IncrementalLesions<float> lesions(network, lesion_site(network, "conv1"), network.heads().front(), images);
  const Ranking ranking = rank_units(lesions, {.fraction = 0.2, .group = 0});
  CHECK(ranking.top(0.2).size() == 1);
  CHECK_THROWS_AS(ranking.top(0.9), ConfigError);
  network.layer(network.find("fc2")).parameters()[1].value[0] = std::nanf("");
  IncrementalLesions<float> broken(network, lesion_site(network, "conv1"), network.heads().front(), images);
  CHECK_THROWS_AS(rank_units(broken), NumericError);
}
