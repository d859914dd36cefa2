/// fusiform study, and its stages one by one: train, decode, rank, lesion, report.

#include <memory>

#include <fusiform/study/config_file.hpp>

#include "commands.hpp"
#include "run_options.hpp"

namespace {

void add_stage(CLI::App& program, fusiform::Communicator& team, const std::string& name, const std::string& description,
               fusiform::StudyStage last) {
  CLI::App* command = program.add_subcommand(name, description);
  auto options = std::make_shared<RunOptions>();
  options->out = "results";
  options->add_to(*command, last);
  auto file = std::make_shared<std::string>();
  command->add_option("file", *file, "Study file (TOML); see examples/studies/")->required();
  command->callback(
      [options, file, last, &team] { options->run([&] { return fusiform::load_study_config(*file); }, last, team); });
}

}  // namespace

void add_study_commands(CLI::App& program, fusiform::Communicator& team) {
  using fusiform::StudyStage;
  add_stage(program, team, "study", "Run a whole study: train, rank, lesion, test, report", StudyStage::report);
  add_stage(program, team, "train", "Run a study up to its trained nets", StudyStage::train);
  add_stage(program, team, "decode", "Run a study up to the decoding of its held-out classes", StudyStage::decode);
  add_stage(program, team, "rank", "Run a study up to the rankings of its layers", StudyStage::rank);
  add_stage(program, team, "lesion", "Run a study up to the effects of its lesions and their statistics",
            StudyStage::lesion);
  add_stage(program, team, "report", "Run what is missing of a study and write its report again", StudyStage::report);
}
