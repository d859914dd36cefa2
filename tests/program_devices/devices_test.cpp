// --device: the same studies on an emulated GPU, and what programs say that cannot do it.

#include <cmath>
#include <nlohmann/json.hpp>

#include <fusiform/io/csv.hpp>
#include <fusiform/io/npy.hpp>

#if defined(FUSIFORM_MPIRUN)
#include "tests/mpi/mpirun.hpp"
#endif
#include "tests/program/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

const std::string emulated = FUSIFORM_PROGRAM_EMULATED;

/// A short training, or a net that is looked into as it was stored, in every way there is.
void write_study(const std::string& path, const std::string& train) {
  std::ofstream(path) << "name = 'device'\nanalyses = ['decode', 'lesion', 'attribute', 'similarity']\n"
                         "[[task]]\nname = 'faces'\nimages = 'stimuli:faces'\n"
                         "classes = 3\ntrain_per_class = 8\ntest_per_class = 4\nheld_out_classes = 2\n"
                         "[[task]]\nname = 'objects'\nimages = 'stimuli:objects'\n"
                         "classes = 3\ntrain_per_class = 8\ntest_per_class = 4\nheld_out_classes = 2\n"
                         "[net]\narch = '8B M 8 M fc16 D'\ninput = 16\n"
                         "[train]\nbatch = 8\nresize = 18\n"
                      << train
                      << "\n[lesion]\nlayers = ['conv2']\nfraction = 0.25\ngroup = 0.125\nimages = 12\n"
                         "fractions = [0.25]\nrandom_lesions = 2\naudit = 0.1\npairs = 2\n"
                         "[decode]\nlayers = ['conv2']\nimages_per_class = 4\nfolds = 2\n"
                         "[attribute]\nimages = 6\nconductance_steps = 2\n"
                         "[statistics]\nreplicates = 100\n";
}

Run run_well(const ScratchFolder& folder, const std::vector<std::string>& words, const std::string& program) {
  const Run result = run(folder, words, {.program = program});
  CAPTURE(words, result.err);
  REQUIRE(result.status == 0);
  return result;
}

/// Numbers that were rounded on the way: sums of some hundred products.
void check_close(const nlohmann::json& found, const nlohmann::json& expected, double tolerance) {
  REQUIRE(found.type() == expected.type());
  REQUIRE(found.size() == expected.size());
  if (expected.is_number_float()) {
    CHECK(found.get<double>() == Approx(expected.get<double>()).epsilon(tolerance).margin(tolerance));
  } else if (expected.is_structured()) {
    for (const auto& item : expected.items())
      check_close(expected.is_array() ? found[std::stoul(item.key())] : found.at(item.key()), item.value(), tolerance);
  } else {
    CHECK(found == expected);
  }
}

}  // namespace

TEST_CASE("inspect names the devices") {
  const ScratchFolder folder;
  const Run own = run(folder, {"inspect", "--devices"});
  CHECK(own.status == 0);
  CHECK(own.out.starts_with("cpu\ncuda: "));
  CHECK(run(folder, {"inspect", "--devices"}, {.program = emulated}).out ==
        "cpu\ncuda: GPU 0: an emulated GPU\nprocess 0: GPU 0: an emulated GPU\n");
  CHECK(run(folder, {"inspect"}).status == 2);
  CHECK(run(folder, {"inspect", "--devices", "file"}).status == 2);
}

#if !FUSIFORM_PROGRAM_HAS_CUDA
TEST_CASE("a program without CUDA says so") {
  const ScratchFolder folder;
  write_study(folder / "study.toml", "epochs = 1");
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"train", "study.toml", "--out", "results", "--device", "cuda"},
           {"evaluate", "net", "pack", "--device", "cuda"},
           {"features", "net", "pack", "--layer", "a", "--out", "b", "--device", "cuda"}}) {
    const Run result = run(folder, words);
    CHECK(result.status == 1);
    CHECK_THAT(result.err, Contains("this program was built without CUDA"));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "results"));
  CHECK(run(folder, {"train", "study.toml", "--device", "tpu"}).status == 2);
}
#endif

