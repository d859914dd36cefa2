#pragma once
/// Decoding: can the classes of images, also of classes that a net was never trained on, be read from the features of a
/// layer? A classifier is trained on some of the images and tested on the others.

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/analysis/feature_scaling.hpp>
#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/analysis/folds.hpp>
#include <fusiform/core/parallel.hpp>

namespace fusiform {

/// What a classifier learns from.
struct TrainingRows {
  View<const double, Cpu> rows;   ///< (N, features), z-scored
  std::span<const Index> labels;  ///< of each row, 0..classes-1; a class may have no row
  Index classes = 0;
  double cost = 1;  ///< how much an error counts against simplicity, C of a support vector machine
};

/// Trains on the rows and returns the predicted class, 0..classes-1, of each test row. A pure function of its
/// arguments, called from several threads. LinearSvmClassifier (linear_svm.hpp) is one; any lambda of this form will
/// do.
template <class C>
concept Classifier = requires(const C& classifier, const TrainingRows& training, View<const double, Cpu> test) {
  { classifier(training, test) } -> std::same_as<std::vector<Index>>;
};

struct DecodingOptions {
  Index folds = 0;               ///< stratified folds; 0: leave one image out, which trains once per image
  std::vector<double> costs{1};  ///< more than one: each fold takes the best by stratified folds of its training images
  Index inner_folds = 5;         ///< for the choice of the cost
  BootstrapOptions bootstrap{};  ///< of the accuracy's interval
};

/// The images in the order of the table.
struct Decoding {
  std::string layer;
  std::vector<Index> labels;           ///< class of each image
  std::vector<Index> predicted;        ///< class that was predicted when the image was left out
  std::vector<std::uint8_t> correct;   ///< 1 where the two are equal
  Interval accuracy;                   ///< over classes and images
  std::vector<Index> classes;          ///< labels that occur, ascending
  std::vector<double> class_accuracy;  ///< of each of `classes`
  double chance = undefined;           ///< 1 / classes
  std::vector<double> costs;           ///< that each fold took

  [[nodiscard]] std::vector<double> scores() const { return {correct.begin(), correct.end()}; }
};

namespace detail {

/// Rows of the table, ascending.
struct FoldRows {
  std::vector<Index> training;
  std::vector<Index> test;
};

/// One table with its classes and a classifier.
template <Classifier C>
class Decoder {
 public:
  Decoder(const FeatureTable& table, const C& classifier) : table_(table), classifier_(classifier) {
    classes_ = class_table(table.labels);
  }

  [[nodiscard]] const ClassTable& classes() const noexcept { return classes_; }

  /// The statistics of the z-scores are those of the training rows alone.
  [[nodiscard]] std::vector<Index> predict(const FoldRows& fold, double cost) const {
    const FeatureScaling scaling(table_, fold.training);
    const Tensor<double, Cpu> training = scaling.apply(table_, fold.training);
    const Tensor<double, Cpu> test = scaling.apply(table_, fold.test);
    const std::vector<Index> labels = select(classes_.class_of_row, fold.training);
    std::vector<Index> predicted =
        classifier_(TrainingRows{training.view(), labels, classes_.count(), cost}, test.view());
    require_equal("decoding", "predicted classes, one per test image,", fold.test.size(), predicted.size());
    for (const Index c : predicted)
      require_setting(c >= 0 && c < classes_.count(), "decoding", text("predicted classes 0..", classes_.count() - 1),
                      c);
    return predicted;
  }

  /// The cost with the most images right over stratified folds of the training rows; the smallest of equal ones.
  [[nodiscard]] double best_cost(const std::vector<Index>& training, const DecodingOptions& options,
                                 const Rng& rng) const {
    if (options.costs.size() == 1) return options.costs.front();
    const std::vector<Index> labels = select(classes_.class_of_row, training);
    const Folds folds = stratified_folds(labels, options.inner_folds, rng);
    std::vector<Index> right(options.costs.size());
    for (Index fold = 0; fold < folds.count; ++fold) {
      const FoldRows rows{select(training, folds.images(fold, false)), select(training, folds.images(fold, true))};
      for (std::size_t c = 0; c < right.size(); ++c) {
        const std::vector<Index> predicted = predict(rows, options.costs[c]);
        for (std::size_t i = 0; i < predicted.size(); ++i)
          right[c] += predicted[i] == classes_.class_of_row[static_cast<std::size_t>(rows.test[i])] ? 1 : 0;
      }
    }
    std::size_t best = 0;
    for (std::size_t c = 1; c < right.size(); ++c)
      if (right[c] > right[best] || (right[c] == right[best] && options.costs[c] < options.costs[best])) best = c;
    return options.costs[best];
  }

