#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <fusiform/io/safetensors.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

// A file as it should not come: any header, any data.
std::string write_raw(const ScratchFolder& folder, const std::string& header, const std::string& data) {
  std::uint64_t length = header.size();
  std::string contents(sizeof length, '\0');
  std::memcpy(contents.data(), &length, sizeof length);
  const std::string path = folder / "raw.safetensors";
  write_file_atomically(path, contents + header + data);
  return path;
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

}  // namespace

TEST_CASE("a file written by Python reads as it was written") {
  const SafetensorsFile file(std::string(FUSIFORM_GOLDENS) + "/vgg_tiny.safetensors");
  CHECK(file.names().size() == 52);
  CHECK(file.names().front() == "input");
  CHECK(file.dtype("input") == "F32");
  CHECK(file.shape("input") == std::vector<Index>{6, 3, 16, 16});
  CHECK(file.dtype("labels") == "I64");
  CHECK(file.metadata().at("sgd").find("momentum=0.9") != std::string::npos);
  CHECK(file.metadata().at("model").find("Sequential(\n  (0): Conv2d") == 0);  // escapes undone
  CHECK(file.read<float>("input").size() == 6 * 3 * 16 * 16);
  const auto labels = file.read<Index>("labels");
  CHECK(labels.size() == 6);
  for (const Index label : labels) CHECK((label >= 0 && label < 10));
  for (const double value : file.read<double>("input")) REQUIRE(std::abs(value) < 10);

  const SafetensorsFile images(std::string(FUSIFORM_GOLDENS) + "/images.safetensors");
  CHECK(images.read<std::uint8_t>("0.source_hwc").size() == 120 * 90 * 3);
  CHECK(images.metadata().at("0") == "{\"shorter_side\": 64, \"crop\": 56}");
}

TEST_CASE("what is written is read back, to the bit") {
  const ScratchFolder folder;
  const std::string path = folder / "net.safetensors";
  const std::vector<float> floats{
      1.5F, -0.0F, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::infinity(), 0.1F, 3};
  const std::vector<double> doubles{0.1};
  const std::vector<std::int64_t> counts{std::numeric_limits<std::int64_t>::min(), 7};
  const std::vector<std::int32_t> small{-5};
  const std::vector<std::uint8_t> flags{1, 0, 255};
  SafetensorsWriter writer;
  writer.add<std::uint8_t>("flags", {3}, flags);
  writer.add<float>("features.0.weight", {2, 1, 3}, floats);
  writer.add<double>("scalar", {}, doubles);
  writer.add<float>("empty", {0, 4}, {});
  writer.add<std::int64_t>("épochs \"1\"\n", {2}, counts);
  writer.add<std::int32_t>("small", {1}, small);
  writer.set_metadata("net", "vgg \\ \"16\"\t\x01 ü");
  writer.write(path);

  const SafetensorsFile file(path);
  CHECK(bytes_of(file.read<float>("features.0.weight")) == bytes_of(floats));
  CHECK(file.read<double>("scalar") == doubles);
  CHECK(file.shape("scalar").empty());
  CHECK(file.read<float>("empty").empty());
  CHECK(file.shape("empty") == std::vector<Index>{0, 4});
  CHECK(file.read<std::int64_t>("épochs \"1\"\n") == counts);
  CHECK(file.read<std::int32_t>("small") == small);
  CHECK(file.read<std::uint8_t>("flags") == flags);
  CHECK(file.metadata().at("net") == "vgg \\ \"16\"\t\x01 ü");
  CHECK(file.metadata().size() == 1);
  // Wide elements first, then in the order added, so that all are aligned.
  CHECK(file.names() ==
        std::vector<std::string>{"scalar", "épochs \"1\"\n", "features.0.weight", "empty", "small", "flags"});
  const std::string contents = read_file(path);
  std::uint64_t header = 0;
  std::memcpy(&header, contents.data(), sizeof header);
  CHECK(header % 8 == 0);
  writer.write(folder / "again.safetensors");
  CHECK(read_file(folder / "again.safetensors") == contents);
}

