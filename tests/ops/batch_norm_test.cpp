/// Batch normalisation in several threads.

#include <fusiform/core/parallel.hpp>
#include <fusiform/ops/batch_norm.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr double eps = 1e-5;

/// Everything that batch normalisation computes in training.
template <class T>
struct Results {
  Tensor<T, Cpu> mean, inverse_deviation, unbiased_variance, y, dx, dweight, dbias;

  explicit Results(const Shape& x)
      : mean(Shape{x.channels()}),
        inverse_deviation(mean.shape()),
        unbiased_variance(mean.shape()),
        y(x),
        dx(x),
        dweight(mean.shape()),
        dbias(mean.shape()) {}
};

template <class T>
Results<T> run(const Tensor<T, Cpu>& x, const Tensor<T, Cpu>& weight, const Tensor<T, Cpu>& bias,
               const Tensor<T, Cpu>& dy) {
  Results<T> r(x.shape());
  batch_norm_statistics<T, Cpu>(x, eps, {r.mean.view(), r.inverse_deviation.view(), r.unbiased_variance.view()});
  batch_norm_apply<T, Cpu>(x, {r.mean, r.inverse_deviation, weight, bias}, r.y.view());
  batch_norm_backward<T, Cpu>({.x = x,
                               .dy = dy,
                               .mean = r.mean,
                               .inverse_deviation = r.inverse_deviation,
                               .weight = weight,
                               .batch_statistics = true,
                               .dx = r.dx.view(),
                               .dweight = r.dweight.view(),
                               .dbias = r.dbias.view()});
  return r;
}

}  // namespace

TEST_CASE("batch norm gives the same bits for any number of threads", "[ops][batch_norm]") {
  const int threads = thread_count();
  const Shape shape{3, 37, 41, 130};
  const auto x = random_tensor<float>(shape, Rng(1)), dy = random_tensor<float>(shape, Rng(2));
  const auto weight = random_tensor<float>({130}, Rng(3)), bias = random_tensor<float>({130}, Rng(4));
  set_thread_count(1);
  const Results<float> one = run(x, weight, bias, dy);
  set_thread_count(5);
  const Results<float> five = run(x, weight, bias, dy);
  set_thread_count(threads);
  CHECK(same_bits(one.mean, five.mean));
  CHECK(same_bits(one.inverse_deviation, five.inverse_deviation));
  CHECK(same_bits(one.y, five.y));
  CHECK(same_bits(one.dx, five.dx));
  CHECK(same_bits(one.dweight, five.dweight));
  CHECK(same_bits(one.dbias, five.dbias));
}
