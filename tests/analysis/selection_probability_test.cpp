/// Selection probabilities against a count written another way, and against what must hold.

#include <cmath>
#include <numeric>
#include <vector>

#include <fusiform/analysis/selection_probability.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

/// Losses (candidates, images): candidate c is better by `step` than the next.
std::vector<float> some_losses(Index candidates, Index images, double step) {
  std::vector<float> losses;
  for (Index c = 0; c < candidates; ++c)
    for (Index i = 0; i < images; ++i)
      losses.push_back(
          static_cast<float>(1 - step * static_cast<double>(c) +
                             0.3 * Rng(2, static_cast<std::uint64_t>(c)).normals_at(static_cast<std::uint64_t>(i))[0]));
  return losses;
}

}  // namespace

TEST_CASE("selection probabilities are shares of resamples") {
  const Index candidates = 7;
  const Index images = 90;
  const std::vector<float> losses = some_losses(candidates, images, 0.02);
  const HierarchicalBootstrap bootstrap = bootstrap_over_images(images, Rng(4));
  const std::vector<double> found = selection_probability<float>(losses, 3, bootstrap, 500);
  std::vector<double> expected(7);
  std::vector<ImageWeight> weights(90);
  for (Index r = 0; r < 500; ++r) {
    bootstrap.draw(r, weights);
    CHECK(std::accumulate(weights.begin(), weights.end(), 0) == 90);
    for (std::size_t c = 0; c < 7; ++c) {  // selected if fewer than three others are larger
      Index larger = 0;
      for (std::size_t other = 0; other < 7; ++other) {
        double difference = 0;
        for (std::size_t i = 0; i < 90; ++i)
          difference +=
              weights[i] * (static_cast<double>(losses[other * 90 + i]) - static_cast<double>(losses[c * 90 + i]));
        larger += difference > 1e-9 ? 1 : 0;
      }
      expected[c] += larger < 3 ? 1 : 0;
    }
  }
  for (std::size_t c = 0; c < 7; ++c) CHECK(found[c] == expected[c] / 500);
  CHECK(std::accumulate(found.begin(), found.end(), 0.0) == Approx(3));
  CHECK(found[0] > found[6]);
  CHECK(found[3] > 0.05);
  CHECK(found[3] < 0.95);
}

TEST_CASE("of two equally good candidates for one place each is selected half the time") {
  const std::vector<double> found =
      selection_probability<float>(some_losses(2, 400, 0), 1, bootstrap_over_images(400, Rng(1)), 10);
  CHECK(found[0] + found[1] == Approx(1));
  // Candidates that differ by d = z standard errors: P = Phi(z) (the bootstrap is about the difference seen).
  std::vector<float> losses = some_losses(2, 400, 0);
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    const double d = static_cast<double>(losses[i]) - static_cast<double>(losses[400 + i]);
    sum += d;
    squares += d * d;
  }
  const double error = std::sqrt((squares / 400 - sum / 400 * sum / 400) / 400);
  for (std::size_t i = 0; i < 400; ++i) losses[i] += static_cast<float>(error - sum / 400);
  const double first = selection_probability<float>(losses, 1, bootstrap_over_images(400, Rng(6)), 4000)[0];
  CHECK(std::abs(first - 0.8413) < 0.025);  // Phi(1), 4 standard errors of 4,000 replicates
}

TEST_CASE("selection probabilities do not depend on threads, and clear cuts are certain") {
  const std::vector<float> losses = some_losses(12, 50, 0.01);
  const auto run = [&](int threads) {
    const test::ThreadCount guard(threads);
    return selection_probability<float>(losses, 4, bootstrap_over_images(50, Rng(8)), 300);
  };
  CHECK(run(1) == run(3));
  const std::vector<double> clear =
      selection_probability<float>(some_losses(5, 50, 9), 2, bootstrap_over_images(50, Rng(8)), 100);
  CHECK(clear == std::vector<double>{1, 1, 0, 0, 0});
  const std::vector<double> all =
      selection_probability<float>(some_losses(5, 50, 9), 8, bootstrap_over_images(50, Rng(8)), 100);
  CHECK(all == std::vector<double>(5, 1));
}

TEST_CASE("classes can be resampled too") {
  // Only class 0 speaks for candidate 0: without it candidate 1 is selected. 1 - (1/2)^2 of the resamples have it.
  const std::vector<float> losses{5, 5, 0, 0, 1, 1, 1, 1};
  const HierarchicalBootstrap by_class(std::vector<Index>{0, 0, 1, 1}, Rng(3));
  const std::vector<double> found = selection_probability<float>(losses, 1, by_class, 4000);
  CHECK(std::abs(found[0] - 0.75) < 0.03);  // 4 standard errors
}

TEST_CASE("selection probabilities refuse what does not fit") {
  const HierarchicalBootstrap three = bootstrap_over_images(3, Rng(1));
  std::vector<float> losses{1, 2, 3, 4, 5, 6};
  CHECK_THROWS_AS(selection_probability<float>(std::vector<float>(7), 1, three), ShapeError);
  CHECK_THROWS_AS(selection_probability<float>(losses, 0, three), ConfigError);
  CHECK_THROWS_AS(selection_probability<float>(losses, 1, three, 0), ConfigError);
  CHECK_THROWS_AS(bootstrap_over_images(0, Rng(1)), ConfigError);
  losses[4] = std::nanf("");
  CHECK_THROWS_AS(selection_probability<float>(losses, 1, three), NumericError);
  CHECK(selection_probability<float>(std::vector<float>(), 1, three).empty());
}
