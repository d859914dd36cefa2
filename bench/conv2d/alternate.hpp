#pragma once
/// Measures implementations of one problem in turn, so that noise of the machine meets all of them alike.

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "../support/duration.hpp"
#include "../support/peak.hpp"
#include "implementation.hpp"

namespace fusiform::bench {

struct RoundSettings {
  Index rounds = 5;    ///< at least
  double seconds = 1;  ///< more rounds until this has passed
};

/// How long one implementation took in each round, and the multiply-add peak (FLOP/s) around the round.
struct Rounds {
  std::vector<std::vector<Duration>> durations;  ///< [implementation][round], per call
  std::vector<double> peaks;                     ///< [round]
};

/// Calls of one measurement: together 10 ms at least, so that the clock and waking threads do not matter.
inline Index calls_per_round(const Implementation& implementation) {
  const double seconds = time_of(implementation.run).seconds;
  return std::max<Index>(1, static_cast<Index>(0.010 / std::max(seconds, 1e-6)));
}

/// first, second, ..., peak, first, second, ..., peak, ...
inline Rounds alternate(const std::vector<Implementation>& implementations, const RoundSettings& settings) {
  std::vector<Index> calls;
  for (const Implementation& implementation : implementations) calls.push_back(calls_per_round(implementation));
  Rounds rounds{.durations = std::vector<std::vector<Duration>>(implementations.size())};
  double peak_before = measure_peak();
  double passed = 0;
  for (Index round = 0; round < settings.rounds || passed < settings.seconds; ++round)
    passed += time_of([&] {
                for (std::size_t i = 0; i < implementations.size(); ++i) {
                  const Duration all = time_of([&] {
                    for (Index call = 0; call < calls[i]; ++call) implementations[i].run();
                  });
                  const auto divisor = static_cast<double>(calls[i]);
                  rounds.durations[i].push_back({all.seconds / divisor, all.processor_seconds / divisor});
                }
                const double peak_after = measure_peak();
                rounds.peaks.push_back((peak_before + peak_after) / 2);
                peak_before = peak_after;
              }).seconds;
  return rounds;
}

/// Median over the rounds of seconds(implementation) / seconds(other).
inline double paired_ratio(const Rounds& rounds, std::size_t implementation, std::size_t other) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < rounds.peaks.size(); ++round)
    ratios.push_back(rounds.durations[implementation][round].seconds / rounds.durations[other][round].seconds);
  return median(std::move(ratios));
}

/// Median over the rounds of the part of the peak that `flop` operations a call are.
inline double part_of_peak(const Rounds& rounds, std::size_t implementation, double flop) {
  std::vector<double> parts;
  for (std::size_t round = 0; round < rounds.peaks.size(); ++round)
    parts.push_back(flop / rounds.durations[implementation][round].seconds / rounds.peaks[round]);
  return median(std::move(parts));
}

}  // namespace fusiform::bench
