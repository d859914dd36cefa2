#pragma once
/// Linear centred kernel alignment (Kornblith, Norouzi, Lee & Hinton, ICML 2019): how alike two representations of the
/// same images are, whatever rotation and scale lie between them.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/distributions.hpp>
#include <fusiform/analysis/row_products.hpp>
#include <fusiform/analysis/similarity.hpp>

namespace fusiform {

/// Two formulas for the same number.
enum class CkaForm {
  smaller,   ///< whichever needs the smaller matrices
  features,  ///< |Y'X|^2 / (|X'X| |Y'Y|), centred features: matrices of features x features
  gram,      ///< <K, L> / (|K| |L|), K = XX', L = YY': matrices of images x images
};

struct CkaOptions {
  /// Takes out what few images and many features add even between unrelated representations: HSIC in the unbiased form
  /// of Song et al. (JMLR 2012). Needs 4 or more images; can be below 0.
  bool debiased = false;
  CkaForm form = CkaForm::smaller;  ///< debiased: always `gram`
  Index permutations = 1000;        ///< of `compare_by_cka`, for the p-value; 0: none
  double level = 0.95;              ///< of its interval
};

namespace detail {

/// What HSIC is made of, for two symmetric matrices K and L: the sum of K L over all entries, the sum over rows of the
/// product of the row sums, and the product of the total sums. Taking an image away changes them in O(n).
struct HsicSums {
  double products = 0;
  double row_sums = 0;
  double totals = 0;

  /// n times HSIC up to a factor that cancels in CKA. `debiased`: the matrices have a zero diagonal.
  [[nodiscard]] double hsic(double n, bool debiased) const noexcept {
    return debiased ? products + totals / ((n - 1) * (n - 2)) - 2 * row_sums / (n - 2)
                    : products + totals / (n * n) - 2 * row_sums / n;
  }
};

/// A Gram matrix of centred features, (n, n), with its row sums. `debiased`: without its diagonal.
struct Gram {
  Tensor<double, Cpu> values;
  std::vector<double> row_sums;

  explicit Gram(const FeatureTable& table, bool debiased) {
    const RowProducts rows(table, RowCentering::mean_of_rows);
    values = rows.products(0, rows.count());
    for (Index n = 0; debiased && n < rows.count(); ++n) values[n * (rows.count() + 1)] = 0;
    for (Index n = 0; n < rows.count(); ++n) {
      const std::span<const double> row = this->row(n);
      row_sums.push_back(std::accumulate(row.begin(), row.end(), 0.0));
    }
  }

  [[nodiscard]] std::span<const double> row(Index n) const noexcept {
    const auto count = static_cast<std::size_t>(values.shape()[0]);
    return values.span().subspan(static_cast<std::size_t>(n) * count, count);
  }
};

/// The sums for K and L with L's images in another order. Row by row, so the same for any number of threads.
[[nodiscard]] inline HsicSums hsic_sums(const Gram& k, const Gram& l, std::span<const Index> order) {
  HsicSums sums;
  for (std::size_t n = 0; n < order.size(); ++n) {
    const std::span<const double> of_k = k.row(static_cast<Index>(n));
    const std::span<const double> of_l = l.row(order[n]);
    double products = 0;
    for (std::size_t m = 0; m < order.size(); ++m) products += of_k[m] * of_l[static_cast<std::size_t>(order[m])];
    sums.products += products;
    sums.row_sums += k.row_sums[n] * l.row_sums[static_cast<std::size_t>(order[n])];
  }
  sums.totals = std::accumulate(k.row_sums.begin(), k.row_sums.end(), 0.0) *
                std::accumulate(l.row_sums.begin(), l.row_sums.end(), 0.0);
  return sums;
}

/// The same sums with each image left out in turn.
[[nodiscard]] inline std::vector<HsicSums> hsic_sums_without_each(const Gram& k, const Gram& l, const HsicSums& all) {
  const Index count = k.values.shape()[0];
  const double total_k = std::accumulate(k.row_sums.begin(), k.row_sums.end(), 0.0);
  const double total_l = std::accumulate(l.row_sums.begin(), l.row_sums.end(), 0.0);
  std::vector<HsicSums> sums(static_cast<std::size_t>(count));
  parallel_for(count, [&](Index out) {
    const auto o = static_cast<std::size_t>(out);
    const std::span<const double> of_k = k.row(out);
    const std::span<const double> of_l = l.row(out);
    double products = 0;  // of the row, and so of the column
    double row_sums = 0;
    for (std::size_t n = 0; n < of_k.size(); ++n) {
      products += of_k[n] * of_l[n];
      if (n != o) row_sums += (k.row_sums[n] - of_k[n]) * (l.row_sums[n] - of_l[n]);
    }
    sums[o] = {.products = all.products - 2 * products + of_k[o] * of_l[o],
               .row_sums = row_sums,
               .totals = (total_k - 2 * k.row_sums[o] + of_k[o]) * (total_l - 2 * l.row_sums[o] + of_l[o])};
  });
  return sums;
}

/// Two representations of the same images as Gram matrices.
class GramPair {
 public:
  GramPair(const FeatureTable& x, const FeatureTable& y, bool debiased)
      : k_(x, debiased), l_(y, debiased), debiased_(debiased), order_(static_cast<std::size_t>(x.count())) {
    std::iota(order_.begin(), order_.end(), Index{0});
    between_ = hsic_sums(k_, l_, order_);
    within_k_ = hsic_sums(k_, k_, order_);
    within_l_ = hsic_sums(l_, l_, order_);
  }

