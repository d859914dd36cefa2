#pragma once
/// Made-up effects of lesions on images, and races about them.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <fusiform/analysis/race.hpp>

#include "tests/analysis/table_lesions.hpp"

namespace fusiform::test {

/// Effects of units on images: mean + what the images add.
struct EffectTable {
  Index images = 0;
  std::vector<std::vector<double>> effects;  ///< [unit][image]
  std::vector<double> base;                  ///< [image]

  [[nodiscard]] double mean(Index unit) const {
    double sum = 0;
    for (const double effect : effects[static_cast<std::size_t>(unit)]) sum += effect;
    return sum / static_cast<double>(images);
  }

  /// The `need` units of largest mean, ascending.
  [[nodiscard]] std::vector<Index> best(Index need) const {
    std::vector<Index> order;
    for (Index unit = 0; unit < static_cast<Index>(effects.size()); ++unit) order.push_back(unit);
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return mean(a) > mean(b); });
    order.resize(static_cast<std::size_t>(need));
    std::sort(order.begin(), order.end());
    return order;
  }

  template <class T>
  [[nodiscard]] TableLesions<T> lesions(Index block = 1) const {
    return TableLesions<T>(
        static_cast<Index>(effects.size()), images,
        [this](std::span<const Index>, Index unit, Index image) {
          const auto i = static_cast<std::size_t>(image);
          return base[i] + (unit < 0 ? 0 : effects[static_cast<std::size_t>(unit)][i]);
        },
        block);
  }
};

[[nodiscard]] inline std::vector<Index> all_units(const EffectTable& table) {
  std::vector<Index> units(table.effects.size());
  std::iota(units.begin(), units.end(), Index{0});
  return units;
}

[[nodiscard]] inline RankingIteration race(AddedLesions<double>& lesions, const std::vector<Index>& candidates,
                                           Index need, const RacingOptions& options = {}) {
  RaceMemory<double> memory;
  return Race<double>(lesions, {{}, candidates, need}, options, memory).run();
}

[[nodiscard]] inline std::vector<Index> sorted(std::vector<Index> units) {
  std::sort(units.begin(), units.end());
  return units;
}

enum class Noise { gaussian, heavy_tailed, rare };

struct RaceSetup {
  Index units = 40;
  Index images = 1000;
  Index dead = 0;        // units without any effect
  double spread = 0.05;  // of the units' mean effects, nats
  double noise = 0.2;    // standard deviation over images
  Noise kind = Noise::gaussian;
  bool shared_difficulty = false;  // some images react to all lesions more
};

/// Of mean 0 and variance 1.
[[nodiscard]] inline double draw_noise(Noise kind, Rng& rng) {
  if (kind == Noise::gaussian) return rng.normal();
  if (kind == Noise::heavy_tailed) {  // log-normal, skewness 2.9
    const double s = 0.7;
    const double scale = std::exp(s * s / 2);
    return (std::exp(s * rng.normal()) - scale) / (scale * std::sqrt(std::exp(s * s) - 1));
  }
  return rng.uniform() < 0.1 ? 3.0 : -1.0 / 3;  // one image in ten
}

[[nodiscard]] inline EffectTable made_up_effects(const RaceSetup& setup, Rng rng) {
  EffectTable table{.images = setup.images, .effects = {}, .base = {}};
  std::vector<double> difficulty;
  for (Index i = 0; i < setup.images; ++i) {
    difficulty.push_back(setup.shared_difficulty ? std::exp(0.7 * rng.normal()) : 1);
    table.base.push_back(2 + difficulty.back() * rng.uniform());
  }
  for (Index unit = 0; unit < setup.units; ++unit) {
    const bool is_dead = unit < setup.dead;
    const double mean = setup.spread * rng.normal();
    std::vector<double>& effects = table.effects.emplace_back();
    for (const double d : difficulty)
      effects.push_back(is_dead ? 0 : d * (mean + setup.noise * draw_noise(setup.kind, rng)));
  }
  return table;
}

struct Tally {
  Index races = 0;
  Index wrong = 0;
  double evaluated = 0;  // share of the exact evaluations, mean over races
};

[[nodiscard]] inline Tally run_races(const RaceSetup& setup, Index races, const RacingOptions& options,
                                     Index need = 4) {
  std::vector<int> wrong(static_cast<std::size_t>(races));
  std::vector<double> shares(static_cast<std::size_t>(races));
  parallel_for(races, [&](Index r) {
    const EffectTable table = made_up_effects(setup, Rng(7).stream(static_cast<std::uint64_t>(r)));
    auto lesions = table.lesions<double>();
    const RankingIteration iteration = race(lesions, all_units(table), need, options);
    wrong[static_cast<std::size_t>(r)] = sorted(iteration.selection.units) == table.best(need) ? 0 : 1;
    shares[static_cast<std::size_t>(r)] =
        static_cast<double>(lesions.evaluations) / static_cast<double>(setup.units * setup.images);
  });
  Tally tally{.races = races, .wrong = std::accumulate(wrong.begin(), wrong.end(), Index{0})};
  for (const double share : shares) tally.evaluated += share / static_cast<double>(races);
  return tally;
}

}  // namespace fusiform::test
