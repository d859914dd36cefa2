#include <cmath>
#include <fstream>
#include <limits>

#include <fusiform/data/npz.hpp>
#include <fusiform/io/npz_writer.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using Catch::Matchers::Contains;

// stored.npz and compressed.npz: NumPy 1.24.2,
//   import numpy as np
//   a = dict(units=np.arange(5) - 2, losses=np.array([0.1, 1e-300, -0.0, np.nan, np.inf]),
//            single=np.array([[1.5, -2], [3, 4.25]], np.float32), small=np.array([-128, 127], np.int8),
//            bytes=np.array([0, 255], np.uint8), short=np.array([-32768, 32767], np.int16),
//            word=np.array([65535], np.uint16), int=np.array([-2**31, 2**31 - 1], np.int32),
//            unsigned=np.array([2**32 - 1], np.uint32), flags=np.array([True, False, True]), done=np.array([True]),
//            scalar=np.array(7), empty=np.array([]).astype(int), names=np.array(['ab', 'cde']),
//            none=np.array([None]), half=np.array([1], np.float16), many=np.repeat(np.arange(3), 100))
//   np.savez('stored.npz', **a); np.savez_compressed('compressed.npz', **a)

namespace {

using Integers = std::vector<Index>;
using Numbers = std::vector<double>;

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

void write_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string golden(const std::string& name) { return std::string(FUSIFORM_GOLDENS) + "/" + name; }

}  // namespace

TEST_CASE("npz: what NumPy writes, stored and compressed") {
  const NpzFile file(golden(GENERATE(as<std::string>{}, "stored.npz", "compressed.npz")));
  CHECK(file.names().size() == 17);
  CHECK(file.has("units"));
  CHECK_FALSE(file.has("unit"));
  CHECK(file.integers("units") == Integers{-2, -1, 0, 1, 2});
  CHECK(file.numbers("units") == Numbers{-2, -1, 0, 1, 2});
  const Numbers losses = file.numbers("losses");
  REQUIRE(losses.size() == 5);
  CHECK(losses[0] == 0.1);
  CHECK(losses[1] == 1e-300);
  CHECK(std::signbit(losses[2]));
  CHECK(std::isnan(losses[3]));
  CHECK(losses[4] == std::numeric_limits<double>::infinity());
  CHECK(file.shape("single") == Integers{2, 2});
  CHECK(file.numbers("single") == Numbers{1.5, -2, 3, 4.25});
  CHECK(file.integers("small") == Integers{-128, 127});
  CHECK(file.integers("bytes") == Integers{0, 255});
  CHECK(file.integers("short") == Integers{-32768, 32767});
  CHECK(file.integers("word") == Integers{65535});
  CHECK(file.integers("int") == Integers{-2147483648LL, 2147483647});
  CHECK(file.integers("unsigned") == Integers{4294967295LL});
  CHECK(file.integers("flags") == Integers{1, 0, 1});
  CHECK(file.flag("done"));
  CHECK(file.shape("scalar").empty());
  CHECK(file.integers("scalar") == Integers{7});
  CHECK(file.integers("empty").empty());
  CHECK(file.shape("empty") == Integers{0});
  const Integers many = file.integers("many");
  REQUIRE(many.size() == 300);
  for (std::size_t i = 0; i < 300; ++i) REQUIRE(many[i] == static_cast<Index>(i / 100));
}

TEST_CASE("npz: what cannot be read is named, and leaves the rest readable") {
  const NpzFile file(golden("stored.npz"));
  CHECK_THAT(error_of([&] { (void)file.integers("none"); }),
             Contains("stored.npz: array 'none': expected integers, found pickled Python objects"));
  CHECK_THAT(error_of([&] { (void)file.numbers("names"); }),
             Contains("array 'names': expected numbers, found elements of type '<U3'"));
  CHECK_THAT(error_of([&] { (void)file.numbers("half"); }), Contains("type '<f2'"));
  CHECK_THAT(error_of([&] { (void)file.integers("losses"); }), Contains("expected integers") && Contains("'<f8'"));
  CHECK_THAT(error_of([&] { (void)file.flag("flags"); }), Contains("expected one truth value, found 3 elements"));
  CHECK_THAT(error_of([&] { (void)file.integers("unit"); }), Contains("expected an array 'unit', found units, losses"));
  CHECK_THAT(error_of([&] { const NpzFile none(golden("no such file.npz")); }), Contains("No such file"));
}

