#include <cmath>
#include <vector>

#include <fusiform/analysis/subgroups.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

// Classes 0..5, subgroup 7 for even classes, -1 for odd ones; class 4 has no images. The lesion hurts subgroup 7 only.
struct Data {
  std::vector<Index> labels;
  std::vector<Index> subgroup_of_class{7, -1, 7, -1, 7, -1};
  Outcomes<float> base, lesioned;

  Data() {
    Rng rng(3);
    for (Index i = 0; i < 90; ++i) labels.push_back(i % 5 == 4 ? 5 : i % 5);
    base.resize(90);
    lesioned.resize(90);
    for (std::size_t i = 0; i < 90; ++i) {
      const bool hurt = labels[i] % 2 == 0;
      base.losses[i] = static_cast<float>(rng.uniform());
      base.correct[i] = rng.uniform() < 0.9 ? 1 : 0;
      lesioned.losses[i] = base.losses[i] + static_cast<float>(hurt ? 1 + rng.uniform() : 0.1 * rng.uniform());
      lesioned.correct[i] = base.correct[i] != 0 && (!hurt || rng.uniform() < 0.3) ? 1 : 0;
    }
  }
  LesionedOutcomes<float> outcomes() const { return {labels, base, lesioned}; }
};

}  // namespace

TEST_CASE("effects on subgroups, against sums by hand") {
  const Data data;
  const BootstrapOptions options{.replicates = 500};
  const std::vector<SubgroupEffect> effects =
      subgroup_effects(data.outcomes(), data.subgroup_of_class, Rng(1), options);
  REQUIRE(effects.size() == 2);
  for (const SubgroupEffect& effect : effects) {
    double images = 0;
    double change = 0;
    double base = 0;
    double lesioned = 0;
    std::vector<Index> labels;
    std::vector<double> changes;
    for (std::size_t i = 0; i < 90; ++i) {
      if (data.subgroup_of_class[static_cast<std::size_t>(data.labels[i])] != effect.subgroup) continue;
      images += 1;
      change += double{data.lesioned.losses[i]} - double{data.base.losses[i]};
      base += data.base.correct[i];
      lesioned += data.lesioned.correct[i];
      labels.push_back(data.labels[i]);
      changes.push_back(double{data.lesioned.losses[i]} - double{data.base.losses[i]});
    }
    CHECK(effect.images == static_cast<Index>(images));
    CHECK(effect.loss_change.estimate == Approx(change / images));
    CHECK(effect.base_accuracy.estimate == Approx(base / images));
    CHECK(effect.lesioned_accuracy.estimate == Approx(lesioned / images));
    CHECK(effect.drop.estimate == Approx(1 - lesioned / base).margin(1e-12));
    const Interval interval = bootstrap_mean(
        HierarchicalBootstrap(labels, Rng(1).stream(static_cast<std::uint64_t>(effect.subgroup))), changes, options);
    CHECK(effect.loss_change.low == interval.low);
    CHECK(effect.loss_change.high == interval.high);
  }
  CHECK(effects[0].subgroup == -1);
  CHECK(effects[1].subgroup == 7);
  CHECK(effects[0].classes == 3);
  CHECK(effects[1].classes == 2);  // classes 0 and 2
  CHECK(effects[1].drop.low > effects[0].drop.high);
  const test::ThreadCount one(1);
  const SubgroupEffect again = subgroup_effects(data.outcomes(), data.subgroup_of_class, Rng(1), options)[1];
  CHECK(again.drop.low == effects[1].drop.low);
}

TEST_CASE("drops of two subgroups differ as two numbers of different images") {
  const Data data;
  const BootstrapOptions options{.replicates = 300, .kind = IntervalKind::bca};
  const auto resampled = resample_subgroups(data.outcomes(), data.subgroup_of_class, Rng(1), options);
  REQUIRE(resampled.size() == 2);
  const Resampled& odd = resampled[0].drops.drop[0];
  const Resampled& even = resampled[1].drops.drop[0];
  const Resampled between = difference(even, odd);
  CHECK(between.estimate == even.estimate - odd.estimate);
  for (std::size_t r = 0; r < 300; ++r) CHECK(between.replicates[r] == even.replicates[r] - odd.replicates[r]);
  REQUIRE(between.left_out.size() == 2);
  CHECK(between.left_out.at(-1).size() == 3);  // a class of the one is left out beside all of the other
  for (std::size_t c = 0; c < 2; ++c) CHECK(between.left_out.at(7)[c] == Approx(even.left_out.at(7)[c] - odd.estimate));
  const SubgroupEffect effect = subgroup_effect(resampled[1], options);
  CHECK(effect.drop.low == confidence_interval(even, options).low);
  CHECK(effect.drop.low !=
        subgroup_effects(data.outcomes(), data.subgroup_of_class, Rng(1), {.replicates = 300})[1].drop.low);
}

TEST_CASE("effects on classes") {
  const Data data;
  const std::vector<ClassEffect> effects = class_effects(data.outcomes());
  REQUIRE(effects.size() == 5);
  CHECK(effects[4].label == 5);
  double images = 0;
  double change = 0;
  for (const ClassEffect& effect : effects) {
    images += static_cast<double>(effect.images);
    change += effect.loss_change * static_cast<double>(effect.images);
    CHECK(effect.images == 18);
    CHECK(effect.drop == Approx((effect.base_accuracy - effect.lesioned_accuracy) / effect.base_accuracy));
  }
  CHECK(images == 90);
  const Interval all =
      subgroup_effects(data.outcomes(), std::vector<Index>(6, 0), Rng(1), {.replicates = 10})[0].loss_change;
  CHECK(change / images == Approx(all.estimate));

  Data none = data;
  for (std::size_t i = 0; i < 90; ++i)
    if (none.labels[i] == 3) none.base.correct[i] = none.lesioned.correct[i] = 0;
  CHECK(std::isnan(class_effects(none.outcomes())[3].drop));
}

TEST_CASE("subgroups at the edges") {
  Data data;
  const std::vector<Index> too_short(5, 0);
  CHECK_THROWS_WITH(subgroup_effects(data.outcomes(), too_short, Rng(1)), Catch::Contains("classes 0..4, got 5"));
  data.lesioned.losses.pop_back();
  CHECK_THROWS_AS(subgroup_effects(data.outcomes(), data.subgroup_of_class, Rng(1)), ShapeError);
  CHECK_THROWS_AS(class_effects(data.outcomes()), ShapeError);
  const Outcomes<float> nothing;
  const LesionedOutcomes<float> empty{{}, nothing, nothing};
  CHECK(subgroup_effects(empty, too_short, Rng(1)).empty());
  CHECK(class_effects(empty).empty());
}
