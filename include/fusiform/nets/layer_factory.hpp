#pragma once
/// Layers from words and numbers: what descriptions, checkpoints and builders make their layers with.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <fusiform/layers/add.hpp>
#include <fusiform/layers/avg_pool2d.hpp>
#include <fusiform/layers/batch_norm.hpp>
#include <fusiform/layers/conv2d.hpp>
#include <fusiform/layers/dropout.hpp>
#include <fusiform/layers/flatten.hpp>
#include <fusiform/layers/global_avg_pool2d.hpp>
#include <fusiform/layers/linear.hpp>
#include <fusiform/layers/local_response_norm.hpp>
#include <fusiform/layers/max_pool2d.hpp>
#include <fusiform/layers/relu.hpp>
#include <fusiform/nets/layer_options.hpp>

namespace fusiform {

/// Knows how to make each kind of layer. A value: copies are independent, and nothing is registered globally.
template <Scalar T, Device D>
class LayerFactory {
 public:
  /// Makes a layer for inputs of the given shapes (of one image, without the batch).
  using Maker = std::function<std::unique_ptr<Layer<T, D>>(LayerOptionReader&, std::span<const Shape>)>;

  /// Knows the library's own kinds. Sizes that follow from the inputs (`in`, `channels`) may be left out.
  LayerFactory() {
    add_stateless();
    add_learned();
    add_pools();
  }

  /// Teaches the factory a kind of layer, or another way to make one it knows.
  void add(std::string kind, Maker maker) { makers_[std::move(kind)] = std::move(maker); }

  /// Throws ConfigError for an unknown kind (listing the known ones) or option, ShapeError if the inputs do not fit.
  [[nodiscard]] std::unique_ptr<Layer<T, D>> make(const std::string& kind, const LayerOptions& options,
                                                  std::span<const Shape> inputs) const {
    const auto maker = makers_.find(kind);
    if (maker == makers_.end()) {
      std::string known;
      for (const auto& entry : makers_) known += " " + entry.first;
      throw ConfigError(text("unknown kind of layer '", kind, "'; expected one of:", known));
    }
    LayerOptionReader reader(kind, options);
    std::unique_ptr<Layer<T, D>> layer = maker->second(reader, inputs);
    reader.require_all_known();
    return layer;
  }

 private:
  void add_stateless() {
    add("relu", [](LayerOptionReader&, std::span<const Shape>) { return std::make_unique<Relu<T, D>>(); });
    add("flatten", [](LayerOptionReader&, std::span<const Shape>) { return std::make_unique<Flatten<T, D>>(); });
    add("add", [](LayerOptionReader&, std::span<const Shape>) { return std::make_unique<Add<T, D>>(); });
    add("dropout", [](LayerOptionReader& options, std::span<const Shape>) {
      return std::make_unique<Dropout<T, D>>(DropoutOptions{.probability = options.number("probability", 0.5)});
    });
    add("local_response_norm", [](LayerOptionReader& options, std::span<const Shape>) {
      const LocalResponseNormOptions defaults;
      return std::make_unique<LocalResponseNorm<T, D>>(
          LocalResponseNormOptions{.size = options.index("size", defaults.size),
                                   .alpha = options.number("alpha", defaults.alpha),
                                   .beta = options.number("beta", defaults.beta),
                                   .k = options.number("k", defaults.k)});
    });
  }

  void add_learned() {
    add("conv2d", [](LayerOptionReader& options, std::span<const Shape> inputs) {
      const Conv2dConfig defaults;
      const Index kernel = options.index("kernel", 0);
      return std::make_unique<Conv2d<T, D>>(Conv2dConfig{.in = options.index("in", inputs.front().channels()),
                                                         .out = options.index("out"),
                                                         .kernel_h = options.index("kernel_h", kernel),
                                                         .kernel_w = options.index("kernel_w", kernel),
                                                         .stride = options.index("stride", defaults.stride),
                                                         .padding = options.index("padding", defaults.padding),
                                                         .bias = options.flag("bias", true)});
    });
    add("linear", [](LayerOptionReader& options, std::span<const Shape> inputs) {
      return std::make_unique<Linear<T, D>>(LinearConfig{.in = options.index("in", inputs.front().size()),
                                                         .out = options.index("out"),
                                                         .bias = options.flag("bias", true)});
    });
    add("batch_norm", [](LayerOptionReader& options, std::span<const Shape> inputs) {
      const BatchNormOptions defaults;
      return std::make_unique<BatchNorm<T, D>>(
          BatchNormOptions{.channels = options.index("channels", inputs.front().channels()),
                           .eps = options.number("eps", defaults.eps),
                           .momentum = options.number("momentum", defaults.momentum)});
    });
  }

  void add_pools() {
    add("max_pool2d", [](LayerOptionReader& options, std::span<const Shape>) {
      return std::make_unique<MaxPool2d<T, D>>(MaxPool2dOptions{.kernel = options.index("kernel"),
                                                                .stride = options.index("stride", 0),
                                                                .padding = options.index("padding", 0)});
    });
    add("avg_pool2d", [](LayerOptionReader& options, std::span<const Shape>) {
      return std::make_unique<AvgPool2d<T, D>>(
          AvgPool2dOptions{.kernel = options.index("kernel"),
                           .stride = options.index("stride", 0),
                           .padding = options.index("padding", 0),
                           .count_include_pad = options.flag("count_include_pad", true)});
    });
    add("global_avg_pool2d",
        [](LayerOptionReader&, std::span<const Shape>) { return std::make_unique<GlobalAvgPool2d<T, D>>(); });
  }

  std::map<std::string, Maker> makers_;
};

}  // namespace fusiform
