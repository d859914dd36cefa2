#pragma once
/// Stage: read held-out classes, of every task, from the layers of a net (spec: A.6).

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/extract_features.hpp>
#include <fusiform/analysis/linear_svm.hpp>
#include <fusiform/study/context.hpp>
#include <fusiform/study/decoding_journal.hpp>
#include <fusiform/study/lesioning.hpp>

namespace fusiform {

/// A layer that is looked at as a whole: decoded, compared.
struct ReadLayer {
  std::string name;  ///< as the study calls it
  NodeId node = 0;   ///< its activation
};

/// The layers that are read, in the order of the net: those of the study, or every convolution and linear layer but the
/// classifiers. Of a branched net all branches are read. Throws ConfigError for a layer the net does not have.
[[nodiscard]] inline std::vector<ReadLayer> read_layers(const std::vector<std::string>& wanted,
                                                        const StudyNetwork& network) {
  std::vector<ReadLayer> layers;
  for (const std::string& layer : wanted) layers.push_back({layer, lesion_site(network, layer).node});
  const std::vector<NodeId> heads = network.heads();
  for (NodeId id = 1; id < network.size() && wanted.empty(); ++id) {
    const auto& node = network.node(id);
    const bool has_units = node.layer->kind() == "conv2d" || node.layer->kind() == "linear";
    if (has_units && std::find(heads.begin(), heads.end(), id) == heads.end())
      layers.push_back({node.alias.empty() ? node.name : node.alias, lesion_site(network, node.name).node});
  }
  return layers;
}

namespace detail {

/// Decodes one table of features; what is random in it depends on task and layer, not on the net.
[[nodiscard]] inline StoredDecoding decode_layer(const FeatureTable& features, const NetSettings& settings,
                                                 const Rng& rng) {
  const DecodingOptions options{
      .folds = settings.decode.folds, .costs = {settings.decode.c}, .bootstrap = {.replicates = 100}};
  StoredDecoding result;
  result.labels = features.labels;
  result.predicted = decode(features, LinearSvmClassifier{}, rng, options).predicted;
  result.match_scores = match_all_triplets(features, rng, options.bootstrap).scores;
  return result;
}

}  // namespace detail

/// Decodes what is not decoded yet. Does nothing if the study holds out no classes.
inline void decode_net(StudyContext& study, const LesionedNet& lesioned, const ImagePack& held_out) {
  const StudyNet& net = lesioned.net;
  const NetSettings& settings = *net.settings;
  const std::string path = study.paths.decoding(net);
  const std::vector<StoredDecoding> done = read_decodings(path);
  const std::vector<ReadLayer> layers = read_layers(settings.decode.layers, lesioned.network);
  JsonLinesWriter journal(path);
  for (const std::string& task : held_out.tasks()) {
    std::vector<std::size_t> missing;
    std::vector<NodeId> nodes;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto is_this = [&](const StoredDecoding& d) { return d.task == task && d.layer == layers[i].name; };
      if (std::any_of(done.begin(), done.end(), is_this)) continue;
      missing.push_back(i);
      nodes.push_back(layers[i].node);
    }
    if (missing.empty()) continue;
    study.progress.start(text(net.title(), ": decoding held-out ", task), "layers");
    const auto images =
        labelled_images<float>(held_out, held_out.select(task, Split::test), evaluation_transform(settings.net));
    const Rng rng = Rng(study.config.seeds.front()).stream("decoding").stream(task);
    const std::vector<FeatureTable> tables = lesioned.placed.extract_features(
        nodes, images, {.max_features = settings.decode.max_features, .rng = rng.stream("projection")});
    for (std::size_t i = 0; i < missing.size(); ++i) {
      StoredDecoding decoding = detail::decode_layer(tables[i], settings, rng);
      decoding.task = task;
      decoding.layer = layers[missing[i]].name;
      decoding.depth = static_cast<Index>(missing[i]);
      journal.append(to_json(decoding).dump());
      journal.flush();
      study.progress.update(static_cast<Index>(i) + 1, static_cast<Index>(missing.size()));
    }
    study.progress.finish(text(missing.size(), " layers, ", images.count(), " images"));
  }
}

}  // namespace fusiform
