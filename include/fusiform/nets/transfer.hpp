#pragma once
/// Starting values from another net: one with other classes, one with or without branches, or PyTorch's weights.

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/nets/checkpoint.hpp>
#include <fusiform/nets/layer_selection.hpp>

namespace fusiform {

/// What to take from the other net, the source.
struct TransferOptions {
  bool reset_heads = false;             ///< the classifiers keep the values they have
  std::vector<std::string> fresh = {};  ///< further layers that do, by words of select_layers
  std::string branch = {};              ///< of the source, for layers that several of its branches have
  std::function<std::string(const std::string&)> rename = {};  ///< of tensors in a file, as LoadOptions::rename
};

struct TakenLayer {
  std::string layer;
  std::string source;  ///< its name in the other net
};

/// What became of the layers that have weights.
struct TransferReport {
  std::vector<TakenLayer> taken;
  std::vector<std::string> fresh;   ///< of the network: keep the values they had
  std::vector<std::string> unused;  ///< of the source
};

/// Names of the branches of a net with several heads that are all called "<branch>.<same name>", as with_heads makes
/// them; none for other nets.
[[nodiscard]] inline std::vector<std::string> branch_names(const std::vector<PlannedLayer>& layers) {
  std::set<std::string> read;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    read.insert(layers[i].inputs.begin(), layers[i].inputs.end());
    if (layers[i].inputs.empty() && i > 0) read.insert(layers[i - 1].name);
  }
  std::vector<std::string> branches;
  std::set<std::string> rests;
  for (const PlannedLayer& layer : layers) {
    if (read.contains(layer.name) || read.contains(layer.alias)) continue;
    const std::size_t dot = std::min(layer.name.find('.'), layer.name.size());
    branches.push_back(layer.name.substr(0, dot));
    rests.insert(layer.name.substr(dot));
  }
  const bool is_branched = branches.size() >= 2 && rests.size() == 1 && !rests.begin()->empty();
  return is_branched ? branches : std::vector<std::string>{};
}

namespace detail {

/// One tensor of a source, in PyTorch's layout.
template <Scalar T>
struct SourceTensor {
  std::vector<Index> shape;
  std::function<std::vector<T>()> read;
};

template <Scalar T>
struct WeightSource {
  std::map<std::string, std::map<std::string, SourceTensor<T>>> layers;
  std::vector<std::string> branches;

  void add(const std::string& name, SourceTensor<T> tensor) {
    const std::size_t dot = std::min(name.rfind('.'), name.size());
    layers[name.substr(0, dot)].emplace(name.substr(std::min(dot + 1, name.size())), std::move(tensor));
  }
};

/// Brings the layers of a source to those of a network: first all is checked and read, then written.
template <Scalar T, Device D>
class WeightTransfer {
  using Number = Master<T>;

 public:
  WeightTransfer(Network<T, D>& network, const WeightSource<Number>& source, const TransferOptions& options)
      : network_(network), source_(source), options_(options), branches_(branch_names(plan_of(network).layers)) {}

  TransferReport run() {
    if (!options_.branch.empty() && !contains(source_.branches, options_.branch))
      throw ConfigError(text("transfer: no branch '", options_.branch, "'; the source has:",
                             source_.branches.empty() ? " none" : nearest_first(options_.branch, source_.branches)));
    std::vector<NodeId> fresh = select_layers(network_, options_.fresh);
    if (options_.reset_heads)
      for (const NodeId id : classifiers(network_)) fresh.push_back(id);
    std::map<std::string, std::vector<PyTorchTensor<T, D>>> tensors;
    for (PyTorchTensor<T, D>& tensor : pytorch_tensors(network_))
      tensors[tensor.name.substr(0, tensor.name.size() - tensor.parameter->name.size() - 1)].push_back(tensor);
    std::set<std::string> used;
    for (NodeId id = 1; id < network_.size(); ++id) {
      const std::string& name = network_.node(id).name;
      if (!has_weights(network_, id)) continue;
      const bool keeps = std::find(fresh.begin(), fresh.end(), id) != fresh.end();
      const std::string from = keeps ? "" : find_source(name);
      if (from.empty()) {
        report_.fresh.push_back(name);
      } else {
        report_.taken.push_back({name, from});
        used.insert(from);
        match(name, tensors.at(name), from);
      }
    }
    for (const auto& entry : source_.layers)
      if (!used.contains(entry.first)) report_.unused.push_back(entry.first);
    finish();
    return std::move(report_);
  }

