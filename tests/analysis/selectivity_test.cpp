/// Contrasts and variances of responses written by hand against their formulas.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <fusiform/analysis/selectivity.hpp>
#include <fusiform/analysis/task_variance.hpp>
#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

using Table = Tensor<float, Cpu>;
using Tables = std::vector<View<const float, Cpu>>;

Table table(Index images, std::vector<float> values) {
  return {{images, static_cast<Index>(values.size()) / images}, values};
}

Table random_table(Index images, Index units, std::uint64_t seed) {
  Rng rng(seed);
  Table result({images, units});
  for (float& value : result.span()) value = static_cast<float>(std::max(0.0, rng.normal() + 0.3));
  return result;
}

/// Sum of squared deviations, by pairs: no mean is computed.
double squares(const std::vector<double>& x) {
  double sum = 0;
  for (const double a : x)
    for (const double b : x) sum += (a - b) * (a - b);
  return sum / (2 * static_cast<double>(x.size()));
}

std::vector<double> column(const Tables& tables, Index unit) {
  std::vector<double> result;
  for (const auto& t : tables)
    for (Index i = 0; i < t.shape()[0]; ++i) result.push_back(static_cast<double>(t[i * t.shape()[1] + unit]));
  return result;
}

double sum_of(const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); }

}  // namespace

TEST_CASE("a contrast worked out by hand") {
  // Unit 0: own 4 6 8, others 1 3. Means 6 and 2, variances 4 and 2.
  const Table own = table(3, {4, 0, 6, 0, 8, 0});
  const Table others = table(2, {1, 0, 3, 0});
  const auto contrasts = selectivity_contrasts(Tables{own, others}, 0);
  REQUIRE(contrasts.size() == 2);
  const SelectivityContrast& contrast = contrasts[0];
  CHECK(contrast.difference == 4);
  CHECK(contrast.t == Approx(4 / std::sqrt(4.0 / 3 + 1)));
  CHECK(contrast.d_prime == Approx(4 / std::sqrt(3.0)));
  CHECK(contrast.freedom == Approx(49.0 / 9 / (16.0 / 9 / 2 + 1)));
  // Five responses with mean 4.4: 32 squares in total, 19.2 of them between the groups.
  CHECK(contrast.explained == Approx(19.2 / 29.2));
  // scipy.stats.ttest_ind([4, 6, 8], [1, 3], equal_var=False): t 2.6186, p 0.0838
  CHECK(contrast.t == Approx(2.618615).epsilon(1e-6));
  const SelectivityContrast& dead = contrasts[1];
  CHECK((dead.difference == 0 && dead.t == 0 && dead.d_prime == 0 && dead.explained == 0 && dead.minus_log10_p == 0));
  const auto mirrored = selectivity_contrasts(Tables{own, others}, 1);
  CHECK(mirrored[0].t == -contrast.t);
  CHECK(mirrored[0].d_prime == -contrast.d_prime);
  CHECK(mirrored[0].explained == Approx(contrast.explained));
}

TEST_CASE("contrasts equal the direct formulas, for three tasks and awkward sizes") {
  const Table a = random_table(2, 130, 1);
  const Table b = random_table(7, 130, 2);
  const Table c = random_table(1, 130, 3);
  const Tables tasks{a, b, c};
  for (const std::size_t task : {std::size_t{0}, std::size_t{1}}) {
    const auto contrasts = selectivity_contrasts(tasks, task);
    const Tables rest = task == 0 ? Tables{b, c} : Tables{a, c};
    for (Index unit = 0; unit < 130; ++unit) {
      const std::vector<double> own = column({tasks[task]}, unit);
      const std::vector<double> others = column(rest, unit);
      const auto n = static_cast<double>(own.size());
      const auto m = static_cast<double>(others.size());
      const double difference = sum_of(own) / n - sum_of(others) / m;
      const double own_variance = squares(own) / (n - 1);
      const double other_variance = squares(others) / (m - 1);
      const SelectivityContrast& contrast = contrasts[static_cast<std::size_t>(unit)];
      INFO("task " << task << ", unit " << unit);
      CHECK(contrast.difference == Approx(difference).margin(1e-12));
      if (own_variance + other_variance == 0) continue;
      CHECK(contrast.t == Approx(difference / std::sqrt(own_variance / n + other_variance / m)).margin(1e-9));
      CHECK(contrast.d_prime == Approx(difference / std::sqrt((own_variance + other_variance) / 2)).margin(1e-9));
      std::vector<double> all = own;
      all.insert(all.end(), others.begin(), others.end());
      CHECK(contrast.explained == Approx(1 - (squares(own) + squares(others)) / squares(all)).margin(1e-9));
      CHECK(contrast.minus_log10_p ==
            Approx(-std::log10(student_t_two_sided_p(contrast.t, contrast.freedom))).margin(1e-9));
    }
  }
  CHECK_THROWS_AS(selectivity_contrasts(tasks, 2), ConfigError);  // one image
  CHECK_THROWS_AS(selectivity_contrasts(tasks, 3), ConfigError);
  CHECK_THROWS_AS(selectivity_contrasts(Tables{}, 0), ConfigError);
  CHECK_THROWS_AS(selectivity_contrasts(Tables{a, c}, 0), ConfigError);
  const Table wrong({4, 3});
  CHECK_THROWS_AS(selectivity_contrasts(Tables{b, wrong}, 0), ShapeError);
}

