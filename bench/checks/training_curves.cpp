/// Trains the same small net on the same rendered pictures with each convolution algorithm and several seeds, and
/// prints the training loss of every epoch: algorithms must differ no more than seeds do. No timing. Takes the number
/// of seeds (default 3) and of epochs (default 12).

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <fusiform/fusiform.hpp>

namespace {

using namespace fusiform;

void train(const ImagePack& pack, Index classes, const char* name, ConvAlgorithm algorithm, std::uint64_t seed,
           Index epochs) {
  const Rng rng(seed);
  auto net = build_network<float, Cpu>("32 32 M 64 64 M 128 128 M fc256",
                                       {.image = {32, 32, 3}, .heads = {{"", classes}}}, rng.stream("net"));
  for (NodeId id = 1; id < net.size(); ++id)
    if (auto* convolution = dynamic_cast<Conv2d<float, Cpu>*>(&net.layer(id))) convolution->set_algorithm(algorithm);
  Loader<float> batches(pack, pack.select("", Split::train),
                        {.batch = 32,
                         .shuffle = true,
                         .transform = {.crop = 32, .random_crop = true, .grayscale = 0.2},
                         .rng = rng.stream("batches")});
  std::vector<std::unique_ptr<Optimizer<float, Cpu>>> optimizers;
  optimizers.push_back(std::make_unique<Sgd<float, Cpu>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-4}));
  Trainer<float> trainer(net, {{"", net.heads().front(), &batches}}, std::move(optimizers), rng.stream("training"));
  std::printf("%-14s seed %llu:", name, static_cast<unsigned long long>(seed));
  for (Index epoch = 1; epoch <= epochs; ++epoch) {
    std::printf(" %.3f", trainer.run_epoch(epoch, 0.01).loss);
    std::fflush(stdout);
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const auto seeds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 3;
  const Index epochs = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 12;
  const StimuliOptions stimuli{.classes = 8, .test_per_class = 1, .size = 36};
  const ImageSet images = union_of_tasks({face_stimuli(stimuli), object_stimuli(stimuli)});
  const std::string packed = (std::filesystem::temp_directory_path() / "training_curves.pack").string();
  write_pack(images, packed, {.shorter_side = 36});
  const ImagePack pack(packed);
  constexpr std::array<std::pair<const char*, ConvAlgorithm>, 3> algorithms{
      {{"implicit_gemm", ConvAlgorithm::implicit_gemm},
       {"winograd_2x2", ConvAlgorithm::winograd_2x2},
       {"winograd_4x4", ConvAlgorithm::winograd_4x4}}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    for (const auto& [name, algorithm] : algorithms) train(pack, images.class_count(), name, algorithm, seed, epochs);
}
