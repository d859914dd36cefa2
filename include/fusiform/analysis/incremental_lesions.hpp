#pragma once
/// Lesions that each add few units to one base, at the cost of what they change (spec: C.2, techniques 2 to 4): exact
/// to rounding.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/lesion_base.hpp>

namespace fusiform {

struct IncrementalOptions {
  LesionManner manner{};                      ///< how units are lesioned
  Index block = 0;                            ///< images per pass; 0: as suits the layers behind the site
  std::size_t memory = std::size_t{2} << 30;  ///< bytes for values that are kept; more images are done in chunks
};

/// Images per pass that suit what is computed for a candidate: with large weights many, which are read once per pass;
/// with large values few, which stay in the second-level cache.
template <Scalar T>
[[nodiscard]] Index suitable_block(const Network<T, Cpu>& network, NodeId site, NodeId head) {
  const std::vector<bool> dependent = network.dependent_on(site);
  const std::vector<bool> needed = network.needed_for(head);
  const ChannelRegion region = channel_region(network, site, head);
  Index weights = 0;
  Index largest_value = 0;
  for (NodeId id = site; id <= head; ++id) {
    const auto has_id = [id](const std::vector<NodeId>& nodes) {
      return std::count(nodes.begin(), nodes.end(), id) != 0;
    };
    if (!dependent[id] || !needed[id] || (has_id(region.members) && !has_id(region.exits))) continue;
    const auto& node = network.node(id);
    largest_value = std::max(largest_value, node.shape.size());
    if (node.layer->kind() == "linear" && !has_id(region.sums))
      weights += node.layer->parameters().front().value.size();
  }
  constexpr Index many_weights = Index{1} << 20;
  constexpr Index large_value = Index{1} << 12;
  return weights < many_weights && largest_value >= large_value ? 32 : 128;
}

/// For each entry, images that it leaves exactly as they are take the base's outcome; for all others the layer that
/// adds the changed channels up gets one term more each, and only what lies behind it is computed. Outcomes do not
/// depend on threads, memory or range. The network and all images must outlive this object.
template <Scalar T>
class IncrementalLesions final : public AddedLesions<T> {
 public:
  /// `reference` is for lesions of kinds mean and resample. Throws ConfigError if the head does not depend on the site,
  /// and as lesioned_channels for a manner that makes no sense here.
  IncrementalLesions(const Network<T, Cpu>& network, const LesionSite& site, NodeId head,
                     const LabelledImages<T>& images, const IncrementalOptions& options = {},
                     const LesionReference<T>& reference = {})
      : network_(network),
        images_(images),
        site_(site),
        head_(head),
        options_(options),
        block_(options.block == 0 ? suitable_block(network, site.node, head) : options.block),
        values_(network, site, head, images, reference, block_),
        base_(network, site, head) {
    require_setting(block_ >= 1, "incremental lesions", "a block of at least 1 image", block_);
    static_cast<void>(lesioned_channels(site, {.kind = options.manner.kind, .alpha = options.manner.alpha}));
  }

  [[nodiscard]] const LesionSite& site() const noexcept { return site_; }
  [[nodiscard]] Index units() const override { return site_.units; }
  [[nodiscard]] Index image_count() const override { return images_.count(); }
  [[nodiscard]] Index block() const override { return block_; }

  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    check(base, added, images);
    values_.prepare(options_.manner.kind);
    const Index chunk = chunk_size();
    values_.keep(chunk);
    std::vector<Outcomes<T>> outcomes(added.size(), Outcomes<T>(images.count));
    for (Index part = 0; part < images.parts(chunk); ++part) {
      const ImageRange loaded = images.part(part, chunk);
      start(base, loaded, chunk);
      run_all(added, loaded, images.first, outcomes);
    }
    return outcomes;
  }

