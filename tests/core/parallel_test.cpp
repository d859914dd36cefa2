#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using test::ThreadCount;

namespace {

/// A sum whose rounding depends on the order of addition: pieces in parallel, their sums in order.
float sum_of_pieces(const std::vector<float>& numbers) {
  const Index grain = 37;
  const Index count = static_cast<Index>(numbers.size());
  std::vector<float> sums(static_cast<std::size_t>((count + grain - 1) / grain));
  parallel_ranges(count, grain, [&](Index begin, Index end) {
    float sum = 0;
    for (Index i = begin; i < end; ++i) sum += numbers[static_cast<std::size_t>(i)];
    sums[static_cast<std::size_t>(begin / grain)] = sum;
  });
  float total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

}  // namespace

TEST_CASE("every iteration runs exactly once for any number of threads") {
  const int threads = GENERATE(1, 2, 3, 8);
  const ThreadCount guard(threads);
  for (const Index count : {0, 1, 2, 7, 1000}) {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
    parallel_for(count, [&](Index i) { ++visits[static_cast<std::size_t>(i)]; });
    for (const auto& visit : visits) REQUIRE(visit == 1);
  }
}

TEST_CASE("ranges cover all elements without overlap") {
  const ThreadCount guard(2);
  for (const Index count : {0, 1, 9, 10, 11, 100}) {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
    std::atomic<bool> sound{true};
    parallel_ranges(count, 10, [&](Index begin, Index end) {
      if (begin % 10 != 0 || end <= begin || end - begin > 10) sound = false;
      for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    CHECK(sound);
    for (const auto& visit : visits) REQUIRE(visit == 1);
  }
}

TEST_CASE("an exception comes out of the loop") {
  const int threads = GENERATE(1, 2, 4);
  const ThreadCount guard(threads);
  CHECK_THROWS_WITH(parallel_for(100,
                                 [](Index i) {
                                   if (i == 37) throw std::runtime_error("iteration 37");
                                 }),
                    "iteration 37");
  // Of several failures the first in the order of the loop arrives, however late it happens; the loop can be used
  // again.
  std::atomic<int> done{0};
  CHECK_THROWS_WITH(parallel_for(100,
                                 [&](Index i) {
                                   if (i == 5) std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                   if (i >= 5) throw std::out_of_range("iteration " + std::to_string(i));
                                   ++done;
                                 }),
                    "iteration 5");
  CHECK(done == 5);
  std::atomic<int> count{0};
  parallel_for(10, [&](Index) { ++count; });
  CHECK(count == 10);
}

TEST_CASE("a loop inside a loop stays on its thread") {
  const ThreadCount guard(2);
  std::atomic<int> wrong{0};
  std::atomic<int> count{0};
  parallel_for(4, [&](Index) {
    const int outer = thread_index();
    parallel_for(5, [&](Index) {
      if (thread_index() != outer) ++wrong;
      ++count;
    });
  });
  CHECK(wrong == 0);
  CHECK(count == 20);
}

TEST_CASE("a sum has the same bits for any number of threads") {
  Rng rng(5);
  std::vector<float> numbers(10'001);
  for (float& number : numbers) number = static_cast<float>(rng.normal());
  std::vector<float> backwards(numbers.rbegin(), numbers.rend());

  float reference = 0;
  {
    const ThreadCount guard(1);
    reference = sum_of_pieces(numbers);
    // The test means something only if the order matters for these numbers.
    REQUIRE(sum_of_pieces(backwards) != reference);
  }
  for (const int threads : {2, 3, 7}) {
    const ThreadCount guard(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      const float sum = sum_of_pieces(numbers);
      REQUIRE(std::memcmp(&sum, &reference, sizeof sum) == 0);
    }
  }
}

TEST_CASE("the number of threads can be set") {
  const ThreadCount guard(3);
#ifdef _OPENMP
  CHECK(thread_count() == 3);
#else
  CHECK(thread_count() == 1);
#endif
  set_thread_count(0);  // never less than one
  CHECK(thread_count() == 1);
  CHECK(thread_index() == 0);
}
