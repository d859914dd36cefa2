#pragma once
/// One iteration of a greedy ranking from as few evaluations as possible: which candidates have the largest mean loss
/// over a list of images in random order (spec: C.5, C.6).
///
/// All candidates see the first images. The best ones are then evaluated on the whole list, as selected ones are
/// anyway, so that the loss a candidate has to reach is known exactly, and can only grow. At every check the candidates
/// that cannot reach it are eliminated; who is left sees all images in the end. So a selection is wrong only if a
/// candidate that belongs to it had an interval that failed at some check: need · checks intervals share the risk,
/// however many candidates there are.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/analysis/race_runner.hpp>
#include <fusiform/analysis/racing_options.hpp>
#include <fusiform/analysis/ranking.hpp>
#include <fusiform/core/parallel.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform {

/// What a race is about: the units selected before, those to choose from (ascending), and how many of these.
struct RaceTask {
  std::span<const Index> base;
  std::span<const Index> candidates;
  Index need = 1;
};

template <Scalar T>
class Race {
 public:
  /// `memory` holds what earlier iterations of the same ranking found, on the same list. All must outlive the race.
  /// Throws ConfigError.
  Race(AddedLesions<T>& lesions, const RaceTask& task, const RacingOptions& options, RaceMemory<T>& memory)
      : lesions_(lesions), task_(task), options_(options), memory_(memory) {
    check_options(options);
    require_setting(task.need >= 1, "race", "at least 1 unit to select", task.need);
    require_setting(lesions.image_count() >= 1, "race", "at least 1 image", lesions.image_count());
    for (const Index unit : task.candidates) {
      const RememberedEffect<T>* const earlier = memory.find(unit);
      if (earlier != nullptr)
        require_setting(earlier->images() <= lesions.image_count(), "race",
                        text("a memory of the same ", lesions.image_count(), " images"), earlier->images());
      runners_.push_back({.unit = unit, .earlier = earlier});
    }
    if (task.need < static_cast<Index>(runners_.size()))
      checks_ = race_checks(lesions.image_count(), lesions.block(), options);
  }

  /// Selected candidates, and all others that were evaluated to the end, have their exact losses; selected ones are in
  /// the order of these. The others have estimates. What was found is put into the memory. To be called once.
  /// Throws NumericError if a loss is not finite.
  [[nodiscard]] RankingIteration run() {
    const Index list = lesions_.image_count();
    std::vector<Runner*> running = runners(&Runner::runs);
    compute(running, checks_.empty() ? list : checks_.front(), true);
    see(running, checks_.empty() ? list : checks_.front());
    for (std::size_t i = 0; i < checks_.size(); ++i) {
      check(i);
      running = runners(&Runner::runs);
      if (running.empty()) break;
      const Index next = i + 1 < checks_.size() ? checks_[i + 1] : list;
      compute(running, next, false);
      see(running, next);
    }
    RankingIteration iteration = outcome();
    remember(iteration.selection.units);
    return iteration;
  }

 private:
  using Runner = RaceRunner<T>;

  template <class Condition>
  [[nodiscard]] std::vector<Runner*> runners(const Condition& condition) {
    std::vector<Runner*> result;
    for (Runner& runner : runners_)
      if (std::invoke(condition, runner)) result.push_back(&runner);
    return result;
  }
  [[nodiscard]] bool is_whole(const Outcomes<T>& known) const { return known.count() == lesions_.image_count(); }

  /// Makes the outcomes of these runners known up to image `end`, and the base's. Where they are not known they are
  /// known for equally many images: those of the last check.
  void compute(std::span<Runner* const> some, Index end, bool with_base) {
    std::vector<std::vector<Index>> added;
    std::vector<Outcomes<T>*> places;
    if (with_base) {
      added.emplace_back();
      places.push_back(&base_);
    }
    for (Runner* runner : some)
      if (runner->known.count() < end) {
        added.push_back({runner->unit});
        places.push_back(&runner->known);
      }
    if (places.empty()) return;
    const Index first = places.front()->count();
    const std::vector<Outcomes<T>> found = lesions_.evaluate(task_.base, added, {first, end - first});
    for (std::size_t i = 0; i < found.size(); ++i) append(found[i], added[i], *places[i]);
  }

