#pragma once
/// Linear support vector machines of several classes, trained by liblinear (Fan, Chang, Hsieh, Wang & Lin, JMLR 2008).
/// Needs its header linear.h and its library, -llinear (Debian: liblinear-dev).

#include <algorithm>
#include <cmath>
#include <limits>
#include <linear.h>
#include <memory>
#include <utility>
#include <vector>

#include <fusiform/analysis/decoding.hpp>
#include <fusiform/analysis/row_space.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform {

struct LinearSvmOptions {
  /// The solver stops when the gradient's norm is this fraction of its first, times the smaller class's share, and in
  /// any case after 1,000 steps. With many more features than rows and a large cost that is before the minimum, which
  /// can change single predictions.
  double tolerance = 1e-8;
  double intercept_scaling = 1;  ///< the constant feature whose weight gives the intercept; penalised like all weights
};

namespace detail {

/// Rows as liblinear wants them: index and value of the numbers that are not zero, with the intercept's constant last.
class LiblinearRows {
 public:
  LiblinearRows(View<const double, Cpu> rows, double intercept_scaling) : size_(rows.shape()[1]) {
    std::vector<std::size_t> begin;
    for (Index n = 0; n < rows.shape()[0]; ++n) {
      begin.push_back(nodes_.size());
      for (Index i = 0; i < size_; ++i)
        if (const double value = rows[n * size_ + i]; value != 0) nodes_.push_back({static_cast<int>(i) + 1, value});
      nodes_.push_back({static_cast<int>(size_) + 1, intercept_scaling});
      nodes_.push_back({-1, 0});
    }
    for (const std::size_t first : begin) rows_.push_back(nodes_.data() + first);
  }
  LiblinearRows(const LiblinearRows&) = delete;  // rows_ point into nodes_
  LiblinearRows& operator=(const LiblinearRows&) = delete;

  /// Weights (size, then the constant's) of the machine that tells rows with target 1 from those with -1; both must
  /// occur. Calls may run side by side: the trust-region solver for the primal problem draws no random numbers.
  [[nodiscard]] std::vector<double> train(const std::vector<double>& targets, double cost, double tolerance) const {
    std::vector<feature_node*> rows = rows_;
    std::vector<double> y = targets;
    const problem all{.l = static_cast<int>(rows.size()),
                      .n = static_cast<int>(size_) + 1,
                      .y = y.data(),
                      .x = rows.data(),
                      .bias = -1};
    parameter settings{};
    settings.solver_type = L2R_L2LOSS_SVC;
    settings.C = cost;
    settings.eps = tolerance;
    const auto free_model = [](model* trained) { free_and_destroy_model(&trained); };
    const std::unique_ptr<model, decltype(free_model)> trained(::train(&all, &settings), free_model);
    std::vector<double> weights(static_cast<std::size_t>(size_) + 1);
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = get_decfun_coef(trained.get(), static_cast<int>(i) + 1, 0) * (trained->label[0] == 1 ? 1 : -1);
    return weights;
  }

 private:
  Index size_;
  std::vector<feature_node> nodes_;
  std::vector<feature_node*> rows_;
};

}  // namespace detail

/// One machine per class against the rest: squared hinge loss times the cost, plus half the squared length of the
/// weights, intercept included; the problem that scikit-learn's LinearSVC solves by default. Where there are more
/// features than rows, it is solved in the space that the rows span, where its solution lies.
class LinearSvm {
 public:
  /// Sets liblinear's print function to one that prints nothing, once and for the whole process. The same bits for any
  /// number of threads. Throws ConfigError for options or labels out of range, ShapeError unless there is one label per
  /// row, NumericError for rows that are not finite.
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
    for (const double value : training.rows.span())
      if (!std::isfinite(value)) throw NumericError(text("linear SVM: expected finite features, got ", value));
  }

  /// Weights in the coordinates given for the rows, (N, size); sets the intercepts.
  Tensor<double, Cpu> train(const TrainingRows& training, View<const double, Cpu> coordinates,
                            const LinearSvmOptions& options) {
    static const bool is_silent = [] {  // once: threads that decode side by side would write the pointer at once
      set_print_string_function([](const char*) {});
      return true;
    }();
    static_cast<void>(is_silent);
    const Index count = coordinates.shape()[0];
    const Index size = coordinates.shape()[1];
    const detail::LiblinearRows rows(coordinates, options.intercept_scaling);
    Tensor<double, Cpu> weights({training.classes, size});
    intercepts_ = Tensor<double, Cpu>({training.classes});
    parallel_for(training.classes, [&](Index c) {
      std::vector<double> targets;
      for (const Index label : training.labels) targets.push_back(label == c ? 1 : -1);
      const auto own = std::count(targets.begin(), targets.end(), 1.0);
      intercepts_[c] = own > 0 ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
      if (own == 0 || own == count) return;  // nothing to tell apart
      const std::vector<double> solution = rows.train(targets, training.cost, options.tolerance);
      std::copy_n(solution.begin(), size, weights.data() + c * size);
      intercepts_[c] = solution.back() * options.intercept_scaling;
    });
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
