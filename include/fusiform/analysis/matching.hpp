#pragma once
/// Matching without a classifier: is an image more similar to another one of its class than to one of another class?

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/bootstrap.hpp>
#include <fusiform/analysis/feature_table.hpp>
#include <fusiform/analysis/row_products.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// A trial: which of two images shows the class of the target? Rows of a feature table.
struct Triplet {
  Index target = 0;
  Index match = 0;  ///< another image of the target's class
  Index foil = 0;   ///< an image of another class
};

/// A triplet is right (1) if cosine(target, match) > cosine(target, foil), and half right if they are equal, as those
/// of equal rows are, to the bit. Chance is 1/2.
struct Matching {
  std::string layer;
  std::vector<double> scores;  ///< of each triplet; of each target over all of its triplets, after match_all_triplets
  Interval accuracy;           ///< their mean; the resamples draw classes of targets, then targets of each class
  double triplets = 0;         ///< how many were looked at
};

namespace detail {

/// Cosines of one row with all rows times the row's own length, which no comparison of them sees.
[[nodiscard]] inline std::vector<double> scaled_cosines(std::span<const double> products,
                                                        std::span<const double> squares) {
  std::vector<double> cosines(products.size());
  for (std::size_t n = 0; n < cosines.size(); ++n)
    cosines[n] = squares[n] > 0 ? products[n] / std::sqrt(squares[n]) : 0;
  return cosines;
}

[[nodiscard]] inline double compare_similarities(double match, double foil) noexcept {
  return match > foil ? 1 : match == foil ? 0.5 : 0;
}

/// Share of right pairs (match, foil) of one target, counted by place among the sorted foils.
[[nodiscard]] inline double share_of_right_pairs(const std::vector<double>& matches, std::vector<double> foils) {
  std::sort(foils.begin(), foils.end());
  double right = 0;
  for (const double match : matches) {
    const auto [first, last] = std::equal_range(foils.begin(), foils.end(), match);
    right += static_cast<double>(first - foils.begin()) + 0.5 * static_cast<double>(last - first);
  }
  return right / (static_cast<double>(matches.size()) * static_cast<double>(foils.size()));
}

}  // namespace detail

/// Every triplet there is, counted exactly in O(n^2 log n) for n images. Each target counts the same, whatever the size
/// of its class: the accuracy is the expectation over a target, then a match, then a foil drawn at random. A row of
/// zeros has cosine 0 with every row. Throws ConfigError for fewer than two classes or a class of a single image,
/// ShapeError or NumericError as require_features.
[[nodiscard]] inline Matching match_all_triplets(const FeatureTable& table, const Rng& rng,
                                                 const BootstrapOptions& options = {}) {
  require_features("matching", table);
  const ClassTable classes = class_table(table.labels);
  require_classes("matching", classes);
  Matching result{table.layer, std::vector<double>(table.labels.size()), {}, 0};
  const RowProducts rows(table);
  rows.for_each_row([&](Index target, std::span<const double> products) {
    const std::vector<double> cosines = detail::scaled_cosines(products, rows.squares());
    const auto self = static_cast<std::size_t>(target);
    std::vector<double> matches;
    std::vector<double> foils;
    for (std::size_t n = 0; n < cosines.size(); ++n)
      if (n != self) (table.labels[n] == table.labels[self] ? matches : foils).push_back(cosines[n]);
    result.scores[self] = detail::share_of_right_pairs(matches, std::move(foils));
  });
  const auto images = static_cast<double>(table.count());
  for (const std::vector<Index>& members : classes.members) {
    const auto size = static_cast<double>(members.size());
    result.triplets += size * (size - 1) * (images - size);
  }
  result.accuracy = bootstrap_mean(HierarchicalBootstrap(table.labels, rng), result.scores, options);
  return result;
}

/// A target, then a match, then a foil, each drawn with equal probability. Triplet t comes from stream t of `rng`.
/// Throws ConfigError for fewer than two classes or a class of a single image.
[[nodiscard]] inline std::vector<Triplet> sample_triplets(std::span<const Index> labels, Index count, const Rng& rng) {
  require_setting(count >= 1, "triplets", "at least 1", count);
  const ClassTable classes = class_table(labels);
  require_classes("triplets", classes);
  const auto images = static_cast<Index>(labels.size());
  std::vector<Triplet> triplets;
  for (Index t = 0; t < count; ++t) {
    Rng draw = rng.stream(static_cast<std::uint64_t>(t));
    Triplet triplet{.target = draw.below(images)};
    const Index own_class = classes.class_of_row[static_cast<std::size_t>(triplet.target)];
    const std::vector<Index>& own = classes.members[static_cast<std::size_t>(own_class)];
    triplet.match = own[static_cast<std::size_t>(draw.below(std::ssize(own) - 1))];
    if (triplet.match == triplet.target) triplet.match = own.back();
    do triplet.foil = draw.below(images);
    while (classes.class_of_row[static_cast<std::size_t>(triplet.foil)] == own_class);
    triplets.push_back(triplet);
  }
  return triplets;
}

/// The given triplets: those of an experiment, or a sample. Throws ConfigError unless there are some and each names
/// images of the table, a match of the target's class and a foil of another; ShapeError or NumericError as
/// require_features.
[[nodiscard]] inline Matching match_triplets(const FeatureTable& table, std::span<const Triplet> triplets,
                                             const Rng& rng, const BootstrapOptions& options = {}) {
  require_features("matching", table);
  const auto label = [&](Index image) { return table.labels[static_cast<std::size_t>(image)]; };
  std::vector<Index> target_labels;
  for (const auto& [target, match, foil] : triplets) {
    for (const Index image : {target, match, foil})
      require_setting(image >= 0 && image < table.count(), "matching", text("images 0..", table.count() - 1), image);
    require_setting(target != match && label(match) == label(target) && label(foil) != label(target), "matching",
                    "a match of the target's class and a foil of another",
                    text("target ", target, ", match ", match, ", foil ", foil));
    target_labels.push_back(label(target));
  }
  Matching result{table.layer, std::vector<double>(triplets.size()), {}, static_cast<double>(triplets.size())};
  const RowProducts rows(table);
  const auto cosine = [&](Index a, Index b) {
    const double squares = rows.squares()[static_cast<std::size_t>(b)];
    return squares > 0 ? rows.product(a, b) / std::sqrt(squares) : 0;
  };
  constexpr Index grain = 64;
  parallel_ranges(std::ssize(triplets), grain, [&](Index begin, Index end) {
    for (auto t = static_cast<std::size_t>(begin); t < static_cast<std::size_t>(end); ++t)
      result.scores[t] = detail::compare_similarities(cosine(triplets[t].target, triplets[t].match),
                                                      cosine(triplets[t].target, triplets[t].foil));
  });
  result.accuracy = bootstrap_mean(HierarchicalBootstrap(target_labels, rng), result.scores, options);
  return result;
}

}  // namespace fusiform