  static void append(const Outcomes<T>& found, const std::vector<Index>& added, Outcomes<T>& known) {
    for (const T loss : found.losses)
      if (!std::isfinite(loss)) {
        const std::string who = added.empty() ? "the base" : text("unit ", added.front());
        throw NumericError(text("race: expected finite losses, got ", loss, " for ", who));
      }
    known.losses.insert(known.losses.end(), found.losses.begin(), found.losses.end());
    known.correct.insert(known.correct.end(), found.correct.begin(), found.correct.end());
  }

  /// Takes these runners' images up to `end` into account. Those of an audited runner may be known before.
  void see(std::span<Runner* const> some, Index end) const {
    if (end < lesions_.image_count()) return;
    for (Runner* runner : some) {
      runner->finished = true;
      runner->effect = runner->known.mean_loss() - base_.mean_loss();
    }
  }

  void check(std::size_t number) {
    const UpperLimit limit(risk(), checks_[number], lesions_.image_count());
    const auto base = std::span<const T>(base_.losses).first(static_cast<std::size_t>(checks_[number]));
    std::vector<Runner*> contenders = runners([](const Runner& runner) { return !runner.eliminated; });
    parallel_for(static_cast<Index>(contenders.size()),
                 [&](Index i) { contenders[static_cast<std::size_t>(i)]->estimate(base, limit); });
    std::sort(contenders.begin(), contenders.end(), [](const Runner* a, const Runner* b) {
      return a->effect != b->effect ? a->effect > b->effect : a->unit < b->unit;
    });
    const auto need = static_cast<std::size_t>(task_.need);
    const DeviationFloors floors = deviation_floors<T>(std::span<Runner* const>(contenders).first(need));
    // Some more at first, when the order is least certain: they save later, less full calls.
    contenders.resize(number == 0 ? std::min(contenders.size(), need + (need + 1) / 2) : need);
    promote(contenders, number == 0);
    eliminate(limit, floors);
  }

  /// The risk of each interval. After the first iteration a check can take up any number of images seen earlier.
  [[nodiscard]] double risk() const {
    const auto checks = static_cast<double>(checks_.size());
    const double looks = memory_.effects().empty() ? checks : checks * (checks + 3) / 2;
    return std::min(0.5, options_.delta / (static_cast<double>(task_.need) * looks));
  }

  /// Evaluates the leaders to the end; at the first check the base too, and the audited, whose further images stay
  /// unseen unless the race comes to them.
  void promote(std::span<Runner* const> leaders, bool first) {
    std::vector<Runner*> unfinished;
    for (Runner* leader : leaders)
      if (!leader->finished) unfinished.push_back(leader);
    std::vector<Runner*> computed = unfinished;
    if (first) {
      draw_audited();
      for (Runner* runner : runners(&Runner::audited))
        if (std::find(unfinished.begin(), unfinished.end(), runner) == unfinished.end()) computed.push_back(runner);
    }
    compute(computed, lesions_.image_count(), first);
    see(unfinished, lesions_.image_count());
  }

