#pragma once
/// Evaluates many lesions of one layer on one list of images: the part of the net before the layer is computed once,
/// only what lies behind it is computed for each lesion (spec: C.2, techniques 1 and 2).

#include <algorithm>
#include <atomic>
#include <concepts>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/apply_lesion.hpp>
#include <fusiform/analysis/lesion.hpp>
#include <fusiform/analysis/lesion_reference.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/nets/suffix.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

struct LesionEvaluatorOptions {
  Index batch = 32;                           ///< images per pass; also the unit of parallel work
  std::size_t memory = std::size_t{2} << 30;  ///< bytes for cached activations; more images are done in chunks
};

/// Outcomes do not depend on the number of threads or on the memory: every image goes through the same batches, and
/// so does its partner of kind resample. The network and all images must outlive the evaluator.
template <Scalar T>
class LesionEvaluator {
 public:
  /// Told how many of how many (lesion, batch) pairs are done; called from one thread at a time.
  using Progress = std::function<void(Index done, Index total)>;

  /// `reference` is for lesions of kinds mean and resample. Throws ConfigError if the head does not depend on the site.
  LesionEvaluator(const Network<T, Cpu>& network, const LesionSite& site, NodeId head, const LabelledImages<T>& images,
                  const LesionEvaluatorOptions& options = {}, const LesionReference<T>& reference = {})
      : network_(network), images_(images), site_(site), head_(head), options_(options), reference_(reference) {
    require_setting(options.batch >= 1, "lesion evaluator", "a batch of at least 1 image", options.batch);
    cached_nodes_.push_back(site.node);
    for (const NodeId node : suffix_frontier(network, site.node, head)) cached_nodes_.push_back(node);
  }

  [[nodiscard]] const LesionSite& site() const noexcept { return site_; }
  [[nodiscard]] Index image_count() const noexcept { return images_.count(); }

