#include <cmath>

#include <fusiform/analysis/distributions.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("normal quantiles") {
  // scipy.stats.norm.ppf, SciPy 1.10.1; agreement to a few units in the last place.
  const auto close = [](double value) { return Approx(value).epsilon(2e-15).margin(1e-16); };
  CHECK(normal_quantile(1e-300) == close(-37.0470962993612));
  CHECK(normal_quantile(1e-12) == close(-7.034483825301131));
  CHECK(normal_quantile(0.001) == close(-3.090232306167813));
  CHECK(normal_quantile(0.025) == close(-1.9599639845400545));
  CHECK(normal_quantile(0.3) == close(-0.5244005127080409));
  CHECK(normal_quantile(0.5) == close(0));
  CHECK(normal_quantile(0.9) == close(1.2815515655446004));
  CHECK(normal_quantile(0.999999) == Approx(4.753424308817087).epsilon(1e-10));  // 1 - p has lost digits
  for (double p = 0.01; p < 1; p += 0.01) CHECK(normal_cdf(normal_quantile(p)) == Approx(p).epsilon(1e-14));
  CHECK(std::isinf(normal_quantile(0)));
  CHECK(normal_quantile(1) > 1e300);
  CHECK(std::isnan(normal_quantile(-0.1)));
  CHECK(std::isnan(normal_quantile(std::nan(""))));
}

TEST_CASE("Student's t") {
  // scipy.stats.t, SciPy 1.10.1. The front factor comes from lgamma: 1e-13 relative.
  const auto close = [](double value) { return Approx(value).epsilon(1e-12); };
  CHECK(student_t_cdf(0.3, 1) == close(0.5927735790777423));
  CHECK(student_t_cdf(-2.5, 2) == close(0.0648058601107554));
  CHECK(student_t_cdf(3.7, 4.5) == close(0.9915478281875847));
  CHECK(student_t_cdf(-12, 3) == close(0.000622507900394668));
  CHECK(student_t_cdf(1e-3, 30) == close(0.5003956321167575));
  CHECK(student_t_cdf(-40, 12) == close(1.9256147903860184e-14));
  CHECK(student_t_cdf(0, 5) == close(0.5));
  CHECK(student_t_two_sided_p(-40, 12) == close(2 * 1.9256147903860184e-14));
  CHECK(student_t_two_sided_p(0, 12) == 1);
  CHECK(student_t_quantile(0.975, 1) == close(std::tan(std::acos(-1.0) * 0.475)));
  CHECK(student_t_quantile(0.975, 2) == close(0.95 * std::sqrt(2 / (4 * 0.975 * 0.025))));
  // SciPy's own quantiles are good to ten digits only (at 2 degrees of freedom 4.302652729911, exact ...729749).
  CHECK(student_t_quantile(0.01, 4.5) == Approx(-3.527050890626401).epsilon(1e-9));
  CHECK(student_t_quantile(0.9, 100) == Approx(1.2900747613398769).epsilon(1e-9));
  CHECK(std::fabs(student_t_quantile(0.5, 7)) < 1e-12);
  // With 1 degree of freedom, Cauchy; with 2, F(t) = 1/2 + t / (2 sqrt(2 + t²)).
  for (double t = -9; t < 10; t += 0.7) {
    CHECK(student_t_cdf(t, 1) == close(0.5 + std::atan(t) / std::acos(-1.0)));
    CHECK(student_t_cdf(t, 2) == close(0.5 + t / (2 * std::sqrt(2 + t * t))));
  }
  CHECK(std::isnan(student_t_cdf(std::nan(""), 3)));
  CHECK(std::isnan(student_t_quantile(2, 3)));
  CHECK_THROWS_AS(student_t_cdf(1, 0), ConfigError);
  CHECK_THROWS_AS(student_t_quantile(0.3, -1), ConfigError);
}
