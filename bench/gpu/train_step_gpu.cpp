/// Images a second of VGG16's training step on a GPU (224 x 224, 1000 classes, SGD with momentum): forward pass, loss,
/// gradients and update, in bf16 with float parameters, or in float with exact arithmetic. train_step_gpu.py does the
/// same in PyTorch.
///
///     train_step_gpu [--float] [--graph] [--profile] [--batch N]... [--seconds S] [--net NAME] [--size N] [--classes
///     N]
///
/// --graph replays a recording of the step (whose dropout masks then repeat), --profile says where the time goes.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/cuda_graph.hpp>
#include <fusiform/core/kernel_times.hpp>

#include "bench/train_step/net.hpp"

namespace {

using namespace fusiform;
using fusiform::bench::NetCase;
using fusiform::bench::NetRun;

struct Options {
  bool exact_float = false, graph = false, profile = false;
  std::vector<Index> batches;
  double seconds = 3;
  std::string net = "vgg16";
  Index size = 224, classes = 1000;
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size()) throw ConfigError("expected a value behind " + word);
      return arguments[++i];
    };
    if (word == "--float")
      options.exact_float = true;
    else if (word == "--graph")
      options.graph = true;
    else if (word == "--profile")
      options.profile = true;
    else if (word == "--batch")
      options.batches.push_back(std::stol(value()));
    else if (word == "--seconds")
      options.seconds = std::stod(value());
    else if (word == "--net")
      options.net = value();
    else if (word == "--size")
      options.size = std::stol(value());
    else if (word == "--classes")
      options.classes = std::stol(value());
    else
      throw ConfigError("unknown argument '" + word + "'");
  }
  if (options.batches.empty()) options.batches = {64, 128};
  return options;
}

/// Median over samples of five steps, for about `seconds`.
template <class Step>
double seconds_a_step(const Step& step, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::vector<double> samples;
  for (const auto start = Clock::now(); since(start) < seconds || samples.size() < 3;) {
    const auto begin = Clock::now();
    for (int i = 0; i < 5; ++i) step();
    synchronize(Cuda{});
    samples.push_back(since(begin) / 5);
  }
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2), samples.end());
  return samples[samples.size() / 2];
}

void print_table(std::vector<KernelTime> rows, int steps, double step_milliseconds) {
  std::sort(rows.begin(), rows.end(),
            [](const KernelTime& a, const KernelTime& b) { return a.milliseconds > b.milliseconds; });
  for (const KernelTime& row : rows)
    std::printf("  %9.3f ms %5.1f %% %5.1f launches  %s\n", row.milliseconds / steps,
                100 * row.milliseconds / steps / step_milliseconds, static_cast<double>(row.launches) / steps,
                row.what.c_str());
}

/// A table by operation, without its shapes, then one with them.
template <class Step>
void profile(const Step& step, double step_milliseconds) {
  constexpr int steps = 5;
  std::vector<KernelTime> times;
  {
    const KernelTimes measured;
    for (int i = 0; i < steps; ++i) step();
    times = measured.sums();
  }
  std::map<std::string, KernelTime> families;
  double sum = 0;
  for (const KernelTime& time : times) {
    const std::string name = time.what.substr(0, time.what.find(" ("));
    KernelTime& family = families[name];
    family.what = name;
    family.launches += time.launches;
    family.milliseconds += time.milliseconds;
    sum += time.milliseconds / steps;
  }
  std::vector<KernelTime> rows;
  for (const auto& entry : families) rows.push_back(entry.second);
  std::printf("  kernels %.3f ms of a step of %.3f ms\n", sum, step_milliseconds);
  print_table(std::move(rows), steps, step_milliseconds);
  print_table(std::move(times), steps, step_milliseconds);
}

void report(const NetCase& net, const std::string& what, double seconds) {
  std::printf("train_step/%s/b%ld/%s %10.2f ms %10.0f images/s\n", std::string(net.name).c_str(),
              static_cast<long>(net.batch), what.c_str(), seconds * 1e3, static_cast<double>(net.batch) / seconds);
  std::fflush(stdout);
}

template <Scalar T>
void measure(const NetCase& net, const Options& options) {
  const std::string name = std::same_as<T, float> ? "float/fusiform" : "bf16/fusiform";
  NetRun<T, Cuda> run(net);
  const auto step = [&] { run.train_step(); };
  step();
  const double first_loss = run.loss();
  for (int i = 0; i < 4; ++i) step();
  synchronize(Cuda{});
  const double seconds = seconds_a_step(step, options.seconds);
  report(net, name, seconds);
  std::printf("  loss %.4f in the first step, %.4f in the last\n", first_loss, run.loss());
  if (options.graph) {
    CudaGraph graph;
    graph.record(step);
    graph.replay();
    report(net, name + "/graph", seconds_a_step([&] { graph.replay(); }, options.seconds));
  }
  if (options.profile) profile(step, seconds * 1e3);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const Options options = parse({arguments + 1, arguments + count});
    std::printf("%s\n", describe_devices(Cuda{}).front().c_str());
    require_device(Cuda{});
    for (const Index batch : options.batches) {
      const NetCase net{options.net, options.net.c_str(), batch, options.size, options.classes};
      options.exact_float ? measure<float>(net, options) : measure<bfloat16>(net, options);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_step_gpu: %s\n", error.what());
    return 1;
  }
}
