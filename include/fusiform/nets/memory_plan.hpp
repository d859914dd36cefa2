#pragma once
/// Buffers whose lifetimes are known beforehand, laid out in one block so that those never needed together share
/// memory.

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Moments are numbered steps of a computation. At `first` the buffer is written, at `last` it is read for the last
/// time; both steps need it.
struct PlannedBuffer {
  Index size = 0;  ///< elements
  Index first = 0;
  Index last = 0;
  Index offset = 0;  ///< in the block; set by `place_buffers`

  [[nodiscard]] bool meets(const PlannedBuffer& other) const noexcept {
    return first <= other.last && other.first <= last;
  }
};

/// Sets all offsets and returns the size of the block. Largest buffers first, each into the smallest gap that holds it
/// among those that it meets, else behind them ("greedy by size", Pisarchyk & Lee 2020, "Efficient memory management
/// for deep neural net inference", section 5.2). Offsets are sums of sizes: multiples of what all sizes are multiples
/// of.
inline Index place_buffers(std::span<PlannedBuffer> buffers) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].size > buffers[b].size; });
  Index block = 0;
  std::vector<const PlannedBuffer*> placed;  // by offset
  for (const std::size_t index : order) {
    PlannedBuffer& buffer = buffers[index];
    Index best_gap = std::numeric_limits<Index>::max();
    Index end = 0;  // of all that lies before the gap
    buffer.offset = -1;
    for (const PlannedBuffer* other : placed) {
      if (!buffer.meets(*other)) continue;
      const Index gap = other->offset - end;
      if (gap >= buffer.size && gap < best_gap) {
        best_gap = gap;
        buffer.offset = end;
      }
      end = std::max(end, other->offset + other->size);
    }
    if (buffer.offset < 0) buffer.offset = end;
    block = std::max(block, buffer.offset + buffer.size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &buffer,
                                   [](const auto* a, const auto* b) { return a->offset < b->offset; }),
                  &buffer);
  }
  return block;
}

}  // namespace fusiform
