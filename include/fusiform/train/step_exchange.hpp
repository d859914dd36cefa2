#pragma once
/// Data-parallel training: makes one step out of what each process computed from its share of a batch.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/train/outcomes.hpp>

namespace fusiform {

/// The part of a batch that one process computes: images first..first+count-1, none if there are fewer than processes.
struct BatchShare {
  Index first = 0;
  Index count = 0;
};

[[nodiscard]] inline BatchShare batch_share(Index batch, const Communicator& team) {
  const Index first = batch * team.rank() / team.size();
  return {first, batch * (team.rank() + 1) / team.size() - first};
}

/// Gradients are those of the mean over the whole batch, summed in the order of the processes: the same bits
/// everywhere, and those of one process but for rounding. Batch norms see the statistics of their own share; running
/// statistics become the mean of the processes', weighted by images. The network, whose values must be the same on all
/// processes, and the team must outlive this object.
template <Scalar T>
class StepExchange {
 public:
  StepExchange(Communicator& team, Network<T, Cpu>& network) : team_(team) {
    for (const NamedParameter<T, Cpu>& named : network.parameters()) {
      if (named.parameter->learns()) learned_.push_back(named.parameter);
      if (!named.parameter->is_learned() && !network.node(named.node).frozen) recorded_.push_back(named.parameter);
    }
  }

  [[nodiscard]] Communicator& team() const noexcept { return team_; }

  /// Before a process computes its share: keeps the running statistics as they are.
  void begin() {
    before_.clear();
    for (const Parameter<T, Cpu>* parameter : recorded_)
      before_.insert(before_.end(), parameter->value.span().begin(), parameter->value.span().end());
  }

  /// On all processes together: replaces gradients, already weighted by `share.count / batch`, and running statistics
  /// by those of the whole batch, and returns its outcomes. `own` are those of the share.
  const Outcomes<T>& combine(Index batch, const BatchShare& share, const Outcomes<T>& own) {
    sums_.clear();
    for (const Parameter<T, Cpu>* parameter : learned_) put(parameter->gradient.span(), share.count > 0);
    const T weight = static_cast<T>(share.count) / static_cast<T>(batch);
    std::size_t place = 0;
    for (const Parameter<T, Cpu>* parameter : recorded_)
      for (const T value : parameter->value.span()) sums_.push_back(weight * (value - before_[place++]));
    put_outcomes(batch, share, own);
    team_.sum(std::span(sums_));
    take(batch);
    return outcomes_;
  }

  /// The running statistics become what they were at `begin`.
  void restore() {
    std::size_t place = 0;
    for (Parameter<T, Cpu>* parameter : recorded_)
      for (T& value : parameter->value.span()) value = before_[place++];
  }

 private:
  void put(std::span<const T> values, bool counts) {
    if (counts) {
      sums_.insert(sums_.end(), values.begin(), values.end());
    } else {
      sums_.insert(sums_.end(), values.size(), T{0});
    }
  }

  /// At the share's place, zero elsewhere: the sum over all processes is the whole.
  void put_outcomes(Index batch, const BatchShare& share, const Outcomes<T>& own) {
    const auto put_at_place = [&](const auto& values) {
      const std::size_t start = sums_.size();
      sums_.resize(start + static_cast<std::size_t>(batch));
      for (Index i = 0; i < share.count; ++i)
        sums_[start + static_cast<std::size_t>(share.first + i)] = static_cast<T>(values[static_cast<std::size_t>(i)]);
    };
    put_at_place(own.losses);
    put_at_place(own.correct);
    put_at_place(own.in_top5);
  }

  void take(Index batch) {
    const T* next = sums_.data();
    for (Parameter<T, Cpu>* parameter : learned_) {
      std::copy_n(next, parameter->gradient.size(), parameter->gradient.data());
      next += parameter->gradient.size();
    }
    std::size_t place = 0;
    for (Parameter<T, Cpu>* parameter : recorded_)
      for (T& value : parameter->value.span()) value = before_[place++] + *next++;
    outcomes_.resize(batch);
    for (T& loss : outcomes_.losses) loss = *next++;
    for (std::uint8_t& correct : outcomes_.correct) correct = static_cast<std::uint8_t>(*next++);
    for (std::uint8_t& in_top5 : outcomes_.in_top5) in_top5 = static_cast<std::uint8_t>(*next++);
  }

  Communicator& team_;
  std::vector<Parameter<T, Cpu>*> learned_;
  std::vector<Parameter<T, Cpu>*> recorded_;  // running statistics that training changes
  std::vector<T> before_;                     // their values at `begin`
  std::vector<T> sums_;
  Outcomes<T> outcomes_;
};

}  // namespace fusiform
