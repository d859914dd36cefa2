#pragma once
/// Elements that go to and fro between the CPU and the device that computes, again and again. On the CPU nothing is
/// copied. To be used by one thread.

#include <array>

#include <fusiform/core/pinned_tensor.hpp>
#include <fusiform/core/tensor.hpp>

namespace fusiform {

/// From the CPU to a device. The thread may write the next elements while the device still uses the last ones.
template <class T, Device D>
class ToDevice {
 public:
  /// Where to write the next elements, undefined at first.
  [[nodiscard]] View<T, Cpu> write(const Shape& shape) {
    elements_.resize(shape);
    return elements_.view();
  }

  /// What was written, on the device: for what the thread starts from now on, until the next `write`.
  [[nodiscard]] View<const T, D> send() { return elements_.view(); }

 private:
  Tensor<T, Cpu> elements_;
};

template <class T>
class ToDevice<T, Cuda> {
 public:
  [[nodiscard]] View<T, Cpu> write(const Shape& shape) {
    current_ = 1 - current_;
    Part& part = parts_[current_];
    part.sent.wait();
    part.elements.resize(shape);
    return part.elements.view();
  }

  [[nodiscard]] View<const T, Cuda> send() {
    Part& part = parts_[current_];
    arrived_.resize(part.elements.view().shape());
    start_copy(part.elements, arrived_.view());
    part.sent.record();
    return arrived_.view();
  }

 private:
  struct Part {
    PinnedTensor<T> elements;
    CudaEvent sent;
  };

  std::array<Part, 2> parts_;  // one is written while the other is on its way
  std::size_t current_ = 0;
  Tensor<T, Cuda> arrived_;
};

/// From a device to the CPU. The thread may start other work before it waits.
template <class T, Device D>
class ToCpu {
 public:
  /// Takes the elements as they are after all that the thread has started. On the CPU they must stay until `receive`
  /// and as long as its result is used.
  void send(View<const T, D> elements) { elements_ = elements; }

  /// What was sent, until the next `send`.
  [[nodiscard]] View<const T, Cpu> receive() { return elements_; }

 private:
  View<const T, Cpu> elements_;
};

template <class T>
class ToCpu<T, Cuda> {
 public:
  void send(View<const T, Cuda> elements) {
    sent_.wait();  // of an earlier time, if nobody wanted it
    elements_.resize(elements.shape());
    start_copy(elements, elements_);
    sent_.record();
  }

  [[nodiscard]] View<const T, Cpu> receive() {
    sent_.wait();
    return std::as_const(elements_).view();
  }

 private:
  PinnedTensor<T> elements_;
  CudaEvent sent_;
};

}  // namespace fusiform
