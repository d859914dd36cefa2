#pragma once
/// A layer that the library does not have: the parameter-free shortcut of the CIFAR ResNets (He et al., CVPR 2016,
/// section 4.2, option A). And ResNet-20 itself, made with it.

#include <memory>
#include <string>

#include <fusiform/nets/net_options.hpp>

/// Every second pixel in both directions, and channels of zeros before and behind: (H, W, C) to
/// (ceil(H/2), ceil(W/2), out). As any layer, it says its kind and options, its shape, and both passes.
template <fusiform::Scalar T>
class OptionAShortcut : public fusiform::Layer<T, fusiform::Cpu> {
 public:
  explicit OptionAShortcut(fusiform::Index out) : out_(out) {}

  [[nodiscard]] std::string kind() const override { return "option_a_shortcut"; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> options() const override {
    return {{"out", static_cast<double>(out_)}};
  }

  [[nodiscard]] fusiform::Shape output_shape(std::span<const fusiform::Shape> inputs) const override {
    fusiform::require_equal(kind(), "input", std::size_t{1}, inputs.size());
    fusiform::require_equal(kind(), "dimensions (H, W, C)", 3, inputs[0].rank());
    if (inputs[0][2] > out_)
      throw fusiform::ShapeError(fusiform::text(kind(), ": expected at most ", out_, " channels, got ", inputs[0][2]));
    return {(inputs[0][0] + 1) / 2, (inputs[0][1] + 1) / 2, out_};
  }

  void forward(const fusiform::ForwardArguments<T, fusiform::Cpu>& pass) const override {
    std::fill_n(pass.output.data(), pass.output.size(), T{});
    const auto x = pass.inputs[0];
    const auto y = pass.output;
    for_each_pair(x.shape(), y.shape(), [&](fusiform::Index in, fusiform::Index out) { y[out] = x[in]; });
  }

  void backward(const fusiform::BackwardArguments<T, fusiform::Cpu>& pass) override {
    const auto dx = pass.input_gradients[0];
    if (dx.data() == nullptr) return;  // nobody wants it
    const auto dy = pass.output_gradient;
    std::fill_n(dx.data(), dx.size(), T{});
    for_each_pair(dx.shape(), dy.shape(), [&](fusiform::Index in, fusiform::Index out) { dx[in] = dy[out]; });
  }

 private:
  /// Calls visit(position in x, position in y) for every element that passes.
  template <class Visit>
  static void for_each_pair(const fusiform::Shape& x, const fusiform::Shape& y, const Visit& visit) {
    const fusiform::Index before = (y[3] - x[3]) / 2;
    for (fusiform::Index n = 0; n < y[0]; ++n)
      for (fusiform::Index i = 0; i < y[1]; ++i)
        for (fusiform::Index j = 0; j < y[2]; ++j)
          for (fusiform::Index c = 0; c < x[3]; ++c)
            visit(((n * x[1] + 2 * i) * x[2] + 2 * j) * x[3] + c, ((n * y[1] + i) * y[2] + j) * y[3] + before + c);
  }

  fusiform::Index out_;
};

/// The library's layers and this one: what descriptions and checkpoints that use it are read with.
template <fusiform::Scalar T>
fusiform::LayerFactory<T, fusiform::Cpu> factory_with_shortcut() {
  fusiform::LayerFactory<T, fusiform::Cpu> factory;
  factory.add("option_a_shortcut", [](fusiform::LayerOptionReader& options, std::span<const fusiform::Shape>) {
    return std::make_unique<OptionAShortcut<T>>(options.index("out"));
  });
  return factory;
}

/// A ResNet for CIFAR-10: 3 stages of `blocks` basic blocks each, 16, 32 and 64 channels wide;
/// ResNet-20 has 3 blocks, ResNet-56 has 9. Names are those of akamaster/pytorch_resnet_cifar10.
inline fusiform::NetworkPlan cifar_resnet_plan(int blocks) {
  using fusiform::convolution_options;
  fusiform::NetworkPlan plan{{32, 32, 3}, {}};
  plan.add("conv1", "conv2d", convolution_options({.out = 16, .kernel = 3, .padding = 1, .bias = false}));
  plan.add("bn1", "batch_norm");
  plan.add("relu", "relu");
  fusiform::Index channels = 16;
  for (int stage = 1; stage <= 3; ++stage) {
    for (int i = 0; i < blocks; ++i) {
      const std::string block = fusiform::text("layer", stage, ".", i, ".");
      const std::string source = plan.layers.back().name;
      const bool shrinks = stage > 1 && i == 0;
      if (shrinks) channels *= 2;
      const fusiform::Index stride = shrinks ? 2 : 1;
      plan.add(block + "conv1", "conv2d",
               convolution_options({.out = channels, .kernel = 3, .stride = stride, .padding = 1, .bias = false}));
      plan.add(block + "bn1", "batch_norm");
      plan.add(block + "relu1", "relu");
      plan.add(block + "conv2", "conv2d",
               convolution_options({.out = channels, .kernel = 3, .padding = 1, .bias = false}));
      plan.add(block + "bn2", "batch_norm");
      if (shrinks)
        plan.add(block + "shortcut", "option_a_shortcut", {{"out", static_cast<double>(channels)}}).inputs = {source};
      plan.add(block + "add", "add").inputs = {block + "bn2", shrinks ? block + "shortcut" : source};
      plan.add(block + "relu", "relu");
    }
  }
  plan.add("avgpool", "global_avg_pool2d");
  plan.add("flatten", "flatten");
  plan.add("linear", "linear", {{"out", 10}});
  return plan;
}
