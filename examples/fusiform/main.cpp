/// The command-line program. Exit status: 0 done, 1 failed, 2 wrong usage.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fusiform/core/error.hpp>
#include <fusiform/version.hpp>

#include "commands.hpp"

int main(int argc, char** argv) {
  CLI::App program{
      "fusiform trains convnets on several recognition tasks and finds out which filters serve which task."};
  program.name("fusiform");
  program.set_version_flag("--version", fusiform::version);
  program.require_subcommand(1);
  add_demo_command(program);
  add_study_commands(program);
  add_pack_command(program);
  add_evaluate_command(program);
  add_features_command(program);
  add_inspect_command(program);
  add_records_command(program);
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit is an error with a message, like a full disk
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;  // 0: --help and --version
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fusiform: %s\n", error.what());
    return 1;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fprintf(stderr, "fusiform: standard output: cannot write: %s\n", std::strerror(errno));
    return 1;
  }
  return 0;
}
