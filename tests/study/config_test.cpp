#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fusiform/study/config_file.hpp>
#include <fusiform/study/study_net.hpp>
#include <fusiform/study/training.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using Catch::Matchers::Contains;

namespace {

std::string problem_of(const std::string& contents) {
  const ScratchFolder folder;
  const std::string path = folder / "study.toml";
  std::ofstream(path) << contents;
  try {
    (void)load_study_config(path);
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Contains(path));
    return error.what();
  }
  return "no problem";
}

/// A complete file with one setting more, at line 8; `section` is its header, such as [train].
std::string file_with(const std::string& section, const std::string& setting) {
  const std::string task = "[[task]]\nname = 'faces'\nimages = 'faces'\n";
  if (section.empty()) return "#1\n#2\n#3\n#4\n#5\n#6\n#7\n" + setting + "\n" + task + "[net]\narch = '8'\n";
  if (section == "[net]") return "name = 's'\n" + task + "#5\n#6\n[net]\n" + setting + "\n";
  if (section == "[[task]]") return "name = 's'\n[net]\narch = '8'\n" + task + "#7\n" + setting + "\n";
  return "name = 's'\nnet.arch = '8'\n" + task + "#6\n" + section + "\n" + setting + "\n";
}

}  // namespace

TEST_CASE("every setting of a wrong type is named with its line, what was expected and what was found") {
  struct Key {
    std::string section;
    std::string name;
    std::string expected;
  };
  std::vector<Key> keys = {{"", "name", "a string"}, {"", "seeds", "a list"}};
  for (const char* key : {"name", "images", "format", "class_prefix"}) keys.push_back({"[[task]]", key, "a string"});
  for (const char* key : {"classes", "min_images", "train_per_class", "test_per_class"})
    keys.push_back({"[[task]]", key, "a whole number"});
  keys.push_back({"[[task]]", "test_fraction", "a number"});
  for (const char* key : {"arch", "branch_after"}) keys.push_back({"[net]", key, "a string"});
  keys.push_back({"[net]", "input", "a whole number"});
  keys.push_back({"[net]", "dropout", "a number"});
  for (const char* key : {"optimizer", "schedule", "precision"}) keys.push_back({"[train]", key, "a string"});
  for (const char* key : {"epochs", "batch", "step_size", "patience", "resize"})
    keys.push_back({"[train]", key, "a whole number"});
  for (const char* key : {"learning_rate", "momentum", "weight_decay", "factor", "grayscale", "flip"})
    keys.push_back({"[train]", key, "a number"});
  for (const char* key : {"layers", "fractions"}) keys.push_back({"[lesion]", key, "a list"});
  for (const char* key : {"fraction", "group", "delta", "epsilon", "race_audit", "audit"})
    keys.push_back({"[lesion]", key, "a number"});
  for (const char* key : {"images", "random_lesions", "pairs", "memory_mib"})
    keys.push_back({"[lesion]", key, "a whole number"});
  for (const char* key : {"selection", "kind"}) keys.push_back({"[lesion]", key, "a string"});
  keys.push_back({"[statistics]", "replicates", "a whole number"});
  for (const char* key : {"level", "matched_accuracy"}) keys.push_back({"[statistics]", key, "a number"});
  keys.push_back({"[statistics]", "interval", "a string"});
  keys.push_back({"[[task]]", "groups", "a table such as { birds = ['hen', 'owl_*'] }"});
  for (const Key& key : keys) {
    const std::string wrong = key.expected == "a string" ? "7" : key.expected == "a whole number" ? "1.5" : "'much'";
    const std::string problem = problem_of(key.section + "\n" + key.name + " = " + wrong + "\n");
    CAPTURE(key.section, key.name);
    CHECK_THAT(problem, Contains("line 2: '" + key.name + "'") && Contains("expected " + key.expected) &&
                            Contains("got " + (wrong == "'much'" ? "'much'" : wrong)));
  }
  CHECK_THAT(problem_of("[[task]]\ngroups = { old = 3 }\n"),
             Contains("line 2: 'old'") && Contains("a list in [ ], got 3"));
  CHECK_THAT(problem_of("seeds = [0,\n 'a']\n"), Contains("line 2: 'seeds'") && Contains("a whole number"));
  CHECK_THAT(problem_of("seeds = [-1]\n"), Contains("line 1: 'seeds'") && Contains("0 or more, got -1"));
  CHECK_THAT(problem_of("net = 3\n"), Contains("line 1: expected a section [net]"));
  CHECK_THAT(problem_of("[task]\nname = 'faces'\n"), Contains("line 1: expected [[task]], in double brackets"));
  CHECK_THAT(problem_of("[net]\ninput = \n"), Contains("line 2: "));
  CHECK_THAT(problem_of("[net]\ninput = 64\ninput = 32\n"), Contains("line 3: "));
}

