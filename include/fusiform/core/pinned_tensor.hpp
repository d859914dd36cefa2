#pragma once
/// Tensors of the CPU that a GPU copies to and from while the CPU goes on. For programs that link fusiform::cuda.

#include <algorithm>
#include <memory>

#include <fusiform/core/cuda.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

/// Keeps its memory from one shape to the next. Elements are undefined at first.
template <class T>
class PinnedTensor {
 public:
  /// Elements are undefined afterwards. Nothing may be on its way to or from the memory.
  void resize(const Shape& shape) {
    if (memory_ == nullptr || shape.size() > capacity_) {
      memory_.reset();  // frees the old block before the new one is taken
      memory_.reset(static_cast<T*>(
          allocate_pinned_bytes(Cuda{}, static_cast<std::size_t>(std::max<Index>(1, shape.size())) * sizeof(T))));
      capacity_ = shape.size();
    }
    shape_ = shape;
  }

  [[nodiscard]] View<T, Cpu> view() noexcept { return {memory_.get(), shape_}; }
  [[nodiscard]] View<const T, Cpu> view() const noexcept { return {memory_.get(), shape_}; }

 private:
  struct Free {
    void operator()(T* memory) const noexcept { deallocate_pinned_bytes(Cuda{}, memory); }
  };

  std::unique_ptr<T, Free> memory_;
  Index capacity_ = 0;
  Shape shape_{0};
};

/// Starts the copy of all elements; see start_copy_bytes_to and start_copy_bytes_from. Throw ShapeError if the sizes
/// differ.
template <class T>
void start_copy(const PinnedTensor<T>& x, View<T, Cuda> y) {
  require_equal("copy", "elements", y.size(), x.view().size());
  start_copy_bytes_to(Cuda{}, y.data(), x.view().data(), static_cast<std::size_t>(y.size()) * sizeof(T));
}
template <class T>
void start_copy(std::type_identity_t<View<const T, Cuda>> x, PinnedTensor<T>& y) {
  require_equal("copy", "elements", y.view().size(), x.size());
  start_copy_bytes_from(Cuda{}, y.view().data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(T));
}

}  // namespace fusiform
