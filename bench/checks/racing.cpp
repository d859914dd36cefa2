/// Prints which share of the evaluations rankings by racing take, and how often they select other units, on made-up
/// per-image losses around the mean losses of a published run (tests/goldens/ore_lesion.json: 512 filters, groups of 8,
/// 6,400 images). No timing.
///
///     bench_racing            all rows
///     bench_racing 0.1 3      one standard deviation (nats), so many lists of images
///
/// An image's effect is the candidate's mean plus noise of the standard deviation given. It has heavy tails, is larger
/// for images that are difficult, and changes from one iteration to the next: their correlation is given too.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fusiform/analysis/race.hpp>

namespace {

using namespace fusiform;

constexpr Index images = 6400;
constexpr Index group = 8;
constexpr std::size_t iterations = 13;  // as many as a fifth of 512 filters takes

struct Recorded {
  std::vector<Index> candidates;  // ascending
  std::vector<double> effects;    // mean losses minus the smallest
};

std::vector<Recorded> recorded_iterations(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError(path, "cannot be read");
  const nlohmann::json run = nlohmann::json::parse(file).at("greedy").at("data_AFD_matched");
  std::vector<Recorded> result;
  for (std::size_t k = 0; k < iterations; ++k) {
    std::map<Index, double> losses;
    const auto& record = run.at("iterations").at(k);
    for (std::size_t i = 0; i < record.at("units").size(); ++i)
      losses[record.at("units").at(i).get<Index>()] = record.at("losses").at(i).get<double>();
    Recorded& iteration = result.emplace_back();
    double least = 1e9;
    for (const auto& [unit, loss] : losses) least = std::min(least, loss);
    for (const auto& [unit, loss] : losses) {
      iteration.candidates.push_back(unit);
      iteration.effects.push_back(loss - least);
    }
  }
  return result;
}

struct Noise {
  double deviation = 0.1;
  double correlation = 0.95;  // with the iteration before, image by image
};

/// The losses of one iteration after the other, on one list of images.
class NoisyLesions final : public AddedLesions<float> {
 public:
  NoisyLesions(const std::vector<Recorded>& recorded, const Noise& noise, Rng rng)
      : recorded_(recorded), noise_(noise), rng_(rng), effects_(512) {
    double squares = 0;
    for (Index i = 0; i < images; ++i) difficulty_.push_back(std::exp(0.5 * rng.normal()));
    for (const double d : difficulty_) squares += d * d / static_cast<double>(images);
    for (double& d : difficulty_) d /= std::sqrt(squares);
  }

  [[nodiscard]] Index units() const override { return 512; }
  [[nodiscard]] Index image_count() const override { return images; }
  [[nodiscard]] Index block() const override { return 64; }

  /// Draws iteration `k`; the candidates' means over the list are exactly the recorded ones.
  void begin(std::size_t k) {
    parallel_for(static_cast<Index>(recorded_[k].candidates.size()), [&](Index c) {
      const auto place = static_cast<std::size_t>(c);
      const Index unit = recorded_[k].candidates[place];
      std::vector<float>& effects = effects_[static_cast<std::size_t>(unit)];
      const bool is_first = effects.empty();
      effects.resize(images);
      const Rng stream = rng_.stream(k).stream(static_cast<std::uint64_t>(unit));
      const double fresh = is_first ? 1 : std::sqrt(1 - noise_.correlation * noise_.correlation);
      double mean = 0;
      for (std::size_t i = 0; i < effects.size(); ++i) {
        const double old = is_first ? 0 : noise_.correlation * static_cast<double>(effects[i]);
        effects[i] = static_cast<float>(old + fresh * noise_.deviation * difficulty_[i] * heavy_tailed(stream, i));
        mean += static_cast<double>(effects[i]) / static_cast<double>(images);
      }
      for (float& effect : effects) effect += static_cast<float>(recorded_[k].effects[place] - mean);
    });
  }

