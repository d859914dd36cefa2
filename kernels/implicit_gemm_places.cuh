#pragma once
/// Positions counted in three digits: pixels as (image, row, column), terms of a sum as (row of the window, column of
/// the window, channel). And pixels in the order of max pooling's windows.

#include <fusiform/core/scalar.hpp>

#include "arch/target.cuh"

namespace fusiform::kernels {

struct Place {
  int high, middle, low;
};

/// How many values the lower two digits have, at least 1 each; the low one runs fastest.
struct Digits {
  int middle, low;

  template <class Position>
  __host__ __device__ Place place(Position position) const {
    const Position rest = position / low;
    return {int(rest / middle), int(rest % middle), int(position % low)};
  }

  /// Goes on by `step`, a place of its own: no division.
  __device__ void advance(Place& at, const Place& step) const {
    at.low += step.low;
    if (at.low >= low) {
      at.low -= low;
      ++at.middle;
    }
    at.middle += step.middle;
    if (at.middle >= middle) {
      at.middle -= middle;
      ++at.high;
    }
    at.high += step.high;
  }
};

/// Pixels in the order of windows of 2 x 2: four positions one behind the other are one window's, row by row. A row or
/// column that fills no window is left out. Windows are counted in 32 bits.
struct WindowGrid {
  Digits windows;  ///< (image, row, column) of a window

  __device__ Place place(Index position) const {
    const Place window = windows.place(int(position / 4));
    return {window.high, 2 * window.middle + int(position % 4 / 2), 2 * window.low + int(position % 2)};
  }
};

}  // namespace fusiform::kernels
