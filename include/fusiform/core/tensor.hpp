#pragma once
/// The owning, dense, row-major array that everything is computed with.

#include <algorithm>
#include <initializer_list>
#include <span>
#include <vector>

#include <fusiform/core/shape.hpp>
#include <fusiform/core/storage.hpp>
#include <fusiform/core/view.hpp>

namespace fusiform {

/// A value: copying copies the elements. A default-constructed tensor is empty, of shape (0).
template <class T, Device D>
class Tensor {
 public:
  Tensor() = default;

  /// Elements are zero; see `uninitialized` for the other case.
  explicit Tensor(const Shape& shape) : Tensor(uninitialized(shape)) {
    zero_bytes(D{}, data(), static_cast<std::size_t>(size()) * sizeof(T));
  }

  /// For outputs that an operation overwrites completely.
  [[nodiscard]] static Tensor uninitialized(const Shape& shape) {
    Tensor tensor;
    tensor.resize(shape);
    return tensor;
  }

  /// Takes the elements in row-major order. Throws ShapeError if there are more or fewer than the shape holds.
  Tensor(const Shape& shape, std::span<const T> elements) requires std::same_as<D, Cpu> : Tensor(uninitialized(shape)) {
    require_equal("tensor", text("elements for shape ", shape), shape.size(), static_cast<Index>(elements.size()));
    std::copy(elements.begin(), elements.end(), data());
  }

  Tensor(const Tensor& other) : Tensor(uninitialized(other.shape_)) { copy_elements(other); }
  Tensor& operator=(const Tensor& other) {
    if (this != &other) {
      resize(other.shape_);
      copy_elements(other);
    }
    return *this;
  }
  Tensor(Tensor&& other) noexcept
      : storage_(std::move(other.storage_)), shape_(std::exchange(other.shape_, Shape{0})) {}
  Tensor& operator=(Tensor&& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(shape_, other.shape_);
    return *this;
  }
  ~Tensor() = default;

  /// Gives the tensor another shape; elements are undefined afterwards. Allocates only when it must grow.
  void resize(const Shape& shape) {
    if (shape.size() > storage_.capacity()) storage_ = Storage<T, D>(shape.size());
    shape_ = shape;
  }

  [[nodiscard]] T* data() noexcept { return storage_.data(); }
  [[nodiscard]] const T* data() const noexcept { return storage_.data(); }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] Index size() const noexcept { return shape_.size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  [[nodiscard]] View<T, D> view() noexcept { return {data(), shape_}; }
  [[nodiscard]] View<const T, D> view() const noexcept { return {data(), shape_}; }
  operator View<const T, D>() const noexcept { return view(); }  // NOLINT(google-explicit-constructor)

  [[nodiscard]] std::span<T> span() noexcept requires std::same_as<D, Cpu> { return view().span(); }
  [[nodiscard]] std::span<const T> span() const noexcept requires std::same_as<D, Cpu> { return view().span(); }
  [[nodiscard]] T& operator[](Index position) noexcept requires std::same_as<D, Cpu> { return data()[position]; }
  [[nodiscard]] const T& operator[](Index position) const noexcept requires std::same_as<D, Cpu> {
    return data()[position];
  }

  void fill(T value) requires std::same_as<D, Cpu> { std::fill_n(data(), size(), value); }

 private:
  void copy_elements(const Tensor& other) {
    copy_bytes(D{}, data(), other.data(), static_cast<std::size_t>(size()) * sizeof(T));
  }

  Storage<T, D> storage_;
  Shape shape_{0};
};

}  // namespace fusiform
