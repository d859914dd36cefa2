#pragma once
/// Third stage: rank the units of each layer for each task, lesion the best ones, evaluate every task.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/effects.hpp>
#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/analysis/journaled_lesions.hpp>
#include <fusiform/analysis/sharded_lesions.hpp>
#include <fusiform/data/checksum.hpp>
#include <fusiform/data/sampling.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/journal.hpp>
#include <fusiform/study/outcome_store.hpp>
#include <fusiform/study/racing.hpp>
#include <fusiform/study/ranking_audit.hpp>
#include <fusiform/study/team.hpp>
#include <fusiform/study/training.hpp>
#include <fusiform/study/weights_checksum.hpp>

namespace fusiform {

[[nodiscard]] inline LesionKind lesion_kind(const LesionConfig& lesion) {
  if (lesion.kind == "weights") return LesionKind::weights;
  if (lesion.kind == "mean") return LesionKind::mean;
  if (lesion.kind == "resample") return LesionKind::resample;
  return lesion.kind == "scale" ? LesionKind::scale : LesionKind::zero;
}

/// How units are lesioned; a site of kind weights is set to zero.
[[nodiscard]] inline LesionManner lesion_manner(const LesionConfig& lesion) {
  const LesionKind kind = lesion_kind(lesion);
  return {kind == LesionKind::weights ? LesionKind::zero : kind, lesion.scale};
}

/// The lesion size at which segregation is judged: that of the ranking, or 20 % after a linear ranking.
[[nodiscard]] inline double headline_fraction(const LesionConfig& lesion) {
  return lesion.fraction > 0 ? lesion.fraction : 0.2;
}

/// The points of the lesion curves, ascending; the headline fraction is always among them.
[[nodiscard]] inline std::vector<double> lesion_fractions(const LesionConfig& lesion) {
  std::vector<double> fractions = lesion.fractions;
  fractions.push_back(headline_fraction(lesion));
  std::sort(fractions.begin(), fractions.end());
  fractions.erase(std::unique(fractions.begin(), fractions.end()), fractions.end());
  return fractions;
}

namespace detail {

/// Whether all heads depend on a node: lesions there can be compared between tasks.
[[nodiscard]] inline bool serves_all_heads(const StudyNetwork& network, NodeId node) {
  const std::vector<bool> dependent = network.dependent_on(node);
  const std::vector<NodeId> heads = network.heads();
  return std::all_of(heads.begin(), heads.end(), [&](NodeId head) { return dependent[head]; });
}

}  // namespace detail

/// The layers to lesion, under the name or alias the study uses; by default the last convolution that all tasks share.
/// Throws ConfigError for a layer that the net does not have, or that lies in the branch of one task.
[[nodiscard]] inline std::vector<std::string> lesioned_layers(const LesionConfig& lesion, const StudyNetwork& network) {
  for (const std::string& layer : lesion.layers)
    if (!detail::serves_all_heads(network, lesion_site(network, layer, lesion_kind(lesion)).node))
      throw ConfigError(text("lesion: expected layers that all tasks share, got '", layer, "' in the branch of one"));
  if (!lesion.layers.empty()) return lesion.layers;
  for (NodeId id = network.size() - 1; id > 0; --id)
    if (network.node(id).layer->kind() == "conv2d" && detail::serves_all_heads(network, id))
      return {network.node(id).alias.empty() ? network.node(id).name : network.node(id).alias};
  throw ConfigError("lesion: the net has no convolution that all tasks share; expected [lesion] layers = [...]");
}

/// Training images of a task that its rankings use: a fixed list, the same for all layers of a net.
[[nodiscard]] inline std::vector<Index> ranking_images(const LesionConfig& lesion, const ImagePack& pack,
                                                       const NetTask& task, std::uint64_t seed) {
  const std::vector<Index> items = task_images(pack.manifest(), task, Split::train);
  if (lesion.selection == "first") return first_images(pack.manifest(), items, lesion.images);
  return stratified_images(pack.manifest(), items, lesion.images, Rng(seed).stream("ranking images " + task.task));
}

/// The tasks whose units are ranked: those that the net is trained on.
[[nodiscard]] inline std::vector<NetTask> ranked_tasks(std::vector<NetTask> tasks) {
  std::erase_if(tasks, [](const NetTask& task) { return !task.is_trained(); });
  return tasks;
}

/// One trained net with all that its lesions need.
struct LesionedNet {
  const StudyNet& net;
  const StudyNetwork& network;
  const ImagePack& pack;

