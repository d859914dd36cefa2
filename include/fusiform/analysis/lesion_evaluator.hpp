#pragma once
/// Evaluates many lesions of one layer on one list of images: the part of the net before the layer is computed once,
/// only what lies behind it is computed for each lesion (spec: C.2, techniques 1 and 2).

#include <algorithm>
#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include <fusiform/analysis/lesion.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/nets/suffix.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/ops/mask_channels.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

struct LesionEvaluatorOptions {
  Index batch = 32;                           ///< images per pass; also the unit of parallel work
  std::size_t memory = std::size_t{2} << 30;  ///< bytes for cached activations; more images are done in chunks
};

/// Outcomes do not depend on the number of threads or on the memory: every image goes through the same batches.
/// The network and the images must outlive the evaluator.
template <Scalar T>
class LesionEvaluator {
 public:
  /// Told how many of how many (lesion, batch) pairs are done; called from one thread at a time.
  using Progress = std::function<void(Index done, Index total)>;

  LesionEvaluator(const Network<T, Cpu>& network, const LesionSite& site, NodeId head, const LabelledImages<T>& images,
                  const LesionEvaluatorOptions& options = {})
      : network_(network), images_(images), site_(site), head_(head), options_(options) {
    require_setting(options.batch >= 1, "lesion evaluator", "a batch of at least 1 image", options.batch);
    cached_nodes_.push_back(site.node);
    for (const NodeId node : suffix_frontier(network, site.node, head)) cached_nodes_.push_back(node);
    Index image_size = 0;
    for (const NodeId node : cached_nodes_) image_size += network.node(node).shape.size();
    const auto fitting = static_cast<Index>(options.memory / (static_cast<std::size_t>(image_size) * sizeof(T)));
    chunk_ = std::max<Index>(1, fitting / options.batch) * options.batch;
  }

  [[nodiscard]] const LesionSite& site() const noexcept { return site_; }
  [[nodiscard]] Index image_count() const noexcept { return images_.count(); }

  /// Outcomes of each lesion, given as its set of units; the empty set is the intact net.
  /// Throws ConfigError for units that are not there.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const std::vector<Index>> lesions,
                                                  const Progress& progress = {}) {
    for (const std::vector<Index>& units : lesions) check_units(site_, units);
    std::vector<Outcomes<T>> outcomes(lesions.size(), Outcomes<T>(images_.count()));
    const auto lesion_count = static_cast<Index>(lesions.size());
    const Index batches = (images_.count() + options_.batch - 1) / options_.batch;
    std::atomic<Index> done{0};
    for (Index first = 0; first < images_.count(); first += chunk_) {
      load(first, std::min(chunk_, images_.count() - first));
      const Index chunk_batches = (cached_count_ + options_.batch - 1) / options_.batch;
      const int threads = thread_count();  // 1 inside of another parallel loop, whatever the thread's number is there
      workers_.resize(static_cast<std::size_t>(threads));
      parallel_for(chunk_batches * lesion_count, [&](Index item) {
        const Index lesion = item % lesion_count;
        run(lesions[static_cast<std::size_t>(lesion)], item / lesion_count * options_.batch,
            outcomes[static_cast<std::size_t>(lesion)],
            workers_[threads == 1 ? 0 : static_cast<std::size_t>(thread_index())]);
        const Index finished = ++done;
        if (progress && (threads == 1 || thread_index() == 0)) progress(finished, batches * lesion_count);
      });
    }
    return outcomes;
  }

  [[nodiscard]] Outcomes<T> evaluate_one(const std::vector<Index>& units) {
    return std::move(evaluate(std::span(&units, 1)).front());
  }

 private:
  struct Worker {
    Activations<T, Cpu> activations;
    Tensor<T, Cpu> lesioned;  // the site's value
  };

  /// Computes the site's and the frontier's values for images first..first+count-1, unless they are there already.
  void load(Index first, Index count) {
    if (first == cached_first_ && count == cached_count_) return;
    cached_count_ = 0;  // nothing is valid if the pass below throws
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
    cached_first_ = first;
    cached_count_ = count;
  }

  /// One batch under one lesion, images begin.. of the chunk.
  void run(const std::vector<Index>& units, Index begin, Outcomes<T>& outcomes, Worker& worker) {
    const Index batch = std::min(options_.batch, cached_count_ - begin);
    const View<const T, Cpu> intact = cache_[0].view().batch_range(begin, batch);
    worker.lesioned.resize(intact.shape());
    copy(intact, worker.lesioned.view());
    zero_channels(worker.lesioned.view(), std::span<const Index>(units));
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
  std::vector<NodeId> cached_nodes_;   // the site first, then the frontier
  Index chunk_ = 0;                    // images that are cached at a time, a multiple of the batch
  std::vector<Tensor<T, Cpu>> cache_;  // values of the cached nodes for images cached_first_..
  Index cached_first_ = 0;
  Index cached_count_ = 0;
  std::vector<Worker> workers_;  // one per thread
};

}  // namespace fusiform
