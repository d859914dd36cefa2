#pragma once
/// Runs gnuplot as a separate program: a script goes in, a drawing comes out.

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <fusiform/core/error.hpp>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace fusiform {

struct GnuplotResult {
  std::string output;   ///< what the script drew on its standard output
  std::string problem;  ///< empty if all went well
  [[nodiscard]] bool succeeded() const noexcept { return problem.empty(); }
};

namespace detail {

/// A nameless file that vanishes when closed: standard streams as files cannot block, as pipes can.
class ScratchFile {
 public:
  ScratchFile() : file_(std::tmpfile()) {
    if (file_ == nullptr) throw FileError("temporary file", text("cannot create: ", std::strerror(errno)));
  }
  [[nodiscard]] int descriptor() const { return ::fileno(file_.get()); }

  void write(const std::string& contents) {
    if (std::fwrite(contents.data(), 1, contents.size(), file_.get()) != contents.size() ||
        std::fflush(file_.get()) != 0)
      throw FileError("temporary file", text("cannot write: ", std::strerror(errno)));
    std::rewind(file_.get());
  }
  [[nodiscard]] std::string read() {
    std::rewind(file_.get());
    std::string contents;
    std::array<char, 4096> block{};
    for (std::size_t got = 0; (got = std::fread(block.data(), 1, block.size(), file_.get())) > 0;)
      contents.append(block.data(), got);
    return contents;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace detail

/// `program` is looked for in the PATH. A missing program or a failed script is a `problem`, no exception: whoever
/// wants a drawing can go on without. Throws FileError if there is no room for temporary files.
[[nodiscard]] inline GnuplotResult run_gnuplot(const std::string& script, const std::string& program = "gnuplot") {
  detail::ScratchFile input;
  detail::ScratchFile output;
  detail::ScratchFile messages;
  input.write(script);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, messages.descriptor(), STDERR_FILENO);
  std::string name = program;
  std::string defaults = "--default-settings";  // not the user's own gnuplotrc
  std::string standard_input = "-";
  std::array<char*, 4> arguments{name.data(), defaults.data(), standard_input.data(), nullptr};
  pid_t child = 0;
  const int failure = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure == ENOENT)
    return {{}, text("'", program, "' is not installed (on Debian and Ubuntu: apt install gnuplot-nox)")};
  if (failure != 0) return {{}, text("cannot start '", program, "': ", std::strerror(failure))};

  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  GnuplotResult result{output.read(), {}};
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    result.problem = text("'", program, "' failed: ", messages.read());
  } else if (result.output.empty()) {
    result.problem = text("'", program, "' drew nothing: ", messages.read());
  }
  return result;
}

}  // namespace fusiform
