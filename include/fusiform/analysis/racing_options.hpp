#pragma once
/// How races between candidate lesions are run.

#include <cmath>
#include <cstdint>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/rounding.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

struct RacingOptions {
  double delta = 0.01;     ///< for each iteration: probability that it selects other units than the exact one would
  double epsilon = 0;      ///< nats; units this much below the cut may be selected: the larger, the sooner races end
  double audit = 0.02;     ///< share of the candidates that is evaluated to the end, eliminated or not
  std::uint64_t seed = 0;  ///< of the audit's draw
  Index minimum = 128;     ///< images before the first check: the central limit theorem needs some
  double growth = 2;       ///< images at a check over images at the one before
};

/// Throws ConfigError.
inline void check_options(const RacingOptions& options) {
  require_setting(options.delta > 0 && options.delta < 1, "racing", "a delta between 0 and 1", options.delta);
  require_setting(options.epsilon >= 0, "racing", "an epsilon of at least 0 nats", options.epsilon);
  require_setting(options.audit >= 0 && options.audit <= 1, "racing", "an audited share from 0 to 1", options.audit);
  require_setting(options.minimum >= 2, "racing", "a minimum of at least 2 images", options.minimum);
  require_setting(options.growth > 1, "racing", "checks that grow by more than 1", options.growth);
}

/// Numbers of images after which a race is checked: whole blocks, fewer than `images`; none if there are too few.
[[nodiscard]] inline std::vector<Index> race_checks(Index images, Index block, const RacingOptions& options) {
  std::vector<Index> checks;
  for (auto wanted = static_cast<double>(options.minimum); wanted < static_cast<double>(images);
       wanted *= options.growth) {
    const Index check = divide_up(static_cast<Index>(std::ceil(wanted)), block) * block;
    if (check < images && (checks.empty() || check > checks.back())) checks.push_back(check);
  }
  return checks;
}

}  // namespace fusiform
