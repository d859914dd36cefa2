#include <cmath>
#include <filesystem>

#include <fusiform/study/class_summary.hpp>
#include <fusiform/study/report_figures.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/study/made_up_effects.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

namespace {

const std::vector<ClassInfo> table_of_classes = {
    {"faces", "old_a"}, {"faces", "old_b"}, {"faces", "new_c"}, {"faces", "new_d"}, {"objects", "chair"}};

/// 40 faces, ten of each class, and 4 objects. The units of faces take everything from the old faces and nothing from
/// the new; the intact net never finds new_d, and 8 of 10 of the others. Objects lose nothing.
LayerEffects old_faces_lost() {
  LayerEffects effects = made_up_effects(
      {"faces", "objects"}, 40, 4,
      {[](std::size_t i, std::size_t lesion) { return i % 4 != 3 && i < 32 && (i % 4 == 2 || lesion != 1); },
       [](std::size_t, std::size_t) { return true; }});
  TaskEffects<float>& objects = effects.tasks[1];
  objects.labels.assign(4, 0);
  for (Outcomes<float>& outcomes : objects.lesioned) {
    outcomes.resize(4);
  }
  return effects;
}

detail::ClassedEffects classed(const LayerEffects& effects) {
  detail::ClassedEffects result{.effects = effects, .fraction = 0.2, .classes = table_of_classes};
  result.labels = {effects.tasks[0].labels, std::vector<Index>(4, 4)};
  return result;
}

CsvTable class_table(const LayerEffects& effects, const ScratchFolder& folder) {
  CsvWriter file(folder / "classes.csv", detail::class_effects_columns);
  detail::write_class_effects(classed(effects), file);
  file.commit();
  return read_csv(folder / "classes.csv");
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("every class has a row for every lesion") {
  const ScratchFolder folder;
  const CsvTable table = class_table(old_faces_lost(), folder);
  REQUIRE(table.rows.size() == 2 * 5);
  const auto number = [&](const std::string& name, const std::string& sort_task, const char* column) {
    for (std::size_t row = 0; row < table.rows.size(); ++row)
      if (table.rows[row][table.column("class")] == name && table.rows[row][table.column("sort_task")] == sort_task)
        return table.number(row, column);
    FAIL("no row for " << name);
    return 0.0;
  };
  for (const char* lost : {"old_a", "old_b"}) {
    CHECK(number(lost, "faces", "drop") == 1);
    CHECK(number(lost, "faces", "top1") == 0.8);
    CHECK(number(lost, "faces", "top1_lesioned") == 0);
    CHECK(number(lost, "faces", "loss_change") == Approx(0.8 * 1.75));  // 8 of 10 images from 0.25 to 2 nats
    CHECK(number(lost, "objects", "drop") == 0);
    CHECK(number(lost, "objects", "images") == 10);
  }
  CHECK(number("new_c", "faces", "drop") == 0);
  CHECK(std::isnan(number("new_d", "faces", "drop")));  // nothing to lose
  CHECK(number("chair", "faces", "images") == 4);
  CHECK(table.rows[0][table.column("layer")] == "conv1");
  CHECK(table.rows[0][table.column("task")] == "faces");
}

TEST_CASE("single classes are drawn sorted, with their names in the numbers") {
  const ScratchFolder folder;
  const CsvTable table = class_table(old_faces_lost(), folder);
  Json layer{{"layer", "conv1"}};
  for (const char* task : {"faces", "objects"}) {
    layer["rankings"].push_back({{"task", task}});
    layer["effects"].push_back({{"task", task}});
  }
  CHECK(detail::sorted_class_drops(table, "conv1", "faces", "faces") == std::vector<double>{1, 1, 0});
  const std::vector<CaptionedFigure> figures = class_effect_figures("classes", table, layer);
  REQUIRE(figures.size() == 1);
  CHECK(figures[0].figure.columns == table.header);
  CHECK(figures[0].figure.rows.size() == 10);
  CHECK_THAT(figures[0].caption, Contains("conv1") && Contains("faces 10, objects 4"));
  CHECK(write_figure(figures[0].figure, folder.path()).problem.empty());
  CHECK(read_csv(folder / "classes.csv").rows == table.rows);
  layer["layer"] = "conv2";
  CHECK(class_effect_figures("classes", table, layer).empty());
}

TEST_CASE("groups of classes and the difference between them") {
  std::vector<TaskConfig> tasks(2);
  tasks[0].name = "faces";
  tasks[0].groups = {{"old", {"old_*"}}, {"young", {"new_c"}}};
  tasks[1].name = "objects";
  const Json result = detail::summarize_groups(classed(old_faces_lost()), tasks, Rng(3), {.replicates = 200});
  REQUIRE(result.size() == 2);  // two lesions of the one task with groups
  const Json& own = result[0];
  CHECK(own["task"] == "faces");
  CHECK(own["sort_task"] == "faces");
  REQUIRE(own["groups"].size() == 2);
  CHECK(own["groups"][0]["group"] == "old");
  CHECK(own["groups"][0]["classes"] == 2);
  CHECK(own["groups"][0]["images"] == 20);
  CHECK(own["groups"][0]["top1"]["estimate"] == 0.8);
  for (const char* part : {"estimate", "low", "high"}) {
    CHECK(own["groups"][0]["drop"][part] == 1.0);  // in every resample
    CHECK(own["groups"][1]["drop"][part] == 0.0);
    CHECK(own["differences"][0]["drop"][part] == 1.0);
  }
  CHECK(own["groups"][1]["images"] == 10);  // new_d is in no group
  CHECK(own["differences"].size() == 1);
  CHECK(own["differences"][0]["first"] == "old");
  CHECK(own["differences"][0]["second"] == "young");
  CHECK(own["differences"][0]["p"].get<double>() == Approx(2.0 / 201));
  CHECK(result[1]["sort_task"] == "objects");
  CHECK(result[1]["differences"][0]["drop"]["estimate"] == 0.0);
  CHECK(result[1]["differences"][0]["p"] == 1.0);
}

TEST_CASE("the drawing of groups names them, and what they are made of") {
  std::vector<TaskConfig> tasks(1);
  tasks[0].name = "faces";
  tasks[0].groups = {{"old", {"old_*"}}, {"young", {"new_*"}}};
  Json layer{{"layer", "conv1"}};
  layer["groups"] = detail::summarize_groups(classed(old_faces_lost()), tasks, Rng(3), {.replicates = 100});
  const Json summary{{"level", 0.95}, {"replicates", 100}, {"interval", "bca"}};
  const std::vector<CaptionedFigure> figures = group_figures("groups", summary, layer);
  REQUIRE(figures.size() == 1);
  CHECK_THAT(figures[0].caption, Contains("old 20 images of 2 classes, young 20 images of 2 classes") &&
                                     Contains("95 % intervals, BCa bootstrap"));
  const ScratchFolder folder;
  CHECK(write_figure(figures[0].figure, folder.path()).problem.empty());
  const CsvTable numbers = read_csv(folder / "groups.csv");
  REQUIRE(numbers.rows.size() == 4);
  CHECK(numbers.rows[0][0] == "tested on faces, units ranked for faces");
  CHECK(numbers.rows[0][1] == "old");
  CHECK(numbers.number(0, "value") == 1);
  CHECK(group_figures("groups", summary, Json{{"layer", "conv1"}}).empty());
}

TEST_CASE("names of groups that are wrong are refused") {
  TaskConfig task{.name = "faces"};
  const std::vector<ClassInfo> held_out = {{"faces", "lost_x"}};
  const auto problem_with = [&](std::map<std::string, std::vector<std::string>> groups) {
    task.groups = std::move(groups);
    return message_of([&] { check_groups(task, table_of_classes, held_out); });
  };
  CHECK(problem_with({}) == "no error");
  CHECK(problem_with({{"old", {"old_*"}}, {"rest", {"new_c", "new_d", "lost_x"}}}) == "no error");
  CHECK_THAT(problem_with({{"old", {"odl_a"}}}),
             Contains("task 'faces', group 'old'") && Contains("'odl_a'") && Contains("nearest are: old_a"));
  CHECK_THAT(problem_with({{"chairs", {"chair"}}}), Contains("fits none"));  // of another task
  CHECK_THAT(problem_with({{"lost", {"lost_*"}}}), Contains("group 'lost'") && Contains("not held out"));
  CHECK_THAT(problem_with({{"all", {"*"}}, {"old", {"old_*"}}}),
             Contains("each class in one group, got 'old_a' in 'all' and 'old'"));
  CHECK(fits("new_c", "new_c"));
  CHECK_FALSE(fits("new_c", "new_cd"));
  CHECK(fits("new_c*", "new_cd"));
}
