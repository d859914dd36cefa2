#include <cmath>
#include <string>
#include <vector>

#include <fusiform/analysis/segregation_difference.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;

namespace {

using Bytes = std::vector<std::uint8_t>;

// Two tasks under two lesions. The images' difficulty is shared by all nets tested on them; `selectivity` is a net's.
struct Net {
  std::vector<std::vector<Index>> labels{2};
  std::vector<Bytes> base{2};
  std::vector<std::vector<Bytes>> lesioned{2, std::vector<Bytes>(2)};

  Net(Rng images, double selectivity) {
    for (std::size_t t = 0; t < 2; ++t)
      for (Index c = 0; c < 20; ++c) {
        const double center = images.normal();
        for (Index i = 0; i < 10; ++i) {
          const double ease = 1.5 + 0.7 * center + images.normal();
          labels[t].push_back(c);
          base[t].push_back(ease > 0 ? 1 : 0);
          for (std::size_t s = 0; s < 2; ++s)
            lesioned[t][s].push_back(ease > (s == t ? 1 + selectivity : 1 - selectivity) ? 1 : 0);
        }
      }
  }
  std::vector<TaskResponses> responses() const {
    std::vector<TaskResponses> result;
    for (std::size_t t = 0; t < 2; ++t)
      result.push_back({.task = t == 0 ? "faces" : "objects",
                        .labels = labels[t],
                        .base = base[t],
                        .lesioned = {lesioned[t][0], lesioned[t][1]}});
    return result;
  }
};

}  // namespace

TEST_CASE("the difference between two nets, on the same images and on others") {
  const Net selective(Rng(1), 0.6);
  const Net shared(Rng(1), 0.3);
  const std::vector<TaskResponses> a = selective.responses();
  const std::vector<TaskResponses> b = shared.responses();
  const BootstrapOptions options{.replicates = 1000};
  const Segregation of_a = segregation(a, Rng(7), options);
  const Segregation of_b = segregation(b, Rng(7), options);
  const SegregationDifference paired = segregation_difference(a, b, Pairing::same_images, Rng(7), options);
  const SegregationDifference apart = segregation_difference(a, b, Pairing::other_images, Rng(7), options);
  for (const SegregationDifference* both : {&paired, &apart}) {
    REQUIRE(both->index.has_value());
    CHECK(both->index->interval.estimate == of_a.index->estimate - of_b.index->estimate);
    CHECK(both->drop[1][0].interval.estimate == of_a.drop[1][0].estimate - of_b.drop[1][0].estimate);
    CHECK(both->specificity[0].interval.estimate == of_a.specificity[0].estimate - of_b.specificity[0].estimate);
    CHECK(both->index->interval.low > 0);
    CHECK(both->tasks == std::vector<std::string>{"faces", "objects"});
  }
  CHECK(paired.index->p == Approx(2.0 / 1001));
  // Replicate by replicate the same images on both sides.
  std::vector<double> differences;
  for (std::size_t r = 0; r < 1000; ++r) differences.push_back(of_a.index_replicates[r] - of_b.index_replicates[r]);
  const Interval by_hand = percentile_interval(of_a.index->estimate - of_b.index->estimate, differences);
  CHECK(paired.index->interval.low == by_hand.low);
  CHECK(paired.index->interval.high == by_hand.high);
  // Independent sides: variances add up; 1,000 replicates give each deviation to 2.2 %.
  const double sum = std::hypot(of_a.index->deviation, of_b.index->deviation);
  CHECK(apart.index->interval.deviation == Approx(sum).epsilon(0.1));
  // The difficulty of the images cancels out in pairs. (The drop to own lesions: strongly correlated.)
  CHECK(paired.drop[0][0].interval.deviation < 0.9 * apart.drop[0][0].interval.deviation);
}

TEST_CASE("a net does not differ from itself") {
  const Net net(Rng(2), 0.4);
  const SegregationDifference none = segregation_difference(net.responses(), net.responses(), Pairing::same_images,
                                                            Rng(3), {.replicates = 200, .kind = IntervalKind::bca});
  CHECK(none.index->interval.low == 0);
  CHECK(none.index->interval.high == 0);
  CHECK(none.index->p == 1);
  CHECK(none.index->interval.reason == "percentile interval: all replicates are equal");
}

TEST_CASE("BCa intervals of differences use the classes of both sides") {
  const Net first(Rng(4), 0.6);
  const Net second(Rng(5), 0.3);
  const BootstrapOptions options{.replicates = 500, .kind = IntervalKind::bca};
  const ResampledSegregation a = resample_segregation(first.responses(), Rng(1), options);
  const ResampledSegregation b = resample_segregation(second.responses(), Rng(2), options, 2);
  const Resampled both = difference(a.index, b.index);
  CHECK(both.left_out.size() == 4);  // two tasks on two sides
  // With class 3 of the second side's first task left out: the index of the rest, computed from scratch.
  Net reduced = second;
  for (std::size_t i = reduced.labels[0].size(); i-- > 0;)
    if (reduced.labels[0][i] == 3) {
      const auto at = static_cast<std::ptrdiff_t>(i);
      reduced.labels[0].erase(reduced.labels[0].begin() + at);
      reduced.base[0].erase(reduced.base[0].begin() + at);
      for (Bytes& flags : reduced.lesioned[0]) flags.erase(flags.begin() + at);
    }
  const ResampledSegregation rest = resample_segregation(reduced.responses(), Rng(2), {.replicates = 1});
  CHECK(both.left_out.at(2)[3] == Approx(a.index.estimate - rest.index.estimate).epsilon(1e-12));
  const Difference bca = *segregation_difference(a, b, options).index;
  CHECK(bca.interval.reason.empty());
  CHECK(bca.interval.contains(both.estimate));
}

TEST_CASE("differences do not depend on the number of threads") {
  const Net first(Rng(4), 0.6);
  const Net second(Rng(4), 0.3);
  const BootstrapOptions options{.replicates = 300, .kind = IntervalKind::bca};
  const auto run = [&](int threads) {
    const test::ThreadCount scope(threads);
    return segregation_difference(first.responses(), second.responses(), Pairing::same_images, Rng(1), options);
  };
  const SegregationDifference one = run(1);
  const SegregationDifference three = run(3);
  CHECK(one.index->interval.low == three.index->interval.low);
  CHECK(one.index->interval.high == three.index->interval.high);
  CHECK(one.index->p == three.index->p);
  CHECK(one.drop[0][1].interval.deviation == three.drop[0][1].interval.deviation);
}

TEST_CASE("what cannot be compared") {
  const Net net(Rng(1), 0.5);
  const std::vector<TaskResponses> a = net.responses();
  std::vector<TaskResponses> b = a;
  Net other = net;
  other.labels[1][17] = 0;
  CHECK_THROWS_WITH(segregation_difference(a, other.responses(), Pairing::same_images, Rng(1)),
                    Catch::Contains("'objects'") && Catch::Contains("same images"));
  b.pop_back();
  CHECK_THROWS_AS(segregation_difference(a, b, Pairing::same_images, Rng(1)), ShapeError);
  // A lesion without effect on one side: no index, so no difference of indices; the drops can be compared.
  b = a;
  for (TaskResponses& task : b) task.lesioned = {task.base, task.base};
  const SegregationDifference partial = segregation_difference(a, b, Pairing::same_images, Rng(1), {.replicates = 100});
  CHECK_FALSE(partial.index.has_value());
  CHECK(partial.drop[0][0].interval.defined());
}