  [[nodiscard]] std::vector<Outcomes<float>> evaluate(std::span<const Index> /*base*/,
                                                      std::span<const std::vector<Index>> added,
                                                      ImageRange range) override {
    std::vector<Outcomes<float>> result(added.size(), Outcomes<float>(range.count));
    for (std::size_t k = 0; k < added.size(); ++k)
      if (!added[k].empty()) {
        const std::vector<float>& effects = effects_[static_cast<std::size_t>(added[k].front())];
        std::copy_n(effects.begin() + range.first, range.count, result[k].losses.begin());
      }
    return result;
  }

 private:
  /// Mean 0, variance 1, skewness 1.75: a log-normal.
  static double heavy_tailed(const Rng& stream, std::size_t i) {
    const double normal = stream.normals_at(i / 4)[i % 4];
    const double s = 0.5;
    return (std::exp(s * normal) - std::exp(s * s / 2)) / std::sqrt((std::exp(s * s) - 1) * std::exp(s * s));
  }

  const std::vector<Recorded>& recorded_;
  Noise noise_;
  Rng rng_;
  std::vector<double> difficulty_;
  std::vector<std::vector<float>> effects_;
};

struct Row {
  const char* name = "";
  Noise noise;
  RacingOptions options;
};

void print_row(const std::vector<Recorded>& recorded, const Row& row, Index lists) {
  double share = 0;
  double first = 0;
  Index wrong = 0;
  for (Index list = 0; list < lists; ++list) {
    NoisyLesions lesions(recorded, row.noise, Rng(static_cast<std::uint64_t>(list)));
    RaceMemory<float> memory;
    std::vector<Index> base;
    for (std::size_t k = 0; k < iterations; ++k) {
      lesions.begin(k);
      const Recorded& iteration = recorded[k];
      const RankingIteration found =
          Race<float>(lesions, {base, iteration.candidates, group}, row.options, memory).run();
      const double part = static_cast<double>(found.race->evaluations()) /
                          static_cast<double>(found.race->evaluations() + found.race->saved());
      share += part / static_cast<double>(iterations);
      if (k == 0) first += part;
      std::vector<Index> expected = select_group(iteration.candidates, iteration.effects, group).units;
      wrong += found.selection.units == expected ? 0 : 1;
      base.insert(base.end(), expected.begin(), expected.end());
      for (const Index unit : expected) memory.forget(unit);
    }
  }
  share /= static_cast<double>(lists);
  std::printf("%6.2f %6.2f %8.4f %6.2f  %7.3f %6.1f  %7.3f  %4ld of %ld   %s\n", row.noise.deviation,
              row.noise.correlation, row.options.epsilon, row.options.audit, share, 1 / share,
              first / static_cast<double>(lists), static_cast<long>(wrong),
              static_cast<long>(lists * static_cast<Index>(iterations)), row.name);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::filesystem::path here(__FILE__);
  const std::vector<Recorded> recorded =
      recorded_iterations((here.parent_path() / "../../tests/goldens/ore_lesion.json").string());
  const double only = argc > 1 ? std::atof(argv[1]) : 0;
  const Index lists = argc > 2 ? std::atol(argv[2]) : 1;
  std::printf("    sd   corr  epsilon  audit    share  factor  first it.  wrong\n");
  for (const double sd : {0.03, 0.05, 0.1, 0.2}) {
    if (only > 0 && only != sd) continue;
    print_row(recorded, {"", {.deviation = sd}, {}}, lists);
    print_row(recorded, {"no audit", {.deviation = sd}, {.audit = 0}}, lists);
    print_row(recorded, {"effects drawn anew each iteration", {.deviation = sd, .correlation = 0}, {}}, lists);
    print_row(recorded, {"", {.deviation = sd, .correlation = 0.8}, {}}, lists);
    print_row(recorded, {"", {.deviation = sd}, {.epsilon = 5e-4}}, lists);
  }
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
