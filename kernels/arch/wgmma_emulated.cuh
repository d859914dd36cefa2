#pragma once
/// wgmma under the emulator: every warp computes its 16 of the 64 rows, when the product is issued or, with
/// Completion::deferred, when it is waited for. Operands are read through their descriptors and the 128-byte swizzle.

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "bfloat16.cuh"
#include "target.cuh"

namespace fusiform::cuda_emulation {

/// When products take place, if not as config.completion says. Products at the last moment together with copies at the
/// first show stages that are given back while they are still being read.
inline std::optional<Completion> product_completion;

/// What a descriptor says, in bytes.
struct OperandLayout {
  std::uint32_t start, column_blocks, eight_rows;
  bool mn_major;

  OperandLayout(std::uint64_t descriptor, bool is_mn_major)
      : start(std::uint32_t(descriptor & 0x3fff) << 4),
        column_blocks(std::uint32_t(descriptor >> 16 & 0x3fff) << 4),
        eight_rows(std::uint32_t(descriptor >> 32 & 0x3fff) << 4),
        mn_major(is_mn_major) {
    if (descriptor >> 62 != 1) fail("wgmma: expected a descriptor with the 128-byte swizzle");
    if ((descriptor >> 49 & 7) != 0) fail("wgmma: expected a descriptor with base offset 0");
  }

  /// Element `index` of the result's rows or columns and `term` of the sum.
  [[nodiscard]] float at(std::uint32_t index, std::uint32_t term) const {
    const std::uint32_t address =
        mn_major ? start + index / 64 * column_blocks + index % 64 * 2 + term / 8 * eight_rows + term % 8 * 128
                 : start + index / 8 * eight_rows + index % 8 * 128 + term * 2;
    arch::bf16 value;
    std::memcpy(&value, shared_bytes(address ^ (address >> 3 & 0x70u), 2), 2);
    return arch::to_float(value);
  }
};

/// Sums of 16 rows and 64 columns of a product, from column `column` on.
using ProductBlock = std::array<std::array<float, 64>, 16>;

inline ProductBlock multiply_block(const std::array<std::array<float, 16>, 16>& a, const OperandLayout& b,
                                   std::uint32_t column) {
  std::array<std::array<float, 64>, 16> terms;
  for (std::uint32_t k = 0; k < 16; ++k)
    for (std::uint32_t j = 0; j < 64; ++j) terms[k][j] = b.at(column + j, k);
  ProductBlock sums{};
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t k = 0; k < 16; ++k)
      for (std::size_t j = 0; j < 64; ++j) sums[i][j] += a[i][k] * terms[k][j];
  return sums;
}

/// One product for all lanes of a warp.
inline void multiply_warp(const std::array<const WarpgroupProduct*, 32>& lanes, std::uint32_t warp_of_group) {
  const WarpgroupProduct& product = *lanes[0];
  for (const WarpgroupProduct* lane : lanes)
    if (lane->a != product.a || lane->b != product.b || lane->accumulate != product.accumulate)
      fail("wgmma: the lanes of a warp disagree on the operands");
  const OperandLayout a(product.a, product.a_mn_major), b(product.b, product.b_mn_major);
  std::array<std::array<float, 16>, 16> rows;
  for (std::uint32_t i = 0; i < 16; ++i)
    for (std::uint32_t k = 0; k < 16; ++k) rows[i][k] = a.at(warp_of_group * 16 + i, k);
  for (int column = 0; column < product.columns; column += 64) {
    const ProductBlock sums = multiply_block(rows, b, std::uint32_t(column));
    for (std::size_t lane = 0; lane < 32; ++lane)
      for (std::size_t i = 0; i < 32; ++i) {
        float& sum = lanes[lane]->sums[std::size_t(column) / 2 + i];
        sum = (product.accumulate ? sum : 0.0f) + sums[lane / 4 + i / 2 % 2 * 8][i / 4 * 8 + lane % 4 * 2 + i % 2];
      }
  }
}

inline void wgmma_issue(const WarpgroupProduct& product, Where where) {
  if (product_completion.value_or(config.completion) == Completion::deferred)
    return current_thread->products.issue(product);
  WarpgroupProduct record = product;
  warp_operation(full_mask, record, "wgmma", where, [](WarpgroupProduct* const* lanes) {
    std::array<const WarpgroupProduct*, 32> products;
    std::copy_n(lanes, 32, products.begin());
    multiply_warp(products, current_thread->number / 32 % 4);
  });
}

inline void wgmma_commit() { current_thread->products.commit(); }

/// Finishes the oldest group of all lanes.
inline void finish_oldest_group(Thread* const* lanes, std::uint32_t warp_of_group) {
  const std::size_t count = lanes[0]->products.oldest().size();
  for (std::size_t i = 0; i < count; ++i) {
    std::array<const WarpgroupProduct*, 32> products;
    for (std::size_t lane = 0; lane < 32; ++lane) {
      if (lanes[lane]->products.groups() == 0 || lanes[lane]->products.oldest().size() != count)
        fail("wgmma: the lanes of a warp have issued different products");
      products[lane] = &lanes[lane]->products.oldest()[i];
    }
    multiply_warp(products, warp_of_group);
  }
  for (std::size_t lane = 0; lane < 32; ++lane) lanes[lane]->products.drop_oldest();
}

/// Finishes all but the `pending` youngest groups, for a whole warp at once as the instruction demands.
inline void wgmma_wait(std::size_t pending, Where where) {
  struct Record {
    Thread* thread;
  } record{current_thread};
  warp_operation(full_mask, record, "wgmma wait", where, [pending](Record* const* records) {
    std::array<Thread*, 32> lanes;
    for (std::size_t i = 0; i < 32; ++i) lanes[i] = records[i]->thread;
    while (lanes[0]->products.groups() > pending) finish_oldest_group(lanes.data(), lanes[0]->number / 32 % 4);
  });
}

}  // namespace fusiform::cuda_emulation
