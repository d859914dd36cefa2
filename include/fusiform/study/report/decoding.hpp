#pragma once
/// Figures: how well held-out classes can be read from the layers of the nets.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/curves.hpp>
#include <fusiform/report/table.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// A decoded layer without the name of its branch; "" for a branch of another task than the decoded one.
[[nodiscard]] inline std::string layer_seen_by(const Json& summary, const Json& decoding) {
  std::string layer = string_at(decoding, "layer");
  for (const Json& net : summary.at("nets")) {
    if (net.at("net") != decoding.at("net")) continue;
    for (const std::string& task : trained_tasks(net)) {
      if (!layer.starts_with(task + ".")) continue;
      return decoding.at("task") == task ? layer.substr(task.size() + 1) : std::string();
    }
  }
  return layer;
}

/// Layer names along the x axis: those of the net with most layers, if all others are among them.
struct DecodedLayers {
  std::vector<std::string> names;  ///< empty if nets have different layers: then they are counted
};

[[nodiscard]] inline std::vector<std::string> layers_of_variant(const Json& summary, const std::string& variant) {
  std::vector<std::string> layers;
  for (const Json& decoding : member(summary, "decoding")) {
    if (string_at(decoding, "net") != variant) continue;
    const std::string layer = layer_seen_by(summary, decoding);
    if (!layer.empty() && std::find(layers.begin(), layers.end(), layer) == layers.end()) layers.push_back(layer);
  }
  return layers;
}

[[nodiscard]] inline DecodedLayers decoded_layers(const Json& summary, const std::vector<std::string>& variants) {
  DecodedLayers result;
  for (const std::string& variant : variants) {
    std::vector<std::string> layers = layers_of_variant(summary, variant);
    if (layers.size() > result.names.size()) result.names = std::move(layers);
  }
  const std::set<std::string> known(result.names.begin(), result.names.end());
  for (const std::string& variant : variants)
    for (const std::string& layer : layers_of_variant(summary, variant))
      if (!known.contains(layer)) return {};
  return result;
}

/// One net's curve over its layers, the mean over its seeds.
[[nodiscard]] inline Curve decoding_curve(const Json& summary, const std::string& variant, const std::string& task,
                                          const char* measure, const DecodedLayers& axis,
                                          std::vector<std::size_t>& seeds) {
  Curve curve{.name = net_title(summary, variant), .x = {}, .y = {}};
  const std::vector<std::string> layers = layers_of_variant(summary, variant);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    std::vector<DotMark> marks;
    for (const Json& decoding : member(summary, "decoding"))
      if (string_at(decoding, "net") == variant && string_at(decoding, "task") == task &&
          layer_seen_by(summary, decoding) == layers[l])
        marks.push_back(mark_of(member(decoding, measure)));
    const OverSeeds pooled = over_seeds(marks, summary.at("level").get<double>());
    if (pooled.seeds == 0) continue;
    seeds.push_back(pooled.seeds);
    const auto place = std::find(axis.names.begin(), axis.names.end(), layers[l]) - axis.names.begin();
    add_mark(curve, axis.names.empty() ? static_cast<double>(l + 1) : static_cast<double>(place), pooled.mark);
  }
  return curve;
}

struct DecodingMeasure {
  const char* key;
  const char* name;
  const char* y_label;
  const char* what;
  bool half_is_chance;
};

[[nodiscard]] inline CurvePanel decoding_panel(const Json& summary, const std::string& task,
                                               const std::vector<std::string>& variants, const DecodingMeasure& measure,
                                               const DecodedLayers& axis, std::vector<std::size_t>& seeds) {
  CurvePanel panel{.title = "held-out " + task,
                   .curves = {},
                   .x_label = axis.names.empty() ? "layer, counted from the input" : "layer",
                   .y_label = measure.y_label,
                   .x_names = axis.names,
                   .y_percent = true};
  panel.y_low = 0;
  panel.y_high = 1;
  for (std::size_t v = 0; v < variants.size(); ++v) {
    Curve curve = decoding_curve(summary, variants[v], task, measure.key, axis, seeds);
    if (curve.x.empty()) continue;
    style_as_net(curve, v, variants.size());
    panel.curves.push_back(std::move(curve));
  }
  for (const Json& decoding : member(summary, "decoding"))
    if (string_at(decoding, "task") == task)
      panel.reference =
          ReferenceLine{measure.half_is_chance ? 0.5 : number_or_nan(member(decoding, "chance")), "chance"};
  return panel;
}

