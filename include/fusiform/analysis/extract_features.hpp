#pragma once
/// Runs a network and takes down what its layers say about each image.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/analysis/sparse_projection.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/data/labelled_images.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/train/image_input.hpp>

namespace fusiform {

struct FeatureOptions {
  Index batch = 64;                ///< images per pass; does not change the features
  bool average_positions = false;  ///< mean of each channel over the positions instead of every position
  /// More features than that are projected at random to this many numbers (SparseProjection); 0: no limit. 2,000
  /// images of VGG16's conv5_3 at 224 x 224 are 800 MB without, conv1_1 26 GB. 4,096 keep cosines to about 0.02.
  Index max_features = 0;
  Rng rng{0};  ///< of the projections; each layer draws from a stream of its own name
};

namespace detail {

/// Writes one layer's activation of an image as a row of features.
template <Scalar T>
class FeatureWriter {
 public:
  template <Device D>
  FeatureWriter(const Node<T, D>& node, const FeatureOptions& options) : shape_(node.shape) {
    averages_ = options.average_positions && shape_.size() != shape_.channels();
    size_ = averages_ ? shape_.channels() : shape_.size();
    if (options.max_features == 0 || size_ <= options.max_features) return;
    projection_.emplace(size_, options.max_features, options.rng.stream(node.name));
    size_ = options.max_features;
  }

  [[nodiscard]] Index feature_count() const noexcept { return size_; }

  void write(std::span<const T> value, std::span<float> row) const {
    if (averages_) {
      const std::vector<double> means = channel_means(value);
      write_features(std::span<const double>(means), row);
    } else {
      write_features(value, row);
    }
  }

 private:
  template <class Number>
  void write_features(std::span<const Number> features, std::span<float> row) const {
    if (projection_) {
      projection_->apply(features, row);
    } else {
      std::transform(features.begin(), features.end(), row.begin(), [](Number x) { return static_cast<float>(x); });
    }
  }

  [[nodiscard]] std::vector<double> channel_means(std::span<const T> value) const {
    std::vector<double> means(static_cast<std::size_t>(shape_.channels()));
    for (std::size_t i = 0; i < value.size(); i += means.size())
      for (std::size_t c = 0; c < means.size(); ++c) means[c] += static_cast<double>(value[i + c]);
    for (double& mean : means) mean *= static_cast<double>(shape_.channels()) / static_cast<double>(shape_.size());
    return means;
  }

  Shape shape_;
  bool averages_ = false;
  Index size_ = 0;
  std::optional<SparseProjection> projection_;
};

}  // namespace detail

/// The values of the nodes for every image, one table per node, in one pass through the network. A row is the node's
/// value (H, W, C) as it lies in memory: channels fastest, then columns, then rows of the picture. Rounded to float.
/// Throws ConfigError for options out of range.
template <Scalar T, Device D>
[[nodiscard]] std::vector<FeatureTable> extract_features(const Network<T, D>& network, const std::vector<NodeId>& nodes,
                                                         const LabelledImages<T>& images,
                                                         const FeatureOptions& options = {}) {
  require_setting(options.batch >= 1, "features", "a batch of at least 1 image", options.batch);
  require_setting(options.max_features >= 0, "features", "a limit of features, or 0 for none", options.max_features);
  std::vector<FeatureTable> tables;
  std::vector<detail::FeatureWriter<T>> writers;
  for (const NodeId id : nodes) {
    writers.emplace_back(network.node(id), options);
    tables.push_back({network.node(id).name,
                      Tensor<float, Cpu>::uninitialized({images.count(), writers.back().feature_count()}),
                      images.labels});
  }
  if (nodes.empty()) return tables;
  const NodeId last = *std::max_element(nodes.begin(), nodes.end());
  const PassOptions keep_all{.keep = nodes};
  Activations<T, D> activations;
  ImageInput<T, D> input;
  Tensor<T, Cpu> buffer;
  for (Index first = 0; first < images.count(); first += options.batch) {
    const Index batch = std::min(options.batch, images.count() - first);
    network.forward(input.range(images, first, batch), last, activations, keep_all);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const View<const T, Cpu> values = on_cpu(activations.value(nodes[i]), buffer);
      const View<float, Cpu> rows = tables[i].values.view();
      parallel_for(batch, [&](Index n) {
        writers[i].write(values.batch_range(n, 1).span(), rows.batch_range(first + n, 1).span());
      });
    }
  }
  return tables;
}

/// The same for one node.
template <Scalar T, Device D>
[[nodiscard]] FeatureTable extract_features(const Network<T, D>& network, NodeId node, const LabelledImages<T>& images,
                                            const FeatureOptions& options = {}) {
  return std::move(extract_features(network, std::vector<NodeId>{node}, images, options).front());
}

}  // namespace fusiform