TEST_CASE("every impossible value is named with its line, what was expected and what was found") {
  struct Case {
    std::string section;
    std::string setting;
    std::string found;
  };
  const std::vector<Case> cases = {
      {"", "name = ''", "name: expected a name of the study, got none"},
      {"", "name = 's'\nseeds = []", "seeds: expected at least one seed, got none"},
      {"", "name = 's'\nseeds = [3, 1, 3]", "seeds: expected each value once, got 3 twice"},
      {"[[task]]", "format = 'zip'", "format: expected folders, cifar10, idx or stimuli, got 'zip'"},
      {"[[task]]", "format = 'stimuli'", "images: expected stimuli:faces or stimuli:objects, got '"},
      {"[[task]]", "classes = -1", "classes: expected 0 or more, got -1"},
      {"[[task]]", "min_images = -1", "min_images: expected 0 or more, got -1"},
      {"[[task]]", "train_per_class = -1", "train_per_class: expected 0 or more, got -1"},
      {"[[task]]", "test_per_class = -1", "test_per_class: expected 0 or more, got -1"},
      {"[[task]]", "test_fraction = 1", "test_fraction: expected 0 <= test_fraction < 1, got 1"},
      {"[[task]]", "classes = 3\nformat = 'cifar10'", "classes: expected no such setting"},
      {"[net]", "arch = ''", "arch: expected an architecture or layer tokens, got none"},
      {"[net]", "input = 0\narch = '8'", "input: expected 1 or more, got 0"},
      {"[net]", "dropout = 1\narch = '8'", "dropout: expected 0 <= p < 1, got 1"},
      {"[train]", "epochs = -1", "epochs: expected 0 or more, got -1"},
      {"[train]", "batch = 0", "batch: expected 1 or more, got 0"},
      {"[train]", "optimizer = 'lion'", "optimizer: expected sgd or adam, got 'lion'"},
      {"[train]", "precision = 'fp16'", "precision: expected float, bf16x2 or bf16, got 'fp16'"},
      {"[train]", "learning_rate = 0", "learning_rate: expected more than 0, got 0"},
      {"[train]", "learning_rate = nan", "learning_rate: expected more than 0, got nan"},
      {"[train]", "learning_rate = inf", "learning_rate: expected more than 0, got inf"},
      {"[train]", "momentum = 1", "momentum: expected 0 <= momentum < 1, got 1"},
      {"[train]", "weight_decay = -0.5", "weight_decay: expected 0 or more, got -0.5"},
      {"[train]", "schedule = 'cosine'", "schedule: expected plateau, step or constant, got 'cosine'"},
      {"[train]", "step_size = 0", "step_size: expected 1 or more, got 0"},
      {"[train]", "patience = -1", "patience: expected 0 or more, got -1"},
      {"[train]", "factor = 2", "factor: expected 0 < factor < 1, got 2"},
      {"[train]", "resize = 63", "resize: expected at least the net's input, 64, got 63"},
      {"[train]", "grayscale = 1.5", "grayscale: expected a number from 0 to 1, got 1.5"},
      {"[train]", "flip = -0.5", "flip: expected a number from 0 to 1, got -0.5"},
      {"[lesion]", "layers = ['a', 'b', 'a']", "layers: expected each value once, got a twice"},
      {"[lesion]", "fraction = 1.5", "fraction: expected a number from 0 to 1, got 1.5"},
      {"[lesion]", "group = nan", "group: expected a number from 0 to 1, got nan"},
      {"[lesion]", "images = 0", "images: expected 1 or more, got 0"},
      {"[lesion]", "selection = 'last'", "selection: expected stratified or first, got 'last'"},
      {"[lesion]", "kind = 'ones'", "kind: expected zero, weights, mean, resample or scale, got 'ones'"},
      {"[lesion]", "fractions = [0, 20]", "fractions: expected a number from 0 to 1, got 20"},
      {"[lesion]", "random_lesions = -1", "random_lesions: expected 0 or more, got -1"},
      {"[lesion]", "pairs = -1", "pairs: expected 0 or more, got -1"},
      {"[lesion]", "audit = 1.5", "audit: expected a number from 0 to 1, got 1.5"},
      {"[lesion]", "memory_mib = 0", "memory_mib: expected 1 or more, got 0"},
      {"[lesion]", "delta = 0", "delta: expected a risk between 0 and 1, got 0"},
      {"[lesion]", "epsilon = -0.5", "epsilon: expected at least 0 nats, got -0.5"},
      {"[lesion]", "race_audit = 2", "race_audit: expected a number from 0 to 1, got 2"},
      {"[statistics]", "replicates = 99", "replicates: expected 100 or more, got 99"},
      {"[statistics]", "level = 95", "level: expected 0 < level < 1, got 95"},
      {"[statistics]", "interval = 'BCa'", "interval: expected percentile or bca, got 'BCa'"},
      {"[statistics]", "matched_accuracy = 1", "matched_accuracy: expected 0 <= matched_accuracy < 1, got 1"},
      {"[[task]]", "groups = { old = [] }", "groups: expected classes in group 'old', got none"},
      {"[[task]]", "groups = { old = '*_old' }", "beginnings of names with one '*' behind them, got '*_old'"},
      {"[[task]]", "groups = { old = ['a', ''] }", "beginnings of names with one '*' behind them, got ''"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.section, wrong.setting);
    const std::string problem = problem_of(file_with(wrong.section, wrong.setting));
    const bool second_line = wrong.found.starts_with("seeds") || wrong.found.starts_with("images: expected stimuli");
    if (!second_line) CHECK_THAT(problem, Contains("line 8: "));
    CHECK_THAT(problem, Contains("line ") && Contains(wrong.found));
  }
  // what is missing has no line of its own
  CHECK_THAT(problem_of("[net]\narch = '8'\n"), Contains("name: expected a name of the study, got none"));
  CHECK_THAT(problem_of("name = 's'\n"), Contains("task: expected at least one [[task]], got none"));
  CHECK_THAT(problem_of("name = 's'\n[[task]]\nname = 'a'\nimages = 'a'\n[[task]]\nname = 'a'\nimages = 'b'\n"),
             Contains("line 6: [[task]] number 2, name") && Contains("'a' twice"));
  CHECK_THAT(problem_of("name = 's'\n[[task]]\nname = 'random'\nimages = 'a'\n"),
             Contains("line 3: ") && Contains("'random'"));
}

