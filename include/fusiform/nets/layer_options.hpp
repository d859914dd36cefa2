#pragma once
/// A layer's settings as names and numbers, and the checks on reading them.

#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// A layer's settings by name, in the order to print them.
using LayerOptions = std::vector<std::pair<std::string, double>>;

/// Hands a layer's settings to the code that makes the layer, and remembers which ones it knows.
class LayerOptionReader {
 public:
  LayerOptionReader(std::string kind, const LayerOptions& options) : kind_(std::move(kind)), options_(options) {}

  /// A number. Throws ConfigError if the option is missing and has no default.
  [[nodiscard]] double number(const std::string& name, std::optional<double> otherwise = std::nullopt) {
    known_.insert(name);
    for (const auto& [given, value] : options_)
      if (given == name) return value;
    if (!otherwise) throw ConfigError(text(kind_, ": expected option '", name, "', found only", list(options_)));
    return *otherwise;
  }

  /// An integer >= 0. Throws ConfigError also for a fraction.
  [[nodiscard]] Index index(const std::string& name, std::optional<Index> otherwise = std::nullopt) {
    const double value =
        number(name, otherwise ? std::optional<double>(static_cast<double>(*otherwise)) : std::nullopt);
    require_setting(value >= 0 && value < 0x1p53 && value == std::floor(value), text(kind_, " option '", name, "'"),
                    "an integer >= 0", value);
    return static_cast<Index>(value);
  }

  /// 0 or 1. Throws ConfigError for anything else.
  [[nodiscard]] bool flag(const std::string& name, bool otherwise) {
    const double value = number(name, otherwise ? 1 : 0);
    require_setting(value == 0 || value == 1, text(kind_, " option '", name, "'"), "0 or 1", value);
    return value == 1;
  }

  /// Throws ConfigError if an option was given that nobody asked for, or one twice.
  void require_all_known() const {
    std::set<std::string> seen;
    for (const auto& option : options_) {
      const std::string& given = option.first;
      if (!known_.contains(given)) {
        std::string expected = known_.empty() ? " none" : "";
        for (const std::string& name : known_) expected += " " + name;
        throw ConfigError(text(kind_, ": unknown option '", given, "'; expected among:", expected));
      }
      require_setting(seen.insert(given).second, kind_, "each option once", text("'", given, "' again"));
    }
  }

 private:
  static std::string list(const LayerOptions& options) {
    std::string result = options.empty() ? " none" : "";
    for (const auto& option : options) result += " " + option.first;
    return result;
  }

  std::string kind_;
  const LayerOptions& options_;
  std::set<std::string> known_;
};

}  // namespace fusiform
