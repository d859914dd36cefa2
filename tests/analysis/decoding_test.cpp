#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <fusiform/analysis/decoding.hpp>
#include <fusiform/analysis/linear_svm.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using test::random_tensor;

namespace {

/// Classes 0.. of equal size in turn; their means are `distance` from each other's, in units of the noise.
FeatureTable clusters(Index classes, Index images, Index features, double distance, std::uint64_t seed = 4) {
  const auto means = random_tensor<double>({classes, features}, Rng(seed).stream("means"));
  const auto noise = random_tensor<double>({classes * images, features}, Rng(seed).stream("noise"));
  FeatureTable table{"clusters", Tensor<float, Cpu>(noise.shape()), {}};
  for (Index n = 0; n < classes * images; ++n) {
    table.labels.push_back(n % classes);
    for (Index f = 0; f < features; ++f)
      table.values[n * features + f] =
          static_cast<float>(noise[n * features + f] + distance / std::sqrt(2.0 * static_cast<double>(features)) *
                                                           means[n % classes * features + f]);
  }
  return table;
}

/// The class whose training rows' mean is nearest.
std::vector<Index> nearest_mean(const TrainingRows& training, View<const double, Cpu> test) {
  const Index features = test.shape()[1];
  std::vector<Index> predicted;
  for (Index n = 0; n < test.shape()[0]; ++n) {
    double least = std::numeric_limits<double>::infinity();
    Index best = 0;
    for (Index c = 0; c < training.classes; ++c) {
      const auto size = static_cast<double>(std::count(training.labels.begin(), training.labels.end(), c));
      double squares = size > 0 ? 0 : std::numeric_limits<double>::infinity();
      for (Index f = 0; f < features && size > 0; ++f) {
        double sum = 0;
        for (std::size_t i = 0; i < training.labels.size(); ++i)
          if (training.labels[i] == c) sum += training.rows[static_cast<Index>(i) * features + f];
        squares += std::pow(test[n * features + f] - sum / size, 2);
      }
      if (squares < least) best = c;
      least = std::min(least, squares);
    }
    predicted.push_back(best);
  }
  return predicted;
}

Index count_equal(const std::vector<Index>& a, const std::vector<Index>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), Index{0}, std::plus<>(), std::equal_to<>());
}

/// Length of the gradient of the machine's objective, over its length at zero weights. Written down from
/// 1/2 |w|^2 + 1/2 b^2 + C sum max(0, 1 - y (w x + b))^2.
double relative_gradient(const TrainingRows& training, const LinearSvm& svm, Index c) {
  const Index features = training.rows.shape()[1];
  std::vector<double> w(svm.weights().data() + c * features, svm.weights().data() + (c + 1) * features);
  w.push_back(svm.intercepts()[c]);
  std::vector<double> gradient = w;
  std::vector<double> at_zero(w.size());
  for (Index n = 0; n < training.rows.shape()[0]; ++n) {
    std::vector<double> x(training.rows.data() + n * features, training.rows.data() + (n + 1) * features);
    x.push_back(1);
    const double y = training.labels[static_cast<std::size_t>(n)] == c ? 1 : -1;
    const double margin = y * std::inner_product(w.begin(), w.end(), x.begin(), 0.0);
    for (std::size_t f = 0; f < x.size(); ++f) {
      gradient[f] -= 2 * training.cost * y * std::max(0.0, 1 - margin) * x[f];
      at_zero[f] -= 2 * training.cost * y * x[f];
    }
  }
  const auto length = [](const std::vector<double>& v) {
    return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
  };
  return length(gradient) / length(at_zero);
}

struct Golden {
  explicit Golden(const std::string& name) : file("decoding.safetensors"), prefix(name + ".") {
    table = {name, file.plain<float>(prefix + "features"), integers("labels")};
  }
  [[nodiscard]] std::vector<Index> integers(const std::string& name) const {
    return file.file().read<Index>(prefix + name);
  }

