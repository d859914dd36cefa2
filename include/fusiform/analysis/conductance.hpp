#pragma once
/// Layer conductance: how much of the change of the output, from a baseline image to the image, flows through each
/// unit of a layer.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/attribution.hpp>
#include <fusiform/ops/copy.hpp>

namespace fusiform {

struct ConductanceOptions {
  Index batch = 32;  ///< images per pass
  Index steps = 32;  ///< of the path; each takes two passes up to the layer and one forward and backward behind it
  AttributedOutput output = AttributedOutput::log_probability;
};

struct Conductance {
  UnitTable units;
  std::vector<double> change;  ///< F(image) - F(baseline) of each image

  /// For each image the sum over units - change. Where all paths from image to head go through the layer it goes to 0
  /// with growing `steps`: with 1 / steps^2 where the net is smooth along the path, with 1 / steps at the kinks of
  /// ReLUs. Elsewhere (inside of a residual block) the rest flowed beside the layer.
  [[nodiscard]] std::vector<double> completeness_errors() const {
    std::vector<double> errors;
    for (Index image = 0; image < units.images(); ++image) {
      double sum = 0;
      for (Index unit = 0; unit < units.units(); ++unit) sum += static_cast<double>(units.at(image, unit));
      errors.push_back(sum - change[static_cast<std::size_t>(image)]);
    }
    return errors;
  }
};

namespace detail {

/// The straight path from the baseline to one batch of images.
template <Scalar T, Device D>
class ImagePath {
 public:
  ImagePath(const Tensor<T, Cpu>& images, const Tensor<T, Cpu>& baseline) : images_(images), baseline_(baseline) {}

  /// The images at `share` of the way; for passes that are started before the next call.
  View<const T, D> at(double share) {
    const View<T, Cpu> point = point_.write(images_.shape());
    const Index size = images_.shape().without_batch().size();
    for (Index i = 0; i < images_.size(); ++i) {
      const double from = baseline_.empty() ? 0.0 : static_cast<double>(baseline_[i % size]);
      point[i] = static_cast<T>(from + share * (static_cast<double>(images_[i]) - from));
    }
    return point_.send();
  }

 private:
  const Tensor<T, Cpu>& images_;
  const Tensor<T, Cpu>& baseline_;
  ToDevice<T, D> point_;
};

/// Adds the conductance of one batch to sums[n][unit] and returns F(image) - F(baseline) of each.
template <Scalar T, Device D>
[[nodiscard]] std::vector<double> add_conductance(SiteGradients<T, D>& gradients, ImagePath<T, D> path,
                                                  std::span<const Index> labels, Index steps, std::span<double> sums) {
  const auto share = [steps](Index half_steps) {
    return static_cast<double>(half_steps) / static_cast<double>(2 * steps);
  };
  Tensor<T, Cpu> before;
  Tensor<T, Cpu> after;
  Tensor<T, Cpu> change;
  Tensor<T, Cpu> site_gradients;
  const auto keep = [](View<const T, D> value, Tensor<T, Cpu>& copied) {
    copied.resize(value.shape());
    copy(value, copied.view());
  };
  keep(gradients.forward(path.at(0)), before);
  const std::vector<double> at_baseline = gradients.outputs(labels);
  for (Index step = 0; step < steps; ++step) {
    gradients.forward(path.at(share(2 * step + 1)));
    keep(gradients.gradient(labels), site_gradients);
    keep(gradients.forward(path.at(share(2 * step + 2))), after);
    change.resize(after.shape());
    for (Index i = 0; i < change.size(); ++i) change[i] = after[i] - before[i];
    add_channel_products<T>(change, site_gradients, sums);
    std::swap(before, after);
  }
  std::vector<double> difference = gradients.outputs(labels);
  for (std::size_t n = 0; n < difference.size(); ++n) difference[n] -= at_baseline[n];
  return difference;
}

}  // namespace detail

/// The conductance of each unit for each image (Dhamdhere, Sundararajan & Yan 2018): the integral along the straight
/// path from `baseline` to the image of dF/da times the change of the activation a, summed over positions. The change
/// is taken from step to step, the gradient in the middle of each (midpoint rule; Shrikumar, Su & Kundaje 2018, for
/// doing without the derivatives of the activation). `baseline` is one image (H, W, C); empty: all zero, which is
/// mid-grey after normalisation. Positive = the unit raises F of the image's class.
/// Throws ConfigError for a head that does not depend on the site, ShapeError for a baseline of another shape.
template <Scalar T, Device D>
[[nodiscard]] Conductance layer_conductance(const Network<T, D>& network, const LesionSite& site, NodeId head,
                                            const LabelledImages<T>& images, const ConductanceOptions& options = {},
                                            const Tensor<T, Cpu>& baseline = {}) {
  require_setting(options.batch >= 1, "conductance", "a batch of at least 1 image", options.batch);
  require_setting(options.steps >= 1, "conductance", "at least 1 step", options.steps);
  if (!baseline.empty()) require_equal("conductance", "baseline", images.image, baseline.shape());
  SiteGradients<T, D> gradients(network, site, head, options.output);
  Conductance result{{Tensor<float, Cpu>::uninitialized({images.count(), site.units}), images.labels}, {}};
  Tensor<T, Cpu> pixels;
  std::vector<double> sums;
  for (Index first = 0; first < images.count(); first += options.batch) {
    const Index batch = std::min(options.batch, images.count() - first);
    pixels.resize(images.image.batched(batch));
    images.read(first, pixels.view());
    sums.assign(static_cast<std::size_t>(batch * site.units), 0.0);
    const std::vector<double> change = detail::add_conductance(
        gradients, detail::ImagePath<T, D>(pixels, baseline),
        std::span(images.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(batch)),
        options.steps, std::span(sums));
    result.change.insert(result.change.end(), change.begin(), change.end());
    std::transform(sums.begin(), sums.end(), result.units.values.data() + first * site.units,
                   [](double sum) { return static_cast<float>(sum); });
  }
  return result;
}

}  // namespace fusiform
