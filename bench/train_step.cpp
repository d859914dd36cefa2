/// Images a second in a training step (forward pass, gradients, SGD with momentum) and in a forward pass of whole nets.
/// With --torch PyTorch does the same in turn, in a process of its own; `ratio_to_pytorch` is then the median of the
/// rounds' ratios, above 1 where fusiform is faster.
///
///     bench_train_step --benchmark_filter=small --threads=1

#include <array>
#include <benchmark/benchmark.h>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/group.hpp"
#include "support/options.hpp"
#include "support/pytorch.hpp"
#include "train_step/net.hpp"

namespace {

using namespace fusiform;
using namespace fusiform::bench;

enum class Work { train_step, forward };

constexpr std::array<std::pair<const char*, Work>, 2> works{
    {{"train_step", Work::train_step}, {"forward", Work::forward}}};

Measure fusiform_measure(const NetCase& net, Work work) {
  const auto run = std::make_shared<NetRun<float, Cpu>>(net);
  const auto once = [run, work] { work == Work::train_step ? run->train_step() : run->forward(); };
  once();  // memory touched, buffers grown
  return repeated(once);
}

Measure torch_measure(const std::string& name) {
  return pytorch_measure(std::filesystem::path(__FILE__).replace_filename("train_step_torch.py"), {"--serve", name}, 2);
}

Measurement measure(const NetCase& net, Work work, const std::string& name, const std::vector<std::string>& selected,
                    const RoundSettings& settings) {
  std::vector<Measure> measures;
  for (const std::string& implementation : selected)
    measures.push_back(implementation == "fusiform" ? fusiform_measure(net, work) : torch_measure(name));
  const Rounds rounds = alternate(measures, settings);
  Measurement measurement;
  for (std::size_t i = 0; i < selected.size(); ++i) {
    Row row{.duration = median(rounds.durations[i])};
    row.counters["images/s"] = static_cast<double>(net.batch) / row.duration.seconds;
    if (selected.size() == 2 && i == 0) {
      row.counters["ratio_to_pytorch"] = paired_ratio(rounds, 1, 0);
      row.counters["processor_ratio_to_pytorch"] = paired_ratio(rounds, 1, 0, &Duration::processor_seconds);
    }
    measurement[selected[i]] = std::move(row);
  }
  return measurement;
}

std::list<Group> register_groups(const Options& options) {
  const Selection selected;
  std::list<Group> groups;
  for (const auto& [work_name, work] : works)
    for (const NetCase& net : net_cases) {
      const std::string name = text(work_name, "/", net.name);
      std::vector<std::string> implementations;
      for (const char* implementation : {"fusiform", "pytorch"})
        if ((implementation == std::string("fusiform") || options.flag) && selected(text(name, "/", implementation)))
          implementations.emplace_back(implementation);
      if (implementations.empty()) continue;
      const auto measure_all = [&net, work = work, name, implementations, rounds = options.rounds] {
        return measure(net, work, name, implementations, rounds);
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
