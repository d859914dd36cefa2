#pragma once
/// Last stage: one self-contained page that shows what was done and what came out.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <fusiform/report/html.hpp>
#include <fusiform/report/table.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/provenance.hpp>
#include <fusiform/study/report/layer_tables.hpp>
#include <fusiform/study/report/lesion_section.hpp>
#include <fusiform/study/report/rankings.hpp>
#include <fusiform/study/report_figures.hpp>

namespace fusiform {

namespace detail {

/// One sentence about the last layer of a net: what the lesion of each task's units did to that task and to the others.
[[nodiscard]] inline std::string finding(const Json& layer, double fraction) {
  std::string sentence = text("In ", layer.at("layer").get<std::string>(), " of seed ", layer.at("seed").get<Index>(),
                              ", lesioning the top ", percent_text(fraction, 0), " of units");
  const std::vector<std::string> tasks = names_of(layer.at("rankings"), "task");
  for (std::size_t s = 0; s < tasks.size(); ++s) {
    sentence += (s == 0 ? " ranked for " : "; ranked for ") + tasks[s] + ":";
    for (std::size_t t = 0; t < tasks.size(); ++t)
      if (const Json* lesion = find_lesion(layer.at("effects")[t], tasks[s], fraction))
        sentence += " " + tasks[t] + " drops by " + percent_text(number_or_nan(lesion->at("drop").at("estimate")), 0) +
                    (t + 1 < tasks.size() ? "," : "");
  }
  const Json& segregation = layer.at("segregation");
  if (segregation.is_null()) return sentence + ".";
  if (segregation.at("index").is_null())
    return sentence + ". The lesions cost too little for a segregation index to be defined.";
  const auto list_if = [&](const auto& holds) {
    std::string names;
    for (const Json& entry : segregation.at("specificity"))
      if (holds(entry.at("specificity"))) names += (names.empty() ? "" : ", ") + entry.at("task").get<std::string>();
    return names;
  };
  const std::string own = list_if([](const Json& interval) { return number_or_nan(interval.at("low")) > 0; });
  const std::string open = list_if([](const Json& interval) { return !(number_or_nan(interval.at("low")) > 0); });
  sentence += ". The specificity of a task's units (own drop minus the others')";
  if (!own.empty()) sentence += " lies above 0 for " + own;
  if (!open.empty()) sentence += text(own.empty() ? "" : "; it", " is not shown to lie above 0 for ", open);
  return sentence + ".";
}

/// The index of a layer: over seeds if there are several, else with the interval of the one net; none if undefined.
[[nodiscard]] inline std::optional<Headline> index_headline(const Json& summary, const Json& layer) {
  const std::string name = string_at(layer, "layer");
  const OverSeeds index = pooled_index(summary, string_at(layer, "net"), name);
  if (!std::isfinite(index.mark.value)) return std::nullopt;
  return Headline{"segregation index, " + name, number_text(index.mark.value, 2),
                  text(summary.at("level").get<double>() * 100, " % interval ",
                       ends_text({.low = index.mark.low, .high = index.mark.high}, 2),
                       index.seeds > 1 ? text(" over ", index.seeds, " seeds") : "")};
}

inline void add_result(HtmlPage& page, const Json& summary) {
  page.section("Result");
  const double fraction = summary.at("headline_fraction").get<double>();
  std::vector<Headline> numbers;
  for (const Json& task : summary.at("tasks"))
    numbers.push_back({task.at("name").get<std::string>() + ", top-1", percent_text(task.at("top1").get<double>()),
                       "chance " + percent_text(number_or_nan(task.at("chance_top1"))) + ", top-5 " +
                           percent_text(task.at("top5").get<double>())});
  const std::vector<Json> nets = lesioned_nets(summary);
  if (nets.empty()) {
    page.headlines(numbers);
    return;
  }
  const std::vector<Json> layers = layers_of(summary, nets.front());
  const Json& last = layers.back();
  if (const auto headline = index_headline(summary, last)) numbers.push_back(*headline);
  page.headlines(numbers);
  page.paragraph(finding(last, fraction));
  for (const std::string& warning : audit_warnings(summary)) page.note(warning);
  for (const Json& layer : layers)
    for (const Json& ranking : layer.at("rankings"))
      if (ranking.at("classes_covered") != ranking.at("classes"))
        page.note(text("The ranking of ", layer.at("layer").get<std::string>(), " for ",
                       ranking.at("task").get<std::string>(), " saw images of ", ranking.at("classes_covered").dump(),
                       " of ", ranking.at("classes").dump(), " classes only."));
  const auto main_nets = std::count_if(summary.at("nets").begin(), summary.at("nets").end(),
                                       [](const Json& net) { return net.at("net").get<std::string>().empty(); });
  if (main_nets < 3)
    page.note(text("One trained net is one sample: ", main_nets, main_nets == 1 ? " net was" : " nets were",
                   " trained here. The intervals cover images and classes, not nets; for a statement about "
                   "the architecture train several seeds."));
}

/// The tasks of a net; a task has the same colour in all nets.
[[nodiscard]] inline std::vector<TrainedTask> trained_tasks(const Json& summary, const Json& net) {
  const std::vector<std::string> all = names_of(summary.at("tasks"), "name");
  std::vector<TrainedTask> tasks;
  for (const std::string& name : names_of(net.at("tasks"), "name"))
    tasks.push_back({name, static_cast<int>(std::find(all.begin(), all.end(), name) - all.begin())});
  return tasks;
}

/// Training curves: of each net's first seed in the open, of the others folded away.
inline void add_training(HtmlPage& page, const StudyContext& study, const Json& summary) {
  const std::vector<std::string> variants = distinct(summary.at("nets"), "net");
  for (const std::string& variant : variants) {
    std::size_t drawn = 0;
    for (const Json& net : summary.at("nets")) {
      if (net.at("net") != variant) continue;
      const CsvTable log = read_csv(study.paths.training_log(net_of(net)));
      if (log.rows.size() < 2) continue;
      if (++drawn == 2)
        page.begin_fold((variant.empty() ? std::string("Training of the other seeds")
                                         : "Training of the other seeds of " + variant));
      page.figure(write_figure(
                      training_figure("training_" + StudyPaths::name_of(net_of(net)), log, trained_tasks(summary, net)),
                      study.paths.figures()),
                  text("Training of ", net_of(net).title(),
                       ": loss and test accuracy by epoch; epoch 0 is the net before training."));
    }
    page.end_fold();
  }
}

inline void add_decoding(HtmlPage& page, const StudyContext& study, const Json& summary) {
  const std::vector<CaptionedFigure> figures = decoding_figures(summary);
  if (figures.empty()) return;
  page.section("Decoding of held-out classes");
  add_figures(page, study, figures);
  const Table differences = decoding_differences_table(summary);
  if (!differences.rows.empty())
    page.table(differences,
               "Differences between nets in decoding accuracy from their deepest decoded layers, in "
               "percentage points: " +
                   level_text(summary) + " intervals and two-sided p-values of the " + bootstrap_words(summary) +
                   ", paired over images; not corrected for their number.");
}

/// What sets several nets, layers and measures side by side.
inline void add_comparisons(HtmlPage& page, const StudyContext& study, const Json& summary) {
  std::vector<CaptionedFigure> indices = emergence_figures(summary);
  for (auto* more : {&index_comparison_figures, &index_by_layer_figures, &across_seeds_figures})
    for (CaptionedFigure& figure : more(summary)) indices.push_back(std::move(figure));
  if (!indices.empty()) page.section("Segregation in all nets");
  add_figures(page, study, indices);
  std::vector<CaptionedFigure> similarity = rdm_figures(summary);
  for (CaptionedFigure& figure : similarity_figures(summary)) similarity.push_back(std::move(figure));
  if (!similarity.empty()) page.section("Similarity of representations");
  add_figures(page, study, similarity);
  const std::vector<CaptionedFigure> attribution = attribution_figures(summary);
  if (!attribution.empty()) page.section("Shortcuts for a unit's lesion");
  for (std::size_t i = 0; i < attribution.size(); ++i) {
    if (i == 1) page.begin_fold("Other nets and seeds");
    add_figures(page, study, {attribution[i]});
  }
}

inline void add_tasks(HtmlPage& page, const StudyContext& study, const Json& summary) {
  page.section("Tasks and training");
  Table table{{"task", "classes", "training images", "test images", "chance", "top-1", "top-5"}, {}};
  for (const Json& task : summary.at("tasks"))
    table.add({task.at("name").get<std::string>(), task.at("classes").dump(), task.at("train_images").dump(),
               task.at("test_images").dump(), percent_text(number_or_nan(task.at("chance_top1"))),
               percent_text(number_or_nan(task.at("top1"))), percent_text(number_or_nan(task.at("top5")))});
  page.table(table, summary.at("nets").size() > 1 ? "The tasks; accuracies of the intact nets, means over seeds."
                                                  : "The tasks; accuracies of the intact net on test images.");
  add_figures(page, study, accuracy_figures(summary));
  add_figures(page, study, branch_point_figures(summary));
  add_training(page, study, summary);
}

inline void add_tables(HtmlPage& page, const Json& summary) {
  page.section("All layers");
  for (auto* make :
       {&index_table, &seeds_table, &ranking_table, &drop_table, &matched_table, &group_table, &pair_table}) {
    const CaptionedTable shown = make(summary);
    if (!shown.table.rows.empty()) page.table(shown.table, shown.caption);
  }
  for (const std::string& words : unmatched_words(summary))
    page.note("No performance-matched evaluation of " + words + ".");
}

[[nodiscard]] inline std::string interval_method(const Json& summary) {
  std::string words =
      "Intervals come from a hierarchical bootstrap: classes are drawn with replacement, then images within each drawn "
      "class; the intact and the lesioned net are judged on the same draws. ";
  if (interval_kind_words(summary) == "BCa")
    return words +
           "Their ends are bias-corrected and accelerated (BCa), with the acceleration of a jackknife over classes; "
           "where that does not exist they are percentiles, and summary.json says why.";
  return words + "Their ends are percentiles of the replicates.";
}

inline void add_method(HtmlPage& page, const StudyContext& study, const Json& summary) {
  page.section("Method");
  page.paragraph(
      "The units of a layer are ranked for a task by greedy selection: in each iteration every unit that is left is "
      "lesioned together with those already selected, and the group that raises the mean cross-entropy on training "
      "images of the task most is selected. Test images of every task are then classified with the first units of each "
      "ranking lesioned.");
  page.code(
      "d(t|s)  = (accuracy of t, intact - accuracy of t, units of s lesioned) / accuracy of t, intact\n"
      "spec(s) = d(s|s) - mean over t other than s of d(t|s)\n"
      "index   = sum over s of [d(s|s) - mean d(t|s)] / sum over s of [d(s|s) + mean d(t|s)]\n"
      "          0: the tasks share their units; 1: they have units of their own; undefined (–) when the\n"
      "          interval of the denominator includes 0");
  page.paragraph(interval_method(summary));
  const Json settings = to_json(study.config);
  page.section("Settings and provenance");
  std::vector<std::pair<std::string, std::string>> facts;
  for (const auto& [key, value] : summary.at("provenance").items())
    facts.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  page.facts(facts);
  page.code(settings.dump(2));
}

}  // namespace detail

/// Writes report.html and figures/. Throws FileError.
inline void write_report(StudyContext& study, const nlohmann::ordered_json& summary) {
  study.progress.start("report", "figures");
  HtmlPage page(summary.at("name").get<std::string>(),
                "Which units serve which task: lesions, drops and functional segregation");
  detail::add_result(page, summary);
  detail::add_tasks(page, study, summary);
  detail::add_decoding(page, study, summary);
  detail::add_lesions(page, study, summary);
  detail::add_comparisons(page, study, summary);
  detail::add_tables(page, summary);
  detail::add_method(page, study, summary);
  page.write(study.paths.report());
  study.progress.finish(study.paths.report());
}

}  // namespace fusiform
