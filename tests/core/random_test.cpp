#include <cmath>
#include <vector>

#include <fusiform/core/random.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

// Known answers from the Random123 distribution (kat_vectors, philox4x32 10).
TEST_CASE("philox gives the published answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a generator goes on from its saved position") {
  Rng rng = Rng(7).stream("shuffle").stream(std::uint64_t{3});
  for (int i = 0; i < 5; ++i) (void)rng.word();
  Rng resumed(rng.seed(), rng.stream_id(), rng.position());
  CHECK(resumed == rng);
  CHECK(resumed.word() == rng.word());
}

TEST_CASE("streams of different purposes and items differ") {
  const Rng root(1);
  CHECK(root.stream("dropout").word_at(0) != root.stream("crop").word_at(0));
  CHECK(root.stream(std::uint64_t{0}).word_at(0) != root.stream(std::uint64_t{1}).word_at(0));
  CHECK(root.stream("a").stream(std::uint64_t{1}).word_at(0) != Rng(2).stream("a").stream(std::uint64_t{1}).word_at(0));
}

TEST_CASE("moments of the uniform and the normal distribution") {
  // Bounds are five standard errors of the estimate for 100,000 draws.
  Rng rng(42);
  const int draws = 100'000;
  double sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = rng.uniform();
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    sum += u;
    const double z = rng.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  CHECK(std::abs(sum / draws - 0.5) < 5 * std::sqrt(1.0 / 12 / draws));
  CHECK(std::abs(normal_sum / draws) < 5 * std::sqrt(1.0 / draws));
  CHECK(std::abs(normal_squares / draws - 1) < 5 * std::sqrt(2.0 / draws));
}

TEST_CASE("below() is uniform over its range") {
  Rng rng(3);
  std::vector<int> counts(7);
  const int draws = 70'000;
  for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(rng.below(7))];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  CHECK(chi_squared < 22.5);  // p = 0.001 at 6 degrees of freedom
  CHECK(rng.below(1) == 0);
}

TEST_CASE("shuffle permutes") {
  Rng rng(9);
  std::vector<int> items{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  rng.shuffle(std::span(items));
  std::vector<int> sorted = items;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(items != sorted);
}
