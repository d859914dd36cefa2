#pragma once
/// Google Benchmark's reports for programs that measure several implementations in turn. One benchmark of such a
/// program reports times that were recorded before: it runs one iteration with manual time, and hands its processor
/// time over as a counter. Here the rows get the names and columns of an ordinary benchmark back.

#include <benchmark/benchmark.h>
#include <memory>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duration.hpp"

namespace fusiform::bench {

inline constexpr const char* processor_seconds = "processor_seconds";

/// Ends a benchmark registered with `Iterations(1)->UseManualTime()`.
inline void report(::benchmark::State& state, const Duration& duration) {
  for ([[maybe_unused]] auto step : state) state.SetIterationTime(duration.seconds);
  state.counters[processor_seconds] = duration.processor_seconds;
}

/// Forwards to another reporter, with "/iterations:1/manual_time" taken from the names and the processor time where
/// the report has a column for it.
class RecordedTimesReporter : public ::benchmark::BenchmarkReporter {
 public:
  explicit RecordedTimesReporter(std::unique_ptr<::benchmark::BenchmarkReporter> reporter)
      : reporter_(std::move(reporter)) {}

  bool ReportContext(const Context& context) override {  // NOLINT(readability-identifier-naming)
    reporter_->SetOutputStream(&GetOutputStream());
    reporter_->SetErrorStream(&GetErrorStream());
    return reporter_->ReportContext(context);
  }

  void ReportRuns(const std::vector<Run>& report) override {  // NOLINT(readability-identifier-naming)
    std::vector<Run> runs = report;
    for (Run& run : runs) {
      run.run_name.iterations.clear();
      run.run_name.time_type.clear();
      const auto seconds = run.counters.find(processor_seconds);
      if (seconds == run.counters.end()) continue;
      run.cpu_accumulated_time = seconds->second.value * static_cast<double>(run.iterations);
      run.counters.erase(seconds);
    }
    reporter_->ReportRuns(runs);
  }

  void Finalize() override { reporter_->Finalize(); }  // NOLINT(readability-identifier-naming)

 private:
  std::unique_ptr<::benchmark::BenchmarkReporter> reporter_;
};

/// Whether --benchmark_out=FILE is given, in its default format. Before benchmark::Initialize takes it away.
[[nodiscard]] inline bool asks_for_json_file(int argc, const char* const* argv) {
  bool file = false;
  bool json = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--benchmark_out=")) file = true;
    if (argument.starts_with("--benchmark_out_format=")) json = argument.ends_with("=json");
  }
  return file && json;
}

/// Runs the registered benchmarks. `json_file`: --benchmark_out=FILE was given, in its default format.
inline void run_recorded(bool json_file) {
  RecordedTimesReporter display{
      std::unique_ptr<::benchmark::BenchmarkReporter>(::benchmark::CreateDefaultDisplayReporter())};
  RecordedTimesReporter file{std::make_unique<::benchmark::JSONReporter>()};
  ::benchmark::RunSpecifiedBenchmarks(&display, json_file ? &file : nullptr, "all");
}

/// Whether --benchmark_filter selects a name. Decided here and not by Google Benchmark: only what is selected shall
/// be measured along, and the names it would look at have the suffix.
class Selection {
 public:
  /// After benchmark::Initialize. Throws std::regex_error.
  Selection() {
    std::string filter = ::benchmark::GetBenchmarkFilter();
    if (filter.empty() || filter == "all") filter = ".";
    negative_ = filter[0] == '-';
    pattern_ = std::regex(filter.substr(negative_ ? 1 : 0), std::regex::extended);
  }

  [[nodiscard]] bool operator()(const std::string& name) const {
    return std::regex_search(name, pattern_) != negative_;
  }

 private:
  bool negative_ = false;
  std::regex pattern_;
};

}  // namespace fusiform::bench
