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
#include <fusiform/study/training.hpp>

namespace fusiform {

namespace detail {

/// Images and the net of the last job, read from the results of process 0.
class StudyServer {
 public:
  explicit StudyServer(const StudyContext& study) : study_(study) {}

  /// One epoch, shared step by step. Its errors are those of process 0, which says them.
  void train(const StudyJob& job) {
    NetTraining* training = prepare_together(*study_.team, [&] { return training_for(job); });
    if (training == nullptr) return;
    training->share(*study_.team);
    try {
      training->run_epoch(job.learning_rate);
    } catch (const CommunicationError&) {
      throw;
    } catch (const std::exception&) {
      training_.reset();
    }
  }

  /// Returns when the ranking is finished or has failed, which process 0 says.
  void rank(const StudyJob& job) {
    training_.reset();  // training is over, and has its memory
    const auto ranked = prepare_together(*study_.team, [&] {
      load(job.net);
      return std::make_unique<RankedLesions>(LesionedNet{*net_, *network_, *placed_, *pack_}, job.task, job.layer);
    });
    if (ranked != nullptr) serve_lesions(ranked->lesions(), *study_.team);
  }

 private:
  [[nodiscard]] static bool are_same(const StudyNet& a, const StudyNet& b) {
    return a.variant == b.variant && a.seed == b.seed;
  }

  /// A net of the study, with its settings. Throws ConfigError.
  [[nodiscard]] StudyNet find(const StudyNet& wanted) const {
    for (const StudyNet& net : study_nets(study_.config))
      if (are_same(net, wanted)) return net;
    throw ConfigError(text("study: expected a net of the study, got '", wanted.title(), "'"));
  }

  void open_pack() {
    if (!pack_) pack_.emplace(study_.paths.tasks().pack);
  }

  /// The training of the last job, or one that goes on from the results of process 0.
  [[nodiscard]] NetTraining* training_for(const StudyJob& job) {
    open_pack();
    if (training_ && are_same(training_->net(), job.net) && training_->finished() == job.epoch - 1)
      return training_.get();
    training_.reset();
    training_ = std::make_unique<NetTraining>(study_, *pack_, find(job.net));
    return training_.get();
  }

  /// Throws FileError if the results of process 0 cannot be read here.
  void load(const StudyNet& wanted) {
    open_pack();
    if (net_ && are_same(*net_, wanted)) return;
    net_.reset();
    placed_.reset();
    const StudyNet net = find(wanted);
    network_.emplace(build<float, Cpu>(net_plan(net.settings->net, net_tasks(study_, net, *pack_))));
    load_weights(*network_, study_.paths.checkpoint(net));
    placed_ = device_of(study_).place(*network_);
    net_ = net;
  }

  const StudyContext& study_;
  std::optional<ImagePack> pack_;
  std::unique_ptr<NetTraining> training_;
  std::optional<StudyNet> net_;  // in network_
  std::optional<StudyNetwork> network_;
  std::unique_ptr<PlacedNet> placed_;  // network_ where it is computed with
};

}  // namespace detail

/// Serves until process 0 has finished or failed. Settings and results folder must be those of process 0. Throws
/// CommunicationError if another process has given up.
inline void serve_study(const StudyContext& study) {
  if (!detail::agree_on_settings(study)) return;
  (void)detail::gather_devices(study);
  detail::StudyServer server(study);
  while (true) {
    const StudyJob job = next_job(study);
    if (job.kind == StudyJobKind::end) return;
    if (job.kind == StudyJobKind::train) server.train(job);
    if (job.kind == StudyJobKind::rank) server.rank(job);
  }
}

}  // namespace fusiform
