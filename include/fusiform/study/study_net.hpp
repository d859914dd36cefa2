#pragma once
/// The nets of a study: every variant with every seed, in the order in which they are trained.

#include <cstdint>
#include <string>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/study/config.hpp>

namespace fusiform {

/// One net of a study. The study's configuration must outlive it.
struct StudyNet {
  std::string variant;  ///< "" for the main net
  std::uint64_t seed = 0;
  const NetSettings* settings = nullptr;

  /// "seed 0", "faces only, seed 0"
  [[nodiscard]] std::string title() const { return text(variant, variant.empty() ? "" : ", ", "seed ", seed); }
};

/// The main net and the variants, each with all of its seeds.
[[nodiscard]] inline std::vector<StudyNet> study_nets(const StudyConfig& config) {
  std::vector<StudyNet> nets;
  for (const std::uint64_t seed : config.seeds) nets.push_back({"", seed, &config});
  for (const VariantConfig& variant : config.variants)
    for (const std::uint64_t seed : variant.seeds.empty() ? config.seeds : variant.seeds)
      nets.push_back({variant.name, seed, &variant});
  return nets;
}

}  // namespace fusiform