  void draw_audited() {
    std::vector<std::size_t> order(runners_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng(options_.seed).stream("racing audit").stream(task_.base.size()).shuffle(std::span(order));
    const double wanted = std::ceil(options_.audit * static_cast<double>(order.size()));
    for (std::size_t i = 0; i < static_cast<std::size_t>(wanted); ++i) runners_[order[i]].audited = true;
  }

  void eliminate(const UpperLimit& limit, const DeviationFloors& floors) {
    std::vector<double> exact;
    for (const Runner* runner : runners(&Runner::finished)) exact.push_back(runner->effect);
    const auto cut = exact.begin() + (task_.need - 1);
    std::nth_element(exact.begin(), cut, exact.end(), std::greater<>());
    for (Runner* runner : runners(&Runner::runs))
      runner->eliminated = runner->upper(limit, floors) < *cut + options_.epsilon;
  }

  [[nodiscard]] double top1(const Runner& runner) const {
    if (is_whole(runner.known)) return runner.known.top1();
    const auto images = static_cast<Index>(runner.known.correct.size());
    double change = 0;
    for (std::size_t i = 0; i < runner.known.correct.size(); ++i) change += runner.known.correct[i] - base_.correct[i];
    return base_.top1() + change / static_cast<double>(images);
  }

  [[nodiscard]] RankingIteration outcome() {
    RankingIteration iteration{.base_loss = base_.mean_loss(), .candidates = {}, .losses = {}, .accuracies = {}};
    RaceRecord record{.list = lesions_.image_count()};
    std::vector<Index> whole;
    std::vector<double> whole_losses;
    for (const Runner& runner : runners_) {
      const bool exact = is_whole(runner.known);
      iteration.candidates.push_back(runner.unit);
      iteration.losses.push_back(exact ? runner.known.mean_loss() : iteration.base_loss + runner.effect);
      iteration.accuracies.push_back(top1(runner));
      record.images.push_back(runner.known.count());
      if (!exact) continue;
      whole.push_back(runner.unit);
      whole_losses.push_back(iteration.losses.back());
    }
    iteration.selection = select_group(whole, whole_losses, task_.need);
    describe_cut(iteration, record);
    audit(iteration.selection.units, record);
    iteration.race = std::move(record);
    return iteration;
  }

  /// The gap between the last selected and the best rejected candidate, estimates included, and its standard error.
  void describe_cut(RankingIteration& iteration, RaceRecord& record) const {
    const std::vector<Index>& selected = iteration.selection.units;
    if (selected.empty() || selected.size() == runners_.size()) return;
    const Runner* last = nullptr;
    const Runner* next = nullptr;
    double next_loss = 0;
    for (std::size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i].unit == selected.back()) last = &runners_[i];
      if (std::find(selected.begin(), selected.end(), runners_[i].unit) != selected.end()) continue;
      if (next != nullptr && iteration.losses[i] <= next_loss) continue;
      next = &runners_[i];
      next_loss = iteration.losses[i];
    }
    iteration.selection.gap = last->known.mean_loss() - next_loss;
    const Moments difference = moments(next->known.count(), [&](Index image) {
      const auto i = static_cast<std::size_t>(image);
      return static_cast<double>(last->known.losses[i]) - static_cast<double>(next->known.losses[i]);
    });
    record.cut_noise = difference.deviation / std::sqrt(static_cast<double>(lesions_.image_count()));
  }

  void audit(std::span<const Index> selected, RaceRecord& record) const {
    for (const Runner& runner : runners_) {
      if (!runner.audited || !runner.eliminated) continue;
      ++record.audited;
      if (std::find(selected.begin(), selected.end(), runner.unit) != selected.end()) ++record.missed;
    }
  }

  void remember(std::span<const Index> selected) {
    for (const Runner& runner : runners_) {
      const std::vector<T>& losses = runner.known.losses;
      std::vector<T> effects(losses.size());
      for (std::size_t i = 0; i < losses.size(); ++i)
        effects[i] = static_cast<T>(static_cast<double>(losses[i]) - static_cast<double>(base_.losses[i]));
      memory_.remember(runner.unit, std::move(effects));
    }
    for (const Index unit : selected) memory_.forget(unit);
  }

  AddedLesions<T>& lesions_;
  RaceTask task_;
  RacingOptions options_;
  RaceMemory<T>& memory_;
  std::vector<Index> checks_;
  std::vector<Runner> runners_;
  Outcomes<T> base_;
};

}  // namespace fusiform
