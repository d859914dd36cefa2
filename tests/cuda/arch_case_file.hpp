#pragma once
/// Results of conformance cases in a safetensors file, under the case's name.

#include <map>
#include <span>
#include <string>
#include <vector>

#include <fusiform/io/safetensors.hpp>

#include "arch_case.cuh"

namespace fusiform::test {

/// Words by the name of the case.
using ArchResults = std::map<std::string, Words>;

inline void write_results(const std::string& path, const ArchResults& results) {
  SafetensorsWriter writer;
  for (const auto& [name, words] : results) {
    const auto* values = reinterpret_cast<const std::int32_t*>(words.data());
    writer.add(name, {Index(words.size())}, std::span(values, words.size()));
  }
  writer.write(path);
}

[[nodiscard]] inline ArchResults read_results(const std::string& path) {
  const SafetensorsFile file(path);
  ArchResults results;
  for (const std::string& name : file.names()) {
    const std::vector<std::int32_t> words = file.read<std::int32_t>(name);
    results[name].assign(words.begin(), words.end());
  }
  return results;
}

/// "same", or the first difference. No words: refused.
[[nodiscard]] inline std::string compare(const Words& expected, const Words& found) {
  if (expected.empty() != found.empty()) return found.empty() ? "refused" : "not refused";
  if (expected.size() != found.size()) return text("expected ", expected.size(), " words, got ", found.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (expected[i] != found[i])
      return text("word ", i, " of ", found.size(), ": expected 0x", std::hex, expected[i], ", got 0x", found[i]);
  return "same";
}

}  // namespace fusiform::test
