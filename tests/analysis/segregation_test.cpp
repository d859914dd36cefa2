#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/segregation.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

using Bytes = std::vector<std::uint8_t>;

// The recorded test predictions of the Asian-face task, intact and with 20 % of conv5_3 lesioned.
struct Recording {
  std::vector<Index> labels;
  Bytes base, own, other;
};

Recording recording() {
  std::ifstream file(std::string(FUSIFORM_GOLDENS) + "/ore_lesion.json");
  const nlohmann::json predictions = nlohmann::json::parse(file).at("predictions").at("data_AFD_matched");
  const auto correct = [&](const std::string& sort, const std::string& percent) {
    const std::string key = "INDEX_12/SORTEDBY_" + sort + "/PERCENT_" + percent + "/";
    const auto truth = predictions.at(key + "y_true").get<std::vector<Index>>();
    const auto found = predictions.at(key + "y_pred").get<std::vector<Index>>();
    Bytes flags;
    for (std::size_t i = 0; i < truth.size(); ++i) flags.push_back(truth[i] == found[i] ? 1 : 0);
    return flags;
  };
  Recording result;
  result.labels = predictions.at("INDEX_12/SORTEDBY_data_AFD_matched/PERCENT_0.00/y_true").get<std::vector<Index>>();
  result.base = correct("data_AFD_matched", "0.00");
  result.own = correct("data_AFD_matched", "0.20");
  result.other = correct("dataset_white_CASIA_facecar_na", "0.20");
  return result;
}

// The standard deviation of the drop under the hierarchical bootstrap, in closed form for classes of equal size:
// variance of the class means plus mean variance within classes over the class size, of the linearised drop.
double delta_method_deviation(const std::vector<Index>& labels, const Bytes& base, const Bytes& lesioned) {
  double base_sum = 0;
  double lesioned_sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    base_sum += base[i];
    lesioned_sum += lesioned[i];
  }
  const auto images = static_cast<double>(labels.size());
  std::map<Index, std::vector<double>> classes;
  for (std::size_t i = 0; i < labels.size(); ++i)
    classes[labels[i]].push_back((lesioned_sum / base_sum * base[i] - lesioned[i]) / (base_sum / images));
  double between = 0;
  double within = 0;
  for (const auto& [label, values] : classes) {
    const double center = mean(values);
    between += center * center;  // the linearised drop has mean 0
    double squares = 0;
    for (const double value : values) squares += (value - center) * (value - center);
    within += squares / static_cast<double>(values.size() * values.size());
  }
  return std::sqrt(between + within) / static_cast<double>(classes.size());
}

// Images of `classes` classes whose accuracies differ, as real classes do.
struct Synthetic {
  std::vector<Index> labels;
  Bytes flags;
};
Synthetic hierarchical_data(Rng& rng, Index classes, Index images) {
  Synthetic data;
  for (Index c = 0; c < classes; ++c) {
    const double accuracy = 0.2 + 0.6 * rng.uniform();  // mean 0.5 over classes
    for (Index i = 0; i < images; ++i) {
      data.labels.push_back(c);
      data.flags.push_back(rng.uniform() < accuracy ? 1 : 0);
    }
  }
  return data;
}

}  // namespace

TEST_CASE("a replicate draws whole classes, then images within them") {
  // Class 7 has 1 image, class -2 has 3, class 4 has 2, interleaved.
  const std::vector<Index> labels{4, -2, 7, -2, 4, -2};
  const HierarchicalBootstrap bootstrap(labels, Rng(3));
  CHECK(bootstrap.class_count() == 3);
  CHECK(bootstrap.image_count() == 6);
  std::vector<ImageWeight> weights(6);
  std::vector<double> sums(6);
  constexpr Index replicates = 20000;
  for (Index r = 0; r < replicates; ++r) {
    bootstrap.draw(r, weights);
    const ImageWeight seven = weights[2];
    const ImageWeight four = weights[0] + weights[4];
    const ImageWeight minus_two = weights[1] + weights[3] + weights[5];
    REQUIRE(four % 2 == 0);
    REQUIRE(minus_two % 3 == 0);
    REQUIRE(seven + four / 2 + minus_two / 3 == 3);  // as many classes as there are
    for (std::size_t i = 0; i < 6; ++i) sums[i] += weights[i];
  }
  // Each image is expected once per replicate; 4 standard errors, the variance of a weight being below 2.
  for (const double sum : sums) CHECK(sum / replicates == Approx(1).margin(4 * std::sqrt(2.0 / replicates)));

  std::vector<ImageWeight> again(6);
  bootstrap.draw(replicates - 1, again);
  CHECK(again == weights);
  CHECK_THROWS_AS(bootstrap.draw(0, std::span(again).first(5)), ShapeError);
  CHECK_THROWS_AS(HierarchicalBootstrap(std::span<const Index>{}, Rng(1)), ConfigError);
}

