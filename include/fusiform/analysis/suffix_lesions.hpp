#pragma once
/// Lesions that each add few units to one base, by what lies behind the layer computed anew for each: the way for
/// devices that compute whole layers faster than they find out what may be left out (see incremental_lesions.hpp).

#include <algorithm>
#include <span>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/lesion_bytes.hpp>
#include <fusiform/analysis/lesion_evaluator.hpp>

namespace fusiform {

struct SuffixLesionsOptions {
  LesionManner manner{};                      ///< how units are lesioned
  Index block = 128;                          ///< images per pass
  std::size_t memory = std::size_t{2} << 30;  ///< bytes of the device for values that are kept
};

/// Outcomes do not depend on memory or range, and not on the block where the net computes each image alike in every
/// batch. The network and all images must outlive this object.
template <Scalar T, Device D>
class SuffixLesions final : public AddedLesions<Master<T>> {
 public:
  /// `reference` is for lesions of kinds mean and resample. Throws ConfigError if the head does not depend on the site,
  /// and as lesioned_channels for a manner that makes no sense here.
  SuffixLesions(const Network<T, D>& network, const LesionSite& site, NodeId head,
                const LabelledImages<Master<T>>& images, const SuffixLesionsOptions& options = {},
                const LesionReference<Master<T>>& reference = {})
      : options_(options),
        evaluator_(network, site, head, images, {.batch = options.block, .memory = options.memory}, reference) {
    static_cast<void>(lesioned_channels(site, {.kind = options.manner.kind, .alpha = options.manner.alpha}));
  }

  [[nodiscard]] const LesionSite& site() const noexcept { return evaluator_.site(); }
  [[nodiscard]] Index units() const override { return site().units; }
  [[nodiscard]] Index image_count() const override { return evaluator_.image_count(); }
  [[nodiscard]] Index block() const override { return options_.block; }

  [[nodiscard]] std::vector<Outcomes<Master<T>>> evaluate(std::span<const Index> base,
                                                          std::span<const std::vector<Index>> added,
                                                          ImageRange images) override {
    require_whole_blocks(*this, images);
    std::vector<Lesion> lesions;
    for (const std::vector<Index>& entry : added) {
      Lesion lesion{{base.begin(), base.end()}, options_.manner.kind, options_.manner.alpha};
      lesion.units.insert(lesion.units.end(), entry.begin(), entry.end());
      lesions.push_back(std::move(lesion));
    }
    return evaluator_.evaluate(lesions, images);
  }

 private:
  SuffixLesionsOptions options_;
  LesionEvaluator<T, D> evaluator_;
};

}  // namespace fusiform
