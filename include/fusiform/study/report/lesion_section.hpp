#pragma once
/// The part of the report page about one net's lesions.

#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/report/html.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/report/layer_tables.hpp>
#include <fusiform/study/report_figures.hpp>

namespace fusiform::detail {

/// Draws into the study's folder of figures, and shows.
inline void add_figures(HtmlPage& page, const StudyContext& study, const std::vector<CaptionedFigure>& figures) {
  for (const CaptionedFigure& figure : figures)
    page.figure(write_figure(figure.figure, study.paths.figures()), figure.caption);
}

/// The lesioned layers of one net, in the order of the study.
[[nodiscard]] inline std::vector<Json> layers_of(const Json& summary, const Json& net) {
  std::vector<Json> layers;
  for (const Json& layer : summary.at("layers"))
    if (layer.at("net") == net.at("net") && layer.at("seed") == net.at("seed")) layers.push_back(layer);
  return layers;
}

/// Nets that were lesioned.
[[nodiscard]] inline std::vector<Json> lesioned_nets(const Json& summary) {
  std::vector<Json> nets;
  for (const Json& net : summary.at("nets"))
    if (!layers_of(summary, net).empty()) nets.push_back(net);
  return nets;
}

/// All figures about the lesions of one net.
[[nodiscard]] inline std::vector<CaptionedFigure> lesion_figures(const Json& summary, const Json& net) {
  const double fraction = summary.at("headline_fraction").get<double>();
  const std::string level = level_text(summary) + " intervals, " + bootstrap_words(summary);
  const std::string suffix = "_" + StudyPaths::name_of(net_of(net));
  const std::vector<Json> layers = layers_of(summary, net);
  const Json& last = layers.back();
  const std::size_t tasks = last.at("rankings").size();
  const auto name = last.at("layer").get<std::string>();
  std::vector<std::string> judged;
  for (const Json& effect : last.at("effects"))
    judged.push_back(effect.at("task").get<std::string>() + " " + member(effect, "images").dump());
  const std::string images = " Test images: " + joined(judged) + ".";
  const std::string bands =
      tasks < 3 ? "." : ", drawn for own units; those of the others are in the figure's CSV file.";
  std::vector<CaptionedFigure> figures;
  figures.push_back({lesion_curves_figure("lesion_curves" + suffix, layers),
                     "Performance left, 1 - d, after lesions of the best units of each layer. Colour: the task that is "
                     "tested; line: the task that the units were ranked for. " +
                         level + bands + images});
  figures.push_back({lesion_bars_figure("lesion_bars" + suffix, last, fraction),
                     "Performance left after lesions of " + percent_text(fraction, 0) + " of the units of " + name +
                         ". " + level + "; for random units the range over repeated random sets." + images});
  if (tasks > 1 && layers.size() > 1)
    figures.push_back({layer_profile_figure("layer_profile" + suffix, layers, fraction),
                       "From layer to layer: drops after lesions of " + percent_text(fraction, 0) +
                           " of the units, and the segregation index. " + level + bands + random_class_words(layers)});
  const auto append = [&](std::vector<CaptionedFigure> more) {
    for (CaptionedFigure& figure : more) figures.push_back(std::move(figure));
  };
  append(random_class_figures("random_classes" + suffix, summary, layers));
  append(random_lesion_figures("random_lesions" + suffix, summary, layers));
  if (tasks == 2)
    figures.push_back({unit_scatter_figure("units" + suffix, last),
                       "Every unit of " + name +
                           ": what its lesion alone adds to the mean loss of each task (Spearman correlation " +
                           number_text(number_or_nan(last.at("single_units").at("spearman")), 2) + ")."});
  append(overlap_figures("overlap" + suffix, last));
  append(pair_figures("pairs" + suffix, summary, net));
  append(group_figures("groups" + suffix, summary, last));
  return figures;
}

/// Of each net the first seed in the open, the others folded away.
inline void add_lesions(HtmlPage& page, const StudyContext& study, const Json& summary) {
  const std::vector<Json> nets = lesioned_nets(summary);
  for (std::size_t i = 0; i < nets.size(); ++i) {
    const bool first_seed = i == 0 || nets[i].at("net") != nets[i - 1].at("net");
    if (first_seed) {
      page.section(nets.size() > 1 ? "Lesions, " + net_of(nets[i]).title() : "Lesions");
    } else {
      page.begin_fold("The same for " + net_of(nets[i]).title());
    }
    add_figures(page, study, lesion_figures(summary, nets[i]));
    const std::string classes = study.paths.class_effects(net_of(nets[i]));
    if (std::filesystem::exists(classes))
      add_figures(page, study,
                  class_effect_figures("class_effects_" + StudyPaths::name_of(net_of(nets[i])), read_csv(classes),
                                       layers_of(summary, nets[i]).back()));
    page.end_fold();
  }
}

}  // namespace fusiform::detail
