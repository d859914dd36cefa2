#pragma once
/// A matrix packed for StridedTiles.

#include <algorithm>

#include <fusiform/core/scratch.hpp>
#include <fusiform/ops/cpu/strided_tile.hpp>

namespace fusiform::kernels {

struct StridedPanelsScratch {};

/// Panels of up to strided_columns<T> columns, row after row, filled up with zeros to whole vectors. They lie in the
/// memory of the thread that packs them, until it packs the next.
template <Scalar T>
class StridedPanels {
 public:
  /// `element(k, j)` for 0 <= k < rows and 0 <= j < columns.
  template <class Element>
  StridedPanels(Index columns, Index rows, const Element& element)
      : columns_(columns), rows_(rows), packed_(scratch<StridedPanelsScratch, T>(padded_columns() * rows)) {
    for (Index first = 0; first < columns; first += strided_columns<T>) {
      T* panel = packed_ + first * rows;
      const Index panel_columns = width(first);
      for (Index j = 0; j < panel_columns; ++j)
        for (Index k = 0; k < rows; ++k)
          panel[k * panel_columns + j] = first + j < columns ? element(k, first + j) : T{};
    }
  }

  /// The panel whose first column is `first`, a multiple of strided_columns<T>.
  [[nodiscard]] const T* at(Index first) const noexcept { return packed_ + first * rows_; }

  /// Its columns, padding included.
  [[nodiscard]] Index width(Index first) const noexcept {
    return std::min(strided_columns<T>, padded_columns() - first);
  }

  [[nodiscard]] Index padded_columns() const noexcept { return round_up(columns_, simd::lanes<T>); }

 private:
  Index columns_;
  Index rows_;
  T* packed_;
};

}  // namespace fusiform::kernels
