#pragma once
/// How the processes of a study share work: process 0 runs the study and asks the others, job by job, to take part.

#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/together.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/provenance.hpp>
#include <fusiform/study/study_device_on.hpp>

namespace fusiform {

enum class StudyJobKind : unsigned char { end, train, rank };

/// What process 0 asks for.
struct StudyJob {
  StudyJobKind kind = StudyJobKind::end;
  StudyNet net;              ///< `settings` does not travel
  Index epoch = 0;           ///< of `train`
  double learning_rate = 0;  ///< of `train`
  std::string layer;         ///< of `rank`
  NetTask task;              ///< of `rank`
};

namespace detail {

[[nodiscard]] inline std::string bytes_of(const StudyJob& job) {
  MessageWriter writer;
  writer.put(static_cast<unsigned char>(job.kind));
  writer.put_text(job.net.variant);
  writer.put(job.net.seed);
  writer.put(job.epoch);
  writer.put(job.learning_rate);
  writer.put_text(job.layer);
  writer.put_text(job.task.task);
  writer.put_text(job.task.trained_as);
  writer.put(job.task.classes);
  writer.put_list(std::span(job.task.outputs));
  return writer.take();
}

/// Throws ConfigError on process 0 unless all processes have the same settings; the others then return false.
[[nodiscard]] inline bool agree_on_settings(const StudyContext& study) {
  const std::string own = to_json(study.config).dump();
  const std::string first = study.team->broadcast(own);
  return together_with_first(*study.team, [&] {
    if (own != first) throw ConfigError("study: expected the settings of process 0, found others");
  });
}

/// On process 0 what each process computes on, in their order.
[[nodiscard]] inline std::vector<std::string> gather_devices(const StudyContext& study) {
  return study.team->gather(device_of(study).description());
}

/// Makes ready for a job what `prepare` returns: a pointer to something that says by `identity()` what it works on.
/// To be called on all processes. If it fails on one, or works on other things than process 0, process 0 throws and the
/// others return null.
template <class Prepare>
[[nodiscard]] auto prepare_together(Communicator& team, const Prepare& prepare) {
  decltype(prepare()) prepared;
  if (!together_with_first(team, [&] { prepared = prepare(); })) return decltype(prepared)();
  const std::string first = team.broadcast(prepared->identity());
  const bool agrees = together_with_first(team, [&] {
    if (prepared->identity() != first)
      throw ConfigError(text("study: expected the work of process 0, ", first, ", found ", prepared->identity()));
  });
  return agrees ? std::move(prepared) : decltype(prepared)();
}

}  // namespace detail

/// On process 0, as long as the study runs: afterwards the others stop serving. Where there is one process, it does
/// nothing.
class StudyTeam {
 public:
  /// Throws ConfigError unless all processes have the same settings.
  explicit StudyTeam(const StudyContext& study) : team_(*study.team) {
    (void)detail::agree_on_settings(study);
    devices_ = detail::gather_devices(study);
  }
  StudyTeam(const StudyTeam&) = delete;
  StudyTeam& operator=(const StudyTeam&) = delete;
  /// What each process computes on.
  [[nodiscard]] const std::vector<std::string>& devices() const noexcept { return devices_; }

  ~StudyTeam() {
    try {
      (void)team_.broadcast(detail::bytes_of({}));
    } catch (...) {
      // The others have given up: they no longer serve.
    }
  }

 private:
  Communicator& team_;
  std::vector<std::string> devices_;
};

/// Process 0: lets all others take part in a job, for which each makes ready as `prepare` does here. Throws what
/// `prepare` threw on any process.
template <class Prepare>
[[nodiscard]] auto share_job(const StudyContext& study, const StudyJob& job, const Prepare& prepare) {
  (void)study.team->broadcast(detail::bytes_of(job));
  return detail::prepare_together(*study.team, prepare);
}

/// Every other process: the next job. Throws CommunicationError if process 0 has given up.
[[nodiscard]] inline StudyJob next_job(const StudyContext& study) {
  const std::string bytes = study.team->broadcast({});
  MessageReader reader(bytes, "job of process 0");
  StudyJob job;
  job.kind = static_cast<StudyJobKind>(reader.get<unsigned char>());
  job.net.variant = reader.get_text();
  job.net.seed = reader.get<std::uint64_t>();
  job.epoch = reader.get<Index>();
  job.learning_rate = reader.get<double>();
  job.layer = reader.get_text();
  job.task.task = reader.get_text();
  job.task.trained_as = reader.get_text();
  job.task.classes = reader.get<Index>();
  job.task.outputs = reader.get_list<Index>();
  return job;
}

}  // namespace fusiform
