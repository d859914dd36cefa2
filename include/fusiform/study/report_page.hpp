#pragma once
/// Last stage: one self-contained page that shows what was done and what came out.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/report/html.hpp>
#include <fusiform/report/table.hpp>
#include <fusiform/study/provenance.hpp>
#include <fusiform/study/report_figures.hpp>

namespace fusiform {

namespace detail {

[[nodiscard]] inline Ends ends_of(const Json& interval) {
  return {number_or_nan(interval.at("low")), number_or_nan(interval.at("high"))};
}
[[nodiscard]] inline std::string percent_of(const Json& interval) {
  return percent_interval_text(number_or_nan(interval.at("estimate")), ends_of(interval));
}
[[nodiscard]] inline std::string number_of(const Json& interval) {
  return interval.is_null() ? no_value : interval_text(number_or_nan(interval.at("estimate")), ends_of(interval));
}

/// The lesioned layers of one net, in the order of the study.
[[nodiscard]] inline std::vector<Json> layers_of(const Json& summary, const Json& net) {
  std::vector<Json> layers;
  for (const Json& layer : summary.at("layers"))
    if (layer.at("net") == net.at("net") && layer.at("seed") == net.at("seed")) layers.push_back(layer);
  return layers;
}

/// The net of an entry of the summary.
[[nodiscard]] inline StudyNet net_of(const Json& entry) {
  return {entry.at("net").get<std::string>(), entry.at("seed").get<std::uint64_t>(), nullptr};
}

/// Nets that were lesioned.
[[nodiscard]] inline std::vector<Json> lesioned_nets(const Json& summary) {
  std::vector<Json> nets;
  for (const Json& net : summary.at("nets"))
    if (!layers_of(summary, net).empty()) nets.push_back(net);
  return nets;
}

/// One sentence about the last layer: what the lesion of each task's units did to that task and to the others.
[[nodiscard]] inline std::string finding(const Json& layer, double fraction) {
  std::string sentence =
      "In " + layer.at("layer").get<std::string>() + ", lesioning the top " + percent_text(fraction, 0) + " of units";
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

inline void add_result(HtmlPage& page, const Json& summary) {
  page.section("Result");
  const double fraction = summary.at("headline_fraction").get<double>();
  std::vector<Headline> numbers;
  for (const Json& task : summary.at("tasks"))
    numbers.push_back({task.at("name").get<std::string>() + ", top-1", percent_text(task.at("top1").get<double>()),
                       "chance " + percent_text(task.at("chance_top1").get<double>()) + ", top-5 " +
                           percent_text(task.at("top5").get<double>())});
  const std::vector<Json> nets = lesioned_nets(summary);
  if (nets.empty()) {
    page.headlines(numbers);
    return;
  }
  const std::vector<Json> layers = layers_of(summary, nets.front());
  const Json& last = layers.back();
  if (!last.at("segregation").is_null() && !last.at("segregation").at("index").is_null()) {
    const Json& index = last.at("segregation").at("index");
    numbers.push_back({"segregation index, " + last.at("layer").get<std::string>(),
                       number_text(number_or_nan(index.at("estimate")), 2),
                       text(summary.at("level").get<double>() * 100, " % interval ", ends_text(ends_of(index), 2))});
  }
  page.headlines(numbers);
  page.paragraph(finding(last, fraction));
  for (const Json& layer : layers)
    for (const Json& ranking : layer.at("rankings"))
      if (ranking.at("classes_covered") != ranking.at("classes"))
        page.note(text("The ranking of ", layer.at("layer").get<std::string>(), " for ",
                       ranking.at("task").get<std::string>(), " saw images of ", ranking.at("classes_covered").dump(),
                       " of ", ranking.at("classes").dump(), " classes only."));
  const auto main_nets = std::count_if(summary.at("nets").begin(), summary.at("nets").end(),
                                       [](const Json& net) { return net.at("net") == ""; });
  if (main_nets < 3)
    page.note(text("One trained net is one sample: ", main_nets,
                   " net(s) were trained here. The intervals cover images and classes, not nets; for a statement about "
                   "the architecture train several seeds."));
}

inline void add_tasks(HtmlPage& page, const StudyContext& study, const Json& summary) {
  page.section("Tasks and training");
  Table table{{"task", "classes", "training images", "test images", "chance", "top-1", "top-5"}, {}};
  for (const Json& task : summary.at("tasks"))
    table.add({task.at("name").get<std::string>(), task.at("classes").dump(), task.at("train_images").dump(),
               task.at("test_images").dump(), percent_text(task.at("chance_top1").get<double>()),
               percent_text(number_or_nan(task.at("top1"))), percent_text(number_or_nan(task.at("top5")))});
  page.table(table, summary.at("nets").size() > 1 ? "The tasks; accuracies of the intact nets, means over seeds."
                                                  : "The tasks; accuracies of the intact net on test images.");
  for (const Json& net : summary.at("nets")) {
    const CsvTable log = read_csv(study.paths.training_log(net_of(net)));
    if (log.rows.size() < 2) continue;
    page.figure(write_figure(training_figure("training_" + StudyPaths::name_of(net_of(net)), log,
                                             names_of(net.at("tasks"), "name")),
                             study.paths.figures()),
                text("Training of ", net_of(net).title(),
                     ": loss and test accuracy by epoch; epoch 0 is the net before training."));
  }
}

inline void add_lesions(HtmlPage& page, const StudyContext& study, const Json& summary) {
  const double fraction = summary.at("headline_fraction").get<double>();
  const std::string level = text(summary.at("level").get<double>() * 100, " % intervals, hierarchical bootstrap, ",
                                 summary.at("replicates").dump(), " replicates");
  const std::vector<Json> nets = lesioned_nets(summary);
  for (const Json& net : nets) {
    const std::string suffix = "_" + StudyPaths::name_of(net_of(net));
    const std::vector<Json> layers = layers_of(summary, net);
    const Json& last = layers.back();
    const bool several_tasks = last.at("rankings").size() > 1;
    const auto draw = [&](const Figure& figure, const std::string& caption) {
      page.figure(write_figure(figure, study.paths.figures()), caption);
    };
    page.section(nets.size() > 1 ? "Lesions, " + net_of(net).title() : "Lesions");
    draw(lesion_curves_figure("lesion_curves" + suffix, layers),
         "Performance left, 1 - d, after lesions of the best units of each layer. Colour: the task that is tested; "
         "line: the task that the units were ranked for. " +
             level + ".");
    draw(lesion_bars_figure("lesion_bars" + suffix, last, fraction),
         "Performance left after lesions of " + percent_text(fraction, 0) + " of the units of " +
             last.at("layer").get<std::string>() + ". " + level +
             "; for random units the range over repeated random sets.");
    if (several_tasks && layers.size() > 1)
      draw(layer_profile_figure("layer_profile" + suffix, layers, fraction),
           "From layer to layer: drops after lesions of " + percent_text(fraction, 0) +
               " of the units, and the segregation index. " + level + ".");
    if (last.at("rankings").size() == 2)
      draw(unit_scatter_figure("units" + suffix, last),
           "Every unit of " + last.at("layer").get<std::string>() +
               ": what its lesion alone adds to the mean loss of each task (Spearman correlation " +
               number_text(number_or_nan(last.at("single_units").at("spearman")), 2) + ").");
  }
}

inline void add_tables(HtmlPage& page, const Json& summary) {
  page.section("All layers");
  const double fraction = summary.at("headline_fraction").get<double>();
  Table drops{{"net", "layer", "units ranked for", "tested on", "top-1 intact", "top-1 lesioned", "drop"}, {}};
  Table indices{{"net", "layer", "units", "segregation index", "p", "shared units", "by chance"}, {}};
  for (const Json& layer : summary.at("layers")) {
    const std::string net = net_of(layer).title();
    const auto name = layer.at("layer").get<std::string>();
    for (const Json& ranking : layer.at("rankings"))
      for (const Json& effect : layer.at("effects"))
        if (const Json* lesion = find_lesion(effect, ranking.at("task").get<std::string>(), fraction))
          drops.add({net, name, ranking.at("task").get<std::string>(), effect.at("task").get<std::string>(),
                     percent_text(number_or_nan(effect.at("top1").at("estimate"))), percent_of(lesion->at("top1")),
                     percent_of(lesion->at("drop"))});
    const Json& segregation = layer.at("segregation");
    if (segregation.is_null()) continue;
    const Json& overlap = layer.at("overlap")[0];
    indices.add({net, name, layer.at("units").dump(), number_of(segregation.at("index")),
                 p_text(number_or_nan(segregation.at("p"))),
                 overlap.at("common").dump() + " / " + overlap.at("set_size").dump(),
                 number_text(overlap.at("expected_by_chance").get<double>(), 1)});
  }
  if (!indices.rows.empty())
    page.table(indices,
               "Segregation index of each layer with its interval; two-sided bootstrap p against 0; overlap of "
               "the sets ranked for the first two tasks.");
  page.table(drops, "Top-1 accuracy and proportional drop d after lesions of " + percent_text(fraction, 0) +
                        " of a layer's units.");
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
  page.paragraph(
      "Intervals are percentiles of a hierarchical bootstrap: classes are drawn with replacement, then images within "
      "each drawn class; the intact and the lesioned net are judged on the same draws.");
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
  detail::add_lesions(page, study, summary);
  detail::add_tables(page, summary);
  detail::add_method(page, study, summary);
  page.write(study.paths.report());
  study.progress.finish(study.paths.report());
}

}  // namespace fusiform
