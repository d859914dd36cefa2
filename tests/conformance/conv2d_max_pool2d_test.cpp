/// Convolutions that end with max pooling, against the definition and against the two operations that they are.

#include "tests/conformance/conv2d_max_pool2d.hpp"

#include <limits>

#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Those of the device that apply.
std::vector<ConvAlgorithm> algorithms_for(const ConvPoolCase& c) {
  if (std::same_as<TestDevice, Cuda>)
    return {ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm, ConvAlgorithm::bf16x2};
  std::vector<ConvAlgorithm> result{ConvAlgorithm::automatic, ConvAlgorithm::implicit_gemm, ConvAlgorithm::direct};
  if (winograd_applies(c.weight, c.options)) {
    result.push_back(ConvAlgorithm::winograd_2x2);
    result.push_back(ConvAlgorithm::winograd_4x4);
  }
  return result;
}

/// Whether sums of small whole numbers are exact.
bool is_exact(ConvAlgorithm algorithm) {
  if (algorithm == ConvAlgorithm::automatic) return std::same_as<TestDevice, Cuda>;
  return algorithm != ConvAlgorithm::winograd_2x2 && algorithm != ConvAlgorithm::winograd_4x4;
}

/// conv2d_forward and max_pool2d_forward.
template <class T>
Maxima<T> composed(const ConvPoolOperands<T>& o, const Conv2dOptions& options) {
  const Shape between = conv2d_output_shape(o.x.shape(), o.weight.shape(), options);
  const auto x = on_device(o.x), weight = on_device(o.weight), bias = on_device(o.bias);
  return maxima_of<T>(max_pool2d_output_shape(between, {}), [&](View<T, TestDevice> y, auto positions) {
    Tensor<T, TestDevice> sums(between);
    conv2d_forward<T, TestDevice>(x, weight, bias, options, sums.view());
    max_pool2d_forward<T, TestDevice>(sums, {.after_relu = options.relu}, y, positions);
  });
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("conv2d_max_pool2d finds what a search of every window of the definition finds",
                        "[ops][conv2d][max_pool2d]", TestScalars) {
  using T = TestType;
  for (const ConvPoolCase& c : conv_pool_cases())
    for (const bool relu : {false, true})
      for (const ConvAlgorithm algorithm : algorithms_for(c)) {
        if (!is_exact(algorithm) || (algorithm == ConvAlgorithm::bf16x2 && std::same_as<T, double>)) continue;
        CAPTURE(c.x, c.weight, relu, static_cast<int>(algorithm));
        Conv2dOptions options = c.options;
        options.relu = relu;
        options.algorithm = algorithm;
        const ConvPoolOperands<T> o(c, true);
        const auto expected = searched_maxima(in_scalar<T>(o.between(options)), relu);
        const auto found = o.maxima(options);
        CHECK(same_bits(found.y, expected.y));
        CHECK(same_bits(found.positions, expected.positions));
      }
}

TEMPLATE_LIST_TEST_CASE("conv2d_max_pool2d is conv2d, then max pooling", "[ops][conv2d][max_pool2d]", TestScalars) {
  using T = TestType;
  for (const ConvPoolCase& c : conv_pool_cases())
    for (const ConvAlgorithm algorithm : algorithms_for(c)) {
      if (std::same_as<TestDevice, Cuda> && algorithm == ConvAlgorithm::implicit_gemm) continue;  // the automatic one
      CAPTURE(c.x, c.weight, static_cast<int>(algorithm));
      Conv2dOptions options = c.options;
      options.algorithm = algorithm;
      const ConvPoolOperands<T> o(c, false);
      const auto found = o.maxima(options);
      // Within the rounding of the sums: see the tests of conv2d. Winograd's are the largest in float, beside bf16x2's.
      const double bound = algorithm == ConvAlgorithm::bf16x2 ? 2e-5 : std::same_as<T, float> ? 1e-5 : 2e-14;
      const auto between = o.between(options);
      const auto expected = searched_maxima(between, false);
      CHECK(difference(found.y, expected.y).normalized <= bound);
      // A window's largest pixels may be as close as their errors: what lies at the position is what counts.
      Tensor<double, Cpu> there(c.y());
      const Index pixels = c.y()[1] * c.y()[2] * c.y()[3], outputs = c.y()[3];
      for (Index i = 0; i < there.size(); ++i) {
        const Index pixel = found.positions[i];
        REQUIRE((pixel >= 0 && pixel < c.between()[1] * c.between()[2]));
        there[i] = between[(i / pixels * c.between()[1] * c.between()[2] + pixel) * outputs + i % outputs];
      }
      CHECK(difference(there, expected.y).normalized <= bound);
      if (algorithm == ConvAlgorithm::bf16x2) continue;
      const auto two = composed(o, options);
      CHECK(same_bits(found.y, two.y));
      CHECK(same_bits(found.positions, two.positions));
    }
}

TEST_CASE("conv2d_max_pool2d with ReLU lets NaN through, as both operations do", "[ops][conv2d][max_pool2d]") {
  for (const ConvPoolCase& c : {ConvPoolCase{{2, 6, 7, 8}, {12, 3, 3, 8}, {.padding = 1, .relu = true}},
                                ConvPoolCase{{1, 5, 6, 3}, {7, 2, 2, 3}, {.relu = true}}}) {
    CAPTURE(c.x);
    ConvPoolOperands<float> o(c, false);
    o.x[0] = std::numeric_limits<float>::quiet_NaN();
    const auto found = o.maxima(c.options), expected = composed(o, c.options);
    CHECK(same_bits(found.y, expected.y));
    CHECK(same_bits(found.positions, expected.positions));
    CHECK(std::isnan(found.y[0]));
    CHECK(found.positions[0] == (c.options.padding == 1 ? c.between()[2] + 1 : 0));  // the last pixel that saw it
  }
}

TEST_CASE("conv2d_max_pool2d without a bias, into memory anywhere", "[ops][conv2d][max_pool2d]") {
  const ConvPoolCase c{{2, 6, 5, 8}, {8, 3, 3, 8}, {.padding = 1}};
  ConvPoolOperands<float> o(c, false);
  o.bias.fill(0);
  const auto expected = o.maxima(c.options);
  const auto x = on_device(o.x), weight = on_device(o.weight);
  const auto none = View<const float, TestDevice>();
  const Index size = c.y().size();
  // Neither y nor the positions begin at multiples of 16 bytes; what is beside them stays.
  for (const Index shift : {0, 1}) {
    Tensor<std::int32_t, TestDevice> positions(Shape{size + 2});
    const auto y = result_of<float>(Shape{size + 2}, [&](View<float, TestDevice> memory) {
      conv2d_max_pool2d_forward<float, TestDevice>(x, weight, none, c.options, false, {memory.data() + 1, c.y()},
                                                   {positions.data() + shift, c.y()});
    });
    const auto places = on_host(positions);
    for (Index i = 0; i < size; ++i) {
      REQUIRE(y[i + 1] == expected.y[i]);
      REQUIRE(places[i + shift] == expected.positions[i]);
    }
    CHECK(std::isnan(y[0]));
    CHECK(std::isnan(y[size + 1]));
    CHECK(places[size + 1] == 0);
  }
}

TEST_CASE("conv2d_max_pool2d names what does not fit", "[ops][conv2d][max_pool2d]") {
  using Positions = View<std::int32_t, TestDevice>;
  Tensor<float, TestDevice> x(Shape{1, 4, 4, 4}), weight(Shape{8, 3, 3, 4}), bias(Shape{8}), y(Shape{1, 1, 1, 8});
  const auto run = [&](const Conv2dOptions& options, Positions positions = {}) {
    conv2d_max_pool2d_forward<float, TestDevice>(x, weight, bias, options, false, y.view(), positions);
  };
  CHECK_NOTHROW(run({}));
  CHECK_THROWS_AS(run({.padding = 1}), ShapeError);  // y is too small
  CHECK_THROWS_AS(run({.stride = 2}), ShapeError);   // one pixel fills no window
  Tensor<std::int32_t, TestDevice> few(Shape{1, 1, 1, 7});
  CHECK_THROWS_AS(run({}, few.view()), ShapeError);
  CHECK_THROWS_AS(run({.algorithm = std::same_as<TestDevice, Cpu> ? ConvAlgorithm::bf16x2 : ConvAlgorithm::direct}),
                  ConfigError);
  bias = Tensor<float, TestDevice>(Shape{7});
  CHECK_THROWS_AS(run({}), ShapeError);
}