  /// Outcomes of each lesion. The mean of kind mean is computed once, with the first lesion of that kind; the values
  /// of partners once per chunk. Throws ConfigError for lesions that make no sense here, and as mean_value and
  /// resample_partners.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Lesion> lesions, const Progress& progress = {}) {
    std::vector<std::vector<Index>> channels;
    for (const Lesion& lesion : lesions) channels.push_back(lesioned_channels(site_, lesion));
    prepare(lesions);
    std::vector<Outcomes<T>> outcomes(lesions.size(), Outcomes<T>(images_.count()));
    const auto lesion_count = static_cast<Index>(lesions.size());
    const Index batches = (images_.count() + options_.batch - 1) / options_.batch;
    const Index chunk = chunk_size();
    std::atomic<Index> done{0};
    for (Index first = 0; first < images_.count(); first += chunk) {
      load(first, std::min(chunk, images_.count() - first));
      const Index chunk_batches = (cached_count_ + options_.batch - 1) / options_.batch;
      const int threads = thread_count();  // 1 inside of another parallel loop, whatever the thread's number is there
      workers_.resize(static_cast<std::size_t>(threads));
      parallel_for(chunk_batches * lesion_count, [&](Index item) {
        const auto i = static_cast<std::size_t>(item % lesion_count);
        run(lesions[i], channels[i], item / lesion_count * options_.batch, outcomes[i],
            workers_[threads == 1 ? 0 : static_cast<std::size_t>(thread_index())]);
        const Index finished = ++done;
        if (progress && (threads == 1 || thread_index() == 0)) progress(finished, batches * lesion_count);
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

  [[nodiscard]] const LabelledImages<T>& reference_images() const noexcept {
    return reference_.images == nullptr ? images_ : *reference_.images;
  }

  /// What these lesions need beside the images' own values.
  void prepare(std::span<const Lesion> lesions) {
    const auto some = [&](LesionKind kind) {
      return std::any_of(lesions.begin(), lesions.end(), [kind](const Lesion& lesion) { return lesion.kind == kind; });
    };
    if (some(LesionKind::mean) && mean_.empty())
      mean_ = mean_value(network_, site_.node, reference_images(), options_.batch, reference_.per_position);
    resamples_ = some(LesionKind::resample);
    if (resamples_ && partners_.empty())
      partners_ = reference_.images == nullptr
                      ? resample_partners(images_.count(), reference_.rng)
                      : resample_partners(images_.count(), reference_.images->count(), reference_.rng);
  }

  /// Images that are cached at a time, a multiple of the batch.
  [[nodiscard]] Index chunk_size() const {
    Index image_size = resamples_ ? network_.node(site_.node).shape.size() : 0;
    for (const NodeId node : cached_nodes_) image_size += network_.node(node).shape.size();
    const auto fitting = static_cast<Index>(options_.memory / (static_cast<std::size_t>(image_size) * sizeof(T)));
    return std::max<Index>(1, fitting / options_.batch) * options_.batch;
  }

  /// Computes the site's and the frontier's values for images first..first+count-1, and the site's for their partners
  /// if a lesion asks for them, unless they are there already.
  void load(Index first, Index count) {
    const bool is_there = first == cached_first_ && count == cached_count_;
    if (is_there && (!resamples_ || has_partner_values_)) return;
    if (!is_there) {
      cached_count_ = 0;  // nothing is valid if a pass below throws
      has_partner_values_ = false;
      load_images(first, count);
      cached_first_ = first;
      cached_count_ = count;
    }
    if (!resamples_) return;
    load_partners(first, count);
    has_partner_values_ = true;
  }

  void load_images(Index first, Index count) {
    cache_.resize(cached_nodes_.size());
    for (std::size_t i = 0; i < cached_nodes_.size(); ++i)
      cache_[i].resize(network_.node(cached_nodes_[i]).shape.batched(count));
    Activations<T, Cpu> activations;
    const PassOptions keep_all{.keep = cached_nodes_};
    Tensor<T, Cpu> pixels;
    for (Index begin = 0; begin < count; begin += options_.batch) {
      const Index batch = std::min(options_.batch, count - begin);
      pixels.resize(images_.image.batched(batch));
      images_.read(first + begin, pixels.view());
      network_.forward(pixels, site_.node, activations, keep_all);
      for (std::size_t i = 0; i < cached_nodes_.size(); ++i)
        copy(activations.value(cached_nodes_[i]), cache_[i].view().batch_range(begin, batch));
    }
  }

  void load_partners(Index first, Index count) {
    partner_values_.resize(network_.node(site_.node).shape.batched(count));
    const LabelledImages<T>& images = reference_images();
    Activations<T, Cpu> activations;
    Tensor<T, Cpu> pixels;
    for (Index begin = 0; begin < count; begin += options_.batch) {
      const Index batch = std::min(options_.batch, count - begin);
      pixels.resize(images.image.batched(batch));
      for (Index n = 0; n < batch; ++n)
        images.read(partners_[static_cast<std::size_t>(first + begin + n)], pixels.view().batch_range(n, 1));
      copy(network_.forward(pixels, site_.node, activations), partner_values_.view().batch_range(begin, batch));
    }
  }

  /// One batch under one lesion, images begin.. of the chunk.
  void run(const Lesion& lesion, const std::vector<Index>& channels, Index begin, Outcomes<T>& outcomes,
           Worker& worker) {
    const Index batch = std::min(options_.batch, cached_count_ - begin);
    const View<const T, Cpu> intact = cache_[0].view().batch_range(begin, batch);
    worker.lesioned.resize(intact.shape());
    copy(intact, worker.lesioned.view());
    LesionSources<T> sources{.mean = mean_, .partners = {}};
    if (lesion.kind == LesionKind::resample) sources.partners = partner_values_.view().batch_range(begin, batch);
    apply_lesion(lesion, channels, sources, worker.lesioned.view());
    worker.activations.borrow(site_.node, worker.lesioned);
    for (std::size_t i = 1; i < cached_nodes_.size(); ++i)
      worker.activations.borrow(cached_nodes_[i], cache_[i].view().batch_range(begin, batch));
    const View<const T, Cpu> logits = network_.compute(head_, worker.activations);
    const Index first = cached_first_ + begin;
    record_outcomes<T>(
        logits, std::span(images_.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(batch)),
        first, outcomes);
  }

  const Network<T, Cpu>& network_;
  const LabelledImages<T>& images_;
  LesionSite site_;
  NodeId head_;
  LesionEvaluatorOptions options_;
  LesionReference<T> reference_;
  std::vector<NodeId> cached_nodes_;   // the site first, then the frontier
  std::vector<Tensor<T, Cpu>> cache_;  // values of the cached nodes for images cached_first_..
  Index cached_first_ = 0;
  Index cached_count_ = 0;
  Tensor<T, Cpu> mean_;            // of one image's site value; empty until a lesion asks for it
  std::vector<Index> partners_;    // one per image, a position in the reference images; empty likewise
  Tensor<T, Cpu> partner_values_;  // the site's, for the partners of images cached_first_..
  bool resamples_ = false;         // whether the lesions being evaluated need partners
  bool has_partner_values_ = false;
  std::vector<Worker> workers_;  // one per thread
};

}  // namespace fusiform
