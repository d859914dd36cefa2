#pragma once
/// What a piece of work takes, on the clock and of the processor.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <limits>
#include <vector>

namespace fusiform::bench {

/// Processor seconds are those of all threads together. Waiting for a processor that runs somebody else's program is
/// on the clock only, so on a shared machine the two tell noise from work.
struct Duration {
  double seconds = 0;
  double processor_seconds = 0;
};

template <class Work>
Duration time_of(const Work& work) {
  using Clock = std::chrono::steady_clock;
  const std::clock_t processor_start = std::clock();
  const Clock::time_point start = Clock::now();
  work();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {seconds, static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC};
}

/// NaN for no values; the mean of the middle two for an even number.
inline double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

inline Duration median(const std::vector<Duration>& durations) {
  std::vector<double> seconds;
  std::vector<double> processor_seconds;
  for (const Duration& duration : durations) {
    seconds.push_back(duration.seconds);
    processor_seconds.push_back(duration.processor_seconds);
  }
  return {median(std::move(seconds)), median(std::move(processor_seconds))};
}

inline double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

}  // namespace fusiform::bench
