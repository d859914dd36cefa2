#pragma once
/// What lesions of one site start from: the value of the node where they act, and of the nodes that the part of the net
/// behind it reads beside it, for a list of images (spec: C.2, techniques 1 and 2).

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fusiform/analysis/apply_lesion.hpp>
#include <fusiform/analysis/image_range.hpp>
#include <fusiform/analysis/lesion_reference.hpp>
#include <fusiform/nets/suffix.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/train/image_input.hpp>

namespace fusiform {

/// On the device of the net. Every image goes through the same block of images always, whatever is asked for in which
/// order; so does its partner of kind resample. The network and all images must outlive this object.
template <Scalar T, Device D = Cpu>
class SiteValues {
 public:
  /// Keeps one block until `keep` allows more. Throws ConfigError if the head does not depend on the site.
  SiteValues(const Network<T, D>& network, const LesionSite& site, NodeId head, const LabelledImages<Master<T>>& images,
             LesionReference<Master<T>> reference, Index block)
      : network_(network), images_(images), reference_(std::move(reference)), block_(block), kept_(block) {
    nodes_.push_back(site.node);
    for (const NodeId node : suffix_frontier(network, site.node, head)) nodes_.push_back(node);
  }

  /// The site, then the frontier.
  [[nodiscard]] const std::vector<NodeId>& nodes() const noexcept { return nodes_; }

  /// Elements that one image takes here.
  [[nodiscard]] Index image_size() const {
    Index size = resamples_ ? network_.node(nodes_[0]).shape.size() : 0;
    for (const NodeId node : nodes_) size += network_.node(node).shape.size();
    return size;
  }

  /// Allows this many images, whole blocks, at a time. With as many as there are, values are kept for good.
  void keep(Index images) noexcept { kept_ = images; }

  /// Makes ready what lesions of this kind need beside the images' own values: the mean, or who is whose partner.
  /// Throws as mean_value and resample_partners.
  void prepare(LesionKind kind) {
    if (kind == LesionKind::mean && mean_.empty())
      mean_ = on_device<D>(mean_value(network_, nodes_[0], reference_images(), block_, reference_.per_position));
    if (kind != LesionKind::resample || resamples_) return;
    partners_ = reference_.images == nullptr
                    ? resample_partners(images_.count(), reference_.rng)
                    : resample_partners(images_.count(), reference_.images->count(), reference_.rng);
    resamples_ = true;
    partner_values_.is_there.clear();
  }

  /// Computes what is not there yet for these images, whole blocks and no more than are kept.
  void load(ImageRange images) {
    const bool covered = !values_.empty() && images.first >= window_.first && images.end() <= window_.end();
    if (!covered) {
      window_ = kept_ >= images_.count() ? ImageRange{0, images_.count()} : images;
      values_.resize(nodes_.size());
      for (std::size_t i = 0; i < nodes_.size(); ++i)
        values_[i].forget(network_.node(nodes_[i]).shape, window_, block_);
      partner_values_.is_there.clear();
    }
    if (resamples_ && partner_values_.is_there.empty())
      partner_values_.forget(network_.node(nodes_[0]).shape, window_, block_);
    for (Index part = 0; part < images.parts(block_); ++part) {
      const ImageRange range = images.part(part, block_);
      const auto block = static_cast<std::size_t>((range.first - window_.first) / block_);
      if (values_[0].is_there[block] == 0) load_block(range, block);
      if (resamples_ && partner_values_.is_there[block] == 0) load_partners(range, block);
    }
  }

  /// The value of node `i` of nodes(), for loaded images.
  [[nodiscard]] View<const T, D> value(std::size_t i, ImageRange images) const {
    return values_[i].tensor.view().batch_range(images.first - window_.first, images.count);
  }

  /// What a lesion of `kind` takes its values from, for loaded images.
  [[nodiscard]] LesionSources<T, D> sources(LesionKind kind, ImageRange images) const {
    LesionSources<T, D> sources{.mean = mean_, .partners = {}};
    if (kind == LesionKind::resample)
      sources.partners = partner_values_.tensor.view().batch_range(images.first - window_.first, images.count);
    return sources;
  }

 private:
  /// Values of one node for the images of the window.
  struct Kept {
    Tensor<T, D> tensor;
    std::vector<std::uint8_t> is_there;  // one per block

    void forget(const Shape& image, ImageRange window, Index block) {
      tensor.resize(image.batched(window.count));
      is_there.assign(static_cast<std::size_t>((window.count + block - 1) / block), 0);
    }
  };

  [[nodiscard]] const LabelledImages<Master<T>>& reference_images() const noexcept {
    return reference_.images == nullptr ? images_ : *reference_.images;
  }

  void load_block(ImageRange images, std::size_t block) {
    network_.forward(input_.range(images_, images.first, images.count), nodes_[0], activations_, {.keep = nodes_});
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      copy(activations_.value(nodes_[i]),
           values_[i].tensor.view().batch_range(images.first - window_.first, images.count));
      values_[i].is_there[block] = 1;
    }
  }

  void load_partners(ImageRange images, std::size_t block) {
    const View<const T, D> pixels = input_.chosen(reference_images(), part_of(partners_, images));
    copy(network_.forward(pixels, nodes_[0], activations_),
         partner_values_.tensor.view().batch_range(images.first - window_.first, images.count));
    partner_values_.is_there[block] = 1;
  }

  const Network<T, D>& network_;
  const LabelledImages<Master<T>>& images_;
  LesionReference<Master<T>> reference_;
  Index block_;
  Index kept_;
  std::vector<NodeId> nodes_;
  ImageRange window_;         // the images that there is room for
  std::vector<Kept> values_;  // one per node
  Kept partner_values_;       // the site's, for each image's partner
  Tensor<T, D> mean_;         // of one image's site value; empty until a lesion asks for it
  std::vector<Index> partners_;
  bool resamples_ = false;
  Activations<T, D> activations_;
  ImageInput<T, D> input_;
};

}  // namespace fusiform
