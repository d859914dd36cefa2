#pragma once
/// One self-contained HTML page: no scripts, no links to the outside, drawings inside.

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/io/atomic_file.hpp>
#include <fusiform/report/figure.hpp>
#include <fusiform/report/html_style.hpp>
#include <fusiform/report/table.hpp>

namespace fusiform {

/// Text that means itself in HTML, inside and outside of attributes.
[[nodiscard]] inline std::string html_escape(std::string_view characters) {
  std::string result;
  for (const char character : characters) {
    switch (character) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += character;
    }
  }
  return result;
}

/// Escaped, and a number stays on one line with its "%".
[[nodiscard]] inline std::string html_running_text(std::string_view words) {
  std::string html = html_escape(words);
  for (std::size_t at = html.find(" %"); at != std::string::npos; at = html.find(" %", at))
    html.replace(at, 1, "&#160;");
  return html;
}

namespace detail {

inline void replace_all(std::string& characters, std::string_view from, std::string_view to) {
  for (std::size_t at = characters.find(from); at != std::string::npos; at = characters.find(from, at + to.size()))
    characters.replace(at, from.size(), to);
}

}  // namespace detail

/// An SVG file as part of a page: without its prologue and addresses, names prefixed so that several fit in one page.
[[nodiscard]] inline std::string inline_svg(const std::string& file, const std::string& prefix) {
  const std::size_t begin = file.find("<svg");
  if (begin == std::string::npos) return {};
  std::string svg = file.substr(begin);
  for (const std::string_view attribute : {"xmlns=\"", "xmlns:xlink=\""}) {
    const std::size_t at = svg.find(attribute);
    if (at == std::string::npos) continue;
    const std::size_t end = svg.find('"', at + attribute.size());
    if (end != std::string::npos) svg.erase(at, end + 1 - at);
  }
  for (const std::string element : {"title>", "desc>"}) {  // would pop up under the pointer: "gnuplot_plot_1"
    for (std::size_t at = svg.find("<" + element); at != std::string::npos; at = svg.find("<" + element)) {
      const std::size_t end = svg.find("</" + element, at);
      if (end == std::string::npos) return {};
      svg.erase(at, end + 2 + element.size() - at);
    }
  }
  for (const std::string& quote : {std::string("\""), std::string("'")}) {
    detail::replace_all(svg, " id=" + quote, " id=" + quote + prefix);
    detail::replace_all(svg, "href=" + quote + "#", "href=" + quote + "#" + prefix);
  }
  detail::replace_all(svg, "url(#", "url(#" + prefix);
  return svg;
}

/// A number that the page opens with.
struct Headline {
  std::string label;
  std::string value;
  std::string detail = {};
};

/// Sections, paragraphs, tables and figures in the order of the calls. All texts are escaped.
class HtmlPage {
 public:
  explicit HtmlPage(std::string title, std::string subtitle = {})
      : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

  /// Starts a section, which the table of contents lists.
  void section(const std::string& heading) {
    close_section();
    sections_.push_back(heading);
    body_ += text("<section id=\"section-", sections_.size(), "\">\n<h2>", html_escape(heading), "</h2>\n");
    section_is_open_ = true;
  }
  void subsection(const std::string& heading) { body_ += "<h3>" + html_escape(heading) + "</h3>\n"; }
  void paragraph(const std::string& words) { body_ += "<p>" + html_running_text(words) + "</p>\n"; }

  /// A remark that must not be overlooked: a warning, a limit of the method.
  void note(const std::string& words) { body_ += "<p class=\"note\">" + html_running_text(words) + "</p>\n"; }

  void list(const std::vector<std::string>& items) {
    body_ += "<ul>\n";
    for (const std::string& item : items) body_ += "<li>" + html_escape(item) + "</li>\n";
    body_ += "</ul>\n";
  }

  /// What follows, up to `end_fold`, shows only when a reader opens it. A section ends it too.
  void begin_fold(const std::string& heading) {
    end_fold();
    body_ += "<details>\n<summary>" + html_escape(heading) + "</summary>\n";
    fold_is_open_ = true;
  }
  void end_fold() {
    if (fold_is_open_) body_ += "</details>\n";
    fold_is_open_ = false;
  }

  /// Text as it is: a formula, a configuration file.
  void code(const std::string& lines) { body_ += "<pre>" + html_escape(lines) + "</pre>\n"; }

  /// Large numbers side by side.
  void headlines(const std::vector<Headline>& numbers) {
    body_ += "<div class=\"headlines\">\n";
    for (const Headline& number : numbers)
      body_ += "<div><span class=\"label\">" + html_escape(number.label) + "</span><span class=\"value\">" +
               html_escape(number.value) + "</span><span class=\"detail\">" + html_escape(number.detail) +
               "</span></div>\n";
    body_ += "</div>\n";
  }