TEST_CASE("an empty file of tensors") {
  const ScratchFolder folder;
  SafetensorsWriter().write(folder / "none.safetensors");
  const SafetensorsFile file(folder / "none.safetensors");
  CHECK(file.names().empty());
  CHECK(file.metadata().empty());
}

TEST_CASE("conversions") {
  const ScratchFolder folder;
  // Halves: 1, -2, 65504 (largest), 2^-24 (smallest), inf, -0. bfloat16: 1, -3.140625, 2^-126.
  const std::vector<std::uint16_t> halves{0x3C00, 0xC000, 0x7BFF, 0x0001, 0x7C00, 0x8000};
  const std::vector<std::uint16_t> brains{0x3F80, 0xC049, 0x0080};
  const std::string path =
      write_raw(folder,
                "{" + tensor("h", "F16", "6", "0,12") + "," + tensor("b", "BF16", "3", "12,18") + "," +
                    tensor("i", "I64", "2", "18,34") + "}",
                bytes_of(halves) + bytes_of(brains) + bytes_of(std::vector<std::int64_t>{300, -1}));
  const SafetensorsFile file(path);
  const auto h = file.read<float>("h");
  CHECK(std::vector<float>(h.begin(), h.begin() + 4) == std::vector<float>{1, -2, 65504, 0x1p-24F});
  CHECK(std::isinf(h[4]));
  CHECK((h[5] == 0 && std::signbit(h[5])));
  CHECK(file.read<double>("b") == std::vector<double>{1, -3.140625, 0x1p-126});
  CHECK(file.read<float>("i") == std::vector<float>{300, -1});
  CHECK(file.read<std::int32_t>("i") == std::vector<std::int32_t>{300, -1});
  CHECK_THROWS_WITH(file.read<std::uint8_t>("i"),
                    Catch::Contains("tensor 'i': expected integers up to 255, found 300"));
  CHECK_THROWS_WITH(file.read<std::int64_t>("h"), Catch::Contains("tensor 'h': expected integers, found F16"));
  CHECK_THROWS_WITH(file.read<float>("j"), Catch::Contains("raw.safetensors: tensor 'j': expected it in the file"));
  CHECK_THROWS_AS(file.shape("j"), FileError);
  CHECK(std::isnan(float_from_half(0x7E00)));
}

TEST_CASE("every damage is named") {
  const ScratchFolder folder;
  const auto problem = [&](const std::string& header, const std::string& data) -> std::string {
    try {
      const SafetensorsFile file(write_raw(folder, header, data));
    } catch (const FileError& error) {
      return error.what();
    }
    return "none";
  };
  const std::string eight(8, '\0');
  REQUIRE(problem("{" + tensor("w", "F32", "2", "0,8") + "}", eight) == "none");
  REQUIRE(problem("{\"__metadata__\":{} ,\n" + tensor("w", "F32", "2", "0,8") + "}   ", eight) == "none");
  struct Case {
    std::string header, data, message;
  };
  const std::vector<Case> cases{
      {"{" + tensor("w", "F32", "2", "0,8") + "}", "1234567", "tensor 'w': expected data up to byte 8, found only 7"},
      {"{" + tensor("w", "F32", "2", "0,8") + "}", eight + "1", "expected 8 bytes after the header, found 9"},
      {"{" + tensor("w", "F32", "3", "0,8") + "}", eight, "tensor 'w': expected 12 bytes for shape (3) of F32"},
      {"{" + tensor("w", "F32", "2", "8,0") + "}", eight, "tensor 'w': expected 8 bytes"},
      {"{" + tensor("w", "F32", "2", "4,12") + "}", eight, "found data_offsets 4..12 (gap)"},
      {"{" + tensor("v", "F32", "1", "0,4") + "," + tensor("w", "F32", "2", "0,8") + "}", eight,
       "tensor 'w': expected data from byte 4, found data_offsets 0..8 (overlap)"},
      {"{" + tensor("w", "F31", "2", "0,8") + "}", eight, "found F31"},
      {"{" + tensor("w", "F32", "4611686018427387904", "0,8") + "}", eight, "at most 18 digits"},
      {"{" + tensor("w", "F32", "999999999999,999999999999", "0,8") + "}", eight, "fits in memory"},
      {"{" + tensor("w", "F32", "-2", "0,8") + "}", eight, "expected an integer >= 0, found '-'"},
      {"{" + tensor("w", "F32", "2", "0,8") + "," + tensor("w", "F32", "2", "0,8") + "}", eight, "'w' again"},
      {"{" + tensor("w", "F32", "2", "0") + "}", eight, "two data_offsets"},
      {"{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", eight, "tensor 'w': expected dtype, shape"},
      {"{\"w\":{\"type\":\"F32\"}}", eight, "found 'type'"},
      {"{" + tensor("w", "F32", "2", "0,8") + "} x", eight, "expected the end of the header, found 'x'"},
      {"{" + tensor("w", "F32", "2", "0,8"), eight, "expected '}', found the end of the header"},
      {"[1,2]", "", "at byte 8: expected '{', found '['"},
      {"{\"w", "", "expected the end of the string"},
      {"{\"\\x\":1}", "", "expected an escape"},
      {"{\"\\ud800\":1}", "", "surrogate"},
      {"{\"__metadata__\":{\"a\":1}}", "", "expected '\"', found '1'"},
  };
  for (const Case& damage : cases) {
    CAPTURE(damage.header);
    CHECK_THAT(problem(damage.header, damage.data), Catch::Contains(damage.message));
    CHECK_THAT(problem(damage.header, damage.data), Catch::StartsWith(folder / "raw.safetensors: "));
  }
}

