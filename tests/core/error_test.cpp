#include <limits>

#include <fusiform/core/error.hpp>
#include <fusiform/core/shape.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("a shape error says where, what was expected and what was found") {
  CHECK_THROWS_WITH(require_equal("conv2d 'conv3_1'", "input channels", 128, 64),
                    "conv2d 'conv3_1': expected 128 input channels, got 64");
  CHECK_THROWS_WITH(require_equal("add", "as shape", Shape{2, 3}, Shape{3, 2}),
                    "add: expected (2, 3) as shape, got (3, 2)");
  CHECK_THROWS_AS(require_equal("add", "inputs", 2, 3), ShapeError);
  CHECK_NOTHROW(require_equal("add", "inputs", 2, 2));
}

TEST_CASE("a configuration error says the setting, what is allowed and what was given") {
  CHECK_THROWS_WITH(require_setting(false, "train.epochs", "at least 1", -3),
                    "train.epochs: expected at least 1, got -3");
  CHECK_THROWS_AS(require_setting(false, "a", "b", "c"), ConfigError);
  CHECK_NOTHROW(require_setting(true, "a", "b", "c"));
}

TEST_CASE("a condition that a NaN cannot meet is refused") {
  const double value = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(require_setting(value >= 0, "dropout", "a probability", value), ConfigError);
}

TEST_CASE("a file error starts with the path and keeps it") {
  const FileError error("data/faces/a.jpg", "expected a JPEG, got an empty file");
  CHECK(std::string(error.what()) == "data/faces/a.jpg: expected a JPEG, got an empty file");
  CHECK(error.path() == "data/faces/a.jpg");
}

TEST_CASE("every error can be caught as the library's and as the standard's") {
  CHECK_THROWS_AS(throw ShapeError("a"), Error);
  CHECK_THROWS_AS(throw FileError("a", "b"), Error);
  CHECK_THROWS_AS(throw ConfigError("a"), Error);
  CHECK_THROWS_AS(throw NumericError("a"), std::runtime_error);
}

TEST_CASE("text joins its parts as a stream would") {
  CHECK(text("shape ", Shape{1, 2}, ' ', 2.5, " of ", std::string("x")) == "shape (1, 2) 2.5 of x");
}
