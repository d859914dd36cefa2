#pragma once
/// A lesion is a value: a set of a layer's units and what happens to them. Applying it changes no parameter.

#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/nets/network.hpp>

namespace fusiform {

/// What happens to the units (spec: A.7.1). In nets without batch norm `zero` and `weights` are the same.
enum class LesionKind {
  zero,      ///< the channel is zero after the activation: the unit's signal is gone
  weights,   ///< weight row and bias are zero, literally as in the published scripts: behind a batch norm the channel
             ///< becomes a constant, not zero
  mean,      ///< the channel is its mean over reference images: what it says about the image is gone
  resample,  ///< the channel is that of another image: as `mean`, and the values stay natural ones
  scale,     ///< the channel is multiplied by a number
};

/// What becomes of some units of a layer, all in the same way. No units: the intact net (unless `keep_only`).
struct Lesion {
  std::vector<Index> units;            ///< channels of the layer's output
  LesionKind kind = LesionKind::zero;  ///< `weights` acts at a site of its own, see lesion_site
  double alpha = 0;                    ///< the factor of kind `scale`; 0 is the same as kind `zero`
  bool keep_only = false;              ///< the inverse lesion: every unit but these is lesioned
};

/// How a list of lesions is done.
struct LesionManner {
  LesionKind kind = LesionKind::zero;  ///< zero also for a site of kind weights
  double alpha = 0;                    ///< the factor of kind `scale`
};

/// Where the lesions of one layer and kind act.
struct LesionSite {
  NodeId layer;  ///< the layer that was named
  NodeId node;   ///< the node whose channels are changed
  Index units;   ///< how many channels it has
};

/// Finds the node where a lesion of `layer` acts. Kind `weights`: the layer's own output, since a unit with zero
/// weights and bias puts out exactly zero. Other kinds: behind the batch norm, residual addition and ReLU that follow
/// the layer, as far as each is the only reader of the one before; a filter whose channel also lives in a skip
/// connection is therefore the channel after the addition. Throws ConfigError for an unknown layer or the input.
template <Scalar T, Device D>
[[nodiscard]] LesionSite lesion_site(const Network<T, D>& network, std::string_view layer,
                                     LesionKind kind = LesionKind::zero) {
  const NodeId named = network.find(layer);
  if (named == 0) throw ConfigError("lesion: the input has no units; expected the name of a layer");
  NodeId node = named;
  bool activated = kind == LesionKind::weights;
  while (!activated) {
    const std::vector<NodeId> readers = network.readers(node);
    if (readers.size() != 1) break;
    const std::string next = network.node(readers.front()).layer->kind();
    if (next != "batch_norm" && next != "add" && next != "relu") break;
    node = readers.front();
    activated = next == "relu";
  }
  return {named, node, network.node(node).shape.channels()};
}

/// Throws ConfigError unless all units are channels of the site, each named once.
inline void check_units(const LesionSite& site, std::span<const Index> units) {
  std::vector<bool> seen(static_cast<std::size_t>(site.units), false);
  for (const Index unit : units) {
    if (unit < 0 || unit >= site.units)
      throw ConfigError(text("lesion: expected units 0..", site.units - 1, ", got ", unit));
    if (seen[static_cast<std::size_t>(unit)]) throw ConfigError(text("lesion: unit ", unit, " is named twice"));
    seen[static_cast<std::size_t>(unit)] = true;
  }
}

/// The channels that a lesion changes, ascending if it is a keep-only one. Throws ConfigError for units that are not
/// there or named twice, for a factor that is no number, and for kind `weights` at a site of another kind.
[[nodiscard]] inline std::vector<Index> lesioned_channels(const LesionSite& site, const Lesion& lesion) {
  check_units(site, lesion.units);
  require_setting(std::isfinite(lesion.alpha), "lesion", "a finite factor", lesion.alpha);
  if (lesion.kind == LesionKind::weights && site.node != site.layer)
    throw ConfigError(
        "lesion: expected a site of kind weights for lesions of that kind, got one behind the activation");
  if (!lesion.keep_only) return lesion.units;
  std::vector<bool> kept(static_cast<std::size_t>(site.units), false);
  for (const Index unit : lesion.units) kept[static_cast<std::size_t>(unit)] = true;
  std::vector<Index> channels;
  for (Index unit = 0; unit < site.units; ++unit)
    if (!kept[static_cast<std::size_t>(unit)]) channels.push_back(unit);
  return channels;
}

}  // namespace fusiform
