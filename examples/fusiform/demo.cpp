/// fusiform demo: the main job on pictures that the program renders itself.

#include <memory>

#include <fusiform/study/demo.hpp>

#include "commands.hpp"
#include "run_options.hpp"

void add_demo_command(CLI::App& program, fusiform::Communicator& team) {
  CLI::App* command = program.add_subcommand(
      "demo", "Render faces and objects, train a dual-task net, lesion it, test for segregation, write a report");
  auto options = std::make_shared<RunOptions>();
  options->out = "results/demo";
  options->add_to(*command, fusiform::StudyStage::report);
  auto seed = std::make_shared<std::uint64_t>(0);
  command->add_option("--seed", *seed, "Seed of pictures and training")->capture_default_str();
  command->callback([options, seed, &team] {
    const auto config = [&] {
      fusiform::StudyConfig demo = fusiform::demo_study();
      demo.seeds = {*seed};
      return demo;
    };
    options->run(config, fusiform::StudyStage::report, team);
  });
}
