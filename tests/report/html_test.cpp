#include <cmath>
#include <string>
#include <vector>

#include <fusiform/report/curves.hpp>
#include <fusiform/report/html.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

std::size_t count(const std::string& page, const std::string& words) {
  std::size_t found = 0;
  for (std::size_t at = page.find(words); at != std::string::npos; at = page.find(words, at + 1)) ++found;
  return found;
}

Figure small_figure(const std::string& name) {
  return curves_figure(
      {.name = name, .panels = {CurvePanel{.title = "t", .curves = {{.name = "a", .x = {0, 1}, .y = {0, 1}}}}}});
}

}  // namespace

TEST_CASE("text means itself") {
  CHECK(html_escape("a < b & \"c\" > 'd' é") == "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39; é");
  const std::string evil = "<script>alert('x')</script>&amp;";
  HtmlPage page(evil, evil);
  page.section(evil);
  page.subsection(evil);
  page.paragraph(evil);
  page.note(evil);
  page.list({evil});
  page.code(evil);
  page.headlines({{evil, evil, evil}});
  page.facts({{evil, evil}});
  Table table{{evil}, {}};
  table.add({evil});
  page.table(table, evil);
  page.figure({.name = evil, .svg = {}, .problem = evil}, evil);
  const std::string html = page.str();
  CHECK(count(html, "<script") == 0);
  // Title twice, subtitle, six blocks, three headline parts, two facts, header, cell, caption, figure's three.
  CHECK(count(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;") == 2 + 1 + 6 + 3 + 2 + 3 + 3);
}

TEST_CASE("a number stays with its percent sign") {
  CHECK(html_running_text("55 % & 4 %, 100%") == "55&#160;% &amp; 4&#160;%, 100%");
}

TEST_CASE("a page holds everything it shows") {
  const ScratchFolder folder;
  HtmlPage page("Faces and objects");
  page.section("Training");
  page.figure(write_figure(small_figure("first"), folder.path()), "One.");
  page.section("Lesions");
  page.figure(write_figure(small_figure("second"), folder.path()), "Two.");
  page.write(folder / "report.html");
  const std::string html = read_file(folder / "report.html");
  CHECK(html == page.str());
  CHECK(count(html, "http") == 0);
  CHECK(count(html, "src=") == 0);
  CHECK(count(html, "<link") == 0);
  CHECK(count(html, "<script") == 0);
  CHECK(count(html, "@import") == 0);
  CHECK(count(html, "<?xml") == 0);
  CHECK(count(html, "<title>") == 1);  // the page's; those of the drawings would pop up under the pointer
  CHECK(count(html, "<svg") == 2);
  CHECK(count(html, "</svg>") == 2);
  CHECK(count(html, "<b>Figure 1.</b> One.") == 1);
  CHECK(count(html, "<b>Figure 2.</b> Two.") == 1);
  CHECK(count(html, "<section") == 2);
  CHECK(count(html, "</section>") == 2);
  CHECK(count(html, "href=\"#section-2\">Lesions<") == 1);

  // Every name is given once, and every reference has its target.
  for (const std::string& quote : {std::string("\""), std::string("'")}) {
    const std::string key = " id=" + quote;
    for (std::size_t at = html.find(key); at != std::string::npos; at = html.find(key, at + 1)) {
      const std::size_t begin = at + key.size();
      const std::string id = html.substr(begin, html.find(quote[0], begin) - begin);
      CAPTURE(id);
      CHECK(count(html, " id=\"" + id + "\"") + count(html, " id='" + id + "'") == 1);
    }
    const std::string reference = "href=" + quote + "#";
    for (std::size_t at = html.find(reference); at != std::string::npos; at = html.find(reference, at + 1)) {
      const std::size_t begin = at + reference.size();
      const std::string id = html.substr(begin, html.find(quote[0], begin) - begin);
      CAPTURE(id);
      CHECK(count(html, " id=\"" + id + "\"") + count(html, " id='" + id + "'") == 1);
    }
  }
}

TEST_CASE("a figure that was not drawn says why") {
  const ScratchFolder folder;
  HtmlPage page("Report");
  page.figure(write_figure(small_figure("curves"), folder.path(), {.program = "no-gnuplot"}), "Loss.");
  const std::string html = page.str();
  CHECK(count(html, "Not drawn: &#39;no-gnuplot&#39; is not installed") == 1);
  CHECK(count(html, "The numbers are in curves.csv.") == 1);
  CHECK(count(html, "<b>Figure 1.</b> Loss.") == 1);
  CHECK(count(html, "<svg") == 0);
}

TEST_CASE("columns of numbers are set flush right") {
  Table table{{"layer", "drop", "p", "n"}, {}};
  table.add({"conv1_1", "14.2 % [12.9, 15.1]", "p < 0.001", "6,400"});
  table.add({"conv1_2", no_value, "p = 0.020", "−"});
  CHECK_THROWS_AS(table.add({"too", "few"}), ShapeError);
  HtmlPage page("t");
  page.table(table, "Drops");
  const std::string html = page.str();
  CHECK(count(html, "<th>layer</th><th class=\"number\">drop</th><th class=\"number\">p</th><th>n</th>") == 1);
  CHECK(count(html, "<td class=\"number\">–</td>") == 1);
  CHECK(count(html, "<caption><b>Table 1.</b> Drops</caption>") == 1);

  const ScratchFolder folder;
  write_table_csv(folder / "table.csv", table);
  const CsvTable read = read_csv(folder / "table.csv");
  CHECK(read.header == table.header);
  CHECK(read.rows == table.rows);
}

TEST_CASE("numbers as a reader sees them") {
  CHECK(percent_text(0.1423) == "14.2 %");
  CHECK(percent_text(std::nan("")) == "–");
  CHECK(number_text(0.13749) == "0.137");
  CHECK(interval_text(0.1423, {.low = 0.1287, .high = 0.1514}) == "0.142 [0.129, 0.151]");
  CHECK(percent_interval_text(0.1423, {.low = 0.1287, .high = 0.1514}) == "14.2 % [12.9, 15.1]");
  CHECK(percent_interval_text(0.1423, {.low = std::nan(""), .high = 1}) == "14.2 %");
  CHECK(p_text(0.0002) == "p < 0.001");
  CHECK(p_text(0.0128) == "p = 0.013");
  CHECK(p_text(std::nan("")) == "–");
}
