#pragma once
/// How far the mean over a list of images can lie above the mean over its first images.

#include <algorithm>
#include <cmath>

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

struct Moments {
  double mean = 0;
  double deviation = 0;  ///< with n - 1; 0 for one value
  double skewness = 0;   ///< 0 if the values do not vary
};

/// Moments of value(0), ..., value(count - 1). Sums run in order.
template <class Value>
[[nodiscard]] Moments moments(Index count, const Value& value) {
  Moments result;
  const auto n = static_cast<double>(count);
  for (Index i = 0; i < count; ++i) result.mean += value(i);
  result.mean /= n;
  double squares = 0;
  double cubes = 0;
  for (Index i = 0; i < count; ++i) {
    const double x = value(i) - result.mean;
    squares += x * x;
    cubes += x * x * x;
  }
  if (count > 1) result.deviation = std::sqrt(squares / (n - 1));
  if (result.deviation > 0) result.skewness = cubes / n / (result.deviation * result.deviation * result.deviation);
  return result;
}

/// Upper ends of one-sided intervals that fail with probability `risk` each. The first `sample` images of a list in
/// random order are a sample without replacement, so the error carries the factor sqrt(1 - sample / list): nothing is
/// left to chance when the list is done. Student's quantile, moved outward for values skewed to the right, whose
/// samples tend to lack their large values (Johnson 1978, Hall 1992: the first term of the Cornish-Fisher expansion).
class UpperLimit {
 public:
  /// Throws ConfigError unless there are two images and 0 < risk <= 0.5.
  UpperLimit(double risk, Index sample, Index list) : sample_(sample), list_(list) {
    require_setting(risk > 0 && risk <= 0.5, "upper limit", "a risk above 0 and up to 0.5", risk);
    require_setting(sample >= 2, "upper limit", "at least 2 images", sample);
    quantile_ = -student_t_quantile(risk, static_cast<double>(sample - 1));
  }

  /// Distance of the limit from the sample's mean; `value` are the moments of single images.
  [[nodiscard]] double reach(const Moments& value) const noexcept {
    return quantile(value.skewness, sample_) * value.deviation *
           std::sqrt(1 / as_double(sample_) - 1 / as_double(list_));
  }

  /// The same for the mean of `change` over the sample plus the mean of an earlier quantity over the first `known`
  /// images, where change = value - earlier quantity: sampling in two phases (Cochran 1977, 12.9, with coefficient 1).
  [[nodiscard]] double reach(const Moments& change, const Moments& value, Index known) const noexcept {
    const double of_change = quantile(change.skewness, sample_) * change.deviation;
    const double of_value = quantile(value.skewness, known) * value.deviation;
    const double inverse_known = 1 / as_double(known);
    return std::sqrt(of_change * of_change * (1 / as_double(sample_) - inverse_known) +
                     of_value * of_value * (inverse_known - 1 / as_double(list_)));
  }

 private:
  [[nodiscard]] static double as_double(Index count) noexcept { return static_cast<double>(count); }
  [[nodiscard]] double quantile(double skewness, Index images) const noexcept {
    const double outward = std::max(0.0, skewness) / (6 * std::sqrt(as_double(images)));
    return quantile_ + outward * (2 * quantile_ * quantile_ + 1);
  }

  Index sample_;
  Index list_;
  double quantile_ = 0;
};

}  // namespace fusiform
