#include <fstream>
#include <string>

#include <fusiform/version.hpp>

#include "tests/mpi/mpirun.hpp"
#include "tests/program/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

const std::string program = FUSIFORM_PROGRAM;

/// How often `part` occurs.
int count(const std::string& whole, const std::string& part) {
  int found = 0;
  for (std::size_t at = whole.find(part); at != std::string::npos; at = whole.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("mpirun fusiform rank leaves the same bytes as one process and speaks once") {
  const ScratchFolder folder;
  write_tiny_study(folder / "study.toml");
  REQUIRE(run(folder, {"rank", "study.toml", "--out", "alone", "--threads", "1"}).status == 0);
  const MpiRun shared = mpirun(2, program + " rank " + (folder / "study.toml") + " --out " + (folder / "shared"));
  CAPTURE(shared.output);
  CHECK(shared.status == 0);
  CHECK(count(shared.output, "ranking conv2 for objects") == 1);
  CHECK(reproducible_files(folder / "shared") == reproducible_files(folder / "alone"));
}

TEST_CASE("mistakes under mpirun are told once, with their exit status") {
  const ScratchFolder folder;
  const MpiRun no_file = mpirun(2, program + " rank " + (folder / "lost.toml") + " --out " + (folder / "results"));
  CAPTURE(no_file.output);
  CHECK(no_file.status == 1);
  CHECK(count(no_file.output, "fusiform: ") == 1);
  CHECK_THAT(no_file.output, Contains("lost.toml"));
  const MpiRun usage = mpirun(2, program + " rank --sed 1");
  CAPTURE(usage.output);
  CHECK(usage.status == 2);
  CHECK(count(usage.output, "Run with --help") == 1);
}

TEST_CASE("what cannot be shared is done by one process") {
  const MpiRun shown = mpirun(3, program + " --version");
  CAPTURE(shown.output);
  CHECK(shown.status == 0);
  CHECK(count(shown.output, version) == 1);
}
