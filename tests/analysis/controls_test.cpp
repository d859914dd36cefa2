#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include <fusiform/analysis/matched_images.hpp>
#include <fusiform/analysis/null_distribution.hpp>
#include <fusiform/analysis/random_classes.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {
using Numbers = std::vector<double>;
using Bytes = std::vector<std::uint8_t>;
}  // namespace

TEST_CASE("random tasks deal out all classes, in equal parts") {
  const auto sizes = [](Index classes, Index tasks) {
    std::vector<std::size_t> result;
    std::set<Index> seen;
    for (const std::vector<Index>& task : random_tasks(classes, tasks, Rng(4))) {
      result.push_back(task.size());
      CHECK(std::is_sorted(task.begin(), task.end()));
      seen.insert(task.begin(), task.end());
    }
    CHECK(seen.size() == static_cast<std::size_t>(classes));
    CHECK(*seen.begin() == 0);
    CHECK(*seen.rbegin() == classes - 1);
    return result;
  };
  CHECK(sizes(10, 2) == std::vector<std::size_t>{5, 5});
  CHECK(sizes(11, 2) == std::vector<std::size_t>{5, 6});  // floor(K/2), and the rest
  CHECK(sizes(2, 2) == std::vector<std::size_t>{1, 1});
  CHECK(sizes(11, 3) == std::vector<std::size_t>{3, 4, 4});
  CHECK(sizes(5, 5) == std::vector<std::size_t>{1, 1, 1, 1, 1});
  CHECK(random_tasks(40, 2, Rng(1)) == random_tasks(40, 2, Rng(1)));
  CHECK(random_tasks(40, 2, Rng(1)) != random_tasks(40, 2, Rng(2)));
  CHECK_THROWS_AS(random_tasks(10, 1, Rng(1)), ConfigError);
  CHECK_THROWS_AS(random_tasks(2, 3, Rng(1)), ConfigError);
}

TEST_CASE("every assignment of classes to random tasks is equally likely") {
  // 5 classes, 2 of them in the first task: 10 assignments.
  constexpr int draws = 5000;
  std::map<std::vector<Index>, int> counts;
  for (int draw = 0; draw < draws; ++draw)
    ++counts[random_tasks(5, 2, Rng(9).stream(static_cast<std::uint64_t>(draw)))[0]];
  CHECK(counts.size() == 10);
  double chi_square = 0;
  for (const auto& [task, count] : counts)
    chi_square += (count - draws / 10.0) * (count - draws / 10.0) / (draws / 10.0);
  CHECK(chi_square < 27.9);  // 9 degrees of freedom, p = 0.001
}

TEST_CASE("images matched in performance") {
  // 100 images, 70 correct.
  Bytes correct(100, 0);
  for (std::size_t i = 0; i < 100; ++i) correct[i] = i % 10 < 7 ? 1 : 0;
  const auto right = [&](const std::vector<Index>& kept) {
    return std::count_if(kept.begin(), kept.end(), [&](Index i) { return correct[static_cast<std::size_t>(i)] != 0; });
  };
  SECTION("a higher target takes errors away") {
    // round(100 · 0.05 / 0.75) = round(6.67) = 7
    const std::vector<Index> kept = matched_images(correct, 0.75, Rng(1));
    CHECK(kept.size() == 93);
    CHECK(right(kept) == 70);
    CHECK(std::is_sorted(kept.begin(), kept.end()));
    CHECK(std::set<Index>(kept.begin(), kept.end()).size() == 93);
    CHECK(matched_images(correct, 1, Rng(1)).size() == 70);
  }
  SECTION("a lower target takes correct ones away") {
    // round(100 · -0.2 / -0.5) = 40
    const std::vector<Index> kept = matched_images(correct, 0.5, Rng(1));
    CHECK(kept.size() == 60);
    CHECK(right(kept) == 30);
    CHECK(right(matched_images(correct, 0, Rng(1))) == 0);
    CHECK(matched_images(correct, 0, Rng(1)).size() == 30);
  }
  SECTION("to the nearest image, for any target") {
    for (double target = 0.05; target < 1; target += 0.05) {
      const std::vector<Index> kept = matched_images(correct, target, Rng(1));
      // Half an image more or less on one side of the ratio.
      CHECK(static_cast<double>(right(kept)) / static_cast<double>(kept.size()) ==
            Approx(target).margin(0.5001 / static_cast<double>(kept.size())));
    }
    CHECK(matched_images(correct, 0.7, Rng(1)).size() == 100);
  }
  SECTION("which ones is drawn, each equally often") {
    std::vector<int> counts(100);
    for (std::uint64_t seed = 0; seed < 1000; ++seed)
      for (const Index image : matched_images(correct, 0.75, Rng(seed))) ++counts[static_cast<std::size_t>(image)];
    for (std::size_t i = 0; i < 100; ++i) {
      if (correct[i] != 0) {
        CHECK(counts[i] == 1000);
      } else {
        CHECK(counts[i] == Approx(1000 * 23.0 / 30).margin(4.5 * std::sqrt(1000 * 0.18)));
      }
    }
    CHECK(matched_images(correct, 0.75, Rng(5)) == matched_images(correct, 0.75, Rng(5)));
  }
  SECTION("impossible targets") {
    CHECK_THROWS_AS(matched_images(Bytes(10, 0), 0.5, Rng(1)), ConfigError);
    CHECK_THROWS_AS(matched_images(Bytes(10, 1), 0.5, Rng(1)), ConfigError);
    CHECK_THROWS_AS(matched_images(Bytes(10, 1), 0, Rng(1)), ConfigError);
    CHECK_THROWS_AS(matched_images(correct, 1.2, Rng(1)), ConfigError);
    CHECK_THROWS_AS(matched_images(correct, -0.1, Rng(1)), ConfigError);
    CHECK_THROWS_AS(matched_images(correct, std::nan(""), Rng(1)), ConfigError);
    CHECK_THROWS_AS(matched_images(Bytes{}, 0.5, Rng(1)), ConfigError);
    CHECK(matched_images(Bytes(10, 1), 1, Rng(1)).size() == 10);
    CHECK(matched_images(Bytes(10, 0), 0, Rng(1)).size() == 10);
  }
}

