#pragma once
/// Processes that work together: what they ask of whatever connects them (threads of a test, MPI, or nothing).

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fusiform/core/error.hpp>
#include <fusiform/core/message.hpp>

namespace fusiform {

/// Another process of the team has given up, so that what all of them were to do together cannot be done.
class CommunicationError : public Error {
 public:
  using Error::Error;
};

/// A team of processes 0..size-1. `gather`, `broadcast`, `sum` and `barrier` are done by all of them together: every
/// process calls the same functions in the same order, from one thread. Nothing depends on which process is faster.
/// They throw CommunicationError if another process gave up.
///
/// An error on one process must not leave the others waiting. Where all processes do the same step, `together` tells
/// all of them. Where that cannot be, the process that cannot go on calls `give_up`.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  [[nodiscard]] virtual int rank() const noexcept = 0;
  [[nodiscard]] virtual int size() const noexcept = 0;

  /// The place among the team's processes on the same machine, from 0 on.
  [[nodiscard]] virtual int local_rank() const noexcept { return rank(); }

  /// On process 0 what each process gave, in their order; elsewhere nothing. Lengths may differ.
  [[nodiscard]] virtual std::vector<std::string> gather(std::string_view mine) = 0;

  /// Everywhere what process 0 gave; what the others give is not looked at.
  [[nodiscard]] virtual std::string broadcast(std::string_view from_first) = 0;

  /// Replaces `values`, of the same length everywhere, by the sums over all processes. Summed in the order of the
  /// processes, ((v0 + v1) + v2) + ..., so that the same bits come out every time and everywhere.
  virtual void sum(std::span<float> values) = 0;
  virtual void sum(std::span<double> values) = 0;

  /// Returns when all processes have called it.
  virtual void barrier() = 0;

  /// Ends the work of the team: whoever waits for this process, now or later, gets CommunicationError, or is ended if
  /// it is a process of its own (then this call does not return).
  virtual void give_up() noexcept = 0;

  /// Everywhere what each process gave, in their order.
  [[nodiscard]] std::vector<std::string> all_gather(std::string_view mine) {
    MessageWriter writer;
    for (const std::string& bytes : gather(mine)) writer.put_text(bytes);
    const std::string all = broadcast(writer.bytes());
    std::vector<std::string> result;
    for (MessageReader reader(all, "all_gather"); !reader.at_end();) result.push_back(reader.get_text());
    return result;
  }
};

/// A team of one.
class SingleProcess final : public Communicator {
 public:
  [[nodiscard]] int rank() const noexcept override { return 0; }
  [[nodiscard]] int size() const noexcept override { return 1; }
  [[nodiscard]] std::vector<std::string> gather(std::string_view mine) override { return {std::string(mine)}; }
  [[nodiscard]] std::string broadcast(std::string_view from_first) override { return std::string(from_first); }
  void sum(std::span<float>) override {}
  void sum(std::span<double>) override {}
  void barrier() override {}
  void give_up() noexcept override {}
};

/// A team of one for those who are not given another.
[[nodiscard]] inline Communicator& this_process() {
  static SingleProcess team;
  return team;
}

}  // namespace fusiform
