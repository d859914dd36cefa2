#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <fusiform/analysis/null_distribution.hpp>
#include <fusiform/analysis/random_classes.hpp>
#include <fusiform/analysis/segregation.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

using Bytes = std::vector<std::uint8_t>;

// One task whose classes differ in accuracy and in how they suffer from a lesion. Over an unlimited number of classes
// the base accuracy is 0.8, the drop under the task's own lesion 0.7, under the other 0.3.
struct SyntheticTask {
  std::vector<Index> labels;
  Bytes base, own, other;

  SyntheticTask(Rng& rng, Index classes, Index images) {
    for (Index c = 0; c < classes; ++c) {
      const double accuracy = 0.6 + 0.4 * rng.uniform();
      const double kept_own = 0.6 * rng.uniform();
      const double kept_other = 0.4 + 0.6 * rng.uniform();
      for (Index i = 0; i < images; ++i) {
        const bool found = rng.uniform() < accuracy;
        labels.push_back(c);
        base.push_back(found ? 1 : 0);
        own.push_back(found && rng.uniform() < kept_own ? 1 : 0);
        other.push_back(found && rng.uniform() < kept_other ? 1 : 0);
      }
    }
  }
};

struct Coverage {
  double accuracy = 0, drop = 0, specificity = 0, index = 0;
};

// How often intervals contain the truth, percentile and BCa, over `trials` made data sets.
std::array<Coverage, 2> coverage(Index classes, Index images, int trials, std::uint64_t seed) {
  std::array<Coverage, 2> covered;
  Rng rng(seed);
  for (int trial = 0; trial < trials; ++trial) {
    const SyntheticTask a(rng, classes, images);
    const SyntheticTask b(rng, classes, images);
    const std::vector<TaskResponses> tasks{
        {.task = "a", .labels = a.labels, .base = a.base, .lesioned = {a.own, a.other}},
        {.task = "b", .labels = b.labels, .base = b.base, .lesioned = {b.other, b.own}}};
    BootstrapOptions options{.replicates = 400};
    const ResampledSegregation resampled =
        resample_segregation(tasks, Rng(seed + 1, static_cast<std::uint64_t>(trial)), options);
    for (const std::size_t kind : {std::size_t{0}, std::size_t{1}}) {
      options.kind = kind == 0 ? IntervalKind::percentile : IntervalKind::bca;
      const Segregation result = segregation(resampled, options);
      REQUIRE(result.index.has_value());
      covered[kind].accuracy += result.base[0].contains(0.8) ? 1.0 / trials : 0;
      covered[kind].drop += result.drop[0][0].contains(0.7) ? 1.0 / trials : 0;
      covered[kind].specificity += result.specificity[1].contains(0.4) ? 1.0 / trials : 0;
      covered[kind].index += result.index->contains(0.4) ? 1.0 / trials : 0;
    }
  }
  return covered;
}

// Pearson's statistic of counts that are equally likely.
double chi_square(const std::vector<int>& counts, double total) {
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

}  // namespace

TEST_CASE("95 % intervals of accuracy, drop, specificity and index cover the truth") {
  // 25 classes x 32 images. Drawing images within drawn classes counts the variance within classes twice, here a sixth
  // of the whole, so that 95 % becomes about 96 %. Of 500 repetitions 92 % and 98 % are three binomial errors away.
  for (const Coverage& covered : coverage(25, 32, 500, 21))
    for (const double share : {covered.accuracy, covered.drop, covered.specificity, covered.index}) {
      CHECK(share >= 0.92);
      CHECK(share <= 0.98);
    }
}

TEST_CASE("five classes are too few for either kind of interval") {
  // Classes are the sample. The bootstrap over 5 makes their variance too small by 4/5 and knows nothing of Student's
  // t.
  for (const Coverage& covered : coverage(5, 160, 300, 5))
    for (const double share : {covered.accuracy, covered.drop}) {
      CHECK(share < 0.92);
      CHECK(share > 0.75);
    }
}

TEST_CASE("permutation p-values are uniform under the null") {
  // Classes with values of their own, a statistic that compares two groups of them. The real grouping is no other than
  // those of the control, so that all 20 p-values k/20 are equally likely.
  constexpr Index classes = 15;
  constexpr int trials = 500;
  constexpr int draws = 19;
  std::vector<int> counts(draws + 1);
  Rng rng(6);
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> values;
    for (Index c = 0; c < classes; ++c) values.push_back(std::exp(rng.normal()));
    const Rng stream = rng.stream(static_cast<std::uint64_t>(trial));
    const auto statistic = [&](std::uint64_t draw) {
      double sum = 0;
      const std::vector<std::vector<Index>> tasks = random_tasks(classes, 2, stream.stream(draw));
      for (const Index c : tasks[0]) sum += values[static_cast<std::size_t>(c)];
      return sum;
    };
    std::vector<double> null;
    for (std::uint64_t draw = 1; draw <= draws; ++draw) null.push_back(statistic(draw));
    const double p = null_distribution(statistic(0), null).p;
    ++counts.at(static_cast<std::size_t>(std::lround(p * (draws + 1))) - 1);
  }
  CHECK(chi_square(counts, trials) < 43.8);  // 19 degrees of freedom, p = 0.001
}
