// [train] precision: trainings in bf16x2 and bf16 on an emulated GPU.

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/io/safetensors.hpp>

#include "tests/program/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

/// Two epochs; the net after the first of them is stored too.
void write_study(const std::string& path, const std::string& precision) {
  std::ofstream(path) << "name = 'precision'\n"
                         "[[task]]\nname = 'faces'\nimages = 'stimuli:faces'\n"
                         "classes = 3\ntrain_per_class = 8\ntest_per_class = 4\n"
                         "[[task]]\nname = 'objects'\nimages = 'stimuli:objects'\n"
                         "classes = 3\ntrain_per_class = 8\ntest_per_class = 4\n"
                         "[net]\narch = '8B M 8 M fc16 D'\ninput = 16\n"
                         "[train]\nepochs = 2\nbatch = 8\nresize = 18\nlearning_rate = 0.02\nflip = 0.5\n"
                         "snapshots = [1]\nprecision = '"
                      << precision << "'\n";
}

Run train(const ScratchFolder& folder, const std::string& precision, const std::string& device = "cuda") {
  write_study(folder / (precision + ".toml"), precision);
  return run(folder, {"train", precision + ".toml", "--out", precision, "--quiet", "--device", device},
             {.program = FUSIFORM_PROGRAM_EMULATED});
}

/// The losses of the last epoch: of the training images and of each task's test images.
std::vector<double> last_losses(const std::string& log) {
  const CsvTable table = read_csv(log);
  std::vector<double> losses;
  for (std::size_t i = 0; i < table.header.size(); ++i)
    if (table.header[i].ends_with("_loss")) losses.push_back(std::stod(table.rows.back().at(i)));
  return losses;
}

/// Of two lists of losses, the largest difference as a share of a loss.
double difference(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == 3);
  REQUIRE(expected.size() == 3);
  double largest = 0;
  for (std::size_t i = 0; i < 3; ++i) largest = std::max(largest, std::abs(found[i] - expected[i]) / expected[i]);
  return largest;
}

/// All weights of a checkpoint.
std::vector<double> learned(const std::string& path) {
  const SafetensorsFile file(path);
  std::vector<double> all;
  for (const std::string& name : file.names())
    if ((name.starts_with("features.") || name.starts_with("classifier.")) && file.dtype(name) == "F32") {
      const std::vector<float> values = file.read<float>(name);
      all.insert(all.end(), values.begin(), values.end());
    }
  return all;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE(a.size() > 1000);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

/// The checkpoint of the net after its first epoch.
std::string snapshot(const std::string& results) {
  for (const auto& file : std::filesystem::directory_iterator(results + "/checkpoints"))
    if (file.path().filename() != "seed0.safetensors") return file.path();
  return {};
}

}  // namespace

TEST_CASE("trainings in bf16x2 and bf16 on a GPU stay near that in float") {
  const ScratchFolder folder;
  for (const char* precision : {"float", "bf16x2", "bf16"}) {
    const Run result = train(folder, precision);
    CAPTURE(precision, result.err);
    REQUIRE(result.status == 0);
  }
  const auto losses = [&](const std::string& out) { return last_losses(folder / out + "/training_seed0.csv"); };
  const auto weights = [&](const std::string& out) {
    return read_file(folder / out + "/checkpoints/seed0.safetensors");
  };
  // Twelve steps. Products are off by 5e-6, or each of five layers by 2^-9; the loss is 1.8 or so.
  CHECK(difference(losses("bf16x2"), losses("float")) < 1e-6);
  CHECK(difference(losses("bf16"), losses("float")) < 1e-4);
  // As shares of the way that the weights go in the second epoch.
  const auto end = [&](const std::string& out) { return learned(folder / out + "/checkpoints/seed0.safetensors"); };
  const double way = distance(end("float"), learned(snapshot(folder / "float")));
  CHECK(distance(end("bf16x2"), end("float")) < 1e-5 * way);
  CHECK(distance(end("bf16"), end("float")) < 0.01 * way);
  CHECK(weights("bf16x2") != weights("float"));
  CHECK(weights("bf16") != weights("float"));
  CHECK(weights("bf16").size() == weights("float").size());  // float numbers in both

  // From what it was after the first epoch the training goes on as it did.
  const std::string trained = weights("bf16");
  std::filesystem::copy_file(snapshot(folder / "bf16"), folder / "bf16/checkpoints/seed0.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  REQUIRE(weights("bf16") != trained);
  REQUIRE(train(folder, "bf16").status == 0);
  CHECK(weights("bf16") == trained);

  // The command line says the same as the study file.
  write_study(folder / "bf16.toml", "float");
  const auto train_with_option = [&](const std::vector<std::string>& option) {
    std::vector<std::string> words{"train", "bf16.toml", "--out", "bf16", "--quiet", "--device", "cuda"};
    words.insert(words.end(), option.begin(), option.end());
    return run(folder, words, {.program = FUSIFORM_PROGRAM_EMULATED});
  };
  std::filesystem::copy_file(snapshot(folder / "bf16"), folder / "bf16/checkpoints/seed0.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(train_with_option({"--precision", "bf16"}).status == 0);
  CHECK(weights("bf16") == trained);
  CHECK(train_with_option({"--precision", "fp16"}).status == 2);

  // A folder belongs to one precision.
  const Run other = train_with_option({});
  CHECK(other.status == 1);
  CHECK_THAT(other.err, Contains("train/precision was \"bf16\", now it is not there"));
}

TEST_CASE("the CPU trains in float only, and says so before anything is made") {
  const ScratchFolder folder;
  for (const char* precision : {"bf16x2", "bf16"}) {
    const Run result = train(folder, precision, "cpu");
    CHECK(result.status == 1);
    CHECK_THAT(result.err,
               Contains("[train] precision: expected 'float' on device 'cpu', got '" + std::string(precision) + "'"));
    CHECK_FALSE(std::filesystem::exists(folder / precision));
  }
}
