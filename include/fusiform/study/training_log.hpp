#pragma once
/// The table of epochs: losses and accuracies in training and on every task's test images.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/io/format.hpp>
#include <fusiform/train/trainer.hpp>

namespace fusiform {

/// What the net does on one task's test images.
struct TaskScore {
  std::string task;
  Index images = 0;
  double loss = 0;  ///< mean cross-entropy, nats
  double top1 = 0;
  double top5 = 0;
};

/// Mean over all images of the first `tasks` tasks, the trained ones: what a plateau schedule watches.
[[nodiscard]] inline double mean_loss(const std::vector<TaskScore>& scores, std::size_t tasks) {
  double sum = 0;
  Index images = 0;
  for (const TaskScore& score : std::span(scores).first(tasks)) {
    sum += score.loss * static_cast<double>(score.images);
    images += score.images;
  }
  return images > 0 ? sum / static_cast<double>(images) : 0;
}

/// "loss 2.345, faces 41.2 %, objects 38.0 %, 512 images/s"
[[nodiscard]] inline std::string describe(const EpochReport& report, const std::vector<TaskScore>& scores) {
  std::string line = "loss " + format_fixed(report.loss, 3);
  for (const TaskScore& score : scores) line += ", " + score.task + " " + format_fixed(100 * score.top1, 1) + " %";
  return line + ", " + format_fixed(report.images_per_second, 0) + " images/s";
}

/// Columns: epoch, learning_rate, train_loss, train_top1, train_top5, images_per_second, then loss, top1 and top5 of
/// each task. Epoch 0 is the untrained net.
class TrainingLog {
 public:
  /// Takes up the rows of epochs 0..last of an interrupted training; rows behind them are dropped.
  [[nodiscard]] static TrainingLog resume(const std::string& path, Index last, const std::vector<std::string>& tasks) {
    TrainingLog log(tasks);
    if (last > 0 && std::filesystem::exists(path))
      for (const std::vector<std::string>& row : read_csv(path).rows)
        if (const auto epoch = parse_number<Index>(row.front()); epoch && *epoch <= last) log.rows_.push_back(row);
    return log;
  }

  void add(const EpochReport& report, const std::vector<TaskScore>& scores) {
    std::vector<std::string> row = {std::to_string(report.epoch), format_number(report.learning_rate)};
    for (const double value : {report.loss, report.top1, report.top5, report.images_per_second})
      row.push_back(report.epoch == 0 ? "" : format_number(value));
    for (const TaskScore& score : scores)
      for (const double value : {score.loss, score.top1, score.top5}) row.push_back(format_number(value));
    rows_.push_back(std::move(row));
  }

  /// Crash-safe. Throws FileError.
  void write(const std::string& path) const {
    CsvWriter file(path, header_);
    for (const std::vector<std::string>& row : rows_) {
      const std::vector<CsvValue> cells(row.begin(), row.end());
      file.row(cells);
    }
    file.commit();
  }

 private:
  explicit TrainingLog(const std::vector<std::string>& tasks)
      : header_{"epoch", "learning_rate", "train_loss", "train_top1", "train_top5", "images_per_second"} {
    for (const std::string& task : tasks)
      for (const char* measure : {"_loss", "_top1", "_top5"}) header_.push_back(task + measure);
  }

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fusiform
