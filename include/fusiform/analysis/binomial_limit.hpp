#pragma once
/// What a count of rare events says about their rate.

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// One-sided upper confidence limit of a probability after `events` in `trials` independent trials (Clopper & Pearson
/// 1934): the rate at which so few events have probability 1 - level. 1 without trials.
/// Throws ConfigError unless 0 <= events <= trials and 0 < level < 1.
[[nodiscard]] inline double binomial_upper_limit(Index events, Index trials, double level = 0.95) {
  require_setting(trials >= 0, "binomial limit", "at least 0 trials", trials);
  require_setting(events >= 0 && events <= trials, "binomial limit", text("0 to ", trials, " events"), events);
  require_setting(level > 0 && level < 1, "binomial limit", "a level between 0 and 1", level);
  if (events == trials) return 1;
  const auto more = static_cast<double>(events + 1);
  const auto others = static_cast<double>(trials - events);
  double low = 0;
  double high = 1;
  // P(at most `events` at rate p) = 1 - I_p(events + 1, trials - events) falls with p.
  for (double middle = 0.5; middle > low && middle < high; middle = low + (high - low) / 2)
    (detail::incomplete_beta(more, others, middle) < level ? low : high) = middle;
  return high;
}

}  // namespace fusiform
