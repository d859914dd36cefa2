#pragma once
/// How differently a unit answers to the images of one task and of the others: a localizer contrast, as used to find
/// face- or place-selective voxels and units. It is correlational: a selective unit need not be needed.

#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/analysis/unit_table.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

/// Mean and spread of one unit's responses to one group of images.
struct ResponseMoments {
  Index images = 0;
  double mean = 0;
  double variance = 0;  ///< unbiased: n - 1
};

/// One unit: task s against all others. Positive = it answers more to s. A unit that never varies has contrast 0.
struct SelectivityContrast {
  double difference = 0;     ///< of the two mean responses
  double t = 0;              ///< Welch's, for unequal variances; infinite if only the means differ
  double freedom = 0;        ///< degrees of freedom by Welch and Satterthwaite
  double minus_log10_p = 0;  ///< -log10 of t's two-sided p, as in localizer maps; infinite where p is below 1e-307
  double d_prime = 0;        ///< difference / root of the mean of the two variances
  double explained = 0;      ///< share of the variance over all images that the two groups explain (eta squared)
};

/// The contrast of two groups of 2 or more images. Formulas: Welch 1947, Satterthwaite 1946; d' as in Green & Swets
/// 1966 with the variances averaged.
[[nodiscard]] inline SelectivityContrast selectivity_contrast(const ResponseMoments& own,
                                                              const ResponseMoments& others) {
  SelectivityContrast contrast;
  contrast.difference = own.mean - others.mean;
  if (contrast.difference == 0 && own.variance == 0 && others.variance == 0) return contrast;
  const auto n = static_cast<double>(own.images);
  const auto m = static_cast<double>(others.images);
  const double own_error = own.variance / n;
  const double other_error = others.variance / m;
  const double error = own_error + other_error;
  contrast.t = contrast.difference / std::sqrt(error);
  contrast.freedom =
      error > 0 ? error * error / (own_error * own_error / (n - 1) + other_error * other_error / (m - 1)) : n + m - 2;
  contrast.d_prime = contrast.difference / std::sqrt((own.variance + others.variance) / 2);
  contrast.minus_log10_p = std::isinf(contrast.t) ? std::numeric_limits<double>::infinity()
                                                  : -std::log10(student_t_two_sided_p(contrast.t, contrast.freedom));
  const double between = n * m / (n + m) * contrast.difference * contrast.difference;
  contrast.explained = between / (between + (n - 1) * own.variance + (m - 1) * others.variance);
  return contrast;
}

namespace detail {

/// Moments of each unit over all given tables, in double, images in their order.
[[nodiscard]] inline std::vector<ResponseMoments> response_moments(std::span<const View<const float, Cpu>> tables,
                                                                   Index units) {
  std::vector<ResponseMoments> moments(static_cast<std::size_t>(units));
  constexpr Index grain = 64;
  parallel_ranges(units, grain, [&](Index begin, Index end) {
    const auto for_all = [&](const auto& take) {
      for (const View<const float, Cpu>& table : tables)
        for (Index row = 0; row < table.shape()[0]; ++row)
          for (Index unit = begin; unit < end; ++unit)
            take(moments[static_cast<std::size_t>(unit)], static_cast<double>(table[row * units + unit]));
    };
    for_all([](ResponseMoments& unit, double response) {
      ++unit.images;
      unit.mean += response;
    });
    for (Index unit = begin; unit < end; ++unit) {
      ResponseMoments& moment = moments[static_cast<std::size_t>(unit)];
      moment.mean /= static_cast<double>(moment.images);
    }
    for_all([](ResponseMoments& unit, double response) {
      unit.variance += (response - unit.mean) * (response - unit.mean);
    });
    for (Index unit = begin; unit < end; ++unit) {
      ResponseMoments& moment = moments[static_cast<std::size_t>(unit)];
      moment.variance /= static_cast<double>(moment.images - 1);
    }
  });
  return moments;
}

/// Throws ConfigError or ShapeError unless there are tables (images, units) of the same units.
inline Index require_response_tables(std::string_view where, std::span<const View<const float, Cpu>> tasks) {
  require_setting(!tasks.empty(), where, "responses to at least 1 task", tasks.size());
  for (const View<const float, Cpu>& table : tasks) {
    require_equal(where, "dimensions (images, units)", 2, table.shape().rank());
    require_equal(where, "units", tasks.front().shape()[1], table.shape()[1]);
  }
  return tasks.front().shape()[1];
}

}  // namespace detail

/// One contrast per unit, of task `task` against the images of all other tasks together. tasks[t] holds the responses
/// to the images of task t, (images, units): the mean over positions of each channel, for example (extract_features
/// with `average_positions`). Throws ConfigError unless both sides have 2 or more images, ShapeError for other tables.
[[nodiscard]] inline std::vector<SelectivityContrast> selectivity_contrasts(
    std::span<const View<const float, Cpu>> tasks, std::size_t task) {
  const Index units = detail::require_response_tables("selectivity", tasks);
  require_setting(task < tasks.size(), "selectivity", text("a task in 0..", tasks.size() - 1), task);
  std::vector<View<const float, Cpu>> others;
  Index other_images = 0;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    if (t == task) continue;
    others.push_back(tasks[t]);
    other_images += tasks[t].shape()[0];
  }
  require_setting(tasks[task].shape()[0] >= 2, "selectivity", "at least 2 images of the task", tasks[task].shape()[0]);
  require_setting(other_images >= 2, "selectivity", "at least 2 images of other tasks", other_images);
  const std::vector<ResponseMoments> own = detail::response_moments(tasks.subspan(task, 1), units);
  const std::vector<ResponseMoments> rest = detail::response_moments(others, units);
  std::vector<SelectivityContrast> contrasts;
  for (std::size_t unit = 0; unit < own.size(); ++unit)
    contrasts.push_back(selectivity_contrast(own[unit], rest[unit]));
  return contrasts;
}

}  // namespace fusiform
