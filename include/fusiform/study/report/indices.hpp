#pragma once
/// Figures: the segregation index of several nets side by side, and over the seeds of each.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/curves.hpp>
#include <fusiform/report/dots.hpp>
#include <fusiform/study/report/controls.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// The entries of one variant and layer, one for each seed.
[[nodiscard]] inline std::vector<const Json*> over_seeds_of(const Json& summary, const std::string& variant,
                                                            const std::string& layer) {
  std::vector<const Json*> entries;
  for (const Json& entry : member(summary, "layers"))
    if (string_at(entry, "net") == variant && string_at(entry, "layer") == layer) entries.push_back(&entry);
  return entries;
}

/// Layers of a variant that are lesioned, in the order of the study.
[[nodiscard]] inline std::vector<std::string> lesioned_layers_of(const Json& summary, const std::string& variant) {
  std::vector<std::string> layers;
  for (const Json& entry : member(summary, "layers")) {
    const std::string layer = string_at(entry, "layer");
    if (string_at(entry, "net") == variant && std::find(layers.begin(), layers.end(), layer) == layers.end())
      layers.push_back(layer);
  }
  return layers;
}

/// Variants with a defined index in some layer.
[[nodiscard]] inline std::vector<std::string> variants_with_index(const Json& summary) {
  std::vector<std::string> variants;
  for (const Json& entry : member(summary, "layers")) {
    const std::string variant = string_at(entry, "net");
    if (std::isfinite(index_mark(entry).value) &&
        std::find(variants.begin(), variants.end(), variant) == variants.end())
      variants.push_back(variant);
  }
  return variants;
}

[[nodiscard]] inline const Json& across_seeds_of(const Json& summary, const std::string& variant,
                                                 const std::string& layer) {
  static const Json null;
  for (const Json& entry : member(summary, "across_seeds"))
    if (string_at(entry, "net") == variant && string_at(entry, "layer") == layer) return entry;
  return null;
}

/// The index of a variant in a layer: with several seeds the mixed model's mean if there is one, else a t interval.
[[nodiscard]] inline OverSeeds pooled_index(const Json& summary, const std::string& variant, const std::string& layer) {
  std::vector<DotMark> marks;
  for (const Json* entry : over_seeds_of(summary, variant, layer)) marks.push_back(index_mark(*entry));
  OverSeeds pooled = over_seeds(marks, summary.at("level").get<double>());
  const Json& mixed = member(across_seeds_of(summary, variant, layer), "mixed");
  if (pooled.seeds > 1 && mixed.is_object()) pooled.mark = mark_of(mixed);
  return pooled;
}

[[nodiscard]] inline std::string index_interval_words(const Json& summary, const std::vector<std::size_t>& seeds) {
  const bool several = std::any_of(seeds.begin(), seeds.end(), [](std::size_t n) { return n > 1; });
  const bool one = std::any_of(seeds.begin(), seeds.end(), [](std::size_t n) { return n == 1; });
  std::string words = seeds_words(seeds) + level_text(summary) + " intervals: ";
  if (several)
    words +=
        std::string("the net as random effect where that can be fitted (t interval)") + (one ? "; with one seed " : "");
  if (one || !several) words += bootstrap_words(summary);
  return words + ".";
}

/// The index of a variant's layer beside the random classes of all its seeds.
[[nodiscard]] inline DotCell pooled_index_cell(const Json& summary, const std::string& variant,
                                               const std::string& layer, std::vector<std::size_t>& seeds) {
  const OverSeeds pooled = pooled_index(summary, variant, layer);
  if (pooled.seeds > 0) seeds.push_back(pooled.seeds);
  DotCell cell{.marks = {pooled.mark}};
  double largest_p = undefined;
  for (const Json* entry : over_seeds_of(summary, variant, layer)) {
    const Json& null = member(*entry, "random_classes");
    for (const double value : numbers_at(null, "indices")) cell.cloud.push_back(value);
    const double p = number_or_nan(member(null, "p"));
    if (!(p <= largest_p)) largest_p = std::isfinite(p) ? p : largest_p;
  }
  if (std::isfinite(largest_p)) cell.note = p_text(largest_p);
  if (cell.cloud.empty()) return cell;
  std::vector<double> sorted = cell.cloud;
  std::sort(sorted.begin(), sorted.end());
  const double level = summary.at("level").get<double>();
  cell.band_low = quantile(sorted, (1 - level) / 2);
  cell.band_high = quantile(sorted, (1 + level) / 2);
  return cell;
}

}  // namespace detail

