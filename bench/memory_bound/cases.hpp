#pragma once
/// The operations that are measured: how much memory they must move, how much they must compute, and how to run them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/core/simd_math.hpp>
#include <fusiform/ops/adam_update.hpp>
#include <fusiform/ops/add.hpp>
#include <fusiform/ops/avg_pool2d.hpp>
#include <fusiform/ops/batch_norm.hpp>
#include <fusiform/ops/linear.hpp>
#include <fusiform/ops/max_pool2d.hpp>
#include <fusiform/ops/relu.hpp>
#include <fusiform/ops/sgd_update.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>

#include "traffic.hpp"

namespace fusiform::bench {

struct MemoryCase {
  std::string name;  ///< <op>/<pass>/<shape>
  Traffic traffic;
  double flop = 0;  ///< multiply-adds that have to be done, times two; 0 where they do not count
  /// Allocates the operands and gives the work; called when the case is measured.
  std::function<std::function<void()>()> prepare;
  /// A floor of another kind than the traffic; none for most.
  std::function<void()> floor = {};
};

using Floats = Tensor<float, Cpu>;

inline Floats uniform(const Shape& shape) {
  Floats tensor(shape);
  Rng rng(1);
  for (float& value : tensor.span()) value = static_cast<float>(rng.uniform(-1, 1));
  return tensor;
}

/// The work on operands that live as long as it.
template <class Operands, class Work>
std::function<void()> work_on(Operands operands, Work work) {
  return [shared = std::make_shared<Operands>(std::move(operands)), work] { work(*shared); };
}

inline void add_linear(std::vector<MemoryCase>& cases, const std::string& shape, Index in, Index out, Index batch) {
  struct Operands {
    Floats x, weight, bias, y;
  };
  const auto operands = [=] {
    return Operands{uniform({batch, in}), uniform({out, in}), uniform({out}), uniform({batch, out})};
  };
  const std::string name = text(shape, "/batch", batch);
  const double flop = 2.0 * static_cast<double>(in * out) * static_cast<double>(batch);
  cases.push_back({text("linear/forward/", name), {in * out + batch * in, batch * out}, flop, [=] {
                     return work_on(operands(), [](Operands& o) {
                       linear_forward<float, Cpu>(o.x, o.weight, o.bias, o.y.view(), {.relu = true});
                     });
                   }});
  cases.push_back({text("linear/backward_input/", name), {in * out + batch * out, batch * in}, flop, [=] {
                     return work_on(operands(),
                                    [](Operands& o) { linear_backward_input<float, Cpu>(o.y, o.weight, o.x.view()); });
                   }});
  cases.push_back({text("linear/backward_weight/", name), {batch * (in + out), in * out}, flop, [=] {
                     return work_on(operands(),
                                    [](Operands& o) { linear_backward_weight<float, Cpu>(o.x, o.y, o.weight.view()); });
                   }});
}

inline void add_pool(std::vector<MemoryCase>& cases, const std::string& name, const Shape& x,
                     const MaxPool2dOptions& window) {
  struct Operands {
    Floats x, y;
    Tensor<std::int32_t, Cpu> positions;
  };
  const AvgPool2dOptions average{.kernel = window.kernel, .stride = window.stride, .padding = window.padding};
  const Shape y = max_pool2d_output_shape(x, window);
  const auto operands = [=] {
    Operands o{uniform(x), Floats(y), Tensor<std::int32_t, Cpu>(y)};
    max_pool2d_forward(o.x, window, o.y.view(), o.positions.view());
    return o;
  };
  cases.push_back({text("max_pool2d/forward/", name), {x.size(), 2 * y.size()}, 0, [=] {
                     return work_on(operands(), [=](Operands& o) {
                       max_pool2d_forward(o.x, window, o.y.view(), o.positions.view());
                     });
                   }});
  cases.push_back({text("max_pool2d/backward/", name), {2 * y.size(), x.size()}, 0, [=] {
                     return work_on(operands(),
                                    [=](Operands& o) { max_pool2d_backward(o.y, o.positions, window, o.x.view()); });
                   }});
  cases.push_back({text("avg_pool2d/forward/", name), {x.size(), y.size()}, 0, [=] {
                     return work_on(operands(), [=](Operands& o) { avg_pool2d_forward(o.x, average, o.y.view()); });
                   }});
  cases.push_back({text("avg_pool2d/backward/", name), {y.size(), x.size()}, 0, [=] {
                     return work_on(operands(), [=](Operands& o) { avg_pool2d_backward(o.y, average, o.x.view()); });
                   }});
}

inline void add_batch_norm(std::vector<MemoryCase>& cases, const std::string& name, const Shape& x) {
  struct Operands {
    Floats x, y, mean, inverse, unbiased, weight, bias, dx;
  };
  const Shape channels{x.channels()};
  const auto operands = [=] {
    Operands o{uniform(x),       uniform(x),        Floats(channels),  Floats(channels),
               Floats(channels), uniform(channels), uniform(channels), Floats(x)};
    batch_norm_statistics<float, Cpu>(o.x, 1e-5, {o.mean.view(), o.inverse.view(), o.unbiased.view()});
    return o;
  };
  cases.push_back(
      {text("batch_norm/statistics/", name), {x.size()}, 0, [=] {
         return work_on(operands(), [](Operands& o) {
           batch_norm_statistics<float, Cpu>(o.x, 1e-5, {o.mean.view(), o.inverse.view(), o.unbiased.view()});
         });
       }});
  cases.push_back({text("batch_norm/apply/", name), {x.size(), x.size()}, 0, [=] {
                     return work_on(operands(), [](Operands& o) {
                       batch_norm_apply<float, Cpu>(o.x, {o.mean, o.inverse, o.weight, o.bias}, o.y.view());
                     });
                   }});
  // Twice through x and dy: the gradient needs their sums first.
  cases.push_back({text("batch_norm/backward/", name), {4 * x.size(), x.size()}, 0, [=] {
                     return work_on(operands(), [](Operands& o) {
                       batch_norm_backward<float, Cpu>({.x = o.x,
                                                        .dy = o.y,
                                                        .mean = o.mean,
                                                        .inverse_deviation = o.inverse,
                                                        .weight = o.weight,
                                                        .batch_statistics = true,
                                                        .dx = o.dx.view(),
                                                        .dweight = o.unbiased.view(),
                                                        .dbias = o.bias.view()});
                     });
                   }});
}

/// `count` exponentials of numbers in registers.
template <Scalar T>
void exponentials(Index count) {
  simd::Vector<T> x = simd::broadcast(T{-1});
  simd::Vector<T> sum{};
  for (Index i = 0; i < count; i += simd::lanes<T>) {
    sum += simd::exp<T>(x);
    x -= T{1} / 1024;
  }
  T first = sum[0];
  ::benchmark::DoNotOptimize(first);
}

/// A softmax is limited by its exponentials: they are the floor.
inline void add_softmax(std::vector<MemoryCase>& cases, Index batch, Index classes) {
  struct Operands {
    Floats logits, gradient, losses;
    std::vector<Index> labels;
  };
  const auto operands = [=] {
    Operands o{uniform({batch, classes}), Floats(Shape{batch, classes}), Floats(Shape{batch}), {}};
    for (Index n = 0; n < batch; ++n) o.labels.push_back(n * 7 % classes);
    return o;
  };
  const std::string name = text(classes, "/batch", batch);
  cases.push_back({text("softmax_cross_entropy/losses/", name),
                   {batch * classes},
                   0,
                   [=] {
                     return work_on(operands(), [](Operands& o) {
                       softmax_cross_entropy<float>(o.logits, o.labels, o.losses.view());
                     });
                   },
                   [=] { exponentials<double>(batch * classes); }});
  cases.push_back({text("softmax_cross_entropy/gradient/", name),
                   {batch * classes, batch * classes},
                   0,
                   [=] {
                     return work_on(operands(), [](Operands& o) {
                       softmax_cross_entropy_gradient<float>(o.logits, o.labels, o.gradient.view());
                     });
                   },
                   [=] { exponentials<float>(batch * classes); }});
}

/// Optimisers and elementwise operations on `count` elements.
inline void add_elementwise(std::vector<MemoryCase>& cases, Index count) {
  struct Operands {
    Floats a, b, c, d;
  };
  const auto operands = [=] {
    Operands o{uniform({count}), uniform({count}), uniform({count}), Floats(Shape{count})};
    o.d.fill(1);
    return o;
  };
  const auto add_case = [&](const std::string& name, const Traffic& traffic, auto work) {
    cases.push_back({text(name, count), traffic, 0, [=] { return work_on(operands(), work); }});
  };
  add_case("sgd/update/", {.read = count, .updated = 2 * count}, [](Operands& o) {
    sgd_update<float, Cpu>(o.a, {.learning_rate = 0.01, .momentum = 0.9, .weight_decay = 1e-4}, o.b.view(), o.c.view());
  });
  add_case("adam/update/", {.read = count, .updated = 3 * count}, [](Operands& o) {
    adam_update<float, Cpu>(o.a, {.step_size = 1e-3}, {o.b.view(), o.d.view()}, o.c.view());
  });
  add_case("relu/forward/", {count, count}, [](Operands& o) { relu_forward<float, Cpu>(o.a, o.b.view()); });
  add_case("relu/backward/", {2 * count, count}, [](Operands& o) { relu_backward<float, Cpu>(o.a, o.b, o.c.view()); });
  add_case("add/forward/", {2 * count, count}, [](Operands& o) { add<float, Cpu>(o.a, o.b, o.c.view()); });
}

inline std::vector<MemoryCase> memory_cases() {
  std::vector<MemoryCase> cases;
  for (const Index batch : {1, 4, 16, 64, 256}) {
    add_linear(cases, "25088-4096", 25088, 4096, batch);
    add_linear(cases, "4096-4096", 4096, 4096, batch);
    add_linear(cases, "4096-1000", 4096, 1000, batch);
    add_linear(cases, "small.2048-256", 2048, 256, batch);
  }
  add_pool(cases, "vgg16.pool1", {8, 224, 224, 64}, {.kernel = 2});
  add_pool(cases, "vgg16.pool2", {8, 112, 112, 128}, {.kernel = 2});
  add_pool(cases, "vgg16.pool3", {8, 56, 56, 256}, {.kernel = 2});
  add_pool(cases, "vgg16.pool4", {8, 28, 28, 512}, {.kernel = 2});
  add_pool(cases, "vgg16.pool5", {8, 14, 14, 512}, {.kernel = 2});
  add_pool(cases, "small.pool1", {64, 32, 32, 32}, {.kernel = 2});
  add_pool(cases, "small.pool2", {64, 16, 16, 64}, {.kernel = 2});
  add_pool(cases, "small.pool3", {64, 8, 8, 128}, {.kernel = 2});
  add_pool(cases, "alexnet.pool1", {8, 55, 55, 64}, {.kernel = 3, .stride = 2});
  add_pool(cases, "resnet.pool1", {8, 112, 112, 64}, {.kernel = 3, .stride = 2, .padding = 1});
  add_batch_norm(cases, "resnet.112x112x64", {8, 112, 112, 64});
  add_batch_norm(cases, "resnet.56x56x256", {8, 56, 56, 256});
  add_batch_norm(cases, "resnet.28x28x512", {8, 28, 28, 512});
  add_batch_norm(cases, "resnet.7x7x2048", {8, 7, 7, 2048});
  add_batch_norm(cases, "resnet_cifar10.32x32x16", {128, 32, 32, 16});
  for (const Index classes : {10, 100, 1000}) add_softmax(cases, 64, classes);
  for (const Index count : {1 << 16, 1 << 20, 1 << 25}) add_elementwise(cases, count);
  return cases;
}

}  // namespace fusiform::bench
