#pragma once
/// Training on the disk: net, optimisers and schedule as they stand after an epoch.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/io/format.hpp>
#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/train/optimizer.hpp>
#include <fusiform/train/optimizer_state.hpp>
#include <fusiform/train/schedule.hpp>

namespace fusiform {

/// What a checkpoint of a training says about it.
struct TrainingPosition {
  Index epoch = 0;         ///< finished epochs
  std::uint64_t seed = 0;  ///< root of all randomness; streams are derived from it and the epoch, so it is all there is
  std::map<std::string, std::string> notes = {};  ///< free
};

namespace detail {

/// The frozen layers as one word each.
template <Scalar T, Device D>
[[nodiscard]] std::string frozen_note(const Network<T, D>& network) {
  std::string note;
  for (const std::string& name : frozen_layers(network)) note += (note.empty() ? "" : " ") + name;
  return note;
}

}  // namespace detail

/// Crash-safe. Optimisers keep nothing for frozen layers, whose names are stored. Throws FileError.
template <Scalar T, Device D>
void save_training(const std::string& path, const Network<T, D>& network,
                   const std::vector<std::unique_ptr<Optimizer<T, D>>>& optimizers, const Schedule& schedule,
                   const TrainingPosition& position) {
  TrainingState<Master<T>> state;
  state.epoch = position.epoch;
  state.seed = position.seed;
  state.notes = position.notes;
  for (std::size_t i = 0; i < optimizers.size(); ++i) store_optimizer(state, static_cast<int>(i), *optimizers[i]);
  state.notes["frozen"] = detail::frozen_note(network);
  state.notes["schedule.kind"] = schedule.kind();
  const std::vector<double> numbers = schedule.state();
  for (std::size_t i = 0; i < numbers.size(); ++i) state.notes[text("schedule.", i)] = format_number(numbers[i]);
  save_checkpoint(path, network, state);
}

/// Restores what `save_training` wrote into a net with the same frozen layers, optimisers and schedule of the same
/// kinds and settings, and returns where training stood. Rate factors are settings too: they are not stored. Throws
/// FileError that names what is missing or does not fit.
template <Scalar T, Device D>
[[nodiscard]] TrainingPosition load_training(const std::string& path, Network<T, D>& network,
                                             std::vector<std::unique_ptr<Optimizer<T, D>>>& optimizers,
                                             Schedule& schedule) {
  TrainingState<Master<T>> state = load_training_state<Master<T>>(path);
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
  const std::string frozen = state.notes.contains("frozen") ? state.notes.at("frozen") : "";  // older files: none were
  if (frozen != detail::frozen_note(network))
    throw FileError(path, text("frozen layers: expected '", detail::frozen_note(network), "', found '", frozen, "'"));
  const std::vector<Parameter<T, D>*> parameters = network.learned_parameters();
  try {
    for (std::size_t i = 0; i < optimizers.size(); ++i)
      restore_optimizer(state, static_cast<int>(i), parameters, *optimizers[i]);
  } catch (const Error& error) {
    throw FileError(path, error.what());
  }
  if (note("schedule.kind") != schedule.kind())
    throw FileError(path, text("schedule: expected ", schedule.kind(), ", found ", note("schedule.kind")));
  std::vector<double> numbers;
  while (state.notes.contains(text("schedule.", numbers.size())))
    numbers.push_back(number(text("schedule.", numbers.size())));
  schedule.restore(numbers);
  load_weights(network, path);
  return {.epoch = state.epoch, .seed = state.seed, .notes = std::move(state.notes)};
}

}  // namespace fusiform
