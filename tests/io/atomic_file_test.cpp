#include <csignal>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <fusiform/io/atomic_file.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

TEST_CASE("a file appears on commit and not before") {
  const ScratchFolder folder;
  const std::string path = folder / "table.txt";
  {
    AtomicFile file(path);
    file.write("first ");
    file.write(std::string(200'000, 'x'));  // more than any buffer
    CHECK_FALSE(std::filesystem::exists(path));
    file.commit();
  }
  CHECK(read_file(path) == "first " + std::string(200'000, 'x'));
  CHECK(folder.file_count() == 1);
}

TEST_CASE("without commit the old file stays and no temporary is left") {
  const ScratchFolder folder;
  const std::string path = folder / "table.txt";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("half of the n");
  }
  CHECK(read_file(path) == "old");
  CHECK(folder.file_count() == 1);
  write_file_atomically(path, "");
  CHECK(read_file(path).empty());
}

TEST_CASE("a full disk is named and leaves the old file") {
  const ScratchFolder folder;
  const std::string path = folder / "table.txt";
  write_file_atomically(path, "old");

  // A limit on the file size is what a full disk is to write(2).
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{.rlim_cur = 10'000, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  std::string problem;
  try {
    write_file_atomically(path, std::string(1'000'000, 'x'));
  } catch (const FileError& error) {
    problem = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);

  CHECK(problem == path + ": cannot write: File too large");
  CHECK(read_file(path) == "old");
  CHECK(folder.file_count() == 1);
}

TEST_CASE("targets that cannot be files") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH(AtomicFile(folder / "missing/table.txt"), Catch::Contains("missing/table.txt: cannot create"));
  CHECK_THROWS_WITH(AtomicFile("/dev/full"), Catch::Contains("/dev/full: cannot replace"));
  CHECK_THROWS_WITH(AtomicFile(folder / "."), Catch::Contains("cannot replace"));
  CHECK(std::filesystem::is_character_file("/dev/full"));
}

TEST_CASE("reading what is not there") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH(read_file(folder / "no"), Catch::Contains("cannot open: No such file"));
  CHECK_THROWS_WITH(read_file(folder / "."), Catch::Contains("expected a regular file"));
}
