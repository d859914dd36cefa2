/// Learning-rate schedules against sequences worked out by hand.

#include <cmath>
#include <limits>

#include <fusiform/train/schedule.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

/// The learning rate of every epoch, given the losses at their ends.
std::vector<double> rates(Schedule& schedule, const std::vector<double>& losses) {
  std::vector<double> result;
  for (const double loss : losses) {
    result.push_back(schedule.learning_rate());
    const bool changed = schedule.end_epoch(loss);
    CHECK(changed == (schedule.learning_rate() != result.back()));
  }
  result.push_back(schedule.learning_rate());
  return result;
}

}  // namespace

TEST_CASE("a step schedule falls every so many epochs", "[train][schedule]") {
  StepSchedule schedule({.learning_rate = 8, .step_size = 3, .factor = 0.5});
  CHECK(rates(schedule, {1, 1, 1, 1, 1, 1, 1}) == std::vector<double>{8, 8, 8, 4, 4, 4, 2, 2});
  StepSchedule constant({.learning_rate = 8, .step_size = 0});
  CHECK(rates(constant, {1, 1, 1}) == std::vector<double>{8, 8, 8, 8});
}

TEST_CASE("a plateau is borne for `patience` epochs", "[train][schedule]") {
  // Best 1.0 after the first epoch; the third bad epoch in a row exceeds a patience of 2.
  ReduceOnPlateau schedule({.learning_rate = 8, .factor = 0.5, .patience = 2, .threshold = 0.1});
  CHECK(rates(schedule, {1.0, 1.0, 0.95, 0.91, 0.91, 0.5, 0.6, 0.6, 0.6, 0.6}) ==
        std::vector<double>{8, 8, 8, 8, 4, 4, 4, 4, 4, 2, 2});
}

TEST_CASE("an improvement must exceed the threshold", "[train][schedule]") {
  ReduceOnPlateau schedule({.learning_rate = 8, .factor = 0.5, .patience = 0, .threshold = 0.25});
  // 0.75 is not below 1 * 0.75; 0.7499 is.
  CHECK(rates(schedule, {1.0, 0.75, 0.7499, 0.7}) == std::vector<double>{8, 8, 4, 4, 2});
}

TEST_CASE("a loss that is not a number is no improvement", "[train][schedule]") {
  ReduceOnPlateau schedule({.learning_rate = 8, .factor = 0.5, .patience = 1});
  const double missing = std::numeric_limits<double>::quiet_NaN();
  CHECK(rates(schedule, {missing, missing, 1.0, missing}) == std::vector<double>{8, 8, 4, 4, 4});
}

TEST_CASE("a plateau schedule stops at its minimum and at tiny changes", "[train][schedule]") {
  ReduceOnPlateau bounded({.learning_rate = 8, .factor = 0.5, .patience = 0, .minimum = 3});
  CHECK(rates(bounded, {1, 1, 1, 1}) == std::vector<double>{8, 8, 4, 3, 3});
  ReduceOnPlateau tiny({.learning_rate = 1e-8, .factor = 0.5, .patience = 0});
  CHECK(rates(tiny, {1, 1, 1}) == std::vector<double>{1e-8, 1e-8, 1e-8, 1e-8});
}

TEST_CASE("schedules go on after restoring", "[train][schedule]") {
  const std::vector<double> losses{3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1};
  const auto check = [&](Schedule& whole, Schedule& first, Schedule& second) {
    const std::vector<double> expected = rates(whole, losses);
    for (std::size_t i = 0; i < 5; ++i) first.end_epoch(losses[i]);
    second.restore(first.state());
    CHECK(rates(second, {losses.begin() + 5, losses.end()}) ==
          std::vector<double>(expected.begin() + 5, expected.end()));
    CHECK_THROWS_AS(second.restore(std::vector<double>(7)), ConfigError);
  };
  const ReduceOnPlateauOptions plateau{.learning_rate = 1, .factor = 0.1, .patience = 2};
  ReduceOnPlateau a(plateau), b(plateau), c(plateau);
  check(a, b, c);
  const StepScheduleOptions step{.learning_rate = 1, .step_size = 3, .factor = 0.1};
  StepSchedule d(step), e(step), f(step);
  check(d, e, f);
}

TEST_CASE("schedules refuse settings out of range", "[train][schedule]") {
  CHECK_THROWS_AS(StepSchedule({.step_size = -1}), ConfigError);
  CHECK_THROWS_AS(ReduceOnPlateau({.factor = 1.5}), ConfigError);
  CHECK_THROWS_AS(ReduceOnPlateau({.patience = -1}), ConfigError);
}
