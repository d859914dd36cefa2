#pragma once
/// Random tensors, and the layout of the golden files, for the tests of networks.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fusiform/io/safetensors.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>

#include "tests/support/golden.hpp"

namespace fusiform::test {

template <Scalar T>
Tensor<T, Cpu> random_tensor(const Shape& shape, Rng rng, double scale = 1) {
  Tensor<T, Cpu> result(shape);
  for (T& element : result.span()) element = static_cast<T>(scale * rng.normal());
  return result;
}

/// Values of a size at which every layer matters (the usual starting values of linear layers are tiny).
template <Scalar T>
void randomize(Network<T, Cpu>& network, Rng rng) {
  for (const NamedParameter<T, Cpu>& named : network.parameters()) {
    Rng stream = rng.stream(named.name);
    const double scale = 1 / std::sqrt(static_cast<double>(named.parameter->value.shape().without_batch().size()));
    for (T& element : named.parameter->value.span())
      element =
          static_cast<T>(named.parameter->name == "running_var" ? 0.5 + stream.uniform() : scale * stream.normal());
  }
}

template <Scalar T>
std::vector<T> elements(View<const T, Cpu> view) {
  return {view.span().begin(), view.span().end()};
}
template <Scalar T>
std::vector<T> elements(const Tensor<T, Cpu>& tensor) {
  return elements<T>(tensor.view());
}

/// Images stored as (N, C, H, W), here as (N, H, W, C).
template <Scalar T>
Tensor<T, Cpu> read_images(const SafetensorsFile& file, const std::string& name) {
  const std::vector<Index> shape = file.shape(name);
  const std::vector<T> stored = file.template read<T>(name);
  return channels_last(Tensor<T, Cpu>(Shape{shape[0], shape[1], shape[2], shape[3]}, std::span<const T>(stored)));
}

/// Largest difference, relative to the largest expected number, but at least to 0.01: the gradient of a bias before a
/// batch norm is 0 but for rounding.
template <class A, class B>
double difference(const A& found, const B& expected) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0.01;
  for (const auto number : expected) largest = std::max(largest, std::abs(static_cast<double>(number)));
  double result = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double distance = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    result = std::isfinite(distance) ? std::max(result, distance) : std::numeric_limits<double>::infinity();
  }
  return result / largest;
}

template <Scalar T>
std::vector<T> losses_of(View<const T, Cpu> logits, const std::vector<Index>& labels) {
  std::vector<T> losses(labels.size());
  softmax_cross_entropy<T>(logits, std::span<const Index>(labels),
                           View<T, Cpu>(losses.data(), Shape{static_cast<Index>(labels.size())}));
  return losses;
}

}  // namespace fusiform::test
