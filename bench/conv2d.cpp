/// Convolution on the CPU, every pass, beside oneDNN and beside im2col with Eigen, on the layers of VGG16, of a small
/// net, and on others that are not 3x3. Implementations of one shape are measured in turn, round by round, with the
/// machine's multiply-add peak in between; times are medians over the rounds, ratios medians of the rounds' ratios.
/// On a shared machine the ratios mean more than the rates.
///
///     bench_conv2d --benchmark_filter=forward/vgg16 --threads=1
///     bench_conv2d --benchmark_filter='/small.*/(fusiform|onednn)' --algorithms

#include <algorithm>
#include <benchmark/benchmark.h>
#include <charconv>
#include <exception>
#include <iostream>
#include <list>
#include <string>
#include <string_view>

#include <fusiform/core/parallel.hpp>

#include "conv2d/groups.hpp"
#include "support/recorded_times.hpp"

namespace {

using namespace fusiform;
using namespace fusiform::bench;

struct Options {
  bool each_algorithm = false;
  RoundSettings rounds;
};

void print_help() {
  std::cout << "bench_conv2d [options] [--benchmark_filter=REGEX and the other options of Google Benchmark]\n"
               "  --threads=N     threads of every implementation (default: OMP_NUM_THREADS or all)\n"
               "  --algorithms    rows for each of fusiform's algorithms, fusiform.winograd_4x4 and so on\n"
               "  --rounds=N      rounds of each shape and pass, at least (default 5)\n"
               "  --seconds=S     more rounds until S seconds have passed (default 1)\n";
}

void run(benchmark::State& state, Group& group, const std::string& implementation, std::size_t& repetition,
         const RoundSettings& settings) {
  const Row* const row = group.row(implementation, repetition++, settings);
  if (row == nullptr) return state.SkipWithError("cannot compute this");
  report(state, row->duration);
  state.SetLabel(row->label);
  state.counters["GFLOP/s"] = row->flop_per_second * 1e-9;
  state.counters["percent_of_peak"] = 100 * row->part_of_peak;
  if (row->ratio_to_onednn) state.counters["ratio_to_onednn"] = *row->ratio_to_onednn;
}

/// One group a pass and shape, with those implementations that the filter selects.
std::list<Group> register_groups(const Options& options) {
  const Selection selected;
  std::list<Group> groups;
  for (const auto& [pass_name, pass] : passes)
    for (const ConvolutionCase& shape : convolution_cases) {
      const std::string name = text("conv2d/", pass_name, "/", shape.name);
      std::vector<std::string> implementations;
      for (const std::string& implementation : implementation_names(shape, options.each_algorithm))
        if (selected(text(name, "/", implementation))) implementations.push_back(implementation);
      if (implementations.empty()) continue;
      Group& group = groups.emplace_back(name, shape, pass, std::move(implementations));
      for (const std::string& implementation : group.implementations())
        benchmark::RegisterBenchmark(
            text(name, "/", implementation).c_str(),
            [&group, &implementation, settings = options.rounds, repetition = std::size_t{0}](
                benchmark::State& state) mutable { run(state, group, implementation, repetition, settings); })
            ->Iterations(1)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
    }
  return groups;
}

/// To standard error, so that standard output stays Google Benchmark's.
void print_geometric_means(const std::list<Group>& groups) {
  for (const ShapeSet& set : shape_sets)
    for (const auto& [pass_name, pass] : passes) {
      std::vector<double> ratios;
      Index shapes = 0;
      for (const Group& group : groups)
        if (group.pass() == pass && set.contains(group.shape()))
          if (const std::vector<double> measured = group.ratios_to_onednn(); !measured.empty()) {
            ratios.push_back(geometric_mean(measured));
            ++shapes;
          }
      const auto all = std::count_if(convolution_cases.begin(), convolution_cases.end(), set.contains);
      if (shapes > 0)
        std::cerr << "geometric mean of ratio_to_onednn, " << set.name << ", " << pass_name << ": "
                  << geometric_mean(ratios) << " (" << shapes << " of " << all << " shapes)\n";
    }
}

/// The number behind "name=", if the argument begins so. Throws ConfigError if that is not a number above 0.
template <class Number>
bool read_number(std::string_view argument, std::string_view name, Number& number) {
  if (!argument.starts_with(name)) return false;
  const std::string_view digits = argument.substr(name.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || !(number > 0))
    throw ConfigError(text(name, ": expected a number above 0, got '", digits, "'"));
  return true;
}

/// Takes our own arguments out of what Google Benchmark left over.
Options read_options(int& argc, char** argv) {
  Options options;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    int threads = 0;
    if (argument == "--algorithms")
      options.each_algorithm = true;
    else if (read_number(argument, "--threads=", threads))
      set_thread_count(threads);
    else if (!read_number(argument, "--rounds=", options.rounds.rounds) &&
             !read_number(argument, "--seconds=", options.rounds.seconds))
      argv[kept++] = argv[i];
  }
  argc = kept;
  return options;
}

int measure(int argc, char** argv) {
  const bool json_file = asks_for_json_file(argc, argv);
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--help") print_help();
  benchmark::Initialize(&argc, argv);
  const Options options = read_options(argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("threads", std::to_string(thread_count()));
#ifdef FUSIFORM_BENCH_ONEDNN
  benchmark::AddCustomContext("onednn", onednn::version());
#endif
  const std::list<Group> groups = register_groups(options);
  run_recorded(json_file);
  benchmark::Shutdown();
  print_geometric_means(groups);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "bench_conv2d: " << error.what() << '\n';
    return dynamic_cast<const ConfigError*>(&error) != nullptr ? 2 : 1;
  }
}
