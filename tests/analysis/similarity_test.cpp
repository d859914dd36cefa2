#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <fusiform/analysis/cka.hpp>
#include <fusiform/analysis/dissimilarity.hpp>
#include <fusiform/analysis/kendall.hpp>
#include <fusiform/analysis/similarity.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/thread_count.hpp"

using namespace fusiform;
using test::random_tensor;

namespace {

using Numbers = std::vector<double>;

FeatureTable table_of(Tensor<float, Cpu> values) {
  std::vector<Index> labels(static_cast<std::size_t>(values.shape()[0]));
  std::iota(labels.begin(), labels.end(), Index{0});
  return {"layer", std::move(values), std::move(labels)};
}
FeatureTable random_table(Index images, Index features, std::uint64_t seed) {
  return table_of(random_tensor<float>({images, features}, Rng(seed)));
}

/// Without row `out`.
FeatureTable without(const FeatureTable& table, Index out) {
  Tensor<float, Cpu> values({table.count() - 1, table.feature_count()});
  for (Index n = 0; n < table.count(); ++n)
    if (n != out)
      std::copy(table.row(n).begin(), table.row(n).end(),
                values.data() + (n < out ? n : n - 1) * table.feature_count());
  return table_of(std::move(values));
}

/// x Q with Q orthogonal (Gram-Schmidt of random rows), times `scale`, plus a constant.
FeatureTable rotated(const FeatureTable& table, double scale) {
  const auto d = static_cast<std::size_t>(table.feature_count());
  std::vector<Numbers> q;
  Rng rng(99);
  while (q.size() < d) {
    Numbers v(d);
    for (double& x : v) x = rng.normal();
    for (int twice = 0; twice < 2; ++twice)
      for (const Numbers& u : q) {
        const double along = std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
        for (std::size_t i = 0; i < d; ++i) v[i] -= along * u[i];
      }
    const double length = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
    for (double& x : v) x /= length;
    q.push_back(v);
  }
  FeatureTable result = table;
  for (Index n = 0; n < table.count(); ++n)
    for (std::size_t j = 0; j < d; ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < d; ++i) sum += static_cast<double>(table.row(n)[i]) * q[i][j];
      result.values[n * table.feature_count() + static_cast<Index>(j)] = static_cast<float>(scale * sum + 0.5);
    }
  return result;
}

/// CKA from its definition, with centring matrices, or with the U-centred matrices of the unbiased estimator
/// (Szekely & Rizzo 2014), which is the other way to write it.
double slow_cka(const FeatureTable& x, const FeatureTable& y, bool debiased) {
  const auto n = static_cast<std::size_t>(x.count());
  const auto centred_gram = [&](const FeatureTable& t) {
    std::vector<Numbers> k(n, Numbers(n));
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b)
        if (a != b || !debiased)
          for (std::size_t f = 0; f < static_cast<std::size_t>(t.feature_count()); ++f)
            k[a][b] += double{t.row(static_cast<Index>(a))[f]} * double{t.row(static_cast<Index>(b))[f]};
    const double less = debiased ? 2 : 0;
    Numbers sums(n);
    for (std::size_t a = 0; a < n; ++a) sums[a] = std::accumulate(k[a].begin(), k[a].end(), 0.0);
    const double total = std::accumulate(sums.begin(), sums.end(), 0.0);
    const auto m = static_cast<double>(n);
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b) {
        k[a][b] += total / ((m - less / 2) * (m - less)) - (sums[a] + sums[b]) / (m - less);
        if (debiased && a == b) k[a][b] = 0;
      }
    return k;
  };
  const auto k = centred_gram(x);
  const auto l = centred_gram(y);
  double kl = 0;
  double kk = 0;
  double ll = 0;
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b < n; ++b) {
      kl += k[a][b] * l[a][b];
      kk += k[a][b] * k[a][b];
      ll += l[a][b] * l[a][b];
    }
  return kl / std::sqrt(kk * ll);
}

