/// Input gradients that go back through the ReLU before a convolution, against the two operations that they are.

#include "tests/conformance/conv2d_relu_output.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEMPLATE_LIST_TEST_CASE("conv2d_backward_input with a ReLU's output is itself, then relu_backward", "[ops][conv2d]",
                        TestScalars) {
  using T = TestType;
  std::vector<ConvAlgorithm> algorithms{ConvAlgorithm::automatic};
  if (std::same_as<TestDevice, Cuda>) algorithms.push_back(ConvAlgorithm::bf16x2);
  for (const ConvAlgorithm algorithm : algorithms)
    require_both_gradients<T>(conv2d_backward_input<T, TestDevice>, algorithm);
}

TEMPLATE_LIST_TEST_CASE("conv2d_backward_input with a ReLU's output is the definition's, where that is positive",
                        "[ops][conv2d]", TestScalars) {
  using T = TestType;
  for (const ReluOutputCase& c : relu_output_cases()) {
    CAPTURE(c.x, c.weight);
    const ReluOutputOperands<T> o(c);
    // As the tests of conv2d allow.
    const double bound = (std::same_as<T, float> ? 4e-7 : 8e-16) * std::sqrt(double(o.weight.size() / c.x[3]) + 1);
    CHECK(difference(o.dx(conv2d_backward_input<T, TestDevice>, c.options), o.expected()).normalized <= bound);
  }
}

TEST_CASE("conv2d_backward_input reads a ReLU's output from anywhere", "[ops][conv2d]") {
  const ReluOutputCase c{{2, 5, 6, 8}, {8, 3, 3, 8}, {.padding = 1}};
  const ReluOutputOperands<float> o(c);
  Tensor<float, Cpu> shifted(Shape{o.relu_output.size() + 1});
  std::copy_n(o.relu_output.data(), o.relu_output.size(), shifted.data() + 1);
  const auto memory = on_device(shifted), dy = on_device(o.dy), weight = on_device(o.weight);
  const auto dx = result_of<float>(c.x, [&](View<float, TestDevice> result) {
    conv2d_backward_input<float, TestDevice>(dy, weight, c.options, result, {memory.data() + 1, c.x});
  });
  CHECK(same_bits(dx, o.dx(conv2d_backward_input<float, TestDevice>, c.options)));
}

TEST_CASE("conv2d_backward_input refuses a ReLU's output of another shape", "[ops][conv2d]") {
  const Tensor<float, TestDevice> dy(Shape{1, 2, 2, 3}), weight(Shape{3, 1, 1, 4}), other(Shape{1, 2, 4, 2});
  Tensor<float, TestDevice> dx(Shape{1, 2, 2, 4});
  CHECK_THROWS_AS((conv2d_backward_input<float, TestDevice>(dy, weight, {}, dx.view(), other)), ShapeError);
}
