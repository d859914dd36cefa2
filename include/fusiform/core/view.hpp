#pragma once
/// A shape over somebody else's memory: what operations take and kernels see.

#include <algorithm>
#include <span>
#include <type_traits>

#include <fusiform/core/device.hpp>
#include <fusiform/core/shape.hpp>

namespace fusiform {

/// Dense, row-major, not owning. `View<const T, D>` is read-only.
template <class T, Device D>
class View {
 public:
  View() = default;
  View(T* data, const Shape& shape) : data_(data), shape_(shape) {}

  /// A writable view is also a readable one.
  // NOLINTBEGIN(google-explicit-constructor)
  template <class U>
  requires(std::is_const_v<T>&& std::same_as<U, std::remove_const_t<T>>) View(const View<U, D>& other)
      : data_(other.data()), shape_(other.shape()) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] Index size() const noexcept { return shape_.size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Element by flat position. CPU only.
  [[nodiscard]] T& operator[](Index position) const noexcept requires std::same_as<D, Cpu> { return data_[position]; }

  [[nodiscard]] std::span<T> span() const noexcept requires std::same_as<D, Cpu> {
    return {data_, static_cast<std::size_t>(size())};
  }

  /// The same elements under another shape. Throws ShapeError if the sizes differ.
  [[nodiscard]] View reshaped(const Shape& shape) const {
    require_equal("reshape", "elements", size(), shape.size());
    return View(data_, shape);
  }

  /// Elements `first` to `first + count - 1` of the batch. Throws ShapeError if they are not there.
  [[nodiscard]] View batch_range(Index first, Index count) const {
    if (shape_.rank() == 0 || first < 0 || count < 0 || first + count > shape_[0])
      throw ShapeError(text("batch range: expected a part of 0..", shape_.rank() > 0 ? shape_[0] : 0, ", got ", first,
                            "..", first + count));
    const Index stride = shape_.without_batch().size();
    return View(data_ + first * stride, shape_.with_batch(count));
  }

 private:
  T* data_ = nullptr;
  Shape shape_{0};
};

/// A read-only argument of an operation. Not deduced: scalar and device come from the output, so that tensors,
/// writable views and read-only views can all be passed.
template <class T, Device D>
using In = std::type_identity_t<View<const T, D>>;

}  // namespace fusiform
