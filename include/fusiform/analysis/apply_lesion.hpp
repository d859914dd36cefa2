#pragma once
/// What a lesion does to the value of the node where it acts.

#include <span>

#include <fusiform/analysis/lesion.hpp>
#include <fusiform/ops/mask_channels.hpp>

namespace fusiform {

/// What lesions put in the place of channels. Only the one that a lesion's kind asks for is read.
template <Scalar T, Device D = Cpu>
struct LesionSources {
  View<const T, D> mean;      ///< of one image's value; see mean_value
  View<const T, D> partners;  ///< of the value's shape: the value for each image's partner
};

/// Changes `channels` of `value`, (N, H, W, C) or (N, C), in place; see lesioned_channels. Throws ShapeError.
template <Scalar T, Device D>
void apply_lesion(const Lesion& lesion, std::span<const Index> channels,
                  const std::type_identity_t<LesionSources<T, D>>& sources, View<T, D> value) {
  switch (lesion.kind) {
    case LesionKind::zero:
    case LesionKind::weights:
      zero_channels(value, channels);
      break;
    case LesionKind::mean:
      copy_channels(sources.mean, channels, value);
      break;
    case LesionKind::resample:
      copy_channels(sources.partners, channels, value);
      break;
    case LesionKind::scale:
      if (lesion.alpha == 0)  // also where the value is no number
        zero_channels(value, channels);
      else
        scale_channels(value, channels, static_cast<T>(lesion.alpha));
      break;
  }
}

}  // namespace fusiform
