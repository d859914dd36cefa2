/// The definition of a lesion against the other ways to compute it; audits that find what is wrong, and only that.

#include <cmath>
#include <vector>

#include <fusiform/analysis/audited_lesions.hpp>
#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>
#include <fusiform/analysis/pair_effects.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

std::vector<std::vector<Index>> all_singles(Index units) {
  std::vector<std::vector<Index>> added{{}};
  for (Index unit = 0; unit < units; ++unit) added.push_back({unit});
  return added;
}

/// Adds `error` to the loss of one image under one single-unit lesion, as a fault in a kernel would.
template <Scalar T>
class Faulty final : public AddedLesions<T> {
 public:
  Faulty(AddedLesions<T>& right, Index unit, Index image, T error)
      : right_(right), unit_(unit), image_(image), error_(error) {}
  [[nodiscard]] Index units() const override { return right_.units(); }
  [[nodiscard]] Index image_count() const override { return right_.image_count(); }
  [[nodiscard]] Index block() const override { return right_.block(); }
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    auto outcomes = right_.evaluate(base, added, images);
    for (std::size_t i = 0; i < added.size(); ++i)
      if (added[i] == std::vector<Index>{unit_})
        outcomes[i].losses[static_cast<std::size_t>(image_ - images.first)] += error_;
    return outcomes;
  }

 private:
  AddedLesions<T>& right_;
  Index unit_, image_;
  T error_;
};

}  // namespace

TEST_CASE("the definition of a lesion gives what cached activations give, of every kind") {
  for (const SmallNet& small : small_nets()) {
    const Network<double, Cpu> network = small.build<double>();
    const LabelledImages<double> images = small.images<double>(6);
    const LabelledImages<double> others = small.images<double>(4);
    const NodeId head = network.heads().back();
    const LesionSite site = lesion_site(network, "conv1");
    for (const LabelledImages<double>* references : {static_cast<const LabelledImages<double>*>(nullptr), &others}) {
      const LesionReference<double> reference{.images = references, .rng = Rng(5)};
      DirectLesion<double> direct(network, site, head, images, reference);
      LesionEvaluator<double> evaluator(network, site, head, images, {.batch = 4}, reference);
      for (const LesionKind kind : {LesionKind::zero, LesionKind::mean, LesionKind::resample, LesionKind::scale})
        for (const bool keep_only : {false, true}) {
          const Lesion lesion{{0, 2}, kind, 0.5, keep_only};
          const Outcomes<double> all = evaluator.evaluate_one(lesion);
          const std::vector<Index> chosen{1, 2, 5};
          const Outcomes<double> some = direct.evaluate(lesion, chosen);
          for (std::size_t i = 0; i < chosen.size(); ++i) {
            const auto n = static_cast<std::size_t>(chosen[i]);
            CHECK(some.losses[i] == Approx(all.losses[n]).margin(1e-12));
            CHECK(some.correct[i] == all.correct[n]);
          }
        }
      CHECK(direct.evaluate({}, {}).count() == 0);
    }
  }
}

