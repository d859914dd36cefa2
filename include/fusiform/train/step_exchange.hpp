#pragma once
/// Data-parallel training: makes one step out of what each process computed from its share of a batch.

#include <algorithm>
#include <string>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/nets/network.hpp>
#include <fusiform/ops/copy.hpp>
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
/// processes, and the team must outlive this object. Between devices everything goes through the CPU's memory.
template <Scalar T, Device D = Cpu>
class StepExchange {
  using Number = Master<T>;

 public:
  StepExchange(Communicator& team, Network<T, D>& network) : team_(team) {
    for (const NamedParameter<T, D>& named : network.parameters()) {
      if (named.parameter->learns()) learned_.push_back(named.parameter);
      if (!named.parameter->is_learned() && !network.node(named.node).frozen) recorded_.push_back(named.parameter);
    }
  }

  [[nodiscard]] Communicator& team() const noexcept { return team_; }

  /// Before a process computes its share: keeps the running statistics as they are.
  void begin() {
    before_.clear();
    for (const Parameter<T, D>* parameter : recorded_) append(parameter->value, before_);
  }

  /// On all processes together: replaces gradients, already weighted by `share.count / batch`, and running statistics
  /// by those of the whole batch, and returns its outcomes. `own` are those of the share.
  const Outcomes<Number>& combine(Index batch, const BatchShare& share, const Outcomes<Number>& own) {
    sums_.clear();
    for (const Parameter<T, D>* parameter : learned_) put(parameter->gradient, share.count > 0);
    const Number weight = static_cast<Number>(share.count) / static_cast<Number>(batch);
    const std::size_t first = sums_.size();
    for (const Parameter<T, D>* parameter : recorded_) append(parameter->value, sums_);
    for (std::size_t i = 0; i < before_.size(); ++i) sums_[first + i] = weight * (sums_[first + i] - before_[i]);
    put_outcomes(batch, share, own);
    team_.sum(std::span(sums_));
    take(batch);
    return outcomes_;
  }

  /// The running statistics become what they were at `begin`.
  void restore() {
    const Number* next = before_.data();
    for (Parameter<T, D>* parameter : recorded_) next = take(next, parameter->value);
  }

 private:
  static void append(const Tensor<Number, D>& tensor, std::vector<Number>& list) {
    list.resize(list.size() + static_cast<std::size_t>(tensor.size()));
    copy(tensor.view(), View<Number, Cpu>(list.data() + list.size() - tensor.size(), tensor.shape()));
  }

  static const Number* take(const Number* elements, Tensor<Number, D>& tensor) {
    copy(View<const Number, Cpu>(elements, tensor.shape()), tensor.view());
    return elements + tensor.size();
  }

  void put(const Tensor<Number, D>& tensor, bool counts) {
    if (counts)
      append(tensor, sums_);
    else
      sums_.insert(sums_.end(), static_cast<std::size_t>(tensor.size()), Number{0});
  }

  /// At the share's place, zero elsewhere: the sum over all processes is the whole.
  void put_outcomes(Index batch, const BatchShare& share, const Outcomes<Number>& own) {
    const auto put_at_place = [&](const auto& values) {
      const std::size_t start = sums_.size();
      sums_.resize(start + static_cast<std::size_t>(batch));
      for (Index i = 0; i < share.count; ++i)
        sums_[start + static_cast<std::size_t>(share.first + i)] =
            static_cast<Number>(values[static_cast<std::size_t>(i)]);
    };
    put_at_place(own.losses);
    put_at_place(own.correct);
    put_at_place(own.in_top5);
  }

  void take(Index batch) {
    const Number* next = sums_.data();
    for (Parameter<T, D>* parameter : learned_) next = take(next, parameter->gradient);
    Number* statistics = sums_.data() + (next - sums_.data());
    for (std::size_t i = 0; i < before_.size(); ++i) statistics[i] += before_[i];
    for (Parameter<T, D>* parameter : recorded_) next = take(next, parameter->value);
    outcomes_.resize(batch);
    for (Number& loss : outcomes_.losses) loss = *next++;
    for (std::uint8_t& correct : outcomes_.correct) correct = static_cast<std::uint8_t>(*next++);
    for (std::uint8_t& in_top5 : outcomes_.in_top5) in_top5 = static_cast<std::uint8_t>(*next++);
  }

  Communicator& team_;
  std::vector<Parameter<T, D>*> learned_;
  std::vector<Parameter<T, D>*> recorded_;  // running statistics that training changes
  std::vector<Number> before_;              // their values at `begin`
  std::vector<Number> sums_;
  Outcomes<Number> outcomes_;
};

}  // namespace fusiform
