// What every communicator must do, and what becomes of a team of which one process dies. Run by mpirun.
// usage: communicator_program [give_up | throw | kill | error]

#include <csignal>
#include <cstdio>
#include <string>
#include <unistd.h>

#include <fusiform/core/together.hpp>
#include <fusiform/mpi/mpi_communicator.hpp>

#include "tests/support/communicator_checks.hpp"

namespace {

using namespace fusiform;

/// The last process fails in the given way; the others wait for it.
int fail(Communicator& team, const std::string& way) {
  if (team.rank() < team.size() - 1) {
    team.barrier();
    std::printf("process %d went on\n", team.rank());
    return 0;
  }
  if (way == "give_up") team.give_up();
  if (way == "throw") throw Error("thrown");
  if (way == "kill") ::kill(::getpid(), SIGKILL);
  return 0;
}

int run(int argc, char** argv) {
  MpiCommunicator team;
  const std::string way = argc > 1 ? argv[1] : "";
  if (way == "error") {
    try {
      together(team, [&] {
        if (team.rank() == 1) throw ConfigError("told");
      });
    } catch (const ConfigError& error) {
      std::printf("%s\n", error.what());
      return 3;
    }
    return 0;
  }
  if (!way.empty()) return fail(team, way);
  const std::vector<std::string> problems = test::communicator_problems(team);
  for (const std::string& problem : problems) std::printf("%s\n", problem.c_str());
  // More elements than one piece of a sum.
  const std::size_t many = (std::size_t{1} << 22U) + 3;
  std::vector<float> values(many, 1);
  values.back() = static_cast<float>(team.rank());
  team.sum(std::span(values));
  const auto size = static_cast<float>(team.size());
  const bool right = values[0] == size && values[many - 4] == size && values.back() == size * (size - 1) / 2;
  if (!right) std::printf("process %d: wrong sums of many elements\n", team.rank());
  if (team.rank() == 0) std::printf("%d processes\n", team.size());
  return problems.empty() && right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
