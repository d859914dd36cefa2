#pragma once
/// A network's tensors in PyTorch's order of elements. Images here are (H, W, C) and filters (out, kernel_h,
/// kernel_w, in), there (C, H, W) and (out, in, kernel_h, kernel_w). After a flattened image the order of features
/// differs too, which the next linear layer's weight has to make up for.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <fusiform/layers/initializer.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/copy.hpp>

namespace fusiform {

/// For each node: if its value is a flattened image, element for element, the image's shape (H, W, C), else rank 0.
/// A flatten layer starts one; layers that keep the shape (dropout, ReLU, batch norm, sums) pass it on, linear ones end
/// it.
template <Scalar T, Device D>
[[nodiscard]] std::vector<Shape> flattened_images(const Network<T, D>& network) {
  std::vector<Shape> images(network.size());
  for (NodeId id = 1; id < network.size(); ++id) {
    const Node<T, D>& node = network.node(id);
    const Shape& input = network.node(node.inputs.front()).shape;
    if (node.layer->kind() == "flatten") {
      images[id] = input.rank() == 3 ? input : images[node.inputs.front()];
    } else if (node.layer->kind() != "linear" && node.shape.rank() == 1 && node.shape == input) {
      images[id] = images[node.inputs.front()];
    }
  }
  return images;
}

/// How one tensor is stored by PyTorch: its dimensions there, and where each axis lies here.
struct PyTorchLayout {
  std::vector<Index> shape;    ///< in PyTorch, as in the file
  std::vector<Index> sizes;    ///< of PyTorch's axes, with a flattened image's channels, height and width apart
  std::vector<Index> strides;  ///< of those axes in our tensor
};

/// `image` is the flattened image that the layer reads (rank 0: none).
template <Scalar T, Device D>
[[nodiscard]] PyTorchLayout pytorch_layout(const Parameter<T, D>& parameter, const Shape& image) {
  const Shape& shape = parameter.value.shape();
  if (parameter.layout == ParameterLayout::conv_filter) {
    const std::vector<Index> sizes = {shape[0], shape[3], shape[1], shape[2]};
    return {sizes, sizes, {shape[1] * shape[2] * shape[3], 1, shape[2] * shape[3], shape[3]}};
  }
  const std::vector<Index> same(shape.begin(), shape.end());
  if (image.rank() == 3 && shape.rank() > 0 && shape.channels() == image.size()) {
    // (rows, C, H, W), where a vector is one row
    const std::vector<Index> sizes = {shape.size() / std::max<Index>(1, image.size()), image[2], image[0], image[1]};
    return {same, sizes, {image.size(), 1, image[1] * image[2], image[2]}};
  }
  return {same, {shape.size()}, {1}};
}

/// Calls visit(position in PyTorch's order, position in ours) for every element.
template <class Visit>
void for_each_element(const PyTorchLayout& layout, const Visit& visit) {
  Index sizes[4] = {1, 1, 1, 1};
  Index strides[4] = {0, 0, 0, 0};
  for (std::size_t axis = 0; axis < layout.sizes.size(); ++axis) {
    sizes[4 - layout.sizes.size() + axis] = layout.sizes[axis];
    strides[4 - layout.sizes.size() + axis] = layout.strides[axis];
  }
  Index there = 0;
  for (Index a = 0; a < sizes[0]; ++a)
    for (Index b = 0; b < sizes[1]; ++b)
      for (Index c = 0; c < sizes[2]; ++c)
        for (Index d = 0; d < sizes[3]; ++d)
          visit(there++, a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]);
}

/// A learned or recorded tensor of a network and its place in PyTorch.
template <Scalar T, Device D>
struct PyTorchTensor {
  std::string name;  ///< "features.28.weight"
  Parameter<T, D>* parameter;
  PyTorchLayout layout;
};

/// All of them, in the order of the nodes. The pointers reach into the network.
template <Scalar T, Device D>
[[nodiscard]] std::vector<PyTorchTensor<T, D>> pytorch_tensors(const Network<T, D>& network) {
  const std::vector<Shape> images = flattened_images(network);
  std::vector<PyTorchTensor<T, D>> result;
  for (NodeId id = 1; id < network.size(); ++id) {
    const Node<T, D>& node = network.node(id);
    const bool is_linear = node.layer->kind() == "linear";
    for (Parameter<T, D>& parameter : node.layer->parameters()) {
      // A linear layer's bias follows its outputs, every other tensor the features that are read.
      const bool follows_input = !is_linear || parameter.layout == ParameterLayout::linear_weight;
      const Shape image = follows_input ? images[node.inputs.front()] : Shape{};
      result.push_back({node.name + "." + parameter.name, &parameter, pytorch_layout(parameter, image)});
    }
  }
  return result;
}

/// Our elements in PyTorch's order.
template <class T>
[[nodiscard]] std::vector<T> to_pytorch(const PyTorchLayout& layout, std::span<const T> ours) {
  std::vector<T> theirs(ours.size());
  for_each_element(layout, [&](Index there, Index here) {
    theirs[static_cast<std::size_t>(there)] = ours[static_cast<std::size_t>(here)];
  });
  return theirs;
}

/// The tensor's elements in PyTorch's order, from any device.
template <Scalar T, Device D>
[[nodiscard]] std::vector<Master<T>> to_pytorch(const PyTorchTensor<T, D>& tensor) {
  Tensor<Master<T>, Cpu> buffer;
  const View<const Master<T>, Cpu> ours = on_cpu(tensor.parameter->value, buffer);
  return to_pytorch(tensor.layout, ours.span());
}

/// PyTorch's elements in our order.
template <class T>
void from_pytorch(const PyTorchLayout& layout, std::span<const T> theirs, std::span<T> ours) {
  for_each_element(layout, [&](Index there, Index here) {
    ours[static_cast<std::size_t>(here)] = theirs[static_cast<std::size_t>(there)];
  });
}

/// Gives the tensor, on any device, PyTorch's elements.
template <Scalar T, Device D>
void from_pytorch(const PyTorchTensor<T, D>& tensor, std::span<const Master<T>> theirs) {
  fill_on_cpu(tensor.parameter->value,
              [&](Tensor<Master<T>, Cpu>& ours) { from_pytorch(tensor.layout, theirs, ours.span()); });
}

}  // namespace fusiform
