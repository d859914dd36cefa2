#pragma once

#include <cmath>

#include <fusiform/core/tensor.hpp>

#include "tests/support/catch.hpp"

namespace fusiform::test {

/// Compares a gradient with difference quotients of `loss()`, a function of order 1 that is linear in the argument, so
/// that they are exact but for rounding.
template <class Loss>
void check_gradient_of_linear(const Loss& loss, Tensor<double, Cpu>& argument, const Tensor<double, Cpu>& gradient) {
  for (Index i = 0; i < argument.size(); ++i) {
    const double before = argument[i];
    argument[i] = before + 0.5;
    const double above = loss();
    argument[i] = before - 0.5;
    const double below = loss();
    argument[i] = before;
    CHECK(std::abs(above - below - gradient[i]) < 1e-12);
  }
}

}  // namespace fusiform::test
