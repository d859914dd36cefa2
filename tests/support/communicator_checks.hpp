#pragma once
/// What every communicator must do, checked from inside a team: for threads in a test program and for MPI.

#include <string>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform::test {

namespace detail {

/// Bytes of a length that differs between processes; some empty.
[[nodiscard]] inline std::string bytes_of_rank(int rank, std::size_t scale) {
  std::string bytes(static_cast<std::size_t>(rank % 3) * scale, static_cast<char>(rank));
  for (std::size_t i = 0; i < bytes.size(); i += 7) bytes[i] = static_cast<char>(i);
  return bytes;
}

/// Numbers whose sum depends on the order of summation.
template <class T>
[[nodiscard]] std::vector<T> values_of_rank(int rank, std::size_t count) {
  Rng rng(static_cast<std::uint64_t>(rank));
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(rng.normal() * std::exp(10 * rng.normal()));
  return values;
}

template <class T>
[[nodiscard]] bool sums_in_order(Communicator& team, std::size_t count) {
  std::vector<T> expected = values_of_rank<T>(0, count);
  for (int rank = 1; rank < team.size(); ++rank) {
    const std::vector<T> more = values_of_rank<T>(rank, count);
    for (std::size_t i = 0; i < count; ++i) expected[i] += more[i];
  }
  std::vector<T> values = values_of_rank<T>(team.rank(), count);
  team.sum(std::span(values));
  return values == expected;
}

}  // namespace detail

/// What is wrong, in words; to be called on all processes of the team.
[[nodiscard]] inline std::vector<std::string> communicator_problems(Communicator& team) {
  std::vector<std::string> problems;
  const auto expect = [&](bool right, const std::string& what) {
    if (!right) problems.push_back(text("process ", team.rank(), " of ", team.size(), ": ", what));
  };
  expect(team.local_rank() == team.rank(), "local rank");  // tests run on one machine
  for (const std::size_t scale : {0U, 1U, 10U, 100'000U}) {
    std::vector<std::string> all;
    for (int rank = 0; rank < team.size(); ++rank) all.push_back(detail::bytes_of_rank(rank, scale));
    const std::string mine = detail::bytes_of_rank(team.rank(), scale);
    expect(team.gather(mine) == (team.rank() == 0 ? all : std::vector<std::string>{}), text("gather ", scale));
    expect(team.all_gather(mine) == all, text("all_gather ", scale));
    const std::string first(scale, 'f');
    expect(team.broadcast(team.rank() == 0 ? first : "ignored") == first, text("broadcast ", scale));
  }
  for (const std::size_t count : {0U, 1U, 2U, 5U, 1000U, 100'003U}) {
    expect(detail::sums_in_order<float>(team, count), text("float sum of ", count));
    expect(detail::sums_in_order<double>(team, count), text("double sum of ", count));
  }
  team.barrier();
  return problems;
}

}  // namespace fusiform::test