/// Pair by pair. tau_a, tau_b.
std::pair<double, double> slow_kendall(const Numbers& x, const Numbers& y) {
  double excess = 0;
  double pairs = 0;
  double untied_x = 0;
  double untied_y = 0;
  const auto sign = [](double a, double b) { return static_cast<double>(a > b) - static_cast<double>(a < b); };
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      excess += sign(x[i], x[j]) * sign(y[i], y[j]);
      pairs += 1;
      untied_x += x[i] != x[j] ? 1 : 0;
      untied_y += y[i] != y[j] ? 1 : 0;
    }
  return {excess / pairs, excess / std::sqrt(untied_x * untied_y)};
}

}  // namespace

TEST_CASE("Kendall's tau against counting all pairs") {
  Rng rng(3);
  for (const std::size_t count : {2U, 3U, 7U, 64U, 129U})
    for (const double values : {2.0, 5.0, 1e9}) {  // many ties to none
      INFO(count << " numbers of " << values << " values");
      Numbers x(count);
      Numbers y(count);
      for (double& v : x) v = std::floor(rng.uniform(0, values));
      for (std::size_t i = 0; i < count; ++i) y[i] = i % 3 == 0 ? x[i] : std::floor(rng.uniform(0, values));
      const auto [tau_a, tau_b] = slow_kendall(x, y);
      CHECK(kendall_correlation(x, y, KendallTies::tau_a) == Approx(tau_a).margin(1e-14));
      if (std::isfinite(tau_b)) CHECK(kendall_correlation(x, y) == Approx(tau_b).margin(1e-14));
      CHECK(std::isfinite(tau_b) == std::isfinite(kendall_correlation(x, y)));
    }
  CHECK(kendall_correlation(Numbers{1, 2, 3}, Numbers{2, 4, 9}) == 1);
  CHECK(kendall_correlation(Numbers{1, 2, 3}, Numbers{2, 0, -9}) == -1);
  CHECK(kendall_correlation(Numbers{1, 1, 2}, Numbers{1, 1, 2}) == Approx(1));
  CHECK(kendall_correlation(Numbers{1, 1, 2}, Numbers{1, 1, 2}, KendallTies::tau_a) == Approx(2.0 / 3));
  CHECK(std::isnan(kendall_correlation(Numbers{1, 1}, Numbers{1, 2})));
  CHECK(std::isnan(kendall_correlation(Numbers{1}, Numbers{1}, KendallTies::tau_a)));
  CHECK(std::isnan(kendall_correlation(Numbers{1, undefined}, Numbers{1, 2})));
  CHECK_THROWS_AS(kendall_correlation(Numbers{1}, Numbers{1, 2}), ShapeError);
}

TEST_CASE("dissimilarities worked by hand") {
  const FeatureTable table = table_of(Tensor<float, Cpu>({4, 2}, std::vector<float>{3, 4, 0, 0, 6, 8, -4, 3}));
  const DissimilarityMatrix euclidean = dissimilarity(table, DissimilarityMeasure::euclidean);
  CHECK(euclidean.values.size() == 6);
  CHECK(euclidean.at(0, 1) == Approx(5));
  CHECK(euclidean.at(2, 0) == Approx(5));
  CHECK(euclidean.at(3, 0) == Approx(std::sqrt(50.0)));
  CHECK(euclidean.at(2, 2) == 0);
  const Numbers in_order{euclidean.at(0, 1), euclidean.at(0, 2), euclidean.at(0, 3),
                         euclidean.at(1, 2), euclidean.at(1, 3), euclidean.at(2, 3)};
  CHECK(euclidean.values == in_order);
  const DissimilarityMatrix cosine = dissimilarity(table, DissimilarityMeasure::cosine);
  CHECK(std::isnan(cosine.at(0, 1)));
  CHECK(cosine.at(0, 2) == Approx(0).margin(1e-15));
  CHECK(cosine.at(0, 3) == Approx(1));
  const DissimilarityMatrix pearson =
      dissimilarity(table_of(Tensor<float, Cpu>({3, 3}, std::vector<float>{1, 2, 3, 0.1F, 0.1F, 0.1F, 9, 7, 5})));
  CHECK(std::isnan(pearson.at(0, 1)));
  CHECK(pearson.at(0, 2) == Approx(2));
  CHECK(dissimilarity(table_of(Tensor<float, Cpu>({1, 3}))).values.empty());
  CHECK(dissimilarity(table_of(Tensor<float, Cpu>({0, 3}))).values.empty());
  CHECK_THROWS_AS(dissimilarity(FeatureTable{}), ShapeError);
}

