#pragma once
/// Measures implementations in turn, so that noise of the machine meets all of them alike.

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include <fusiform/core/scalar.hpp>

#include "duration.hpp"
#include "peak.hpp"

namespace fusiform::bench {

struct RoundSettings {
  Index rounds = 5;    ///< at least
  double seconds = 1;  ///< more rounds until this has passed
};

/// Does the work once and returns what that took; by whatever process.
using Measure = std::function<Duration()>;

/// How long each implementation took in each round, and the multiply-add peak around the round.
struct Rounds {
  std::vector<std::vector<Duration>> durations;  ///< [implementation][round], per call
  std::vector<Peak> peaks;                       ///< [round]
};

/// first, second, ..., peak, first, second, ..., peak, ...
inline Rounds alternate(const std::vector<Measure>& implementations, const RoundSettings& settings) {
  Rounds rounds{.durations = std::vector<std::vector<Duration>>(implementations.size()), .peaks = {}};
  Peak before = measure_peak();
  double passed = 0;
  const auto run_round = [&] {
    for (std::size_t i = 0; i < implementations.size(); ++i) rounds.durations[i].push_back(implementations[i]());
    const Peak after = measure_peak();
    rounds.peaks.push_back({before.flop + after.flop,
                            {before.duration.seconds + after.duration.seconds,
                             before.duration.processor_seconds + after.duration.processor_seconds}});
    before = after;
  };
  for (Index round = 0; round < settings.rounds || passed < settings.seconds; ++round)
    passed += time_of(run_round).seconds;
  return rounds;
}

/// Measures so many calls that they take 10 ms together: then the clock and waking threads do not matter.
/// Calls the work once to find out.
inline Measure repeated(std::function<void()> work) {
  const double seconds = time_of(work).seconds;
  const Index calls = std::max<Index>(1, static_cast<Index>(0.010 / std::max(seconds, 1e-6)));
  return [work = std::move(work), calls] {
    const Duration all = time_of([&] {
      for (Index call = 0; call < calls; ++call) work();
    });
    return Duration{all.seconds / static_cast<double>(calls), all.processor_seconds / static_cast<double>(calls)};
  };
}

/// Median over the rounds of numerator / denominator, in seconds on the clock or of processor time.
inline double paired_ratio(const Rounds& rounds, std::size_t numerator, std::size_t denominator,
                           double Duration::*seconds = &Duration::seconds) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < rounds.peaks.size(); ++round)
    ratios.push_back(rounds.durations[numerator][round].*seconds / rounds.durations[denominator][round].*seconds);
  return median(std::move(ratios));
}

/// Median over the rounds of the part of the peak that `flop` operations a call are, a second on the clock or of
/// processor time.
inline double part_of_peak(const Rounds& rounds, std::size_t implementation, double flop,
                           double Duration::*seconds = &Duration::seconds) {
  std::vector<double> parts;
  for (std::size_t round = 0; round < rounds.peaks.size(); ++round)
    parts.push_back(flop / rounds.durations[implementation][round].*seconds /
                    (rounds.peaks[round].flop / rounds.peaks[round].duration.*seconds));
  return median(std::move(parts));
}

}  // namespace fusiform::bench