TEST_CASE("the bootstrap does not depend on the number of threads") {
  Rng rng(9);
  const Synthetic data = hierarchical_data(rng, 20, 11);
  const TaskResponses responses{.task = "a", .labels = data.labels, .base = data.flags, .lesioned = {data.flags}};
  const int threads = thread_count();
  set_thread_count(1);
  const TaskDrops one = proportional_drops(responses, Rng(4), {.replicates = 1000});
  set_thread_count(3);
  const TaskDrops three = proportional_drops(responses, Rng(4), {.replicates = 1000});
  set_thread_count(threads);
  CHECK(one.base.low == three.base.low);
  CHECK(one.base.high == three.base.high);
  CHECK(one.base.deviation == three.base.deviation);
  CHECK(one.replicates == three.replicates);
  const TaskDrops other = proportional_drops(responses, Rng(5), {.replicates = 1000});
  CHECK(one.base.deviation != other.base.deviation);
}

TEST_CASE("drops of a recorded run agree with its published re-computation") {
  const Recording run = recording();
  REQUIRE(run.labels.size() == 8270);
  const TaskDrops drops = proportional_drops(
      {.task = "Asian faces", .labels = run.labels, .base = run.base, .lesioned = {run.own, run.other}}, Rng(0));
  CHECK(drops.base.estimate == Approx(0.6834).margin(0.00005));
  // Two bootstraps with other random numbers: 0.002, a fifth of the standard error.
  const Interval& own = drops.drop[0];
  CHECK(mean(drops.replicates[0]) == Approx(0.6318).margin(0.002));
  CHECK(own.estimate == Approx(0.631).margin(0.001));
  // The published deviation is itself an estimate from few replicates; the exact check follows below.
  CHECK(own.deviation == Approx(0.0103).margin(0.002));
  CHECK(own.low == Approx(0.610).margin(0.002));
  CHECK(own.high == Approx(0.652).margin(0.002));
  const Interval& other = drops.drop[1];
  CHECK(mean(drops.replicates[1]) == Approx(0.4787).margin(0.002));
  CHECK(other.deviation == Approx(0.0112).margin(0.002));
  CHECK(other.low == Approx(0.455).margin(0.002));
  CHECK(other.high == Approx(0.501).margin(0.002));
  // The delta method is exact up to terms of second order here (base accuracy .68 +- .007), and 10,000 replicates give
  // the deviation to 0.7 %.
  CHECK(own.deviation == Approx(delta_method_deviation(run.labels, run.base, run.own)).epsilon(0.03));
  CHECK(other.deviation == Approx(delta_method_deviation(run.labels, run.base, run.other)).epsilon(0.03));
}

TEST_CASE("the hierarchical interval covers the truth, an interval over images alone does not") {
  // Truth: 0.5 over an unlimited number of classes. 15 classes x 20 images; the image-only bootstrap ignores that
  // images of a class are alike.
  constexpr int trials = 400;
  int covered = 0;
  int covered_flat = 0;
  Rng rng(12);
  for (int trial = 0; trial < trials; ++trial) {
    const Synthetic data = hierarchical_data(rng, 15, 20);
    const BootstrapOptions options{.replicates = 400};
    const std::vector<double> values(data.flags.begin(), data.flags.end());
    const Rng stream(77, static_cast<std::uint64_t>(trial));
    covered += bootstrap_mean(HierarchicalBootstrap(data.labels, stream), values, options).contains(0.5) ? 1 : 0;
    const std::vector<Index> one_class(data.labels.size(), 0);
    covered_flat += bootstrap_mean(HierarchicalBootstrap(one_class, stream), values, options).contains(0.5) ? 1 : 0;
  }
  // Nominal 0.95; drawing images inside drawn classes adds the within-class variance once more, so the hierarchical
  // interval is conservative: 0.95 less 4 binomial errors is the bound below, and nothing above.
  CHECK(covered / double{trials} > 0.95 - 4 * std::sqrt(0.95 * 0.05 / trials));
  CHECK(covered_flat / double{trials} < 0.9);
}

TEST_CASE("the index of published drops") {
  // Two face tasks, conv5_3, 20 %: d[t][s].
  const DropMatrix d{{0.631, 0.478}, {0.489, 0.644}};
  CHECK(specificity(d, 0) == Approx(0.142).margin(0.0005));
  CHECK(specificity(d, 1) == Approx(0.166).margin(0.0005));
  CHECK(segregation_parts(d).index() == Approx(0.137).margin(0.0005));
}

TEST_CASE("limits of the index, for any number of tasks") {
  for (const std::size_t tasks : std::vector<std::size_t>{2, 3, 5}) {
    CAPTURE(tasks);
    DropMatrix d(tasks, std::vector<double>(tasks, 0.3));
    CHECK(segregation_parts(d).index() == Approx(0).margin(1e-12));
    for (std::size_t t = 0; t < tasks; ++t)
      for (std::size_t s = 0; s < tasks; ++s) d[t][s] = t == s ? 0.1 * static_cast<double>(t + 1) : 0;
    CHECK(segregation_parts(d).index() == Approx(1));
    for (std::size_t t = 0; t < tasks; ++t)
      for (std::size_t s = 0; s < tasks; ++s) d[t][s] = t == s ? 0 : 0.2;
    CHECK(segregation_parts(d).index() == Approx(-1));
  }
  CHECK(std::isnan(segregation_parts(DropMatrix(2, std::vector<double>(2, 0.0))).index()));
}

