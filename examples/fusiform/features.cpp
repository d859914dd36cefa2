/// fusiform features: the activations of a layer, as arrays that NumPy reads.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/lesion.hpp>
#include <fusiform/data/packed_images.hpp>
#include <fusiform/io/npy.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/study/study_device.hpp>

#include "commands.hpp"
#include "devices.hpp"

namespace {

using fusiform::Index;
using fusiform::Shape;

struct FeaturesCommand {
  std::string checkpoint;
  std::string pack;
  std::string layer;
  std::string task;
  std::string split = "test";
  std::string out;
  bool average = false;
  Index max_features = 0;
  std::uint64_t seed = 0;
  std::string device = "cpu";

  void run() const {
    const fusiform::StudyDevice& computes = choose_device(device);
    const fusiform::StudyNetwork network = fusiform::load_network<float>(checkpoint);
    const fusiform::ImagePack images(pack);
    const Shape& image = network.image_shape();
    fusiform::require_setting(image[0] == image[1] && image[2] == 3, checkpoint, "a net for square RGB images", image);
    const std::vector<std::string> tasks = images.tasks();
    if (!task.empty() && std::find(tasks.begin(), tasks.end(), task) == tasks.end())
      throw fusiform::FileError(pack, "expected images of task '" + task + "', found none");
    const fusiform::NodeId node = fusiform::lesion_site(network, layer).node;
    const auto list = fusiform::labelled_images<float>(
        images, images.select(task, split == "train" ? fusiform::Split::train : fusiform::Split::test),
        {.crop = image[0]});
    const fusiform::FeatureTable features = std::move(
        computes.place(network)
            ->extract_features({node}, list,
                               {.average_positions = average, .max_features = max_features, .rng = fusiform::Rng(seed)})
            .front());
    const Shape whole = network.node(node).shape.batched(list.count());
    const Shape& shape = features.feature_count() == network.node(node).shape.size() ? whole : features.values.shape();
    fusiform::write_npy<float>(out + ".npy", {shape.begin(), shape.end()}, features.values.span());
    fusiform::write_npy<Index>(out + ".labels.npy", {list.count()}, list.labels);
    std::fprintf(stderr, "%s.npy: %s of layer %s; %s.labels.npy: their classes\n", out.c_str(),
                 fusiform::to_string(shape).c_str(), layer.c_str(), out.c_str());
  }
};

}  // namespace

void add_features_command(CLI::App& program) {
  CLI::App* command = program.add_subcommand("features", "Activations of a layer on packed images, as .npy");
  auto features = std::make_shared<FeaturesCommand>();
  command->add_option("checkpoint", features->checkpoint, "Net, as `fusiform train` stores it")->required();
  command->add_option("pack", features->pack, "Images, as `fusiform pack` or a study stores them")->required();
  command->add_option("--layer", features->layer, "Name or alias; its activation is taken")->required();
  command->add_option("--task", features->task, "Only images of this task");
  command->add_option("--split", features->split, "train or test")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "test"}));
  command->add_flag("--average-positions", features->average, "Mean of each channel over the positions of the picture");
  command
      ->add_option("--max-features", features->max_features, "Project more than that at random to this many; 0: never")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--seed", features->seed, "Of the projection")->capture_default_str();
  add_device_option(*command, features->device);
  command->add_option("--out", features->out, "Files to write, without extension")->required();
  command->callback([features] { features->run(); });
}
