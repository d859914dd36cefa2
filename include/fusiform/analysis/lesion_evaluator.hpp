#pragma once
/// Evaluates any lesions of one layer on one list of images: the part of the net before the layer is computed once,
/// only what lies behind it is computed for each lesion. For many lesions that differ by few units there is a faster
/// way: analysis/incremental_lesions.hpp.

#include <algorithm>
#include <atomic>
#include <concepts>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/site_values.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

struct LesionEvaluatorOptions {
  Index batch = 32;                           ///< images per pass; also the unit of parallel work
  std::size_t memory = std::size_t{2} << 30;  ///< bytes for cached activations; more images are done in chunks
};

/// Outcomes do not depend on the number of threads or on the memory: every image goes through the same batches. The
/// network and all images must outlive the evaluator.
template <Scalar T>
class LesionEvaluator {
 public:
  /// Told how many of how many (lesion, batch) pairs are done; called from one thread at a time.
  using Progress = std::function<void(Index done, Index total)>;

  /// `reference` is for lesions of kinds mean and resample. Throws ConfigError if the head does not depend on the site.
  LesionEvaluator(const Network<T, Cpu>& network, const LesionSite& site, NodeId head, const LabelledImages<T>& images,
                  const LesionEvaluatorOptions& options = {}, const LesionReference<T>& reference = {})
      : network_(network),
        images_(images),
        site_(site),
        head_(head),
        options_(options),
        values_(network, site, head, images, reference, options.batch) {
    require_setting(options.batch >= 1, "lesion evaluator", "a batch of at least 1 image", options.batch);
  }

  [[nodiscard]] const LesionSite& site() const noexcept { return site_; }
  [[nodiscard]] Index image_count() const noexcept { return images_.count(); }

  /// Outcomes of each lesion. The mean of kind mean is computed once, with the first lesion of that kind; the values
  /// of partners once per chunk. Throws ConfigError for lesions that make no sense here, and as mean_value and
  /// resample_partners.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Lesion> lesions, const Progress& progress = {}) {
    std::vector<std::vector<Index>> channels;
    for (const Lesion& lesion : lesions) channels.push_back(lesioned_channels(site_, lesion));
    for (const Lesion& lesion : lesions) values_.prepare(lesion.kind);
    std::vector<Outcomes<T>> outcomes(lesions.size(), Outcomes<T>(images_.count()));
    const auto lesion_count = static_cast<Index>(lesions.size());
    const ImageRange all{0, images_.count()};
    const Index chunk = chunk_size();
    values_.keep(chunk);
    std::atomic<Index> done{0};
    for (Index part = 0; part < all.parts(chunk); ++part) {
      const ImageRange loaded = all.part(part, chunk);
      values_.load(loaded);
      const int threads = thread_count();  // 1 inside of another parallel loop, whatever the thread's number is there
      workers_.resize(static_cast<std::size_t>(threads));
      parallel_for(loaded.parts(options_.batch) * lesion_count, [&](Index item) {
        const auto i = static_cast<std::size_t>(item % lesion_count);
        run(lesions[i], channels[i], loaded.part(item / lesion_count, options_.batch), outcomes[i],
            workers_[threads == 1 ? 0 : static_cast<std::size_t>(thread_index())]);
        const Index finished = ++done;
        if (progress && (threads == 1 || thread_index() == 0))
          progress(finished, all.parts(options_.batch) * lesion_count);
      });
    }
    return outcomes;
  }

  /// The same for sets of units whose channels are set to zero at the site; the empty set is the intact net.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const std::vector<Index>> sets,
                                                  const Progress& progress = {}) {
    std::vector<Lesion> lesions;
    for (const std::vector<Index>& units : sets) lesions.push_back({.units = units});
    return evaluate(std::span<const Lesion>(lesions), progress);
  }

  [[nodiscard]] Outcomes<T> evaluate_one(const std::vector<Index>& units) {
    return std::move(evaluate(std::span(&units, 1)).front());
  }
  /// A template, so that `{0, 3}` is a set of units.
  template <std::same_as<Lesion> SomeLesion>
  [[nodiscard]] Outcomes<T> evaluate_one(const SomeLesion& lesion) {
    return std::move(evaluate(std::span<const Lesion>(&lesion, 1)).front());
  }

 private:
  struct Worker {
    Activations<T, Cpu> activations;
    Tensor<T, Cpu> lesioned;  // the site's value
  };

  /// Images that are cached at a time, a multiple of the batch.
  [[nodiscard]] Index chunk_size() const {
    const auto bytes = static_cast<std::size_t>(values_.image_size()) * sizeof(T);
    return std::max<Index>(1, static_cast<Index>(options_.memory / bytes) / options_.batch) * options_.batch;
  }

  /// One batch under one lesion.
  void run(const Lesion& lesion, const std::vector<Index>& channels, ImageRange batch, Outcomes<T>& outcomes,
           Worker& worker) {
    const View<const T, Cpu> intact = values_.value(0, batch);
    worker.lesioned.resize(intact.shape());
    copy(intact, worker.lesioned.view());
    apply_lesion(lesion, channels, values_.sources(lesion.kind, batch), worker.lesioned.view());
    worker.activations.borrow(site_.node, worker.lesioned);
    for (std::size_t i = 1; i < values_.nodes().size(); ++i)
      worker.activations.borrow(values_.nodes()[i], values_.value(i, batch));
    const View<const T, Cpu> logits = network_.compute(head_, worker.activations);
    record_outcomes<T>(logits, part_of(images_.labels, batch), batch.first, outcomes);
  }

  const Network<T, Cpu>& network_;
  const LabelledImages<T>& images_;
  LesionSite site_;
  NodeId head_;
  LesionEvaluatorOptions options_;
  SiteValues<T> values_;
  std::vector<Worker> workers_;  // one per thread
};

}  // namespace fusiform
