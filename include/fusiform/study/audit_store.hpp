#pragma once
/// What the audit of a ranking found, on disk beside the ranking's journal.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/audited_lesions.hpp>
#include <fusiform/io/atomic_file.hpp>
#include <fusiform/io/file.hpp>

namespace fusiform {

/// The audit of one iteration of a ranking.
struct AuditedIteration {
  Index iteration = 0;
  std::uint64_t questions = 0;  ///< asked of the lesions until the end of this iteration
  Audit audit = {};
  std::string worst_image = {};  ///< path or made-up name of the image of the pair that differs most
};

/// All iterations as one; `iteration` counts them.
[[nodiscard]] inline AuditedIteration whole_audit(const std::vector<AuditedIteration>& iterations) {
  AuditedIteration whole;
  for (const AuditedIteration& one : iterations) {
    if (one.audit.pairs > 0 && (one.audit.largest > whole.audit.largest || whole.worst_image.empty()))
      whole.worst_image = one.worst_image;
    whole.audit.add(one.audit);
    ++whole.iteration;
    whole.questions = one.questions;
  }
  return whole;
}

[[nodiscard]] inline nlohmann::ordered_json to_json(const AuditedIteration& audited) {
  const Audit& audit = audited.audit;  // an infinite difference becomes null
  return {{"iteration", audited.iteration},
          {"questions", audited.questions},
          {"pairs", audit.pairs},
          {"off_by_more_than_rounding", audit.off_by_more_than_rounding},
          {"largest", audit.largest},
          {"sum", audit.sum},
          {"worst_units", audit.worst_units},
          {"worst_image", audited.worst_image}};
}

/// Crash-safe. Throws FileError.
inline void write_audit(const std::string& path, const std::vector<AuditedIteration>& iterations) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const AuditedIteration& audited : iterations) list.push_back(to_json(audited));
  write_file_atomically(path, list.dump(1) + "\n");
}

/// Empty if there is no such file. Throws FileError if it cannot be understood.
[[nodiscard]] inline std::vector<AuditedIteration> read_audit(const std::string& path) {
  std::vector<AuditedIteration> iterations;
  if (!std::filesystem::exists(path)) return iterations;
  const auto number = [](const nlohmann::json& value) {
    return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
  };
  try {
    for (const auto& entry : nlohmann::json::parse(read_file(path))) {
      AuditedIteration audited{entry.at("iteration").get<Index>(), entry.at("questions").get<std::uint64_t>(), {}, {}};
      Audit& audit = audited.audit;
      entry.at("pairs").get_to(audit.pairs);
      entry.at("off_by_more_than_rounding").get_to(audit.off_by_more_than_rounding);
      audit.largest = number(entry.at("largest"));
      audit.sum = number(entry.at("sum"));
      entry.at("worst_units").get_to(audit.worst_units);
      entry.at("worst_image").get_to(audited.worst_image);
      audit.worst_image = audit.pairs > 0 ? 0 : -1;  // there is one; where it is in the list is not stored
      iterations.push_back(std::move(audited));
    }
  } catch (const nlohmann::json::exception& problem) {
    throw FileError(path, text("expected the audit of a ranking: ", problem.what()));
  }
  return iterations;
}

}  // namespace fusiform
