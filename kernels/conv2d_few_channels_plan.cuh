#pragma once
/// How a convolution of images with few channels is cut into patches of results, one block of threads each at a time,
/// and where the pieces lie in shared memory.

#include <algorithm>
#include <cstddef>

#include "arch/target.cuh"
#include "conv2d_problem.hpp"

namespace fusiform::kernels {

/// Patches of `tile_rows` x `tile_columns` results, and the lines of the image that they read. The terms of a sum are
/// those of a row of the kernel, which are neighbours in memory (kernel_w * channels), for every row.
struct FewChannelsWalk {
  int images, height, width, channels;
  int kernel_h, kernel_w, stride, padding;
  int out_height, out_width, out_channels;
  int tile_rows, tile_columns;

  [[nodiscard]] __host__ __device__ int row_tiles() const { return (out_height + tile_rows - 1) / tile_rows; }
  [[nodiscard]] __host__ __device__ int column_tiles() const { return (out_width + tile_columns - 1) / tile_columns; }
  [[nodiscard]] __host__ __device__ int tiles() const { return images * row_tiles() * column_tiles(); }
  /// Lines of the image that a patch reads, and columns of each.
  [[nodiscard]] __host__ __device__ int lines() const { return (tile_rows - 1) * stride + kernel_h; }
  [[nodiscard]] __host__ __device__ int line_columns() const { return (tile_columns - 1) * stride + kernel_w; }
};

/// Forward: lines lie as in the image, as words of two bf16. Where a pixel may begin in the middle of a word there is a
/// second copy, one element further, so that every pair of terms is a word of one of them. Rows of the kernel are
/// filled up to whole words.
struct FewChannelsForward {
  FewChannelsWalk walk;

  /// Pairs of terms in a row of the kernel.
  [[nodiscard]] __host__ __device__ int row_pairs() const { return (walk.kernel_w * walk.channels + 1) / 2; }
  /// Products of 16 terms each.
  [[nodiscard]] __host__ __device__ int steps() const { return (walk.kernel_h * row_pairs() + 7) / 8; }
  [[nodiscard]] __host__ __device__ int line_words() const { return walk.line_columns() * walk.channels / 2 + 1; }
  [[nodiscard]] __host__ __device__ int copies() const { return walk.stride * walk.channels % 2 + 1; }
  /// The copies are half of the banks apart: neighbouring pixels read different ones.
  [[nodiscard]] __host__ __device__ int copy_words() const { return (walk.lines() * line_words() + 31) / 32 * 32 + 16; }

  // In words, one after the other: bias and factor, the filters in the order in which lanes need them, the places of
  // the pairs of terms, the lines.
  static constexpr int filters_at = 128;
  [[nodiscard]] __host__ __device__ int places_at() const { return filters_at + steps() * 512; }
  [[nodiscard]] __host__ __device__ int lines_at() const { return places_at() + steps() * 16; }
  [[nodiscard]] std::size_t shared_bytes() const { return std::size_t(lines_at() + copies() * copy_words()) * 4; }
};

/// Filter gradient: the terms of a sum are pixels, so that pairs of them are columns of one channel. Lines lie as
/// `channels` * `stride` planes: every stride-th column of a channel. Kernels with more than one such column have a
/// second copy, one column further.
struct FewChannelsFilters {
  FewChannelsWalk walk;

  [[nodiscard]] __host__ __device__ int terms() const { return walk.kernel_h * walk.kernel_w * walk.channels; }
  /// Groups of 16 results in a row of the patch.
  [[nodiscard]] __host__ __device__ int row_steps() const { return (walk.tile_columns + 15) / 16; }
  [[nodiscard]] __host__ __device__ int steps() const { return walk.tile_rows * row_steps(); }
  [[nodiscard]] __host__ __device__ int planes() const { return walk.channels * walk.stride; }
  /// Four lanes read neighbours, eight columns of the product read planes: these begin 8 banks apart.
  [[nodiscard]] __host__ __device__ int plane_words() const {
    return (row_steps() * 8 + (walk.kernel_w - 1) / walk.stride / 2 + 1 + 23) / 32 * 32 + 8;
  }
  [[nodiscard]] __host__ __device__ int copies() const { return walk.kernel_w > walk.stride ? 2 : 1; }
  [[nodiscard]] __host__ __device__ int copy_words() const { return walk.lines() * planes() * plane_words() + 4; }

  static constexpr int stages = 3;
  static constexpr int ring_words = 8 * stages * 512;  ///< 16 results x 64 channels a stage for each of 8 warps
  [[nodiscard]] std::size_t shared_bytes() const { return std::size_t(ring_words + copies() * copy_words()) * 4; }
};

/// Patches whose shared memory stays below `bytes` if they can: as many rows as reach 1024 results.
template <class Layout>
[[nodiscard]] Layout plan_few_channels(const Conv2dProblem& p, std::size_t bytes) {
  Layout layout{{p.images, p.height, p.width, p.in_channels, p.kernel_h, p.kernel_w, p.stride, p.padding,
                 p.out_height(), p.out_width(), p.out_channels, 1, 1}};
  FewChannelsWalk& walk = layout.walk;
  const auto cut = [](int size, int most) { return int(pieces(size, pieces(size, most))); };  // pieces of one size
  for (int columns = std::min(walk.out_width, 256);; columns = std::max(1, columns / 2)) {
    walk.tile_columns = cut(walk.out_width, columns);
    for (int rows = std::min(std::max(1024 / walk.tile_columns, 1), walk.out_height); rows >= 1; --rows) {
      walk.tile_rows = cut(walk.out_height, rows);
      if (layout.shared_bytes() <= bytes && walk.lines() < 1 << 14) return layout;
    }
    if (columns <= 16) return layout;
  }
}

}  // namespace fusiform::kernels
