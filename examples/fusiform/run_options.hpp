#pragma once
/// Options that all commands share that run a study or part of one.

#include <CLI/App.hpp>
#include <functional>
#include <optional>
#include <string>

#include <fusiform/core/communicator.hpp>
#include <fusiform/study/config.hpp>
#include <fusiform/study/stage.hpp>

struct RunOptions {
  std::string out;
  std::string device = "cpu";
  std::string precision;  ///< of trainings; "": as the study says
  int threads = 0;
  std::optional<bool> racing;
  std::optional<double> audit;     ///< instead of the study's
  fusiform::Index memory_mib = 0;  ///< 0: as the study says
  bool quiet = false;
  bool json = false;
  bool skip_damaged = false;
  bool share_batches = false;

  /// `last` is the stage at which the command ends: only from `lesion` on there is a summary to print.
  void add_to(CLI::App& command, fusiform::StudyStage last);
  /// `config` is called on all processes of the team.
  void run(const std::function<fusiform::StudyConfig()>& config, fusiform::StudyStage last,
           fusiform::Communicator& team) const;
};