TEST_CASE("segregation of made tasks") {
  // 10 classes x 12 images; the net finds 3 of 4. A lesion by its own units leaves 1 in 4, by others 1 in 2.
  std::vector<Index> labels;
  Bytes base, own, other, random;
  for (Index image = 0; image < 120; ++image) {
    labels.push_back(image / 12);
    base.push_back(image % 4 < 3 ? 1 : 0);
    own.push_back(image % 4 < 1 ? 1 : 0);
    other.push_back(image % 4 < 2 ? 1 : 0);
    random.push_back(image % 8 < 6 && image % 4 < 3 && image != 0 ? 1 : 0);
  }
  const BootstrapOptions options{.replicates = 500};
  SECTION("three tasks") {
    std::vector<TaskResponses> tasks;
    for (std::size_t t = 0; t < 3; ++t) {
      TaskResponses responses{.task = "task " + std::to_string(t), .labels = labels, .base = base, .lesioned = {}};
      for (std::size_t s = 0; s < 3; ++s) responses.lesioned.emplace_back(s == t ? own : other);
      tasks.push_back(responses);
    }
    const Segregation result = segregation(tasks, Rng(1), options);
    CHECK(result.drop[1][1].estimate == Approx(2.0 / 3));
    CHECK(result.drop[1][2].estimate == Approx(1.0 / 3));
    CHECK(result.accuracy[2][0].estimate == Approx(0.5));
    CHECK(result.base[0].estimate == Approx(0.75));
    CHECK(result.specificity[0].estimate == Approx(1.0 / 3));
    CHECK(result.specificity_p[0] == Approx(2.0 / 501));
    REQUIRE(result.index.has_value());
    CHECK(result.index->estimate == Approx(1.0 / 3));
    CHECK(result.index->contains(1.0 / 3));
    CHECK(result.index->low > 0);
    CHECK(result.index_replicates.size() == 500);
    CHECK(result.random_drop.empty());
  }
  SECTION("random lesions") {
    const std::vector<TaskResponses> tasks{
        {.task = "a", .labels = labels, .base = base, .lesioned = {own, other}, .random = {random, base}},
        {.task = "b", .labels = labels, .base = base, .lesioned = {other, own}, .random = {random, base}}};
    const Segregation result = segregation(tasks, Rng(1), options);
    double left = 0;
    for (const std::uint8_t flag : random) left += flag;
    const double random_drop = (90 - left) / 90 / 2;
    CHECK(result.random_drop[1].estimate == Approx(random_drop));
    CHECK(result.corrected_drop[0][0].estimate == Approx(2.0 / 3 - random_drop));
    CHECK(result.corrected_drop[0][1].contains(1.0 / 3 - random_drop));
  }
  SECTION("a lesion without effect leaves the index undefined") {
    const std::vector<TaskResponses> tasks{{.task = "a", .labels = labels, .base = base, .lesioned = {base, base}},
                                           {.task = "b", .labels = labels, .base = base, .lesioned = {base, base}}};
    const Segregation result = segregation(tasks, Rng(1), options);
    CHECK_FALSE(result.index.has_value());
    CHECK(result.index_denominator.contains(0));
    CHECK(result.drop[0][0].estimate == 0);
  }
  SECTION("a net that finds nothing leaves everything undefined") {
    const Bytes nothing(labels.size(), 0);
    const std::vector<TaskResponses> tasks{
        {.task = "a", .labels = labels, .base = nothing, .lesioned = {nothing, nothing}},
        {.task = "b", .labels = labels, .base = base, .lesioned = {other, own}}};
    const Segregation result = segregation(tasks, Rng(1), options);
    CHECK_FALSE(result.drop[0][0].defined());
    CHECK(result.drop[1][1].defined());
    CHECK_FALSE(result.index.has_value());
    CHECK(result.base[0].estimate == 0);
  }
  SECTION("shapes") {
    const TaskResponses good{.task = "a", .labels = labels, .base = base, .lesioned = {own, other}};
    TaskResponses bad = good;
    bad.lesioned[1] = bad.lesioned[1].first(7);
    CHECK_THROWS_WITH(segregation(std::vector{good, bad}, Rng(1), options), Catch::Contains("expected 120"));
    bad = good;
    bad.lesioned.pop_back();
    CHECK_THROWS_AS(segregation(std::vector{good, bad}, Rng(1), options), ShapeError);
    CHECK_THROWS_AS(segregation(std::vector{good}, Rng(1), options), ConfigError);
  }
}
