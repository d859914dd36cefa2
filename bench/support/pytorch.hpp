#pragma once
/// PyTorch as a peer: a script beside the benchmark that does the same work in a process of its own.

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "alternate.hpp"
#include "child_process.hpp"

namespace fusiform::bench {

/// `script`, run by the interpreter that the environment variable PYTHON names with `arguments` and the number of
/// threads, answers every line with seconds on the clock and of processor time. It is asked `warm_ups` times first.
inline Measure pytorch_measure(const std::filesystem::path& script, const std::vector<std::string>& arguments,
                               int warm_ups) {
  const char* const python = std::getenv("PYTHON");
  std::vector<std::string> command{python != nullptr ? python : "python3", script.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--threads", std::to_string(thread_count())});
  const auto child = std::make_shared<ChildProcess>(std::move(command));
  const auto ask = [child] {
    const std::string answer = child->ask("go");
    std::istringstream words(answer);
    Duration duration;
    if (!(words >> duration.seconds >> duration.processor_seconds))
      throw Error(text("PyTorch's process: expected two numbers, got '", answer, "'"));
    return duration;
  };
  for (int warm_up = 0; warm_up < warm_ups; ++warm_up) ask();
  return ask;
}

}  // namespace fusiform::bench
