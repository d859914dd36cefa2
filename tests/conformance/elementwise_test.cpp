/// Add, accumulate, copy, fill and convert.

#include <algorithm>
#include <cmath>
#include <limits>

#include <fusiform/ops/accumulate.hpp>
#include <fusiform/ops/add.hpp>
#include <fusiform/ops/convert.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/fill.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

/// Elements of a larger tensor from `first` on: an address at no multiple of 16 bytes unless first is 0.
template <class T, Device D>
View<T, D> elements_from(const View<T, D>& tensor, Index first) {
  return {tensor.data() + first, Shape{tensor.size() - first}};
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("add sums from left to right", "[ops][add]", AllScalars) {
  using T = TestType;
  for (const Index count : element_counts()) {
    CAPTURE(count);
    std::vector<Tensor<T, Cpu>> host;
    std::vector<Tensor<T, TestDevice>> summands;
    for (std::uint64_t i = 0; i < 4; ++i) {
      host.push_back(random_elements<T>({count}, Rng(i)));
      summands.push_back(on_device(host.back()));
    }
    const std::vector<View<const T, TestDevice>> views(summands.begin(), summands.end());
    for (const std::size_t used : {2U, 3U, 4U}) {
      Tensor<T, Cpu> expected = host[0];
      for (std::size_t k = 1; k < used; ++k) {
        auto sum = in_double(expected);
        const auto term = in_double(host[k]);
        for (Index i = 0; i < count; ++i) sum[i] += term[i];
        expected = in_scalar<T>(sum);  // to nearest: as if added in T
      }
      const auto y =
          result_of<T>(Shape{count}, [&](View<T, TestDevice> result) { add(std::span(views).first(used), result); });
      CHECK(same_bits(y, expected));
    }
    Tensor<T, TestDevice> y(Shape{count});
    CHECK_THROWS_AS(add(std::span(views).first(1), y.view()), ShapeError);
  }
  Tensor<T, TestDevice> a(Shape{2, 3}), b(Shape{3, 2});
  CHECK_THROWS_AS(add(a, b, a.view()), ShapeError);
}

TEMPLATE_LIST_TEST_CASE("accumulate adds at any address", "[ops][accumulate]", AllScalars) {
  using T = TestType;
  for (const Index count : element_counts())
    for (const Index first : {0, 1, 5}) {
      CAPTURE(count, first);
      const auto x = random_elements<T>({count + first}, Rng(1)), y = random_elements<T>({count + first}, Rng(2));
      const auto x_device = on_device(x);
      const auto found = result_of<T>(y.shape(), [&](View<T, TestDevice> result) {
        copy(on_device(y), result);
        accumulate(elements_from<const T, TestDevice>(x_device, first), elements_from(result, first));
      });
      const auto terms = in_double(x);
      auto sums = in_double(y);
      for (Index i = first; i < count + first; ++i) sums[i] += terms[i];
      CHECK(same_bits(found, in_scalar<T>(sums)));
    }
}

TEMPLATE_LIST_TEST_CASE("copy and fill reach every element", "[ops][copy]", AllScalars) {
  using T = TestType;
  for (const Index count : element_counts()) {
    const auto x = random_elements<T>({count}, Rng(1));
    const auto y = result_of<T>(Shape{1, count}, [&](View<T, TestDevice> result) { copy(on_device(x), result); });
    CHECK(std::equal(y.span().begin(), y.span().end(), x.span().begin(), x.span().end(),
                     [](const T& a, const T& b) { return std::memcmp(&a, &b, sizeof(T)) == 0; }));
    Tensor<double, Cpu> expected(Shape{count});
    expected.fill(2.5);
    const T value = in_scalar<T>(Tensor<double, Cpu>(Shape{1}, std::vector<double>{2.5}))[0];
    const auto filled = result_of<T>(Shape{count}, [&](View<T, TestDevice> result) { fill(value, result); });
    CHECK(same_bits(filled, in_scalar<T>(expected)));
  }
  const Tensor<T, TestDevice> x(Shape{3});
  Tensor<T, TestDevice> y(Shape{4});
  CHECK_THROWS_AS(copy(x, y.view()), ShapeError);
}

TEST_CASE("convert rounds to nearest, ties to even", "[ops][convert]") {
  struct Case {
    float value;
    std::uint16_t bits;
  };
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<Case> cases{{1, 0x3F80},
                                {-2, 0xC000},
                                {0, 0},
                                {-0.0F, 0x8000},
                                {1 + 0x1p-8F, 0x3F80},             // a tie: down to the even one
                                {1 + 0x1p-8F + 0x1p-20F, 0x3F81},  // a little more
                                {1 + 0x3p-8F, 0x3F82},             // a tie: up to the even one
                                {0x1.FFp127F, 0x7F80},             // beyond the largest
                                {0x1p-133F, 0x0001},               // the smallest
                                {0x1p-134F, 0x0000},               // a tie with zero
                                {infinity, 0x7F80},
                                {-infinity, 0xFF80},
                                {std::nanf(""), 0x7FFF}};
  Tensor<float, Cpu> x(Shape{static_cast<Index>(cases.size())});
  for (std::size_t i = 0; i < cases.size(); ++i) x[static_cast<Index>(i)] = cases[i].value;
  const auto y =
      result_of<bfloat16>(x.shape(), [&](View<bfloat16, TestDevice> result) { convert(on_device(x).view(), result); });
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i].value);
    CHECK(y[static_cast<Index>(i)].bits == cases[i].bits);
  }
}

TEST_CASE("convert is exact from bfloat16, and reaches every element", "[ops][convert]") {
  for (const Index count : element_counts()) {
    CAPTURE(count);
    const auto x = random_tensor<float>({count}, Rng(1));
    const auto y = result_of<bfloat16>(
        x.shape(), [&](View<bfloat16, TestDevice> result) { convert(on_device(x).view(), result); });
    const auto z =
        result_of<float>(x.shape(), [&](View<float, TestDevice> result) { convert(on_device(y).view(), result); });
    bool upper_half = true, near = true;
    for (Index i = 0; i < count; ++i) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &z[i], 4);
      upper_half = upper_half && bits == std::uint32_t{y[i].bits} << 16U;
      near = near && std::abs(z[i] - x[i]) <= 0x1p-8F * std::abs(x[i]);  // half of the last of 8 bits
    }
    CHECK(upper_half);
    CHECK(near);
    const auto copied =
        result_of<float>(x.shape(), [&](View<float, TestDevice> result) { convert(on_device(x).view(), result); });
    CHECK(same_bits(copied, x));
  }
  Tensor<float, TestDevice> x(Shape{4});
  Tensor<bfloat16, TestDevice> y(Shape{2, 2});
  CHECK_THROWS_AS(convert(x.view(), y.view()), ShapeError);
}
