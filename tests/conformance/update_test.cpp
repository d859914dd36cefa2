/// Steps of the optimisers against their formulas in double.

#include <cmath>

#include <fusiform/ops/adam_update.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/sgd_update.hpp>

#include "tests/conformance/cases.hpp"
#include "tests/conformance/scalars.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEMPLATE_LIST_TEST_CASE("sgd follows its formula", "[ops][sgd]", TestScalars) {
  using T = TestType;
  using D = TestDevice;
  const SgdSettings settings{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01};
  for (const Index count : element_counts()) {
    CAPTURE(count);
    const auto gradient = random_elements<T>({count}, Rng(1)), velocity = random_elements<T>({count}, Rng(2)),
               value = random_elements<T>({count}, Rng(3));
    const auto g = on_device(gradient), v = on_device(velocity), w = on_device(value);
    const auto new_velocity = result_of<T>(Shape{count}, [&](View<T, D> result) {
      auto moved = w;
      copy(v, result);
      sgd_update<T, D>(g, settings, result, moved.view());
    });
    const auto new_value = result_of<T>(Shape{count}, [&](View<T, D> result) {
      auto moving = v;
      copy(w, result);
      sgd_update<T, D>(g, settings, moving.view(), result);
    });
    auto expected_velocity = in_double(velocity), expected_value = in_double(value);
    for (Index i = 0; i < count; ++i) {
      const double d = static_cast<double>(gradient[i]) + 0.01 * static_cast<double>(value[i]);
      expected_velocity[i] = 0.9 * static_cast<double>(velocity[i]) + d;
      expected_value[i] -= 0.1 * expected_velocity[i];
    }
    // A few roundings, of the settings too.
    CHECK(difference(new_velocity, expected_velocity).normalized < tolerance<T>(1e-15, 3e-7));
    CHECK(difference(new_value, expected_value).normalized < tolerance<T>(1e-15, 3e-7));
  }
  Tensor<T, D> two(Shape{2}), three(Shape{3});
  CHECK_THROWS_AS((sgd_update<T, D>(two, settings, two.view(), three.view())), ShapeError);
}

TEMPLATE_LIST_TEST_CASE("adam follows its formula", "[ops][adam]", TestScalars) {
  using T = TestType;
  using D = TestDevice;
  const AdamSettings settings{.step_size = 0.01, .root_correction = 0.3, .weight_decay = 0.1};
  for (const Index count : element_counts()) {
    CAPTURE(count);
    const auto gradient = random_elements<T>({count}, Rng(1)), mean = random_elements<T>({count}, Rng(2)),
               value = random_elements<T>({count}, Rng(3));
    Tensor<T, Cpu> square(Shape{count});
    for (Index i = 0; i < count; ++i) square[i] = std::abs(mean[i]) / 4;
    auto expected_mean = in_double(mean), expected_square = in_double(square), expected_value = in_double(value);
    for (Index i = 0; i < count; ++i) {
      const double d = static_cast<double>(gradient[i]) + 0.1 * expected_value[i];
      expected_mean[i] += (1 - 0.9) * (d - expected_mean[i]);
      expected_square[i] = 0.999 * expected_square[i] + (1 - 0.999) * d * d;
      expected_value[i] -= 0.01 * expected_mean[i] / (std::sqrt(expected_square[i]) / 0.3 + 1e-8);
    }
    const auto g = on_device(gradient), m = on_device(mean), s = on_device(square), w = on_device(value);
    const auto updated = [&](int which) {
      return result_of<T>(Shape{count}, [&](View<T, D> result) {
        auto new_mean = m, new_square = s, new_value = w;
        adam_update<T, D>(g, settings, {new_mean.view(), new_square.view()}, new_value.view());
        copy(which == 0 ? new_mean : which == 1 ? new_square : new_value, result);
      });
    };
    // A few roundings, of the settings too.
    CHECK(difference(updated(0), expected_mean).normalized < tolerance<T>(1e-15, 3e-7));
    CHECK(difference(updated(1), expected_square).normalized < tolerance<T>(1e-15, 3e-7));
    CHECK(difference(updated(2), expected_value).normalized < tolerance<T>(1e-15, 3e-7));
  }
  Tensor<T, D> two(Shape{2}), three(Shape{3});
  CHECK_THROWS_AS((adam_update<T, D>(two, settings, {two.view(), three.view()}, two.view())), ShapeError);
}
