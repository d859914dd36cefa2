#include "run_options.hpp"

#include <cstdio>
#include <utility>

#include <fusiform/core/parallel.hpp>
#include <fusiform/core/together.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/study/context.hpp>

#include "cmake/own_study/study.hpp"
#include "devices.hpp"

void RunOptions::add_to(CLI::App& command, fusiform::StudyStage last) {
  command.add_option("--out", out, "Folder for the results; an interrupted study goes on there")->capture_default_str();
  add_device_option(command, device);
  command
      .add_option("--precision", precision,
                  "In what trainings on a GPU compute, instead of the study's [train] precision")
      ->check(CLI::IsMember({"float", "bf16x2", "bf16"}));
  command.add_option("--threads", threads, "Threads; 0: all cores. Results do not depend on it")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--memory", memory_mib,
                  "MiB that lesions may keep, instead of the study's memory_mib. Results do not depend on it")
      ->check(CLI::PositiveNumber);
  command.add_flag("--racing,!--exact", racing, "Rank by racing, or exactly, instead of as the study says");
  command
      .add_option("--audit", audit,
                  "Share of the rankings' losses to compute again by the definition, instead of the study's audit. "
                  "Results do not depend on it")
      ->check(CLI::Range(0.0, 1.0));
  command.add_flag("--quiet", quiet, "No progress on standard error");
  if (last >= fusiform::StudyStage::lesion) command.add_flag("--json", json, "Print the summary on standard output");
  command.add_flag("--skip-damaged", skip_damaged, "Leave damaged images out instead of stopping");
  command.add_flag("--share-batches", share_batches,
                   "Under mpirun: train together too; weights then depend on the number of processes");
}

namespace {

/// What the command line says of lesions overrides the study, in all of its nets.
void override_lesions(const RunOptions& options, fusiform::StudyConfig& config) {
  const auto change = [&](fusiform::LesionConfig& lesion) {
    if (options.memory_mib > 0) lesion.memory_mib = options.memory_mib;
    if (options.racing) lesion.racing = *options.racing;
    if (options.audit) lesion.audit = *options.audit;
  };
  change(config.lesion);
  for (fusiform::VariantConfig& variant : config.variants) change(variant.lesion);
}

/// The same of trainings.
void override_precision(const RunOptions& options, fusiform::StudyConfig& config) {
  if (options.precision.empty()) return;
  config.train.precision = options.precision;
  for (fusiform::VariantConfig& variant : config.variants) variant.train.precision = options.precision;
}

}  // namespace

void RunOptions::run(const std::function<fusiform::StudyConfig()>& config, fusiform::StudyStage last,
                     fusiform::Communicator& team) const {
  if (threads > 0) fusiform::set_thread_count(threads);
  fusiform::StudyContext study{
      {}, fusiform::StudyPaths(out), fusiform::ProgressLine(quiet), skip_damaged, share_batches, &team};
  if (!fusiform::together_with_first(team, [&] {
        study.device = &choose_device(device, team);
        study.config = config();
        override_lesions(*this, study.config);
        override_precision(*this, study.config);
      }))
    return;
  if (team.rank() > 0) return fusiform::own::serve_study(study);
  fusiform::own::run_study(study, last);
  if (json) std::printf("%s", fusiform::read_file(study.paths.summary()).c_str());
}
