#pragma once
/// Cases of the conformance test: small kernels that show what an instruction does, on given inputs.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "device_buffer.cuh"
#include "kernels/launch.cuh"

namespace fusiform::test {

/// What a kernel left behind, word by word; nothing if the hardware refuses what it does.
using Words = std::vector<std::uint32_t>;

struct ArchCase {
  std::string name;
  std::function<Words()> run;  ///< throws CudaError on a device, EmulationError under the emulator, for what is refused
};

using ArchCases = std::vector<ArchCase>;

inline constexpr std::uint32_t untouched = 0xdeadbeefu;

/// The same pseudo-random words everywhere: multiplicative hashing of the place.
__host__ __device__ inline std::uint32_t seeded_word(std::uint32_t place) {
  std::uint32_t z = place * 0x9e3779b9u + 0x7f4a7c15u;
  z = (z ^ z >> 16) * 0x85ebca6bu;
  z = (z ^ z >> 13) * 0xc2b2ae35u;
  return z ^ z >> 16;
}

inline std::vector<std::uint32_t> seeded_words(std::size_t count, std::uint32_t seed = 0) {
  std::vector<std::uint32_t> words(count);
  for (std::size_t i = 0; i < count; ++i) words[i] = seeded_word(std::uint32_t(i) + seed * 1000003u);
  return words;
}

/// Two bf16, each a whole number from -4 to 4: sums of products of them are exact in float in any order.
__host__ __device__ inline std::uint32_t seeded_bf16_pair(std::uint32_t place) {
  const std::uint32_t word = seeded_word(place);
  std::uint32_t pair = 0;
  for (int i = 0; i < 2; ++i) {
    const float value = float(int(word >> (8 * i) & 0xffu) % 9 - 4);
    std::uint32_t bits;
    memcpy(&bits, &value, 4);
    pair |= bits >> 16 << (16 * i);
  }
  return pair;
}

/// The words that kernel(out, arguments...) writes in one block; those that it leaves out show 0xdeadbeef.
template <class Kernel, class... Arguments>
Words words_of(Kernel kernel, unsigned threads, std::size_t shared_bytes, std::size_t words,
               const Arguments&... arguments) {
  const DeviceBuffer<std::uint32_t> out(Words(words, untouched));
  launch(kernel, {.grid = 1, .block = threads, .shared_bytes = shared_bytes}, out.data(), arguments...);
  return out.download();
}

}  // namespace fusiform::test
