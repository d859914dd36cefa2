// Buffers with lifetimes in one block: who may share memory, and how much of it that takes.

#include <algorithm>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/nets/memory_plan.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

bool overlap(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

/// What is needed at the busiest moment: no layout can take less.
Index largest_load(const std::vector<PlannedBuffer>& buffers) {
  Index largest = 0;
  for (const PlannedBuffer& moment : buffers) {
    Index load = 0;
    for (const PlannedBuffer& buffer : buffers)
      if (buffer.first <= moment.first && moment.first <= buffer.last) load += buffer.size;
    largest = std::max(largest, load);
  }
  return largest;
}

}  // namespace

TEST_CASE("buffers that are needed together do not share memory") {
  Rng rng(3);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<PlannedBuffer> buffers;
    const Index count = rng.below(30);
    for (Index i = 0; i < count; ++i) {
      const Index first = rng.below(20);
      buffers.push_back({.size = 16 * rng.below(9), .first = first, .last = first + rng.below(6)});
    }
    const Index block = place_buffers(buffers);
    Index end = 0;
    Index sum = 0;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      REQUIRE(buffers[i].offset >= 0);
      REQUIRE(buffers[i].offset % 16 == 0);
      end = std::max(end, buffers[i].offset + buffers[i].size);
      sum += buffers[i].size;
      for (std::size_t j = 0; j < i; ++j)
        if (buffers[i].meets(buffers[j])) REQUIRE_FALSE(overlap(buffers[i], buffers[j]));
    }
    REQUIRE(block == end);
    REQUIRE(block >= largest_load(buffers));
    REQUIRE(block <= sum);
  }
}

TEST_CASE("a chain of values takes the two largest neighbours, and the smallest gap is used") {
  std::vector<PlannedBuffer> chain;
  for (const Index size : {8, 4, 6, 2, 1}) {
    const auto time = static_cast<Index>(chain.size());
    chain.push_back({.size = size, .first = time, .last = time + 1});
  }
  CHECK(place_buffers(chain) == 12);

  // Between three long-lived buffers lie gaps of 9 and 7, left by short-lived ones: 5 goes into the gap of 7.
  std::vector<PlannedBuffer> gaps{{.size = 20, .first = 0, .last = 9}, {.size = 9, .first = 0, .last = 1},
                                  {.size = 8, .first = 0, .last = 9},  {.size = 7, .first = 0, .last = 1},
                                  {.size = 6, .first = 0, .last = 9},  {.size = 5, .first = 3, .last = 4}};
  CHECK(place_buffers(gaps) == 50);
  CHECK(gaps.back().offset == 37);
  CHECK(place_buffers({}) == 0);
}
