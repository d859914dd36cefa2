#include <csignal>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/record_log.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using Catch::Matchers::Contains;

namespace {

const std::vector<std::string> three = {"first", std::string("\0\xff\n", 3), "the third record"};
constexpr Index header_size = 8 + 4 + 4 + 2 + 4;  // with the identity "me"
constexpr Index frame_size = 12;

void write_log(const std::string& path, const std::vector<std::string>& records) {
  RecordLog log(path, "me");
  for (const std::string& record : records) log.append(record);
}

std::vector<std::string> read_log(const std::string& path, const std::string& identity = "me") {
  std::vector<std::string> records;
  const RecordLog log(path, identity, [&](Index, std::string_view record) { records.emplace_back(record); });
  return records;
}

/// Records that end at or before byte `end` of a log of `three`.
std::vector<std::string> finished_by(Index end) {
  std::vector<std::string> records;
  Index position = header_size;
  for (const std::string& record : three) {
    position += frame_size + static_cast<Index>(record.size());
    if (position <= end) records.push_back(record);
  }
  return records;
}

std::string error_of_opening(const std::string& path, const std::string& identity = "me") {
  try {
    (void)read_log(path, identity);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a record log gives back what was appended, also when it goes on") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  CHECK(read_log(path).empty());
  Index position = 0;
  {
    RecordLog log(path, "me");
    log.append(three[0]);
    position = log.append(three[1]);
    log.flush();
    CHECK(log.read(position) == three[1]);
  }
  {
    RecordLog log(path, "me");
    CHECK(log.read(position) == three[1]);
    CHECK(log.read(log.append(three[2])) == three[2]);
    CHECK(log.cut_bytes() == 0);
    CHECK(log.size() == static_cast<Index>(read_file(path).size()));
    CHECK_THROWS_AS(log.read(position + 1), FileError);
    CHECK_THROWS_WITH(log.append(""), Contains("a record of 1.."));
  }
  CHECK(read_log(path) == three);
}

TEST_CASE("a record log cut off at any byte keeps every record before the cut") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  write_log(path, three);
  const std::string whole = read_file(path);
  for (std::size_t end = 0; end <= whole.size(); ++end) {
    CAPTURE(end);
    write_file_atomically(path, whole.substr(0, end));
    std::vector<std::string> expected = finished_by(static_cast<Index>(end));
    CHECK(read_log(path) == expected);
    {
      RecordLog log(path, "me");
      CHECK(log.cut_bytes() == 0);  // the first opening cut it
      log.append("next");
    }
    expected.emplace_back("next");
    CHECK(read_log(path) == expected);
  }
}

TEST_CASE("a record log with any byte damaged keeps records only if none follows the damage") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  write_log(path, three);
  const std::string whole = read_file(path);
  const Index third = header_size + 2 * frame_size + static_cast<Index>(three[0].size() + three[1].size());
  const Index second = third - frame_size - static_cast<Index>(three[1].size());
  for (std::size_t place = 0; place < whole.size(); ++place) {
    for (const int bit : {0, 7}) {
      CAPTURE(place, bit);
      std::string damaged = whole;
      damaged[place] = static_cast<char>(damaged[place] ^ (1 << bit));
      write_file_atomically(path, damaged);
      const auto at = static_cast<Index>(place);
      if (at >= third) {
        CHECK(read_log(path) == std::vector<std::string>{three[0], three[1]});
        continue;
      }
      const std::string problem = error_of_opening(path);
      CHECK_THAT(problem, Contains(path));
      if (at >= header_size)
        CHECK_THAT(problem, Contains(text("byte ", at >= second ? second : header_size, ": expected a whole record")));
      CHECK(read_file(path) == damaged);  // what cannot be understood is left alone
    }
  }
}

TEST_CASE("records megabytes behind the damage are found") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  const Index last = header_size + frame_size + 3'000'000;
  write_log(path, {std::string(3'000'000, 'x'), "last"});
  std::string damaged = read_file(path);
  damaged[static_cast<std::size_t>(header_size)] ^= 1;
  write_file_atomically(path, damaged);
  CHECK_THAT(error_of_opening(path), Contains(text("whole records again from byte ", last, " on")));
}

TEST_CASE("a record that a log was put into is not taken for one of the log's own") {
  const ScratchFolder folder;
  const std::string inner = folder / "inner.log";
  write_log(inner, three);
  const std::string path = folder / "outer.log";
  write_log(path, {read_file(inner)});
  const std::string whole = read_file(path);
  write_file_atomically(path, whole.substr(0, whole.size() - 1));
  CHECK(read_log(path).empty());  // cut off, not "whole records again"
}

TEST_CASE("a record log of other work, of another kind or version is refused") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  write_log(path, three);
  CHECK(error_of_opening(path, "you") ==
        path + ": expected records of 'you', found those of 'me'; delete the file to begin again");
  CHECK_THAT(error_of_opening(path, "me too"), Contains("expected records of 'me too', found those of 'me'"));
  CHECK(read_log(path) == three);
  std::string newer = read_file(path);
  newer[8] = 2;
  write_file_atomically(path, newer);
  CHECK_THAT(error_of_opening(path), Contains("expected version 1 of the record log, found version 2"));
  for (const std::string contents : {"{\"a\": 1}\n", "FUSI", "FUSILOG\tabcdefgh"}) {
    write_file_atomically(path, contents);
    if (contents == "FUSI")
      CHECK(read_log(path).empty());  // the beginning of our header: a kill while the log was begun
    else
      CHECK_THAT(error_of_opening(path), Contains("expected a record log, found another kind of file"));
  }
  CHECK_THAT(error_of_opening(folder.path()), Contains("cannot open"));
}

TEST_CASE("a record log has one writer") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  const RecordLog log(path, "me");
  CHECK(error_of_opening(path) == path + ": another process has this log open");
}

TEST_CASE("a full disk costs a record log nothing that was appended") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  std::vector<std::string> problems;
  {
    RecordLog log(path, "me");
    log.append(three[0]);
    // A limit on the file size is what a full disk is to write(2). Within the frame, and within the record.
    for (const rlim_t room : {5, 2000}) {
      const rlimit limit{.rlim_cur = static_cast<rlim_t>(log.size()) + room, .rlim_max = before.rlim_max};
      setrlimit(RLIMIT_FSIZE, &limit);
      try {
        log.append(std::string(10'000, 'x'));
      } catch (const FileError& error) {
        problems.emplace_back(error.what());
      }
      setrlimit(RLIMIT_FSIZE, &before);
    }
    log.append(three[1]);
  }
  std::signal(SIGXFSZ, handler);
  CHECK(problems == std::vector<std::string>(2, path + ": cannot write: File too large"));
  CHECK(read_log(path) == std::vector<std::string>{three[0], three[1]});
}

TEST_CASE("a killed writer leaves whole records") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  const pid_t process = ::fork();
  if (process == 0) {
    RecordLog log(path, "me");
    for (int i = 0;; ++i)
      log.append(std::string(static_cast<std::size_t>(1 + i % 5000), static_cast<char>('a' + i % 26)));
  }
  while (!std::ifstream(path) || read_file(path).size() < 200'000) ::usleep(1000);
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  const std::vector<std::string> records = read_log(path);
  CHECK(records.size() > 10);
  for (std::size_t i = 0; i < records.size(); ++i)
    REQUIRE(records[i] == std::string(1 + i % 5000, static_cast<char>('a' + i % 26)));
}
