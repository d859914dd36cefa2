#pragma once
/// Processes that MPI started, on one machine or many, as a team. Needs the target fusiform::mpi.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mpi.h>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// All processes of MPI_COMM_WORLD. One per program, made before and destroyed after everything that uses it, on one
/// thread. Does not need MPI's C++ bindings or its threads.
///
/// Failure: an error inside MPI ends all processes (MPI's default). `give_up` ends them too, as does the death of one,
/// if the launcher sees it (mpirun and srun --kill-on-bad-exit do). A communicator that is destroyed by an exception
/// passing gives up.
class MpiCommunicator final : public Communicator {
 public:
  /// Starts MPI. Throws CommunicationError if that was done before.
  MpiCommunicator() {
    int is_started = 0;
    MPI_Initialized(&is_started);
    if (is_started != 0) throw CommunicationError("MPI: expected one communicator per program, found MPI started");
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm machine{};  // of those that could share memory
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine);
    MPI_Comm_rank(machine, &local_rank_);
    MPI_Comm_free(&machine);
  }
  ~MpiCommunicator() override {
    if (std::uncaught_exceptions() > exceptions_) give_up();
    MPI_Finalize();
  }

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return size_; }
  [[nodiscard]] int local_rank() const noexcept override { return local_rank_; }

  [[nodiscard]] std::vector<std::string> gather(std::string_view mine) override {
    const std::uint64_t length = mine.size();
    std::vector<std::uint64_t> lengths(rank_ == 0 ? static_cast<std::size_t>(size_) : 0);
    MPI_Request request{};
    MPI_Igather(&length, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, 0, MPI_COMM_WORLD, &request);
    wait(request);
    std::vector<std::string> all;
    if (rank_ == 0) all.emplace_back(mine);
    for (int sender = 1; sender < size_ && rank_ == 0; ++sender) {
      std::string& bytes = all.emplace_back(lengths[static_cast<std::size_t>(sender)], '\0');
      in_pieces(bytes.size(), [&](std::size_t first, int count) {
        MPI_Recv(bytes.data() + first, count, MPI_BYTE, sender, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      });
    }
    if (rank_ > 0)
      in_pieces(mine.size(), [&](std::size_t first, int count) {
        MPI_Send(mine.data() + first, count, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
      });
    return all;
  }

  [[nodiscard]] std::string broadcast(std::string_view from_first) override {
    std::uint64_t length = from_first.size();
    MPI_Request request{};
    MPI_Ibcast(&length, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD, &request);
    wait(request);
    std::string bytes = rank_ == 0 ? std::string(from_first) : std::string(length, '\0');
    in_pieces(bytes.size(), [&](std::size_t first, int count) {
      MPI_Bcast(bytes.data() + first, count, MPI_BYTE, 0, MPI_COMM_WORLD);
    });
    return bytes;
  }

  void sum(std::span<float> values) override { sum_of(values); }
  void sum(std::span<double> values) override { sum_of(values); }

  void barrier() override {
    MPI_Request request{};
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    wait(request);
  }

  void give_up() noexcept override {
    if (size_ > 1) MPI_Abort(MPI_COMM_WORLD, 1);
  }

 private:
  static constexpr std::size_t piece_bytes = std::size_t{1} << 30U;  // MPI counts in int
  static constexpr std::size_t sum_piece = std::size_t{1} << 22U;    // elements: bounds the memory for a sum

  /// MPI waits by asking without pause. Another process may be at work for minutes: the processor is then better left
  /// to it.
  static void wait(MPI_Request& request) {
    const auto start = std::chrono::steady_clock::now();
    int is_done = 0;
    while (true) {
      MPI_Test(&request, &is_done, MPI_STATUS_IGNORE);
      if (is_done != 0) return;
      if (std::chrono::steady_clock::now() - start > std::chrono::milliseconds(2))
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  /// transfer(first, count) for consecutive pieces.
  template <class Transfer>
  static void in_pieces(std::size_t size, const Transfer& transfer) {
    for (std::size_t first = 0; first < size; first += piece_bytes)
      transfer(first, static_cast<int>(std::min(piece_bytes, size - first)));
  }

  /// Each process adds up one part of the values, in the order of the processes, and gives its sums to all: what is
  /// sent does not grow with the number of processes, and the order is not MPI's to choose.
  template <class T>
  void sum_of(std::span<T> values) {
    if (size_ == 1) return;
    barrier();  // waits without taking the processor from those who still work
    for (std::size_t first = 0; first < values.size(); first += sum_piece)
      sum_part(values.subspan(first, std::min(sum_piece, values.size() - first)));
  }

  template <class T>
  void sum_part(std::span<T> values) {
    const MPI_Datatype type = std::is_same_v<T, float> ? MPI_FLOAT : MPI_DOUBLE;
    const auto processes = static_cast<std::size_t>(size_);
    std::vector<int> counts(processes);
    std::vector<int> starts(processes);
    for (std::size_t r = 0; r < processes; ++r) {
      starts[r] = static_cast<int>(values.size() * r / processes);
      counts[r] = static_cast<int>(values.size() * (r + 1) / processes) - starts[r];
    }
    const int mine = counts[static_cast<std::size_t>(rank_)];
    std::vector<int> mine_counts(processes, mine);
    std::vector<int> mine_starts(processes);
    for (std::size_t r = 0; r < processes; ++r) mine_starts[r] = static_cast<int>(r) * mine;
    std::vector<T> parts(processes * static_cast<std::size_t>(mine));
    MPI_Alltoallv(values.data(), counts.data(), starts.data(), type, parts.data(), mine_counts.data(),
                  mine_starts.data(), type, MPI_COMM_WORLD);
    for (std::size_t r = 1; r < processes; ++r)
      for (std::size_t i = 0; i < static_cast<std::size_t>(mine); ++i)
        parts[i] += parts[r * static_cast<std::size_t>(mine) + i];
    MPI_Allgatherv(parts.data(), mine, type, values.data(), counts.data(), starts.data(), type, MPI_COMM_WORLD);
  }

  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace fusiform
