#pragma once
/// A summary as a study with several nets writes it, with made-up numbers.

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fusiform::test {

using Json = nlohmann::ordered_json;

inline Json interval(double estimate, double half = 0.05) {
  return {{"estimate", estimate}, {"low", estimate - half}, {"high", estimate + half}, {"sd", half / 2}};
}

inline Json example_net(const std::string& name, int seed, const std::vector<std::string>& trained, int epochs,
                        const std::string& branch = "", int shared = -1) {
  Json net{{"net", name}, {"seed", seed}, {"arch", "vgg16"}, {"epochs", epochs}, {"trained_tasks", trained}};
  net["branch_after"] = branch;
  net["shared_layers"] = shared < 0 ? Json(nullptr) : Json(shared);
  for (const std::string& task : trained) {
    const double top1 = (epochs == 0 ? 0.05 : 0.7) + 0.01 * seed + (task == "objects" ? 0.1 : 0);
    net["tasks"].push_back({{"name", task},
                            {"trained_as", task},
                            {"images", 150},
                            {"classes", 30},
                            {"top1", top1},
                            {"top1_interval", interval(top1)},
                            {"top5", top1 + 0.15},
                            {"mean_loss", 1.5}});
  }
  return net;
}

inline Json example_layer(const std::string& name, int seed, const std::string& layer, double index,
                          const std::vector<std::string>& tasks, bool controls) {
  Json entry{{"net", name}, {"seed", seed}, {"layer", layer}, {"units", 20}};
  for (std::size_t s = 0; s < tasks.size(); ++s) {
    const std::vector<int> selected{int(2 * s), int(2 * s) + 1, int(2 * s) + 2, int(2 * s) + 3};
    entry["rankings"].push_back({{"task", tasks[s]},
                                 {"images", 640},
                                 {"classes_covered", 30},
                                 {"classes", 30},
                                 {"selected", selected},
                                 {"selected_at_headline", selected}});
    std::vector<double> effects;
    for (int u = 0; u < 20; ++u) effects.push_back(0.01 * std::abs(std::sin(u * (1.0 + double(s)) + seed)));
    entry["single_units"]["loss_increase"][tasks[s]] = effects;
    Json effect{{"task", tasks[s]}, {"images", 150}, {"top1", interval(0.7)}, {"mean_loss", 1.5}};
    for (const std::string& sort_task : tasks)
      for (const double fraction : {0.1, 0.2}) {
        const double drop = fraction * (sort_task == tasks[s] ? 3 : 3 * (1 - index));
        effect["lesions"].push_back({{"sort_task", sort_task},
                                     {"fraction", fraction},
                                     {"units", int(20 * fraction)},
                                     {"mean_loss", 2.0},
                                     {"top1", interval(0.7 * (1 - drop))},
                                     {"drop", interval(drop)}});
      }
    effect["random_lesions"] = {
        {"sets", 3}, {"mean_drop", 0.06}, {"low", 0.02}, {"high", 0.1}, {"drops", {0.02, 0.06, 0.1}}};
    entry["effects"].push_back(effect);
  }
  entry["single_units"]["spearman"] = 0.25;
  for (std::size_t a = 0; a < tasks.size(); ++a)
    for (std::size_t b = a + 1; b < tasks.size(); ++b)
      entry["overlap"].push_back({{"tasks", {tasks[a], tasks[b]}},
                                  {"set_size", 4},
                                  {"common", b == a + 1 ? 2 : 0},
                                  {"expected_by_chance", 0.8}});
  entry["segregation"] = {{"fraction", 0.2}, {"index", interval(index)}, {"p", 0.01}};
  for (const std::string& task : tasks)
    entry["segregation"]["specificity"].push_back({{"task", task}, {"specificity", interval(0.2)}, {"p", 0.01}});
  entry["random_classes"] = nullptr;
  if (controls)
    entry["random_classes"] = {{"draws", 4},    {"undefined", 1}, {"indices", {-0.04, 0.01, 0.06}},
                               {"mean", 0.01},  {"sd", 0.05},     {"low", -0.035},
                               {"high", 0.055}, {"p", 0.25}};
  return entry;
}

inline void add_example_decoding(Json& summary, const std::string& net, int seed, const std::string& layer, int depth,
                                 double accuracy) {
  for (const std::string& task : {std::string("faces"), std::string("objects")})
    summary["decoding"].push_back({{"net", net},
                                   {"seed", seed},
                                   {"task", task},
                                   {"layer", layer},
                                   {"depth", depth},
                                   {"classes", 4},
                                   {"images", 40},
                                   {"chance", 0.25},
                                   {"accuracy", interval(accuracy)},
                                   {"matching", interval(0.5 + accuracy / 3)}});
}

inline void add_example_similarity(Json& summary) {
  Json& similarity = summary["similarity"];
  similarity["conditions"] = 4;
  for (const auto& [task, name] :
       {std::pair("faces", "a"), std::pair("objects", "x"), std::pair("faces", "b"), std::pair("objects", "y")})
    similarity["classes"].push_back({{"task", task}, {"name", name}});
  int number = 0;
  for (const std::string& net : {std::string(), std::string("faces only")})
    for (const std::string& layer : {std::string("conv1"), std::string("conv2")}) {
      const Json site{{"net", net}, {"seed", 0}, {"layer", layer}, {"depth", number % 2}};
      similarity["sites"].push_back(site);
      Json rdm = site;
      Json row = Json::array();
      for (int i = 0; i < 4; ++i) {
        std::vector<double> values;
        for (int j = 0; j < 4; ++j) values.push_back(i == j ? 0 : (i + j) % 2 == 0 ? 0.25 : 0.5 + 0.125 * number);
        rdm["values"].push_back(values);
        row.push_back(i == number ? 1 : 0.5);
      }
      similarity["rdms"].push_back(rdm);
      similarity["rsa"].push_back(row);
      row[0] = nullptr;
      similarity["cka"].push_back(row);
      ++number;
    }
}

/// Two seeds of a dual-task net with controls, a branched and a single-task net, a three-task net with lesions.
inline Json example_summary() {
  Json summary{{"name", "example"}, {"level", 0.95}, {"replicates", 1000}, {"headline_fraction", 0.2}};
  const std::vector<std::string> dual{"faces", "objects"};
  for (int seed = 0; seed < 2; ++seed) summary["nets"].push_back(example_net("", seed, dual, 5));
  summary["nets"].push_back(example_net("branched at conv1", 0, dual, 5, "conv1", 1));
  summary["nets"].push_back(example_net("faces only", 0, {"faces"}, 5));
  summary["nets"].push_back(example_net("with cars", 0, {"faces", "objects", "cars"}, 5));
  summary["layers"] = Json::array();
  for (int seed = 0; seed < 2; ++seed)
    for (const auto& [layer, index] : {std::pair("conv1", 0.1), std::pair("conv2", 0.4)})
      summary["layers"].push_back(example_layer("", seed, layer, index + 0.1 * seed, dual, true));
  for (const char* layer : {"conv1", "conv2"})
    summary["layers"].push_back(example_layer("with cars", 0, layer, 0.25, {"faces", "objects", "cars"}, false));
  summary["across_seeds"] = {
      {{"net", ""}, {"layer", "conv1"}, {"nets", 2}, {"mean_index", 0.15}, {"mixed", nullptr}, {"sign_flip_p", 0.5}},
      {{"net", ""},
       {"layer", "conv2"},
       {"nets", 2},
       {"mean_index", 0.45},
       {"mixed", {{"estimate", 0.44}, {"low", 0.1}, {"high", 0.78}, {"p", 0.03}}},
       {"sign_flip_p", 0.5}}};
  for (int depth = 0; depth < 2; ++depth) {
    const std::string layer = "conv" + std::to_string(depth + 1);
    add_example_decoding(summary, "", 0, layer, depth, 0.4 + 0.2 * depth);
    add_example_decoding(summary, "", 1, layer, depth, 0.5 + 0.2 * depth);
    add_example_decoding(summary, "faces only", 0, layer, depth, 0.3 + 0.25 * depth);
  }
  summary["decoding_differences"] = {{{"task", "faces"},
                                      {"seed", 0},
                                      {"first", ""},
                                      {"second", "faces only"},
                                      {"layer", "conv2"},
                                      {"difference", interval(0.05)},
                                      {"p", 0.04}}};
  add_example_similarity(summary);
  for (const std::string& task : dual)
    summary["attribution"].push_back({{"net", ""},
                                      {"seed", 0},
                                      {"layer", "conv2"},
                                      {"task", task},
                                      {"images", 100},
                                      {"measures",
                                       {{"taylor", {{"spearman", interval(0.8)}}},
                                        {"d_prime", {{"spearman", interval(0.3)}}},
                                        {"my_measure", {{"spearman", interval(-0.1)}}}}},
                                      {"reliability", {{"estimate", 0.9}}}});
  for (const std::string& task : {std::string("faces"), std::string("objects"), std::string("cars")})
    summary["tasks"].push_back({{"name", task},
                                {"classes", 30},
                                {"train_images", 900},
                                {"test_images", 150},
                                {"chance_top1", 1.0 / 60},
                                {"top1", 0.7},
                                {"top5", 0.85}});
  summary["provenance"] = {{"version", "0"}};
  return summary;
}

}  // namespace fusiform::test