TEST_CASE("the accuracy to match at keeps the largest share of the task that loses most") {
  CHECK(matched_accuracy(Numbers{0.8, 0.4}).value() == Approx(2.0 / 3));
  CHECK(matched_accuracy(Numbers{0.3}).value() == Approx(0.3));
  CHECK(matched_accuracy(Numbers{0.5, 1}).value() == 1);
  CHECK_FALSE(matched_accuracy(Numbers{0.5, 0}).has_value());
  CHECK_THROWS_AS(matched_accuracy(Numbers{}), ConfigError);
  CHECK_THROWS_AS(matched_accuracy(Numbers{0.5, 1.1}), ConfigError);
  CHECK_THROWS_AS(matched_accuracy(Numbers{-0.1, 0.5}), ConfigError);
  // Against every target there is for sets of 1,000 images: the fewest images kept of any task.
  for (const Numbers& accuracies : {Numbers{0.71, 0.18}, Numbers{0.1, 0.35, 0.9}, Numbers{0.42, 0.4}}) {
    const auto fewest_kept = [&](double target) {
      std::size_t fewest = 1000;
      for (const double accuracy : accuracies) {
        Bytes correct(1000, 0);
        std::fill_n(correct.begin(), static_cast<std::size_t>(std::lround(1000 * accuracy)), std::uint8_t{1});
        fewest = std::min(fewest, matched_images(correct, target, Rng(1)).size());
      }
      return fewest;
    };
    std::size_t best = 0;
    for (int target = 1; target < 1000; ++target) best = std::max(best, fewest_kept(target / 1000.0));
    CHECK(fewest_kept(matched_accuracy(accuracies).value()) + 1 >= best);  // the kept ones are rounded
  }
}

TEST_CASE("a value beside its null distribution") {
  Numbers draws(19);
  std::iota(draws.begin(), draws.end(), 1.0);  // 1..19
  std::reverse(draws.begin(), draws.end());
  const NullDistribution null = null_distribution(17, draws, 0.9);
  CHECK(null.draws == 19);
  CHECK(null.undefined_draws == 0);
  CHECK(null.mean == Approx(10));
  CHECK(null.deviation == Approx(std::sqrt(19.0 * 20 / 12)));
  CHECK(null.low == Approx(1.9));
  CHECK(null.high == Approx(18.1));
  CHECK(null.z == Approx(7 / std::sqrt(19.0 * 20 / 12)));
  CHECK(null.p == Approx(4.0 / 20));  // 17, 18, 19 are as large
  CHECK(null.smallest_p == Approx(0.05));
  CHECK(null_distribution(99, draws).p == Approx(0.05));

  draws[3] = undefined;
  draws[4] = undefined;
  const NullDistribution holes = null_distribution(99, draws);
  CHECK(holes.p == Approx(3.0 / 20));
  CHECK(holes.undefined_draws == 2);
  CHECK(std::isfinite(holes.mean));
  CHECK(std::isnan(null_distribution(undefined, draws).p));
  CHECK(std::isnan(null_distribution(1, Numbers{2, 2, 2}).z));
  CHECK(null_distribution(1, Numbers{2, 2, 2}).p == 1);
  const NullDistribution nothing = null_distribution(1, {});
  CHECK(nothing.p == 1);
  CHECK(std::isnan(nothing.mean));
  CHECK_THROWS_AS(null_distribution(1, draws, 1), ConfigError);
}

TEST_CASE("a share of flags") {
  CHECK(share_of(std::vector<std::uint8_t>{1, 0, 1, 1}) == 0.75);
  CHECK(share_of(std::vector<std::uint8_t>{0}) == 0);
  CHECK(share_of(std::vector<std::uint8_t>(300, 1)) == 1);  // more than a flag's type can count
  CHECK(std::isnan(share_of({})));
}

TEST_CASE("drops against random lesions of the same size") {
  const std::vector<Index> labels{0, 0, 1, 1, 2, 2, 3, 3};
  const Bytes base{1, 1, 1, 1, 1, 1, 1, 1};
  const Bytes strong{0, 0, 0, 0, 0, 0, 1, 1};  // drop 0.75
  const Bytes weak{0, 0, 1, 1, 1, 1, 1, 1};    // 0.25
  const Bytes random{0, 1, 1, 1, 1, 1, 1, 1};  // 0.125
  TaskResponses responses{
      .task = "a", .labels = labels, .base = base, .lesioned = {strong, weak}, .random = {random, weak, random, base}};
  const std::vector<NullDistribution> nulls = random_lesion_null(responses);
  REQUIRE(nulls.size() == 2);
  CHECK(nulls[0].observed == 0.75);
  CHECK(nulls[0].p == Approx(1.0 / 5));
  CHECK(nulls[1].p == Approx(2.0 / 5));
  CHECK(nulls[0].mean == Approx(0.125));
  const Bytes nothing(8, 0);
  responses.base = nothing;
  CHECK(std::isnan(random_lesion_null(responses)[0].p));
  responses.random[2] = responses.random[2].first(3);
  CHECK_THROWS_AS(random_lesion_null(responses), ShapeError);
}
