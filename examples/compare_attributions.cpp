/// Train one net on two tasks, lesion every unit of a layer on its own, and ask which shortcut finds the same units.
/// Takes two folders with one folder per class; without any, pictures are rendered.

#include <cstdio>
#include <filesystem>

#include <fusiform/data/image_folder.hpp>
#include <fusiform/fusiform.hpp>

using namespace fusiform;

namespace {

/// The measure of each unit's contrast.
std::vector<double> d_primes(const std::vector<SelectivityContrast>& contrasts) {
  std::vector<double> values;
  for (const SelectivityContrast& contrast : contrasts) values.push_back(contrast.d_prime);
  return values;
}

}  // namespace

int main(int argc, char** argv) try {
  const bool rendered = argc < 3;
  const StimuliOptions stimuli{.classes = 8, .test_per_class = 20, .size = 36};
  const ImageSet images = union_of_tasks({rendered ? face_stimuli(stimuli) : image_folder(argv[1]),
                                          rendered ? object_stimuli(stimuli) : image_folder(argv[2])});
  const std::string packed = (std::filesystem::temp_directory_path() / "compare_attributions.pack").string();
  write_pack(images, packed, {.shorter_side = 36});
  const ImagePack pack(packed);
  const Rng rng(0);
  auto net = build_network<float, Cpu>(
      "32 M 64 M 64 M fc128", {.image = {32, 32, 3}, .heads = {{"", images.class_count()}}}, rng.stream("net"));
  const NodeId head = net.heads().front();
  Loader<float> batches(
      pack, pack.select("", Split::train),
      {.batch = 32, .shuffle = true, .transform = {.crop = 32, .random_crop = true}, .rng = rng.stream("batches")});
  std::vector<std::unique_ptr<Optimizer<float, Cpu>>> optimizers;
  optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-4}));
  Trainer<float> trainer(net, {{"", head, &batches}}, std::move(optimizers), rng.stream("training"));
  for (Index epoch = 1; epoch <= 20; ++epoch) trainer.run_epoch(epoch, 0.01);

  const LesionSite site = lesion_site(net, "conv3");
  std::vector<LabelledImages<float>> tests;
  std::vector<FeatureTable> responses;
  for (const std::string& task : pack.tasks()) {
    tests.push_back(labelled_images<float>(pack, pack.select(task, Split::test), {.crop = 32}));
    responses.push_back(extract_features(net, site.node, tests.back(), {.average_positions = true}));
  }
  const std::vector<View<const float, Cpu>> tables{responses[0].values, responses[1].values};
  const TaskVariances variances = task_variances(tables);
  for (std::size_t t = 0; t < 2; ++t) {
    IncrementalLesions<float> single_units(net, site, head, tests[t]);
    const std::vector<double> effects = unit_means(unit_effects(single_units, tests[t].labels).values);
    const UnitTable taylor = taylor_attribution(net, site, head, tests[t]);
    const Conductance conductance = layer_conductance(net, site, head, tests[t]);
    const std::vector<Shortcut> shortcuts{{"Taylor, first order", unit_means(taylor.values)},
                                          {"Taylor, squared", unit_mean_squares(taylor.values)},
                                          {"conductance", unit_means(conductance.units.values)},
                                          {"d' of the responses", d_primes(selectivity_contrasts(tables, t))},
                                          {"task variance", variances.variance[t]}};
    std::printf("%s: rank correlation with the lesions of single units\n", pack.tasks()[t].c_str());
    for (const LesionAgreement& agreement : compare_with_lesions(effects, shortcuts, rng.stream("bootstrap")))
      std::printf("  %-20s %5.2f [%5.2f, %5.2f]\n", agreement.shortcut.c_str(), agreement.spearman.estimate,
                  agreement.spearman.low, agreement.spearman.high);
  }
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
