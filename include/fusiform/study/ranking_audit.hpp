#pragma once
/// Holds a study's ranking against the definition of a lesion while it is computed, as `[lesion] audit` asks.

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/study/audit_store.hpp>
#include <fusiform/study/progress.hpp>

namespace fusiform::detail {

struct RankingAuditOptions {
  std::string path;   ///< of the file beside the ranking's journal
  std::string title;  ///< of the ranking, in warnings
  LesionManner manner;
  double share = 0;  ///< of all (lesion, image) pairs; 0: no audit
  Rng rng{0};        ///< which pairs
};

/// Wraps the lesions of one ranking. A ranking that was stopped goes on with the same pairs as an undisturbed one.
class RankingAudit {
 public:
  /// `direct` must be of what `lesions` are of; `image_names`: of the images of the list. All but the options must
  /// outlive this object. `finished`: iterations that are not asked for again.
  RankingAudit(AddedLesions<float>& lesions, DefinedLesions<float>& direct, std::vector<std::string> image_names,
               Index finished, RankingAuditOptions options)
      : lesions_(lesions), image_names_(std::move(image_names)), options_(std::move(options)) {
    if (options_.share == 0) return;
    iterations_ = read_audit(options_.path);
    // An iteration that was audited but did not reach the journal is audited again.
    std::erase_if(iterations_, [&](const AuditedIteration& one) { return one.iteration >= finished; });
    audited_.emplace(lesions, direct, options_.manner,
                     AuditOptions{.share = options_.share,
                                  .limit = std::numeric_limits<Index>::max(),
                                  .rng = options_.rng,
                                  .questions = iterations_.empty() ? 0 : iterations_.back().questions});
  }

  /// What the ranking must ask.
  [[nodiscard]] AddedLesions<float>& lesions() { return audited_ ? *audited_ : lesions_; }

  /// Stores what was found in an iteration, before the iteration is journaled, and warns of what is no rounding.
  void store(Index iteration, const ProgressLine& progress) {
    if (!audited_) return;
    AuditedIteration found{iteration, audited_->questions(), audited_->take_audit(), {}};
    const Audit& audit = found.audit;
    if (audit.worst_image >= 0) found.worst_image = image_names_.at(static_cast<std::size_t>(audit.worst_image));
    if (audit.off_by_more_than_rounding > 0)
      progress.say(text("warning: ", options_.title, ", iteration ", iteration, ": ", audit.off_by_more_than_rounding,
                        " of ", audit.pairs, " audited losses are off by more than rounding, by up to ", audit.largest,
                        " nats (image '", found.worst_image, "')"));
    iterations_.push_back(std::move(found));
    write_audit(options_.path, iterations_);
  }

 private:
  AddedLesions<float>& lesions_;
  std::vector<std::string> image_names_;
  RankingAuditOptions options_;
  std::vector<AuditedIteration> iterations_;
  std::optional<AuditedLesions<float>> audited_;
};

}  // namespace fusiform::detail
