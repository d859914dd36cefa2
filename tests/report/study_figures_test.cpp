#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fusiform/study/context.hpp>
#include <fusiform/study/report/lesion_section.hpp>
#include <fusiform/study/report_figures.hpp>

#include "cmake/own_study/study.hpp"
#include "tests/io/scratch_folder.hpp"
#include "tests/report/summary_example.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using fusiform::test::example_summary;
using Json = nlohmann::ordered_json;
using Catch::Matchers::Contains;

namespace {

/// Every start tag has its end, in the right order.
bool well_formed(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
    const std::size_t end = xml.find('>', at);
    if (end == std::string::npos) return false;
    std::string tag = xml.substr(at + 1, end - at - 1);
    if (tag.empty()) return false;
    if (tag.front() == '?' || tag.front() == '!' || tag.back() == '/') continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \t\n"));
    if (name.front() != '/') {
      open.push_back(name);
    } else {
      if (open.empty() || "/" + open.back() != name) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

/// Rows of the numbers behind a figure, as its CSV file holds them.
std::vector<std::vector<std::string>> numbers_of(const CaptionedFigure& figure, const ScratchFolder& folder) {
  const DrawnFigure drawn = write_figure(figure.figure, folder.path());
  CAPTURE(figure.figure.name, figure.figure.script);
  CHECK(drawn.problem.empty());
  CHECK(well_formed(drawn.svg));
  CHECK_FALSE(figure.caption.empty());
  CHECK(read_file(folder / (figure.figure.name + ".pdf")).substr(0, 5) == "%PDF-");
  return read_csv(folder / (figure.figure.name + ".csv")).rows;
}

/// The columns from `first` on of the only row that begins with these cells.
std::vector<double> row_of(const std::vector<std::vector<std::string>>& rows, const std::vector<std::string>& begin) {
  const std::vector<std::string>* found = nullptr;
  for (const auto& row : rows) {
    if (!std::equal(begin.begin(), begin.end(), row.begin())) continue;
    REQUIRE(found == nullptr);
    found = &row;
  }
  CAPTURE(begin);
  REQUIRE(found != nullptr);
  std::vector<double> values;
  for (std::size_t i = begin.size(); i < found->size(); ++i)
    values.push_back(parse_number<double>((*found)[i]).value_or(std::nan("")));
  return values;
}

void check_values(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() >= expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-12));
}

Json without(const char* key) {
  Json summary = example_summary();
  summary.erase(key);
  return summary;
}

std::vector<Json> layers_of(const Json& summary, const std::string& net, int seed) {
  return detail::layers_of(summary, {{"net", net}, {"seed", seed}});
}

const std::string main_net = "main net (faces + objects)";
constexpr double t_of_two = 12.706204736;  // 97.5 % quantile of Student's t with one degree of freedom

}  // namespace

TEST_CASE("accuracies of several nets stand side by side") {
  const ScratchFolder folder;
  const auto figures = accuracy_figures(example_summary());
  REQUIRE(figures.size() == 1);
  const auto rows = numbers_of(figures[0], folder);
  // Seeds 0 and 1: 0.70 and 0.71. The t interval of two values: mean and 12.7 times half their distance.
  check_values(row_of(rows, {"faces", main_net}), {0.705, 0.705 - t_of_two * 0.005, 0.705 + t_of_two * 0.005});
  check_values(row_of(rows, {"faces", main_net + ", top-5"}), {0.855});
  check_values(row_of(rows, {"faces", "faces only"}), {0.7, 0.65, 0.75});
  CHECK(std::isnan(row_of(rows, {"objects", "faces only"})[0]));
  CHECK_THAT(figures[0].caption, Contains("faces 150 images of 30 classes") && Contains("95 % intervals") &&
                                     Contains("Student's t over seeds") && Contains("1000 replicates"));

  Json one = example_summary();
  one["nets"] = Json::array({one["nets"][0]});
  CHECK(accuracy_figures(one).empty());
}

