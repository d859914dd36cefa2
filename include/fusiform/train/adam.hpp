#pragma once

#include <cmath>

#include <fusiform/ops/adam_update.hpp>
#include <fusiform/train/optimizer.hpp>

namespace fusiform {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  ///< L2: added to the gradient, not to the step (that would be AdamW)
};

/// Adam with bias correction, as torch.optim.Adam. State: "mean.<position>" and "square.<position>" (PyTorch's exp_avg
/// and exp_avg_sq).
template <Scalar T, Device D>
class Adam : public Optimizer<T, D> {
 public:
  /// Throws ConfigError for a setting out of range.
  explicit Adam(const AdamOptions& options = {}) : options_(options) {
    require_setting(options.beta1 >= 0 && options.beta1 < 1, "adam", "beta1 in 0..1", options.beta1);
    require_setting(options.beta2 >= 0 && options.beta2 < 1, "adam", "beta2 in 0..1", options.beta2);
    require_setting(options.eps >= 0, "adam", "eps >= 0", options.eps);
    require_setting(options.weight_decay >= 0, "adam", "weight_decay >= 0", options.weight_decay);
  }

  [[nodiscard]] std::string kind() const override { return "adam"; }

  void prepare(std::span<Parameter<T, D>* const> parameters) override {
    Optimizer<T, D>::prepare_slots(parameters, means_);
    Optimizer<T, D>::prepare_slots(parameters, squares_);
  }

  void step(std::span<Parameter<T, D>* const> parameters, double learning_rate) override {
    prepare(parameters);
    this->count_step();
    const auto t = static_cast<double>(this->steps());
    const double correction = 1 - std::pow(options_.beta1, t);
    AdamSettings settings{.step_size = 0,
                          .root_correction = std::sqrt(1 - std::pow(options_.beta2, t)),
                          .beta1 = options_.beta1,
                          .beta2 = options_.beta2,
                          .eps = options_.eps,
                          .weight_decay = options_.weight_decay};
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i]->learns()) continue;
      settings.step_size = learning_rate * parameters[i]->rate_factor / correction;
      adam_update<Master<T>, D>(parameters[i]->gradient, settings, {means_[i].view(), squares_[i].view()},
                                parameters[i]->value.view());
    }
  }

  [[nodiscard]] std::vector<std::pair<std::string, Tensor<Master<T>, D>*>> state() override {
    std::vector<std::pair<std::string, Tensor<Master<T>, D>*>> list;
    Optimizer<T, D>::list_slots("mean", means_, list);
    Optimizer<T, D>::list_slots("square", squares_, list);
    return list;
  }

 private:
  AdamOptions options_;
  std::vector<Tensor<Master<T>, D>> means_;
  std::vector<Tensor<Master<T>, D>> squares_;
};

}  // namespace fusiform
