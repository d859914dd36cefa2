#pragma once
/// The command line of the programs that measure implementations in turn.

#include <benchmark/benchmark.h>
#include <charconv>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

#include <fusiform/core/error.hpp>
#include <fusiform/core/parallel.hpp>

#include "alternate.hpp"
#include "recorded_times.hpp"

namespace fusiform::bench {

struct Options {
  RoundSettings rounds = {};
  bool flag = false;       ///< the program's own flag was given
  bool json_file = false;  ///< for run_recorded
};

/// The program's own flag and what --help says of it.
struct Flag {
  std::string_view name;
  std::string_view help;
};

/// Takes "<name>NUMBER". Throws ConfigError if that is not a number above 0.
template <class Number>
bool read_number(std::string_view argument, std::string_view name, Number& number) {
  if (!argument.starts_with(name)) return false;
  const std::string_view digits = argument.substr(name.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || !(number > 0))
    throw ConfigError(text(name, " expected a number above 0, got '", digits, "'"));
  return true;
}

/// Sets the number of threads. Throws ConfigError for an argument that neither we nor Google Benchmark know.
inline Options read_options(int argc, char** argv, const Flag& flag) {
  Options options{.json_file = asks_for_json_file(argc, argv)};
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--help")
      std::cout << "options, besides those of Google Benchmark (below; --benchmark_filter=REGEX selects rows):\n"
                << "  --threads=N    threads of every implementation (default: OMP_NUM_THREADS or all)\n"
                << "  --rounds=N     rounds of every measurement, at least (default 5)\n"
                << "  --seconds=S    more rounds until S seconds have passed (default 1)\n"
                << "  " << flag.name << std::string(15 - flag.name.size(), ' ') << flag.help << "\n\n";
  ::benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    int threads = 0;
    if (argument == flag.name)
      options.flag = true;
    else if (read_number(argument, "--threads=", threads))
      set_thread_count(threads);
    else if (!read_number(argument, "--rounds=", options.rounds.rounds) &&
             !read_number(argument, "--seconds=", options.rounds.seconds))
      throw ConfigError(text("unknown option ", argument));
  }
  ::benchmark::AddCustomContext("threads", std::to_string(thread_count()));
  return options;
}

/// The body of main: 0 done, 1 failed, 2 wrong usage.
inline int exit_status_of(const std::function<void()>& program) {
  try {
    program();
    return 0;
  } catch (const ConfigError& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

}  // namespace fusiform::bench
