/// Which units are paired, and between which lists their pairs lie.

#include <utility>
#include <vector>

#include <fusiform/analysis/paired_units.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

using Pairs = std::vector<std::pair<Index, Index>>;

Ranking ranking_of(std::vector<Index> units) {
  Ranking ranking;
  ranking.units = std::move(units);
  return ranking;
}

}  // namespace

TEST_CASE("units of two lists stand once, the shared ones between those of one list") {
  const PairedUnits paired = paired_units({ranking_of({7, 2, 5, 9}), ranking_of({1, 2, 7, 3})}, 3);
  CHECK(paired.units == std::vector<Index>{5, 7, 2, 1});
  CHECK(paired.listed[0] == std::vector<bool>{true, true, true, false});
  CHECK(paired.listed[1] == std::vector<bool>{false, true, true, true});
  CHECK(paired.pairs(0, 0) == Pairs{{0, 1}, {0, 2}, {1, 2}});
  CHECK(paired.pairs(1, 1) == Pairs{{1, 2}, {1, 3}, {2, 3}});
  CHECK(paired.pairs(0, 1) == Pairs{{0, 3}});
  CHECK(paired.pairs(1, 0) == paired.pairs(0, 1));
}

TEST_CASE("fewer ranked units than asked for, equal lists and no list") {
  const PairedUnits same = paired_units({ranking_of({4, 1}), ranking_of({1, 4})}, 100);
  CHECK(same.units == std::vector<Index>{4, 1});
  CHECK(same.pairs(0, 0) == Pairs{{0, 1}});
  CHECK(same.pairs(0, 1).empty());
  CHECK(paired_units({ranking_of({4, 1}), ranking_of({})}, 1).units == std::vector<Index>{4});
  CHECK(paired_units({}, 3).units.empty());
}

TEST_CASE("with three lists each pair between two of them is counted for these two") {
  const PairedUnits paired = paired_units({ranking_of({0}), ranking_of({1}), ranking_of({2, 0})}, 2);
  CHECK(paired.units == std::vector<Index>{0, 1, 2});
  CHECK(paired.pairs(2, 2) == Pairs{{0, 2}});
  CHECK(paired.pairs(0, 1) == Pairs{{0, 1}});
  CHECK(paired.pairs(0, 2).empty());  // within the third list
  CHECK(paired.pairs(1, 2) == Pairs{{0, 1}, {1, 2}});
}
