#pragma once
/// The optimisation under linear support vector machines.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/ops/linear.hpp>

namespace fusiform {

/// For each row y of targets, -1 or 1, the w that minimises 1/2 |w|^2 + cost · sum over rows x of max(0, 1 - y (w
/// x))^2.
///
/// The finite Newton method (Mangasarian 2002; Keerthi & DeCoste, JMLR 2005): the function is quadratic as long as the
/// same rows lie inside of the margin, so a Newton step followed by an exact line search finds the minimum in a few
/// steps. Each step's linear equations are solved by conjugate gradients, for all targets at once, so that the rows are
/// read in matrix products. No random numbers; the same bits for any number of threads, and for each target whatever
/// the others are.
class SquaredHinge {
 public:
  struct Options {
    double cost = 1;
    double tolerance = 1e-8;  ///< of the gradient's length, as a share of that at w = 0
  };

  /// rows (N, features), targets (machines, N); both must outlive this object.
  SquaredHinge(View<const double, Cpu> rows, View<const double, Cpu> targets, const Options& options)
      : rows_(rows), targets_(targets), options_(options) {
    require_equal("squared hinge", "targets, one per row,", rows.shape()[0], targets.shape()[1]);
  }

  /// (machines, features). Throws NumericError if the minimum is not found, as with rows that are not finite.
  [[nodiscard]] Tensor<double, Cpu> minimize() {
    weights_ = Tensor<double, Cpu>({machines(), rows_.shape()[1]});
    std::vector<double> first;
    for (int step = 0; step < most_steps; ++step) {
      margins_ = through_rows(weights_);
      const Tensor<double, Cpu> gradient = this->gradient();
      const std::vector<double> lengths = squared_lengths(gradient);
      if (step == 0) first = lengths;
      std::vector<bool> done(lengths.size());
      for (std::size_t k = 0; k < done.size(); ++k)
        done[k] = lengths[k] <= options_.tolerance * options_.tolerance * first[k];
      if (std::all_of(done.begin(), done.end(), [](bool is_done) { return is_done; })) return std::move(weights_);
      move_along(newton_direction(gradient, lengths, done), done);
    }
    throw NumericError(text("linear SVM: expected to be done after ", most_steps, " Newton steps, found a gradient of ",
                            "more than ", options_.tolerance, " of the first; are the features finite?"));
  }

 private:
  static constexpr int most_steps = 200;           // 5 to 20 are usual
  static constexpr double inner_tolerance = 0.01;  // of the linear equations; each step gains this factor at the end

  [[nodiscard]] Index machines() const noexcept { return targets_.shape()[0]; }

  [[nodiscard]] static std::span<double> row(Tensor<double, Cpu>& matrix, Index k) {
    return matrix.view().batch_range(k, 1).span();
  }
  [[nodiscard]] static std::span<const double> row(const Tensor<double, Cpu>& matrix, Index k) {
    return matrix.view().batch_range(k, 1).span();
  }
  [[nodiscard]] static double dot(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }
  [[nodiscard]] static std::vector<double> squared_lengths(const Tensor<double, Cpu>& matrix) {
    std::vector<double> result;
    for (Index k = 0; k < matrix.shape()[0]; ++k) result.push_back(dot(row(matrix, k), row(matrix, k)));
    return result;
  }

  /// v x for each machine's v and each row x: (machines, N).
  [[nodiscard]] Tensor<double, Cpu> through_rows(const Tensor<double, Cpu>& vectors) const {
    Tensor<double, Cpu> products({machines(), rows_.shape()[0]});
    linear_forward(vectors, rows_, {}, products.view());
    return products;
  }

  /// Sum of factor · x over the rows: (machines, features).
  [[nodiscard]] Tensor<double, Cpu> sum_of_rows(const Tensor<double, Cpu>& factors) const {
    Tensor<double, Cpu> sums({machines(), rows_.shape()[1]});
    linear_backward_input(factors, rows_, sums.view());
    return sums;
  }

  [[nodiscard]] bool is_inside(Index position) const { return targets_[position] * margins_[position] < 1; }

  [[nodiscard]] Tensor<double, Cpu> gradient() const {
    Tensor<double, Cpu> factors(margins_.shape());
    for (Index i = 0; i < factors.size(); ++i)
      if (is_inside(i)) factors[i] = 2 * options_.cost * (margins_[i] - targets_[i]);
    Tensor<double, Cpu> result = sum_of_rows(factors);
    for (Index i = 0; i < result.size(); ++i) result[i] += weights_[i];
    return result;
  }

