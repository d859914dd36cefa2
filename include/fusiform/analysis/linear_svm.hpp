#pragma once
/// Linear support vector machines of several classes.

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/decoding.hpp>
#include <fusiform/analysis/row_space.hpp>
#include <fusiform/analysis/squared_hinge.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform {

struct LinearSvmOptions {
  double tolerance = 1e-8;       ///< of the gradient's length, as a share of that at zero weights
  double intercept_scaling = 1;  ///< the constant feature whose weight gives the intercept; penalised like all weights
};

/// One machine per class against the rest: squared hinge loss times the cost, plus half the squared length of the
/// weights, intercept included; the problem that scikit-learn's LinearSVC solves by default. Where there are more
/// features than rows, it is solved in the space that the rows span, where its solution lies.
class LinearSvm {
 public:
  /// The same bits for any number of threads. Throws ConfigError for options or labels out of range, ShapeError unless
  /// there is one label per row, NumericError for rows that are not finite.
  explicit LinearSvm(const TrainingRows& training, const LinearSvmOptions& options = {}) {
    check(training, options);
    if (training.rows.shape()[1] > training.rows.shape()[0]) {
      const RowSpace space(training.rows);
      weights_ = space.in_features(train(training, space.coordinates(), options));
    } else {
      weights_ = train(training, training.rows, options);
    }
  }

  [[nodiscard]] const Tensor<double, Cpu>& weights() const noexcept { return weights_; }  ///< (classes, features)
  /// One per class; minus infinity for a class without rows.
  [[nodiscard]] const Tensor<double, Cpu>& intercepts() const noexcept { return intercepts_; }

  /// Signed distance from each class's boundary, in units of the margin: (rows, classes).
  [[nodiscard]] Tensor<double, Cpu> decision_values(View<const double, Cpu> rows) const {
    Tensor<double, Cpu> values({rows.shape()[0], weights_.shape()[0]});
    linear_forward(rows, weights_, intercepts_, values.view());
    return values;
  }

  /// The class with the largest decision value; the first of equal ones.
  [[nodiscard]] std::vector<Index> predict(View<const double, Cpu> rows) const {
    const Tensor<double, Cpu> values = decision_values(rows);
    const Index classes = weights_.shape()[0];
    std::vector<Index> predicted;
    for (Index row = 0; row < rows.shape()[0]; ++row) {
      const double* of_row = values.data() + row * classes;
      predicted.push_back(std::max_element(of_row, of_row + classes) - of_row);
    }
    return predicted;
  }

 private:
  static void check(const TrainingRows& training, const LinearSvmOptions& options) {
    require_equal("linear SVM", "dimensions (N, features)", 2, training.rows.shape().rank());
    require_equal("linear SVM", "labels", training.rows.shape()[0], static_cast<Index>(training.labels.size()));
    require_setting(training.rows.shape()[0] >= 1, "linear SVM", "at least 1 row", training.rows.shape()[0]);
    require_setting(training.classes >= 1, "linear SVM", "at least 1 class", training.classes);
    require_setting(training.cost > 0, "linear SVM", "a cost above 0", training.cost);
    require_setting(options.tolerance > 0, "linear SVM", "a tolerance above 0", options.tolerance);
    require_setting(options.intercept_scaling > 0, "linear SVM", "an intercept scaling above 0",
                    options.intercept_scaling);
    for (const Index label : training.labels)
      require_setting(label >= 0 && label < training.classes, "linear SVM", text("labels 0..", training.classes - 1),
                      label);
  }

  /// Weights in the coordinates given for the rows, (N, size); sets the intercepts.
  Tensor<double, Cpu> train(const TrainingRows& training, View<const double, Cpu> coordinates,
                            const LinearSvmOptions& options) {
    const Index count = coordinates.shape()[0];
    const Index size = coordinates.shape()[1];
    Tensor<double, Cpu> rows({count, size + 1});
    for (Index n = 0; n < count; ++n) {
      std::copy_n(coordinates.data() + n * size, size, rows.data() + n * (size + 1));
      rows[n * (size + 1) + size] = options.intercept_scaling;
    }
    Tensor<double, Cpu> targets({training.classes, count});
    targets.fill(-1);
    std::vector<bool> has_rows(static_cast<std::size_t>(training.classes));
    for (Index n = 0; n < count; ++n) {
      const Index label = training.labels[static_cast<std::size_t>(n)];
      targets[label * count + n] = 1;
      has_rows[static_cast<std::size_t>(label)] = true;
    }
    SquaredHinge problem(rows, targets, {.cost = training.cost, .tolerance = options.tolerance});
    const Tensor<double, Cpu> solution = problem.minimize();
    Tensor<double, Cpu> weights({training.classes, size});
    intercepts_ = Tensor<double, Cpu>({training.classes});
    for (Index c = 0; c < training.classes; ++c) {
      std::copy_n(solution.data() + c * (size + 1), size, weights.data() + c * size);
      intercepts_[c] = has_rows[static_cast<std::size_t>(c)]
                           ? solution[c * (size + 1) + size] * options.intercept_scaling
                           : -std::numeric_limits<double>::infinity();
    }
    return weights;
  }

  Tensor<double, Cpu> weights_;
  Tensor<double, Cpu> intercepts_;
};

/// For `decode`.
struct LinearSvmClassifier {
  LinearSvmOptions options;

  [[nodiscard]] std::vector<Index> operator()(const TrainingRows& training, View<const double, Cpu> test) const {
    return LinearSvm(training, options).predict(test);
  }
};

}  // namespace fusiform