 private:
  [[nodiscard]] static std::vector<Index> select(const std::vector<Index>& from, const std::vector<Index>& positions) {
    std::vector<Index> result;
    for (const Index position : positions) result.push_back(from[static_cast<std::size_t>(position)]);
    return result;
  }

  const FeatureTable& table_;
  const C& classifier_;
  ClassTable classes_;
};

/// Folds side by side if there are as many as threads, else one after the other, so that the classifier has the
/// threads.
template <class Body>
void for_each_fold(Index folds, const Body& body) {
  if (folds >= thread_count()) {
    parallel_for(folds, body);
  } else {
    for (Index fold = 0; fold < folds; ++fold) body(fold);
  }
}

inline void summarize(Decoding& result, const ClassTable& classes, const Rng& rng, const BootstrapOptions& options) {
  for (const std::vector<Index>& members : classes.members) {
    double right = 0;
    for (const Index image : members) right += result.correct[static_cast<std::size_t>(image)];
    result.class_accuracy.push_back(right / static_cast<double>(members.size()));
  }
  result.classes = classes.labels;
  result.chance = 1 / static_cast<double>(classes.count());
  result.accuracy = bootstrap_mean(HierarchicalBootstrap(result.labels, rng), result.scores(), options);
}

}  // namespace detail

/// Folds, inner folds and resamples come from streams of `rng`; the same bits for any number of threads.
/// Throws ShapeError or NumericError as require_features, ConfigError for fewer than two classes, for a class of a
/// single image, and for options out of range.
template <Classifier C>
[[nodiscard]] Decoding decode(const FeatureTable& table, const C& classifier, const Rng& rng,
                              const DecodingOptions& options = {}) {
  require_features("decoding", table);
  require_setting(!options.costs.empty(), "decoding", "at least 1 cost", options.costs.size());
  for (const double cost : options.costs) require_setting(cost > 0, "decoding", "costs above 0", cost);
  const detail::Decoder<C> decoder(table, classifier);
  const ClassTable& classes = decoder.classes();
  require_classes("decoding", classes);
  const Folds folds = options.folds == 0 ? leave_one_out(table.count())
                                         : stratified_folds(table.labels, options.folds, rng.stream("folds"));
  Decoding result{table.layer, table.labels, table.labels, std::vector<std::uint8_t>(table.labels.size())};
  result.costs.resize(static_cast<std::size_t>(folds.count));
  detail::for_each_fold(folds.count, [&](Index fold) {
    const detail::FoldRows rows{folds.images(fold, false), folds.images(fold, true)};
    const Rng inner = rng.stream("inner folds").stream(static_cast<std::uint64_t>(fold));
    const double cost = decoder.best_cost(rows.training, options, inner);
    const std::vector<Index> predicted = decoder.predict(rows, cost);
    result.costs[static_cast<std::size_t>(fold)] = cost;
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      const auto image = static_cast<std::size_t>(rows.test[i]);
      result.predicted[image] = classes.labels[static_cast<std::size_t>(predicted[i])];
      result.correct[image] = predicted[i] == classes.class_of_row[image] ? 1 : 0;
    }
  });
  detail::summarize(result, classes, rng.stream("bootstrap"), options.bootstrap);
  return result;
}

/// How much better one decoding is than another.
struct DecodingDifference {
  Interval difference;   ///< accuracy of the first minus accuracy of the second
  double p = undefined;  ///< two-sided, against 0
};

/// Two layers or nets on the same images, resampled together. Throws ShapeError unless the labels are the same.
[[nodiscard]] inline DecodingDifference compare_decodings(const Decoding& first, const Decoding& second, const Rng& rng,
                                                          const BootstrapOptions& options = {}) {
  require_equal("comparison of decodings", "images", first.labels.size(), second.labels.size());
  if (first.labels != second.labels)
    throw ShapeError("comparison of decodings: expected the same labels in the same order, got others");
  std::vector<double> differences = first.scores();
  for (std::size_t image = 0; image < differences.size(); ++image) differences[image] -= second.correct[image];
  const Resampled resampled = resample_mean(HierarchicalBootstrap(first.labels, rng), differences, options);
  return {confidence_interval(resampled, options), two_sided_p(resampled.replicates)};
}

}  // namespace fusiform
