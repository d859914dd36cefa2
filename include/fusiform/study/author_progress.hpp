#pragma once
/// The progress records of the published lesion scripts: one file per iteration of a greedy ranking. Their scripts keep
/// them while several machines share the work on one layer, so that unfinished ones occur.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/data/npz.hpp>
#include <fusiform/study/author_records.hpp>

namespace fusiform::detail {

/// A selection as it is recorded in lesion.jsonl, a selections record or a progress record.
struct RecordedSelection {
  std::vector<Index> units;
  std::vector<double> losses;
  std::vector<double> accuracies;
  bool complete = false;
};

/// Throws FileError unless there are as many losses and accuracies as units; random selections have none.
inline void require_whole(const std::string& path, const std::string& what, std::size_t units, std::size_t losses,
                          std::size_t accuracies, bool may_be_absent = false) {
  for (const std::size_t count : {losses, accuracies})
    if (count != units && !(may_be_absent && count == 0))
      throw FileError(path, text(what, ": expected ", units, " losses and accuracies, one per unit, found ", count));
}

/// One iteration of a progress record.
struct RecordedProgress {
  std::vector<std::pair<Index, std::size_t>> places;  ///< evaluated units, ascending, and their places in the record
  std::vector<double> losses;                         ///< by place
  std::vector<double> accuracies;
  std::vector<Index> waiting;  ///< units not evaluated yet
  Index seed = 0;
  RecordedSelection selection;

  [[nodiscard]] Index candidates() const noexcept { return static_cast<Index>(places.size() + waiting.size()); }
};

[[nodiscard]] inline RecordedProgress read_progress(const std::string& path) {
  const NpzFile file(path);
  RecordedProgress progress;
  const std::vector<Index> units = file.integers("dropped_units");
  progress.losses = file.numbers("dropped_losses");
  progress.accuracies = file.numbers("dropped_accuracies");
  require_whole(path, "dropped units", units.size(), progress.losses.size(), progress.accuracies.size());
  for (std::size_t i = 0; i < units.size(); ++i) progress.places.emplace_back(units[i], i);
  std::sort(progress.places.begin(), progress.places.end());
  // A unit that two machines evaluated is there twice; the scripts keep the first.
  const auto same_unit = [](const auto& a, const auto& b) { return a.first == b.first; };
  progress.places.erase(std::unique(progress.places.begin(), progress.places.end(), same_unit), progress.places.end());
  for (const char* name : {"remaining_units", "pending_units"})
    for (const Index unit : file.integers(name)) {
      const auto place =
          std::lower_bound(progress.places.begin(), progress.places.end(), std::pair(unit, std::size_t{0}));
      if (place == progress.places.end() || place->first != unit) progress.waiting.push_back(unit);
    }
  std::sort(progress.waiting.begin(), progress.waiting.end());
  progress.waiting.erase(std::unique(progress.waiting.begin(), progress.waiting.end()), progress.waiting.end());
  const std::vector<Index> seed = file.integers("seed");
  if (!seed.empty()) progress.seed = seed.front();
  progress.selection.units = file.integers("selected_units");
  progress.selection.losses = file.numbers("selected_losses");
  progress.selection.accuracies = file.numbers("selected_accuracies");
  return progress;
}

/// The progress records of one ranking in the order of the iterations; none if there is no folder.
/// Throws FileError if one is missing among them.
[[nodiscard]] inline std::vector<RecordedProgress> read_all_progress(const std::filesystem::path& root,
                                                                     const std::string& sort_task, Index layer) {
  std::vector<RecordedProgress> all;
  const std::filesystem::path folder = root / author_names::progress_folder(sort_task, layer);
  if (!std::filesystem::is_directory(folder)) return all;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files += entry.path().extension() == ".npz" ? 1 : 0;
  for (std::size_t k = 0; k < files; ++k) {
    const std::filesystem::path path = root / author_names::progress_file(sort_task, layer, k);
    if (!std::filesystem::exists(path))
      throw FileError(path.string(),
                      text("expected ", files, " progress records from 0 on, found none of this number"));
    all.push_back(read_progress(path.string()));
  }
  return all;
}

/// The iteration that `progress` records, of which the units `first` ... `last` - 1 of `final` were selected.
[[nodiscard]] inline RankingIteration recorded_iteration(const std::string& path, const RecordedProgress& progress,
                                                         const std::vector<Index>& final, std::size_t first,
                                                         std::size_t last) {
  RankingIteration iteration;
  iteration.base_loss = undefined;
  for (const auto& [unit, place] : progress.places) {
    iteration.candidates.push_back(unit);
    iteration.losses.push_back(progress.losses[place]);
    iteration.accuracies.push_back(progress.accuracies[place]);
  }
  std::vector<Index> units(final.begin() + static_cast<std::ptrdiff_t>(first),
                           final.begin() + static_cast<std::ptrdiff_t>(last));
  for (const Index unit : units)
    if (!std::binary_search(iteration.candidates.begin(), iteration.candidates.end(), unit))
      throw FileError(path, text("expected the selected unit ", unit, " among the dropped units, found it missing"));
  // The recorded order stands: among equal losses the scripts' order is arbitrary.
  iteration.selection = select_group(iteration.candidates, iteration.losses, static_cast<Index>(units.size()));
  iteration.selection.units = std::move(units);
  return iteration;
}

/// Puts the iterations together with the final selection. Unfinished iterations at the end are left out.
/// Throws FileError if the records contradict each other.
[[nodiscard]] inline Ranking recorded_ranking(const std::filesystem::path& root, const std::string& sort_task,
                                              Index layer, const RecordedSelection& selection,
                                              const std::vector<RecordedProgress>& progress) {
  Ranking ranking;
  if (progress.empty()) {
    ranking.units = selection.units;
    ranking.losses = selection.losses;
    ranking.accuracies = selection.accuracies;
    return ranking;
  }
  ranking.layer_units = progress.front().candidates();
  std::size_t first = 0;
  for (std::size_t k = 0; k < progress.size() && first < selection.units.size(); ++k) {
    const std::string path = (root / author_names::progress_file(sort_task, layer, k)).string();
    const Index selected_before = ranking.layer_units - progress[k].candidates();
    if (selected_before != static_cast<Index>(first))
      throw FileError(path, text("expected ", ranking.layer_units - static_cast<Index>(first),
                                 " units that are not selected yet, found ", progress[k].candidates()));
    if (!progress[k].waiting.empty()) throw FileError(path, "expected all units evaluated before the next selection");
    std::size_t last = selection.units.size();
    if (k + 1 < progress.size()) {
      const Index candidates = progress[k + 1].candidates();
      const Index least = ranking.layer_units - static_cast<Index>(last);
      if (candidates < least || candidates > ranking.layer_units)
        throw FileError((root / author_names::progress_file(sort_task, layer, k + 1)).string(),
                        text("expected ", least, " or more units that are not selected yet, found ", candidates));
      last = static_cast<std::size_t>(ranking.layer_units - candidates);
    }
    if (last <= first) throw FileError(path, "expected units selected in this iteration, found none");
    ranking.append(recorded_iteration(path, progress[k], selection.units, first, last));
    first = last;
  }
  if (first < selection.units.size())
    throw FileError((root / author_names::progress_folder(sort_task, layer)).string(),
                    text("expected records of how ", selection.units.size(), " units were selected, found ", first));
  return ranking;
}

}  // namespace fusiform::detail
