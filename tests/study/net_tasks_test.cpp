#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

const std::vector<ClassInfo> classes = {{"faces", "ann"},   {"faces", "bob"},          {"objects", "axe"},
                                        {"objects", "bed"}, {"inverted faces", "bob"}, {"objects", "cup"}};
const std::vector<TaskConfig> tasks = {
    {.name = "faces", .images = "f"},
    {.name = "objects", .images = "o"},
    {.name = "inverted faces", .images = "f", .inverted = true, .classes_of = "faces"}};

}  // namespace

TEST_CASE("a shared classifier numbers the classes of its tasks one after the other") {
  const std::vector<NetTask> found = net_tasks(NetConfig{}, tasks, classes);
  REQUIRE(found.size() == 3);
  CHECK(found[0].outputs == std::vector<Index>{0, 1, -1, -1, -1, -1});
  CHECK(found[1].outputs == std::vector<Index>{-1, -1, 2, 3, -1, 4});
  CHECK(found[2].task == "inverted faces");
  CHECK(found[2].outputs == std::vector<Index>{-1, -1, -1, -1, 1, -1});  // bob
  CHECK(found[2].classes == 1);
  CHECK_FALSE(found[2].is_trained());
  const std::vector<Head> heads = net_heads(NetConfig{}, found);
  REQUIRE(heads.size() == 1);
  CHECK(heads[0].classes == 5);
}

TEST_CASE("a branched net numbers the classes of each task from 0") {
  const NetConfig net{.branch_after = "conv1"};
  const std::vector<NetTask> found = net_tasks(net, tasks, classes);
  CHECK(found[1].outputs == std::vector<Index>{-1, -1, 0, 1, -1, 2});
  const std::vector<Head> heads = net_heads(net, found);
  REQUIRE(heads.size() == 2);
  CHECK(heads[0].name == "faces");
  CHECK(heads[1].classes == 3);
}

TEST_CASE("a net of one task has no outputs for the others") {
  const std::vector<NetTask> found = net_tasks(NetConfig{.tasks = {"objects"}}, tasks, classes);
  REQUIRE(found.size() == 1);
  CHECK(found[0].outputs == std::vector<Index>{-1, -1, 0, 1, -1, 2});
}

TEST_CASE("one category has one output") {
  std::vector<TaskConfig> consolidated = tasks;
  consolidated[0].one_category = true;
  const std::vector<NetTask> found = net_tasks(NetConfig{}, consolidated, classes);
  CHECK(found[0].outputs == std::vector<Index>{0, 0, -1, -1, -1, -1});
  CHECK(found[0].classes == 1);
  CHECK(found[1].outputs == std::vector<Index>{-1, -1, 1, 2, -1, 3});
  CHECK(net_heads(NetConfig{}, found)[0].classes == 4);
}

TEST_CASE("chance is that of the classifier which judges a task") {
  std::vector<TaskConfig> consolidated = tasks;
  consolidated[0].one_category = true;
  const auto counts = [](const NetConfig& net, const std::vector<TaskConfig>& config) {
    const std::vector<NetTask> all = net_tasks(net, config, classes);
    std::vector<Index> result;
    for (const NetTask& task : all) result.push_back(classes_to_tell_apart(net, all, task));
    return result;
  };
  // faces, objects, inverted faces
  CHECK(counts({}, tasks) == std::vector<Index>{5, 5, 5});
  CHECK(counts({}, consolidated) == std::vector<Index>{4, 4, 4});
  CHECK(counts({.branch_after = "conv1"}, tasks) == std::vector<Index>{2, 3, 2});
  CHECK(counts({.tasks = {"faces"}}, tasks) == std::vector<Index>{2, 2});
  CHECK_THAT(error_of([&] {
               (void)classes_to_tell_apart({.tasks = {"faces"}, .branch_after = "conv1"},
                                           net_tasks({.tasks = {"faces"}, .branch_after = "conv1"}, tasks, classes),
                                           {.task = "objects", .trained_as = "objects"});
             }),
             Contains("no classifier for task 'objects'"));
}

TEST_CASE("a task judged as another may have no class of its own") {
  std::vector<ClassInfo> strange = classes;
  strange[4].name = "carl";
  CHECK_THAT(error_of([&] { (void)net_tasks(NetConfig{}, tasks, strange); }),
             Contains("inverted faces") && Contains("only classes of task 'faces'") && Contains("carl"));
}

TEST_CASE("images of a task are found by its outputs") {
  Manifest manifest;
  manifest.classes = classes;
  for (Index i = 0; i < 12; ++i) manifest.images.push_back({text(i), i % 6, i < 6 ? Split::train : Split::test});
  const std::vector<NetTask> found = net_tasks(NetConfig{}, tasks, classes);
  CHECK(task_images(manifest, found[1], Split::test) == std::vector<Index>{8, 9, 11});
  CHECK(task_images(manifest, found[2], Split::train) == std::vector<Index>{4});
}
