#pragma once
/// Checks a layer's backward pass against finite differences of its forward pass, in double. For the library's own
/// layers and for yours.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fusiform/layers/layer.hpp>

namespace fusiform {

struct GradientCheckOptions {
  Index batch = 2;
  Mode mode = Mode::train;
  double step = 1e-5;  ///< of the central differences; truncation and rounding both cost about 1e-10 at this step
};

/// The worst disagreement found.
struct GradientCheckReport {
  /// |analytic - numeric| over the larger of both, or of a hundredth of the tensor's largest gradient where both are
  /// smaller. Correct gradients of smooth layers stay below 1e-6; a wrong one is off by about 1. Infinite if the
  /// backward pass left an element unwritten or not finite.
  double max_relative_error = 0;
  std::string where;  ///< "input 0, element 17" or "weight, element 3"
  double analytic = 0;
  double numeric = 0;
  Index compared = 0;  ///< number of derivatives
};

namespace detail {

/// Holds everything one gradient check needs; see check_gradients.
class GradientChecker {
 public:
  GradientChecker(Layer<double, Cpu>& layer, std::span<const Shape> inputs, Rng rng,
                  const GradientCheckOptions& options)
      : layer_(layer), options_(options), pass_rng_(rng.stream("pass")) {
    Rng input_rng = rng.stream("inputs");
    for (const Shape& input : inputs) {
      inputs_.push_back(random_tensor(input.batched(options.batch), input_rng));
      input_gradients_.emplace_back(input.batched(options.batch));
    }
    output_ = Tensor<double, Cpu>(layer.output_shape(inputs).batched(options.batch));
    Rng projection_rng = rng.stream("projection");
    projection_ = random_tensor(output_.shape(), projection_rng);
    for (const Tensor<double, Cpu>& input : inputs_) input_views_.push_back(input.view());
  }

  GradientCheckReport run() {
    static_cast<void>(projected_output());
    analytic();
    GradientCheckReport report;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      compare(text("input ", i), inputs_[i], input_gradients_[i], report);
    for (Parameter<double, Cpu>& parameter : layer_.parameters())
      if (parameter.is_learned()) {
        const Tensor<double, Cpu> gradient = parameter.gradient;
        compare(parameter.name, parameter.value, gradient, report);
      }
    return report;
  }

 private:
  static Tensor<double, Cpu> random_tensor(const Shape& shape, Rng& rng) {
    Tensor<double, Cpu> tensor(shape);
    for (double& value : tensor.span()) value = rng.normal();
    return tensor;
  }

  /// The scalar that is differentiated: the output times a fixed random direction.
  double projected_output() {
    layer_.forward(
        {.inputs = input_views_, .output = output_.view(), .state = state_, .mode = options_.mode, .rng = pass_rng_});
    double sum = 0;
    for (Index i = 0; i < output_.size(); ++i) sum += output_[i] * projection_[i];
    return sum;
  }

  void analytic() {
    constexpr double unwritten = std::numeric_limits<double>::quiet_NaN();
    std::vector<View<double, Cpu>> gradients;
    for (Tensor<double, Cpu>& gradient : input_gradients_) {
      gradient.fill(unwritten);
      gradients.push_back(gradient.view());
    }
    for (Parameter<double, Cpu>& parameter : layer_.parameters())
      if (parameter.is_learned()) parameter.gradient.fill(unwritten);
    layer_.backward({.inputs = input_views_,
                     .output = output_,
                     .output_gradient = projection_,
                     .input_gradients = gradients,
                     .state = state_});
  }

  void compare(const std::string& name, Tensor<double, Cpu>& values, const Tensor<double, Cpu>& gradient,
               GradientCheckReport& report) {
    std::vector<double> numeric(static_cast<std::size_t>(values.size()));
    double largest = 0;
    for (Index i = 0; i < values.size(); ++i) {
      const double original = values[i];
      values[i] = original + options_.step;
      const double above = projected_output();
      values[i] = original - options_.step;
      const double below = projected_output();
      values[i] = original;
      numeric[static_cast<std::size_t>(i)] = (above - below) / (2 * options_.step);
      largest = std::max(largest, std::abs(numeric[static_cast<std::size_t>(i)]));
    }
    for (Index i = 0; i < values.size(); ++i) {
      const double expected = numeric[static_cast<std::size_t>(i)];
      const double difference = std::abs(gradient[i] - expected);
      const double size = std::max({std::abs(gradient[i]), std::abs(expected), 0.01 * largest});
      double error = difference == 0 ? 0 : difference / size;
      if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
      ++report.compared;
      if (error <= report.max_relative_error && !report.where.empty()) continue;
      report.max_relative_error = error;
      report.where = text(name, ", element ", i);
      report.analytic = gradient[i];
      report.numeric = expected;
    }
  }

  Layer<double, Cpu>& layer_;
  GradientCheckOptions options_;
  Rng pass_rng_;
  std::vector<Tensor<double, Cpu>> inputs_;
  std::vector<View<const double, Cpu>> input_views_;
  std::vector<Tensor<double, Cpu>> input_gradients_;
  Tensor<double, Cpu> output_;
  Tensor<double, Cpu> projection_;
  LayerState<double, Cpu> state_;
};

}  // namespace detail

/// Compares every derivative of a random projection of the layer's output, by inputs and learned parameters, with
/// central differences. Inputs are standard normal, of the given shapes without the batch; the layer's own parameters
/// are used as they are and left as they were, its gradients are overwritten. Costs two forward passes per derivative:
/// use small shapes. A layer with kinks (ReLU, maximum) may be unlucky if an input lies within `step` of one.
[[nodiscard]] inline GradientCheckReport check_gradients(Layer<double, Cpu>& layer, std::span<const Shape> inputs,
                                                         Rng rng, const GradientCheckOptions& options = {}) {
  return detail::GradientChecker(layer, inputs, rng, options).run();
}

/// The same for a layer with one input.
[[nodiscard]] inline GradientCheckReport check_gradients(Layer<double, Cpu>& layer, const Shape& input, Rng rng,
                                                         const GradientCheckOptions& options = {}) {
  return check_gradients(layer, std::span<const Shape>(&input, 1), rng, options);
}

}  // namespace fusiform