TEST_CASE("an unknown key is refused with the nearest one there is") {
  CHECK_THAT(problem_of(file_with("[train]", "epoch = 3")),
             Contains("line 8: unknown key 'epoch' in [train]; did you mean 'epochs'?") && Contains("learning_rate"));
  CHECK_THAT(problem_of(file_with("[net]", "archi = 3")), Contains("did you mean 'arch'?"));
  CHECK_THAT(problem_of(file_with("[[task]]", "image = 'x'")), Contains("did you mean 'images'?"));
  CHECK_THAT(problem_of(file_with("[statistics]", "repliactes = 100")), Contains("did you mean 'replicates'?"));
  CHECK_THAT(problem_of(file_with("[lesions]", "fraction = 0.2")),
             Contains("line 7: unknown key 'lesions'") && Contains("did you mean 'lesion'?"));
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
}

TEST_CASE("folders are relative to the study file") {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "studies");
  const std::string path = folder / "studies/study.toml";
  std::ofstream(path) << "name = 's'\nseeds = [3, 4]\nnet.arch = '8'\n[[task]]\nname = 'a'\nimages = '../data/a'\n"
                         "[[task]]\nname = 'b'\nimages = '/data/b'\n[[task]]\nname = 'c'\nimages = 'stimuli:faces'\n";
  const StudyConfig config = load_study_config(path);
  CHECK(config.seeds == std::vector<std::uint64_t>{3, 4});
  CHECK(config.tasks[0].images == folder / "data/a");
  CHECK(config.tasks[1].images == "/data/b");
  CHECK(config.tasks[2].images == "stimuli:faces");
  CHECK(config.resize() == 74);  // 64 · 8/7, rounded up
  CHECK_THAT(problem_of("name = 's'\n"), !Contains("no problem"));
  try {
    (void)load_study_config(folder / "none.toml");
    FAIL("expected an error");
  } catch (const FileError& error) {
    CHECK_THAT(error.what(), Contains("none.toml: expected a study file"));
  }
}