/// Index of the last lesioned layer of every net, beside its random classes. Nothing for fewer than two nets with one.
[[nodiscard]] inline std::vector<CaptionedFigure> index_comparison_figures(const nlohmann::ordered_json& summary) {
  const std::vector<std::string> variants = detail::variants_with_index(summary);
  if (variants.size() < 2) return {};
  DotsOptions options{.name = "index_by_net",
                      .rows = {},
                      .series = {{"segregation index", 6}},
                      .panels = {{}},
                      .x_label = "segregation index"};
  std::vector<std::size_t> seeds;
  std::size_t draws = 0;
  for (const std::string& variant : variants) {
    const std::string layer = detail::lesioned_layers_of(summary, variant).back();
    options.rows.push_back(detail::net_title(summary, variant) + ", " + layer);
    options.panels[0].cells.push_back(detail::pooled_index_cell(summary, variant, layer, seeds));
    draws += options.panels[0].cells.back().cloud.size();
  }
  std::string null_words;
  if (draws > 0) {
    options.cloud_name = "index of random classes";
    options.band_name = detail::level_text(summary) + " of them";
    null_words = " p: one-sided permutation test against random classes, the largest over seeds.";
  }
  return {{dots_figure(options), "Segregation index of the last lesioned layer of each net, lesions of " +
                                     percent_text(summary.at("headline_fraction").get<double>(), 0) +
                                     " of its units; 0: shared, 1: disjoint. " +
                                     detail::index_interval_words(summary, seeds) + null_words}};
}

/// Index from layer to layer, a curve per net. Nothing unless two nets have at least two lesioned layers each.
[[nodiscard]] inline std::vector<CaptionedFigure> index_by_layer_figures(const nlohmann::ordered_json& summary) {
  std::vector<std::string> variants = detail::variants_with_index(summary);
  std::erase_if(variants, [&](const std::string& v) { return detail::lesioned_layers_of(summary, v).size() < 2; });
  if (variants.size() < 2) return {};
  std::vector<CaptionedFigure> result;
  const auto parts = detail::portions(variants);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    CurvePanel panel{.title = "", .curves = {}, .x_label = "layer", .y_label = "segregation index"};
    std::vector<std::size_t> seeds;
    for (const std::string& variant : parts[part])
      for (const std::string& layer : detail::lesioned_layers_of(summary, variant))
        if (std::find(panel.x_names.begin(), panel.x_names.end(), layer) == panel.x_names.end())
          panel.x_names.push_back(layer);
    for (std::size_t v = 0; v < parts[part].size(); ++v) {
      Curve curve{.name = detail::net_title(summary, parts[part][v]), .x = {}, .y = {}};
      detail::style_as_net(curve, v, parts[part].size());
      for (const std::string& layer : detail::lesioned_layers_of(summary, parts[part][v])) {
        const detail::OverSeeds pooled = detail::pooled_index(summary, parts[part][v], layer);
        if (pooled.seeds == 0) continue;
        seeds.push_back(pooled.seeds);
        const auto place = std::find(panel.x_names.begin(), panel.x_names.end(), layer) - panel.x_names.begin();
        detail::add_mark(curve, static_cast<double>(place), pooled.mark);
      }
      panel.curves.push_back(std::move(curve));
    }
    panel.reference = ReferenceLine{.y = 0, .label = "shared"};
    result.push_back({curves_figure({.name = "index_by_layer" + detail::portion_suffix(part, parts.size()),
                                     .panels = {std::move(panel)},
                                     .panel_height = 240}),
                      "Segregation index from layer to layer, a curve per net. " +
                          detail::index_interval_words(summary, seeds) + detail::portion_words(part, parts.size())});
  }
  return result;
}

