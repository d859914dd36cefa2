#pragma once
/// Copies the elements of a tensor, under the same or another shape of the same size, on a device or between devices.

#include <fusiform/core/error.hpp>
#include <fusiform/core/storage.hpp>
#include <fusiform/core/tensor.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

/// y = x, element by element in row-major order. Throws ShapeError if the sizes differ.
template <class T, Device D>
void copy(In<T, D> x, View<T, D> y) {
  require_equal("copy", "elements", x.size(), y.size());
  copy_bytes(D{}, y.data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(T));
}

/// From the CPU to a GPU; x may be changed as soon as the call returns.
template <class T>
void copy(std::type_identity_t<View<const T, Cpu>> x, View<T, Cuda> y) {
  require_equal("copy", "elements", y.size(), x.size());
  copy_bytes_to(Cuda{}, y.data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(T));
}

/// From a GPU to the CPU, after all operations before.
template <class T>
void copy(std::type_identity_t<View<const T, Cuda>> x, View<T, Cpu> y) {
  require_equal("copy", "elements", y.size(), x.size());
  copy_bytes_from(Cuda{}, y.data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(T));
}

/// The same elements in the memory of device `To`.
template <Device To, class T, Device From>
[[nodiscard]] Tensor<T, To> copied_to(const Tensor<T, From>& tensor) {
  auto result = Tensor<T, To>::uninitialized(tensor.shape());
  copy(tensor.view(), result.view());
  return result;
}

/// The elements in the CPU's memory: where they are if that is there, else copied into `buffer`.
template <class T, Device D>
[[nodiscard]] View<const T, Cpu> on_cpu(View<const T, D> view, Tensor<T, Cpu>& buffer) {
  if constexpr (std::same_as<D, Cpu>) {
    return view;
  } else {
    buffer.resize(view.shape());
    copy(view, buffer.view());
    return buffer;
  }
}
template <class T, Device D>
[[nodiscard]] View<const T, Cpu> on_cpu(const Tensor<T, D>& tensor, Tensor<T, Cpu>& buffer) {
  return on_cpu(tensor.view(), buffer);
}

/// A tensor of the CPU on device `To`: itself if that is the CPU.
template <Device To, class T>
[[nodiscard]] Tensor<T, To> on_device(Tensor<T, Cpu> tensor) {
  if constexpr (std::same_as<To, Cpu>)
    return tensor;
  else
    return copied_to<To>(tensor);
}

}  // namespace fusiform
