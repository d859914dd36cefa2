#pragma once
/// Benchmarks that are measured together. A group is measured when the first of its benchmarks runs; the others report
/// what was recorded then. The k-th repetition of a benchmark reports the group's k-th measurement.

#include <benchmark/benchmark.h>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "recorded_times.hpp"

namespace fusiform::bench {

/// One row of the report.
struct Row {
  std::string label = {};
  Duration duration;
  std::map<std::string, double> counters = {};
};

/// Rows by implementation; none for an implementation that cannot do the work.
using Measurement = std::map<std::string, Row>;

class Group {
 public:
  /// Rows are called "<name>/<implementation>". `measure` is called once a repetition.
  Group(std::string name, std::vector<std::string> implementations, std::function<Measurement()> measure)
      : name_(std::move(name)), implementations_(std::move(implementations)), measure_(std::move(measure)) {}

  /// The group must outlive the benchmarks.
  void register_benchmarks() {
    for (const std::string& implementation : implementations_)
      ::benchmark::RegisterBenchmark(
          (name_ + "/" + implementation).c_str(),
          [this, &implementation, repetition = std::size_t{0}](::benchmark::State& state) mutable {
            run(state, implementation, repetition++);
          })
          ->Iterations(1)
          ->UseManualTime()
          ->Unit(::benchmark::kMillisecond);
  }

  [[nodiscard]] const std::string& name() const { return name_; }

  /// A counter of an implementation, one value a measurement that has it.
  [[nodiscard]] std::vector<double> recorded(const std::string& implementation, const std::string& counter) const {
    std::vector<double> values;
    for (const Measurement& measurement : measurements_) {
      const auto row = measurement.find(implementation);
      if (row == measurement.end()) continue;
      const auto value = row->second.counters.find(counter);
      if (value != row->second.counters.end()) values.push_back(value->second);
    }
    return values;
  }

 private:
  void run(::benchmark::State& state, const std::string& implementation, std::size_t repetition) {
    while (measurements_.size() <= repetition) measurements_.push_back(measure_());
    const auto row = measurements_[repetition].find(implementation);
    if (row == measurements_[repetition].end()) return state.SkipWithError("cannot do this");
    report(state, row->second.duration);
    state.SetLabel(row->second.label);
    for (const auto& [name, value] : row->second.counters) state.counters[name] = value;
  }

  std::string name_;
  std::vector<std::string> implementations_;
  std::function<Measurement()> measure_;
  std::vector<Measurement> measurements_;
};

}  // namespace fusiform::bench