TEST_CASE("an audit of every pair finds rounding only, and answers what it audits") {
  const SmallNet small = small_net("residual");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(9);
  const NodeId head = network.heads().front();
  for (const LesionKind kind : {LesionKind::zero, LesionKind::resample}) {
    const LesionSite site = lesion_site(network, "block.conv1");
    const LesionReference<float> reference{.rng = Rng(3)};
    IncrementalLesions<float> lesions(network, site, head, images, {.manner = {kind}, .block = 4}, reference);
    DirectLesion<float> direct(network, site, head, images, reference);
    AuditedLesions<float> audited(lesions, direct, {kind}, {.share = 1, .limit = 10'000});
    const auto added = all_singles(site.units);
    const auto expected = lesions.evaluate({}, added);
    const auto outcomes = audited.evaluate({}, added, {0, 9});
    for (std::size_t i = 0; i < added.size(); ++i) CHECK(outcomes[i].losses == expected[i].losses);
    CHECK(audited.audit().pairs > 9);  // drawn with replacement from 45 pairs
    CHECK(audited.audit().off_by_more_than_rounding == 0);
    CHECK(audited.audit().largest < 2e-5);
    CHECK(audited.audit().mean() <= audited.audit().largest);
  }
}

TEST_CASE("an audit finds a wrong loss and names the lesion and the image") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(8);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  IncrementalLesions<float> lesions(network, site, head, images, {.block = 4});
  DirectLesion<float> direct(network, site, head, images);
  Faulty<float> faulty(lesions, 3, 6, 1e-3F);
  AuditedLesions<float> audited(faulty, direct, {}, {.share = 1, .limit = 10'000});
  for (int question = 0; question < 4; ++question)  // of 16 pairs, 16 are drawn each time
    static_cast<void>(
        audited.evaluate(std::vector<Index>{1}, std::vector<std::vector<Index>>{{0}, {2}, {3}, {5}}, {4, 4}));
  REQUIRE(audited.audit().off_by_more_than_rounding > 0);
  CHECK(audited.audit().largest == Approx(1e-3).epsilon(0.05));
  CHECK(audited.audit().worst_units == std::vector<Index>{1, 3});
  CHECK(audited.audit().worst_image == 6);
}

TEST_CASE("an audit stays within its share and its limit") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(8);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv2");
  IncrementalLesions<float> lesions(network, site, head, images, {.block = 4});
  DirectLesion<float> direct(network, site, head, images);
  const auto pairs = [&](const AuditOptions& options) {
    AuditedLesions<float> audited(lesions, direct, {}, options);
    static_cast<void>(audited.evaluate({}, all_singles(site.units), {0, 8}));
    return audited.audit().pairs;
  };
  CHECK(pairs({.share = 0}) == 0);
  CHECK(pairs({.share = 0.01}) == 1);  // of 72
  CHECK(pairs({.share = 1, .limit = 5}) <= 5);
  CHECK_THROWS_AS(pairs({.share = 1.5}), ConfigError);
  CHECK_THROWS_AS(pairs({.limit = -1}), ConfigError);
}

TEST_CASE("an audit that goes on draws what an undisturbed one draws") {
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(40);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  IncrementalLesions<float> lesions(network, site, head, images);
  DirectLesion<float> direct(network, site, head, images);
  const auto ask = [&](AuditedLesions<float>& audited) {
    static_cast<void>(audited.evaluate({}, all_singles(site.units), {0, 40}));
    return audited.take_audit();
  };
  AuditedLesions<float> whole(lesions, direct, {}, {.share = 0.3, .limit = 1000});
  const Audit first = ask(whole);
  const Audit second = ask(whole);
  CHECK(whole.audit().pairs == 0);
  CHECK(whole.questions() == 2);
  CHECK((first.sum != second.sum || first.pairs != second.pairs));
  AuditedLesions<float> rest(lesions, direct, {}, {.share = 0.3, .limit = 1000, .questions = 1});
  const Audit again = ask(rest);
  CHECK(again.pairs == second.pairs);
  CHECK(again.sum == second.sum);
  CHECK(again.worst_image == second.worst_image);
  CHECK(again.off_by_more_than_rounding == 0);
}

TEST_CASE("the synergy of two units is what both do beyond the sum of what each does") {
  const SmallNet small = small_net("branched");
  const Network<double, Cpu> network = small.build<double>();
  const LabelledImages<double> images = small.images<double>(10);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  IncrementalLesions<double> lesions(network, site, head, images, {.block = 4});
  DirectLesion<double> direct(network, site, head, images);
  std::vector<Index> all;
  for (Index i = 0; i < images.count(); ++i) all.push_back(i);
  const auto mean_loss = [&](std::vector<Index> units) { return direct.evaluate({std::move(units)}, all).mean_loss(); };
  const std::vector<Index> units{4, 0, 2};
  const PairEffects pairs = pair_effects(lesions, units);
  const double intact = mean_loss({});
  CHECK(pairs.units == units);
  for (Index i = 0; i < 3; ++i) {
    const Index a = units[static_cast<std::size_t>(i)];
    CHECK(pairs.effects[static_cast<std::size_t>(i)] == Approx(mean_loss({a}) - intact).margin(1e-12));
    CHECK(pairs.synergies[i * 3 + i] == 0);
    for (Index j = 0; j < 3; ++j) {
      const Index b = units[static_cast<std::size_t>(j)];
      if (i == j) continue;
      CHECK(pairs.synergies[i * 3 + j] ==
            Approx(mean_loss({a, b}) - mean_loss({a}) - mean_loss({b}) + intact).margin(1e-12));
      CHECK(pairs.synergies[i * 3 + j] == pairs.synergies[j * 3 + i]);
      CHECK(pairs.errors[i * 3 + j] > 0);
    }
  }
  CHECK_THROWS_AS(pair_effects(lesions, {1, 1}), ConfigError);
  CHECK_THROWS_AS(pair_effects(units, lesions.evaluate({}, pair_lesions({4, 0}))), ShapeError);
  const std::vector<Outcomes<double>> outcomes = lesions.evaluate({}, pair_lesions(units));
  double sum = 0;
  for (std::size_t n = 0; n < 10; ++n) sum += pair_synergy(outcomes, 3, {1, 2}, n);
  CHECK(pairs.synergies[1 * 3 + 2] == Approx(sum / 10).margin(1e-15));
}
