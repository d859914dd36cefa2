#include <cmath>
#include <numeric>
#include <vector>

#include <fusiform/analysis/matching.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

/// Images of unequal classes; some are equal to images of their own or of other classes, so that there are ties.
FeatureTable small_table(double noise) {
  FeatureTable table{"layer", Tensor<float, Cpu>({23, 5}), {}};
  Rng rng(6);
  for (Index n = 0; n < 23; ++n) {
    const Index label = n < 10 ? 3 : n < 14 ? -8 : n < 16 ? 5 : 40;
    table.labels.push_back(label);
    for (Index f = 0; f < 5; ++f)
      table.values[n * 5 + f] = static_cast<float>((std::abs(label) % 4 == f ? 2 : 0) + noise * std::abs(rng.normal()));
  }
  for (const auto& [to, from] : std::vector<std::pair<Index, Index>>{{4, 1}, {12, 1}, {15, 21}, {18, 17}})
    for (Index f = 0; f < 5; ++f) table.values[to * 5 + f] = table.values[from * 5 + f];
  return table;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t f = 0; f < a.size(); ++f) {
    ab += double{a[f]} * double{b[f]};
    aa += double{a[f]} * double{a[f]};
    bb += double{b[f]} * double{b[f]};
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

/// 1, 1/2 or 0. Cosines that are equal but for rounding are those of equal rows.
double score(const FeatureTable& table, const Triplet& triplet) {
  const double difference = cosine(table.row(triplet.target), table.row(triplet.match)) -
                            cosine(table.row(triplet.target), table.row(triplet.foil));
  return std::abs(difference) < 1e-12 ? 0.5 : difference > 0 ? 1 : 0;
}

std::vector<Triplet> all_triplets(const std::vector<Index>& labels) {
  std::vector<Triplet> triplets;
  const auto count = std::ssize(labels);
  const auto label = [&](Index n) { return labels[static_cast<std::size_t>(n)]; };
  for (Index t = 0; t < count; ++t)
    for (Index m = 0; m < count; ++m)
      for (Index f = 0; f < count; ++f)
        if (t != m && label(t) == label(m) && label(f) != label(t)) triplets.push_back({t, m, f});
  return triplets;
}

}  // namespace

TEST_CASE("all triplets are counted as enumeration finds them") {
  for (const double noise : {0.3, 1.0, 3.0}) {
    INFO("noise " << noise);
    FeatureTable table = small_table(noise);
    for (Index f = 0; f < 5; ++f) table.values[20 * 5 + f] = 0;  // no direction: cosine 0 with all
    const std::vector<Triplet> triplets = all_triplets(table.labels);
    std::vector<double> right(23);
    std::vector<double> number(23);
    double halves = 0;
    for (const Triplet& triplet : triplets) {
      right[static_cast<std::size_t>(triplet.target)] += score(table, triplet);
      number[static_cast<std::size_t>(triplet.target)] += 1;
      halves += score(table, triplet) == 0.5 ? 1 : 0;
    }
    CHECK(halves > 0);
    const Matching matching = match_all_triplets(table, Rng(1), {.replicates = 200});
    CHECK(matching.triplets == static_cast<double>(triplets.size()));
    double sum = 0;
    for (std::size_t n = 0; n < 23; ++n) {
      CHECK(matching.scores[n] == Approx(right[n] / number[n]).margin(1e-12));
      sum += right[n] / number[n] / 23;
    }
    CHECK(matching.accuracy.estimate == Approx(sum));
    CHECK(matching.accuracy.low <= sum);
    CHECK(matching.accuracy.high >= sum);

    const Matching given = match_triplets(table, triplets, Rng(1), {.replicates = 200});
    for (std::size_t t = 0; t < triplets.size(); ++t) CHECK(given.scores[t] == score(table, triplets[t]));
  }
}

