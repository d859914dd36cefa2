// Recordings of what a thread starts on a GPU, and the times of its kernels.

#include <fusiform/core/cuda_graph.hpp>
#include <fusiform/core/kernel_times.hpp>
#include <fusiform/ops/conv2d.hpp>
#include <fusiform/ops/fill.hpp>
#include <fusiform/ops/relu.hpp>

#include "tests/conformance/test_device.hpp"
#include "tests/support/bfloat16.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_tensor.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEST_CASE("a recording reads tensors anew and keeps numbers", "[cuda][graph]") {
  Tensor<float, Cuda> x(Shape{5}), y(Shape{5}), constant(Shape{3});
  float value = 2;
  CudaGraph graph;
  graph.record([&] {
    relu_forward(x, y.view());
    fill(value, constant.view());
  });
  value = 7;
  CHECK(on_host(constant)[0] == 0);  // nothing is done while recording
  for (const std::uint64_t seed : {1U, 2U}) {
    const auto host = random_tensor<float>({5}, Rng(seed));
    copy(host.view(), x.view());
    graph.replay();
    const auto found = on_host(y);
    for (Index i = 0; i < 5; ++i) CHECK(found[i] == std::max(host[i], 0.F));
    CHECK(on_host(constant)[2] == 2);
  }
  graph.record([&] { fill(value, constant.view()); });
  graph.replay();
  CHECK(on_host(constant)[1] == 7);
}

TEST_CASE("a recording has its own scratch memory, copies and zeros", "[cuda][graph]") {
  // Channels that the kernels cannot take go through scratch memory.
  const Shape xs{2, 5, 4, 3}, ws{8, 3, 3, 3};
  const Conv2dOptions options{.padding = 1};
  const auto x = on_device(rounded(random_tensor<float>(xs, Rng(1))));
  const auto w = on_device(rounded(random_tensor<float>(ws, Rng(2))));
  Tensor<bfloat16, Cuda> y(Shape{2, 5, 4, 8}), expected(y.shape()), copied(y.shape());
  const auto convolve = [&](Tensor<bfloat16, Cuda>& result) {
    conv2d_forward<bfloat16, Cuda>(x, w, View<const float, Cuda>(), options, result.view());
  };
  convolve(expected);
  CudaGraph graph;
  graph.record([&] {
    convolve(y);
    copied = y;
    zero_bytes(Cuda{}, y.data(), 8 * sizeof(bfloat16));
  });
  for (int time = 0; time < 2; ++time) {
    graph.replay();
    CHECK(same_bits(on_host(copied), on_host(expected)));
    CHECK(on_host(y)[0].bits == 0);
    CHECK(on_host(y)[8].bits == on_host(expected)[8].bits);
  }
}

TEST_CASE("what cannot be recorded or replayed", "[cuda][graph]") {
  CudaGraph graph;
  CHECK_THROWS_AS(graph.replay(), ConfigError);
  Tensor<float, Cuda> x(Shape{4});
  CHECK_THROWS_AS(graph.record([&] { (void)on_host(x); }), Error);
  CHECK_THROWS_AS(graph.replay(), ConfigError);
  fill(3, x.view());  // the thread starts work as before
  CHECK(on_host(x)[3] == 3);
  CudaGraph other;
  other.record([&] { fill(4, x.view()); });
  graph = std::move(other);
  graph.replay();
  CHECK(on_host(x)[0] == 4);
}

TEST_CASE("kernel times are summed by operation and shape", "[cuda]") {
  Tensor<float, Cuda> x(Shape{4}), y(Shape{4}), z(Shape{3});
  std::vector<KernelTime> times;
  {
    const KernelTimes measured;
    CHECK_THROWS_AS(KernelTimes(), ConfigError);
    relu_forward(x, y.view());
    fill(1, z.view());
    relu_forward(x, y.view());
    CudaGraph graph;
    graph.record([&] { fill(1, y.view()); });  // recordings are not measured
    times = measured.sums();
  }
  fill(1, x.view());
  REQUIRE(times.size() == 2);
  CHECK(times[0].what == "relu (4)");
  CHECK(times[0].launches == 2);
  CHECK(times[1].what == "fill (3)");
  CHECK(times[1].launches == 1);
  for (const KernelTime& time : times) CHECK(time.milliseconds >= 0);
}
