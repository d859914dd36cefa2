#pragma once
/// Networks on the disk: one safetensors file with PyTorch's names and layout, which Python can read, the description
/// of the net, and whatever training needs to go on bit for bit. Also imports weights that PyTorch wrote.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/io/safetensors.hpp>
#include <fusiform/nets/description.hpp>
#include <fusiform/nets/pytorch_layout.hpp>

namespace fusiform {

/// What a checkpoint holds beside the net, whatever the device. Everything is given back exactly. T is the scalar of
/// the parameters.
template <Scalar T>
struct TrainingState {
  Index epoch = 0;  ///< finished epochs
  std::uint64_t seed = 0;
  std::map<std::string, std::string> notes;  ///< free: class table, configuration, best loss, ...
  std::map<std::string, Rng> generators;     ///< random streams where they stand
  /// "optimizer.0.momentum.fc.weight"; stored in our layout.
  std::map<std::string, Tensor<Master<T>, Cpu>> tensors;
};

/// Tensors of this name belong to the training state, not to the net.
[[nodiscard]] inline bool is_training_tensor(std::string_view name) noexcept { return name.starts_with("optimizer."); }

namespace detail {

inline constexpr const char* checkpoint_format = "fusiform checkpoint 1";

[[nodiscard]] inline std::vector<Index> dimensions(const Shape& shape) { return {shape.begin(), shape.end()}; }

[[nodiscard]] inline std::string shape_text(const std::vector<Index>& shape) {
  std::string result = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) result += (axis > 0 ? ", " : "") + format_number(shape[axis]);
  return result + ")";
}

/// The metadata of a checkpoint. Throws FileError if the file is none, or one of a later format.
[[nodiscard]] inline const std::map<std::string, std::string>& checkpoint_metadata(const SafetensorsFile& file) {
  const auto format = file.metadata().find("format");
  if (format == file.metadata().end() || format->second != checkpoint_format)
    throw FileError(file.path(), text("expected a '", checkpoint_format, "', found ",
                                      format == file.metadata().end() ? "a safetensors file without format"
                                                                      : "format '" + format->second + "'"));
  return file.metadata();
}

[[nodiscard]] inline const std::string& checkpoint_entry(const SafetensorsFile& file, const std::string& key) {
  const std::map<std::string, std::string>& metadata = checkpoint_metadata(file);
  const auto entry = metadata.find(key);
  if (entry == metadata.end()) throw FileError(file.path(), text("expected metadata '", key, "', found none"));
  return entry->second;
}

template <class Number>
[[nodiscard]] Number checkpoint_number(const SafetensorsFile& file, const std::string& key) {
  const std::string& found = checkpoint_entry(file, key);
  const std::optional<Number> number = parse_number<Number>(found);
  if (!number) throw FileError(file.path(), text("metadata '", key, "': expected a number, found '", found, "'"));
  return *number;
}

/// A random stream from "seed stream position".
[[nodiscard]] inline Rng checkpoint_generator(const SafetensorsFile& file, const std::string& key,
                                              std::string_view value) {
  const auto next_number = [&value] {
    const std::string_view word = value.substr(0, value.find(' '));
    value.remove_prefix(std::min(word.size() + 1, value.size()));
    return parse_number<std::uint64_t>(word);
  };
  const std::string_view found = value;
  const std::optional<std::uint64_t> seed = next_number();
  const std::optional<std::uint64_t> stream = next_number();
  const std::optional<std::uint64_t> position = next_number();
  if (!seed || !stream || !position || !value.empty())
    throw FileError(file.path(), text("metadata '", key, "': expected seed, stream and position, found '", found, "'"));
  return Rng(*seed, *stream, *position);
}

}  // namespace detail

/// Writes net and training state; crash-safe: the old file or the new one. Throws FileError, and ConfigError if a name
/// cannot be stored.
template <Scalar T, Device D>
void save_checkpoint(const std::string& path, const Network<T, D>& network,
                     const TrainingState<Master<T>>& state = {}) {
  SafetensorsWriter writer;
  writer.set_metadata("format", detail::checkpoint_format);
  writer.set_metadata("network", describe(network));
  writer.set_metadata("epoch", format_number(state.epoch));
  writer.set_metadata("seed", format_number(state.seed));
  for (const auto& [key, value] : state.notes) writer.set_metadata("note." + key, value);
  for (const auto& [key, rng] : state.generators)
    writer.set_metadata("rng." + key, text(rng.seed(), " ", rng.stream_id(), " ", rng.position()));
  for (const PyTorchTensor<T, D>& tensor : pytorch_tensors(network)) {
    require_setting(!is_training_tensor(tensor.name), "checkpoint", "layer names that do not begin with 'optimizer.'",
                    "'" + tensor.name + "'");
    const std::vector<Master<T>> elements = to_pytorch(tensor);
    writer.add(tensor.name, tensor.layout.shape, std::span<const Master<T>>(elements));
  }
  for (const auto& [name, tensor] : state.tensors) {
    require_setting(is_training_tensor(name), "checkpoint", "names of training tensors that begin with 'optimizer.'",
                    "'" + name + "'");
    writer.add(name, detail::dimensions(tensor.shape()), tensor.span());
  }
  writer.write(path);
}

