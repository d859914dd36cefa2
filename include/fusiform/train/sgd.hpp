#pragma once

#include <fusiform/ops/sgd_update.hpp>
#include <fusiform/train/optimizer.hpp>

namespace fusiform {

struct SgdOptions {
  double momentum = 0.9;
  double weight_decay = 0;
};

/// Stochastic gradient descent with momentum and L2 weight decay, as torch.optim.SGD. State: "momentum.<position>".
template <Scalar T, Device D>
class Sgd : public Optimizer<T, D> {
 public:
  /// Throws ConfigError for a negative setting.
  explicit Sgd(const SgdOptions& options = {}) : options_(options) {
    require_setting(options.momentum >= 0, "sgd", "momentum >= 0", options.momentum);
    require_setting(options.weight_decay >= 0, "sgd", "weight_decay >= 0", options.weight_decay);
  }

  [[nodiscard]] std::string kind() const override { return "sgd"; }

  void prepare(std::span<Parameter<T, D>* const> parameters) override {
    Optimizer<T, D>::prepare_slots(parameters, velocities_);
  }

  void step(std::span<Parameter<T, D>* const> parameters, double learning_rate) override {
    prepare(parameters);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i]->learns()) continue;
      const SgdSettings settings{.learning_rate = learning_rate * parameters[i]->rate_factor,
                                 .momentum = options_.momentum,
                                 .weight_decay = options_.weight_decay};
      sgd_update(parameters[i]->gradient, settings, velocities_[i].view(), parameters[i]->value.view());
    }
    this->count_step();
  }

  [[nodiscard]] std::vector<std::pair<std::string, Tensor<Master<T>, D>*>> state() override {
    std::vector<std::pair<std::string, Tensor<Master<T>, D>*>> list;
    Optimizer<T, D>::list_slots("momentum", velocities_, list);
    return list;
  }

 private:
  SgdOptions options_;
  std::vector<Tensor<Master<T>, D>> velocities_;
};

}  // namespace fusiform
