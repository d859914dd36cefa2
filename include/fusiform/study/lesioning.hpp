#pragma once
/// Third stage: rank the units of each layer for each task, lesion the best ones, evaluate every task.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/effects.hpp>
#include <fusiform/analysis/journaled_lesions.hpp>
#include <fusiform/analysis/sharded_lesions.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/lesion_settings.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/racing.hpp>
#include <fusiform/study/ranked_lesions.hpp>
#include <fusiform/study/ranking_audit.hpp>
#include <fusiform/study/team.hpp>
#include <fusiform/study/training.hpp>

namespace fusiform {

namespace detail {

/// Whether a ranking has as many units as the study asks for.
[[nodiscard]] inline bool is_complete(const Ranking& ranking, const LesionConfig& lesion) {
  const auto ranked = static_cast<Index>(ranking.units.size());
  return ranked > 0 && (ranked == ranking.layer_units ||
                        !selection_schedule(ranking.layer_units, lesion.fraction, lesion.group).goes_on(ranked));
}

[[nodiscard]] inline RankingAuditOptions audit_options(const StudyContext& study, const LesionedNet& lesioned,
                                                       const NetTask& task, const std::string& layer) {
  const StudyNet& net = lesioned.net;
  return {.path = study.paths.ranking_audit(net, layer, task.task),
          .title = text(net.title(), ": ranking ", layer, " for ", task.task),
          .manner = lesion_manner(lesioned.lesion()),
          .share = lesioned.lesion().audit,
          .rng = Rng(net.seed).stream("audit").stream(layer).stream(task.task)};
}

/// Paths or made-up names of packed images.
[[nodiscard]] inline std::vector<std::string> image_names(const ImagePack& pack, const std::vector<Index>& items) {
  std::vector<std::string> names;
  for (const Index item : items) names.push_back(pack.manifest().images[static_cast<std::size_t>(item)].path);
  return names;
}

/// Goes on with the journal of a ranking where it ended, and within an iteration where work ended; a finished ranking
/// is only read. The processes of the team share the work.
[[nodiscard]] inline Ranking rank_task(StudyContext& study, const LesionedNet& lesioned, const NetTask& task,
                                       const std::string& layer) {
  const StudyNet& net = lesioned.net;
  const LesionConfig& lesion = lesioned.lesion();
  const std::string path = study.paths.ranking(net, layer, task.task);
  const std::string work = study.paths.ranking_work(net, layer, task.task);
  Ranking ranking = read_ranking(path);
  const std::size_t journaled = ranking.iterations.size();
  if (is_complete(ranking, lesion)) {
    std::filesystem::remove(work);  // a kill may have left it
    return ranking;
  }
  const auto ranked = share_job(study, {.kind = StudyJobKind::rank, .net = net, .layer = layer, .task = task},
                                [&] { return std::make_unique<RankedLesions>(lesioned, task, layer); });
  study.progress.start(text(net.title(), ": ranking ", layer, " for ", task.task), "units");
  JsonLinesWriter journal(path);
  {
    ShardedLesions<float> sharded(ranked->lesions(), *study.team);
    JournaledLesions<float> lesions(sharded, work, ranked->identity(), {.blocks = study.team->size()});
    const auto direct = lesioned.placed.defined_lesions(placed_lesions(lesioned, task, layer), ranked->images());
    RankingAudit audit(lesions, *direct, image_names(lesioned.pack, ranked->items()),
                       lesion.racing ? 0 : static_cast<Index>(journaled), audit_options(study, lesioned, task, layer));
    ranking = rank_as_asked(
        audit.lesions(), net,
        [&](const Ranking& so_far, Index wanted) {
          audit.store(static_cast<Index>(so_far.iterations.size()) - 1, study.progress);
          study.progress.update(static_cast<Index>(so_far.units.size()), wanted);
          if (so_far.iterations.size() <= journaled) return;
          journal.append(to_json(so_far.iterations.back()).dump());
          journal.flush();
        },
        std::move(ranking));
  }
  std::filesystem::remove(work);  // every iteration is in the ranking's own journal
  study.progress.finish(text(ranking.units.size(), " of ", ranking.layer_units, " units ranked on ",
                             ranked->images().count(), " images"));
  return ranking;
}

/// What the lesions do to the test images of each task.
[[nodiscard]] inline LayerEffects evaluate_lesions(StudyContext& study, const LesionedNet& lesioned,
                                                   const std::vector<NetTask>& tasks, const std::string& layer,
                                                   std::vector<PlannedLesion> lesions) {
  const auto& [net, network, placed, pack] = lesioned;
  std::vector<TaskImages<float>> images;
  for (const NetTask& task : tasks)
    images.push_back({task.task, task_head(network, task),
                      task_input(net.settings->net, pack, task, task_images(pack.manifest(), task, Split::test)),
                      lesion_reference(lesioned, task)});
  const LesionSite site = lesion_site(network, layer, lesion_kind(lesioned.lesion()));
  LayerEffects effects{.layer = layer, .units = site.units, .lesions = std::move(lesions), .tasks = {}};
  study.progress.start(text(net.title(), ": lesions of ", layer), "evaluations");
  effects.tasks = placed.lesion_effects(
      site, effects.lesions, images, lesion_memory(lesioned.lesion()),
      [&](Index done, Index total) { study.progress.update(done, total); }, lesion_manner(lesioned.lesion()));
  study.progress.finish(text(effects.lesions.size(), " lesions, ", tasks.size(), " tasks"));
  return effects;
}

[[nodiscard]] inline std::vector<std::string> names_of(const std::vector<NetTask>& tasks) {
  std::vector<std::string> names;
  for (const NetTask& task : tasks) names.push_back(task.task);
  return names;
}

}  // namespace detail

/// Stores what the net does without lesions, unless that is stored already.
inline void evaluate_intact(StudyContext& study, const LesionedNet& lesioned) {
  const std::string path = study.paths.intact(lesioned.net);
  if (std::filesystem::exists(path)) return;
  LayerEffects effects{.layer = "", .units = 0, .lesions = {{"none", 0, 0, {}}}, .tasks = {}};
  for (const NetTask& task : net_tasks(study, lesioned.net, lesioned.pack)) {
    const auto images = task_input(lesioned.net.settings->net, lesioned.pack, task,
                                   task_images(lesioned.pack.manifest(), task, Split::test));
    effects.tasks.push_back(
        {task.task, images.labels, {lesioned.placed.evaluate(task_head(lesioned.network, task), images)}});
  }
  write_effects(path, effects);
}

/// Rankings of all trained tasks at one layer, in the order of the tasks.
[[nodiscard]] inline std::vector<Ranking> rank_layer(StudyContext& study, const LesionedNet& lesioned,
                                                     const std::string& layer) {
  std::vector<Ranking> rankings;
  for (const NetTask& task : ranked_tasks(net_tasks(study, lesioned.net, lesioned.pack)))
    rankings.push_back(detail::rank_task(study, lesioned, task, layer));
  return rankings;
}

/// Evaluates the lesions of one layer on the test images of all tasks, unless their outcomes are stored already.
inline void lesion_layer(StudyContext& study, const LesionedNet& lesioned, const std::string& layer) {
  const LesionConfig& lesion = lesioned.lesion();
  const std::vector<NetTask> tasks = net_tasks(study, lesioned.net, lesioned.pack);
  const std::vector<NetTask> ranked = ranked_tasks(tasks);
  const std::string path = study.paths.outcomes(lesioned.net, layer);
  const auto is_done = [&](const NetTask& task) {
    return detail::is_complete(read_ranking(study.paths.ranking(lesioned.net, layer, task.task)), lesion);
  };
  if (std::filesystem::exists(path) && std::all_of(ranked.begin(), ranked.end(), is_done)) return;
  const std::vector<Ranking> rankings = rank_layer(study, lesioned, layer);
  write_effects(path,
                detail::evaluate_lesions(study, lesioned, tasks, layer,
                                         plan_lesions(detail::names_of(ranked), rankings,
                                                      {.fractions = lesion_fractions(lesion),
                                                       .random_sets = lesion.random_lesions,
                                                       .random_fraction = headline_fraction(lesion),
                                                       .keep_only = lesion.keep_only},
                                                      Rng(lesioned.net.seed).stream("random lesions").stream(layer))));
}

}  // namespace fusiform
