/// Operations that memory limits, and linear layers between that and arithmetic, beside the plain traffic that they
/// cannot do without ("floor": the same elements read, written or updated by the simplest loops; of a softmax the
/// exponentials alone). The two are measured in turn, round by round. percent_of_floor: the floor's time, or for
/// products the time of their multiply-adds at the machine's peak where that is longer, in percent of fusiform's. Of
/// processor time where the name says so: on a shared machine that means more.
///
///     bench_memory_bound --benchmark_filter='linear/forward/.*batch1/' --threads=1

#include <algorithm>
#include <benchmark/benchmark.h>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "memory_bound/cases.hpp"
#include "support/group.hpp"
#include "support/options.hpp"

namespace {

using namespace fusiform;
using namespace fusiform::bench;

/// Median over the rounds of the floor in percent of what fusiform took.
double percent_of_floor(const Rounds& rounds, double flop, double Duration::*seconds) {
  std::vector<double> percents;
  for (std::size_t round = 0; round < rounds.peaks.size(); ++round) {
    const Peak& peak = rounds.peaks[round];
    const double arithmetic = flop * peak.duration.*seconds / peak.flop;
    percents.push_back(100 * std::max(arithmetic, rounds.durations[1][round].*seconds) /
                       rounds.durations[0][round].*seconds);
  }
  return median(std::move(percents));
}

Measurement measure(const MemoryCase& memory_case, const RoundSettings& settings) {
  TrafficFloor traffic(memory_case.traffic);
  const std::function<void()> plain_work = memory_case.floor ? memory_case.floor : [&traffic] { traffic.run(); };
  const Rounds rounds = alternate({repeated(memory_case.prepare()), repeated(plain_work)}, settings);
  Row fusiform{.duration = median(rounds.durations[0])};
  fusiform.counters["percent_of_floor"] = percent_of_floor(rounds, memory_case.flop, &Duration::seconds);
  fusiform.counters["processor_percent_of_floor"] =
      percent_of_floor(rounds, memory_case.flop, &Duration::processor_seconds);
  if (memory_case.flop > 0) {
    fusiform.counters["percent_of_peak"] = 100 * part_of_peak(rounds, 0, memory_case.flop);
    fusiform.counters["processor_percent_of_peak"] =
        100 * part_of_peak(rounds, 0, memory_case.flop, &Duration::processor_seconds);
  }
  Row plain{.duration = median(rounds.durations[1])};
  if (!memory_case.floor) plain.counters["GB/s"] = traffic.bytes() / plain.duration.seconds * 1e-9;
  return {{"fusiform", fusiform}, {"floor", plain}};
}

}  // namespace

int main(int argc, char** argv) {
  return exit_status_of([&] {
    const Options options = read_options(argc, argv, {});
    const Selection selected;
    const std::vector<MemoryCase> cases = memory_cases();
    std::list<Group> groups;
    for (const MemoryCase& memory_case : cases) {
      std::vector<std::string> rows;
      for (const char* row : {"fusiform", "floor"})
        if (selected(text(memory_case.name, "/", row))) rows.emplace_back(row);
      if (rows.empty()) continue;
      groups.emplace_back(memory_case.name, rows,
                          [&memory_case, rounds = options.rounds] { return measure(memory_case, rounds); });
      groups.back().register_benchmarks();
    }
    run_recorded(options.json_file);
  });
}