TEST_CASE("more nets than one figure can show are spread over several") {
  Json summary = example_summary();
  for (int i = 0; i < 5; ++i)
    summary["nets"].push_back(fusiform::test::example_net("extra " + std::to_string(i), 0, {"faces"}, 5));
  const auto figures = accuracy_figures(summary);
  REQUIRE(figures.size() == 2);
  CHECK(figures[0].figure.name == "accuracy_1");
  CHECK_THAT(figures[1].caption, Contains("Part 2 of 2"));
  std::set<std::string> shown;
  for (const auto& figure : figures)
    for (const auto& row : figure.figure.rows) shown.insert(row[1].characters());
  for (const Json& net : summary["nets"]) CHECK(shown.contains(detail::net_title(summary, net["net"])));
}

TEST_CASE("branch points are ordered by how much is shared, beside the single-task net") {
  const ScratchFolder folder;
  const auto figures = branch_point_figures(example_summary());
  REQUIRE(figures.size() == 1);
  const auto rows = numbers_of(figures[0], folder);
  check_values(row_of(rows, {"", "faces", "conv1 (1)"}), {0.7, 0.65, 0.75});
  check_values(row_of(rows, {"", "objects", "all shared"}), {0.805});
  check_values(row_of(rows, {"", "faces, single-task net", "conv1 (1)"}), {0.7});
  Json summary = example_summary();
  summary["nets"].erase(2);
  CHECK(branch_point_figures(summary).empty());
}

TEST_CASE("decoding is drawn by layer, a panel per task and a curve per net") {
  const ScratchFolder folder;
  const auto figures = decoding_figures(example_summary());
  REQUIRE(figures.size() == 2);
  const auto rows = numbers_of(figures[0], folder);
  check_values(row_of(rows, {"held-out faces", main_net, "conv2"}),
               {0.65, 0.65 - t_of_two * 0.05, 0.65 + t_of_two * 0.05});
  check_values(row_of(rows, {"held-out objects", "faces only", "conv1"}), {0.3, 0.25, 0.35});
  check_values(row_of(numbers_of(figures[1], folder), {"held-out faces", "faces only", "conv1"}), {0.6, 0.55, 0.65});
  CHECK_THAT(figures[0].caption, Contains("faces 40 images of 4 classes") && Contains("1 to 2 seeds per net. "));
  CHECK_THAT(figures[0].figure.script, Contains("'chance'"));
  CHECK(decoding_figures(without("decoding")).empty());
  const Table table = decoding_differences_table(example_summary());
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0][5] == "5.0 % [0.0, 10.0]");
  CHECK(decoding_differences_table(without("decoding_differences")).rows.empty());
}

TEST_CASE("of a branched net the decoded task's own branch is drawn") {
  Json summary = example_summary();
  fusiform::test::add_example_decoding(summary, "branched at conv1", 0, "conv1", 0, 0.4);
  fusiform::test::add_example_decoding(summary, "branched at conv1", 0, "faces.conv2", 1, 0.6);
  fusiform::test::add_example_decoding(summary, "branched at conv1", 0, "objects.conv2", 2, 0.7);
  const ScratchFolder folder;
  const auto rows = numbers_of(decoding_figures(summary)[0], folder);
  check_values(row_of(rows, {"held-out faces", "branched at conv1", "conv2"}), {0.6});
  check_values(row_of(rows, {"held-out objects", "branched at conv1", "conv2"}), {0.7});
}

TEST_CASE("nets with different layers are drawn over the number of the layer") {
  Json summary = example_summary();
  fusiform::test::add_example_decoding(summary, "faces only", 0, "fc6", 2, 0.4);
  fusiform::test::add_example_decoding(summary, "with cars", 0, "layer1.0", 0, 0.4);
  const ScratchFolder folder;
  const auto rows = numbers_of(decoding_figures(summary)[0], folder);
  check_values(row_of(rows, {"held-out faces", "with cars", "1"}), {0.4});
}

