#pragma once
/// Learning rates that change from epoch to epoch.

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Gives the learning rate of the coming epoch. A checkpoint stores `state()`, a few numbers, and gives them to
/// `restore` of a schedule with the same settings, which then goes on the same.
class Schedule {
 public:
  Schedule() = default;
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  virtual ~Schedule() = default;

  /// The word for this schedule in a file: "step", "plateau".
  [[nodiscard]] virtual std::string kind() const = 0;
  [[nodiscard]] virtual double learning_rate() const = 0;

  /// Called once at the end of every epoch with the loss to watch (spec: mean validation loss). Returns whether the
  /// learning rate changed.
  virtual bool end_epoch(double loss) = 0;

  [[nodiscard]] virtual std::vector<double> state() const = 0;

  /// Throws ConfigError unless there are as many numbers as state() gives.
  virtual void restore(std::span<const double> state) = 0;
};

struct StepScheduleOptions {
  double learning_rate = 1e-3;  ///< of the first epoch
  Index step_size = 30;         ///< epochs between changes; 0: never
  double factor = 0.1;
};

/// Multiplies the learning rate by `factor` after every `step_size` epochs: torch.optim.lr_scheduler.StepLR.
class StepSchedule : public Schedule {
 public:
  /// Throws ConfigError for a setting out of range.
  explicit StepSchedule(const StepScheduleOptions& options) : options_(options), learning_rate_(options.learning_rate) {
    require_setting(options.learning_rate >= 0, "step schedule", "learning_rate >= 0", options.learning_rate);
    require_setting(options.step_size >= 0, "step schedule", "step_size >= 0", options.step_size);
    require_setting(options.factor > 0, "step schedule", "factor > 0", options.factor);
  }

  [[nodiscard]] std::string kind() const override { return "step"; }
  [[nodiscard]] double learning_rate() const override { return learning_rate_; }

  bool end_epoch(double /*loss*/) override {
    ++epochs_;
    if (options_.step_size == 0 || epochs_ % options_.step_size != 0) return false;
    learning_rate_ *= options_.factor;
    return true;
  }

  [[nodiscard]] std::vector<double> state() const override { return {learning_rate_, static_cast<double>(epochs_)}; }
  void restore(std::span<const double> state) override {
    require_setting(state.size() == 2, "step schedule", "a state of 2 numbers", state.size());
    learning_rate_ = state[0];
    epochs_ = static_cast<Index>(state[1]);
  }

 private:
  StepScheduleOptions options_;
  double learning_rate_;
  Index epochs_ = 0;
};

struct ReduceOnPlateauOptions {
  double learning_rate = 1e-3;  ///< of the first epoch
  double factor = 0.1;
  Index patience = 5;       ///< epochs without improvement that are borne; the one after them reduces
  double threshold = 1e-4;  ///< an improvement is a loss below best * (1 - threshold)
  double minimum = 0;       ///< no learning rate below this
};

/// Multiplies the learning rate by `factor` when the loss has stopped falling:
/// torch.optim.lr_scheduler.ReduceLROnPlateau with mode "min", relative threshold and no cooldown. A loss that is not
/// a number is no improvement. Reductions by 1e-8 or less are not made, as in PyTorch.
class ReduceOnPlateau : public Schedule {
 public:
  /// Throws ConfigError for a setting out of range.
  explicit ReduceOnPlateau(const ReduceOnPlateauOptions& options)
      : options_(options), learning_rate_(options.learning_rate) {
    require_setting(options.learning_rate >= 0, "plateau schedule", "learning_rate >= 0", options.learning_rate);
    require_setting(options.factor > 0 && options.factor < 1, "plateau schedule", "factor in 0..1", options.factor);
    require_setting(options.patience >= 0, "plateau schedule", "patience >= 0", options.patience);
    require_setting(options.threshold >= 0, "plateau schedule", "threshold >= 0", options.threshold);
  }

  [[nodiscard]] std::string kind() const override { return "plateau"; }
  [[nodiscard]] double learning_rate() const override { return learning_rate_; }

  bool end_epoch(double loss) override {
    if (loss < best_ * (1.0 - options_.threshold)) {
      best_ = loss;
      bad_epochs_ = 0;
    } else {
      ++bad_epochs_;
    }
    if (bad_epochs_ <= options_.patience) return false;
    bad_epochs_ = 0;
    const double reduced = std::max(learning_rate_ * options_.factor, options_.minimum);
    constexpr double smallest_change = 1e-8;
    if (!(learning_rate_ - reduced > smallest_change)) return false;
    learning_rate_ = reduced;
    return true;
  }

  /// The best loss is infinite before the first epoch: write the numbers with a format that can say so.
  [[nodiscard]] std::vector<double> state() const override {
    return {learning_rate_, best_, static_cast<double>(bad_epochs_)};
  }
  void restore(std::span<const double> state) override {
    require_setting(state.size() == 3, "plateau schedule", "a state of 3 numbers", state.size());
    learning_rate_ = state[0];
    best_ = state[1];
    bad_epochs_ = static_cast<Index>(state[2]);
  }

 private:
  ReduceOnPlateauOptions options_;
  double learning_rate_;
  double best_ = std::numeric_limits<double>::infinity();
  Index bad_epochs_ = 0;
};

}  // namespace fusiform