TEST_CASE("npz: written arrays come back, the same bytes each time") {
  const ScratchFolder folder;
  const auto write = [&](const std::string& path) {
    NpzWriter writer;
    writer.add("units", Integers{3, -1});
    writer.add("losses", Numbers{0.1 + 0.2});
    writer.add("empty", Numbers{});
    writer.add<float>("table", {2, 1}, std::vector<float>{1, 2});
    writer.add_flag("yes", true);
    writer.add_flag("no", false);
    CHECK_THROWS_AS(writer.add<float>("table", {2, 2}, std::vector<float>{1, 2}), ShapeError);
    writer.write(path);
  };
  write(folder / "a.npz");
  write(folder / "b.npz");
  CHECK(read_file(folder / "a.npz") == read_file(folder / "b.npz"));
  const NpzFile file(folder / "a.npz");
  CHECK(file.names() == std::vector<std::string>{"units", "losses", "empty", "table", "yes", "no"});
  CHECK(file.integers("units") == Integers{3, -1});
  CHECK(file.numbers("losses") == Numbers{0.1 + 0.2});
  CHECK(file.numbers("empty").empty());
  CHECK(file.shape("table") == Integers{2, 1});
  CHECK(file.flag("yes"));
  CHECK_FALSE(file.flag("no"));
  NpzWriter().write(folder / "nothing.npz");
  CHECK(NpzFile(folder / "nothing.npz").names().empty());
}

TEST_CASE("npz: every cut and every changed byte is noticed or harmless, none is undefined") {
  const ScratchFolder folder;
  const std::string name = GENERATE(as<std::string>{}, "stored.npz", "compressed.npz");
  const std::string whole = read_file(golden(name));
  const std::string path = folder / "damaged.npz";
  const auto read_all = [&] {
    const NpzFile file(path);
    for (const std::string& array : file.names())
      if (array != "none" && array != "names" && array != "half") (void)file.numbers(array);
  };
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    write_bytes(path, whole.substr(0, size));
    CAPTURE(size);
    CHECK_THAT(error_of(read_all), Contains(path) && Contains("expected a zip file, found no directory at its end"));
  }
  // A bit of the elements of 'losses' changes its checksum.
  const NpzFile good(golden(name));
  const std::vector<double> losses = good.numbers("losses");
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    write_bytes(path, changed);
    const std::string error = error_of(read_all);
    if (error == "no error") continue;  // a time stamp, a version, a local header's copy of the directory
    ++noticed;
    CHECK_THAT(error, Contains(path));
  }
  CHECK(noticed > whole.size() / 11 / 2);
}

TEST_CASE("npz: errors name the array and the place") {
  const ScratchFolder folder;
  const std::string path = folder / "damaged.npz";
  NpzWriter writer;
  writer.add("units", Integers{1, 2, 3});
  writer.write(path);
  const std::string whole = read_file(path);
  const auto problem_after = [&](std::size_t at, char byte) {
    std::string changed = whole;
    changed.at(at) = byte;
    write_bytes(path, changed);
    return error_of([&] { (void)NpzFile(path).integers("units"); });
  };
  const std::size_t directory = whole.find("PK\x01\x02");
  REQUIRE(directory != std::string::npos);
  CHECK_THAT(problem_after(directory - 1, 9), Contains("array 'units': damaged: its checksum"));
  CHECK_THAT(problem_after(directory + 16, 'x'), Contains("array 'units': damaged: its checksum"));
  CHECK_THAT(problem_after(directory + 8, 1), Contains("entry 'units.npy': expected no encryption"));
  CHECK_THAT(problem_after(directory + 10, 12), Contains("expected a stored or deflated entry, found method 12"));
  CHECK_THAT(problem_after(directory + 10, 8), Contains("array 'units': damaged gzip data"));
  CHECK_THAT(problem_after(directory + 24, 1),
             Contains("expected 1 stored bytes") || Contains("stored bytes, as many"));
  CHECK_THAT(problem_after(directory + 44, 1), Contains("of entry 'units.npy' at byte 65536"));
  CHECK_THAT(problem_after(directory, 'x'),
             Contains("expected a directory entry at byte " + std::to_string(directory)));
  CHECK_THAT(problem_after(0, 'x'), Contains("expected entry 'units.npy' at byte 0"));
}
