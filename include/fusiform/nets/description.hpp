#pragma once
/// A network as text, one line per layer: what a checkpoint says about its net, and a way to write any net by hand.
///
///     # a comment
///     input 64 64 3
///     features.0 (conv1_1) = conv2d(input; in=3 out=64 kernel_h=3 kernel_w=3 stride=1 padding=1 bias=1)
///     features.1 = relu(features.0)
///     sum = add(features.1, features.0)
///
/// The first line gives height, width and channels of an image. Every other line is
/// `name (alias) = kind(inputs; options)`. By hand, the alias, the inputs (then the layer above is read) and options
/// with a default may be left out: `features.0 = conv2d(; out=64 kernel_h=3 kernel_w=3)`.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/io/format.hpp>
#include <fusiform/nets/plan.hpp>

namespace fusiform {

/// Throws ConfigError if a name cannot be written in a description.
[[nodiscard]] inline std::string describe(const NetworkPlan& plan) {
  const auto checked = [](const std::string& word) -> const std::string& {
    if (!is_layer_name(word))
      throw ConfigError(
          text("network description: expected a name without spaces and ( ) = , ; # , found '", word, "'"));
    return word;
  };
  std::string result = "input";
  for (const Index dimension : plan.image) result += " " + format_number(dimension);
  for (const PlannedLayer& layer : plan.layers) {
    result += "\n" + checked(layer.name);
    if (!layer.alias.empty()) result += " (" + checked(layer.alias) + ")";
    result += " = " + checked(layer.kind) + "(";
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) result += (i > 0 ? ", " : "") + checked(layer.inputs[i]);
    for (std::size_t i = 0; i < layer.options.size(); ++i)
      result += (i > 0 ? " " : "; ") + checked(layer.options[i].first) + "=" + format_number(layer.options[i].second);
    result += ")";
  }
  return result + "\n";
}

template <Scalar T, Device D>
[[nodiscard]] std::string describe(const Network<T, D>& network) {
  return describe(plan_of(network));
}

namespace detail {

/// One line of a description, read word by word.
class DescriptionLine {
 public:
  DescriptionLine(std::string_view line, Index number) : line_(line.substr(0, line.find('#'))), number_(number) {}

  [[nodiscard]] bool at_end() {
    while (position_ < line_.size() &&
           (line_[position_] == ' ' || line_[position_] == '\t' || line_[position_] == '\r'))
      ++position_;
    return position_ == line_.size();
  }
  [[nodiscard]] bool accept(char character) {
    if (at_end() || line_[position_] != character) return false;
    ++position_;
    return true;
  }
  void expect(char character) {
    if (!accept(character)) fail(std::string("'") + character + "'");
  }
  /// A name, a kind or an option; `expected` says which.
  std::string word(std::string_view expected) {
    if (at_end()) fail(expected);
    const std::size_t begin = position_;
    while (position_ < line_.size() && is_layer_name(line_.substr(position_, 1))) ++position_;
    if (position_ == begin) fail(expected);
    return std::string(line_.substr(begin, position_ - begin));
  }
  template <class Number>
  Number number(std::string_view expected) {
    const std::string found = word(expected);
    const std::optional<Number> value = parse_number<Number>(found);
    if (!value) fail(expected, text("'", found, "'"));
    return *value;
  }
  [[noreturn]] void fail(std::string_view expected) {
    fail(expected, at_end() ? "the end of the line" : text("'", line_.substr(position_), "'"));
  }
  [[noreturn]] void fail(std::string_view expected, const std::string& found) const {
    throw ConfigError(text("network description, line ", number_, ": expected ", expected, ", found ", found));
  }

 private:
  std::string_view line_;
  Index number_;
  std::size_t position_ = 0;
};

inline Shape parse_input(DescriptionLine& line) {
  const std::string keyword = line.word("'input HEIGHT WIDTH CHANNELS'");
  if (keyword != "input") line.fail("'input HEIGHT WIDTH CHANNELS'", "'" + keyword + "'");
  Index dimensions[3] = {};
  for (Index& dimension : dimensions) {
    dimension = line.number<Index>("three image dimensions");
    if (dimension < 1) line.fail("image dimensions of at least 1", format_number(dimension));
  }
  if (!line.at_end()) line.fail("the end of the line");
  return {dimensions[0], dimensions[1], dimensions[2]};
}

inline PlannedLayer parse_layer(DescriptionLine& line) {
  PlannedLayer layer;
  layer.name = line.word("a layer's name");
  if (line.accept('(')) {
    layer.alias = line.word("an alias");
    line.expect(')');
  }
  line.expect('=');
  layer.kind = line.word("a kind of layer");
  line.expect('(');
  bool closed = line.accept(')');
  if (!closed && !line.accept(';')) {
    do {
      layer.inputs.push_back(line.word("the name of a layer to read"));
    } while (line.accept(','));
    closed = line.accept(')');
    if (!closed && !line.accept(';')) line.fail("',', ';' or ')'");
  }
  while (!closed && !line.accept(')')) {
    std::string option = line.word("an option's name or ')'");
    line.expect('=');
    layer.options.emplace_back(std::move(option), line.number<double>("a number"));
  }
  if (!line.at_end()) line.fail("the end of the line");
  return layer;
}

/// Calls visit(line) for every line that says something.
template <class Visit>
void for_each_line(std::string_view description, const Visit& visit) {
  Index number = 1;
  for (std::size_t begin = 0; begin <= description.size(); ++number) {
    const std::size_t end = std::min(description.find('\n', begin), description.size());
    DescriptionLine line(description.substr(begin, end - begin), number);
    if (!line.at_end()) visit(line);
    begin = end + 1;
  }
}

}  // namespace detail

/// A network from its description; parameters are not initialised. Throws ConfigError that names the line, what was
/// expected and what was found; also for layers that do not fit together.
template <Scalar T, Device D>
[[nodiscard]] Network<T, D> parse_description(std::string_view description, const LayerFactory<T, D>& factory = {}) {
  std::unique_ptr<Network<T, D>> network;
  detail::for_each_line(description, [&](detail::DescriptionLine& line) {
    if (network == nullptr) {
      network = std::make_unique<Network<T, D>>(detail::parse_input(line));
      return;
    }
    const PlannedLayer layer = detail::parse_layer(line);
    try {
      append(*network, layer, factory);
    } catch (const Error& error) {
      line.fail("a layer that fits", error.what());
    }
  });
  if (network == nullptr)
    throw ConfigError("network description: expected 'input HEIGHT WIDTH CHANNELS', found no line at all");
  return std::move(*network);
}

}  // namespace fusiform
