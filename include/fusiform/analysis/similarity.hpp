#pragma once
/// Representational similarity analysis (Kriegeskorte, Mur & Bandettini 2008): do two layers, nets or tasks find the
/// same pairs of conditions alike? Compares dissimilarity matrices of the same conditions.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/analysis/dissimilarity.hpp>
#include <fusiform/analysis/kendall.hpp>
#include <fusiform/analysis/statistics.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

enum class MatrixCorrelation {
  spearman,       ///< of ranks, the usual choice
  kendall_tau_a,  ///< of orders; for matrices with many ties, such as models (Nili et al. 2014)
  kendall_tau_b,  ///< of orders, ties taken out
  pearson,        ///< of the dissimilarities themselves
};

struct SimilarityOptions {
  MatrixCorrelation correlation = MatrixCorrelation::spearman;
  Index permutations = 1000;  ///< for the p-value; 0: none
  Index replicates = 1000;    ///< for the interval; 0: none
  double level = 0.95;        ///< of the interval
};

/// How alike two representations are.
struct Similarity {
  Interval value;
  double p = undefined;  ///< one-sided, of no relation: (1 + #{permuted >= observed}) / (permutations + 1)
};

/// Undefined if a dissimilarity is, or if one side does not vary. Throws ShapeError if the lengths differ.
[[nodiscard]] inline double correlate(std::span<const double> x, std::span<const double> y, MatrixCorrelation kind) {
  switch (kind) {
    case MatrixCorrelation::spearman:
      return spearman_correlation(x, y);
    case MatrixCorrelation::kendall_tau_a:
      return kendall_correlation(x, y, KendallTies::tau_a);
    case MatrixCorrelation::kendall_tau_b:
      return kendall_correlation(x, y, KendallTies::tau_b);
    case MatrixCorrelation::pearson:
      break;
  }
  return pearson_correlation(x, y);
}

/// Throws ShapeError unless both are about the same conditions.
inline void require_same_conditions(const DissimilarityMatrix& a, const DissimilarityMatrix& b) {
  require_equal("similarity", "conditions", a.conditions(), b.conditions());
  if (a.labels != b.labels) throw ShapeError("similarity: expected the same labels in the same order, got others");
  for (const DissimilarityMatrix* matrix : {&a, &b}) {
    const Index n = matrix->conditions();
    require_equal("similarity", "dissimilarities", n * std::max<Index>(0, n - 1) / 2, std::ssize(matrix->values));
  }
}

namespace detail {

/// The matrix's values with the conditions in another order.
[[nodiscard]] inline std::vector<double> reordered(const DissimilarityMatrix& matrix, std::span<const double> values,
                                                   const std::vector<Index>& order) {
  std::vector<double> result;
  result.reserve(values.size());
  for (std::size_t a = 0; a < order.size(); ++a)
    for (std::size_t b = a + 1; b < order.size(); ++b) result.push_back(values[matrix.position(order[a], order[b])]);
  return result;
}

/// Correlations after random permutations of one side's conditions, number r drawn from stream r.
[[nodiscard]] inline std::vector<double> permuted_correlations(const DissimilarityMatrix& a,
                                                               const DissimilarityMatrix& b, const Rng& rng,
                                                               const SimilarityOptions& options) {
  // Ranks do not change with the order: they are taken once.
  const bool uses_ranks = options.correlation == MatrixCorrelation::spearman;
  const std::vector<double> x = uses_ranks ? mid_ranks(a.values) : a.values;
  const std::vector<double> y = uses_ranks ? mid_ranks(b.values) : b.values;
  const MatrixCorrelation kind = uses_ranks ? MatrixCorrelation::pearson : options.correlation;
  std::vector<double> null(static_cast<std::size_t>(options.permutations));
  parallel_for(options.permutations, [&](Index r) {
    std::vector<Index> order(a.labels.size());
    std::iota(order.begin(), order.end(), Index{0});
    rng.stream(static_cast<std::uint64_t>(r)).shuffle(std::span(order));
    null[static_cast<std::size_t>(r)] = correlate(x, reordered(b, y, order), kind);
  });
  return null;
}

/// The pairs of a resample: each pair of different conditions as often as they were drawn together. Pairs of a
/// condition with itself are left out: their dissimilarity is 0 on both sides, which would raise every correlation.
[[nodiscard]] inline std::vector<std::size_t> drawn_pairs(const DissimilarityMatrix& matrix,
                                                          const std::vector<Index>& times) {
  std::vector<std::size_t> pairs;
  std::size_t position = 0;
  const Index count = matrix.conditions();
  for (Index a = 0; a < count; ++a)
    for (Index b = a + 1; b < count; ++b, ++position)
      pairs.insert(pairs.end(),
                   static_cast<std::size_t>(times[static_cast<std::size_t>(a)] * times[static_cast<std::size_t>(b)]),
                   position);
  return pairs;
}

/// Correlations on conditions drawn with replacement, number r from stream r.
[[nodiscard]] inline std::vector<double> resampled_correlations(const DissimilarityMatrix& a,
                                                                const DissimilarityMatrix& b, const Rng& rng,
                                                                const SimilarityOptions& options) {
  std::vector<double> replicates(static_cast<std::size_t>(options.replicates));
  parallel_for(options.replicates, [&](Index r) {
    Rng draw = rng.stream(static_cast<std::uint64_t>(r));
    std::vector<Index> times(a.labels.size());
    for (Index i = 0; i < a.conditions(); ++i) ++times[static_cast<std::size_t>(draw.below(a.conditions()))];
    std::vector<double> x;
    std::vector<double> y;
    for (const std::size_t pair : drawn_pairs(a, times)) {
      x.push_back(a.values[pair]);
      y.push_back(b.values[pair]);
    }
    replicates[static_cast<std::size_t>(r)] = correlate(x, y, options.correlation);
  });
  return replicates;
}

inline void check_resamples(std::string_view where, Index permutations, Index replicates) {
  require_setting(permutations >= 0, where, "0 or more permutations", permutations);
  require_setting(replicates >= 0, where, "0 or more replicates", replicates);
}

}  // namespace detail

/// The correlation of two dissimilarity matrices. p: the conditions of one are permuted. Interval: conditions are drawn
/// with replacement, pairs of a condition with itself left out; with few conditions (below some 20) it is rough.
/// Throws ShapeError unless both have the same conditions, ConfigError for options out of range.
[[nodiscard]] inline Similarity representational_similarity(const DissimilarityMatrix& a, const DissimilarityMatrix& b,
                                                            const Rng& rng, const SimilarityOptions& options = {}) {
  require_same_conditions(a, b);
  detail::check_resamples("similarity", options.permutations, options.replicates);
  const double observed = correlate(a.values, b.values, options.correlation);
  Similarity result{.value = {.estimate = observed}};
  if (std::isnan(observed)) return result;
  if (options.permutations > 0)
    result.p = permutation_p(observed, detail::permuted_correlations(a, b, rng.stream("permutations"), options));
  if (options.replicates > 0)
    result.value = percentile_interval(observed, detail::resampled_correlations(a, b, rng.stream("bootstrap"), options),
                                       options.level);
  return result;
}

}  // namespace fusiform