TEST_CASE("the layer profile carries the null of random classes") {
  const ScratchFolder folder;
  const std::vector<Json> layers = layers_of(example_summary(), "", 0);
  REQUIRE(layers.size() == 2);
  const auto rows = numbers_of({layer_profile_figure("profile", layers, 0.2), "c"}, folder);
  check_values(row_of(rows, {"Segregation index", "random classes", "conv2"}), {0.01, -0.035, 0.055});
  check_values(row_of(rows, {"Segregation index", "index", "conv2"}), {0.4, 0.35, 0.45});
  CHECK(random_class_words(layers) ==
        " Against 3 random divisions of the classes, one-sided permutation test: conv1 p = 0.250, conv2 p = 0.250.");
  const std::vector<Json> plain = layers_of(example_summary(), "with cars", 0);
  CHECK(random_class_words(plain).empty());
  for (const auto& row : layer_profile_figure("profile", plain, 0.2).rows)
    CHECK(row[1].characters() != "random classes");
}

TEST_CASE("controls: random classes and random lesions") {
  const ScratchFolder folder;
  const Json summary = example_summary();
  const std::vector<Json> layers = layers_of(summary, "", 1);
  const auto classes = random_class_figures("classes", summary, layers);
  REQUIRE(classes.size() == 1);
  const auto rows = numbers_of(classes[0], folder);
  check_values(row_of(rows, {"", "conv2", "index"}), {0.5, 0.45, 0.55});
  CHECK(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row[2] == "index of random classes"; }) ==
        6);
  CHECK_THAT(classes[0].caption, Contains("2 draws without a defined index"));
  const auto lesions = random_lesion_figures("lesions", summary, layers);
  REQUIRE(lesions.size() == 1);
  const auto drops = numbers_of(lesions[0], folder);
  check_values(row_of(drops, {"tested on faces", "conv2", "units of the task"}), {0.6, 0.55, 0.65});
  check_values(row_of(drops, {"tested on faces", "conv2", "units of the other task"}), {0.3, 0.25, 0.35});
  CHECK_THAT(lesions[0].caption, Contains("(3 sets)"));

  const std::vector<Json> three = layers_of(summary, "with cars", 0);
  CHECK(random_class_figures("classes", summary, three).empty());
  Json bare = three[0];
  for (Json& effect : bare["effects"]) effect.erase("random_lesions");
  CHECK(random_lesion_figures("lesions", summary, {bare}).empty());
}

TEST_CASE("indices of several nets, by layer, and over seeds") {
  const ScratchFolder folder;
  const Json summary = example_summary();
  const auto nets = index_comparison_figures(summary);
  REQUIRE(nets.size() == 1);
  const auto rows = numbers_of(nets[0], folder);
  check_values(row_of(rows, {"", main_net + ", conv2", "segregation index"}), {0.44, 0.1, 0.78});  // the mixed model's
  check_values(row_of(rows, {"", "with cars, conv2", "segregation index"}), {0.25, 0.2, 0.3});
  // Both seeds' draws.
  CHECK(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row[2] == "index of random classes"; }) ==
        6);
  const auto by_layer = index_by_layer_figures(summary);
  REQUIRE(by_layer.size() == 1);
  const auto curves = numbers_of(by_layer[0], folder);
  check_values(row_of(curves, {"", main_net, "conv1"}), {0.15, 0.15 - t_of_two * 0.05, 0.15 + t_of_two * 0.05});

  const auto seeds = across_seeds_figures(summary);
  REQUIRE(seeds.size() == 1);
  const auto lines = numbers_of(seeds[0], folder);
  check_values(row_of(lines, {main_net, "mean over seeds", "conv2"}), {0.44, 0.1, 0.78});
  CHECK(std::count_if(lines.begin(), lines.end(), [](const auto& row) { return row[1] == "one seed"; }) == 4);
  CHECK_THAT(seeds[0].caption, Contains("conv2: t test p = 0.030, sign flips p = 0.500"));

  Json single = summary;
  for (std::size_t i = single["layers"].size(); i-- > 0;)
    if (single["layers"][i]["seed"] == 1 || single["layers"][i]["net"] != "") single["layers"].erase(i);
  CHECK(index_comparison_figures(single).empty());
  CHECK(index_by_layer_figures(single).empty());
  CHECK(across_seeds_figures(single).empty());
  CHECK(index_comparison_figures(without("layers")).empty());
}

