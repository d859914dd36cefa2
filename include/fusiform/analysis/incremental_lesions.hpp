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
  LesionManner manner{};  ///< how units are lesioned
  Index block = 0;        ///< images per pass; 0: as suits the layers behind the site and the device
  std::size_t memory = std::size_t{2} << 30;  ///< bytes of the device for values that are kept; more images are done in
                                              ///< chunks
};

/// Images per pass that suit what is computed for a candidate. On the CPU: with large weights many, which are read once
/// per pass; with large values few, which stay in the second-level cache. On a GPU: as many as it takes to keep all of
/// it at work.
template <Scalar T, Device D>
[[nodiscard]] Index suitable_block(const Network<T, D>& network, NodeId site, NodeId head) {
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
  if constexpr (std::same_as<D, Cpu>) {
    constexpr Index many_weights = Index{1} << 20;
    constexpr Index large_value = Index{1} << 12;
    return weights < many_weights && largest_value >= large_value ? 32 : 128;
  } else {
    constexpr Index elements = Index{1} << 24;  // of the largest value
    Index block = 512;
    while (block > 32 && block * largest_value > elements) block /= 2;
    return block;
  }
}

/// For each entry, images that it leaves exactly as they are take the base's outcome; for all others the layer that
/// adds the changed channels up gets one term more each, and only what lies behind it is computed. Outcomes do not
/// depend on threads, memory or range. On a GPU, one pass at a time, whole blocks are computed, and values stay there.
/// The network and all images must outlive this object.
template <Scalar T, Device D = Cpu>
class IncrementalLesions final : public AddedLesions<Master<T>> {
 public:
  /// `reference` is for lesions of kinds mean and resample. Throws ConfigError if the head does not depend on the site,
  /// and as lesioned_channels for a manner that makes no sense here.
  IncrementalLesions(const Network<T, D>& network, const LesionSite& site, NodeId head,
                     const LabelledImages<Master<T>>& images, const IncrementalOptions& options = {},
                     const LesionReference<Master<T>>& reference = {})
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

  [[nodiscard]] std::vector<Outcomes<Master<T>>> evaluate(std::span<const Index> base,
                                                          std::span<const std::vector<Index>> added,
                                                          ImageRange images) override {
    check(base, added, images);
    values_.prepare(options_.manner.kind);
    const Index chunk = chunk_size();
    values_.keep(chunk);
    std::vector<Outcomes<Master<T>>> outcomes(added.size(), Outcomes<Master<T>>(images.count));
    for (Index part = 0; part < images.parts(chunk); ++part) {
      const ImageRange loaded = images.part(part, chunk);
      start(base, loaded, chunk);
      run_all(added, loaded, images.first, outcomes);
    }
    return outcomes;
  }

  /// Of all images.
  [[nodiscard]] std::vector<Outcomes<Master<T>>> evaluate(std::span<const Index> base,
                                                          std::span<const std::vector<Index>> added) {
    return evaluate(base, added, {0, images_.count()});
  }

 private:
  struct Worker {
    Activations<T, D> activations;
    std::vector<Tensor<T, D>> terms;     // one per term: its values under the lesion
    std::vector<Tensor<T, D>> exits;     // one per exit
    std::vector<Tensor<T, D>> frontier;  // one per node of the frontier, when only some images are computed
    Tensor<T, D> change;                 // one channel's planes, of the images that are computed
    std::vector<Index> active;           // images that the lesion changes, from the first loaded one on
    std::vector<Index> labels;
    Outcomes<Master<T>> outcomes;
    OutcomeRecorder<T, D> recorder;  // on a GPU
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
               std::vector<Outcomes<Master<T>>>& outcomes) {
    const Index window = base_.images().first;
    const int threads = std::same_as<D, Cpu> ? thread_count() : 1;  // 1 inside of another parallel loop, too
    workers_.resize(static_cast<std::size_t>(threads));
    for (Worker& worker : workers_) worker.recorder.start();
    const auto entries = static_cast<Index>(added.size());
    const auto run_item = [&](Index item, Worker& worker) {
      const auto entry = static_cast<std::size_t>(item % entries);
      const ImageRange block = ImageRange{loaded.first - window, loaded.count}.part(item / entries, block_);
      run(added[entry], block, window, window - wanted, outcomes[entry], worker);
    };
    const Index items = loaded.parts(block_) * entries;
    if (threads == 1)
      for (Index item = 0; item < items; ++item) run_item(item, workers_.front());
    else
      parallel_for(items, [&](Index item) { run_item(item, workers_[static_cast<std::size_t>(thread_index())]); });
    for (Worker& worker : workers_) worker.recorder.finish();
  }

