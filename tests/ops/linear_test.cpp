/// What tests/conformance does not ask of a linear layer on the CPU: its gradients in double.

#include <fusiform/ops/linear.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/differences.hpp"
#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEST_CASE("linear: the gradients are finite differences of the forward pass") {
  auto x = uniform_tensor<double>(Shape{3, 5}, "x"), weight = uniform_tensor<double>(Shape{4, 5}, "weight"),
       bias = uniform_tensor<double>(Shape{4}, "bias");
  const auto dy = uniform_tensor<double>(Shape{3, 4}, "dy");
  Tensor<double, Cpu> dx(x.shape()), dw(weight.shape()), db(bias.shape());
  linear_backward_input<double, Cpu>(dy, weight, dx.view());
  linear_backward_weight<double, Cpu>(x, dy, dw.view());
  linear_backward_bias<double, Cpu>(dy, db.view());
  const auto loss = [&] {
    Tensor<double, Cpu> y(dy.shape());
    linear_forward<double, Cpu>(x, weight, bias, y.view());
    return dot(y, dy);
  };
  check_gradient_of_linear(loss, x, dx);
  check_gradient_of_linear(loss, weight, dw);
  check_gradient_of_linear(loss, bias, db);
}