TEST_CASE("dissimilarities are grouped by task, similarities by net") {
  const ScratchFolder folder;
  const auto rdms = rdm_figures(example_summary());
  REQUIRE(rdms.size() == 1);
  const auto rows = numbers_of(rdms[0], folder);
  CHECK(rows.size() == 4 * 16);
  CHECK(rows[1][1] == "faces: a");  // the faces first, though the classes alternate
  CHECK(rows[1][2] == "faces: b");
  check_values(row_of(rows, {"conv2, faces only", "faces: a", "objects: x"}), {0.875});
  const auto maps = similarity_figures(example_summary());
  REQUIRE(maps.size() == 1);
  const auto values = numbers_of(maps[0], folder);
  CHECK(values.size() == 2 * 16);
  CHECK(values[0][3] == "1");
  CHECK(values[16][3] == "nan");
  CHECK(rdm_figures(without("similarity")).empty());
  CHECK(similarity_figures(without("similarity")).empty());
}

TEST_CASE("of many matrices some are shown, and the caption says so") {
  Json summary = example_summary();
  Json& similarity = summary["similarity"];
  for (int seed = 0; seed < 20; ++seed)
    for (int layer = 0; layer < 5; ++layer) {
      const Json site{{"net", "deep"}, {"seed", seed}, {"layer", "conv" + std::to_string(layer)}, {"depth", layer}};
      similarity["sites"].push_back(site);
      Json rdm = site;
      rdm["values"] = similarity["rdms"][0]["values"];
      similarity["rdms"].push_back(rdm);
    }
  const std::size_t n = similarity["sites"].size();
  similarity["rsa"] = std::vector<std::vector<double>>(n, std::vector<double>(n, 0.5));
  similarity["cka"] = similarity["rsa"];
  const auto rdms = rdm_figures(summary);
  CHECK_THAT(rdms[0].caption, Contains("7 of 104 matrices"));
  const auto maps = similarity_figures(summary);
  CHECK_THAT(maps[0].caption, Contains("9 layers") && Contains("first seed of each net only"));
  CHECK(maps[0].figure.rows.size() == 2 * 81);
}

TEST_CASE("shortcuts stand beside the reliability of what they predict") {
  const ScratchFolder folder;
  const auto figures = attribution_figures(example_summary());
  REQUIRE(figures.size() == 1);
  const auto rows = numbers_of(figures[0], folder);
  check_values(row_of(rows, {"conv2, faces", "Taylor (activation x gradient)", "shortcut"}), {0.8, 0.75, 0.85});
  check_values(row_of(rows, {"conv2, objects", "my measure", "shortcut"}), {-0.1, -0.15, -0.05});
  check_values(row_of(rows, {"conv2, faces", "", "reliability of the effect"}), {0.9});
  CHECK(attribution_figures(without("attribution")).empty());
}

TEST_CASE("overlaps of two and three sets, with what chance gives") {
  const ScratchFolder folder;
  const Json summary = example_summary();
  // Units 0-3 and 2-5 of 20: two shared, two only in each, 14 in none; by chance 20 · 0.2 · 0.2 = 0.8 shared.
  const auto two = overlap_figures("two", layers_of(summary, "", 0).back());
  REQUIRE(two.size() == 1);
  const auto rows = numbers_of(two[0], folder);
  check_values(row_of(rows, {""}), {14, 12.8});
  check_values(row_of(rows, {"faces"}), {2, 3.2});
  check_values(row_of(rows, {"faces + objects"}), {2, 0.8});
  CHECK_THAT(two[0].caption, Contains("faces and objects share 2 (chance 0.8") && Contains("Hypergeometric"));
  const auto three = overlap_figures("three", layers_of(summary, "with cars", 0).back());
  const auto regions = numbers_of(three[0], folder);
  REQUIRE(regions.size() == 8);
  check_values(row_of(regions, {"faces + objects"}), {2, 0.64});
  check_values(row_of(regions, {"faces + objects + cars"}), {0, 0.16});
  Json one = layers_of(summary, "", 0).back();
  one["rankings"].erase(1);
  CHECK(overlap_figures("one", one).empty());
}

