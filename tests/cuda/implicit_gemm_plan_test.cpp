#include "kernels/implicit_gemm_plan.hpp"

#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::kernels;

TEST_CASE("ranges of terms cover a sum, and are as many as wanted unless they would be short") {
  for (const Index terms : {0, 1, 63, 64, 65, 1000, 25088, 3211264})
    for (const Index wanted : {0, 1, 7, 16, 500}) {
      CAPTURE(terms, wanted);
      const GemmRanges ranges = divide_terms(terms, wanted, 256);
      CHECK(ranges.count * ranges.terms >= terms);
      CHECK((ranges.count == 1 || (ranges.count - 1) * ranges.terms < terms));  // none is empty
      CHECK(ranges.terms % 64 == 0);
      CHECK(ranges.count <= std::max<Index>(wanted, 1));
      CHECK((ranges.count == 1 || ranges.terms >= 256));
    }
  CHECK(divide_terms(25088, 16, 256).count == 16);
}

TEST_CASE("a sum over the inputs of a linear layer is split where its outputs fill no GPU") {
  CHECK(linear_ranges(25088, 4096).count == 16);  // VGG16's first
  CHECK(linear_ranges(4096, 100000).count == 1);
  CHECK(linear_ranges(100, 10).count == 1);
}

TEST_CASE("large products get large tiles, small ones many") {
  constexpr std::array<GemmTileCost, 3> tiles{
      {{128, 128, 1.0, 1.2, true}, {64, 64, 0.8, 2.7}, {8, 128, 0.35, 5, true}}};
  const auto choice = [&](Index lines, Index columns, bool aligned, Index ranges = 1) {
    return cheapest_tile(tiles, {lines, columns, 1000}, ranges, aligned, 132);
  };
  CHECK(choice(200704, 512, true) == 0);
  CHECK(choice(200704, 512, false) == 1);
  CHECK(choice(784, 512, true) == 1);
  CHECK(choice(1, 4096, true, 16) == 2);
  CHECK(choice(1, 4096, false, 16) == 1);
}
