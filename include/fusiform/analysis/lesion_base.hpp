#pragma once
/// What single-channel lesions on top of one base lesion start from: the base's values where channels are added up, and
/// what each channel's lesion changes there (spec: C.2, technique 3).

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fusiform/analysis/site_values.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/nets/channel_region.hpp>
#include <fusiform/ops/channel_planes.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// A layer that adds up the channels of a member of the region, with the ReLU behind it if that reads nothing else.
template <Scalar T, Device D = Cpu>
struct BaseTerm {
  NodeId node = 0;         ///< the layer
  NodeId result = 0;       ///< the ReLU behind it, or the layer itself
  std::size_t change = 0;  ///< of its input, in LesionBase::changes()
  ChannelTerms<T, D> terms;
  Tensor<T, D> values{};  ///< the layer's own, under the base lesion
};

/// What the lesion of every single channel changes of a member of the region.
template <Scalar T, Device D = Cpu>
struct ChannelChange {
  NodeId node = 0;
  Shape plane;            ///< (H, W) of one channel of one image
  Tensor<T, D> planes{};  ///< lesioned minus base: on the CPU (images, channels, H, W), else (channels, images, H, W)
};

/// A member that is needed whole.
template <Scalar T, Device D = Cpu>
struct BaseExit {
  NodeId node = 0;
  Tensor<T, D> values{};    ///< under the base lesion
  Tensor<T, D> lesioned{};  ///< every channel's own lesion at once: channels do not touch each other here
};

/// Everything is computed from the site's intact values, anew for each base: rounding cannot add up from one base to
/// the next.
template <Scalar T, Device D = Cpu>
class LesionBase {
 public:
  LesionBase(const Network<T, D>& network, const LesionSite& site, NodeId head)
      : network_(network), site_(site), head_(head) {
    const ChannelRegion region = channel_region(network, site.node, head);
    for (const NodeId sum : region.sums) add_term(sum);
    for (const NodeId exit : region.exits) {
      change_of(exit, false);
      exits_.push_back({.node = exit});
    }
  }

  [[nodiscard]] const std::vector<BaseTerm<T, D>>& terms() const noexcept { return terms_; }
  [[nodiscard]] const std::vector<ChannelChange<T, D>>& changes() const noexcept { return changes_; }
  [[nodiscard]] const std::vector<BaseExit<T, D>>& exits() const noexcept { return exits_; }
  [[nodiscard]] ImageRange images() const noexcept { return images_; }

  /// Outcomes of the base for the images of the window that are computed, the first of the window at place 0.
  [[nodiscard]] const Outcomes<Master<T>>& outcomes() const noexcept { return outcomes_; }

  /// Whether the lesion of a channel leaves image `n` (0: the first of the window) as it is, exactly. On a GPU nobody
  /// looks: images are computed in whole blocks there.
  [[nodiscard]] bool is_silent(Index n, Index channel) const noexcept {
    return silent_[static_cast<std::size_t>(n * site_.units + channel)] != 0;
  }

  /// Elements that one image takes here.
  [[nodiscard]] Index image_size() const {
    Index size = 0;
    for (const BaseTerm<T, D>& term : terms_) size += network_.node(term.node).shape.size();
    for (const ChannelChange<T, D>& change : changes_) size += network_.node(change.node).shape.size();
    for (const BaseExit<T, D>& exit : exits_) size += 2 * network_.node(exit.node).shape.size();
    return size;
  }

  /// What follows is about this base lesion and the images of this window, whole blocks. Nothing is computed yet,
  /// unless it was the same before.
  void begin(std::span<const Index> units, ImageRange window) {
    const bool is_same = images_ == window && std::equal(units.begin(), units.end(), units_.begin(), units_.end());
    if (is_same && !is_there_.empty()) return;
    images_ = window;
    units_.assign(units.begin(), units.end());
    resize(window.count);
  }

  /// Computes what is not there yet for these images of the window, whose values are loaded; `block` at a time.
  void compute(const SiteValues<T, D>& values, const LesionManner& manner, ImageRange images, Index block,
               const std::vector<Index>& labels) {
    is_there_.resize(static_cast<std::size_t>(images_.parts(block)), 0);
    std::vector<Worker> workers(static_cast<std::size_t>(std::same_as<D, Cpu> ? thread_count() : 1));
    for_each(images.parts(block), [&](Index part) {
      const ImageRange range = images.part(part, block);
      std::uint8_t& is_there = is_there_[static_cast<std::size_t>((range.first - images_.first) / block)];
      if (is_there != 0) return;
      Worker& worker = workers[workers.size() == 1 ? 0 : static_cast<std::size_t>(thread_index())];
      compute_block(values, units_, manner, range, range.first - images_.first, labels, worker);
      is_there = 1;
    });
  }

 private:
  struct Worker {
    Activations<T, D> base, lesioned;
    Tensor<T, D> base_site, lesioned_site;
    Tensor<T, Cpu> logits;
  };

  /// In parallel on the CPU, one after the other on a device that is parallel itself.
  template <class Body>
  static void for_each(Index count, const Body& body) {
    if constexpr (std::same_as<D, Cpu>)
      parallel_for(count, body);
    else
      for (Index i = 0; i < count; ++i) body(i);
  }

  void add_term(NodeId sum) {
    const Node<T, D>& node = network_.node(sum);
    const auto terms = node.layer->channel_terms()->of_channels(site_.units);
    const std::size_t change = change_of(node.inputs.front(), network_.node(node.inputs.front()).shape.rank() == 3);
    const std::vector<NodeId> readers = network_.readers(sum);
    const bool relu = sum != head_ && readers.size() == 1 && detail::is_plain_relu(network_.node(readers.front()));
    terms_.push_back({.node = sum, .result = relu ? readers.front() : sum, .change = change, .terms = terms});
  }

