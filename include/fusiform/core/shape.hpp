#pragma once
/// Tensor shapes, up to four dimensions. Images are (N, H, W, C), filters (out, kernel_h, kernel_w, in).

#include <array>
#include <initializer_list>
#include <ostream>
#include <string>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

class Shape {
 public:
  static constexpr int max_rank = 4;

  constexpr Shape() = default;

  /// Throws ShapeError for more than four or for negative dimensions.
  Shape(std::initializer_list<Index> dimensions) {
    if (dimensions.size() > max_rank)
      throw ShapeError(text("shape: expected at most 4 dimensions, got ", dimensions.size()));
    for (const Index dimension : dimensions) append(dimension);
  }

  [[nodiscard]] constexpr int rank() const noexcept { return rank_; }
  [[nodiscard]] constexpr Index operator[](int axis) const noexcept {
    return dimensions_[static_cast<std::size_t>(axis)];
  }
  [[nodiscard]] const Index* begin() const noexcept { return dimensions_.data(); }
  [[nodiscard]] const Index* end() const noexcept { return dimensions_.data() + rank_; }

  /// Number of elements: 1 for rank 0, 0 if any dimension is 0.
  [[nodiscard]] constexpr Index size() const noexcept {
    Index product = 1;
    for (int axis = 0; axis < rank_; ++axis) product *= dimensions_[static_cast<std::size_t>(axis)];
    return product;
  }

  /// The last dimension: channels of an image, features of a vector.
  [[nodiscard]] constexpr Index channels() const noexcept { return rank_ == 0 ? 1 : (*this)[rank_ - 1]; }

  /// The same shape with another first dimension (the batch).
  [[nodiscard]] Shape with_batch(Index batch) const {
    Shape result = *this;
    if (rank_ == 0) throw ShapeError("shape: a scalar has no batch dimension");
    result.dimensions_[0] = batch;
    return result;
  }

  /// The shape of one element of the batch: (N, H, W, C) becomes (H, W, C).
  [[nodiscard]] Shape without_batch() const {
    Shape result;
    for (int axis = 1; axis < rank_; ++axis) result.append((*this)[axis]);
    return result;
  }

  /// The shape of a batch of these: (H, W, C) becomes (N, H, W, C).
  [[nodiscard]] Shape batched(Index batch) const {
    Shape result{batch};
    for (const Index dimension : *this) result.append(dimension);
    return result;
  }

  friend constexpr bool operator==(const Shape& a, const Shape& b) noexcept {
    if (a.rank_ != b.rank_) return false;
    for (int axis = 0; axis < a.rank_; ++axis)
      if (a[axis] != b[axis]) return false;
    return true;
  }

  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '(';
    for (int axis = 0; axis < shape.rank_; ++axis) out << (axis > 0 ? ", " : "") << shape[axis];
    return out << ')';
  }

 private:
  void append(Index dimension) {
    if (rank_ == max_rank) throw ShapeError("shape: expected at most 4 dimensions");
    if (dimension < 0) throw ShapeError(text("shape: expected dimensions >= 0, got ", dimension));
    dimensions_[static_cast<std::size_t>(rank_++)] = dimension;
  }

  std::array<Index, max_rank> dimensions_{};
  int rank_ = 0;
};

[[nodiscard]] inline std::string to_string(const Shape& shape) { return text(shape); }

}  // namespace fusiform
