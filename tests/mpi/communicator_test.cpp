#include <string>

#include "tests/mpi/mpirun.hpp"
#include "tests/support/catch.hpp"

using Catch::Matchers::Contains;
using fusiform::test::mpirun;
using fusiform::test::MpiRun;

namespace {

const std::string program = FUSIFORM_MPI_COMMUNICATOR;

}  // namespace

TEST_CASE("MPI passes the checks of every communicator") {
  for (const int processes : {1, 2, 3}) {
    const MpiRun run = mpirun(processes, program);
    CAPTURE(run.output);
    CHECK(run.status == 0);
    CHECK_THAT(run.output, Contains(std::to_string(processes) + " processes"));
  }
}

TEST_CASE("an error on one MPI process is thrown on all") {
  const MpiRun run = mpirun(2, program + " error");
  CAPTURE(run.output);
  CHECK(run.status == 3);
  CHECK_THAT(run.output, Contains("told"));
}

TEST_CASE("no MPI process waits for one that gave up, threw or died") {
  for (const char* way : {"give_up", "throw", "kill"}) {
    const MpiRun run = mpirun(2, program + " " + way);
    CAPTURE(way, run.output);
    CHECK(run.status != 0);
    CHECK(run.status != 124);
    CHECK_THAT(run.output, !Contains("went on"));
  }
}
