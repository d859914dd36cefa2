#pragma once
/// Results of conformance cases in a safetensors file, under the case's name.

#include <map>
#include <span>
#include <string>
#include <vector>

#include <fusiform/io/safetensors.hpp>

#include "arch_case.cuh"

namespace fusiform::test {

inline void write_arch_cases(const std::string& path, const std::vector<ArchCase>& cases) {
  SafetensorsWriter writer;
  for (const ArchCase& c : cases) {
    const auto* words = reinterpret_cast<const std::int32_t*>(c.words.data());
    writer.add(c.name, {Index(c.words.size())}, std::span(words, c.words.size()));
  }
  writer.write(path);
}

[[nodiscard]] inline std::map<std::string, std::vector<std::uint32_t>> read_arch_cases(const std::string& path) {
  const SafetensorsFile file(path);
  std::map<std::string, std::vector<std::uint32_t>> cases;
  for (const std::string& name : file.names()) {
    const std::vector<std::int32_t> words = file.read<std::int32_t>(name);
    cases[name].assign(words.begin(), words.end());
  }
  return cases;
}

/// "same", or the first difference.
[[nodiscard]] inline std::string compare(const std::vector<std::uint32_t>& expected,
                                         const std::vector<std::uint32_t>& found) {
  if (expected.size() != found.size()) return text("expected ", expected.size(), " words, got ", found.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (expected[i] != found[i])
      return text("word ", i, " of ", found.size(), ": expected 0x", std::hex, expected[i], ", got 0x", found[i]);
  return "same";
}

}  // namespace fusiform::test