/// How to bring a file's tensors to a network's.
struct LoadOptions {
  bool strict = true;  ///< false: tensors missing in the file keep their values, unexpected ones are ignored
  /// From a name in the file to the network's ("module.conv1.weight" to "conv1.weight"); "" leaves the tensor out.
  std::function<std::string(const std::string&)> rename = {};
};

/// What `load_weights` did with the tensors, by the network's names.
struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     ///< in the network, not in the file
  std::vector<std::string> unexpected;  ///< in the file, not in the network
};

/// Fills the network's tensors by name from a checkpoint or from any safetensors file with PyTorch's names and layout.
/// Left out are optimiser tensors and PyTorch's counters "num_batches_tracked". Throws FileError that lists missing
/// and unexpected tensors (if strict) and all differing shapes; the network is then unchanged.
template <Scalar T, Device D>
LoadReport load_weights(Network<T, D>& network, const std::string& path, const LoadOptions& options = {}) {
  const SafetensorsFile file(path);
  std::map<std::string, std::string> stored;  // the network's name to the file's
  for (const std::string& name : file.names()) {
    if (is_training_tensor(name) || name.ends_with("num_batches_tracked")) continue;
    const std::string ours = options.rename ? options.rename(name) : name;
    if (ours.empty()) continue;
    const auto [entry, is_new] = stored.emplace(ours, name);
    if (!is_new)
      throw FileError(path,
                      text("tensor '", ours, "': expected it once, found '", entry->second, "' and '", name, "'"));
  }

  LoadReport report;
  std::string problems;
  const std::vector<PyTorchTensor<T, D>> tensors = pytorch_tensors(network);
  for (const PyTorchTensor<T, D>& tensor : tensors) {
    const auto entry = stored.find(tensor.name);
    if (entry == stored.end()) {
      report.missing.push_back(tensor.name);
      continue;
    }
    const std::vector<Index> found = file.shape(entry->second);
    if (found != tensor.layout.shape)
      problems += text("\n  tensor '", tensor.name, "': expected shape ", detail::shape_text(tensor.layout.shape),
                       ", found ", detail::shape_text(found));
    report.loaded.push_back(tensor.name);
  }
  const std::set<std::string> known(report.loaded.begin(), report.loaded.end());
  for (const auto& entry : stored)
    if (!known.contains(entry.first)) report.unexpected.push_back(entry.first);
  if (options.strict) {
    for (const std::string& name : report.missing) problems += "\n  expected tensor '" + name + "', found none";
    for (const std::string& name : report.unexpected) problems += "\n  unexpected tensor '" + name + "'";
  }
  if (!problems.empty()) throw FileError(path, "weights do not fit the network:" + problems);

  std::vector<std::vector<Master<T>>> elements;  // all read before any is changed
  for (const std::string& name : report.loaded) elements.push_back(file.template read<Master<T>>(stored.at(name)));
  auto next = elements.begin();
  for (const PyTorchTensor<T, D>& tensor : tensors)
    if (known.contains(tensor.name)) from_pytorch(tensor, std::span<const Master<T>>(*next++));
  return report;
}

/// Builds the network that a checkpoint describes, on any device, and fills it. Layers of your own need a factory that
/// knows them. Throws FileError.
template <Scalar T, Device D = Cpu>
[[nodiscard]] Network<T, D> load_network(const std::string& path, const LayerFactory<T, D>& factory = {}) {
  const SafetensorsFile file(path);
  const std::string& description = detail::checkpoint_entry(file, "network");
  const auto build = [&] {
    try {
      return parse_description<T, D>(description, factory);
    } catch (const Error& error) {
      throw FileError(path, error.what());
    }
  };
  Network<T, D> network = build();
  load_weights(network, path);
  return network;
}

/// The description of the network in a checkpoint. Throws FileError.
[[nodiscard]] inline std::string load_network_description(const std::string& path) {
  const SafetensorsFile file(path);
  return detail::checkpoint_entry(file, "network");
}

/// Everything beside the net. Throws FileError.
template <Scalar T>
[[nodiscard]] TrainingState<T> load_training_state(const std::string& path) {
  const SafetensorsFile file(path);
  TrainingState<T> state;
  state.epoch = detail::checkpoint_number<Index>(file, "epoch");
  state.seed = detail::checkpoint_number<std::uint64_t>(file, "seed");
  for (const auto& [key, value] : detail::checkpoint_metadata(file)) {
    if (key.starts_with("note.")) state.notes[key.substr(5)] = value;
    if (key.starts_with("rng."))
      state.generators.emplace(key.substr(4), detail::checkpoint_generator(file, key, value));
  }
  for (const std::string& name : file.names()) {
    if (!is_training_tensor(name)) continue;
    const std::vector<Index> sizes = file.shape(name);
    Shape shape;
    if (sizes.size() > Shape::max_rank)
      throw FileError(path, text("tensor '", name, "': expected at most 4 dimensions, found ", sizes.size()));
    for (std::size_t axis = sizes.size(); axis > 0; --axis) shape = shape.batched(sizes[axis - 1]);
    const std::vector<Master<T>> elements = file.template read<Master<T>>(name);
    state.tensors.emplace(name, Tensor<Master<T>, Cpu>(shape, std::span<const Master<T>>(elements)));
  }
  return state;
}

}  // namespace fusiform
