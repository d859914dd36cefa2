#include <nlohmann/json.hpp>
#include <set>

#include <fusiform/io/safetensors.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/study/outcome_store.hpp>

#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

VariantConfig variant_of(const StudyConfig& config, const std::string& name) {
  VariantConfig variant;
  static_cast<NetSettings&>(variant) = config;
  variant.name = name;
  variant.analyses = {};
  return variant;
}

const json& net_named(const json& summary, const std::string& name) {
  for (const json& net : summary["nets"])
    if (net["net"] == name) return net;
  FAIL("no net " << name);
  return summary;
}

}  // namespace

TEST_CASE("one study trains single-task, untrained and branched nets beside the shared one") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv2"};
  VariantConfig faces = variant_of(config, "faces only");
  faces.net.tasks = {"faces"};
  VariantConfig untrained = variant_of(config, "untrained");
  untrained.train.epochs = 0;
  VariantConfig branched = variant_of(config, "branched");
  branched.net.branch_after = "conv1";
  branched.seeds = {5, 6};
  config.variants = {faces, untrained, branched};
  run_quietly(config, folder.path());

  const json summary = summary_in(folder.path());
  REQUIRE(summary["nets"].size() == 5);
  CHECK(net_named(summary, "faces only")["tasks"].size() == 1);
  CHECK(net_named(summary, "faces only")["tasks"][0]["classes"] == 4);
  CHECK(net_named(summary, "branched")["seed"] == 5);
  CHECK(summary["layers"].size() == 1);  // only the main net is lesioned
  CHECK(summary["layers"][0]["net"] == "");

  const StudyPaths paths(folder.path());
  const StudyNetwork single = load_network<float>(paths.checkpoint({"faces only", 0}));
  CHECK(single.node(single.heads().front()).shape.size() == 4);
  CHECK(load_network<float>(paths.checkpoint({"branched", 6})).heads().size() == 2);
  const TrainingState<float> start = load_training_state<float>(paths.checkpoint({"untrained", 0}));
  CHECK(start.epoch == 0);
  CHECK_THAT(read_file(folder / "report.html"), Contains("faces only, seed 0"));

  // More variants and seeds are welcome in the same folder, a change of one that was run is not.
  config.variants[0].train.batch = 4;
  CHECK_THAT(error_of([&] { run_quietly(config, folder.path()); }),
             Contains("variants/faces only/train/batch was 8, now it is 4"));
  config.variants[0] = variant_of(config, "objects only");
  config.variants[0].net.tasks = {"objects"};
  run_quietly(config, folder.path());
  CHECK(summary_in(folder.path())["nets"].size() == 5);
}

TEST_CASE("a single-task net of a study equals a study of that task alone") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  VariantConfig only = variant_of(config, "only");
  only.net.tasks = {"objects"};
  config.analyses = {};
  config.variants = {only};
  run_quietly(config, folder / "both", StudyStage::train);
  StudyConfig alone = tiny_study();
  alone.tasks.erase(alone.tasks.begin());
  run_quietly(alone, folder / "alone", StudyStage::train);
  const std::string expected = read_file(StudyPaths(folder / "alone").checkpoint({"", 0}));
  CHECK(read_file(StudyPaths(folder / "both").checkpoint({"only", 0})) == expected);
}

TEST_CASE("a variant starts from another net of its seed, with a frozen trunk and a new classifier") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.analyses = {};
  config.net.tasks = {"faces"};
  config.seeds = {0, 3};
  VariantConfig transferred = variant_of(config, "to objects");
  transferred.net.tasks = {"objects"};
  transferred.train.init_from = "main";
  transferred.train.reset_head = true;
  transferred.train.freeze = {"trunk"};
  VariantConfig tuned = variant_of(config, "tuned");
  tuned.train.init_from = "main";
  tuned.train.freeze = {"conv1"};
  tuned.train.learning_rates = {{"conv2", 0.1}};
  config.variants = {transferred, tuned};
  run_quietly(config, folder.path(), StudyStage::train);
  const StudyPaths paths(folder.path());
  for (const std::uint64_t seed : config.seeds) {
    const SafetensorsFile main(paths.checkpoint({"", seed}));
    const SafetensorsFile to_objects(paths.checkpoint({"to objects", seed}));
    const SafetensorsFile fine(paths.checkpoint({"tuned", seed}));
    for (const std::string layer : {"features.0", "features.3", "classifier.0"})
      for (const std::string part : {".weight", ".bias"})
        CHECK(main.read<float>(layer + part) == to_objects.read<float>(layer + part));
    CHECK(main.read<float>("classifier.2.weight") != to_objects.read<float>("classifier.2.weight"));
    CHECK(main.read<float>("features.0.weight") == fine.read<float>("features.0.weight"));
    CHECK(main.read<float>("features.3.weight") != fine.read<float>("features.3.weight"));
  }

  config.variants[0].train.freeze = {"conv9"};
  CHECK_THAT(error_of([&] { run_quietly(config, folder / "unknown", StudyStage::train); }), Contains("conv9"));
  CHECK_FALSE(std::filesystem::exists(folder / "unknown"));  // before anything is trained
  config.variants[0].train.freeze = {};
  config.variants[0].seeds = {7};
  CHECK_THAT(error_of([&] { run_quietly(config, folder / "seeds", StudyStage::train); }),
             Contains("'to objects'") && Contains("seed 7"));
  config.variants[0].train.init_from = "tuned";
  CHECK_THAT(error_of([&] { run_quietly(config, folder / "order", StudyStage::train); }), Contains("further up"));
}

