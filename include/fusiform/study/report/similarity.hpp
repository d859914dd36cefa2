#pragma once
/// Figures: what layers and nets hold for alike. Dissimilarity matrices of classes; RSA and CKA between layers.

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/heat_map.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// More dissimilarity matrices, or more layers of one net, than this are not shown.
inline constexpr std::size_t most_matrices = 12;
inline constexpr std::size_t most_matrices_of_net = 3;
/// More rows than this are not named one by one.
inline constexpr std::size_t most_named_sites = 48;

[[nodiscard]] inline std::vector<std::vector<double>> matrix_of(const Json& rows,
                                                                const std::vector<std::size_t>& picked) {
  std::vector<std::vector<double>> values;
  for (const std::size_t i : picked) {
    values.emplace_back();
    for (const std::size_t j : picked) values.back().push_back(number_or_nan(rows.at(i).at(j)));
  }
  return values;
}

/// Neighbours with the same name as groups.
[[nodiscard]] inline std::vector<HeatMapGroup> groups_of(const std::vector<std::string>& names) {
  std::vector<HeatMapGroup> groups;
  for (const std::string& name : names) {
    if (groups.empty() || groups.back().name != name) groups.push_back({name, 0});
    ++groups.back().size;
  }
  return groups;
}

[[nodiscard]] inline std::string site_net(const Json& summary, const Json& site) {
  return text(net_title(summary, string_at(site, "net")), ", seed ", seed_of(site));
}

/// Positions of the matrices to show: of each net's first seed the first, middle and last layer.
[[nodiscard]] inline std::vector<std::size_t> shown_matrices(const Json& sites) {
  std::vector<std::size_t> shown;
  for (const std::string& variant : distinct(sites, "net")) {
    std::vector<std::size_t> own;
    for (std::size_t i = 0; i < sites.size(); ++i)
      if (string_at(sites[i], "net") == variant && (own.empty() || seed_of(sites[i]) == seed_of(sites[own.front()])))
        own.push_back(i);
    const std::size_t count = std::min(own.size(), most_matrices_of_net);
    for (std::size_t k = 0; k < count; ++k) shown.push_back(own[count == 1 ? 0 : k * (own.size() - 1) / (count - 1)]);
  }
  if (shown.size() > most_matrices) shown.resize(most_matrices);
  return shown;
}

}  // namespace detail

/// Dissimilarity matrices of the classes, grouped by task. Nothing if representations were not compared.
[[nodiscard]] inline std::vector<CaptionedFigure> rdm_figures(const nlohmann::ordered_json& summary) {
  const detail::Json& similarity = detail::member(summary, "similarity");
  const detail::Json& matrices = detail::member(similarity, "rdms");
  const detail::Json& classes = detail::member(similarity, "classes");
  if (!matrices.is_array() || matrices.empty() || !classes.is_array() || classes.empty()) return {};
  const std::vector<std::string> tasks = detail::names_of(classes, "task");
  std::vector<std::size_t> order(classes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::vector<std::string> task_order = detail::distinct(classes, "task");
  const auto rank = [&](std::size_t i) { return std::find(task_order.begin(), task_order.end(), tasks[i]); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  HeatMapOptions options{.name = "rdms", .panels = {}, .names = {}, .color_label = "dissimilarity (1 - correlation)"};
  std::vector<std::string> grouped;
  for (const std::size_t i : order) {
    grouped.push_back(tasks[i]);
    options.names.push_back(tasks[i] + ": " + detail::string_at(classes[i], "name"));
  }
  const std::vector<std::size_t> shown = detail::shown_matrices(matrices);
  for (const std::size_t m : shown)
    options.panels.push_back({.title = detail::string_at(matrices[m], "layer") + ", " +
                                       detail::net_title(summary, detail::string_at(matrices[m], "net")),
                              .values = detail::matrix_of(matrices[m].at("values"), order),
                              .groups = detail::groups_of(grouped)});
  std::string caption = text("Dissimilarity (1 - correlation of mean activations) of ", classes.size(),
                             " classes, grouped by task; white lines part the tasks.");
  if (shown.size() < matrices.size())
    caption += text(" ", shown.size(), " of ", matrices.size(),
                    " matrices: of each net's first seed the first, middle and last layer; all are in summary.json.");
  return {{heat_map_figure(options), caption}};
}

/// RSA and CKA between all layers of all nets; of the first seed only if there are too many. Nothing if
/// representations were not compared.
[[nodiscard]] inline std::vector<CaptionedFigure> similarity_figures(const nlohmann::ordered_json& summary) {
  const detail::Json& similarity = detail::member(summary, "similarity");
  const detail::Json& sites = detail::member(similarity, "sites");
  if (!sites.is_array() || sites.size() < 2) return {};
  std::vector<std::size_t> picked;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto first = std::find_if(sites.begin(), sites.end(),
                                    [&](const detail::Json& other) { return other.at("net") == sites[i].at("net"); });
    if (sites.size() <= detail::most_named_sites || detail::seed_of(*first) == detail::seed_of(sites[i]))
      picked.push_back(i);
  }
  std::vector<std::string> nets;
  HeatMapOptions options{.name = {}, .panels = {}, .names = {}};
  options.show_names = picked.size() <= detail::most_named_sites;
  for (const std::size_t i : picked) {
    nets.push_back(detail::site_net(summary, sites[i]));
    const std::string layer = detail::string_at(sites[i], "layer");
    options.names.push_back(options.show_names ? layer : nets.back() + ", " + layer);
  }
  options.columns = picked.size() <= 14 ? 2 : 1;
  options.high = 1;
  const std::string shown = picked.size() < sites.size() ? " The first seed of each net only." : "";
  for (const auto& [key, title] : {std::pair("rsa", "RSA"), std::pair("cka", "CKA")})
    if (detail::member(similarity, key).is_array())
      options.panels.push_back(
          {.title = title, .values = detail::matrix_of(similarity.at(key), picked), .groups = detail::groups_of(nets)});
  if (options.panels.empty()) return {};
  options.name = "similarity";
  options.color_label = "similarity";
  return {
      {heat_map_figure(options),
       text("How alike layers are, within and between nets (", picked.size(),
            " layers; groups: ", detail::groups_of(nets).size(),
            " nets, in the same order down and across). RSA: Spearman correlation of the dissimilarity matrices of ",
            detail::member(similarity, "classes").size(),
            " classes. CKA: linear centred kernel alignment of the activations, debiased. 1: the same.", shown)}};
}

}  // namespace fusiform