/// "faces 40 images of 4 classes, ..."
[[nodiscard]] inline std::string decoded_images_words(const Json& summary, const std::vector<std::string>& tasks) {
  std::vector<std::string> words;
  for (const std::string& task : tasks)
    for (const Json& decoding : member(summary, "decoding"))
      if (string_at(decoding, "task") == task) {
        words.push_back(task + " " + member(decoding, "images").dump() + " images of " +
                        member(decoding, "classes").dump() + " classes");
        break;
      }
  return joined(words, ", ");
}

}  // namespace detail

/// Accuracy of a linear classifier for held-out classes, and of matching without one, by layer: a panel per task, a
/// curve per net. Nothing if nothing was decoded.
[[nodiscard]] inline std::vector<CaptionedFigure> decoding_figures(const nlohmann::ordered_json& summary) {
  std::vector<CaptionedFigure> result;
  const detail::Json& decodings = detail::member(summary, "decoding");
  if (!decodings.is_array() || decodings.empty()) return result;
  const std::vector<std::string> tasks = detail::distinct(decodings, "task");
  const auto parts = detail::portions(detail::distinct(decodings, "net"));
  const std::vector<detail::DecodingMeasure> measures = {
      {"accuracy", "decoding", "decoding accuracy",
       "Decoding of classes that no net was trained on: linear support vector machine on the activations of one layer, "
       "tested on left-out images.",
       false},
      {"matching", "matching", "triplets matched",
       "Matching without a classifier: share of triplets of held-out images in which two of one class are more alike "
       "(cosine of activations) than one of another class.",
       true}};
  for (const detail::DecodingMeasure& measure : measures)
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const detail::DecodedLayers axis = detail::decoded_layers(summary, parts[part]);
      std::vector<std::size_t> seeds;
      std::vector<CurvePanel> panels;
      for (const std::string& task : tasks)
        panels.push_back(detail::decoding_panel(summary, task, parts[part], measure, axis, seeds));
      if (seeds.empty()) continue;
      result.push_back({curves_figure({.name = measure.name + detail::portion_suffix(part, parts.size()),
                                       .panels = std::move(panels),
                                       .columns = 2,
                                       .panel_height = 220}),
                        std::string(measure.what) + " Held-out: " + detail::decoded_images_words(summary, tasks) +
                            ". Means of " + detail::seeds_words(seeds) + detail::interval_words(summary, seeds) +
                            " Of branched nets, the task's own branch. Curves are shifted sideways a little." +
                            detail::portion_words(part, parts.size())});
    }
  return result;
}

/// Differences between nets in decoding from their deepest layers; no rows if there are none.
[[nodiscard]] inline Table decoding_differences_table(const nlohmann::ordered_json& summary) {
  Table table{{"held-out", "seed", "first net", "second net", "layer", "first - second", "p"}, {}};
  const detail::Json& differences = detail::member(summary, "decoding_differences");
  if (!differences.is_array()) return table;
  for (const detail::Json& entry : differences) {
    const DotMark mark = detail::mark_of(detail::member(entry, "difference"));
    table.add({detail::string_at(entry, "task"), detail::member(entry, "seed").dump(),
               detail::net_title(summary, detail::string_at(entry, "first")),
               detail::net_title(summary, detail::string_at(entry, "second")), detail::string_at(entry, "layer"),
               percent_interval_text(mark.value, {mark.low, mark.high}),
               p_text(detail::number_or_nan(detail::member(entry, "p")))});
  }
  return table;
}

}  // namespace fusiform
