#pragma once
/// Intervals of a study's numbers: the kind its settings ask for, and how the summary stores them.

#include <nlohmann/json.hpp>

#include <fusiform/analysis/resampled.hpp>
#include <fusiform/study/config.hpp>

namespace fusiform {

/// The bootstrap that `[statistics]` asks for.
[[nodiscard]] inline BootstrapOptions bootstrap_options(const StatisticsConfig& statistics) {
  return {.replicates = statistics.replicates,
          .level = statistics.level,
          .kind = statistics.interval == "bca" ? IntervalKind::bca : IntervalKind::percentile};
}

/// "reason" says why there are no ends, or why they are not of the kind asked for.
[[nodiscard]] inline nlohmann::ordered_json to_json(const Interval& interval) {
  nlohmann::ordered_json json{{"estimate", interval.estimate},
                              {"low", interval.low},
                              {"high", interval.high},
                              {"sd", interval.deviation}};  // not-a-number becomes null
  if (!interval.reason.empty()) json["reason"] = interval.reason;
  return json;
}

namespace detail {

using Json = nlohmann::ordered_json;

}  // namespace detail

}  // namespace fusiform
