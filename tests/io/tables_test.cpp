#include <cmath>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/io/csv.hpp>
#include <fusiform/io/json_lines.hpp>
#include <fusiform/io/npy.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("numbers as text read back exactly") {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const double value = rng.normal() * std::pow(10, rng.uniform(-300, 300));
    REQUIRE(parse_number<double>(format_number(value)) == value);
    const auto narrow = static_cast<float>(rng.normal());
    REQUIRE(parse_number<float>(format_number(narrow)) == narrow);
  }
  CHECK(format_number(0.1) == "0.1");
  CHECK(format_number(0.1F) == "0.1");
  CHECK(format_number(std::int64_t{-7}) == "-7");
  CHECK(format_number(std::uint8_t{200}) == "200");
  CHECK(format_number(true) == "1");
  CHECK(format_number(-std::nan("")) == "nan");
  CHECK(format_number(-std::numeric_limits<double>::infinity()) == "-inf");
  CHECK(format_fixed(0.12345, 2) == "0.12");
  CHECK(format_fixed(1e300, 1).size() == 303);
  CHECK_FALSE(parse_number<double>("1.5x").has_value());
  CHECK_FALSE(parse_number<Index>("").has_value());
  CHECK(json_string("a\"b\\\n\x02é") == "\"a\\\"b\\\\\\n\\u0002é\"");
  CHECK(json_number(std::nan("")) == "null");
}

TEST_CASE("a table is quoted where it must be and reads back") {
  const ScratchFolder folder;
  const std::string path = folder / "table.csv";
  CsvWriter writer(path, {"layer", "loss, mean", ""});
  writer.row({"conv5_3", 0.1, std::int64_t{3}});
  writer.row({"a \"b\",\nc", std::nan(""), ""});
  writer.row({"", -1e-7F, true});
  CHECK_THROWS_AS(writer.row({"too", "few"}), ShapeError);
  writer.commit();
  CHECK(read_file(path) == "layer,\"loss, mean\",\nconv5_3,0.1,3\n\"a \"\"b\"\",\nc\",nan,\n,-1e-07,1\n");

  const CsvTable table = read_csv(path);
  CHECK(table.header == std::vector<std::string>{"layer", "loss, mean", ""});
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[1] == std::vector<std::string>{"a \"b\",\nc", "nan", ""});
  CHECK(table.number(0, "loss, mean") == 0.1);
  CHECK(std::isnan(table.number(1, "loss, mean")));
  CHECK_THROWS_WITH(table.number(0, "layer"), Catch::Contains("row 1, column 'layer': expected a number"));
  CHECK_THROWS_WITH(table.column("accuracy"), Catch::Contains("expected a column 'accuracy', found layer"));
}

TEST_CASE("tables written elsewhere") {
  const ScratchFolder folder;
  const std::string path = folder / "table.csv";
  const auto read = [&](const std::string& contents) {
    write_file_atomically(path, contents);
    return read_csv(path);
  };
  CHECK(read("a,b\r\n1,2\r\n").rows == std::vector<std::vector<std::string>>{{"1", "2"}});
  CHECK(read("a,b\n1,2").rows == std::vector<std::vector<std::string>>{{"1", "2"}});
  CHECK(read("a,b\n1,").rows == std::vector<std::vector<std::string>>{{"1", ""}});
  CHECK(read("a\n\"x\"").rows == std::vector<std::vector<std::string>>{{"x"}});
  CHECK(read("a\n").rows.empty());
  CHECK_THROWS_WITH(read(""), Catch::Contains("expected a header row"));
  CHECK_THROWS_WITH(read("a,b\n\"x\ny\",2\n1\n"), Catch::Contains("line 4: expected 2 cells, found 1"));
  CHECK_THROWS_WITH(read("a,b\n1,\"2\n"), Catch::Contains("line 2: expected a closing quotation mark"));
  CHECK_THROWS_WITH(read("a,b\n\"1\"x,2\n"), Catch::Contains("line 2: expected a comma or the end of the line"));
}

