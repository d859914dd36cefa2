#pragma once
/// Figure: how a net learned.

#include <string>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/report/curves.hpp>

namespace fusiform {

/// Loss in training and accuracy of each task by epoch, for one seed's training log.
[[nodiscard]] inline Figure training_figure(const std::string& name, const CsvTable& log,
                                            const std::vector<std::string>& tasks) {
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
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    loss.curves.push_back({.name = tasks[t],
                           .x = epochs,
                           .y = column(tasks[t] + "_loss"),
                           .color = static_cast<int>(t),
                           .points = false});
    accuracy.curves.push_back({.name = tasks[t],
                               .x = epochs,
                               .y = column(tasks[t] + "_top1"),
                               .color = static_cast<int>(t),
                               .points = false});
  }
  return curves_figure({.name = name, .panels = {loss, accuracy}, .columns = 2, .shared_y_axis = false});
}

}  // namespace fusiform
