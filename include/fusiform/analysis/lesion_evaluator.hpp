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
template <Scalar T, Device D = Cpu>
class LesionEvaluator {
 public:
  /// Told how many of how many (lesion, batch) pairs are done; called from one thread at a time.
  using Progress = std::function<void(Index done, Index total)>;

  /// `reference` is for lesions of kinds mean and resample. Throws ConfigError if the head does not depend on the site.
  LesionEvaluator(const Network<T, D>& network, const LesionSite& site, NodeId head,
                  const LabelledImages<Master<T>>& images, const LesionEvaluatorOptions& options = {},
                  const LesionReference<Master<T>>& reference = {})
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

  /// Outcomes of each lesion for some images, whole batches. The mean of kind mean is computed once, with the first
  /// lesion of that kind; the values of partners once per chunk. Throws ConfigError for lesions that make no sense
  /// here, and as mean_value and resample_partners.
  [[nodiscard]] std::vector<Outcomes<Master<T>>> evaluate(std::span<const Lesion> lesions, ImageRange images,
                                                          const Progress& progress = {}) {
    std::vector<std::vector<Index>> channels;
    for (const Lesion& lesion : lesions) channels.push_back(lesioned_channels(site_, lesion));
    for (const Lesion& lesion : lesions) values_.prepare(lesion.kind);
    std::vector<Outcomes<Master<T>>> outcomes(lesions.size(), Outcomes<Master<T>>(images.count));
    const auto lesion_count = static_cast<Index>(lesions.size());
    const Index chunk = chunk_size();
    values_.keep(chunk);
    std::atomic<Index> done{0};
    for (Index part = 0; part < images.parts(chunk); ++part) {
      const ImageRange loaded = images.part(part, chunk);
      values_.load(loaded);
      for_each_pass(loaded.parts(options_.batch) * lesion_count, [&](Index item, Worker& worker, bool may_tell) {
        const auto i = static_cast<std::size_t>(item % lesion_count);
        const ImageRange batch = loaded.part(item / lesion_count, options_.batch);
        run(lesions[i], channels[i], batch, batch.first - images.first, outcomes[i], worker);
        const Index finished = ++done;
        if (progress && may_tell) progress(finished, images.parts(options_.batch) * lesion_count);
      });
    }
    return outcomes;
  }

  /// Of all images.
  [[nodiscard]] std::vector<Outcomes<Master<T>>> evaluate(std::span<const Lesion> lesions,
                                                          const Progress& progress = {}) {
    return evaluate(lesions, {0, images_.count()}, progress);
  }

  /// The same for sets of units whose channels are set to zero at the site; the empty set is the intact net.
  [[nodiscard]] std::vector<Outcomes<Master<T>>> evaluate(std::span<const std::vector<Index>> sets,
                                                          const Progress& progress = {}) {
    std::vector<Lesion> lesions;
    for (const std::vector<Index>& units : sets) lesions.push_back({.units = units});
    return evaluate(std::span<const Lesion>(lesions), progress);
  }

  [[nodiscard]] Outcomes<Master<T>> evaluate_one(const std::vector<Index>& units) {
    return std::move(evaluate(std::span(&units, 1)).front());
  }
  /// A template, so that `{0, 3}` is a set of units.
  template <std::same_as<Lesion> SomeLesion>
  [[nodiscard]] Outcomes<Master<T>> evaluate_one(const SomeLesion& lesion) {
    return std::move(evaluate(std::span<const Lesion>(&lesion, 1)).front());
  }

 private:
  struct Worker {
    Activations<T, D> activations;
    Tensor<T, D> lesioned;  // the site's value
    OutcomeRecorder<T, D> recorder;
  };

  /// Calls run(item, worker, whether it may tell of progress) for items 0..count-1: in parallel on the CPU, one after
  /// the other on a device that is parallel itself.
  template <class Run>
  void for_each_pass(Index count, const Run& run) {
    const int threads = std::same_as<D, Cpu> ? thread_count() : 1;  // 1 inside of another parallel loop, too
    workers_.resize(static_cast<std::size_t>(threads));
    for (Worker& worker : workers_) worker.recorder.start();
    if (threads == 1) {
      for (Index item = 0; item < count; ++item) run(item, workers_.front(), true);
    } else {
      parallel_for(count, [&](Index item) {
        const auto thread = static_cast<std::size_t>(thread_index());
        run(item, workers_[thread], thread == 0);
      });
    }
    for (Worker& worker : workers_) worker.recorder.finish();
  }

  /// Images that are cached at a time, a multiple of the batch.
  [[nodiscard]] Index chunk_size() const {
    const auto bytes = static_cast<std::size_t>(values_.image_size()) * sizeof(T);
    return std::max<Index>(1, static_cast<Index>(options_.memory / bytes) / options_.batch) * options_.batch;
  }

  /// One batch under one lesion; its first image has place `place` among the outcomes.
  void run(const Lesion& lesion, const std::vector<Index>& channels, ImageRange batch, Index place,
           Outcomes<Master<T>>& outcomes, Worker& worker) {
    const View<const T, D> intact = values_.value(0, batch);
    worker.lesioned.resize(intact.shape());
    copy(intact, worker.lesioned.view());
    apply_lesion<T, D>(lesion, channels, values_.sources(lesion.kind, batch), worker.lesioned.view());
    worker.activations.borrow(site_.node, worker.lesioned);
    for (std::size_t i = 1; i < values_.nodes().size(); ++i)
      worker.activations.borrow(values_.nodes()[i], values_.value(i, batch));
    const View<const T, D> logits = network_.compute(head_, worker.activations);
    worker.recorder.record(logits, part_of(images_.labels, batch), place, outcomes);
  }

  const Network<T, D>& network_;
  const LabelledImages<Master<T>>& images_;
  LesionSite site_;
  NodeId head_;
  LesionEvaluatorOptions options_;
  SiteValues<T, D> values_;
  std::vector<Worker> workers_;  // one per thread
};

}  // namespace fusiform
