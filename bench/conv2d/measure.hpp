#pragma once
/// One pass of one shape, computed by all implementations in turn.

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../support/alternate.hpp"
#include "../support/group.hpp"
#include "implementation.hpp"
#ifdef FUSIFORM_BENCH_ONEDNN
#include "onednn.hpp"
#endif
#ifdef FUSIFORM_BENCH_EIGEN
#include "eigen.hpp"
#endif

namespace fusiform::bench {

/// The algorithms that rows "fusiform.<name>" ask for.
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

inline void check_all(const Problem& problem, const std::vector<Implementation>& implementations,
                      const std::string& where) {
  const Implementation reference = fusiform_implementation(problem, "reference", ConvAlgorithm::implicit_gemm);
  reference.run();
  const Tensor<float, Cpu> expected = reference.results();
  for (const Implementation& implementation : implementations) check(implementation, expected, where);
}

/// Throws an Error, saying where, if an implementation computes something else than the implicit GEMM.
inline Measurement measure(const Problem& problem, const std::vector<std::string>& names, const RoundSettings& settings,
                           const std::string& where) {
  std::vector<Implementation> implementations;
  for (const std::string& name : names)
    if (auto implementation = make_implementation(problem, name)) implementations.push_back(std::move(*implementation));
  check_all(problem, implementations, where);
  std::vector<Measure> measures;
  std::optional<std::size_t> onednn;
  for (const Implementation& implementation : implementations) {
    if (implementation.name == "onednn") onednn = measures.size();
    measures.push_back(repeated(implementation.run));
  }
  const Rounds rounds = alternate(measures, settings);
  Measurement measurement;
  for (std::size_t i = 0; i < implementations.size(); ++i) {
    Row row{.label = implementations[i].label, .duration = median(rounds.durations[i])};
    row.counters["GFLOP/s"] = problem.flop() / row.duration.seconds * 1e-9;
    row.counters["percent_of_peak"] = 100 * part_of_peak(rounds, i, problem.flop());
    row.counters["processor_percent_of_peak"] =
        100 * part_of_peak(rounds, i, problem.flop(), &Duration::processor_seconds);
    if (onednn && implementations[i].name.starts_with("fusiform")) {
      row.counters["ratio_to_onednn"] = paired_ratio(rounds, *onednn, i);
      row.counters["processor_ratio_to_onednn"] = paired_ratio(rounds, *onednn, i, &Duration::processor_seconds);
    }
    measurement[implementations[i].name] = std::move(row);
  }
  return measurement;
}

}  // namespace fusiform::bench