TEST_CASE("matching at the ends and at chance") {
  FeatureTable apart{"layer", Tensor<float, Cpu>({4, 2}, std::vector<float>{1, 0, 2, 0, 0, 1, 0, 5}), {0, 0, 1, 1}};
  const Matching separate = match_all_triplets(apart, Rng(1), {.replicates = 100});
  CHECK(separate.accuracy.estimate == 1);
  CHECK(separate.accuracy.low == 1);
  apart.labels = {0, 1, 0, 1};  // the match is orthogonal, one foil parallel, the other orthogonal
  CHECK(match_all_triplets(apart, Rng(1), {.replicates = 100}).accuracy.estimate == 0.25);
  FeatureTable equal{"layer", Tensor<float, Cpu>({300, 4}), {}};
  equal.values.fill(0.7F);
  for (Index n = 0; n < 300; ++n) equal.labels.push_back(n % 3);
  CHECK(match_all_triplets(equal, Rng(1), {.replicates = 100}).accuracy.estimate == 0.5);  // all ties, to the bit
  // Labels without relation: 300 x 299 cosines, the mean has a standard error of about 0.005.
  equal.values = test::random_tensor<float>({300, 4}, Rng(2));
  CHECK(match_all_triplets(equal, Rng(1), {.replicates = 100}).accuracy.estimate == Approx(0.5).margin(0.02));
}

TEST_CASE("sampled triplets are triplets, each equally likely") {
  const std::vector<Index> labels{4, 4, 4, 9, 9, -1, -1};
  const std::vector<Triplet> sample = sample_triplets(labels, 7000, Rng(3));
  std::vector<double> times(7 * 7 * 7);
  for (const Triplet& t : sample) times[static_cast<std::size_t>((t.target * 7 + t.match) * 7 + t.foil)] += 1;
  double total = 0;
  for (const Triplet& t : all_triplets(labels)) {
    const bool is_large = labels[static_cast<std::size_t>(t.target)] == 4;
    const double expected = 7000.0 / 7 / (is_large ? 2 * 4 : 1 * 5);
    const double found = times[static_cast<std::size_t>((t.target * 7 + t.match) * 7 + t.foil)];
    CHECK(std::abs(found - expected) < 5 * std::sqrt(expected));  // 5 standard deviations of a count
    total += found;
  }
  CHECK(total == 7000);  // and nothing that is no triplet
  const FeatureTable table = small_table(1);
  const Matching all = match_all_triplets(table, Rng(1), {.replicates = 100});
  const Matching some =
      match_triplets(table, sample_triplets(table.labels, 20'000, Rng(8)), Rng(1), {.replicates = 100});
  CHECK(some.accuracy.estimate == Approx(all.accuracy.estimate).margin(0.02));  // 5 standard errors
}

TEST_CASE("matching does not depend on threads") {
  FeatureTable table{"layer", test::random_tensor<float>({600, 20}, Rng(4)), {}};
  for (Index n = 0; n < 600; ++n) table.labels.push_back(n / 6);
  const auto run = [&](int threads) {
    const test::ThreadCount count(threads);
    return match_all_triplets(table, Rng(1), {.replicates = 100});
  };
  const Matching one = run(1);
  const Matching three = run(3);
  CHECK(one.scores == three.scores);
  CHECK(one.accuracy.low == three.accuracy.low);
}

TEST_CASE("matching refuses what is no triplet") {
  FeatureTable table = small_table(1);
  const std::vector<Triplet> itself{{0, 0, 15}};
  const std::vector<Triplet> other{{0, 15, 15}};
  const std::vector<Triplet> foil{{0, 1, 2}};
  const std::vector<Triplet> outside{{0, 1, 23}};
  for (const auto& wrong : {itself, other, foil, outside, std::vector<Triplet>{}})
    CHECK_THROWS_AS(match_triplets(table, wrong, Rng(1)), ConfigError);
  CHECK_THROWS_WITH(match_triplets(table, foil, Rng(1)), Catch::Contains("target 0, match 1, foil 2"));
  CHECK_THROWS_AS(sample_triplets(table.labels, 0, Rng(1)), ConfigError);
  table.values[3] = std::nanf("");
  CHECK_THROWS_AS(match_all_triplets(table, Rng(1)), NumericError);
  table = small_table(1);
  table.labels[0] = 77;
  CHECK_THROWS_WITH(match_all_triplets(table, Rng(1)), Catch::Contains("at least 2 images of class 77"));
}
