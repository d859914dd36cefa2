#pragma once
/// Stage: how alike the layers of all nets see the same images (spec: A.10, figure 10).

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/cka.hpp>
#include <fusiform/analysis/dissimilarity.hpp>
#include <fusiform/analysis/extract_features.hpp>
#include <fusiform/analysis/similarity.hpp>
#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/study/decoding_stage.hpp>

namespace fusiform {

namespace detail {

/// At most so many test images of all tasks are compared, the same number of every class.
inline constexpr Index compared_images = 600;

/// A layer of a net, and what it says about the compared images.
struct ComparedSite {
  StudyNet net;
  std::string layer;
  Index depth = 0;
  FeatureTable features;
  DissimilarityMatrix dissimilarity;  ///< of class means, 1 - correlation
};

[[nodiscard]] inline std::vector<ComparedSite> compared_sites(StudyContext& study, const ImagePack& pack,
                                                              const std::vector<StudyNet>& nets) {
  const Rng rng = Rng(study.config.seeds.front()).stream("similarity");
  const std::vector<Index> items = stratified_images(pack, "", Split::test, compared_images, rng.stream("images"));
  std::vector<ComparedSite> sites;
  study.progress.start("representations", "nets");
  for (std::size_t n = 0; n < nets.size(); ++n) {
    const NetSettings& settings = *nets[n].settings;
    const auto images = labelled_images<float>(pack, items, evaluation_transform(settings.net));
    const StudyNetwork network = load_network<float>(study.paths.checkpoint(nets[n]));
    const std::vector<ReadLayer> layers = read_layers(settings.decode.layers, network);
    std::vector<NodeId> nodes;
    for (const ReadLayer& layer : layers) nodes.push_back(layer.node);
    std::vector<FeatureTable> tables = device_of(study).place(network)->extract_features(
        nodes, images, {.max_features = settings.decode.max_features, .rng = rng.stream("projection")});
    for (std::size_t i = 0; i < layers.size(); ++i) {
      DissimilarityMatrix matrix = dissimilarity(class_means(tables[i]));
      sites.push_back({nets[n], layers[i].name, static_cast<Index>(i), std::move(tables[i]), std::move(matrix)});
    }
    study.progress.update(static_cast<Index>(n) + 1, static_cast<Index>(nets.size()));
  }
  study.progress.finish(text(sites.size(), " layers, ", items.size(), " images"));
  return sites;
}

[[nodiscard]] inline nlohmann::ordered_json square_form(const DissimilarityMatrix& matrix) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (Index a = 0; a < matrix.conditions(); ++a) {
    std::vector<double> row;
    for (Index b = 0; b < matrix.conditions(); ++b) row.push_back(matrix.at(a, b));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace detail

/// Compares the layers of all nets whose analyses ask for it: Spearman correlation of their dissimilarity matrices of
/// class means, and linear CKA of their features. Stored, and done again only for other nets or layers.
inline void compare_representations(StudyContext& study, const ImagePack& pack) {
  std::vector<StudyNet> nets;
  for (const StudyNet& net : study_nets(study.config))
    if (net.settings->does("similarity")) nets.push_back(net);
  if (nets.empty()) return;
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const StudyNet& net : nets) names.push_back(StudyPaths::name_of(net));
  const std::string path = study.paths.similarity();
  if (std::filesystem::exists(path) && nlohmann::ordered_json::parse(read_file(path)).at("nets") == names) return;

  const std::vector<detail::ComparedSite> sites = detail::compared_sites(study, pack, nets);
  nlohmann::ordered_json result{{"nets", names}, {"conditions", sites.front().dissimilarity.conditions()}};
  for (const Index label : sites.front().dissimilarity.labels) {
    const ClassInfo& info = pack.classes()[static_cast<std::size_t>(label)];
    result["classes"].push_back({{"task", info.task}, {"name", info.name}});
  }
  study.progress.start("comparing representations", "layers");
  for (std::size_t a = 0; a < sites.size(); ++a) {
    const detail::ComparedSite& site = sites[a];
    const nlohmann::ordered_json place{
        {"net", site.net.variant}, {"seed", site.net.seed}, {"layer", site.layer}, {"depth", site.depth}};
    std::vector<double> rsa;
    std::vector<double> cka;
    for (std::size_t b = 0; b < sites.size(); ++b) {
      // Both are symmetric: the lower triangle is copied.
      rsa.push_back(b < a ? result["rsa"][b][a].get<double>()
                          : spearman_correlation(site.dissimilarity.values, sites[b].dissimilarity.values));
      cka.push_back(b < a ? result["cka"][b][a].get<double>()
                          : linear_cka(site.features, sites[b].features, {.debiased = true}));
    }
    result["sites"].push_back(place);
    result["rsa"].push_back(rsa);
    result["cka"].push_back(cka);
    nlohmann::ordered_json rdm = place;
    rdm["values"] = detail::square_form(site.dissimilarity);
    result["rdms"].push_back(std::move(rdm));
    study.progress.update(static_cast<Index>(a) + 1, static_cast<Index>(sites.size()));
  }
  write_file_atomically(path, result.dump() + "\n");
  study.progress.finish(text(sites.size(), " layers with each other"));
}

}  // namespace fusiform
