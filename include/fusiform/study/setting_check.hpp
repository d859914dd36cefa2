#pragma once
/// How impossible settings of a study are told, and the checks that all sections share.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// Where a setting stands in a study file.
struct SettingPlace {
  std::string section;  ///< "" for the keys before the first section
  std::string key;
  std::size_t entry = 0;     ///< which [[task]] or [[variant]]
  std::string variant = {};  ///< the variant's name, for a section inside of one
};

/// A setting of a study with an impossible value.
class SettingError : public ConfigError {
 public:
  SettingError(SettingPlace place, const std::string& problem)
      : ConfigError("study: " + title(place) + ": " + problem), place_(std::move(place)), problem_(problem) {}

  [[nodiscard]] const SettingPlace& place() const noexcept { return place_; }
  /// "[train] epochs: expected 0 or more, got -1"
  [[nodiscard]] std::string problem() const { return title(place_) + ": " + problem_; }

 private:
  static std::string title(const SettingPlace& place) {
    const std::string in_variant = place.variant.empty() ? "" : "variant '" + place.variant + "', ";
    if (place.section.empty()) return in_variant + place.key;
    if (place.section == "task" || place.section == "variant")
      return text("[[", place.section, "]] number ", place.entry + 1, ", ", place.key);
    return in_variant + "[" + place.section + "] " + place.key;
  }

  SettingPlace place_;
  std::string problem_;
};

namespace detail {

/// The main net, or which variant.
struct NetPlace {
  std::size_t entry = 0;
  std::string variant = {};
};

/// Checks the settings of one section.
class SectionCheck {
 public:
  explicit SectionCheck(std::string section, std::size_t entry = 0, std::string variant = {})
      : section_(std::move(section)), entry_(entry), variant_(std::move(variant)) {}

  template <class A>
  void require(bool condition, std::string_view key, std::string_view expectation, const A& found) const {
    if (!condition)
      throw SettingError({section_, std::string(key), entry_, variant_},
                         text("expected ", expectation, ", got ", found));
  }
  void one_of(std::string_view key, const std::string& word, const std::vector<std::string>& words) const {
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i)
      list += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + words[i];
    require(std::find(words.begin(), words.end(), word) != words.end(), key, list, "'" + word + "'");
  }
  void at_least(std::string_view key, Index number, Index least) const {
    require(number >= least, key, text(least, " or more"), number);
  }
  void probability(std::string_view key, double p) const { require(p >= 0 && p <= 1, key, "a number from 0 to 1", p); }
  template <class A>
  void all_different(std::string_view key, std::vector<A> values) const {
    std::sort(values.begin(), values.end());
    const auto twice = std::adjacent_find(values.begin(), values.end());
    if (twice != values.end()) require(false, key, "each value once", text(*twice, " twice"));
  }

 private:
  std::string section_;
  std::size_t entry_;
  std::string variant_;
};

}  // namespace detail

}  // namespace fusiform
