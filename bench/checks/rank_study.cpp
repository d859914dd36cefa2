/// Ranks every convolution of a study's net for one task, exactly and by racing, and prints what that takes beside the
/// published loop with our kernels: whole rankings on real images, not samples of candidates. The published loop is
/// timed on a few candidates; `authors s` is in proportion.
///
///     bench_rank_study RESULTS TASK [IMAGES [LAYER...]]       (default: 512 training images, all convolutions)

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/race_order.hpp>
#include <fusiform/analysis/rank_by_racing.hpp>
#include <fusiform/data/packed_images.hpp>
#include <fusiform/data/sampling.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/study/paths.hpp>

#include "../support/options.hpp"

namespace {

using namespace fusiform;

constexpr RankingOptions published{.fraction = 0.2, .group = 0.016};

template <class Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The published loop: weights and bias of a unit set to zero, the whole net on all images, the weights put back.
double seconds_per_candidate(Network<float, Cpu>& network, const LesionSite& site, NodeId head,
                             const LabelledImages<float>& images) {
  constexpr int candidates = 3;
  auto parameters = network.layer(site.layer).parameters();
  return seconds_of([&] {
           for (Index unit = 0; unit < candidates; ++unit) {
             std::vector<std::vector<float>> saved;
             for (Parameter<float, Cpu>& parameter : parameters) {
               const Index row = parameter.value.size() / site.units;
               float* const values = parameter.value.data() + unit * row;
               saved.emplace_back(values, values + row);
               std::fill_n(values, row, 0.0F);
             }
             static_cast<void>(evaluate(network, head, images, 32).mean_loss());
             for (std::size_t i = 0; i < saved.size(); ++i)
               std::copy(saved[i].begin(), saved[i].end(),
                         parameters[i].value.data() + unit * static_cast<Index>(saved[i].size()));
           }
         }) /
         candidates;
}

/// The images in memory, as all implementations get them.
LabelledImages<float> in_memory(const LabelledImages<float>& images) {
  Tensor<float, Cpu> pixels(images.image.batched(images.count()));
  images.read(0, pixels.view());
  return labelled_images(std::move(pixels), images.labels);
}

Index different_units(const Ranking& a, const Ranking& b) {
  Index count = 0;
  for (const Index unit : a.units) count += std::count(b.units.begin(), b.units.end(), unit) == 0 ? 1 : 0;
  return count;
}

struct Total {
  double authors = 0, exact = 0, racing = 0;
};

void rank_layer(Network<float, Cpu>& network, const std::string& layer, const LabelledImages<float>& images,
                Total& total) {
  const LesionSite site = lesion_site(network, layer);
  const NodeId head = network.heads().front();
  const SelectionCost cost =
      selection_cost(site.units, selection_schedule(site.units, published.fraction, published.group));
  const double authors =
      seconds_per_candidate(network, site, head, images) * static_cast<double>(cost.evaluations + cost.iterations);
  Ranking exact;
  const double exact_seconds = seconds_of([&] {
    IncrementalLesions<float> lesions(network, site, head, images);
    exact = rank_units(lesions, published);
  });
  Ranking raced;
  const double racing_seconds = seconds_of([&] {
    IncrementalLesions<float> lesions(network, site, head, images, {.block = 32});
    raced = rank_units_by_racing(lesions, published, {});
  });
  const RacingSummary races = summarize_races(raced);
  std::printf("%-8s %6ld %12.1f %10.2f %8.1f %10.2f %8.1f %8.2f %10ld\n", layer.c_str(),
              static_cast<long>(cost.evaluations), authors, exact_seconds, authors / exact_seconds, racing_seconds,
              authors / racing_seconds,
              static_cast<double>(races.evaluations) / static_cast<double>(races.evaluations + races.saved),
              static_cast<long>(different_units(exact, raced)));
  std::fflush(stdout);
  total.authors += authors;
  total.exact += exact_seconds;
  total.racing += racing_seconds;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::exit_status_of([&] {
    if (argc < 3) throw ConfigError("expected RESULTS TASK [IMAGES [LAYER...]]");
    const StudyPaths paths{argv[1]};
    Network<float, Cpu> network = load_network<float>(paths.checkpoint({"", 0}));
    const ImagePack pack(paths.tasks().pack);
    const Rng rng(0);
    const Index wanted = argc > 3 ? std::atol(argv[3]) : 512;
    const auto list = in_memory(
        labelled_images<float>(pack, stratified_images(pack, argv[2], Split::train, wanted, rng.stream("ranking")),
                               {.crop = network.image_shape()[0]}));
    const auto images = in_memory(reordered(list, race_order(list.labels, rng)));
    std::vector<std::string> layers(argv + std::min(argc, 4), argv + argc);
    for (NodeId node = 1; argc <= 4 && node < network.size(); ++node)
      if (network.node(node).layer->kind() == "conv2d")
        layers.push_back(network.node(node).alias.empty() ? network.node(node).name : network.node(node).alias);
    std::printf("%ld images of task %s, %d threads\n%-8s %6s %12s %10s %8s %10s %8s %8s %10s\n",
                static_cast<long>(images.count()), argv[2], thread_count(), "layer", "lesions", "authors s", "exact s",
                "ratio", "racing s", "ratio", "share", "other units");
    Total total;
    for (const std::string& layer : layers) rank_layer(network, layer, images, total);
    std::printf("%-8s %6s %12.1f %10.2f %8.1f %10.2f %8.1f\n", "all", "", total.authors, total.exact,
                total.authors / total.exact, total.racing, total.authors / total.racing);
  });
}