  /// Predictions and decision values of each image when its fold is left out.
  void decode(const std::vector<Index>& folds, double cost, std::vector<Index>& predicted,
              Tensor<double, Cpu>& values) const {
    const ClassTable classes = class_table(table.labels);
    values = Tensor<double, Cpu>({table.count(), classes.count()});
    predicted.resize(table.labels.size());
    for (Index fold = 0; fold <= *std::max_element(folds.begin(), folds.end()); ++fold) {
      const Folds all{folds, 0};
      const std::vector<Index> training = all.images(fold, false);
      const std::vector<Index> test = all.images(fold, true);
      std::vector<Index> labels;
      for (const Index n : training) labels.push_back(classes.class_of_row[static_cast<std::size_t>(n)]);
      const FeatureScaling scaling(table, training);
      const Tensor<double, Cpu> rows = scaling.apply(table, training);
      const LinearSvm svm({rows.view(), labels, classes.count(), cost});
      const Tensor<double, Cpu> of_fold = svm.decision_values(scaling.apply(table, test).view());
      for (std::size_t i = 0; i < test.size(); ++i)
        std::copy_n(of_fold.data() + static_cast<Index>(i) * classes.count(), classes.count(),
                    values.data() + test[i] * classes.count());
      const std::vector<Index> of_test = svm.predict(scaling.apply(table, test).view());
      for (std::size_t i = 0; i < test.size(); ++i)
        predicted[static_cast<std::size_t>(test[i])] = classes.labels[static_cast<std::size_t>(of_test[i])];
    }
  }

  test::Goldens file;
  std::string prefix;
  FeatureTable table;
};

}  // namespace

TEST_CASE("linear SVM decodes as scikit-learn's LinearSVC does") {
  std::vector<Index> predicted;
  Tensor<double, Cpu> values;
  SECTION("168 images of 12 classes, 60 features, 5 folds") {
    const Golden golden("few");
    golden.decode(golden.integers("folds"), 1, predicted, values);
    const std::vector<Index> expected = golden.integers("predicted");
    const Index right = count_equal(predicted, golden.table.labels);
    CHECK(right > 84);  // so that agreement means something: chance would be 14
    CHECK(std::abs(right - count_equal(golden.integers("predicted_by_default"), golden.table.labels)) <= 1);
    CHECK(count_equal(predicted, expected) >= 167);
    CHECK(test::difference(values, golden.file.plain<double>("few.decision_values")).absolute < 1e-5);
  }
  SECTION("48 images of 6 classes, 150 features, leave one out") {
    const Golden golden("many");
    std::vector<Index> folds(golden.table.labels.size());
    std::iota(folds.begin(), folds.end(), Index{0});
    golden.decode(folds, 0.01, predicted, values);
    CHECK(count_equal(predicted, golden.integers("predicted")) >= 47);
    CHECK(count_equal(predicted, golden.integers("predicted_by_default")) >= 47);
    CHECK(test::difference(values, golden.file.plain<double>("many.decision_values")).absolute < 1e-5);

    const Decoding decoding = decode(golden.table, LinearSvmClassifier{}, Rng(1), {.costs = {0.01}});
    CHECK(decoding.predicted == predicted);
    CHECK(decoding.accuracy.estimate == Approx(static_cast<double>(count_equal(predicted, golden.table.labels)) / 48));
  }
}

TEST_CASE("linear SVM finds the minimum of its objective") {
  // 30 rows, so that 30 and fewer features are solved as they are and more in the space of the rows.
  for (const Index features : {1, 5, 30, 31, 200})
    for (const double cost : {0.001, 1.0, 30.0}) {
      INFO(features << " features, cost " << cost);
      auto rows = random_tensor<double>({30, features}, Rng(6));
      for (Index f = 0; f < features; ++f) rows[4 * features + f] = rows[3 * features + f];  // two equal rows
      std::vector<Index> labels;
      for (Index n = 0; n < 30; ++n) labels.push_back(n % 7 == 0 ? 2 : n % 2);
      const TrainingRows training{rows.view(), labels, 3, cost};
      const LinearSvm svm(training);
      // With 200 features and cost 30 liblinear's limit of 1,000 steps ends the search, at up to 1.2e-4.
      for (Index c = 0; c < 3; ++c) CHECK(relative_gradient(training, svm, c) < 2e-4);
    }
}

