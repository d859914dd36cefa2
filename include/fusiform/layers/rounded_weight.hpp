#pragma once
/// The weights as operations read them: with the scalar of the activations.

#include <fusiform/layers/layer.hpp>
#include <fusiform/ops/convert.hpp>

namespace fusiform {

/// For a forward pass. Where parameters are kept in another scalar than activations they are rounded, once a pass, into
/// the pass's state.
template <Scalar T, Device D>
[[nodiscard]] View<const T, D> round_weight(const Tensor<Master<T>, D>& weight, LayerState<T, D>& state) {
  if constexpr (std::same_as<T, Master<T>>) {
    return weight.view();
  } else {
    state.weight.resize(weight.shape());
    convert(weight.view(), state.weight.view());
    return state.weight.view();
  }
}

/// What the forward pass read, for its backward pass.
template <Scalar T, Device D>
[[nodiscard]] View<const T, D> rounded_weight(const Tensor<Master<T>, D>& weight, const LayerState<T, D>& state) {
  if constexpr (std::same_as<T, Master<T>>)
    return weight.view();
  else
    return state.weight.view();
}

/// Bytes in the state.
template <Scalar T, Device D>
[[nodiscard]] std::size_t rounded_weight_bytes(const Tensor<Master<T>, D>& weight) {
  return std::same_as<T, Master<T>> ? 0 : static_cast<std::size_t>(weight.size()) * sizeof(T);
}

}  // namespace fusiform
