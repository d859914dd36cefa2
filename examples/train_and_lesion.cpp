/// Train one net on two tasks, lesion the units that serve each, and ask whether the tasks have units of their own.
/// Takes two folders with one folder per class; without any, pictures are rendered.

#include <cstdio>
#include <filesystem>

#include <fusiform/data/image_folder.hpp>
#include <fusiform/fusiform.hpp>

using namespace fusiform;

int main(int argc, char** argv) try {
  const bool rendered = argc < 3;
  const StimuliOptions stimuli{.classes = 8, .test_per_class = 20, .size = 36};
  const ImageSet images = union_of_tasks({rendered ? face_stimuli(stimuli) : image_folder(argv[1]),
                                          rendered ? object_stimuli(stimuli) : image_folder(argv[2])});
  const std::string packed = (std::filesystem::temp_directory_path() / "train_and_lesion.pack").string();
  write_pack(images, packed, {.shorter_side = 36});
  const ImagePack pack(packed);
  const Rng rng(0);
  auto net = build_network<float, Cpu>(
      "32 M 64 M 64 M fc128", {.image = {32, 32, 3}, .heads = {{"", images.class_count()}}}, rng.stream("net"));
  const NodeId head = net.heads().front();
  const TransformOptions augmented{.crop = 32, .random_crop = true, .grayscale = 0.2};
  Loader<float> batches(pack, pack.select("", Split::train),
                        {.batch = 32, .shuffle = true, .transform = augmented, .rng = rng.stream("batches")});
  std::vector<std::unique_ptr<Optimizer<float, Cpu>>> optimizers;
  optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-4}));
  Trainer<float> trainer(net, {{"", head, &batches}}, std::move(optimizers), rng.stream("training"));
  for (Index epoch = 1; epoch <= 20; ++epoch)
    std::printf("epoch %ld: loss %.3f\n", static_cast<long>(epoch), trainer.run_epoch(epoch, 0.01).loss);

  const LesionSite site = lesion_site(net, "conv3");
  std::vector<Ranking> rankings;
  std::vector<TaskImages<float>> tests;
  for (const std::string& task : pack.tasks()) {
    const auto train = labelled_images<float>(
        pack, stratified_images(pack, task, Split::train, 256, rng.stream("ranking " + task)), {.crop = 32});
    IncrementalLesions<float> single_units(net, site, head, train);
    rankings.push_back(rank_units(single_units, {.fraction = 0.2, .group = 0.016}));
    tests.push_back({task, head, labelled_images<float>(pack, pack.select(task, Split::test), {.crop = 32})});
  }
  const auto lesions = plan_lesions(pack.tasks(), rankings, {.fractions = {0.2}}, rng);
  std::vector<TaskResponses> responses;
  const auto effects = lesion_effects(net, site, lesions, tests);  // lesion 0 is the intact net
  for (const TaskEffects<float>& task : effects)
    responses.push_back(
        {task.task, task.labels, task.lesioned[0].correct, {task.lesioned[1].correct, task.lesioned[2].correct}});
  const Segregation result = segregation(responses, rng.stream("bootstrap"));
  for (std::size_t t = 0; t < 2; ++t)
    std::printf("%s: %.0f %% correct; drop by %.0f %% without the units of %s, %.0f %% without those of %s\n",
                result.tasks[t].c_str(), 100 * result.base[t].estimate, 100 * result.drop[t][0].estimate,
                result.tasks[0].c_str(), 100 * result.drop[t][1].estimate, result.tasks[1].c_str());
  if (result.index)
    std::printf("segregation index %.2f [%.2f, %.2f]\n", result.index->estimate, result.index->low, result.index->high);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
