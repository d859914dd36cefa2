/// fusiform pack: decode and resize a folder of images once, into one file.

#include <cstdio>
#include <memory>

#include <fusiform/data/image_folder.hpp>
#include <fusiform/data/pack_writer.hpp>
#include <fusiform/study/progress.hpp>

#include "commands.hpp"

namespace {

struct PackCommand {
  std::vector<std::string> folders;
  std::string out;
  fusiform::Index shorter_side = 72;
  double test_fraction = 0.2;
  std::uint64_t seed = 0;
  bool skip_damaged = false;
  bool quiet = false;

  void run() const {
    std::vector<fusiform::ImageSet> tasks;
    for (const std::string& folder : folders)
      tasks.push_back(fusiform::image_folder(folder, {.test_fraction = test_fraction, .seed = seed}));
    const fusiform::ImageSet images = fusiform::union_of_tasks(std::move(tasks));
    fusiform::ProgressLine progress(quiet);
    progress.start("packing", "images");
    const fusiform::PackReport report = fusiform::write_pack(
        images, out,
        {.shorter_side = shorter_side,
         .skip_damaged = skip_damaged,
         .progress = [&](fusiform::Index done, fusiform::Index total) { progress.update(done, total); }});
    for (const std::string& problem : report.damaged) progress.say("left out: " + problem);
    progress.finish(fusiform::text(report.images, " images, ", report.bytes >> 20U, " MiB in ", out));
  }
};

}  // namespace

void add_pack_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("pack", "Decode and resize folders of images once, into one file");
  auto pack = std::make_shared<PackCommand>();
  command->add_option("folders", pack->folders, "One folder per task, in it one folder per class")->required();
  command->add_option("--out", pack->out, "The file to write")->required();
  command->add_option("--resize", pack->shorter_side, "Shorter side after resizing, pixels")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--test-fraction", pack->test_fraction, "Share of each class held out for testing")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", pack->seed, "Seed of the split")->capture_default_str();
  command->add_flag("--skip-damaged", pack->skip_damaged, "Leave damaged images out instead of stopping");
  command->add_flag("--quiet", pack->quiet, "No progress on standard error");
  command->callback([pack] { pack->run(); });
}
