#pragma once
/// Operations of several lanes together. Each lane brings a record; the last to arrive computes for all.

#include <bit>
#include <cstdint>

#include "block.hpp"
#include "report.hpp"

namespace fusiform::cuda_emulation {

inline constexpr std::uint32_t full_mask = ~std::uint32_t(0);

/// `compute(Record* const* lanes)` runs once, when all lanes of `mask` are there; lanes outside it have no record.
template <class Record, class Compute>
void warp_operation(std::uint32_t mask, Record& record, const char* what, Where where, Compute compute) {
  Thread& thread = *current_thread;
  const unsigned lane = thread.lane();
  if ((mask >> lane & 1u) == 0) fail(text(what, ": lane ", lane, " is not in its own mask"));
  WarpOperation& operation = thread.warp->operations[unsigned(std::countr_zero(mask))];
  if (operation.arrived == 0) {
    operation.mask = mask;
    operation.what = what;
    operation.where = where;
  } else if (operation.mask != mask || operation.what != what || operation.where.line != where.line) {
    fail(text("lanes of a warp disagree: ", what, " at ", file_name(where), ":", where.line, " with mask ", mask, ", ",
              operation.what, " at ", file_name(operation.where), ":", operation.where.line, " with mask ",
              operation.mask));
  }
  operation.records[lane] = &record;
  operation.arrived |= std::uint32_t(1) << lane;
  if (operation.arrived != mask) return wait_for({&operation.generation, operation.generation, what, where});
  std::array<Record*, 32> lanes{};
  for (unsigned i = 0; i < 32; ++i)
    if ((mask >> i & 1u) != 0) lanes[i] = static_cast<Record*>(operation.records[i]);
  operation.arrived = 0;
  ++operation.generation;
  compute(lanes.data());
}

/// The value of lane `source`.
template <class T>
[[nodiscard]] T shuffle_from(std::uint32_t mask, T value, unsigned source, const char* what, Where where) {
  struct Record {
    T value, result;
    unsigned source;
  } record{value, value, source};
  warp_operation(mask, record, what, where, [&](Record* const* lanes) {
    for (unsigned i = 0; i < 32; ++i) {
      if (lanes[i] == nullptr) continue;
      if (lanes[lanes[i]->source] == nullptr) fail(text(what, ": lane ", i, " reads a lane outside the mask"));
      lanes[i]->result = lanes[lanes[i]->source]->value;
    }
  });
  return record.result;
}

}  // namespace fusiform::cuda_emulation
