#pragma once

#include <fusiform/core/scalar.hpp>

namespace fusiform::kernels {

/// A cell of the grids (height, width) of some images, counted image by image, row by row. Advancing needs no division.
class GridPosition {
 public:
  GridPosition(Index height, Index width, Index number) noexcept
      : height_(height),
        width_(width),
        image_(number / (height * width)),
        row_(number / width % height),
        column_(number % width) {}

  void advance() noexcept {
    if (++column_ < width_) return;
    column_ = 0;
    if (++row_ < height_) return;
    row_ = 0;
    ++image_;
  }
  [[nodiscard]] Index image() const noexcept { return image_; }
  [[nodiscard]] Index row() const noexcept { return row_; }
  [[nodiscard]] Index column() const noexcept { return column_; }

 private:
  Index height_;
  Index width_;
  Index image_;
  Index row_;
  Index column_;
};

}  // namespace fusiform::kernels
