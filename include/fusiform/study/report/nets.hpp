#pragma once
/// Figures: accuracies of nets side by side, and what sharing layers costs.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/report/bars.hpp>
#include <fusiform/report/curves.hpp>
#include <fusiform/study/report/reading.hpp>

namespace fusiform {

namespace detail {

/// The score of a net on a task; nullptr if it is not judged on it.
[[nodiscard]] inline const Json* score_of(const Json& net, const std::string& task) {
  for (const Json& score : member(net, "tasks"))
    if (score.at("name") == task) return &score;
  return nullptr;
}

/// Top-1 accuracy of a variant on a task, over its seeds.
[[nodiscard]] inline OverSeeds variant_top1(const Json& summary, const std::string& variant, const std::string& task) {
  std::vector<DotMark> marks;
  for (const Json& net : summary.at("nets")) {
    const Json* const score = score_of(net, task);
    if (string_at(net, "net") != variant || score == nullptr) continue;
    DotMark mark = mark_of(member(*score, "top1_interval"));
    mark.value = number_or_nan(member(*score, "top1"));
    marks.push_back(mark);
  }
  return over_seeds(marks, summary.at("level").get<double>());
}

[[nodiscard]] inline double variant_top5(const Json& summary, const std::string& variant, const std::string& task) {
  std::vector<double> values;
  for (const Json& net : summary.at("nets"))
    if (const Json* const score = score_of(net, task); string_at(net, "net") == variant && score != nullptr)
      values.push_back(number_or_nan(member(*score, "top5")));
  return values.empty() ? undefined : mean(values);
}

/// Tasks that some net is judged on, in order of appearance.
[[nodiscard]] inline std::vector<std::string> judged_tasks(const Json& summary) {
  std::vector<std::string> tasks;
  for (const Json& net : summary.at("nets"))
    for (const std::string& task : distinct(member(net, "tasks"), "name"))
      if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) tasks.push_back(task);
  return tasks;
}

/// "faces 150 images of 30 classes", for each task: of the first net that is judged on it.
[[nodiscard]] inline std::string images_words(const Json& summary, const std::vector<std::string>& tasks) {
  std::vector<std::string> words;
  for (const std::string& task : tasks)
    for (const Json& net : summary.at("nets"))
      if (const Json* const score = score_of(net, task)) {
        words.push_back(task + " " + member(*score, "images").dump() + " images of " +
                        member(*score, "classes").dump() + " classes");
        break;
      }
  return joined(words, ", ");
}

}  // namespace detail

/// Top-1 (bars) and top-5 (diamonds) accuracy of every net on the tasks it is judged on. Nothing for a single net with
/// one seed: its accuracies are in a table.
[[nodiscard]] inline std::vector<CaptionedFigure> accuracy_figures(const nlohmann::ordered_json& summary) {
  const std::vector<std::string> variants = detail::distinct(summary.at("nets"), "net");
  const std::vector<std::string> tasks = detail::judged_tasks(summary);
  if (summary.at("nets").size() < 2 || tasks.empty()) return {};
  std::vector<CaptionedFigure> result;
  const auto parts = detail::portions(variants);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    BarsOptions options{.name = "accuracy" + detail::portion_suffix(part, parts.size()),
                        .groups = tasks,
                        .series = {},
                        .marker_name = "top-5",
                        .y_label = "correct test images",
                        .y_low = 0,
                        .y_high = 1};
    std::vector<std::size_t> seeds;
    for (std::size_t v = 0; v < parts[part].size(); ++v) {
      const std::string& variant = parts[part][v];
      BarSeries series{.name = detail::net_title(summary, variant), .values = {}, .color = static_cast<int>(v)};
      for (const std::string& task : tasks) {
        const detail::OverSeeds top1 = detail::variant_top1(summary, variant, task);
        if (top1.seeds > 0) seeds.push_back(top1.seeds);
        series.values.push_back(top1.mark.value);
        series.low.push_back(top1.mark.low);
        series.high.push_back(top1.mark.high);
        series.markers.push_back(detail::variant_top5(summary, variant, task));
      }
      options.series.push_back(std::move(series));
    }
    result.push_back(
        {bars_figure(options), "Test accuracy of each net: top-1 (bars) and top-5 (diamonds). Test images: " +
                                   detail::images_words(summary, tasks) + ". Means of " + detail::seeds_words(seeds) +
                                   detail::interval_words(summary, seeds) + detail::portion_words(part, parts.size())});
  }
  return result;
}

