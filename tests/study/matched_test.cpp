#include <numeric>

#include <fusiform/study/matched_summary.hpp>

#include "tests/study/made_up_effects.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

namespace {

/// 100 images each, in 10 classes of the same make-up. The intact net finds 80 of faces and 40 of objects. A task's own
/// units take everything; the units of objects make the net right about all faces; those of faces do nothing to
/// objects.
LayerEffects unequal_tasks() {
  return made_up_effects({"faces", "objects"}, 100, 10,
                         {[](std::size_t i, std::size_t lesion) { return lesion == 0 ? i < 80 : lesion == 2; },
                          [](std::size_t i, std::size_t lesion) { return lesion != 2 && i < 40; }});
}

Json matched(const LayerEffects& effects, double accuracy = 0) {
  return detail::summarize_matched(effects, 0.2, Rng(1), Rng(2), {.replicates = 200, .matched_accuracy = accuracy});
}

double estimate(const Json& interval) { return interval.at("estimate").get<double>(); }

}  // namespace

TEST_CASE("tasks are compared on images on which the intact net is equally good") {
  const Json result = matched(unequal_tasks());
  // a / (1 - b + a) = 0.4 / 0.6: 40 right faces and 40 wrong objects are taken away, 60 are left of each, 40 right.
  CHECK(result["accuracy"].get<double>() == Approx(2.0 / 3));
  for (const Json& task : result["tasks"]) {
    CHECK(task["images"] == 60);
    CHECK(task["of"] == 100);
    CHECK(estimate(task["top1"]) == Approx(2.0 / 3));
    CHECK(task["classes"].get<int>() <= 10);
  }
  // On all images d(faces | objects) = (0.8 - 1) / 0.8 = -0.25, now (2/3 - 1) / (2/3).
  const std::vector<double> drops = {1, -0.5, 0, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    const Json& drop = result["drops"][i];
    CHECK(drop["task"] == (i < 2 ? "faces" : "objects"));
    CHECK(drop["sort_task"] == (i % 2 == 0 ? "faces" : "objects"));
    CHECK(estimate(drop["drop"]) == Approx(drops[i]).margin(1e-12));
  }
  CHECK(estimate(result["specificity"][0]["specificity"]) == Approx(1));
  CHECK(estimate(result["specificity"][1]["specificity"]) == Approx(1.5));
  CHECK(estimate(result["index"]) == Approx(2.5 / 1.5));  // outside -1 to 1, since a drop is negative
  CHECK(result["p"].get<double>() < 0.05);
  CHECK(result["fraction"] == 0.2);
  CHECK_FALSE(result.contains("reason"));
}

TEST_CASE("the accuracy to match at can be chosen") {
  const Json result = matched(unequal_tasks(), 0.5);
  CHECK(result["accuracy"] == 0.5);
  CHECK(result["tasks"][0]["images"] == 40);  // 100 · (0.5 - 0.8) / (0.5 - 1) = 60 right faces less
  CHECK(result["tasks"][1]["images"] == 80);  // 100 · (0.5 - 0.4) / 0.5 = 20 wrong objects less
  for (const Json& task : result["tasks"]) CHECK(estimate(task["top1"]) == Approx(0.5));
}

TEST_CASE("what is taken away is right or wrong, and the rest stays as it was") {
  const LayerEffects effects = unequal_tasks();
  const std::vector<TaskResponses> all = detail::responses_at(effects, 0.2);
  for (const TaskResponses& task : all) {
    const detail::MatchedTask some(task, 2.0 / 3, Rng(5));
    CHECK(std::accumulate(some.base.begin(), some.base.end(), 0) == 40);
    CHECK(some.labels.size() == 60);
    CHECK(some.of == 100);
    for (std::size_t i = 0; i < some.labels.size(); ++i) {  // an image keeps its answers under all lesions
      if (task.task == "faces") CHECK((some.lesioned[0][i] == 0 && some.lesioned[1][i] == 1));
      if (task.task == "objects") CHECK((some.lesioned[0][i] == some.base[i] && some.lesioned[1][i] == 0));
    }
  }
}

TEST_CASE("equal tasks are matched as they are") {
  const LayerEffects effects =
      made_up_effects({"faces", "objects"}, 20, 4,
                      {[](std::size_t i, std::size_t lesion) { return i < 15 && lesion != 1; },
                       [](std::size_t i, std::size_t lesion) { return i < 15 && lesion != 2; }});
  const Json result = matched(effects);
  CHECK(result["accuracy"].get<double>() == Approx(0.75));
  for (const Json& task : result["tasks"]) CHECK(task["images"] == 20);
  CHECK(estimate(result["index"]) == Approx(1));
}

TEST_CASE("where nothing can be matched the reason is given") {
  const IsRight all = [](std::size_t, std::size_t lesion) { return lesion == 0; };
  const IsRight none = [](std::size_t, std::size_t) { return false; };
  const Json no_objects = matched(made_up_effects({"faces", "objects"}, 8, 2, {all, none}));
  CHECK_THAT(no_objects["reason"].get<std::string>(), Contains("finds none of the images of objects"));
  CHECK(no_objects.size() == 1);
  const LayerEffects perfect = made_up_effects({"faces", "objects"}, 8, 2, {all, all});
  CHECK(matched(perfect)["accuracy"] == 1.0);
  CHECK_THAT(matched(perfect, 0.7)["reason"].get<std::string>(), Contains("finds all images of faces"));
  CHECK_THAT(matched(made_up_effects({"faces"}, 8, 2, {all}))["reason"].get<std::string>(),
             Contains("fewer than two tasks"));
}