TEST_CASE("dissimilarities and correlations as SciPy computes them") {
  const test::Goldens golden("decoding.safetensors");
  const FeatureTable table = table_of(golden.plain<float>("many.features"));
  std::vector<DissimilarityMatrix> matrices;
  for (const auto& [measure, name] :
       std::vector<std::pair<DissimilarityMeasure, std::string>>{{DissimilarityMeasure::pearson, "rdm.correlation"},
                                                                 {DissimilarityMeasure::cosine, "rdm.cosine"},
                                                                 {DissimilarityMeasure::euclidean, "rdm.euclidean"}}) {
    matrices.push_back(dissimilarity(table, measure));
    const Numbers expected = golden.file().read<double>(name);
    // Sums of 150 products in double.
    CHECK(
        test::difference(std::span<const double>(matrices.back().values), std::span<const double>(expected)).absolute <
        1e-12);
  }
  Numbers a = matrices[0].values;
  Numbers b = matrices[2].values;
  for (double& value : a) value = std::round(value * 10);
  for (double& value : b) value = std::round(value);
  const Numbers expected = golden.file().read<double>("rdm.tied_correlations");
  CHECK(correlate(a, b, MatrixCorrelation::spearman) == Approx(expected[0]));
  CHECK(correlate(a, b, MatrixCorrelation::kendall_tau_b) == Approx(expected[1]));
  CHECK(correlate(a, b, MatrixCorrelation::pearson) == Approx(expected[2]));
  CHECK(correlate(a, b, MatrixCorrelation::kendall_tau_a) == Approx(slow_kendall(a, b).first));
}

TEST_CASE("equal rows are exactly 0 apart, for any number of threads") {
  FeatureTable table = random_table(300, 33, 7);
  for (Index f = 0; f < 33; ++f) table.values[290 * 33 + f] = table.values[5 * 33 + f];
  for (const DissimilarityMeasure measure :
       {DissimilarityMeasure::pearson, DissimilarityMeasure::cosine, DissimilarityMeasure::euclidean}) {
    const auto run = [&](int threads) {
      const test::ThreadCount count(threads);
      return dissimilarity(table, measure);
    };
    const DissimilarityMatrix one = run(1);
    CHECK(one.at(5, 290) == 0);
    CHECK(one.values == run(3).values);
  }
}