TEST_CASE("linear SVM of awkward training sets") {
  const Tensor<double, Cpu> rows({3, 2}, std::vector<double>{0, 1, 0, 2, 1, 0});
  SECTION("a class without rows is never predicted") {
    const LinearSvm svm({rows.view(), std::vector<Index>{1, 1, 3}, 4, 1});
    CHECK(svm.predict(rows.view()) == std::vector<Index>{1, 1, 3});
    CHECK(svm.intercepts()[0] == -std::numeric_limits<double>::infinity());
  }
  SECTION("a single class is always predicted") {
    const LinearSvm svm({rows.view(), std::vector<Index>{1, 1, 1}, 3, 1});
    CHECK(svm.predict(rows.view()) == std::vector<Index>{1, 1, 1});
  }
  SECTION("rows of zeros, no features") {
    const Tensor<double, Cpu> zeros({3, 2});
    CHECK(LinearSvm({zeros.view(), std::vector<Index>{0, 1, 1}, 2, 1}).predict(rows.view()) ==
          std::vector<Index>{1, 1, 1});
    const Tensor<double, Cpu> none({3, 0});
    CHECK(LinearSvm({none.view(), std::vector<Index>{0, 1, 1}, 2, 1}).predict(none.view()) ==
          std::vector<Index>{1, 1, 1});
  }
  SECTION("errors") {
    CHECK_THROWS_AS(LinearSvm({rows.view(), std::vector<Index>{0, 1}, 2, 1}), ShapeError);
    CHECK_THROWS_WITH(LinearSvm({rows.view(), std::vector<Index>{0, 1, 2}, 2, 1}),
                      Catch::Contains("labels 0..1, got 2"));
    CHECK_THROWS_AS(LinearSvm({rows.view(), std::vector<Index>{0, 1, 1}, 2, 0}), ConfigError);
    CHECK_THROWS_AS(LinearSvm({rows.view(), std::vector<Index>{0, 1, 1}, 2, 1}, {.tolerance = 0}), ConfigError);
    CHECK_THROWS_AS(LinearSvm({rows.view(), std::vector<Index>{0, 1, 1}, 2, 1}, {.intercept_scaling = 0}), ConfigError);
    const Tensor<double, Cpu> empty({0, 2});
    CHECK_THROWS_AS(LinearSvm({empty.view(), {}, 2, 1}), ConfigError);
    Tensor<double, Cpu> infinite = rows;
    infinite[4] = std::numeric_limits<double>::infinity();
    CHECK_THROWS_AS(LinearSvm({infinite.view(), std::vector<Index>{0, 1, 1}, 2, 1}), NumericError);
  }
}

