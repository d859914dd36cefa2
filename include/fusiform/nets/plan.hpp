#pragma once
/// A network before its layers exist: names, kinds, options, and who reads whom. Builders and descriptions make plans;
/// `build` turns one into a network.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/nets/layer_factory.hpp>
#include <fusiform/nets/network.hpp>

namespace fusiform {

struct PlannedLayer {
  std::string name;
  std::string alias;  ///< may be empty
  std::string kind;   ///< a word the layer factory knows
  LayerOptions options;
  std::vector<std::string> inputs;  ///< names or aliases; none: the layer before
};

struct NetworkPlan {
  Shape image;  ///< (H, W, C)
  std::vector<PlannedLayer> layers;

  /// Appends a layer that reads the one before. Returns it, to set an alias or inputs.
  PlannedLayer& add(std::string name, std::string kind, LayerOptions options = {}) {
    layers.push_back({std::move(name), "", std::move(kind), std::move(options), {}});
    return layers.back();
  }
};

/// Whether a layer may be called so in a description: not empty, printable, no space and none of ( ) = , ; #
[[nodiscard]] inline bool is_layer_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char character) {
    return character > ' ' && character != 0x7F &&
           std::string_view("()=,;#").find(static_cast<char>(character)) == std::string_view::npos;
  });
}

/// The plan that `build` turns into a network of the same layers (parameters aside).
template <Scalar T, Device D>
[[nodiscard]] NetworkPlan plan_of(const Network<T, D>& network) {
  NetworkPlan plan{network.image_shape(), {}};
  for (NodeId id = 1; id < network.size(); ++id) {
    const Node<T, D>& node = network.node(id);
    PlannedLayer layer{node.name, node.alias, node.layer->kind(), node.layer->options(), {}};
    for (const NodeId input : node.inputs) layer.inputs.push_back(network.node(input).name);
    plan.layers.push_back(std::move(layer));
  }
  return plan;
}

/// Appends one planned layer to a network. Throws ConfigError or ShapeError that names the layer.
template <Scalar T, Device D>
void append(Network<T, D>& network, const PlannedLayer& layer, const LayerFactory<T, D>& factory) {
  std::vector<Shape> shapes;
  for (const std::string& input : layer.inputs) shapes.push_back(network.node(network.find(input)).shape);
  if (layer.inputs.empty()) shapes.push_back(network.node(network.size() - 1).shape);
  std::unique_ptr<Layer<T, D>> made;
  try {
    made = factory.make(layer.kind, layer.options, shapes);
  } catch (const ShapeError& error) {
    throw ShapeError(text("layer '", layer.name, "': ", error.what()));
  } catch (const ConfigError& error) {
    throw ConfigError(text("layer '", layer.name, "': ", error.what()));
  }
  const NodeId id = network.add(layer.name, std::move(made), layer.inputs);
  if (!layer.alias.empty()) network.set_alias(id, layer.alias);
}

/// Makes the layers. Parameters are not initialised: `Network::initialize` or a checkpoint does that.
/// Throws ConfigError or ShapeError that names the layer.
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> build(const NetworkPlan& plan, const LayerFactory<T, D>& factory = {}) {
  Network<T, D> network(plan.image);
  for (const PlannedLayer& layer : plan.layers) append(network, layer, factory);
  return network;
}

}  // namespace fusiform
