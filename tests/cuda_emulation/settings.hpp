#pragma once
/// The settings of the emulator that every kernel is tested under.

#include <array>
#include <string>

#include "config.hpp"

namespace fusiform::test {

inline std::string name_of(const cuda_emulation::Config& config) {
  constexpr std::array<const char*, 3> schedules{"forward", "reverse", "random"};
  return text(schedules[static_cast<std::size_t>(config.schedule)],
              config.completion == cuda_emulation::Completion::eager ? ", eager" : ", deferred");
}

/// All schedules with both times of completion.
inline std::array<cuda_emulation::Config, 6> emulator_settings() {
  std::array<cuda_emulation::Config, 6> settings;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    settings[i].schedule = static_cast<cuda_emulation::Schedule>(i / 2);
    settings[i].completion = static_cast<cuda_emulation::Completion>(i % 2);
    settings[i].seed = unsigned(i) + 1;
  }
  return settings;
}

}  // namespace fusiform::test
