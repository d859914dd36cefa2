// Misspelt names, for error messages.

#include <string>
#include <vector>

#include <fusiform/core/nearest_names.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("edit distances count letters that are changed, added or dropped") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);  // the textbook example
  CHECK(edit_distance("conv5_3", "conv5_3") == 0);
  CHECK(edit_distance("ab", "ba") == 2);
  CHECK(edit_distance("flaw", "lawn") == 2);
}

TEST_CASE("the most similar name comes first, by its alias too") {
  CHECK(nearest_first("fc9", {"features.0=conv1_1", "classifier.0=fc6", "flatten"}) ==
        " classifier.0=fc6 flatten features.0=conv1_1");
  CHECK(nearest_first("b", {"a", "c", "bb"}) == " a c bb");  // equally similar: in their order
  CHECK(nearest_first("x", {}).empty());
}
