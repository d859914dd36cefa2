#pragma once
/// Training on the disk: net, optimisers and schedule as they stand after an epoch.

#include <memory>
#include <string>
#include <vector>

#include <fusiform/io/format.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/train/optimizer.hpp>
#include <fusiform/train/schedule.hpp>

namespace fusiform {

/// What a checkpoint of a training says about it.
struct TrainingPosition {
  Index epoch = 0;         ///< finished epochs
  std::uint64_t seed = 0;  ///< root of all randomness; streams are derived from it and the epoch, so it is all there is
  std::map<std::string, std::string> notes = {};  ///< free
};

/// Optimiser i keeps its tensors as "optimizer.<i>.<quantity>.<parameter>". Crash-safe. Throws FileError.
template <Scalar T>
void save_training(const std::string& path, const Network<T, Cpu>& network,
                   const std::vector<std::unique_ptr<Optimizer<T, Cpu>>>& optimizers, const Schedule& schedule,
                   const TrainingPosition& position) {
  TrainingState<T> state;
  state.epoch = position.epoch;
  state.seed = position.seed;
  state.notes = position.notes;
  for (std::size_t i = 0; i < optimizers.size(); ++i) {
    const std::string prefix = text("optimizer.", i, ".");
    state.notes[prefix + "kind"] = optimizers[i]->kind();
    state.notes[prefix + "steps"] = format_number(optimizers[i]->steps());
    for (const auto& [name, tensor] : optimizers[i]->state()) state.tensors.emplace(prefix + name, *tensor);
  }
  state.notes["schedule.kind"] = schedule.kind();
  const std::vector<double> numbers = schedule.state();
  for (std::size_t i = 0; i < numbers.size(); ++i) state.notes[text("schedule.", i)] = format_number(numbers[i]);
  save_checkpoint(path, network, state);
}

/// Restores what `save_training` wrote into a net, optimisers and schedule of the same kinds and settings, and returns
/// the number of finished epochs. Throws FileError that names what is missing or does not fit.
template <Scalar T>
[[nodiscard]] TrainingPosition load_training(const std::string& path, Network<T, Cpu>& network,
                                             std::vector<std::unique_ptr<Optimizer<T, Cpu>>>& optimizers,
                                             Schedule& schedule) {
  TrainingState<T> state = load_training_state<T>(path);
  const auto note = [&](const std::string& key) -> const std::string& {
    const auto found = state.notes.find(key);
    if (found == state.notes.end()) throw FileError(path, text("expected note '", key, "', found none"));
    return found->second;
  };
  const auto number = [&](const std::string& key) {
    const auto value = parse_number<double>(note(key));
    if (!value) throw FileError(path, text("note '", key, "': expected a number, found '", note(key), "'"));
    return *value;
  };
  const auto expect_kind = [&](const std::string& key, const std::string& kind) {
    if (note(key) != kind) throw FileError(path, text("'", key, "': expected ", kind, ", found ", note(key)));
  };
  const std::vector<Parameter<T, Cpu>*> parameters = network.learned_parameters();
  for (std::size_t i = 0; i < optimizers.size(); ++i) {
    const std::string prefix = text("optimizer.", i, ".");
    expect_kind(prefix + "kind", optimizers[i]->kind());
    optimizers[i]->prepare(parameters);
    for (const auto& [name, tensor] : optimizers[i]->state()) {
      const auto stored = state.tensors.find(prefix + name);
      if (stored == state.tensors.end())
        throw FileError(path, text("expected tensor '", prefix + name, "', found none"));
      if (!(stored->second.shape() == tensor->shape()))
        throw FileError(path, text("tensor '", prefix + name, "': expected shape ", tensor->shape(), ", found ",
                                   stored->second.shape()));
      *tensor = stored->second;
    }
    optimizers[i]->set_steps(static_cast<std::int64_t>(number(prefix + "steps")));
  }
  expect_kind("schedule.kind", schedule.kind());
  std::vector<double> numbers;
  while (state.notes.contains(text("schedule.", numbers.size())))
    numbers.push_back(number(text("schedule.", numbers.size())));
  schedule.restore(numbers);
  load_weights(network, path);
  return {.epoch = state.epoch, .seed = state.seed, .notes = std::move(state.notes)};
}

}  // namespace fusiform