  [[nodiscard]] const LesionConfig& lesion() const noexcept { return net.settings->lesion; }
};

namespace detail {

[[nodiscard]] inline LesionEvaluatorOptions evaluator_options(const LesionConfig& lesion) {
  return {.memory = static_cast<std::size_t>(lesion.memory_mib) << 20U};
}

[[nodiscard]] inline IncrementalOptions incremental_options(const LesionConfig& lesion) {
  return {.manner = lesion_manner(lesion), .memory = evaluator_options(lesion).memory};
}

/// For kinds mean and resample: other images of the same list, whose partners are drawn once per net and task.
[[nodiscard]] inline LesionReference<float> lesion_reference(const LesionedNet& lesioned, const NetTask& task) {
  return {.rng = Rng(lesioned.net.seed).stream("resampled partners").stream(task.task)};
}

/// Whether a ranking has as many units as the study asks for.
[[nodiscard]] inline bool is_complete(const Ranking& ranking, const LesionConfig& lesion) {
  const auto ranked = static_cast<Index>(ranking.units.size());
  return ranked > 0 && (ranked == ranking.layer_units ||
                        !selection_schedule(ranking.layer_units, lesion.fraction, lesion.group).goes_on(ranked));
}

/// The lesions that one ranking asks for, on this process.
class RankedLesions {
 public:
  RankedLesions(const LesionedNet& lesioned, const NetTask& task, const std::string& layer)
      : items_(in_order_of_ranking(ranking_images(lesioned.lesion(), lesioned.pack, task, lesioned.net.seed),
                                   lesioned.pack, lesioned.net)),
        images_(task_input(lesioned.net.settings->net, lesioned.pack, task, items_)),
        lesions_(lesioned.network, lesion_site(lesioned.network, layer, lesion_kind(lesioned.lesion())),
                 task_head(lesioned.network, task), images_, incremental_options(lesioned.lesion()),
                 lesion_reference(lesioned, task)) {
    const LesionConfig& lesion = lesioned.lesion();
    identity_ =
        text("layer ", layer, " of ", lesioned.net.title(), " with weights ", weights_checksum(lesioned.network),
             ", task ", task.task, ", images ",
             mix(checksum_of(std::as_bytes(std::span(items_))), checksum_of(std::as_bytes(std::span(images_.labels)))),
             ", lesions of kind ", lesion.kind, " ", lesion.scale);
  }

  [[nodiscard]] IncrementalLesions<float>& lesions() noexcept { return lesions_; }
  [[nodiscard]] const std::vector<Index>& items() const noexcept { return items_; }
  [[nodiscard]] const LabelledImages<float>& images() const noexcept { return images_; }

  /// What the outcomes depend on, the same on every process that can take part.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

 private:
  std::vector<Index> items_;
  LabelledImages<float> images_;
  IncrementalLesions<float> lesions_;
  std::string identity_;
};

/// The same lesions by their definition, for audits.
[[nodiscard]] inline DirectLesion<float> direct_lesions(const LesionedNet& lesioned, const NetTask& task,
                                                        const std::string& layer, const LabelledImages<float>& images) {
  return {lesioned.network, lesion_site(lesioned.network, layer, lesion_kind(lesioned.lesion())),
          task_head(lesioned.network, task), images, lesion_reference(lesioned, task)};
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
  if (is_complete(ranking, lesion)) {
    std::filesystem::remove(work);  // a kill may have left it
    return ranking;
  }
  const auto ranked = share_job(study, {.kind = StudyJobKind::rank, .net = net, .layer = layer, .task = task},
                                [&] { return std::make_unique<RankedLesions>(lesioned, task, layer); });
  study.progress.start(text(net.title(), ": ranking ", layer, " for ", task.task), "units");
  JsonLinesWriter journal(path);
  const std::size_t finished = ranking.iterations.size();
  {
    ShardedLesions<float> sharded(ranked->lesions(), *study.team);
    JournaledLesions<float> lesions(sharded, work, ranked->identity(), {.blocks = study.team->size()});
    DirectLesion<float> direct = direct_lesions(lesioned, task, layer, ranked->images());
    RankingAudit audit(lesions, direct, image_names(lesioned.pack, ranked->items()),
                       static_cast<Index>(lesion.racing ? 0 : finished), audit_options(study, lesioned, task, layer));
    ranking = rank_as_asked(
        audit.lesions(), net,
        [&](const Ranking& so_far, Index wanted) {
          audit.store(static_cast<Index>(so_far.iterations.size()) - 1, study.progress);
          study.progress.update(static_cast<Index>(so_far.units.size()), wanted);
          if (so_far.iterations.size() <= finished) return;  // a race that runs again
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
  const auto& [net, network, pack] = lesioned;
  std::vector<TaskImages<float>> images;
  for (const NetTask& task : tasks)
    images.push_back({task.task, task_head(network, task),
                      task_input(net.settings->net, pack, task, task_images(pack.manifest(), task, Split::test)),
                      lesion_reference(lesioned, task)});
  const LesionSite site = lesion_site(network, layer, lesion_kind(lesioned.lesion()));
  LayerEffects effects{.layer = layer, .units = site.units, .lesions = std::move(lesions), .tasks = {}};
  study.progress.start(text(net.title(), ": lesions of ", layer), "evaluations");
  effects.tasks = lesion_effects(
      network, site, effects.lesions, images, evaluator_options(lesioned.lesion()),
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
        {task.task, images.labels, {evaluate(lesioned.network, task_head(lesioned.network, task), images)}});
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
