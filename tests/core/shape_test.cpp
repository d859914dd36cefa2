#include <string>

#include <fusiform/core/shape.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("a shape knows its rank, size and channels") {
  const Shape images{2, 5, 7, 3};
  CHECK(images.rank() == 4);
  CHECK(images.size() == 210);
  CHECK(images.channels() == 3);
  CHECK(images[1] == 5);
  CHECK(std::vector<Index>(images.begin(), images.end()) == std::vector<Index>{2, 5, 7, 3});
}

TEST_CASE("a scalar has one element, an empty batch none") {
  CHECK(Shape{}.rank() == 0);
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{}.channels() == 1);
  CHECK(Shape{0, 5, 7, 3}.size() == 0);
  CHECK(Shape{0, 5, 7, 3}.channels() == 3);
}

TEST_CASE("sizes beyond 32 bits are exact") { CHECK(Shape{100'000, 224, 224, 64}.size() == 321'126'400'000); }

TEST_CASE("batches are added, changed and taken away") {
  const Shape image{5, 7, 3};
  CHECK(image.batched(2) == Shape{2, 5, 7, 3});
  CHECK(image.batched(2).with_batch(0) == Shape{0, 5, 7, 3});
  CHECK(image.batched(2).without_batch() == image);
  CHECK(Shape{4}.without_batch() == Shape{});
  CHECK(Shape{}.without_batch() == Shape{});
  CHECK_THROWS_AS(Shape{}.with_batch(1), ShapeError);
  CHECK_THROWS_AS((Shape{1, 2, 3, 4}.batched(5)), ShapeError);
}

TEST_CASE("shapes are equal if rank and dimensions are") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2, 3} != Shape{2, 3, 1});
  CHECK(Shape{} != Shape{0});
  // What is left of a longer shape must not count.
  CHECK(Shape{1, 2, 3, 4}.without_batch() == Shape{2, 3, 4});
}

TEST_CASE("impossible shapes are refused with a reason") {
  CHECK_THROWS_WITH((Shape{1, 2, 3, 4, 5}), "shape: expected at most 4 dimensions, got 5");
  CHECK_THROWS_WITH((Shape{2, -1}), "shape: expected dimensions >= 0, got -1");
}

TEST_CASE("a shape prints as a tuple") {
  CHECK(to_string(Shape{2, 5, 7, 3}) == "(2, 5, 7, 3)");
  CHECK(to_string(Shape{4}) == "(4)");
  CHECK(to_string(Shape{}) == "()");
}