TEST_CASE("a task has one colour in all training curves") {
  const ScratchFolder folder;
  const CsvTable log{.path = "log",
                     .header = {"epoch", "train_loss", "cars_loss", "cars_top1"},
                     .rows = {{"0", "3", "3", "0"}, {"1", "2", "2.5", "0.5"}}};
  const Figure figure = training_figure("training", log, {{"cars", 2}});
  CHECK_THAT(figure.script, Contains(std::string(palette::color(2))) && !Contains(std::string(palette::color(0))));
  const auto rows = numbers_of({figure, "c"}, folder);
  check_values(row_of(rows, {"Loss", "training", "1"}), {2});
  check_values(row_of(rows, {"Loss", "cars", "1"}), {2.5});
  check_values(row_of(rows, {"Top-1 accuracy on test images", "cars", "1"}), {0.5});
}

TEST_CASE("of three tasks each lesion has a line of its own, and bands are drawn for own units") {
  const std::vector<Json> layers = layers_of(example_summary(), "with cars", 0);
  const Figure figure = lesion_curves_figure("three", layers);
  const auto count = [&](const std::string& words) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = figure.script.find(words, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  for (int task = 0; task < 3; ++task)
    for (const char* dash : {"solid", "(7,4)", "(1.5,3)"}) {
      CAPTURE(task, dash);
      CHECK(count(text("with lines lw 2.2 dt ", dash, " lc rgb '", palette::color(task), "'")) == layers.size());
    }
  CHECK(count("with filledcurves") == 3 * layers.size());
  for (const auto& row : numbers_of({figure, "c"}, ScratchFolder())) CHECK(!row[4].empty());  // an interval for each
}

TEST_CASE("the page shows every figure, later seeds folded away") {
  const ScratchFolder folder;
  StudyContext study{StudyConfig{}, StudyPaths(folder.path()), ProgressLine(true)};
  study.paths.create();
  const Json summary = example_summary();
  for (const Json& net : summary["nets"]) {
    std::ofstream log(study.paths.training_log(detail::net_of(net)));
    log << "epoch,train_loss";
    for (const Json& task : net["tasks"])
      log << "," << std::string(task["name"]) << "_loss," << std::string(task["name"]) << "_top1";
    for (int epoch = 0; epoch < 3; ++epoch) {
      log << "\n" << epoch << "," << 3 - epoch;
      for (std::size_t t = 0; t < net["tasks"].size(); ++t) log << "," << 3.5 - epoch << "," << 0.3 * epoch;
    }
    log << "\n";
  }
  own::write_report(study, summary);
  const std::string page = read_file(study.paths.report());
  CHECK_THAT(page, Contains("Decoding of held-out classes") && Contains("Segregation in all nets") &&
                       Contains("Similarity of representations") && Contains("Shortcuts for a unit&#39;s lesion") &&
                       Contains("<summary>The same for seed 1</summary>"));
  CHECK(page.find("Not drawn") == std::string::npos);
  for (const char* name : {"decoding", "matching", "accuracy", "branch_points", "lesion_curves_seed0",
                           "lesion_bars_seed1", "layer_profile_seed0", "index_by_net", "index_by_layer", "units_seed0",
                           "overlap_seed0", "random_classes_seed1", "random_lesions_with%20cars_seed0", "rdms",
                           "similarity", "attribution_net", "index_across_seeds", "overlap_with%20cars_seed0"})
    for (const char* extension : {".csv", ".svg", ".pdf"}) {
      CAPTURE(name, extension);
      CHECK(std::filesystem::exists(std::filesystem::path(study.paths.figures()) / (std::string(name) + extension)));
    }
  if (const char* keep = std::getenv("FUSIFORM_KEEP_FIGURES"))
    std::filesystem::copy(folder.path(), keep,
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
}