  /// Of all images.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added) {
    return evaluate(base, added, {0, images_.count()});
  }

 private:
  struct Worker {
    Activations<T, Cpu> activations;
    std::vector<Tensor<T, Cpu>> terms;     // one per term: its values under the lesion
    std::vector<Tensor<T, Cpu>> exits;     // one per exit
    std::vector<Tensor<T, Cpu>> frontier;  // one per node of the frontier, when only some images are computed
    Tensor<T, Cpu> change;                 // one channel's planes
    std::vector<Index> active;             // images that the lesion changes, from the first loaded one on
    std::vector<Index> labels;
    Outcomes<T> outcomes;
  };

  void check(std::span<const Index> base, std::span<const std::vector<Index>> added, ImageRange images) const {
    for (const std::vector<Index>& entry : added) {
      std::vector<Index> units(base.begin(), base.end());
      units.insert(units.end(), entry.begin(), entry.end());
      check_units(site_, units);
    }
    const bool is_part = images.first >= 0 && images.count >= 0 && images.end() <= images_.count();
    const bool is_whole = images.first % block_ == 0 && (images.count % block_ == 0 || images.end() == images_.count());
    if (!is_part || !is_whole)
      throw ConfigError(text("incremental lesions: expected whole blocks of ", block_, " of ", images_.count(),
                             " images, got ", images.count, " from ", images.first, " on"));
  }

  /// Images whose values are kept at a time, a multiple of the block.
  [[nodiscard]] Index chunk_size() const {
    const auto bytes = static_cast<std::size_t>(values_.image_size() + base_.image_size()) * sizeof(T);
    return std::max<Index>(1, static_cast<Index>(options_.memory / bytes) / block_) * block_;
  }

  /// Makes ready what lesions on top of `base` need, unless it is there from an earlier time. If all images can be kept
  /// so is what was computed for other images.
  void start(std::span<const Index> base, ImageRange images, Index chunk) {
    values_.load(images);
    base_.begin(base, chunk >= images_.count() ? ImageRange{0, images_.count()} : images);
    base_.compute(values_, options_.manner, images, block_, images_.labels);
  }

  /// All entries on the loaded images; image `wanted` of the list has place 0 among the outcomes. Blocks outside,
  /// entries inside: what a block starts from stays in the cache.
  void run_all(std::span<const std::vector<Index>> added, ImageRange loaded, Index wanted,
               std::vector<Outcomes<T>>& outcomes) {
    const Index window = base_.images().first;
    const int threads = thread_count();  // 1 inside of another parallel loop, whatever the thread's number is there
    workers_.resize(static_cast<std::size_t>(threads));
    const auto entries = static_cast<Index>(added.size());
    parallel_for(loaded.parts(block_) * entries, [&](Index item) {
      const auto entry = static_cast<std::size_t>(item % entries);
      const ImageRange block = ImageRange{loaded.first - window, loaded.count}.part(item / entries, block_);
      run(added[entry], block, window, window - wanted, outcomes[entry],
          workers_[threads == 1 ? 0 : static_cast<std::size_t>(thread_index())]);
    });
  }

  /// One entry on one block of the base's window, the first image of which is `first` of the list and has place
  /// `place`.
  void run(const std::vector<Index>& entry, ImageRange block, Index first, Index place, Outcomes<T>& outcomes,
           Worker& worker) const {
    worker.active.clear();
    for (Index n = block.first; n < block.end(); ++n) {
      copy_outcome(base_.outcomes(), n, outcomes, place + n);
      if (std::any_of(entry.begin(), entry.end(), [&](Index unit) { return !base_.is_silent(n, unit); }))
        worker.active.push_back(n);
    }
    if (worker.active.empty()) return;
    const bool all = static_cast<Index>(worker.active.size()) == block.count;
    borrow_frontier(block, first, all, worker);
    borrow_terms(entry, block, all, worker);
    borrow_exits(entry, worker);
    const View<const T, Cpu> logits = network_.compute(head_, worker.activations);
    worker.labels.clear();
    for (const Index n : worker.active) worker.labels.push_back(images_.labels[static_cast<std::size_t>(first + n)]);
    worker.outcomes.resize(static_cast<Index>(worker.active.size()));
    record_outcomes<T>(logits, worker.labels, 0, worker.outcomes);
    for (std::size_t i = 0; i < worker.active.size(); ++i)
      copy_outcome(worker.outcomes, static_cast<Index>(i), outcomes, place + worker.active[i]);
  }

  static void copy_outcome(const Outcomes<T>& from, Index source, Outcomes<T>& to, Index target) {
    const auto i = static_cast<std::size_t>(source);
    const auto j = static_cast<std::size_t>(target);
    to.losses[j] = from.losses[i];
    to.correct[j] = from.correct[i];
    to.in_top5[j] = from.in_top5[i];
  }

  /// The active images' rows of `values`, one after the other.
  static void gather(View<const T, Cpu> values, const std::vector<Index>& active, Tensor<T, Cpu>& rows) {
    rows.resize(values.shape().without_batch().batched(static_cast<Index>(active.size())));
    for (std::size_t i = 0; i < active.size(); ++i)
      copy(values.batch_range(active[i], 1), rows.view().batch_range(static_cast<Index>(i), 1));
  }

  void borrow_frontier(ImageRange block, Index first, bool all, Worker& worker) const {
    worker.frontier.resize(values_.nodes().size());
    for (std::size_t i = 1; i < values_.nodes().size(); ++i) {
      const View<const T, Cpu> values = values_.value(i, {first + block.first, block.count});
      if (all) {
        worker.activations.borrow(values_.nodes()[i], values);
        continue;
      }
      std::vector<Index> in_block;
      for (const Index n : worker.active) in_block.push_back(n - block.first);
      gather(values, in_block, worker.frontier[i]);
      worker.activations.borrow(values_.nodes()[i], worker.frontier[i]);
    }
  }

  void borrow_terms(const std::vector<Index>& entry, ImageRange block, bool all, Worker& worker) const {
    worker.terms.resize(base_.terms().size());
    for (std::size_t t = 0; t < base_.terms().size(); ++t) {
      const BaseTerm<T>& term = base_.terms()[t];
      Tensor<T, Cpu>& values = worker.terms[t];
      if (all) {
        values.resize(network_.node(term.node).shape.batched(block.count));
      } else {
        gather(term.values, worker.active, values);
      }
      View<const T, Cpu> before = all ? term.values.view().batch_range(block.first, block.count) : values.view();
      for (const Index unit : entry) {
        gather_change(base_.changes()[term.change], unit, worker);
        channel_update<T>(before, worker.change, term.terms, unit, term.result != term.node && unit == entry.back(),
                          values.view());
        before = values.view();
      }
      worker.activations.borrow(term.result, values);
    }
  }

  /// One channel's planes of the active images.
  void gather_change(const ChannelChange<T>& change, Index unit, Worker& worker) const {
    const Index size = change.plane.size();
    worker.change.resize(change.plane.batched(static_cast<Index>(worker.active.size())));
    T* to = worker.change.data();
    for (const Index n : worker.active)
      to = std::copy_n(change.planes.data() + (n * site_.units + unit) * size, size, to);
  }

  void borrow_exits(const std::vector<Index>& entry, Worker& worker) const {
    worker.exits.resize(base_.exits().size());
    for (std::size_t e = 0; e < base_.exits().size(); ++e) {
      const BaseExit<T>& exit = base_.exits()[e];
      Tensor<T, Cpu>& values = worker.exits[e];
      gather(exit.values, worker.active, values);
      const Index size = network_.node(exit.node).shape.size();
      for (std::size_t i = 0; i < worker.active.size(); ++i)
        for (const Index unit : entry)
          for (Index p = unit; p < size; p += site_.units)
            values[static_cast<Index>(i) * size + p] = exit.lesioned[worker.active[i] * size + p];
      worker.activations.borrow(exit.node, values);
    }
  }

  const Network<T, Cpu>& network_;
  const LabelledImages<T>& images_;
  LesionSite site_;
  NodeId head_;
  IncrementalOptions options_;
  Index block_;
  SiteValues<T> values_;
  LesionBase<T> base_;
  std::vector<Worker> workers_;  // one per thread
};

}  // namespace fusiform
