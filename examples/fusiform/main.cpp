/// The command-line program. Exit status: 0 done, 1 failed, 2 wrong usage.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include <fusiform/core/error.hpp>
#include <fusiform/version.hpp>

#include "commands.hpp"
#include "processes.hpp"

namespace {

/// Whether several processes do this command together; process 0 does the others alone.
bool is_shared(int argc, char** argv) {
  const std::array<std::string_view, 8> shared{"demo", "study",  "train",  "decode",
                                               "rank", "lesion", "report", "inspect"};
  return argc > 1 && std::find(shared.begin(), shared.end(), argv[1]) != shared.end();
}

/// For all: process 0 writes the files and speaks, the others compute.
int run(int argc, char** argv, fusiform::Communicator& team) {
  if (team.rank() > 0 && !is_shared(argc, argv)) return 0;
  CLI::App program{
      "fusiform trains convnets on several recognition tasks and finds out which filters serve which task."};
  program.name("fusiform");
  program.set_version_flag("--version", fusiform::version);
  program.require_subcommand(1);
  add_demo_command(program, team);
  add_study_commands(program, team);
  add_pack_command(program);
  add_evaluate_command(program);
  add_features_command(program);
  add_inspect_command(program, team);
  add_records_command(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (team.rank() > 0) return 2;            // as process 0, which says why
    return program.exit(error) == 0 ? 0 : 2;  // 0: --help and --version
  } catch (const std::exception& error) {
    if (team.rank() > 0) std::fprintf(stderr, "fusiform, process %d: %s\n", team.rank(), error.what());
    if (team.rank() > 0) team.give_up();  // process 0 does not know
    if (team.rank() == 0) std::fprintf(stderr, "fusiform: %s\n", error.what());
    return 1;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fprintf(stderr, "fusiform: standard output: cannot write: %s\n", std::strerror(errno));
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit is an error with a message, like a full disk
  try {
    return run(argc, argv, *join_processes());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fusiform: %s\n", error.what());
    return 1;
  }
}