TEST_CASE("rows keep their inner products in the space that they span") {
  // 9 rows of rank 5: combinations of 5 random ones.
  const auto basis = random_tensor<double>({5, 40}, Rng(2));
  const auto factors = random_tensor<double>({9, 5}, Rng(3));
  Tensor<double, Cpu> rows({9, 40});
  for (Index n = 0; n < 9; ++n)
    for (Index k = 0; k < 5; ++k)
      for (Index f = 0; f < 40; ++f) rows[n * 40 + f] += factors[n * 5 + k] * basis[k * 40 + f];
  const RowSpace space(rows.view());
  CHECK(space.dimensions() == 5);
  const auto dot = [](std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  const auto row = [&](Index n) { return rows.view().batch_range(n, 1).span(); };
  const auto coordinates = [&](Index n) { return space.coordinates().view().batch_range(n, 1).span(); };
  for (Index a = 0; a < 9; ++a)
    for (Index b = 0; b < 9; ++b)
      CHECK(dot(coordinates(a), coordinates(b)) == Approx(dot(row(a), row(b))).margin(1e-9));
  // A vector given by coordinates has the same product with each row as the coordinates have.
  const auto point = random_tensor<double>({2, 5}, Rng(7));
  const Tensor<double, Cpu> vectors = space.in_features(point);
  CHECK(vectors.shape() == Shape{2, 40});
  for (Index n = 0; n < 9; ++n)
    CHECK(dot(vectors.view().batch_range(1, 1).span(), row(n)) ==
          Approx(dot(point.view().batch_range(1, 1).span(), coordinates(n))).margin(1e-9));
  CHECK(RowSpace(Tensor<double, Cpu>({3, 4}).view()).dimensions() == 0);
}

TEST_CASE("folds") {
  std::vector<Index> labels;
  for (Index n = 0; n < 53; ++n) labels.push_back(n < 20 ? 7 : n < 23 ? 1 : n < 25 ? -4 : 100);
  const Folds folds = stratified_folds(labels, 5, Rng(3));
  for (Index fold = 0; fold < 5; ++fold) {
    const std::vector<Index> test = folds.images(fold, true);
    CHECK((test.size() == 10 || test.size() == 11));
    CHECK(folds.images(fold, false).size() == 53 - test.size());
    for (const auto& [label, size] : std::vector<std::pair<Index, Index>>{{7, 20}, {1, 3}, {-4, 2}, {100, 28}}) {
      const auto count = std::count_if(test.begin(), test.end(), [&, wanted = label](Index n) {
        return labels[static_cast<std::size_t>(n)] == wanted;
      });
      CHECK(count >= size / 5);
      CHECK(count <= (size + 4) / 5);
    }
  }
  CHECK(folds.of_image == stratified_folds(labels, 5, Rng(3)).of_image);
  CHECK(folds.of_image != stratified_folds(labels, 5, Rng(4)).of_image);
  CHECK(leave_one_out(3).images(1, true) == std::vector<Index>{1});
  CHECK(leave_one_out(3).images(1, false) == std::vector<Index>{0, 2});
  CHECK_THROWS_AS(stratified_folds(labels, 1, Rng(3)), ConfigError);
  CHECK_THROWS_WITH(stratified_folds(labels, 54, Rng(3)), Catch::Contains("2 to 53"));
}

TEST_CASE("decoding trains on the other folds and z-scores by them alone") {
  const FeatureTable table = clusters(3, 8, 4, 3);
  Index calls = 0;
  const auto spy = [&](const TrainingRows& training, View<const double, Cpu> test) {
    const test::ThreadCount one(1);
    ++calls;
    const Index rows = training.rows.shape()[0];
    CHECK(rows + test.shape()[0] == 24);
    CHECK(training.classes == 3);
    CHECK(training.cost == 2.5);
    for (Index f = 0; f < 4; ++f) {
      double sum = 0;
      double squares = 0;
      for (Index n = 0; n < rows; ++n) {
        sum += training.rows[n * 4 + f];
        squares += training.rows[n * 4 + f] * training.rows[n * 4 + f];
      }
      CHECK(sum == Approx(0).margin(1e-12));
      CHECK(squares == Approx(rows));
    }
    return nearest_mean(training, test);
  };
  const test::ThreadCount one(1);
  const Decoding left_out = decode(table, spy, Rng(1), {.costs = {2.5}});
  CHECK(calls == 24);
  CHECK(left_out.costs == std::vector<double>(24, 2.5));
  calls = 0;
  const Decoding folds = decode(table, spy, Rng(1), {.folds = 6, .costs = {2.5}});
  CHECK(calls == 6);
  CHECK(folds.labels == table.labels);
}

TEST_CASE("nothing leaks from the image that is left out") {
  // Feature n is not zero in image n only, and says its class. While image n is left out, feature n is constant.
  constexpr Index images = 20;
  FeatureTable table{"telltale", Tensor<float, Cpu>({images, images}), {}};
  for (Index n = 0; n < images; ++n) {
    table.labels.push_back(n % 2);
    table.values[n * images + n] = n % 2 == 0 ? -1.0F : 1.0F;
  }
  const auto reads_all_features = [](const TrainingRows&, View<const double, Cpu> test) {
    std::vector<Index> predicted;
    for (Index n = 0; n < test.shape()[0]; ++n) {
      const auto row = test.batch_range(n, 1).span();
      const double largest =
          *std::max_element(row.begin(), row.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
      predicted.push_back(largest > 0 ? 1 : 0);
    }
    return predicted;
  };
  // What it would read if image n had a part in the statistics.
  std::vector<Index> all(images);
  std::iota(all.begin(), all.end(), Index{0});
  const Tensor<double, Cpu> leaking = FeatureScaling(table, all).apply(table, all);
  CHECK(reads_all_features({}, leaking.view()) == table.labels);
  const Decoding decoding = decode(table, reads_all_features, Rng(1));
  CHECK(decoding.accuracy.estimate < 0.6);
}

TEST_CASE("decoding finds what is there and nothing else") {
  const DecodingOptions options{.folds = 5, .bootstrap = {.replicates = 500}};
  const Decoding easy = decode(clusters(4, 15, 30, 12), LinearSvmClassifier{}, Rng(1), options);
  CHECK(easy.accuracy.estimate == 1);
  CHECK(easy.accuracy.low == 1);
  CHECK(easy.chance == 0.25);
  const Decoding medium = decode(clusters(4, 15, 30, 3.5), LinearSvmClassifier{}, Rng(1), options);
  CHECK(medium.accuracy.estimate > 0.4);
  CHECK(medium.accuracy.estimate < 0.9);
  CHECK(medium.accuracy.low < medium.accuracy.estimate);
  CHECK(medium.accuracy.estimate < medium.accuracy.high);
  for (std::size_t c = 0; c < 4; ++c) {
    double right = 0;
    for (std::size_t n = c; n < 60; n += 4) right += medium.predicted[n] == static_cast<Index>(c) ? 1 : 0;
    CHECK(medium.class_accuracy[c] == Approx(right / 15));
  }
  for (std::size_t n = 0; n < 60; ++n) CHECK((medium.correct[n] == 1) == (medium.predicted[n] == medium.labels[n]));

  // Shuffled labels: over 10 tables of 60 images the accuracy has a standard error of 0.02 around chance.
  double sum = 0;
  for (std::uint64_t r = 0; r < 10; ++r) {
    FeatureTable shuffled = clusters(4, 15, 30, 12, r);
    Rng(r).shuffle(std::span(shuffled.labels));
    sum += decode(shuffled, LinearSvmClassifier{}, Rng(r), options).accuracy.estimate / 10;
  }
  CHECK(std::abs(sum - 0.25) < 0.07);
}

TEST_CASE("decoding does not depend on threads") {
  const FeatureTable table = clusters(3, 12, 50, 3);
  const DecodingOptions options{.folds = 4, .costs = {0.001, 1}, .inner_folds = 3, .bootstrap = {.replicates = 300}};
  const auto run = [&](int threads) {
    const test::ThreadCount count(threads);
    return decode(table, LinearSvmClassifier{}, Rng(5), options);
  };
  const Decoding one = run(1);
  for (const int threads : {2, 3, 9}) {  // fewer than folds: side by side; more: the classifier gets them
    const Decoding many = run(threads);
    CHECK(many.predicted == one.predicted);
    CHECK(many.costs == one.costs);
    CHECK(many.accuracy.low == one.accuracy.low);
    CHECK(many.accuracy.high == one.accuracy.high);
  }
  // Weights, bit for bit.
  const FeatureScaling scaling(table, std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7});
  const Tensor<double, Cpu> rows = scaling.apply(table, std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const std::span<const Index> labels = std::span(table.labels).first(12);
  const auto weights = [&](int threads) {
    const test::ThreadCount count(threads);
    return LinearSvm({rows.view(), labels, 3, 1}).weights();
  };
  CHECK(test::same_bits(weights(1), weights(3)));
}

TEST_CASE("the cost is chosen by the training images") {
  // A classifier that is right only for cost 3.
  const FeatureTable table = clusters(2, 10, 3, 20);
  const auto picky = [](const TrainingRows& training, View<const double, Cpu> test) {
    std::vector<Index> predicted = nearest_mean(training, test);
    if (training.cost != 3)
      for (Index& c : predicted) c = 1 - c;
    return predicted;
  };
  const Decoding decoding = decode(table, picky, Rng(2), {.folds = 4, .costs = {1, 3, 9}});
  CHECK(decoding.costs == std::vector<double>(4, 3.0));
  CHECK(decoding.accuracy.estimate == 1);
  // Of equal costs the smallest.
  const Decoding equal = decode(table, nearest_mean, Rng(2), {.folds = 4, .costs = {5, 2, 7}});
  CHECK(equal.costs == std::vector<double>(4, 2.0));
}

TEST_CASE("decodings are compared image by image") {
  const DecodingOptions options{.folds = 5, .bootstrap = {.replicates = 999}};
  const BootstrapOptions bootstrap{.replicates = 999};
  const Decoding good = decode(clusters(4, 15, 30, 8), LinearSvmClassifier{}, Rng(1), options);
  const Decoding poor = decode(clusters(4, 15, 30, 1), LinearSvmClassifier{}, Rng(1), options);
  const DecodingDifference better = compare_decodings(good, poor, Rng(1), bootstrap);
  CHECK(better.difference.estimate == Approx(good.accuracy.estimate - poor.accuracy.estimate));
  CHECK(better.difference.low > 0);
  CHECK(better.p == Approx(2.0 / 1000));
  const DecodingDifference worse = compare_decodings(poor, good, Rng(1), bootstrap);
  CHECK(worse.difference.high == Approx(-better.difference.low));
  const DecodingDifference same = compare_decodings(good, good, Rng(1), bootstrap);
  CHECK(same.difference.low == 0);
  CHECK(same.difference.high == 0);
  CHECK(same.p == 1);
  Decoding other = poor;
  other.labels[3] = 2;
  CHECK_THROWS_WITH(compare_decodings(good, other, Rng(1)), Catch::Contains("same labels"));
  other.labels.pop_back();
  CHECK_THROWS_AS(compare_decodings(good, other, Rng(1)), ShapeError);
}

TEST_CASE("decoding refuses what it cannot decode") {
  const FeatureTable table = clusters(2, 4, 3, 5);
  FeatureTable bad = table;
  bad.values[4] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(decode(bad, nearest_mean, Rng(1)), NumericError);
  bad = table;
  bad.labels.assign(8, 1);
  CHECK_THROWS_WITH(decode(bad, nearest_mean, Rng(1)), Catch::Contains("at least 2 classes, got 1"));
  bad.labels[0] = 6;
  CHECK_THROWS_WITH(decode(bad, nearest_mean, Rng(1)), Catch::Contains("at least 2 images of class 6, got 1"));
  CHECK_THROWS_AS(decode(table, nearest_mean, Rng(1), {.folds = 9}), ConfigError);
  CHECK_THROWS_AS(decode(table, nearest_mean, Rng(1), {.costs = {}}), ConfigError);
  CHECK_THROWS_AS(decode(table, nearest_mean, Rng(1), {.costs = {1, -1}}), ConfigError);
  const auto too_few = [](const TrainingRows&, View<const double, Cpu>) { return std::vector<Index>{}; };
  CHECK_THROWS_AS(decode(table, too_few, Rng(1)), ShapeError);
  const auto no_class = [](const TrainingRows&, View<const double, Cpu>) { return std::vector<Index>{2}; };
  CHECK_THROWS_WITH(decode(table, no_class, Rng(1)), Catch::Contains("classes 0..1, got 2"));
}