  /// Names and values, one pair per line.
  void facts(const std::vector<std::pair<std::string, std::string>>& pairs) {
    body_ += "<dl>\n";
    for (const auto& [name, value] : pairs)
      body_ += "<dt>" + html_escape(name) + "</dt><dd>" + html_escape(value) + "</dd>\n";
    body_ += "</dl>\n";
  }

  /// Numbered, caption above. Columns of numbers are set flush right.
  void table(const Table& table, const std::string& caption) {
    std::vector<bool> numeric(table.header.size(), !table.rows.empty());
    for (const std::vector<std::string>& row : table.rows)
      for (std::size_t column = 0; column < row.size() && column < numeric.size(); ++column)
        numeric[column] = numeric[column] && looks_numeric(row[column]);
    const auto cells = [&](const std::vector<std::string>& row, const std::string& tag) {
      body_ += "<tr>";
      for (std::size_t column = 0; column < row.size(); ++column)
        body_ += "<" + tag + (column < numeric.size() && numeric[column] ? " class=\"number\">" : ">") +
                 html_escape(row[column]) + "</" + tag + ">";
      body_ += "</tr>\n";
    };
    body_ += text("<div class=\"table\"><table>\n<caption><b>Table ", ++tables_, ".</b> ", html_running_text(caption),
                  "</caption>\n<thead>\n");
    cells(table.header, "th");
    body_ += "</thead>\n<tbody>\n";
    for (const std::vector<std::string>& row : table.rows) cells(row, "td");
    body_ += "</tbody>\n</table></div>\n";
  }

  /// Numbered, caption below. A figure that was not drawn leaves its caption and says why.
  void figure(const DrawnFigure& drawn, const std::string& caption) {
    ++figures_;
    body_ += "<figure role=\"group\">\n";
    if (drawn.svg.empty()) {
      body_ += "<p class=\"note\">Not drawn: " + html_escape(drawn.problem) + ". The numbers are in " +
               html_escape(drawn.name) + ".csv.</p>\n";
    } else {
      body_ += "<div class=\"drawing\" style=\"max-width:" + drawing_width(drawn.svg) + "px\">" +
               inline_svg(drawn.svg, text("figure", figures_, "-")) + "</div>\n";
    }
    body_ +=
        text("<figcaption><b>Figure ", figures_, ".</b> ", html_running_text(caption), "</figcaption>\n</figure>\n");
  }

  /// The whole page.
  [[nodiscard]] std::string str() const {
    std::string page =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
        html_escape(title_) + "</title>\n<style>\n" + std::string(html_style) +
        "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>" + html_escape(title_) + "</h1>\n";
    if (!subtitle_.empty()) page += "<p class=\"subtitle\">" + html_escape(subtitle_) + "</p>\n";
    page += "</header>\n";
    if (sections_.size() > 1) {
      page += "<nav aria-label=\"Contents\">\n";
      for (std::size_t i = 0; i < sections_.size(); ++i)
        page += text("<a href=\"#section-", i + 1, "\">", html_escape(sections_[i]), "</a>\n");
      page += "</nav>\n";
    }
    return page + body_ + (fold_is_open_ ? "</details>\n" : "") + (section_is_open_ ? "</section>\n" : "") +
           "</main>\n</body>\n</html>\n";
  }

  /// Crash-safe. Throws FileError.
  void write(const std::string& path) const { write_file_atomically(path, str()); }

 private:
  void close_section() {
    end_fold();
    if (section_is_open_) body_ += "</section>\n";
    section_is_open_ = false;
  }

  // "0.142 [0.129, 0.151]", "14.2 %", "–", "6,400", "p < 0.001".
  static bool looks_numeric(std::string_view cell) {
    if (cell.empty() || cell == no_value) return true;
    if (cell.starts_with("p ")) cell.remove_prefix(4);
    const char first = cell.front();
    return (first == '-' || first == '+' || std::isdigit(static_cast<unsigned char>(first)) != 0) &&
           cell.find_first_not_of("0123456789.,+-eE%[]() ±x") == std::string_view::npos;
  }

  // From viewBox="0 0 <width> <height>"; figures are never shown larger than drawn.
  static std::string drawing_width(const std::string& svg) {
    const std::string_view key = "viewBox=\"0 0 ";
    const std::size_t at = svg.find(key);
    if (at == std::string::npos) return "900";
    return svg.substr(at + key.size(), svg.find(' ', at + key.size()) - at - key.size());
  }

  std::string title_;
  std::string subtitle_;
  std::string body_;
  std::vector<std::string> sections_;
  bool section_is_open_ = false;
  bool fold_is_open_ = false;
  int tables_ = 0;
  int figures_ = 0;
};

}  // namespace fusiform
