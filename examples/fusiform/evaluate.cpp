/// fusiform evaluate: the accuracy of a stored net on packed images.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/report/table.hpp>
#include <fusiform/study/training.hpp>

#include "commands.hpp"
#include "devices.hpp"

namespace {

struct EvaluateCommand {
  std::string checkpoint;
  std::string pack;
  std::vector<std::string> tasks;
  std::string device = "cpu";
  bool json = false;

  void run() const {
    const fusiform::StudyDevice& computes = choose_device(device);
    const fusiform::StudyNetwork network = fusiform::load_network<float>(checkpoint);
    const fusiform::ImagePack images(pack);
    fusiform::NetConfig net{.tasks = tasks, .input = network.image_shape()[0]};
    if (network.heads().size() > 1) net.branch_after = "input";  // where does not matter here
    const std::vector<std::string> known = images.tasks();
    for (const std::string& task : tasks)
      if (std::find(known.begin(), known.end(), task) == known.end())
        throw fusiform::FileError(pack, "expected images of task '" + task + "', found none");
    const std::vector<fusiform::NetTask> judged = fusiform::net_tasks(net, {}, images.classes());
    fusiform::require_fitting_net(network, judged);
    const std::unique_ptr<fusiform::PlacedNet> placed = computes.place(network);
    nlohmann::ordered_json result = nlohmann::ordered_json::array();
    for (const fusiform::TaskScore& score : fusiform::score_tasks(net, network, *placed, images, judged))
      result.push_back({{"task", score.task},
                        {"images", score.images},
                        {"top1", score.top1},
                        {"top5", score.top5},
                        {"mean_loss", score.loss}});
    if (json) {
      std::printf("%s\n", result.dump(2).c_str());
      return;
    }
    for (const auto& score : result)
      std::fprintf(stderr, "%s: %ld test images, top-1 %s, top-5 %s, loss %s\n",
                   score["task"].get<std::string>().c_str(), score["images"].get<long>(),
                   fusiform::percent_text(score["top1"].get<double>()).c_str(),
                   fusiform::percent_text(score["top5"].get<double>()).c_str(),
                   fusiform::number_text(score["mean_loss"].get<double>()).c_str());
  }
};

}  // namespace

void add_evaluate_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("evaluate", "Accuracy of a stored net on the test images of a pack");
  auto evaluate = std::make_shared<EvaluateCommand>();
  command->add_option("checkpoint", evaluate->checkpoint, "Net, as `fusiform train` stores it")->required();
  command->add_option("pack", evaluate->pack, "Images, as `fusiform pack` or a study stores them")->required();
  command->add_option("--tasks", evaluate->tasks, "The tasks that the net was trained on; default: all of the pack");
  add_device_option(*command, evaluate->device);
  command->add_flag("--json", evaluate->json, "Print the result on standard output");
  command->callback([evaluate] { evaluate->run(); });
}
