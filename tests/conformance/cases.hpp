#pragma once
/// The sizes and settings that every operation is tested with, once for all devices. The GPU program runs the same
/// lists against the CPU.

#include <vector>

#include <fusiform/core/shape.hpp>

namespace fusiform::test {

struct PoolCase {
  Shape x;
  Index kernel;
  Index stride;
  Index padding;
};

/// Everyday windows, and the awkward: a single pixel, odd sizes, batch 0 and 1, stride > kernel, windows that leave a
/// margin uncovered, padding at its limit, more channels than any block, one window over everything.
inline std::vector<PoolCase> pool_cases() {
  return {{{2, 8, 8, 3}, 2, 2, 0},   {{2, 9, 7, 4}, 3, 2, 0}, {{1, 10, 10, 3}, 3, 2, 1}, {{2, 5, 5, 2}, 3, 1, 1},
          {{1, 1, 1, 1}, 1, 1, 0},   {{0, 4, 4, 2}, 2, 2, 0}, {{3, 7, 5, 65}, 2, 3, 0},  {{1, 6, 11, 17}, 2, 5, 1},
          {{2, 3, 3, 5}, 3, 3, 0},   {{1, 2, 3, 2}, 4, 1, 2}, {{4, 1, 9, 8}, 1, 2, 0},   {{1, 13, 13, 130}, 3, 2, 0},
          {{9, 33, 31, 16}, 3, 2, 1}};
}

/// Shapes with channels last, for operations that treat every position alike; the large ones span several pieces of
/// work, the last two several blocks of channels.
inline std::vector<Shape> channel_shapes() {
  return {{2, 3, 4, 5}, {1, 1, 1, 1},  {3, 1},         {5, 7},           {0, 4, 4, 3},
          {1, 7, 1, 2}, {6, 9, 11, 8}, {2, 80, 70, 3}, {3, 17, 13, 130}, {40, 1037}};
}

/// (N, K) logits.
inline std::vector<Shape> logit_shapes() { return {{1, 1}, {1, 2}, {6, 11}, {0, 5}, {33, 1000}, {7, 2137}}; }

struct NormCase {
  Shape x;
  Index size;
  double alpha;
  double beta;
  double k;
};

/// AlexNet's settings, even and excessive window sizes, other exponents.
inline std::vector<NormCase> local_response_norm_cases() {
  return {{{2, 5, 5, 8}, 5, 1e-4, 0.75, 2}, {{1, 3, 2, 7}, 4, 0.3, 0.75, 1}, {{1, 1, 1, 1}, 1, 1, 0.5, 1},
          {{2, 4}, 9, 0.5, 0.6, 1.5},       {{0, 3, 3, 4}, 5, 0.1, 0.75, 1}, {{3, 11, 9, 96}, 5, 0.2, 0.75, 2}};
}

/// Numbers of elements around the sizes of masks, vectors and pieces.
inline std::vector<Index> element_counts() { return {0, 1, 31, 32, 33, 127, 4096, 70001}; }

}  // namespace fusiform::test