  [[nodiscard]] double cka() const { return cka_of(between_, within_k_, within_l_, std::ssize(order_)); }

  /// CKA after random permutations of one side's images, number r drawn from stream r.
  [[nodiscard]] std::vector<double> permuted(Index permutations, const Rng& rng) const {
    std::vector<double> null(static_cast<std::size_t>(permutations));
    parallel_for(permutations, [&](Index r) {
      std::vector<Index> order = order_;
      rng.stream(static_cast<std::uint64_t>(r)).shuffle(std::span(order));
      null[static_cast<std::size_t>(r)] = cka_of(hsic_sums(k_, l_, order), within_k_, within_l_, std::ssize(order_));
    });
    return null;
  }

  /// CKA with each image left out in turn.
  [[nodiscard]] std::vector<double> without_each() const {
    const std::vector<HsicSums> between = hsic_sums_without_each(k_, l_, between_);
    const std::vector<HsicSums> within_k = hsic_sums_without_each(k_, k_, within_k_);
    const std::vector<HsicSums> within_l = hsic_sums_without_each(l_, l_, within_l_);
    std::vector<double> result;
    for (std::size_t n = 0; n < between.size(); ++n)
      result.push_back(cka_of(between[n], within_k[n], within_l[n], std::ssize(order_) - 1));
    return result;
  }

 private:
  [[nodiscard]] double cka_of(const HsicSums& between, const HsicSums& within_k, const HsicSums& within_l,
                              Index images) const {
    const auto n = static_cast<double>(images);
    const double k = within_k.hsic(n, debiased_);
    const double l = within_l.hsic(n, debiased_);
    return k > 0 && l > 0 ? between.hsic(n, debiased_) / (std::sqrt(k) * std::sqrt(l)) : undefined;
  }

  Gram k_;
  Gram l_;
  bool debiased_;
  std::vector<Index> order_;
  HsicSums between_;
  HsicSums within_k_;
  HsicSums within_l_;
};

/// Squared Frobenius norm of A'B for A (n, a) and B (n, b).
[[nodiscard]] inline double squared_norm_of_product(const RowProducts& a, const RowProducts& b) {
  Tensor<double, Cpu> product({a.rows().shape()[1], b.rows().shape()[1]});
  linear_backward_weight<double, Cpu>(b.rows(), a.rows(), product.view());
  double sum = 0;
  for (const double value : product.span()) sum += value * value;
  return sum;
}

inline void check_cka(const FeatureTable& x, const FeatureTable& y, Index fewest) {
  require_features("CKA", x);
  require_features("CKA", y);
  require_equal("CKA", "images on both sides", x.count(), y.count());
  if (x.labels != y.labels) throw ShapeError("CKA: expected the same labels in the same order, got others");
  require_setting(x.count() >= fewest, "CKA", text("at least ", fewest, " images"), x.count());
}

}  // namespace detail

/// 1 for representations that differ by a rotation and a scale, 0 (or nearly, if debiased) for unrelated ones.
/// Undefined if one of them does not vary. In double; the same bits for any number of threads. Throws ShapeError unless
/// the images are the same, ConfigError for fewer than 2 (debiased: 4), ShapeError or NumericError as require_features.
[[nodiscard]] inline double linear_cka(const FeatureTable& x, const FeatureTable& y, const CkaOptions& options = {}) {
  detail::check_cka(x, y, options.debiased ? 4 : 2);
  const bool is_smaller = std::max(x.feature_count(), y.feature_count()) < x.count();
  const bool by_features = options.form == CkaForm::features || (options.form == CkaForm::smaller && is_smaller);
  if (options.debiased || !by_features) return detail::GramPair(x, y, options.debiased).cka();
  const RowProducts of_x(x, RowCentering::mean_of_rows);
  const RowProducts of_y(y, RowCentering::mean_of_rows);
  const double xx = detail::squared_norm_of_product(of_x, of_x);
  const double yy = detail::squared_norm_of_product(of_y, of_y);
  const double xy = detail::squared_norm_of_product(of_x, of_y);
  return xx > 0 && yy > 0 ? xy / (std::sqrt(xx) * std::sqrt(yy)) : undefined;
}

/// CKA with a p-value (one side's images permuted) and an interval over images: Student's t with the jackknife's
/// standard error. Not a bootstrap: that draws images twice, and CKA counts pairs of equal images as agreement.
/// Needs one image more than `linear_cka`; throws like it. Takes O(n^2) memory and O(n^2) per permutation.
[[nodiscard]] inline Similarity compare_by_cka(const FeatureTable& x, const FeatureTable& y, const Rng& rng,
                                               const CkaOptions& options = {}) {
  detail::check_cka(x, y, options.debiased ? 5 : 3);
  detail::check_resamples("CKA", options.permutations, 0);
  require_setting(options.level > 0 && options.level < 1, "CKA", "a level between 0 and 1", options.level);
  const detail::GramPair pair(x, y, options.debiased);
  Similarity result{.value = {.estimate = pair.cka()}};
  if (std::isnan(result.value.estimate)) return result;
  if (options.permutations > 0)
    result.p = permutation_p(result.value.estimate, pair.permuted(options.permutations, rng.stream("permutations")));
  const auto n = static_cast<double>(x.count());
  result.value.deviation = standard_deviation(pair.without_each()) * (n - 1) / std::sqrt(n);
  const double reach = student_t_quantile((1 + options.level) / 2, n - 1) * result.value.deviation;
  result.value.low = result.value.estimate - reach;
  result.value.high = result.value.estimate + reach;
  return result;
}

}  // namespace fusiform
