#pragma once
/// Options that all commands share that run a study or part of one.

#include <CLI/App.hpp>
#include <string>

#include <fusiform/study/config.hpp>
#include <fusiform/study/stage.hpp>

struct RunOptions {
  std::string out;
  int threads = 0;
  bool quiet = false;
  bool json = false;
  bool skip_damaged = false;

  /// `last` is the stage at which the command ends: only from `lesion` on there is a summary to print.
  void add_to(CLI::App& command, fusiform::StudyStage last);
  void run(fusiform::StudyConfig config, fusiform::StudyStage last) const;
};