TEST_CASE("every cut of a file is noticed") {
  const ScratchFolder folder;
  SafetensorsWriter writer;
  writer.add<float>("w", {3}, std::vector<float>{1, 2, 3});
  writer.set_metadata("a", "b");
  writer.write(folder / "whole.safetensors");
  const std::string whole = read_file(folder / "whole.safetensors");
  const std::string path = folder / "cut.safetensors";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    write_file_atomically(path, whole.substr(0, length));
    CHECK_THROWS_AS(SafetensorsFile(path), FileError);
  }
  write_file_atomically(path, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}");
  CHECK_THROWS_WITH(SafetensorsFile(path), Catch::Contains("found a length of 18446744073709551615"));
  CHECK_THROWS_AS(SafetensorsFile(folder / "missing"), FileError);
}

TEST_CASE("flipped bytes never crash the reader") {
  const ScratchFolder folder;
  SafetensorsWriter writer;
  writer.add<float>("layer.weight", {2, 2}, std::vector<float>{1, 2, 3, 4});
  writer.add<std::int64_t>("epoch", {1}, std::vector<std::int64_t>{3});
  writer.set_metadata("net", "v\"gg");
  writer.write(folder / "whole.safetensors");
  const std::string whole = read_file(folder / "whole.safetensors");
  const std::string path = folder / "flipped.safetensors";
  int refused = 0;
  for (std::size_t position = 0; position < whole.size(); ++position) {
    std::string flipped = whole;
    flipped[position] = static_cast<char>(flipped[position] ^ 0x04);
    write_file_atomically(path, flipped);
    try {
      const SafetensorsFile file(path);
      for (const std::string& name : file.names()) CHECK(file.read<double>(name).size() < 1000);
    } catch (const FileError&) {
      ++refused;
    }
  }
  CHECK(refused > 50);  // structure; the rest are letters of names and elements
}

TEST_CASE("an open file survives its replacement") {
  const ScratchFolder folder;
  const std::string path = folder / "net.safetensors";
  SafetensorsWriter first;
  first.add<float>("w", {1}, std::vector<float>{1});
  first.write(path);
  const SafetensorsFile file(path);
  SafetensorsWriter second;
  second.add<float>("a much longer name", {2}, std::vector<float>{5, 6});
  second.write(path);
  CHECK(file.read<float>("w") == std::vector<float>{1});
}

TEST_CASE("the writer refuses what cannot be right") {
  SafetensorsWriter writer;
  const std::vector<float> two{1, 2};
  CHECK_THROWS_AS(writer.add<float>("w", {3}, two), ShapeError);
  writer.add<float>("w", {2}, two);
  CHECK_THROWS_AS(writer.add<float>("w", {2}, two), ConfigError);
  CHECK_THROWS_AS(writer.add<float>("__metadata__", {2}, two), ConfigError);
}
