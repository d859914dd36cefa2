/// Convolution on the CPU, every pass, beside oneDNN and beside im2col with Eigen, on the layers of VGG16, of a small
/// net, and on others that are not 3x3. Implementations of one shape are measured in turn, round by round, with the
/// machine's multiply-add peak in between; times are medians over the rounds, ratios medians of the rounds' ratios.
/// On a shared machine the ratios mean more than the rates, and those of processor time most.
///
///     bench_conv2d --benchmark_filter=forward/vgg16 --threads=1
///     bench_conv2d --benchmark_filter='/small.*/(fusiform|onednn)' --algorithms

#include <algorithm>
#include <benchmark/benchmark.h>
#include <iostream>
#include <list>
#include <string>
#include <vector>

#include "conv2d/measure.hpp"
#include "support/options.hpp"

namespace {

using namespace fusiform;
using namespace fusiform::bench;

struct ConvolutionGroup {
  ConvolutionCase shape;
  Pass pass;
  Group group;
};

/// One group a pass and shape, with those implementations that the filter selects.
std::list<ConvolutionGroup> register_groups(const Options& options) {
  const Selection selected;
  std::list<ConvolutionGroup> groups;
  for (const auto& [pass_name, pass] : passes)
    for (const ConvolutionCase& shape : convolution_cases) {
      const std::string name = text("conv2d/", pass_name, "/", shape.name);
      std::vector<std::string> implementations;
      for (const std::string& implementation : implementation_names(shape, options.flag))
        if (selected(text(name, "/", implementation))) implementations.push_back(implementation);
      if (implementations.empty()) continue;
      const auto measure_all = [&shape, pass = pass, implementations, rounds = options.rounds, name] {
        return measure(Problem(shape, pass), implementations, rounds, name);
      };
      groups.push_back({shape, pass, Group(name, implementations, measure_all)});
      groups.back().group.register_benchmarks();
    }
  return groups;
}

/// Of fusiform's rows. NaN without any.
double geometric_mean_of(const char* counter, const std::list<ConvolutionGroup>& groups, const ShapeSet& set,
                         Pass pass) {
  std::vector<double> values;
  for (const ConvolutionGroup& one : groups)
    if (one.pass == pass && set.contains(one.shape))
      for (const double value : one.group.recorded("fusiform", counter)) values.push_back(value);
  return geometric_mean(values);
}

/// To standard error, so that standard output stays Google Benchmark's.
void print_geometric_means(const std::list<ConvolutionGroup>& groups) {
  for (const ShapeSet& set : shape_sets)
    for (const auto& [pass_name, pass] : passes) {
      const auto measured = std::count_if(groups.begin(), groups.end(), [&, pass = pass](const ConvolutionGroup& one) {
        return one.pass == pass && set.contains(one.shape) &&
               !one.group.recorded("fusiform", "ratio_to_onednn").empty();
      });
      if (measured == 0) continue;
      const auto all = std::count_if(convolution_cases.begin(), convolution_cases.end(), set.contains);
      std::cerr << "geometric mean of ratio_to_onednn, " << set.name << ", " << pass_name << ": "
                << geometric_mean_of("ratio_to_onednn", groups, set, pass) << ", by processor time "
                << geometric_mean_of("processor_ratio_to_onednn", groups, set, pass) << " (" << measured << " of "
                << all << " shapes)\n";
    }
}

}  // namespace

int main(int argc, char** argv) {
  return exit_status_of([&] {
    const Options options = read_options(
        argc, argv, {"--algorithms", "also rows for each of fusiform's algorithms, fusiform.winograd_4x4"});
#ifdef FUSIFORM_BENCH_ONEDNN
    benchmark::AddCustomContext("onednn", onednn::version());
#endif
    const std::list<ConvolutionGroup> groups = register_groups(options);
    run_recorded(options.json_file);
    benchmark::Shutdown();
    print_geometric_means(groups);
  });
}
