#pragma once
/// A figure: a gnuplot script for the drawing, and the numbers behind it. See curves.hpp, bars.hpp, scatter.hpp for
/// the kinds there are.

#include <filesystem>
#include <string>
#include <vector>

#include <fusiform/io/csv.hpp>
#include <fusiform/report/gnuplot.hpp>

namespace fusiform {

/// Independent of what it shows. Sizes are in pixels of the SVG; 96 make an inch of the PDF.
struct Figure {
  std::string name;    ///< of its files, without extension
  std::string script;  ///< gnuplot commands after the terminal is set
  double width = 720;
  double height = 360;
  std::vector<std::string> columns;  ///< of the numbers behind it
  std::vector<std::vector<CsvValue>> rows;
};

/// What became of a figure.
struct DrawnFigure {
  std::string name;
  std::string svg;      ///< the drawing itself; empty if there is none
  std::string problem;  ///< why there is none
};

struct FigureOptions {
  std::string program = "gnuplot";
};

/// Writes <folder>/<name>.csv with the numbers, and .svg and .pdf with the drawing. If gnuplot is missing or fails,
/// only the numbers are written and `problem` says why. Throws FileError if a file cannot be written.
[[nodiscard]] inline DrawnFigure write_figure(const Figure& figure, const std::string& folder,
                                              const FigureOptions& options = {}) {
  std::error_code ignored;  // a folder that cannot be made shows when the first file is written
  std::filesystem::create_directories(folder, ignored);
  const std::string stem = (std::filesystem::path(folder) / figure.name).string();
  CsvWriter numbers(stem + ".csv", figure.columns);
  for (const std::vector<CsvValue>& row : figure.rows) numbers.row(row);
  numbers.commit();

  DrawnFigure drawn{.name = figure.name, .svg = {}, .problem = {}};
  const std::string svg_terminal = text("set terminal svg size ", figure.width, ",", figure.height,
                                        " dynamic rounded noenhanced font 'Inter,Helvetica,Arial,sans-serif,12'\n");
  const std::string pdf_terminal =
      text("set terminal pdfcairo size ", figure.width / 96, "in,", figure.height / 96,
           "in rounded noenhanced fontscale 0.5 linewidth 0.75 dashlength 2 font 'Helvetica,12'\n");
  const GnuplotResult svg = run_gnuplot(svg_terminal + figure.script, options.program);
  if (!svg.succeeded()) {
    drawn.problem = svg.problem;
    return drawn;
  }
  drawn.svg = svg.output;
  // Heat maps have hard edges: browsers would blur them.
  for (std::size_t at = drawn.svg.find("<image x"); at != std::string::npos; at = drawn.svg.find("<image x", at + 8))
    drawn.svg.insert(at + 6, " style='image-rendering:optimizeSpeed;image-rendering:pixelated'");
  write_file_atomically(stem + ".svg", drawn.svg);
  const GnuplotResult pdf = run_gnuplot(pdf_terminal + figure.script, options.program);
  if (pdf.succeeded()) {
    write_file_atomically(stem + ".pdf", pdf.output);
  } else {
    drawn.problem = "no PDF: " + pdf.problem;
  }
  return drawn;
}

}  // namespace fusiform