TEST_CASE("representational similarity: p and interval") {
  const FeatureTable x = random_table(25, 40, 1);
  FeatureTable near = x;
  const auto noise = random_tensor<float>({25, 40}, Rng(5));
  for (Index i = 0; i < near.values.size(); ++i) near.values[i] += noise[i];
  const DissimilarityMatrix a = dissimilarity(x);
  const DissimilarityMatrix b = dissimilarity(near);
  const DissimilarityMatrix unrelated = dissimilarity(random_table(25, 40, 2));
  for (const MatrixCorrelation kind : {MatrixCorrelation::spearman, MatrixCorrelation::kendall_tau_a,
                                       MatrixCorrelation::kendall_tau_b, MatrixCorrelation::pearson}) {
    const SimilarityOptions options{.correlation = kind, .permutations = 199, .replicates = 200};
    const Similarity related = representational_similarity(a, b, Rng(1), options);
    CHECK(related.value.estimate == correlate(a.values, b.values, kind));
    CHECK(related.p == Approx(1.0 / 200));
    CHECK(related.value.low > 0);
    CHECK(related.value.low < related.value.estimate);
    CHECK(related.value.high > related.value.estimate);
    const Similarity none = representational_similarity(a, unrelated, Rng(1), options);
    CHECK(none.p > 0.02);
    CHECK(none.value.low < 0);
    CHECK(none.value.high > 0);
    const test::ThreadCount one(1);
    const Similarity again = representational_similarity(a, b, Rng(1), options);
    CHECK(again.value.low == related.value.low);
    CHECK(again.p == related.p);
  }
  const Similarity same = representational_similarity(a, a, Rng(1), {.permutations = 50, .replicates = 50});
  CHECK(same.value.estimate == Approx(1));
  CHECK(same.value.low == Approx(1));
  const Similarity bare = representational_similarity(a, b, Rng(1), {.permutations = 0, .replicates = 0});
  CHECK(std::isnan(bare.p));
  CHECK_FALSE(bare.value.defined());
  DissimilarityMatrix holed = a;
  holed.values[3] = undefined;
  CHECK(std::isnan(representational_similarity(holed, b, Rng(1)).value.estimate));
  DissimilarityMatrix other = b;
  other.labels[0] = 9;
  CHECK_THROWS_WITH(representational_similarity(a, other, Rng(1)), Catch::Contains("same labels"));
  other.labels.pop_back();
  CHECK_THROWS_AS(representational_similarity(a, other, Rng(1)), ShapeError);
  CHECK_THROWS_AS(representational_similarity(a, b, Rng(1), {.permutations = -1}), ConfigError);
}

TEST_CASE("p-values of unrelated representations are uniform") {
  // 200 pairs, 39 permutations each: p takes 40 values with equal probability. Kolmogorov-Smirnov at p = 0.001:
  // 1.95 / sqrt(200) = 0.138, and half a step of 1/40.
  std::vector<double> p_rsa;
  std::vector<double> p_cka;
  for (std::uint64_t r = 0; r < 200; ++r) {
    const FeatureTable x = random_table(12, 5, 1000 + r);
    const FeatureTable y = random_table(12, 7, 5000 + r);
    p_rsa.push_back(
        representational_similarity(dissimilarity(x), dissimilarity(y), Rng(r), {.permutations = 39, .replicates = 0})
            .p);
    p_cka.push_back(compare_by_cka(x, y, Rng(r), {.permutations = 39}).p);
  }
  for (std::vector<double>& p : {std::ref(p_rsa), std::ref(p_cka)}) {
    std::sort(p.begin(), p.end());
    double largest = 0;
    for (std::size_t i = 0; i < p.size(); ++i)
      largest = std::max(largest, std::abs(p[i] - (static_cast<double>(i) + 0.5) / 200));
    CHECK(largest < 0.138 + 0.0125);
  }
}

TEST_CASE("CKA of what is the same, and of what is orthogonal") {
  const FeatureTable x = random_table(20, 8, 1);
  for (const CkaForm form : {CkaForm::smaller, CkaForm::features, CkaForm::gram}) {
    CHECK(linear_cka(x, x, {.form = form}) == Approx(1).epsilon(1e-12));
    // A rotation, a scale and an offset; the result is rounded to float.
    CHECK(linear_cka(x, rotated(x, 3), {.form = form}) == Approx(1).epsilon(1e-6));
    // Columns without mean and orthogonal to each other.
    Tensor<float, Cpu> a({4, 1}, std::vector<float>{1, 1, -1, -1});
    Tensor<float, Cpu> b({4, 2}, std::vector<float>{1, 2, -1, -2, 1, -2, -1, 2});
    CHECK(linear_cka(table_of(a), table_of(b), {.form = form}) == Approx(0).margin(1e-15));
    Tensor<float, Cpu> constant({4, 3});
    constant.fill(0.3F);
    CHECK(std::isnan(linear_cka(table_of(a), table_of(constant), {.form = form})));
  }
  CHECK(linear_cka(x, x, {.debiased = true}) == Approx(1).epsilon(1e-12));
  CHECK(linear_cka(x, rotated(x, 3), {.debiased = true}) == Approx(1).epsilon(1e-6));
}