TEST_CASE("a variant says only what is different from the main net") {
  const ScratchFolder folder;
  std::ofstream(folder / "study.toml") << R"(
name = "s"
seeds = [0, 1]
analyses = ["decode"]
[[task]]
name = "faces"
images = "stimuli:faces"
format = "stimuli"
held_out_classes = 4
groups = { old = "old_*", birds = ["hen", "owl_*"] }
[[task]]
name = "inverted"
images = "stimuli:faces"
format = "stimuli"
inverted = true
classes_of = "faces"
[net]
arch = "8 M 16"
[train]
epochs = 7
[[variant]]
name = "untrained"
train.epochs = 0
[[variant]]
name = "tuned"
seeds = [1]
analyses = ["lesion"]
net.tasks = ["faces"]
[variant.train]
init_from = "main"
freeze = ["conv1"]
learning_rates = { conv2 = 0.1 }
[[variant]]
name = "from a file"
train.init_from = "weights/vgg.safetensors"
)";
  const StudyConfig config = load_study_config(folder / "study.toml");
  CHECK(config.tasks[0].held_out_classes == 4);
  CHECK(config.tasks[0].groups ==
        std::map<std::string, std::vector<std::string>>{{"birds", {"hen", "owl_*"}}, {"old", {"old_*"}}});
  CHECK(config.tasks[1].inverted);
  REQUIRE(config.variants.size() == 3);
  CHECK(config.variants[0].train.epochs == 0);
  CHECK(config.variants[0].net.arch == "8 M 16");
  CHECK(config.variants[0].analyses == std::vector<std::string>{"decode"});
  CHECK(config.variants[1].train.epochs == 7);
  CHECK(config.variants[1].train.freeze == std::vector<std::string>{"conv1"});
  CHECK(config.variants[1].train.learning_rates.at("conv2") == 0.1);
  CHECK(config.variants[1].analyses == std::vector<std::string>{"lesion"});
  CHECK(config.variants[2].train.init_from == folder / "weights/vgg.safetensors");
  const std::vector<StudyNet> nets = study_nets(config);
  REQUIRE(nets.size() == 2 + 2 + 1 + 2);
  CHECK(nets[4].title() == "tuned, seed 1");
}

TEST_CASE("a wrong setting of a variant is named with its line and the variant") {
  const std::string head =
      "name = 's'\n[[task]]\nname = 'faces'\nimages = 'stimuli:faces'\nformat = 'stimuli'\n[net]\narch = '8'\n";
  const auto with = [&](const std::string& variant) { return problem_of(head + "[[variant]]\n" + variant); };
  CHECK(with("name = 'v'\n") == "no problem");
  CHECK_THAT(with("name = 'v'\ntrain.epochs = -1\n"),
             Contains("line 10") && Contains("variant 'v', [train] epochs: expected 0 or more, got -1"));
  CHECK_THAT(with("name = 'v'\ntrain.epoch = 1\n"), Contains("line 10") && Contains("did you mean 'epochs'"));
  CHECK_THAT(with("name = 'v'\nnet.tasks = ['cars']\n"), Contains("names of tasks") && Contains("'cars'"));
  CHECK_THAT(with("name = 'v'\nnet.input = 32\n"), Contains("main net's 74") && Contains("got 37"));
  CHECK_THAT(with("name = 'v'\nanalyses = ['lesions']\n"), Contains("decode, lesion, attribute or similarity"));
  CHECK_THAT(with("name = 'v'\ntrain.init_from = 'w'\n"), Contains("a variant further up") && Contains("'w'"));
  CHECK_THAT(with("name = 'v'\n[[variant]]\nname = 'v'\n"), Contains("another name for each variant"));
  CHECK_THAT(with("name = 'main'\n"), Contains("other than 'main'"));
  CHECK_THAT(with("name = 'v'\ntrain.learning_rates = 3\n"), Contains("a table such as { conv1 = 0.1 }"));
  CHECK_THAT(problem_of(head + "[variant]\nname = 'v'\n"), Contains("[[variant]], in double brackets"));
  CHECK_THAT(problem_of(head + "[[task]]\nname = 'x'\nimages = 'y'\nclasses_of = 'cars'\n"),
             Contains("classes_of") && Contains("'cars'"));
  CHECK_THAT(problem_of(head + "[train]\ninit_from = 'main'\n"), Contains("the main net is trained first"));
}

TEST_CASE("every study file of the examples can be read, and its nets have the layers it names") {
  const std::filesystem::path studies = std::filesystem::path(FUSIFORM_GOLDENS) / "../../examples/studies";
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(studies)) {
    if (entry.path().extension() != ".toml") continue;
    ++files;
    CAPTURE(entry.path().string());
    const StudyConfig config = load_study_config(entry.path().string());
    std::vector<ClassInfo> classes;  // of the same names in all tasks, so that one can be judged as another
    for (const TaskConfig& task : config.tasks)
      for (const char* name : {"a", "b"}) classes.push_back({task.name, name});
    for (const StudyNet& net : study_nets(config)) {
      CAPTURE(net.title());
      const NetConfig& settings = net.settings->net;
      const NetworkPlan plan = net_plan(settings, net_tasks(settings, config.tasks, classes));
      for (const std::string& layer : net.settings->lesion.layers)
        CHECK((!net.settings->does("lesion") ||
               std::any_of(plan.layers.begin(), plan.layers.end(), [&](const PlannedLayer& planned) {
                 return planned.name == layer || planned.alias == layer;
               })));
    }
  }
  CHECK(files >= 24);
}
