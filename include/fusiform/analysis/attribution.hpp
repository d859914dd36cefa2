#pragma once
/// First-order estimates of what the lesion of each unit of a layer would do: one forward and one backward pass for all
/// units, where lesions take a pass each. Estimates only: see unit_effects.hpp for the truth.

#include <algorithm>
#include <span>
#include <vector>

#include <fusiform/analysis/site_gradients.hpp>
#include <fusiform/analysis/unit_table.hpp>
#include <fusiform/train/image_input.hpp>

namespace fusiform {

struct AttributionOptions {
  Index batch = 32;  ///< images per pass
  AttributedOutput output = AttributedOutput::log_probability;
};

namespace detail {

/// sums[n][c] += sum over positions of a[n][position][c] · b[n][position][c], positions in their order, in double.
template <Scalar T>
void add_channel_products(View<const T, Cpu> a, View<const T, Cpu> b, std::span<double> sums) {
  const Index channels = a.shape().channels();
  const Index size = a.shape().without_batch().size();
  parallel_for(a.shape()[0], [&](Index n) {
    double* const row = sums.data() + n * channels;
    for (Index i = 0; i < size; i += channels)
      for (Index c = 0; c < channels; ++c)
        row[c] += static_cast<double>(a[n * size + i + c]) * static_cast<double>(b[n * size + i + c]);
  });
}

}  // namespace detail

/// For each image and unit: the sum over positions of a · dF/da, where a is the unit's activation at the site. With
/// F = log probability it estimates, to first order, by how many nats the loss of the image grows when the unit is set
/// to zero (lesion kind `zero`): positive = the lesion hurts. It is minus the derivative of the loss by the factor of a
/// lesion of kind `scale`, at factor 1. Known as Taylor criterion (Molchanov, Tyree, Karras, Aila & Kautz 2017) and as
/// layer gradient times activation.
///
/// `unit_mean_squares` of the table is the gradient-squared importance: the mean over images of the squared first-order
/// term, as if each unit had a gate whose gradient this is (Molchanov, Mallya, Tyree, Frosio & Kautz 2019, eq. 8);
/// half of it estimates the loss increase by the empirical Fisher information of the gate (Theis, Korshunova, Tejani &
/// Huszar 2018). It says how much a unit matters, not whether it helps.
///
/// The labels of the images index the head's outputs. Throws ConfigError for a head that does not depend on the site.
template <Scalar T, Device D>
[[nodiscard]] UnitTable taylor_attribution(const Network<T, D>& network, const LesionSite& site, NodeId head,
                                           const LabelledImages<T>& images, const AttributionOptions& options = {}) {
  require_setting(options.batch >= 1, "attribution", "a batch of at least 1 image", options.batch);
  SiteGradients<T, D> gradients(network, site, head, options.output);
  UnitTable table{Tensor<float, Cpu>::uninitialized({images.count(), site.units}), images.labels};
  ImageInput<T, D> input;
  Tensor<T, Cpu> site_values;
  Tensor<T, Cpu> site_gradients;
  std::vector<double> sums;
  for (Index first = 0; first < images.count(); first += options.batch) {
    const Index batch = std::min(options.batch, images.count() - first);
    const std::span<const Index> labels =
        std::span(images.labels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(batch));
    const View<const T, D> site_value = gradients.forward(input.range(images, first, batch));
    const View<const T, Cpu> gradient = on_cpu(gradients.gradient(labels), site_gradients);
    const View<const T, Cpu> value = on_cpu(site_value, site_values);
    sums.assign(static_cast<std::size_t>(batch * site.units), 0.0);
    detail::add_channel_products(value, gradient, std::span(sums));
    std::transform(sums.begin(), sums.end(), table.values.data() + first * site.units,
                   [](double sum) { return static_cast<float>(sum); });
  }
  return table;
}

}  // namespace fusiform
