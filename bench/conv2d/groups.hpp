#pragma once
/// All implementations of one pass of one shape are a group. It is measured when the first of its benchmarks runs; the
/// others report what was recorded then. The k-th repetition of a benchmark reports the group's k-th measurement.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alternate.hpp"
#ifdef FUSIFORM_BENCH_ONEDNN
#include "onednn.hpp"
#endif
#ifdef FUSIFORM_BENCH_EIGEN
#include "eigen.hpp"
#endif

namespace fusiform::bench {

/// One row of the report.
struct Row {
  std::string label;
  Duration duration;
  double flop_per_second = 0;
  double part_of_peak = 0;
  std::optional<double> ratio_to_onednn;  ///< rate relative to oneDNN's, on fusiform's rows
};

/// The algorithms that rows "fusiform.<name>" can ask for.
inline constexpr std::array<std::pair<const char*, ConvAlgorithm>, 4> algorithm_names{
    {{"implicit_gemm", ConvAlgorithm::implicit_gemm},
     {"direct", ConvAlgorithm::direct},
     {"winograd_2x2", ConvAlgorithm::winograd_2x2},
     {"winograd_4x4", ConvAlgorithm::winograd_4x4}}};

/// Rows that a shape has, in the order in which they are measured.
inline std::vector<std::string> implementation_names(const ConvolutionCase& shape, bool each_algorithm) {
  std::vector<std::string> names{"fusiform"};
#ifdef FUSIFORM_BENCH_ONEDNN
  names.emplace_back("onednn");
#endif
#ifdef FUSIFORM_BENCH_EIGEN
  names.emplace_back("eigen");
#endif
  for (const auto& [name, algorithm] : algorithm_names) {
    const bool any_shape = algorithm == ConvAlgorithm::implicit_gemm || algorithm == ConvAlgorithm::direct;
    if (each_algorithm && (any_shape || (shape.kernel == 3 && shape.stride == 1)))
      names.push_back(text("fusiform.", name));
  }
  return names;
}

/// Nothing if a peer cannot compute the problem.
inline std::optional<Implementation> make_implementation(const Problem& problem, const std::string& name) {
  if (name == "fusiform") return fusiform_implementation(problem, name, ConvAlgorithm::automatic);
  for (const auto& [suffix, algorithm] : algorithm_names)
    if (name == text("fusiform.", suffix)) return fusiform_implementation(problem, name, algorithm);
#ifdef FUSIFORM_BENCH_ONEDNN
  if (name == "onednn") return onednn::implementation(problem);
#endif
#ifdef FUSIFORM_BENCH_EIGEN
  if (name == "eigen") return eigen::implementation(problem);
#endif
  return std::nullopt;
}

class Group {
 public:
  Group(std::string name, const ConvolutionCase& shape, Pass pass, std::vector<std::string> implementations)
      : name_(std::move(name)), shape_(shape), pass_(pass), implementations_(std::move(implementations)) {}

  /// The row of an implementation in the given repetition; nullptr if there is none for this problem.
  const Row* row(const std::string& implementation, std::size_t repetition, const RoundSettings& settings) {
    while (measurements_.size() <= repetition) measure(settings);
    const auto found = measurements_[repetition].find(implementation);
    return found == measurements_[repetition].end() ? nullptr : &found->second;
  }

  [[nodiscard]] const ConvolutionCase& shape() const { return shape_; }
  [[nodiscard]] Pass pass() const { return pass_; }
  [[nodiscard]] const std::vector<std::string>& implementations() const { return implementations_; }
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Ratios of row "fusiform", one a measurement.
  [[nodiscard]] std::vector<double> ratios_to_onednn() const {
    std::vector<double> ratios;
    for (const auto& measurement : measurements_)
      if (const auto row = measurement.find("fusiform"); row != measurement.end() && row->second.ratio_to_onednn)
        ratios.push_back(*row->second.ratio_to_onednn);
    return ratios;
  }

 private:
  using Measurement = std::map<std::string, Row>;

  void measure(const RoundSettings& settings) {
    const Problem problem(shape_, pass_);
    std::vector<Implementation> implementations;
    for (const std::string& name : implementations_)
      if (auto implementation = make_implementation(problem, name))
        implementations.push_back(std::move(*implementation));
    if (measurements_.empty()) check_all(problem, implementations);
    const Rounds rounds = alternate(implementations, settings);
    measurements_.push_back(rows(implementations, rounds, problem.flop()));
  }

  void check_all(const Problem& problem, const std::vector<Implementation>& implementations) const {
    const Implementation reference = fusiform_implementation(problem, "reference", ConvAlgorithm::implicit_gemm);
    reference.run();
    const Tensor<float, Cpu> expected = reference.results();
    for (const Implementation& implementation : implementations) check(implementation, expected, name_);
  }

  static Measurement rows(const std::vector<Implementation>& implementations, const Rounds& rounds, double flop) {
    std::optional<std::size_t> onednn;
    for (std::size_t i = 0; i < implementations.size(); ++i)
      if (implementations[i].name == "onednn") onednn = i;
    Measurement measurement;
    for (std::size_t i = 0; i < implementations.size(); ++i) {
      Row row{.label = implementations[i].label, .duration = median(rounds.durations[i])};
      row.flop_per_second = flop / row.duration.seconds;
      row.part_of_peak = part_of_peak(rounds, i, flop);
      if (onednn && implementations[i].name.starts_with("fusiform"))
        row.ratio_to_onednn = paired_ratio(rounds, *onednn, i);
      measurement[implementations[i].name] = row;
    }
    return measurement;
  }

  std::string name_;
  ConvolutionCase shape_;
  Pass pass_;
  std::vector<std::string> implementations_;
  std::vector<Measurement> measurements_;
};

}  // namespace fusiform::bench
