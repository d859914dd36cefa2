#pragma once
/// Something that computes a problem: fusiform with one of its algorithms, or a peer.

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <fusiform/core/error.hpp>

#include "problem.hpp"

namespace fusiform::bench {

/// Both functions may be called as long as the problem lives.
struct Implementation {
  std::string name;
  std::string label;                            ///< what the row shows beside its numbers
  std::function<void()> run;                    ///< the work that is measured
  std::function<Tensor<float, Cpu>()> results;  ///< what `run` computed, in fusiform's layout
};

[[nodiscard]] inline Implementation fusiform_implementation(const Problem& problem, std::string name,
                                                            ConvAlgorithm algorithm) {
  Conv2dOptions options = problem.options;
  options.algorithm = algorithm;
  const auto out = std::make_shared<Tensor<float, Cpu>>(problem.result_shape());
  const auto run = [&problem, options, out] {
    switch (problem.pass) {
      case Pass::forward:
        return conv2d_forward<float, Cpu>(problem.x, problem.weight, problem.bias, options, out->view());
      case Pass::backward_input:
        return conv2d_backward_input<float, Cpu>(problem.y, problem.weight, options, out->view());
      case Pass::backward_weight:
        return conv2d_backward_weight<float, Cpu>(problem.x, problem.y, options, out->view());
    }
  };
  return {std::move(name), "", run, [out] { return *out; }};
}

/// Frobenius norm of the difference, relative to that of `expected`.
inline double relative_difference(const Tensor<float, Cpu>& expected, const Tensor<float, Cpu>& got) {
  require_equal("relative difference", "shape", expected.shape(), got.shape());
  double difference = 0;
  double norm = 0;
  for (Index i = 0; i < expected.size(); ++i) {
    const double e = expected[i];
    difference += (got[i] - e) * (got[i] - e);
    norm += e * e;
  }
  return std::sqrt(difference / norm);
}

/// Runs the implementation once and throws an Error if it is wrong. 1e-4 lets pass every order of summation and the
/// rounding of Winograd's transforms (about 1e-5), and nothing that was computed wrongly.
inline void check(const Implementation& implementation, const Tensor<float, Cpu>& expected, std::string_view where) {
  implementation.run();
  const double difference = relative_difference(expected, implementation.results());
  if (!(difference < 1e-4))
    throw Error(text(where, "/", implementation.name, " is wrong: expected a relative difference from the implicit ",
                     "GEMM below 1e-4, got ", difference));
}

}  // namespace fusiform::bench