TEST_CASE("held-out classes are packed apart and never trained on") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  for (TaskConfig& task : config.tasks) task.held_out_classes = 2;
  config.decode.images_per_class = 7;
  run_quietly(config, folder.path(), StudyStage::pack);
  const StudyPaths paths(folder.path());
  const ImagePack trained(paths.tasks().pack);
  const ImagePack held_out(paths.held_out().pack);
  CHECK(trained.classes().size() == 8);
  CHECK(held_out.classes().size() == 4);
  CHECK(held_out.count() == 4 * 7);
  CHECK(held_out.select("", Split::train).empty());
  for (const ClassInfo& info : held_out.classes())
    CHECK(std::find(trained.classes().begin(), trained.classes().end(), info) == trained.classes().end());

  StudyConfig other_seed = config;
  other_seed.seeds = {1};
  run_quietly(other_seed, folder / "other", StudyStage::pack);
  CHECK(ImagePack(StudyPaths(folder / "other").held_out().pack).classes() != held_out.classes());
}

TEST_CASE("inverted images are judged as the classes of the upright task") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  TaskConfig inverted = config.tasks[0];
  inverted.name = "inverted faces";
  inverted.inverted = true;
  inverted.classes_of = "faces";
  config.tasks.push_back(inverted);
  config.lesion.layers = {"conv2"};
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  const json& scores = net_named(summary, "")["tasks"];
  REQUIRE(scores.size() == 3);
  CHECK(scores[2]["trained_as"] == "faces");
  const json& layer = summary["layers"][0];
  CHECK(layer["rankings"].size() == 2);  // nothing is ranked for it
  CHECK(layer["effects"].size() == 3);   // but every lesion is judged on it
  CHECK(layer["segregation"]["specificity"].size() == 2);

  const ImagePack pack(StudyPaths(folder.path()).tasks().pack);
  const std::vector<Index> upright = pack.select("faces", Split::test);
  const std::vector<Index> turned = pack.select("inverted faces", Split::test);
  REQUIRE(upright.size() == turned.size());
  const ImageView a = pack.image(upright[3]);
  const ImageView b = pack.image(turned[3]);
  for (Index y = 0; y < a.height; ++y)
    CHECK(std::equal(a.pixels + y * a.width * 3, a.pixels + (y + 1) * a.width * 3,
                     b.pixels + (a.height - 1 - y) * a.width * 3));
}

TEST_CASE("faces as one category leave one output for all of them") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.tasks[0].one_category = true;
  config.lesion.layers = {"conv2"};
  run_quietly(config, folder.path());
  const json summary = summary_in(folder.path());
  CHECK(net_named(summary, "")["tasks"][0]["classes"] == 1);
  for (const json& task : summary["tasks"]) CHECK(task["chance_top1"] == 0.2);  // faces, or one of four objects
  CHECK(summary["layers"][0]["rankings"][0]["classes_covered"] == 4);           // images of all identities
}

TEST_CASE("random-class controls give the null of the index, resumed without repeating what is there") {
  const ScratchFolder folder;
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv2"};
  config.lesion.random_classes = 2;
  run_quietly(config, folder.path());
  const StudyPaths paths(folder.path());
  const std::string first = read_file(paths.control({"", 0}, "conv2", 0));
  const json null = summary_in(folder.path())["layers"][0]["random_classes"];
  CHECK(null["draws"] == 2);
  CHECK(null["indices"].size() + null["undefined"].get<std::size_t>() == 2);

  const LayerEffects effects = read_effects(paths.control({"", 0}, "conv2", 1));
  REQUIRE(effects.tasks.size() == 2);
  std::set<Index> halves[2];
  for (std::size_t half = 0; half < 2; ++half)
    halves[half].insert(effects.tasks[half].labels.begin(), effects.tasks[half].labels.end());
  CHECK(halves[0].size() == 4);
  CHECK(halves[1].size() == 4);
  for (const Index label : halves[0]) CHECK_FALSE(halves[1].contains(label));

  config.lesion.random_classes = 3;
  run_quietly(config, folder.path());
  CHECK(read_file(paths.control({"", 0}, "conv2", 0)) == first);
  CHECK(summary_in(folder.path())["layers"][0]["random_classes"]["draws"] == 3);

  config.net.branch_after = "conv1";
  config.lesion.layers.clear();
  CHECK_THAT(error_of([&] { run_quietly(config, folder / "branched"); }),
             Contains("random_classes") && Contains("one classifier") && Contains("2 classifiers"));
}
