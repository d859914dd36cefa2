#pragma once
/// Another program that answers line by line: how a peer in another language takes its turn in a measurement.

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>

namespace fusiform::bench {

/// Its standard input and output are pipes to us; it is expected to end when its input does.
class ChildProcess {
 public:
  /// Starts `command`, found on PATH. Throws an Error if there is no process to be had; a program that is not there
  /// shows at the first request.
  explicit ChildProcess(std::vector<std::string> command) : name_(command.at(0)) {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    if (pipe(input.data()) != 0 || pipe(output.data()) != 0) throw Error(text("pipe: ", std::strerror(errno)));
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = fork();
    if (process_ < 0) throw Error(text("fork: ", std::strerror(errno)));
    if (process_ == 0) {
      dup2(input[0], STDIN_FILENO);
      dup2(output[1], STDOUT_FILENO);
      for (const int end : {input[0], input[1], output[0], output[1]}) close(end);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(input[0]);
    close(output[1]);
    requests_ = fdopen(input[1], "w");
    answers_ = fdopen(output[0], "r");
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    std::fclose(requests_);
    std::fclose(answers_);
    waitpid(process_, nullptr, 0);
  }

  /// Writes a line and waits for one. Throws an Error if none comes.
  std::string ask(const std::string& request) {
    std::array<char, 256> answer{};
    if (std::fputs((request + "\n").c_str(), requests_) < 0 || std::fflush(requests_) != 0 ||
        std::fgets(answer.data(), answer.size(), answers_) == nullptr)
      throw Error(text(name_, ": expected an answer to '", request, "', but it has ended"));
    std::string line = answer.data();
    if (line.ends_with('\n')) line.pop_back();
    return line;
  }

 private:
  std::string name_;
  pid_t process_ = -1;
  std::FILE* requests_ = nullptr;
  std::FILE* answers_ = nullptr;
};

}  // namespace fusiform::bench
