#pragma once
/// Optimisers in checkpoints: as "optimizer.<number>.<quantity>.<parameter position>" and a count of steps.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include <fusiform/io/format.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/ops/copy.hpp>
#include <fusiform/train/optimizer.hpp>

namespace fusiform {

/// Adds an optimiser's tensors and its count of steps to what a checkpoint stores. `number` tells several apart.
template <Scalar T, Device D>
void store_optimizer(TrainingState<Master<T>>& state, int number, Optimizer<T, D>& optimizer) {
  const std::string prefix = text("optimizer.", number, ".");
  state.notes[prefix + "kind"] = optimizer.kind();
  state.notes[prefix + "steps"] = format_number(optimizer.steps());
  for (const auto& [name, tensor] : optimizer.state()) state.tensors[prefix + name] = copied_to<Cpu>(*tensor);
}

/// Gives a new optimiser of the same settings back what `store_optimizer` took, for the same parameters.
/// Throws ConfigError or ShapeError if the checkpoint holds another optimiser or one of other parameters.
template <Scalar T, Device D>
void restore_optimizer(const TrainingState<Master<T>>& state, int number,
                       std::type_identity_t<std::span<Parameter<T, D>* const>> parameters, Optimizer<T, D>& optimizer) {
  const std::string prefix = text("optimizer.", number, ".");
  const auto note = [&](const std::string& name) {
    const auto found = state.notes.find(prefix + name);
    if (found == state.notes.end()) throw ConfigError(text("checkpoint: expected optimiser ", number, ", found none"));
    return found->second;
  };
  require_setting(note("kind") == optimizer.kind(), "checkpoint", text("optimiser '", optimizer.kind(), "'"),
                  "'" + note("kind") + "'");
  const std::optional<std::int64_t> steps = parse_number<std::int64_t>(note("steps"));
  require_setting(steps.has_value(), "checkpoint", "a number of optimiser steps", "'" + note("steps") + "'");
  if (*steps == 0) return;  // it had no state yet
  optimizer.prepare(parameters);
  for (const auto& [name, tensor] : optimizer.state()) {
    const auto found = state.tensors.find(prefix + name);
    if (found == state.tensors.end())
      throw ConfigError(text("checkpoint: expected optimiser tensor '", prefix, name, "', found none"));
    require_equal("checkpoint", text("as the shape of '", prefix, name, "'"), tensor->shape(), found->second.shape());
    copy(found->second, tensor->view());
  }
  std::size_t stored = 0;
  for (const auto& entry : state.tensors) stored += entry.first.starts_with(prefix) ? 1 : 0;
  require_setting(
      stored <= optimizer.state().size(), "checkpoint",
      text("at most ", optimizer.state().size(), " tensors of optimiser ", number, " (of layers that learn)"), stored);
  optimizer.set_steps(*steps);
}

}  // namespace fusiform
