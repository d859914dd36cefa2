#pragma once
/// Holds fast lesions against slow ones while they are used: a random share of all (lesion, image) pairs is computed
/// again by the definition, and what differs is reported (spec: C.3, V7).

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/direct_lesion.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

struct AuditOptions {
  double share = 0.01;  ///< of all (lesion, image) pairs
  Index limit = 64;     ///< pairs per question at most: one costs a pass through the whole net
  Rng rng{0};           ///< which pairs
  std::uint64_t questions =
      0;  ///< asked before, of an audit that goes on: the next one is drawn as if it had not ended
};

/// Differences of losses, nats, between the two ways to compute them.
struct Audit {
  Index pairs = 0;                      ///< computed in both ways
  Index off_by_more_than_rounding = 0;  ///< pairs that differ by more than 2e-5 (1 + |loss|)
  double largest = 0;
  double sum = 0;
  std::vector<Index> worst_units;  ///< the lesion of the pair that differs most
  Index worst_image = -1;

  [[nodiscard]] double mean() const noexcept { return pairs == 0 ? 0.0 : sum / static_cast<double>(pairs); }

  /// The audits of two parts of the work as one.
  void add(const Audit& other) {
    if (other.largest > largest || worst_image < 0) {
      worst_units = other.worst_units;
      worst_image = other.worst_image;
    }
    pairs += other.pairs;
    off_by_more_than_rounding += other.off_by_more_than_rounding;
    largest = std::max(largest, other.largest);
    sum += other.sum;
  }
};

/// Answers what `audited` answers. `direct` must be of the same site, head, images and reference; both must outlive
/// this object.
template <Scalar T>
class AuditedLesions final : public AddedLesions<T> {
 public:
  /// Throws ConfigError for a share out of 0..1 or a negative limit.
  AuditedLesions(AddedLesions<T>& audited, DefinedLesions<T>& direct, LesionManner manner, AuditOptions options = {})
      : audited_(audited), direct_(direct), manner_(manner), options_(options) {
    require_setting(options_.share >= 0 && options_.share <= 1, "audit", "a share from 0 to 1", options_.share);
    require_setting(options_.limit >= 0, "audit", "a limit of at least 0 pairs", options_.limit);
  }

  [[nodiscard]] Index units() const override { return audited_.units(); }
  [[nodiscard]] Index image_count() const override { return audited_.image_count(); }
  [[nodiscard]] Index block() const override { return audited_.block(); }

  /// Of everything that was asked so far, or since it was taken.
  [[nodiscard]] const Audit& audit() const noexcept { return audit_; }
  [[nodiscard]] Audit take_audit() { return std::exchange(audit_, {}); }
  /// How often was asked, with the times before.
  [[nodiscard]] std::uint64_t questions() const noexcept { return options_.questions; }

  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    std::vector<Outcomes<T>> outcomes = audited_.evaluate(base, added, images);
    const std::vector<std::vector<Index>> chosen = choose(added, images);
    for (std::size_t entry = 0; entry < chosen.size(); ++entry)
      if (!chosen[entry].empty()) compare(base, added[entry], images, chosen[entry], outcomes[entry]);
    ++options_.questions;
    return outcomes;
  }

 private:
  /// For each entry the images to compute again, ascending.
  [[nodiscard]] std::vector<std::vector<Index>> choose(std::span<const std::vector<Index>> added,
                                                       ImageRange images) const {
    const Index all = static_cast<Index>(added.size()) * images.count;
    const auto wanted = static_cast<Index>(std::ceil(options_.share * static_cast<double>(all)));
    Rng rng = options_.rng.stream(options_.questions);
    std::vector<std::vector<Index>> chosen(added.size());
    for (Index pair = 0; pair < std::min({wanted, options_.limit, all}); ++pair)
      chosen[static_cast<std::size_t>(rng.below(static_cast<Index>(added.size())))].push_back(images.first +
                                                                                              rng.below(images.count));
    for (std::vector<Index>& entry : chosen) {
      std::sort(entry.begin(), entry.end());
      entry.erase(std::unique(entry.begin(), entry.end()), entry.end());
    }
    return chosen;
  }

  void compare(std::span<const Index> base, const std::vector<Index>& entry, ImageRange images,
               const std::vector<Index>& chosen, const Outcomes<T>& outcomes) {
    Lesion lesion{{base.begin(), base.end()}, manner_.kind, manner_.alpha};
    lesion.units.insert(lesion.units.end(), entry.begin(), entry.end());
    constexpr Index at_a_time = 32;  // a pass keeps all values of its images
    const ImageRange all{0, static_cast<Index>(chosen.size())};
    for (Index part = 0; part < all.parts(at_a_time); ++part) {
      const std::span<const Index> some = part_of(chosen, all.part(part, at_a_time));
      add(lesion, some, direct_.evaluate(lesion, some), images, outcomes);
    }
  }

  void add(const Lesion& lesion, std::span<const Index> chosen, const Outcomes<T>& slow, ImageRange images,
           const Outcomes<T>& outcomes) {
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto expected = static_cast<double>(slow.losses[i]);
      const auto found = static_cast<double>(outcomes.losses[static_cast<std::size_t>(chosen[i] - images.first)]);
      const double difference = expected == found ? 0 : std::abs(expected - found);  // both may be infinite
      audit_.add({.pairs = 1,
                  .off_by_more_than_rounding = difference <= 2e-5 * (1 + std::abs(expected)) ? 0 : 1,
                  .largest = difference,
                  .sum = difference,
                  .worst_units = lesion.units,
                  .worst_image = chosen[i]});
    }
  }

  AddedLesions<T>& audited_;
  DefinedLesions<T>& direct_;
  LesionManner manner_;
  AuditOptions options_;
  Audit audit_;
};

}  // namespace fusiform
