#pragma once
/// The copy engine under the emulator. A deferred load arrives when nobody can go on without it; a deferred store reads
/// and writes when its thread waits for that.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "tensor_map_emulated.cuh"
#include "tests/cuda_emulation/cuda_emulation.hpp"

namespace fusiform::cuda_emulation {

using Coordinates = std::array<int, 5>;

/// Where the byte at `address` of a tile lies: bits 4 and up are combined with bits 7 and up.
[[nodiscard]] inline std::uint32_t swizzled(std::uint32_t address, arch::Swizzle swizzle) {
  const std::uint32_t pieces = swizzle == arch::Swizzle::none ? 0 : arch::bytes_of(swizzle) / 16 - 1;
  return address ^ (address >> 7 & pieces) << 4;
}

/// Calls visit(row, where in the tensor it starts or nullptr, first and last + 1 valid element) for every row of a box.
template <class Visit>
void for_each_row(const TensorMap& map, const Coordinates& at, Visit visit) {
  const std::int64_t begin = std::clamp<std::int64_t>(-std::int64_t(at[0]), 0, map.box[0]);
  const std::int64_t end = std::clamp<std::int64_t>(map.extent[0] - at[0], begin, map.box[0]);
  for (int row = 0; row < map.rows(); ++row) {
    bool inside = true;
    std::int64_t offset = at[0] * map.stride[0];
    for (std::size_t i = 1, rest = std::size_t(row); i < 5; ++i) {
      const std::int64_t index = at[i] + std::int64_t(rest % std::size_t(map.box[i]));
      rest /= std::size_t(map.box[i]);
      inside = inside && index >= 0 && index < map.extent[i];
      offset += index * map.stride[i];
    }
    visit(row, inside ? offset : 0, inside ? begin : 0, inside ? end : 0);
  }
}

/// Writes a row of a tile: bytes [begin, end) from `values`, zeros around them.
inline void write_row(std::uint32_t address, const TensorMap& map, const std::byte* values, std::int64_t begin,
                      std::int64_t end) {
  std::byte row[1024] = {};
  if (end > begin) std::memcpy(row + begin, values + begin, std::size_t(end - begin));
  for (int i = 0; i < map.row_bytes(); i += 16)
    std::memcpy(shared_bytes(swizzled(address + std::uint32_t(i), map.swizzle), 16), row + i, 16);
}

inline std::uint32_t tile_address(const void* tile, const TensorMap& map, const char* what) {
  const std::uint32_t address = shared_address(tile);
  if (address % 128 != 0) fail(text(what, ": expected a tile at a multiple of 128 bytes, got ", address));
  (void)shared_bytes(address, std::size_t(map.bytes()));
  return address;
}

inline void start_load(const TensorMap& map, const std::uint64_t* barrier, std::function<void()> copy) {
  Mbarrier& mbarrier = mbarrier_at(barrier, "TMA load");
  auto load = [copy = std::move(copy), &mbarrier, bytes = map.bytes()] {
    copy();
    mbarrier_complete_bytes(mbarrier, bytes);
  };
  if (config.completion == Completion::eager)
    load();
  else
    current_block->loads.emplace_back(std::move(load));
}

inline void check_rank(const TensorMap& map, int rank, const char* what) {
  if (map.im2col || map.rank != rank)
    fail(text(what, ": expected a tiled map of rank ", rank, ", got ", map.im2col ? "an im2col map" : "rank ",
              map.im2col ? "" : std::to_string(map.rank)));
}

/// The engine answers an odd place in the innermost index with an illegal instruction (seen on an H100).
inline void check_first_coordinate(const TensorMap& map, int coordinate, const char* what) {
  if (coordinate * int(map.element_bytes) % 16 != 0)
    fail(text(what, ": expected a first coordinate at a multiple of 16 bytes, got element ", coordinate));
}

inline void tma_load(void* to, const TensorMap& map, const std::uint64_t* barrier, int rank, const Coordinates& at) {
  check_rank(map, rank, "TMA load");
  check_first_coordinate(map, at[0], "TMA load");
  const std::uint32_t address = tile_address(to, map, "TMA load");
  start_load(map, barrier, [address, map, at] {
    for_each_row(map, at, [&](int row, std::int64_t offset, std::int64_t begin, std::int64_t end) {
      const std::int64_t size = map.element_bytes;
      write_row(address + std::uint32_t(row * map.row_bytes()), map, map.data + offset, begin * size, end * size);
    });
  });
}

/// Walks the bounding box from `at` on: columns, then rows, then images.
inline void tma_load_im2col(void* to, const TensorMap& map, const std::uint64_t* barrier, Coordinates at,
                            std::array<int, 2> tap) {
  if (!map.im2col) fail("TMA im2col load: expected an im2col map, got a tiled one");
  check_first_coordinate(map, at[0], "TMA im2col load");
  const std::uint32_t address = tile_address(to, map, "TMA im2col load");
  start_load(map, barrier, [address, map, at, tap]() mutable {
    const std::int64_t size = map.element_bytes;
    const std::int64_t begin = std::clamp<std::int64_t>(-std::int64_t(at[0]), 0, map.box[0]);
    const std::int64_t end = std::clamp<std::int64_t>(map.extent[0] - at[0], begin, map.box[0]);
    for (int pixel = 0; pixel < map.box[1]; ++pixel) {
      const std::int64_t x = at[1] + tap[0], y = at[2] + tap[1], n = at[3];
      const bool inside = x >= 0 && x < map.extent[1] && y >= 0 && y < map.extent[2] && n >= 0 && n < map.extent[3];
      const std::int64_t offset = inside ? at[0] * size + x * map.stride[1] + y * map.stride[2] + n * map.stride[3] : 0;
      write_row(address + std::uint32_t(pixel * map.row_bytes()), map, map.data + offset, inside ? begin * size : 0,
                inside ? end * size : 0);
      if ((at[1] += map.step[0]) <= map.extent[1] - 1 + map.upper[0]) continue;
      at[1] = map.lower[0];
      if ((at[2] += map.step[1]) <= map.extent[2] - 1 + map.upper[1]) continue;
      at[2] = map.lower[1];
      ++at[3];
    }
  });
}

inline void read_tile(std::vector<std::byte>& tile, std::uint32_t address, const TensorMap& map) {
  for (std::uint32_t i = 0; i < tile.size(); i += 16)
    std::memcpy(tile.data() + i, shared_bytes(swizzled(address + i, map.swizzle), 16), 16);
}

inline void tma_store(const TensorMap& map, const void* from, int rank, const Coordinates& at) {
  check_rank(map, rank, "TMA store");
  check_first_coordinate(map, at[0], "TMA store");
  for (const int coordinate : at)  // seen on an H100, too; loads may begin before the tensor
    if (coordinate < 0) fail(text("TMA store: expected coordinates from 0 on, got ", coordinate));
  const std::uint32_t address = tile_address(from, map, "TMA store");
  const auto tile = std::make_shared<std::vector<std::byte>>(map.bytes());
  BulkStore store{[=] { read_tile(*tile, address, map); },
                  [=] {
                    for_each_row(map, at, [&](int row, std::int64_t offset, std::int64_t begin, std::int64_t end) {
                      const std::int64_t size = map.element_bytes;
                      if (end > begin)
                        std::memcpy(map.data + offset + begin * size,
                                    tile->data() + row * map.row_bytes() + begin * size,
                                    std::size_t((end - begin) * size));
                    });
                  }};
  if (config.completion == Completion::eager) {
    store.read();
    store.write();
    store = {nullptr, [] {}};
  }
  current_thread->stores.issue(std::move(store));
}

/// All but the last `pending` groups read their tiles.
inline void tma_store_wait_read(std::size_t pending) {
  auto& groups = current_thread->stores.closed();
  for (std::size_t i = 0; i + pending < groups.size(); ++i)
    for (BulkStore& store : groups[i])
      if (store.read) std::exchange(store.read, nullptr)();
}

inline void tma_store_wait(std::size_t pending) {
  tma_store_wait_read(pending);
  auto& stores = current_thread->stores;
  for (; stores.groups() > pending; stores.drop_oldest())
    for (BulkStore& store : stores.oldest()) store.write();
}

}  // namespace fusiform::cuda_emulation
