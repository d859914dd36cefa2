#pragma once
/// What the trainer and checkpoints ask of an optimiser.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/tensor.hpp>
#include <fusiform/layers/parameter.hpp>
#include <fusiform/ops/fill.hpp>

namespace fusiform {

/// Changes parameters by their gradients and keeps tensors of its own between steps, one set per parameter position.
/// A checkpoint stores `state()` and `steps()`; to go on bit for bit, a new optimiser of the same settings is given
/// `prepare(parameters)`, then the stored tensors are copied into `state()` and the count into `set_steps()`.
template <Scalar T, Device D>
class Optimizer {
 public:
  Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// The word for this optimiser in a file: "sgd", "adam".
  [[nodiscard]] virtual std::string kind() const = 0;

  /// Makes the state for these parameters, all zero, unless it is there already. Called by every step.
  /// Throws ShapeError if there is state for other parameters (another number of them, or other shapes), ConfigError if
  /// layers were frozen or thawed since.
  virtual void prepare(std::span<Parameter<T, D>* const> parameters) = 0;

  /// Changes the value of every learned parameter by its gradient, at `learning_rate` times the parameter's
  /// `rate_factor`; frozen ones stay bit for bit. The same parameters in the same order each time.
  virtual void step(std::span<Parameter<T, D>* const> parameters, double learning_rate) = 0;

  /// State tensors with unique names, "<quantity>.<parameter position>", in a fixed order; none before `prepare`.
  [[nodiscard]] virtual std::vector<std::pair<std::string, Tensor<Master<T>, D>*>> state() = 0;

  [[nodiscard]] std::int64_t steps() const noexcept { return steps_; }
  void set_steps(std::int64_t steps) noexcept { steps_ = steps; }

 protected:
  /// One tensor per parameter, of its shape and 0; empty for a parameter that is recorded or frozen.
  static void prepare_slots(std::span<Parameter<T, D>* const> parameters, std::vector<Tensor<Master<T>, D>>& slots) {
    if (slots.empty()) {
      for (const Parameter<T, D>* parameter : parameters) {
        Tensor<Master<T>, D> slot;
        if (parameter->learns()) {
          slot.resize(parameter->value.shape());
          fill(0, slot.view());
        }
        slots.push_back(std::move(slot));
      }
      return;
    }
    require_equal("optimizer", "parameters", slots.size(), parameters.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const Shape shape = parameters[i]->learns() ? parameters[i]->value.shape() : Shape{0};
      if (slots[i].shape() == shape) continue;  // no text is made in every step
      if (slots[i].empty() || shape.size() == 0)
        throw ConfigError(text("optimizer: expected the same frozen layers in every step, got parameter ", i, " (",
                               parameters[i]->name, ") ", slots[i].empty() ? "thawed" : "frozen",
                               "; a new optimiser is needed when layers freeze or thaw"));
      require_equal("optimizer", text("as the shape of parameter ", i, " (", parameters[i]->name, ")"),
                    slots[i].shape(), shape);
    }
  }

  /// Appends the slots that are in use to a list of state tensors.
  static void list_slots(const std::string& quantity, std::vector<Tensor<Master<T>, D>>& slots,
                         std::vector<std::pair<std::string, Tensor<Master<T>, D>*>>& list) {
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (!slots[i].empty()) list.emplace_back(text(quantity, ".", i), &slots[i]);
  }

  void count_step() noexcept { ++steps_; }

 private:
  std::int64_t steps_ = 0;
};

}  // namespace fusiform