namespace detail {

/// A net among those that differ in their branch point only.
struct BranchedNet {
  std::string variant;
  std::string place;  ///< where it branches
  double shared = 0;  ///< layers before that place; infinite if nothing branches
};

/// Nets of one architecture that are trained on the same tasks, at least two of them, by branch point.
struct BranchFamily {
  std::string arch;
  std::vector<std::string> tasks;
  std::vector<BranchedNet> nets;
};

[[nodiscard]] inline std::vector<BranchFamily> branch_families(const Json& summary) {
  std::vector<BranchFamily> families;
  for (const Json& net : summary.at("nets")) {
    const std::vector<std::string> tasks = trained_tasks(net);
    const std::string arch = string_at(net, "arch");
    if (arch.empty() || tasks.size() < 2 || number_or_nan(member(net, "epochs")) == 0) continue;
    auto family = std::find_if(families.begin(), families.end(),
                               [&](const BranchFamily& f) { return f.arch == arch && f.tasks == tasks; });
    if (family == families.end()) family = families.insert(families.end(), {arch, tasks, {}});
    const std::string variant = string_at(net, "net");
    const std::string place = string_at(net, "branch_after");
    const auto known = [&](const BranchedNet& other) { return other.variant == variant || other.place == place; };
    if (std::any_of(family->nets.begin(), family->nets.end(), known)) continue;
    const double shared = number_or_nan(member(net, "shared_layers"));
    family->nets.push_back({variant, place, std::isfinite(shared) ? shared : std::numeric_limits<double>::infinity()});
  }
  std::erase_if(families, [](const BranchFamily& family) { return family.nets.size() < 2; });
  for (BranchFamily& family : families)
    std::stable_sort(family.nets.begin(), family.nets.end(),
                     [](const BranchedNet& a, const BranchedNet& b) { return a.shared < b.shared; });
  return families;
}

/// The trained net of the same architecture for this task alone; nullptr if there is none.
[[nodiscard]] inline const Json* single_task_net(const Json& summary, const std::string& arch,
                                                 const std::string& task) {
  for (const Json& net : summary.at("nets"))
    if (string_at(net, "arch") == arch && trained_tasks(net) == std::vector<std::string>{task} &&
        number_or_nan(member(net, "epochs")) != 0)
      return &net;
  return nullptr;
}

[[nodiscard]] inline std::vector<Curve> branch_curves(const Json& summary, const BranchFamily& family,
                                                      std::vector<std::size_t>& seeds) {
  std::vector<Curve> curves;
  for (std::size_t t = 0; t < family.tasks.size(); ++t) {
    Curve curve{.name = family.tasks[t], .x = {}, .y = {}};
    style_as_net(curve, t, family.tasks.size(), 0.06);
    curve.style = LineStyle::solid;
    for (std::size_t n = 0; n < family.nets.size(); ++n) {
      const OverSeeds top1 = variant_top1(summary, family.nets[n].variant, family.tasks[t]);
      if (top1.seeds > 0) seeds.push_back(top1.seeds);
      add_mark(curve, static_cast<double>(n), top1.mark);
    }
    curves.push_back(curve);
    const Json* const single = single_task_net(summary, family.arch, family.tasks[t]);
    if (single == nullptr) continue;
    const OverSeeds alone = variant_top1(summary, string_at(*single, "net"), family.tasks[t]);
    curves.push_back({.name = family.tasks[t] + ", single-task net",
                      .x = {0, static_cast<double>(family.nets.size() - 1)},
                      .y = {alone.mark.value, alone.mark.value},
                      .color = static_cast<int>(t),
                      .style = LineStyle::dashed,
                      .points = false,
                      .width = 1.4});
  }
  return curves;
}

}  // namespace detail

/// Accuracy on each task by the place where the net branches, for nets that differ in it only; dashed: the single-task
/// net of the same architecture. Nothing without two such nets.
[[nodiscard]] inline std::vector<CaptionedFigure> branch_point_figures(const nlohmann::ordered_json& summary) {
  std::vector<CaptionedFigure> result;
  const std::vector<detail::BranchFamily> families = detail::branch_families(summary);
  for (std::size_t f = 0; f < families.size(); ++f) {
    const detail::BranchFamily& family = families[f];
    std::vector<std::size_t> seeds;
    CurvePanel panel{.title = "",
                     .curves = detail::branch_curves(summary, family, seeds),
                     .x_label = "branches separate after (shared layers)",
                     .y_label = "top-1 accuracy",
                     .y_percent = true,
                     .y_low = 0};
    for (const detail::BranchedNet& net : family.nets)
      panel.x_names.push_back(std::isfinite(net.shared) ? text(net.place, " (", net.shared, ")") : "all shared");
    result.push_back(
        {curves_figure({.name = "branch_points" + detail::portion_suffix(f, families.size()),
                        .panels = {std::move(panel)},
                        .panel_height = 230}),
         "Test accuracy by branch point: nets for " + detail::joined(family.tasks, " and ") +
             " that share all layers up to the named one and have branches of their own behind it. Test images: " +
             detail::images_words(summary, family.tasks) + ". Means of " + detail::seeds_words(seeds) +
             detail::interval_words(summary, seeds)});
  }
  return result;
}

}  // namespace fusiform
