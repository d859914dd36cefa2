/// Seconds that a greedy ranking of one layer takes per candidate and 1,000 images: the published loop with our kernels
/// (`authors`), everything behind the layer computed again (`suffix`), only what changes (`incremental`, with its share
/// of what each iteration begins with). With --torch also the published loop in PyTorch. `ratio_to_authors` and
/// `ratio_to_pytorch` are medians over the rounds, above 1 where the row is faster; `counted` is the ratio of
/// multiply-adds; `ranking_s` is the whole ranking of the layer for one task, on the net's number of images.
///
///     bench_rank --benchmark_filter=small/conv4 --threads=2

#include <algorithm>
#include <benchmark/benchmark.h>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rank/net.hpp"
#include "support/group.hpp"
#include "support/options.hpp"
#include "support/pytorch.hpp"

namespace {

using namespace fusiform;
using namespace fusiform::bench;

Measure torch_measure(const RankedNet& net, const std::string& layer) {
  return pytorch_measure(std::filesystem::path(__FILE__).replace_filename("rank_torch.py"),
                         {"--serve", std::string(net.name), layer}, 1);
}

Duration scaled(const Duration& duration, double factor) {
  return {duration.seconds * factor, duration.processor_seconds * factor};
}
Duration sum(const Duration& a, const Duration& b) {
  return {a.seconds + b.seconds, a.processor_seconds + b.processor_seconds};
}

Measure once(std::function<void()> work) {
  work();  // what lies before the layer is computed, memory touched
  return [work = std::move(work)] { return time_of(work); };
}

Measurement measure(const RankedNet& net, const std::string& layer, const std::vector<std::string>& selected,
                    const RoundSettings& settings) {
  const auto run = std::make_shared<RankingRun>(net, layer);
  const SelectionCost cost = ranking_cost(run->units());
  const Index candidates = std::min<Index>(run->units() - 2, 16);
  const double per_image = 1000.0 / static_cast<double>(net.images);
  const double per_whole_image = 1000.0 / static_cast<double>(net.whole_images);
  std::vector<std::string> names;
  std::vector<Measure> measures;
  const auto add = [&](const std::string& name, Measure once_measured, double factor) {
    names.push_back(name);
    measures.emplace_back(
        [once_measured = std::move(once_measured), factor] { return scaled(once_measured(), factor); });
  };
  for (const std::string& name : selected) {
    if (name == "authors") add(name, once([run] { run->authors(); }), per_whole_image);
    if (name == "pytorch") add(name, torch_measure(net, layer), per_whole_image);
    if (name == "suffix") add(name, once([run] { run->suffix(); }), per_image);
    if (name != "incremental") continue;
    const Measure base = once([run] { run->incremental_base(); });
    const Measure some = once([run, candidates] { run->incremental(candidates); });
    const double share = static_cast<double>(cost.iterations) / static_cast<double>(cost.evaluations);
    add(
        name,
        [base, some, candidates, share] {
          const Duration begun = scaled(base(), share);  // the next call goes on from this base
          return sum(begun, scaled(some(), 1.0 / static_cast<double>(candidates)));
        },
        per_image);
  }
  const Rounds rounds = alternate(measures, settings);
  Measurement measurement;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Row row{.duration = median(rounds.durations[i])};
    row.counters["ranking_s"] = row.duration.seconds / per_image * static_cast<double>(cost.evaluations);
    const double operations = names[i] == "incremental" ? run->incremental_operations() : run->whole_operations();
    if (names[i] != "suffix") {
      row.counters["GFLOP/s"] = 2e3 * operations / row.duration.seconds / 1e9;
      row.counters["of_peak"] = part_of_peak(rounds, i, 2e3 * operations);
      row.counters["counted"] = run->whole_operations() / operations;
    }
    for (std::size_t peer = 0; peer < names.size(); ++peer)
      if (peer != i && (names[peer] == "authors" || names[peer] == "pytorch"))
        row.counters["ratio_to_" + names[peer]] = paired_ratio(rounds, peer, i);
    measurement[names[i]] = std::move(row);
  }
  return measurement;
}

std::list<Group> register_groups(const Options& options) {
  const bench::Selection selected;
  std::list<Group> groups;
  for (const RankedNet& net : ranked_nets())
    for (const char* layer : net.layers) {
      const std::string name = text("rank/", net.name, "/", layer);
      std::vector<std::string> implementations;
      for (const char* implementation : {"authors", "suffix", "incremental", "pytorch"})
        if ((implementation != std::string("pytorch") || options.flag) && selected(text(name, "/", implementation)))
          implementations.emplace_back(implementation);
      if (implementations.empty()) continue;
      const auto measure_all = [&net, layer, implementations, rounds = options.rounds] {
        return measure(net, layer, implementations, rounds);
      };
      groups.emplace_back(name, implementations, measure_all).register_benchmarks();
    }
  return groups;
}

}  // namespace

int main(int argc, char** argv) {
  return exit_status_of([&] {
    const Options options = read_options(argc, argv, {"--torch", "also rows of PyTorch (Debian: python3-torch)"});
    const std::list<Group> groups = register_groups(options);
    run_recorded(options.json_file);
    benchmark::Shutdown();
  });
}
