#pragma once
/// What every process but the first does while a study runs: takes part in its jobs. It writes no file and says
/// nothing.

#include <memory>
#include <optional>
#include <utility>

#include <fusiform/analysis/sharded_lesions.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/study/lesioning.hpp>
#include <fusiform/study/team.hpp>

namespace fusiform {

namespace detail {

/// Images and the net of the last job, read from the results of process 0.
class StudyServer {
 public:
  explicit StudyServer(const StudyContext& study) : study_(study) {}

  /// Returns when the ranking is finished or has failed, which process 0 says.
  void rank(const StudyJob& job) {
    const auto ranked = prepare_together(*study_.team, [&] {
      load(job.net);
      return std::make_unique<RankedLesions>(LesionedNet{*net_, *network_, *pack_}, job.task, job.layer);
    });
    if (ranked != nullptr) serve_lesions(ranked->lesions(), *study_.team);
  }

 private:
  /// Throws FileError if the results of process 0 cannot be read here.
  void load(const StudyNet& wanted) {
    if (!pack_) pack_.emplace(study_.paths.tasks().pack);
    if (net_ && net_->variant == wanted.variant && net_->seed == wanted.seed) return;
    net_.reset();
    for (StudyNet& net : study_nets(study_.config)) {
      if (net.variant != wanted.variant || net.seed != wanted.seed) continue;
      network_.emplace(build<float, Cpu>(net_plan(net.settings->net, net_tasks(study_, net, *pack_))));
      load_weights(*network_, study_.paths.checkpoint(net));
      net_ = net;
    }
    if (!net_) throw ConfigError(text("study: expected a net of the study, got '", wanted.title(), "'"));
  }

  const StudyContext& study_;
  std::optional<ImagePack> pack_;
  std::optional<StudyNet> net_;
  std::optional<StudyNetwork> network_;
};

}  // namespace detail

/// Serves until process 0 has finished or failed. Settings and results folder must be those of process 0. Throws
/// CommunicationError if another process has given up.
inline void serve_study(const StudyContext& study) {
  if (!detail::agree_on_settings(study)) return;
  detail::StudyServer server(study);
  while (true) {
    const StudyJob job = next_job(study);
    if (job.kind == StudyJobKind::end) return;
    server.rank(job);
  }
}

}  // namespace fusiform