TEST_CASE("a unit that tells the groups apart without any spread is infinitely selective") {
  const Table own = table(2, {1, 1});
  const Table others = table(3, {0, 0, 0});
  const SelectivityContrast contrast = selectivity_contrasts(Tables{own, others}, 0)[0];
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(contrast.t == infinity);
  CHECK(contrast.d_prime == infinity);
  CHECK(contrast.minus_log10_p == infinity);
  CHECK(contrast.explained == 1);
}

TEST_CASE("equal groups differ at chance: p-values are uniform") {
  const Index units = 2000;
  Rng rng(4);
  Table a({12, units}), b({8, units});
  for (Table* t : {&a, &b})
    for (float& value : t->span()) value = static_cast<float>(rng.normal());
  Index below = 0;
  for (const SelectivityContrast& contrast : selectivity_contrasts(Tables{a, b}, 0))
    below += contrast.minus_log10_p > 1 ? 1 : 0;  // p < 0.1
  CHECK(std::abs(static_cast<double>(below) - 200) < 4 * std::sqrt(2000 * 0.1 * 0.9));
}

TEST_CASE("task variances by hand and by pairs") {
  const Table a = table(4, {1, 0, 5, 3, 0, 5, 1, 0, 5, 3, 0, 5});  // variances 1 0 0
  const Table b = table(2, {0, 2, 7, 0, 4, 7});                    // 0 1 0
  const Table c = table(3, {0, 3, 1, 3, 3, 1, 0, 3, 1});           // 2 0 0
  const TaskVariances variances = task_variances(Tables{a, b, c});
  CHECK(variances.variance[0] == std::vector<double>{1, 0, 0});
  CHECK(variances.variance[1] == std::vector<double>{0, 1, 0});
  CHECK(variances.variance[2][0] == Approx(2));
  CHECK(variances.share[0][0] == Approx(1.0 / 3));
  CHECK(variances.share[2][0] == Approx(2.0 / 3));
  CHECK(variances.share[1][1] == 1);
  CHECK(std::isnan(variances.share[0][2]));
  CHECK(variances.fractional(0, 1, 0) == 1);
  CHECK(variances.fractional(0, 1, 1) == -1);
  CHECK(variances.fractional(0, 2, 0) == Approx(-1.0 / 3));
  CHECK(std::isnan(variances.fractional(0, 1, 2)));
  const Table x = random_table(9, 70, 1);
  const TaskVariances one = task_variances(Tables{x});
  for (Index unit = 0; unit < 70; ++unit)
    CHECK(one.variance[0][static_cast<std::size_t>(unit)] == Approx(squares(column({x}, unit)) / 9).margin(1e-12));
  CHECK_THROWS_AS(task_variances(Tables{x, a}), ShapeError);
  CHECK_THROWS_AS(task_variances(Tables{}), ConfigError);
  const Table none({0, 70});
  CHECK_THROWS_AS(task_variances(Tables{x, none}), ConfigError);
}

TEST_CASE("contrasts and variances have the same bits for any number of threads") {
  const Table a = random_table(13, 300, 1);
  const Table b = random_table(9, 300, 2);
  const auto run = [&](int threads) {
    const test::ThreadCount count(threads);
    std::vector<double> numbers;
    for (const SelectivityContrast& contrast : selectivity_contrasts(Tables{a, b}, 0)) {
      numbers.push_back(contrast.t);
      numbers.push_back(contrast.explained);
    }
    const TaskVariances variances = task_variances(Tables{a, b});
    for (const double variance : variances.variance[1]) numbers.push_back(variance);
    return numbers;
  };
  CHECK(run(1) == run(3));
}
