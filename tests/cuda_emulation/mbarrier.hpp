#pragma once
/// mbarriers: phases that complete when all expected threads have arrived and all announced bytes are there
/// (PTX ISA 9, "mbarrier").

#include <bit>
#include <cstring>

#include "addresses.hpp"
#include "block.hpp"

namespace fusiform::cuda_emulation {

[[nodiscard]] inline std::uint64_t mark_of(std::uint32_t address) { return 0x6d62617272696572u ^ address; }

/// The mbarrier whose word is at `word`; fails if there is none or if its word was overwritten.
inline Mbarrier& mbarrier_at(const std::uint64_t* word, const char* what) {
  const std::uint32_t address = shared_address(word);
  for (Mbarrier& m : current_block->mbarriers) {
    if (m.address != address) continue;
    if (*word != mark_of(address)) fail(text(what, ": the mbarrier at ", address, " was overwritten"));
    return m;
  }
  fail(text(what, ": the mbarrier at ", address, " was not initialized"));
}

inline void mbarrier_init(std::uint64_t* word, unsigned count) {
  const std::uint32_t address = shared_address(word);
  if (address % 8 != 0) fail("mbarrier: expected an address that is a multiple of 8");
  if (count == 0 || count >= 1u << 20) fail(text("mbarrier: expected a count of 1 to 1048575, got ", count));
  for (const Mbarrier& m : current_block->mbarriers)
    if (m.address == address) fail(text("mbarrier at ", address, ": initialized twice"));
  current_block->mbarriers.push_back({address, count, count, 0, 0});
  *word = mark_of(address);
}

inline void complete_phase_if_due(Mbarrier& m) {
  if (m.pending != 0 || m.bytes != 0) return;
  ++m.generation;
  m.pending = m.count;
}

/// One arrival, after announcing `bytes` that copies will bring.
inline void mbarrier_arrive(const std::uint64_t* word, std::int64_t bytes) {
  Mbarrier& m = mbarrier_at(word, "mbarrier arrive");
  if (m.pending == 0) fail(text("mbarrier at ", m.address, ": more than ", m.count, " arrivals in a phase"));
  m.bytes += bytes;
  if (m.bytes >= 1 << 20) fail(text("mbarrier at ", m.address, ": more than 1048575 bytes announced"));
  --m.pending;
  complete_phase_if_due(m);
}

/// `bytes` have arrived.
inline void mbarrier_complete_bytes(Mbarrier& m, std::int64_t bytes) {
  m.bytes -= bytes;
  if (m.pending == 0 && m.bytes < 0) fail(text("mbarrier at ", m.address, ": more bytes arrived than announced"));
  complete_phase_if_due(m);
}

[[nodiscard]] inline bool mbarrier_test(const std::uint64_t* word, unsigned parity) {
  return mbarrier_at(word, "mbarrier test").generation % 2 != parity;
}

/// Returns when the phase of this parity (0 for the first) is complete.
inline void mbarrier_wait(const std::uint64_t* word, unsigned parity, Where where) {
  if (parity > 1) fail(text("mbarrier wait: expected parity 0 or 1, got ", parity));
  const Mbarrier& m = mbarrier_at(word, "mbarrier wait");
  while (m.generation % 2 == parity) wait_for({&m.generation, m.generation, "mbarrier wait", where, &m});
}

}  // namespace fusiform::cuda_emulation