 private:
  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  /// The layer of the source for a layer; "" for none.
  std::string find_source(const std::string& name) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    const bool in_branch = dot < name.size() && contains(branches_, name.substr(0, dot));
    const std::string bare = in_branch ? name.substr(dot + 1) : name;
    for (const std::string& candidate : {name, bare})
      if (source_.layers.contains(candidate)) return candidate;
    std::vector<std::string> candidates;
    for (const std::string& branch : source_.branches)
      if (options_.branch.empty() || branch == options_.branch)
        if (source_.layers.contains(branch + "." + bare)) candidates.push_back(branch + "." + bare);
    if (candidates.size() > 1)
      problems_ += text("\n  layer '", name, "': expected one source, found '", candidates[0], "' and '", candidates[1],
                        "'; choose a branch of the source");
    return candidates.size() == 1 ? candidates.front() : "";
  }

  void match(const std::string& name, const std::vector<PyTorchTensor<T, D>>& tensors, const std::string& from) {
    std::map<std::string, SourceTensor<Number>> left = source_.layers.at(from);
    for (const PyTorchTensor<T, D>& tensor : tensors) {
      const auto found = left.find(tensor.parameter->name);
      const bool fits = found != left.end() && found->second.shape == tensor.layout.shape;
      if (fits)
        moves_.emplace_back(tensor, found->second);
      else
        problems_ +=
            text("\n  tensor '", tensor.name, "': expected shape ", shape_text(tensor.layout.shape), ", found ",
                 found == left.end() ? "none" : shape_text(found->second.shape), " in layer '", from, "'");
      if (found != left.end()) left.erase(found);
    }
    for (const auto& entry : left)
      problems_ += text("\n  layer '", name, "': unexpected tensor '", from, ".", entry.first, "'");
  }

  void finish() {
    if (!problems_.empty())
      throw ConfigError("weights do not fit the network; layers may be left fresh, classifiers with reset_heads:" +
                        problems_);
    if (report_.taken.empty()) {
      std::string names;
      for (const std::string& name : report_.unused) names += " " + name;
      throw ConfigError("transfer: expected layers that the network has too, found:" +
                        (names.empty() ? " none" : names));
    }
    std::vector<std::vector<Number>> elements;  // all read before any is changed
    for (const auto& move : moves_) elements.push_back(move.second.read());
    for (std::size_t i = 0; i < moves_.size(); ++i) from_pytorch(moves_[i].first, std::span<const Number>(elements[i]));
  }

  Network<T, D>& network_;
  const WeightSource<Number>& source_;
  const TransferOptions& options_;
  std::vector<std::string> branches_;
  TransferReport report_;
  std::vector<std::pair<PyTorchTensor<T, D>, SourceTensor<Number>>> moves_;
  std::string problems_;
};

}  // namespace detail

/// Gives layers of `network` the weights and running statistics of the layers of `source` that are called the same.
/// Between nets with one head and nets with branches, "faces.features.10" takes "features.10" if there is no layer of
/// its own name, and "features.10" takes "faces.features.10" if faces is the only branch that has it, or
/// `TransferOptions::branch`. Layers without a source keep their values. The nets may be on different devices. Throws
/// ConfigError that lists all tensors whose shapes differ and all choices that are open, and if no layer is found; the
/// network is then unchanged.
template <Scalar From, Device FromDevice, Scalar T, Device D>
requires std::same_as<Master<From>, Master<T>> TransferReport transfer_weights(const Network<From, FromDevice>& source,
                                                                               Network<T, D>& network,
                                                                               const TransferOptions& options = {}) {
  detail::WeightSource<Master<T>> weights;
  weights.branches = branch_names(plan_of(source).layers);
  for (const PyTorchTensor<From, FromDevice>& tensor : pytorch_tensors(source))
    weights.add(tensor.name, {tensor.layout.shape, [tensor] { return to_pytorch(tensor); }});
  return detail::WeightTransfer<T, D>(network, weights, options).run();
}

/// The same from a checkpoint, whose layers may be of any kind, or from any safetensors file with PyTorch's names and
/// layout (then without branches). Throws FileError.
template <Scalar T, Device D>
TransferReport transfer_weights(const std::string& path, Network<T, D>& network, const TransferOptions& options = {}) {
  const SafetensorsFile file(path);
  detail::WeightSource<Master<T>> weights;
  try {
    if (const auto description = file.metadata().find("network"); description != file.metadata().end()) {
      std::vector<PlannedLayer> layers;
      bool is_first = true;  // the line of the input
      detail::for_each_line(description->second, [&](detail::DescriptionLine& line) {
        if (!std::exchange(is_first, false)) layers.push_back(detail::parse_layer(line));
      });
      weights.branches = branch_names(layers);
    }
    for (const std::string& name : file.names()) {
      if (is_training_tensor(name) || name.ends_with("num_batches_tracked")) continue;
      const std::string ours = options.rename ? options.rename(name) : name;
      if (!ours.empty())
        weights.add(ours, {file.shape(name), [&file, name] { return file.template read<Master<T>>(name); }});
    }
    return detail::WeightTransfer<T, D>(network, weights, options).run();
  } catch (const ConfigError& error) {
    throw FileError(path, error.what());
  }
}

}  // namespace fusiform
