#pragma once
/// Runs what may go wrong in a child process.

#include <array>
#include <exception>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <fusiform/core/error.hpp>

namespace fusiform::test {

/// "right" or "wrong" as `is_right` returns, the text of its exception, or the signal that ended it (SIGALRM after
/// 20 seconds).
inline std::string outcome_in_child(const std::function<bool()>& is_right) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw Error("pipe failed");
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::string outcome;
    try {
      outcome = is_right() ? "right" : "wrong";
    } catch (const std::exception& error) {
      outcome = error.what();
    }
    const ssize_t written = write(ends[1], outcome.data(), outcome.size());
    _exit(written == ssize_t(outcome.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string outcome;
  std::array<char, 4096> part{};
  for (ssize_t count; (count = read(ends[0], part.data(), part.size())) > 0;)
    outcome.append(part.data(), std::size_t(count));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? text("signal ", WTERMSIG(status)) : outcome;
}

}  // namespace fusiform::test