TEST_CASE("a journal loses at most its torn last line") {
  const ScratchFolder folder;
  const std::string path = folder / "journal.jsonl";
  {
    JsonLinesWriter writer(path);
    writer.append("{\"iteration\":0}");
    writer.append("{\"iteration\":1}");
    writer.flush();
  }
  const std::string whole = read_file(path);
  CHECK(read_json_lines(path).lines == std::vector<std::string>{"{\"iteration\":0}", "{\"iteration\":1}"});
  CHECK_FALSE(read_json_lines(path).torn_at.has_value());

  for (std::size_t length = 0; length <= whole.size(); ++length) {
    CAPTURE(length);
    write_file_atomically(path, whole.substr(0, length));
    const std::size_t finished = length / 16;  // lines are 16 bytes long
    const JsonLines journal = read_json_lines(path);
    CHECK(journal.lines.size() == finished);
    CHECK(journal.torn_at.has_value() == (length % 16 != 0));
    if (journal.torn_at) CHECK(*journal.torn_at == static_cast<Index>(finished * 16));
    JsonLinesWriter(path).append("{\"again\":1}");
    const JsonLines repaired = read_json_lines(path);
    CHECK(repaired.lines.size() == finished + 1);
    CHECK(repaired.lines.back() == "{\"again\":1}");
    CHECK_FALSE(repaired.torn_at.has_value());
  }
}

TEST_CASE("a long torn line, and lines that are none") {
  const ScratchFolder folder;
  const std::string path = folder / "journal.jsonl";
  write_file_atomically(path, "{}\n" + std::string(200'000, 'x'));
  JsonLinesWriter writer(path);
  CHECK(read_file(path) == "{}\n");
  CHECK_THROWS_AS(writer.append("{\n}"), ConfigError);
  CHECK_THROWS_AS(writer.append(""), ConfigError);
  CHECK_THROWS_AS(JsonLinesWriter("/dev/full"), FileError);
  CHECK_THROWS_AS(read_json_lines(folder / "none"), FileError);
}

TEST_CASE("a full disk leaves a journal as it was") {
  const ScratchFolder folder;
  const std::string path = folder / "journal.jsonl";
  JsonLinesWriter writer(path);
  writer.append("{\"a\":1}");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{.rlim_cur = 100, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  std::string problem;
  try {
    writer.append("{\"b\":\"" + std::string(200, 'x') + "\"}");
  } catch (const FileError& error) {
    problem = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(problem == path + ": cannot write: File too large");
  CHECK(read_file(path) == "{\"a\":1}\n");
  writer.append("{\"c\":1}");
  CHECK(read_json_lines(path).lines.size() == 2);
}

TEST_CASE("NumPy arrays") {
  const ScratchFolder folder;
  const std::string path = folder / "array.npy";
  const std::vector<float> floats{1, 2, 3, 4, 5, -0.5F};
  write_npy<float>(path, {2, 3}, floats);
  const auto array = read_npy<float>(path);
  CHECK(array.shape == std::vector<Index>{2, 3});
  CHECK(array.values == floats);
  // The bytes that numpy.save writes for this array.
  std::string expected("\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 10 + 59);
  expected.resize(127, ' ');
  expected += '\n';
  CHECK(read_file(path).substr(0, 128) == expected);
  CHECK(read_file(path).size() == 128 + 24);

  write_npy<std::int64_t>(path, {2}, std::vector<std::int64_t>{-1, 1LL << 60});
  CHECK(read_npy<std::int64_t>(path).values == std::vector<std::int64_t>{-1, 1LL << 60});
  CHECK(read_npy<std::int64_t>(path).shape == std::vector<Index>{2});
  write_npy<double>(path, {}, std::vector<double>{0.1});
  CHECK(read_npy<double>(path).shape.empty());
  CHECK(read_npy<double>(path).values == std::vector<double>{0.1});
  write_npy<double>(path, {0, 5}, {});
  CHECK(read_npy<double>(path).shape == std::vector<Index>{0, 5});
  CHECK_THROWS_AS(write_npy<float>(path, {7}, floats), ShapeError);
}

TEST_CASE("damaged NumPy files") {
  const ScratchFolder folder;
  const std::string path = folder / "array.npy";
  write_npy<float>(path, {3}, std::vector<float>{1, 2, 3});
  const std::string whole = read_file(path);
  CHECK_THROWS_WITH(read_npy<double>(path), Catch::Contains("expected elements of type <f8, found '<f4'"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_file_atomically(path, whole.substr(0, length));
    REQUIRE_THROWS_AS(read_npy<float>(path), FileError);
  }
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    write_file_atomically(path, changed);
  };
  with("False", "True ");
  CHECK_THROWS_WITH(read_npy<float>(path), Catch::Contains("fortran_order"));
  with("(3,)", "(x,)");
  CHECK_THROWS_WITH(read_npy<float>(path), Catch::Contains("expected dimensions"));
  with("(3,)", "(4,)");
  CHECK_THROWS_WITH(read_npy<float>(path), Catch::Contains("expected 16 bytes of elements, found 12"));
  with("NUMPY\x01", "NUMPY\x07");
  CHECK_THROWS_WITH(read_npy<float>(path), Catch::Contains("found 7"));
}