namespace detail {

/// One thin curve per seed, and the mean with its interval.
[[nodiscard]] inline CurvePanel across_seeds_panel(const Json& summary, const std::string& variant,
                                                   const std::vector<std::string>& layers,
                                                   std::vector<std::size_t>& seeds) {
  CurvePanel panel{.title = net_title(summary, variant),
                   .curves = {},
                   .x_label = "layer",
                   .y_label = "segregation index",
                   .x_names = layers};
  Curve mean_curve{.name = "mean over seeds", .x = {}, .y = {}, .color = 6};
  std::vector<std::pair<std::uint64_t, Curve>> single;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const OverSeeds pooled = pooled_index(summary, variant, layers[l]);
    if (pooled.seeds > 1) {
      seeds.push_back(pooled.seeds);
      add_mark(mean_curve, static_cast<double>(l), pooled.mark);
    }
    for (const Json* entry : over_seeds_of(summary, variant, layers[l])) {
      auto own = std::find_if(single.begin(), single.end(), [&](const auto& c) { return c.first == seed_of(*entry); });
      if (own == single.end())
        own = single.insert(
            single.end(),
            {seed_of(*entry), Curve{.name = "one seed", .x = {}, .y = {}, .color = -1, .points = false, .width = 1}});
      own->second.x.push_back(static_cast<double>(l));
      own->second.y.push_back(index_mark(*entry).value);
    }
  }
  if (layers.size() == 1)
    for (auto& [seed, curve] : single) curve.points = true;  // a line needs two layers
  for (auto& [seed, curve] : single) panel.curves.push_back(std::move(curve));
  panel.curves.push_back(std::move(mean_curve));
  panel.reference = ReferenceLine{.y = 0, .label = "shared"};
  return panel;
}

}  // namespace detail

/// Index by layer of every seed and their mean: a panel per net that was trained with several seeds. Nothing without.
[[nodiscard]] inline std::vector<CaptionedFigure> across_seeds_figures(const nlohmann::ordered_json& summary) {
  std::vector<CurvePanel> panels;
  std::vector<std::size_t> seeds;
  std::vector<std::string> tests;
  for (const std::string& variant : detail::variants_with_index(summary)) {
    const std::vector<std::string> layers = detail::lesioned_layers_of(summary, variant);
    std::vector<std::size_t> own;
    CurvePanel panel = detail::across_seeds_panel(summary, variant, layers, own);
    if (own.empty()) continue;
    panels.push_back(std::move(panel));
    seeds.insert(seeds.end(), own.begin(), own.end());
    const detail::Json& across = detail::across_seeds_of(summary, variant, layers.back());
    const double p = detail::number_or_nan(detail::member(detail::member(across, "mixed"), "p"));
    const double flip = detail::number_or_nan(detail::member(across, "sign_flip_p"));
    if (std::isfinite(p) || std::isfinite(flip))
      tests.push_back(detail::net_title(summary, variant) + ", " + layers.back() + ": t test " + p_text(p) +
                      ", sign flips " + p_text(flip));
  }
  if (panels.empty()) return {};
  return {
      {curves_figure({.name = "index_across_seeds", .panels = std::move(panels), .columns = 2, .panel_height = 210}),
       "Segregation index of each trained net (thin lines) and over nets (" + detail::range_words(seeds) +
           " seeds): mean with the " + detail::level_text(summary) +
           " t interval, the net as random effect where that model can be fitted." +
           (tests.empty() ? "" : " Against 0, two-sided: " + detail::joined(tests, "; ") + ".")}};
}

}  // namespace fusiform
