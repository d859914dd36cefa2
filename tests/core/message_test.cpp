#include <string>
#include <vector>

#include <fusiform/core/message.hpp>
#include <fusiform/core/scalar.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("numbers, lists, bits and texts come back from their bytes") {
  const std::vector<double> list{1.5, -0.0, 1e300};
  for (const std::size_t bit_count : {0U, 1U, 7U, 8U, 9U}) {
    std::vector<std::uint8_t> bits(bit_count);
    for (std::size_t i = 0; i < bit_count; ++i) bits[i] = i % 3 == 0 ? 1 : 0;
    MessageWriter writer;
    writer.put(Index{-7});
    writer.put_list(std::span(list));
    writer.put_bits(bits);
    writer.put_list(std::span<const float>());
    writer.put_text(std::string("a\0b", 3));
    const std::string bytes = writer.take();
    CHECK(writer.bytes().empty());
    CHECK(bytes.size() == 8 + 8 + 24 + 8 + (bit_count + 7) / 8 + 8 + 8 + 3);
    MessageReader reader(bytes, "test");
    CHECK(reader.get<Index>() == -7);
    CHECK(reader.get_list<double>() == list);
    CHECK(reader.get_bits() == bits);
    CHECK(reader.get_list<float>().empty());
    CHECK_FALSE(reader.at_end());
    CHECK(reader.get_text() == std::string("a\0b", 3));
    CHECK(reader.at_end());
  }
}

TEST_CASE("bytes that end too early are an error") {
  MessageWriter writer;
  writer.put_list(std::span<const double>(std::vector<double>{1, 2, 3}));
  const std::string bytes = writer.take();
  for (std::size_t end = 0; end < bytes.size(); ++end) {
    MessageReader reader(std::string_view(bytes).substr(0, end), "message");
    CHECK_THROWS_AS(reader.get_list<double>(), Error);
  }
  MessageReader short_number("abc", "message");
  CHECK_THROWS_WITH(short_number.get<Index>(), "message: expected 8 more bytes, found 3");
  // A count beyond all memory is refused before memory is asked for.
  MessageWriter huge;
  huge.put(std::uint64_t{1} << 62U);
  MessageReader as_list(huge.bytes(), "message");
  CHECK_THROWS_WITH(as_list.get_list<double>(), Catch::Contains("expected a list of 4611686018427387904"));
  MessageReader as_bits(huge.bytes(), "message");
  CHECK_THROWS_AS(as_bits.get_bits(), Error);
}