  /// One entry on one block of the base's window, the first image of which is `first` of the list and has place
  /// `place`.
  void run(const std::vector<Index>& entry, ImageRange block, Index first, Index place, Outcomes<Master<T>>& outcomes,
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
    borrow_exits(entry, block, worker);
    const View<const T, D> logits = network_.compute(head_, worker.activations);
    worker.labels.clear();
    for (const Index n : worker.active) worker.labels.push_back(images_.labels[static_cast<std::size_t>(first + n)]);
    if constexpr (std::same_as<D, Cpu>) {
      worker.outcomes.resize(static_cast<Index>(worker.active.size()));
      record_outcomes<T>(logits, worker.labels, 0, worker.outcomes);
      for (std::size_t i = 0; i < worker.active.size(); ++i)
        copy_outcome(worker.outcomes, static_cast<Index>(i), outcomes, place + worker.active[i]);
    } else {
      worker.recorder.record(logits, worker.labels, place + block.first, outcomes);
    }
  }

  static void copy_outcome(const Outcomes<Master<T>>& from, Index source, Outcomes<Master<T>>& to, Index target) {
    const auto i = static_cast<std::size_t>(source);
    const auto j = static_cast<std::size_t>(target);
    to.losses[j] = from.losses[i];
    to.correct[j] = from.correct[i];
    to.in_top5[j] = from.in_top5[i];
  }

  /// The active images' rows of `values`, one after the other.
  static void gather(View<const T, D> values, const std::vector<Index>& active, Tensor<T, D>& rows) {
    rows.resize(values.shape().without_batch().batched(static_cast<Index>(active.size())));
    for (std::size_t i = 0; i < active.size(); ++i)
      copy(values.batch_range(active[i], 1), rows.view().batch_range(static_cast<Index>(i), 1));
  }

  void borrow_frontier(ImageRange block, Index first, bool all, Worker& worker) const {
    worker.frontier.resize(values_.nodes().size());
    for (std::size_t i = 1; i < values_.nodes().size(); ++i) {
      const View<const T, D> values = values_.value(i, {first + block.first, block.count});
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
      const BaseTerm<T, D>& term = base_.terms()[t];
      Tensor<T, D>& values = worker.terms[t];
      if (all) {
        values.resize(network_.node(term.node).shape.batched(block.count));
      } else {
        gather(term.values, worker.active, values);
      }
      View<const T, D> before = all ? term.values.view().batch_range(block.first, block.count) : values.view();
      for (const Index unit : entry) {
        const View<const T, D> change = change_of(base_.changes()[term.change], unit, block, worker);
        channel_update<T, D>(before, change, term.terms, unit, term.result != term.node && unit == entry.back(),
                             values.view());
        before = values.view();
      }
      worker.activations.borrow(term.result, values);
    }
  }

  /// One channel's planes of the active images; on a GPU those of the block, which lie in one piece.
  View<const T, D> change_of(const ChannelChange<T, D>& change, Index unit, ImageRange block, Worker& worker) const {
    const Index size = change.plane.size();
    if constexpr (std::same_as<D, Cpu>) {
      worker.change.resize(change.plane.batched(static_cast<Index>(worker.active.size())));
      T* to = worker.change.data();
      for (const Index n : worker.active)
        to = std::copy_n(change.planes.data() + (n * site_.units + unit) * size, size, to);
      return worker.change;
    } else {
      const Index images = change.planes.shape()[1];
      return {change.planes.data() + (unit * images + block.first) * size, change.plane.batched(block.count)};
    }
  }

  void borrow_exits(const std::vector<Index>& entry, ImageRange block, Worker& worker) const {
    worker.exits.resize(base_.exits().size());
    for (std::size_t e = 0; e < base_.exits().size(); ++e) {
      const BaseExit<T, D>& exit = base_.exits()[e];
      Tensor<T, D>& values = worker.exits[e];
      if constexpr (std::same_as<D, Cpu>) {
        gather(exit.values, worker.active, values);
        const Index size = network_.node(exit.node).shape.size();
        for (std::size_t i = 0; i < worker.active.size(); ++i)
          for (const Index unit : entry)
            for (Index p = unit; p < size; p += site_.units)
              values[static_cast<Index>(i) * size + p] = exit.lesioned[worker.active[i] * size + p];
      } else {
        values.resize(network_.node(exit.node).shape.batched(block.count));
        copy(exit.values.view().batch_range(block.first, block.count), values.view());
        const Shape by_channel{values.size() / site_.units, site_.units};
        copy_channels<T, D>(exit.lesioned.view().batch_range(block.first, block.count).reshaped(by_channel), entry,
                            values.view().reshaped(by_channel));
      }
      worker.activations.borrow(exit.node, values);
    }
  }

  const Network<T, D>& network_;
  const LabelledImages<Master<T>>& images_;
  LesionSite site_;
  NodeId head_;
  IncrementalOptions options_;
  Index block_;
  SiteValues<T, D> values_;
  LesionBase<T, D> base_;
  std::vector<Worker> workers_;  // one per thread
};

}  // namespace fusiform