#if defined(FUSIFORM_MPIRUN)
TEST_CASE("processes of one machine take its GPUs in turn and say so") {
  const ScratchFolder folder;
  ::setenv("FUSIFORM_EMULATED_GPUS", "2", 1);
  const std::string devices = mpirun(3, emulated + " inspect --devices").output;
  CHECK(devices ==
        "cpu\ncuda: GPU 0: an emulated GPU\ncuda: GPU 1: an emulated GPU\n"
        "process 0: GPU 0: an emulated GPU\nprocess 1: GPU 1: an emulated GPU\nprocess 2: GPU 0: an emulated GPU\n");

  write_tiny_study(folder / "study.toml", "learning_rate = 0.02", "['conv2']");
  const std::string command = " lesion " + (folder / "study.toml") + " --device cuda --out ";
  const MpiRun alone = mpirun(1, emulated + command + (folder / "alone"));
  CAPTURE(alone.output);
  REQUIRE(alone.status == 0);
  const MpiRun shared = mpirun(2, emulated + command + (folder / "shared"));
  ::unsetenv("FUSIFORM_EMULATED_GPUS");
  CAPTURE(shared.output);
  REQUIRE(shared.status == 0);
  CHECK_THAT(shared.output, Contains("process 0 computes on cuda: GPU 0: an emulated GPU\n") &&
                                Contains("process 1 computes on cuda: GPU 1: an emulated GPU\n"));
  CHECK(reproducible_files(folder / "shared") == reproducible_files(folder / "alone"));
  const auto provenance = nlohmann::json::parse(read_file(folder / "shared/provenance.json"));
  CHECK(provenance["devices"] == nlohmann::json{"cuda: GPU 0: an emulated GPU", "cuda: GPU 1: an emulated GPU"});
}
#endif

TEST_CASE("a study on a GPU finds what the CPU finds") {
  const ScratchFolder folder;
  write_study(folder / "train.toml", "epochs = 3\nlearning_rate = 0.1");
  run_well(folder, {"train", "train.toml", "--out", "cpu", "--quiet"}, FUSIFORM_PROGRAM);
  run_well(folder, {"train", "train.toml", "--out", "gpu", "--quiet", "--device", "cuda"}, emulated);
  const std::string net = "cpu/checkpoints/seed0.safetensors";
  const auto scores = [&](const std::string& checkpoint, const std::vector<std::string>& device) {
    std::vector<std::string> words{"evaluate", checkpoint, "cpu/images.pack", "--json"};
    words.insert(words.end(), device.begin(), device.end());
    return nlohmann::json::parse(run_well(folder, words, emulated).out);
  };
  const nlohmann::json expected = scores(net, {});
  check_close(scores(net, {"--device", "cuda"}), expected, 1e-5);
  check_close(scores("gpu/checkpoints/seed0.safetensors", {}), expected, 1e-3);  // after 18 steps

  // From the same weights everything that follows agrees, and the ranking is the same.
  write_study(folder / "look.toml", "epochs = 0\ninit_from = '" + (folder / net) + "'");
  run_well(folder, {"lesion", "look.toml", "--out", "look_cpu", "--quiet"}, FUSIFORM_PROGRAM);
  run_well(folder, {"lesion", "look.toml", "--out", "look_gpu", "--quiet", "--device", "cuda"}, emulated);
  for (const char* ranking : {"rankings/seed0_conv2_faces.jsonl", "rankings/seed0_conv2_objects.jsonl"}) {
    std::istringstream cpu(read_file(folder / "look_cpu" + "/" + ranking));
    std::istringstream gpu(read_file(folder / "look_gpu" + "/" + ranking));
    std::string one, other;
    int iterations = 0;
    while (std::getline(cpu, one)) {
      REQUIRE(std::getline(gpu, other));
      const auto a = nlohmann::json::parse(one), b = nlohmann::json::parse(other);
      CHECK(b["selected"] == a["selected"]);
      CHECK(b["accuracies"] == a["accuracies"]);
      check_close(b["losses"], a["losses"], 1e-5);
      ++iterations;
    }
    CHECK(iterations == 3);
  }
  const auto summary = [&](const char* out) {
    return nlohmann::json::parse(read_file(folder / out + "/summary.json"));
  };
  CHECK(summary("look_cpu")["provenance"]["device"] == "cpu");
  CHECK(summary("look_gpu")["provenance"]["device"] == "cuda: GPU 0: an emulated GPU");
  CHECK(nlohmann::json::parse(read_file(folder / "look_gpu/provenance.json"))["device"] ==
        "cuda: GPU 0: an emulated GPU");
  const auto intact = [&](const char* out) { return summary(out)["nets"][0]["tasks"][0]["mean_loss"]; };
  check_close(intact("look_gpu"), intact("look_cpu"), 1e-5);

  for (const auto& [out, device] : {std::pair{"look_gpu", "cpu"}, {"look_cpu", "cuda"}}) {
    const Run other =
        run(folder, {"lesion", "look.toml", "--out", out, "--quiet", "--device", device}, {.program = emulated});
    CHECK(other.status == 1);
    CHECK_THAT(other.err, Contains("holds results computed on '") && Contains("choose --device "));
  }

  const auto features = [&](const std::string& device) {
    run_well(folder, {"features", net, "cpu/images.pack", "--layer", "conv2", "--out", device, "--device", device},
             emulated);
    return read_npy<float>(folder / (device + ".npy"));
  };
  const NpyArray<float> cpu = features("cpu"), gpu = features("cuda");
  CHECK(gpu.shape == cpu.shape);
  REQUIRE(gpu.values.size() == cpu.values.size());
  for (std::size_t i = 0; i < cpu.values.size(); ++i)
    CHECK(gpu.values[i] == Approx(cpu.values[i]).epsilon(1e-4).margin(1e-5));
}