  /// (1 + 2 cost X'X) v over the rows inside of the margin.
  [[nodiscard]] Tensor<double, Cpu> times_hessian(const Tensor<double, Cpu>& vectors) const {
    Tensor<double, Cpu> factors = through_rows(vectors);
    for (Index i = 0; i < factors.size(); ++i) factors[i] = is_inside(i) ? 2 * options_.cost * factors[i] : 0;
    Tensor<double, Cpu> result = sum_of_rows(factors);
    for (Index i = 0; i < result.size(); ++i) result[i] += vectors[i];
    return result;
  }

  /// Solves hessian · direction = -gradient by conjugate gradients. Machines that are done get 0.
  [[nodiscard]] Tensor<double, Cpu> newton_direction(const Tensor<double, Cpu>& gradient,
                                                     const std::vector<double>& lengths, std::vector<bool> done) const {
    Tensor<double, Cpu> direction(gradient.shape());
    Tensor<double, Cpu> rest(gradient.shape());
    for (Index k = 0; k < machines(); ++k)
      if (!done[static_cast<std::size_t>(k)])
        std::transform(row(gradient, k).begin(), row(gradient, k).end(), row(rest, k).begin(), std::negate<>());
    Tensor<double, Cpu> search = rest;
    std::vector<double> squares = squared_lengths(rest);
    const Index most = rows_.shape()[0] + rows_.shape()[1];  // without rounding fewer than either would do
    for (Index step = 0; step < most && std::find(done.begin(), done.end(), false) != done.end(); ++step) {
      const Tensor<double, Cpu> product = times_hessian(search);
      parallel_for(machines(), [&](Index k) {
        const auto m = static_cast<std::size_t>(k);
        if (done[m]) return;
        const double alpha = squares[m] / dot(row(search, k), row(product, k));
        add(alpha, row(search, k), row(direction, k));
        add(-alpha, row(product, k), row(rest, k));
        const double before = std::exchange(squares[m], dot(row(rest, k), row(rest, k)));
        const double beta = squares[m] / before;
        for (std::size_t f = 0; f < row(rest, k).size(); ++f)
          row(search, k)[f] = row(rest, k)[f] + beta * row(search, k)[f];
      });
      for (std::size_t k = 0; k < done.size(); ++k)
        done[k] = done[k] || !(squares[k] > inner_tolerance * inner_tolerance * lengths[k]);
    }
    return direction;
  }

  static void add(double factor, std::span<const double> from, std::span<double> to) {
    for (std::size_t f = 0; f < to.size(); ++f) to[f] += factor * from[f];
  }

  /// Moves each machine that is not done to the minimum along its direction.
  void move_along(const Tensor<double, Cpu>& direction, const std::vector<bool>& done) {
    const Tensor<double, Cpu> changes = through_rows(direction);
    parallel_for(machines(), [&](Index k) {
      if (done[static_cast<std::size_t>(k)]) return;
      add(step_to_minimum(k, row(direction, k), row(changes, k)), row(direction, k), row(weights_, k));
    });
  }

  /// Where the derivative along the direction, which is linear between the points where a row crosses the margin, is 0.
  [[nodiscard]] double step_to_minimum(Index k, std::span<const double> direction,
                                       std::span<const double> changes) const {
    const Index first = k * rows_.shape()[0];
    double slope = dot(direction, direction);
    double value = dot(row(weights_, k), direction);
    std::vector<std::pair<double, std::size_t>> crossings;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const Index position = first + static_cast<Index>(i);
      const double distance = targets_[position] - margins_[position];  // signed, to the margin
      const bool inside = is_inside(position);
      if (inside) {
        slope += 2 * options_.cost * changes[i] * changes[i];
        value -= 2 * options_.cost * distance * changes[i];
      }
      if (inside == (targets_[position] * changes[i] > 0) && changes[i] != 0)
        crossings.emplace_back(distance / changes[i], i);
    }
    std::sort(crossings.begin(), crossings.end());
    for (const auto& [step, i] : crossings) {
      if (value + step * slope >= 0) break;
      const Index position = first + static_cast<Index>(i);
      const double sign = is_inside(position) ? -2 * options_.cost : 2 * options_.cost;
      slope += sign * changes[i] * changes[i];
      value -= sign * (targets_[position] - margins_[position]) * changes[i];
    }
    return -value / slope;
  }

  View<const double, Cpu> rows_;
  View<const double, Cpu> targets_;
  Options options_;
  Tensor<double, Cpu> weights_;  // (machines, features)
  Tensor<double, Cpu> margins_;  // (machines, N): w x
};

}  // namespace fusiform
