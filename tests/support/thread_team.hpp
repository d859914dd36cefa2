#pragma once
/// A team whose processes are threads of a test.

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fusiform/core/communicator.hpp>

namespace fusiform::test {

/// What the threads of one team share: a place for each, and a barrier that a member who gives up opens for good.
class ThreadTeamState {
 public:
  explicit ThreadTeamState(int size) : texts(static_cast<std::size_t>(size)), arrays(texts.size()) {}

  std::vector<std::string> texts;
  std::vector<const void*> arrays;

  void wait() {
    std::unique_lock lock(mutex_);
    require_team();
    const long round = round_;
    if (++waiting_ == texts.size()) {
      waiting_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return round_ != round || has_given_up_; });
    if (round_ == round) require_team();
  }

  void give_up() noexcept {
    const std::lock_guard lock(mutex_);
    has_given_up_ = true;
    changed_.notify_all();
  }

 private:
  void require_team() const {
    if (has_given_up_) throw CommunicationError("another process has given up");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;
  long round_ = 0;
  bool has_given_up_ = false;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(ThreadTeamState& state, int rank) : state_(state), rank_(rank) {}

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return static_cast<int>(state_.texts.size()); }

  [[nodiscard]] std::vector<std::string> gather(std::string_view mine) override {
    state_.texts[static_cast<std::size_t>(rank_)] = mine;
    state_.wait();
    std::vector<std::string> all;
    if (rank_ == 0) all = state_.texts;
    state_.wait();
    return all;
  }

  [[nodiscard]] std::string broadcast(std::string_view from_first) override {
    if (rank_ == 0) state_.texts[0] = from_first;
    state_.wait();
    std::string copy = state_.texts[0];
    state_.wait();
    return copy;
  }

  void sum(std::span<float> values) override { sum_of(values); }
  void sum(std::span<double> values) override { sum_of(values); }
  void barrier() override { state_.wait(); }
  void give_up() noexcept override { state_.give_up(); }

 private:
  template <class T>
  void sum_of(std::span<T> values) {
    state_.arrays[static_cast<std::size_t>(rank_)] = values.data();
    state_.wait();
    std::vector<T> sums(values.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      T sum = static_cast<const T*>(state_.arrays[0])[i];
      for (std::size_t r = 1; r < state_.arrays.size(); ++r) sum += static_cast<const T*>(state_.arrays[r])[i];
      sums[i] = sum;
    }
    state_.wait();
    std::copy(sums.begin(), sums.end(), values.begin());
  }

  ThreadTeamState& state_;
  int rank_;
};

/// Runs `body` on every member of a team of `size`. A member that throws gives up for the team. Rethrows the error of
/// the lowest member that failed by itself, not for want of another.
inline void run_team(int size, const std::function<void(Communicator&)>& body) {
  ThreadTeamState state(size);
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> members;
  for (int rank = 0; rank < size; ++rank)
    members.emplace_back([&, rank] {
      ThreadCommunicator team(state, rank);
      try {
        body(team);
      } catch (const CommunicationError&) {
        team.give_up();
      } catch (...) {
        errors[static_cast<std::size_t>(rank)] = std::current_exception();
        team.give_up();
      }
    });
  for (std::thread& member : members) member.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace fusiform::test
