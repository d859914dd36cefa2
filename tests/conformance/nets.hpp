#pragma once
/// Nets on the tested device, and the same in double on the CPU to hold them against.

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/nets/copied_network.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/conformance/test_device.hpp"

namespace fusiform::test {

/// The same layers in double: values, what is frozen and at which rates layers learn.
[[nodiscard]] inline Network<double, Cpu> in_double(const Network<float, Cpu>& network) {
  auto result = build<double, Cpu>(plan_of(network));
  for (NodeId id = 1; id < network.size(); ++id) {
    const auto from = std::as_const(*network.node(id).layer).parameters();
    const auto to = result.layer(id).parameters();
    for (std::size_t i = 0; i < from.size(); ++i) {
      std::copy_n(from[i].value.data(), from[i].value.size(), to[i].value.data());
      to[i].rate_factor = from[i].rate_factor;
    }
    if (network.node(id).frozen) result.set_frozen(id);
  }
  return result;
}

[[nodiscard]] inline LabelledImages<double> in_double(const LabelledImages<float>& images) {
  return {images.image, images.labels, [images](Index first, View<double, Cpu> output) {
            Tensor<float, Cpu> read(output.shape());
            images.read(first, read.view());
            std::copy_n(read.data(), read.size(), output.data());
          }};
}

/// The largest difference of a tensor's values, relative to the largest expected one of all its tensors, and where.
struct LargestDifference {
  double value = 0;
  std::string where;
};

/// Of all learned and recorded tensors. A tensor whose values are small against 1, such as a bias before a batch norm,
/// which stays at 0 but for rounding, is judged by a hundredth.
template <Device D>
[[nodiscard]] LargestDifference largest_difference(Network<float, D>& found, Network<double, Cpu>& expected) {
  LargestDifference result;
  const auto ours = found.parameters();
  const auto theirs = expected.parameters();
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t p = 0; p < ours.size(); ++p) {
    Tensor<float, Cpu> buffer;
    const View<const float, Cpu> values = on_cpu(ours[p].parameter->value, buffer);
    const Tensor<double, Cpu>& wanted = theirs[p].parameter->value;
    double size = 0.01;
    for (const double value : wanted.span()) size = std::max(size, std::abs(value));
    for (Index i = 0; i < wanted.size(); ++i) {
      const double difference = std::abs(static_cast<double>(values[i]) - wanted[i]) / size;
      if (!(difference <= result.value)) result = {difference, text(ours[p].name, ", element ", i)};
    }
  }
  return result;
}

/// The values of all tensors, one after the other.
template <Device D>
[[nodiscard]] std::vector<float> all_values(Network<float, D>& network) {
  std::vector<float> values;
  for (const auto& named : network.parameters()) {
    Tensor<float, Cpu> buffer;
    const auto view = on_cpu(named.parameter->value, buffer);
    values.insert(values.end(), view.span().begin(), view.span().end());
  }
  return values;
}

}  // namespace fusiform::test