TEST_CASE("CKA against its definition") {
  for (const auto& [images, features_x, features_y] :
       std::vector<std::tuple<Index, Index, Index>>{{30, 5, 9}, {9, 40, 3}, {4, 2, 2}, {12, 12, 11}}) {
    FeatureTable x = random_table(images, features_x, 3);
    FeatureTable y = random_table(images, features_y, 4);
    for (Index n = 0; n < images; ++n) y.values[n * features_y] += 2 * x.values[n * features_x] + 10;
    const double expected = slow_cka(x, y, false);
    CHECK(linear_cka(x, y) == Approx(expected).epsilon(1e-9));
    CHECK(linear_cka(x, y, {.form = CkaForm::features}) == Approx(expected).epsilon(1e-9));
    CHECK(linear_cka(x, y, {.form = CkaForm::gram}) == Approx(expected).epsilon(1e-9));
    CHECK(linear_cka(x, y, {.debiased = true}) == Approx(slow_cka(x, y, true)).margin(1e-9));
  }
}

TEST_CASE("debiased CKA of unrelated representations is 0 on average") {
  double plain = 0;
  double debiased = 0;
  for (std::uint64_t r = 0; r < 50; ++r) {
    const FeatureTable x = random_table(20, 100, 100 + r);
    const FeatureTable y = random_table(20, 100, 900 + r);
    plain += linear_cka(x, y) / 50;
    debiased += linear_cka(x, y, {.debiased = true}) / 50;
  }
  CHECK(plain > 0.5);
  CHECK(std::abs(debiased) < 0.05);  // standard error 0.01
}

TEST_CASE("CKA's interval is the jackknife's") {
  const FeatureTable x = random_table(15, 6, 1);
  FeatureTable y = random_table(15, 6, 2);
  for (Index i = 0; i < y.values.size(); ++i) y.values[i] += x.values[i];
  for (const bool debiased : {false, true}) {
    const Similarity found = compare_by_cka(x, y, Rng(1), {.debiased = debiased, .permutations = 199});
    CHECK(found.value.estimate == Approx(linear_cka(x, y, {.debiased = debiased})).epsilon(1e-12));
    CHECK(found.p < 0.05);
    double sum = 0;
    double squares = 0;
    for (Index out = 0; out < 15; ++out) {
      const double left = slow_cka(without(x, out), without(y, out), debiased);
      sum += left / 15;
      squares += left * left / 15;
    }
    const double error = std::sqrt(14 * (squares - sum * sum));
    CHECK(found.value.deviation == Approx(error).epsilon(1e-6));
    CHECK(found.value.high - found.value.estimate == Approx(2.144787 * error).epsilon(1e-6));  // t(14), 97.5 %
    CHECK(found.value.estimate - found.value.low == Approx(2.144787 * error).epsilon(1e-6));
    const test::ThreadCount one(1);
    const Similarity again = compare_by_cka(x, y, Rng(1), {.debiased = debiased, .permutations = 199});
    CHECK(again.p == found.p);
    CHECK(again.value.low == found.value.low);
  }
}

TEST_CASE("CKA refuses what it cannot compare") {
  const FeatureTable x = random_table(4, 3, 1);
  CHECK_THROWS_AS(linear_cka(x, random_table(5, 3, 1)), ShapeError);
  CHECK_THROWS_AS(linear_cka(random_table(3, 2, 1), random_table(3, 2, 2), {.debiased = true}), ConfigError);
  CHECK_THROWS_AS(compare_by_cka(x, x, Rng(1), {.debiased = true}), ConfigError);
  CHECK_THROWS_AS(compare_by_cka(x, x, Rng(1), {.level = 1}), ConfigError);
  FeatureTable other = x;
  other.labels[2] = 8;
  CHECK_THROWS_WITH(linear_cka(x, other), Catch::Contains("same labels"));
  other = x;
  other.values[0] = std::nanf("");
  CHECK_THROWS_AS(linear_cka(x, other), NumericError);
}