  /// The place in changes_ of a member, added if it is new. Without rows and columns all positions are one column.
  std::size_t change_of(NodeId node, bool has_rows) {
    for (std::size_t i = 0; i < changes_.size(); ++i)
      if (changes_[i].node == node) return i;
    const Shape& shape = network_.node(node).shape;
    changes_.push_back({node, has_rows ? Shape{shape[0], shape[1]} : Shape{shape.size() / site_.units, 1}});
    return changes_.size() - 1;
  }

  void resize(Index count) {
    for (BaseTerm<T, D>& term : terms_) term.values.resize(network_.node(term.node).shape.batched(count));
    for (ChannelChange<T, D>& change : changes_)
      change.planes.resize(std::same_as<D, Cpu> ? Shape{count, site_.units, change.plane[0], change.plane[1]}
                                                : Shape{site_.units, count, change.plane[0], change.plane[1]});
    for (BaseExit<T, D>& exit : exits_) {
      exit.values.resize(network_.node(exit.node).shape.batched(count));
      exit.lesioned.resize(exit.values.shape());
    }
    is_there_.clear();
    outcomes_.resize(count);
    silent_.assign(static_cast<std::size_t>(count * site_.units), std::same_as<D, Cpu> ? 1 : 0);
  }

  /// Values for which memory is asked in passes: the members that change, and the terms.
  [[nodiscard]] std::vector<NodeId> members() const {
    std::vector<NodeId> nodes;
    for (const ChannelChange<T, D>& change : changes_)
      if (change.node != site_.node) nodes.push_back(change.node);
    return nodes;
  }

  void compute_block(const SiteValues<T, D>& values, std::span<const Index> units, const LesionManner& manner,
                     ImageRange range, Index place, const std::vector<Index>& labels, Worker& worker) {
    std::vector<Index> all;
    for (Index unit = 0; unit < site_.units; ++unit) all.push_back(unit);
    start(values, units, manner, range, worker.base_site, worker.base);
    start(values, all, manner, range, worker.lesioned_site, worker.lesioned);
    std::vector<NodeId> keep = members();
    if (!keep.empty()) network_.compute(keep.back(), worker.lesioned, {.keep = keep});
    for (const BaseTerm<T, D>& term : terms_) keep.push_back(term.node);
    const View<const T, D> logits = network_.compute(head_, worker.base, {.keep = keep});
    record_outcomes<T>(on_cpu(logits, worker.logits), part_of(labels, range), place, outcomes_);
    for (BaseTerm<T, D>& term : terms_)
      copy(worker.base.value(term.node), term.values.view().batch_range(place, range.count));
    for (BaseExit<T, D>& exit : exits_) {
      copy(worker.base.value(exit.node), exit.values.view().batch_range(place, range.count));
      copy(worker.lesioned.value(exit.node), exit.lesioned.view().batch_range(place, range.count));
    }
    for (ChannelChange<T, D>& change : changes_)
      subtract(worker.base.value(change.node), worker.lesioned.value(change.node), place, change);
  }

  /// Lends a pass the site's value under a lesion, and what the pass reads beside it.
  void start(const SiteValues<T, D>& values, std::span<const Index> units, const LesionManner& manner, ImageRange range,
             Tensor<T, D>& site, Activations<T, D>& pass) const {
    const View<const T, D> intact = values.value(0, range);
    site.resize(intact.shape());
    copy(intact, site.view());
    apply_lesion<T, D>({.kind = manner.kind, .alpha = manner.alpha}, units, values.sources(manner.kind, range),
                       site.view());
    pass.borrow(site_.node, site);
    for (std::size_t i = 1; i < values.nodes().size(); ++i) pass.borrow(values.nodes()[i], values.value(i, range));
  }

  /// lesioned - base, from (images, positions, channels) to (images, channels, positions).
  void subtract(View<const T, D> base, View<const T, D> lesioned, Index place, ChannelChange<T, D>& change) {
    if constexpr (std::same_as<D, Cpu>)
      subtract_on_cpu(base, lesioned, place, change);
    else
      channel_planes<T, D>(lesioned, base, place, change.planes.view());
  }

  void subtract_on_cpu(View<const T, Cpu> base, View<const T, Cpu> lesioned, Index place, ChannelChange<T, D>& change) {
    const Index positions = change.plane.size();
    const Index channels = site_.units;
    for (Index n = 0; n < base.shape()[0]; ++n) {
      T* planes = change.planes.data() + (place + n) * channels * positions;
      std::uint8_t* silent = silent_.data() + (place + n) * channels;
      const T* old_values = base.data() + n * channels * positions;
      const T* new_values = lesioned.data() + n * channels * positions;
      for (Index p = 0; p < positions; ++p)
        for (Index c = 0; c < channels; ++c) {
          const T difference = new_values[p * channels + c] - old_values[p * channels + c];
          planes[c * positions + p] = difference;
          if (difference != T{}) silent[c] = 0;
        }
    }
  }

  const Network<T, D>& network_;
  LesionSite site_;
  NodeId head_;
  std::vector<BaseTerm<T, D>> terms_;
  std::vector<ChannelChange<T, D>> changes_;
  std::vector<BaseExit<T, D>> exits_;
  ImageRange images_;
  std::vector<Index> units_;            // lesioned
  std::vector<std::uint8_t> is_there_;  // one per block
  Outcomes<Master<T>> outcomes_;
  std::vector<std::uint8_t> silent_;  // (images, channels)
};

}  // namespace fusiform
