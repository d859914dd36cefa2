#pragma once
/// Figure: how a net learned.

#include <string>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/report/curves.hpp>

namespace fusiform {

/// A task of a training log, and its colour in all figures of the study.
struct TrainedTask {
  std::string name;
  int color = 0;  ///< of the palette
};

/// Loss in training and accuracy of each task by epoch, for one seed's training log.
[[nodiscard]] inline Figure training_figure(const std::string& name, const CsvTable& log,
                                            const std::vector<TrainedTask>& tasks) {
  const auto column = [&](const std::string& title) {
    std::vector<double> values;
    const std::size_t position = log.column(title);
    for (const auto& row : log.rows) values.push_back(parse_number<double>(row[position]).value_or(undefined_number));
    return values;
  };
  const std::vector<double> epochs = column("epoch");
  CurvePanel loss{.title = "Loss", .curves = {}, .x_label = "epoch", .y_label = "cross-entropy (nats)"};
  CurvePanel accuracy{.title = "Top-1 accuracy on test images",
                      .curves = {},
                      .x_label = "epoch",
                      .y_label = "correct",
                      .x_names = {},
                      .x_percent = false,
                      .y_percent = true};
  loss.curves.push_back({.name = "training", .x = epochs, .y = column("train_loss"), .color = -1, .points = false});
  for (const TrainedTask& task : tasks) {
    const auto curve = [&](const char* measure) {
      return Curve{
          .name = task.name, .x = epochs, .y = column(task.name + measure), .color = task.color, .points = false};
    };
    loss.curves.push_back(curve("_loss"));
    accuracy.curves.push_back(curve("_top1"));
  }
  return curves_figure({.name = name, .panels = {loss, accuracy}, .columns = 2, .shared_y_axis = false});
}

}  // namespace fusiform
