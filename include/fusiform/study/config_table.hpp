#pragma once
/// One table of a study file (TOML): settings by key, with errors that name file and line.

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <type_traits>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/nearest_names.hpp>

namespace fusiform::detail {

/// One table of the file: hands out settings and remembers which keys were asked for.
class ConfigTable {
 public:
  ConfigTable(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  /// Leaves `setting` alone if the key is absent.
  template <class T>
  void read(std::string_view key, T& setting) {
    known_.insert(std::string(key));
    const toml::node* node = table_.get(key);
    if (node != nullptr) convert(key, *node, setting);
  }

  /// Reads a table of this name into `settings`, if it is there.
  template <class Settings>
  void read_section(std::string_view name, Settings& settings);

  /// Hands every [[name]] to `body`.
  template <class Body>
  void for_each(std::string_view name, const Body& body) {
    known_.insert(std::string(name));
    const toml::node* node = table_.get(name);
    if (node == nullptr) return;
    if (!node->is_array_of_tables()) fail(*node, text("expected [[", name, "]], in double brackets"));
    for (const toml::node& entry : *node->as_array())
      body(ConfigTable(*entry.as_table(), file_, text("[[", name, "]]")));
  }

  /// Throws FileError for the first key that nobody asked for, with the nearest one that exists.
  void refuse_others() const {
    for (const auto& [key, node] : table_) {
      const std::string word(key.str());
      if (known_.count(word) > 0) continue;
      const auto nearest = std::min_element(known_.begin(), known_.end(), [&](const auto& a, const auto& b) {
        return edit_distance(a, word) < edit_distance(b, word);
      });
      std::string list;
      for (const std::string& name : known_) list += " " + name;
      fail(node, text("unknown key '", word, "' in ", name_, "; did you mean '", *nearest, "'? There are:", list));
    }
  }

  [[noreturn]] void fail(const toml::node& node, const std::string& problem) const {
    throw FileError(file_, text("line ", node.source().begin.line, ": ", problem));
  }

 private:
  template <class T>
  void convert(std::string_view key, const toml::node& node, T& setting) const {
    if constexpr (std::is_same_v<T, std::string>) {
      if (!node.is_string()) wrong_type(key, node, "a string");
      setting = node.as_string()->get();
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!node.is_number()) wrong_type(key, node, "a number");
      setting = *node.value<double>();
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!node.is_boolean()) wrong_type(key, node, "true or false");
      setting = node.as_boolean()->get();
    } else if constexpr (std::is_integral_v<T>) {
      if (!node.is_integer()) wrong_type(key, node, "a whole number");
      if (std::is_unsigned_v<T> && node.as_integer()->get() < 0) wrong_type(key, node, "a whole number, 0 or more");
      setting = static_cast<T>(node.as_integer()->get());
    } else if constexpr (std::is_same_v<T, std::map<std::string, double>>) {
      if (!node.is_table()) wrong_type(key, node, "a table such as { conv1 = 0.1 }");
      setting.clear();
      for (const auto& [name, value] : *node.as_table()) convert(name.str(), value, setting[std::string(name.str())]);
    } else if constexpr (std::is_same_v<T, std::map<std::string, std::vector<std::string>>>) {
      if (!node.is_table()) wrong_type(key, node, "a table such as { birds = ['hen', 'owl_*'] }");
      setting.clear();
      for (const auto& [name, value] : *node.as_table()) {
        std::vector<std::string>& list = setting[std::string(name.str())];
        if (value.is_string())
          convert(name.str(), value, list.emplace_back());  // a list of one needs no brackets
        else
          convert(name.str(), value, list);
      }
    } else {
      if (!node.is_array()) wrong_type(key, node, "a list in [ ]");
      setting.clear();
      for (const toml::node& element : *node.as_array()) convert(key, element, setting.emplace_back());
    }
  }

  [[noreturn]] void wrong_type(std::string_view key, const toml::node& node, std::string_view expected) const {
    std::ostringstream found;
    if (node.is_value())
      found << toml::node_view<const toml::node>(node);
    else
      found << (node.is_array() ? "a list" : "a table");
    fail(node, text("'", key, "' in ", name_, ": expected ", expected, ", got ", found.str()));
  }

  const toml::table& table_;
  std::string file_;
  std::string name_;
  std::set<std::string> known_;
};

}  // namespace fusiform::detail
