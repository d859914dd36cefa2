/// Audits of a study's rankings: what is stored, that kills change nothing, and that a fault is found and told.

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include <fusiform/analysis/incremental_lesions.hpp>
#include <fusiform/io/json_lines.hpp>
#include <fusiform/study/ranking_audit.hpp>

#include "tests/analysis/small_nets.hpp"
#include "tests/study/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

StudyConfig audited_study() {
  StudyConfig config = tiny_study();
  config.lesion.layers = {"conv2"};
  config.lesion.fraction = 0.5;
  config.lesion.audit = 0.2;
  return config;
}

/// Adds 0.01 to every loss.
class Wrong final : public AddedLesions<float> {
 public:
  explicit Wrong(AddedLesions<float>& right) : right_(right) {}
  [[nodiscard]] Index units() const override { return right_.units(); }
  [[nodiscard]] Index image_count() const override { return right_.image_count(); }
  [[nodiscard]] Index block() const override { return right_.block(); }
  [[nodiscard]] std::vector<Outcomes<float>> evaluate(std::span<const Index> base,
                                                      std::span<const std::vector<Index>> added,
                                                      ImageRange images) override {
    auto outcomes = right_.evaluate(base, added, images);
    for (Outcomes<float>& one : outcomes)
      for (float& loss : one.losses) loss += 0.01F;
    return outcomes;
  }

 private:
  AddedLesions<float>& right_;
};

}  // namespace

TEST_CASE("a study's rankings are audited, and rank as without") {
  for (const std::string kind : {"zero", "resample", "weights"}) {
    CAPTURE(kind);
    const ScratchFolder folder;
    StudyConfig config = audited_study();
    config.lesion.kind = kind;
    run_quietly(config, folder / "audited");
    const json rankings = summary_in(folder / "audited")["layers"][0]["rankings"];
    REQUIRE(rankings.size() == 2);
    for (const json& ranking : rankings) {
      const json& audit = ranking["audit"];
      CHECK(audit["iterations"] == ranking["iterations"]);
      // 0.2 of 16 images times 9, 8, ... lesions, drawn with replacement
      double drawn = 0;
      for (int i = 0; i < audit["iterations"]; ++i) drawn += std::ceil(0.2 * 16 * (9 - i));
      CHECK(audit["pairs"] <= drawn);
      CHECK(audit["pairs"] > 0.6 * drawn);
      CHECK(audit["off_by_more_than_rounding"] == 0);
      CHECK(audit["largest"] < 2e-5);
      CHECK(audit["mean"] <= audit["largest"]);
      CHECK_FALSE(audit["worst_image"].get<std::string>().empty());
    }
    CHECK_THAT(read_file(folder / "audited/report.html"), Contains("largest difference"));
    if (kind != "zero") continue;
    config.lesion.audit = 0;
    run_quietly(config, folder / "plain");
    json plain = summary_in(folder / "plain")["layers"][0]["rankings"];
    json without = rankings;
    for (json* list : {&plain, &without})
      for (json& ranking : *list) ranking["audit"] = nullptr;
    CHECK(plain == without);
    config.lesion.audit = 0.5;  // later is too late for a finished ranking, but no error
    run_quietly(config, folder / "plain");
    CHECK(summary_in(folder / "plain")["layers"][0]["rankings"][0]["audit"].is_null());
  }
}

TEST_CASE("a ranking that was stopped is audited as an undisturbed one") {
  for (const bool racing : {false, true}) {
    CAPTURE(racing);
    const ScratchFolder folder;
    StudyConfig config = audited_study();
    config.lesion.racing = racing;
    run_quietly(config, folder / "whole", StudyStage::rank);
    const StudyPaths whole(folder / "whole");
    const std::string expected = read_file(whole.ranking_audit({"", 0}, "conv2", "faces"));
    const std::vector<std::string> journal = read_json_lines(whole.ranking({"", 0}, "conv2", "faces")).lines;
    REQUIRE(journal.size() > 3);
    std::filesystem::copy(folder / "whole", folder / "killed", std::filesystem::copy_options::recursive);
    const StudyPaths killed(folder / "killed");
    // Killed after the third iteration was audited and before it was journaled.
    std::filesystem::remove(killed.ranking({"", 0}, "conv2", "faces"));
    JsonLinesWriter writer(killed.ranking({"", 0}, "conv2", "faces"));
    writer.append(journal[0]);
    writer.append(journal[1]);
    std::vector<AuditedIteration> audits = read_audit(whole.ranking_audit({"", 0}, "conv2", "faces"));
    audits.resize(3);
    write_audit(killed.ranking_audit({"", 0}, "conv2", "faces"), audits);
    run_quietly(config, folder / "killed", StudyStage::rank);
    CHECK(read_file(killed.ranking_audit({"", 0}, "conv2", "faces")) == expected);
    CHECK(read_json_lines(killed.ranking({"", 0}, "conv2", "faces")).lines == journal);
  }
}

TEST_CASE("a wrong loss is found, stored with lesion and image, and survives being read") {
  const ScratchFolder folder;
  const SmallNet small = small_net("chain");
  const Network<float, Cpu> network = small.build<float>();
  const LabelledImages<float> images = small.images<float>(8);
  const NodeId head = network.heads().front();
  const LesionSite site = lesion_site(network, "conv1");
  IncrementalLesions<float> right(network, site, head, images);
  DirectLesion<float> direct(network, site, head, images);
  Wrong wrong(right);
  const std::vector<std::string> names{"a", "b", "c", "d", "e", "f", "g", "h"};
  detail::RankingAudit audit(wrong, direct, names, 0, {.path = folder / "audit.json", .title = "t", .share = 0.5});
  const std::vector<std::vector<Index>> added{{}, {0}, {2}};
  for (Index iteration = 0; iteration < 2; ++iteration) {
    static_cast<void>(audit.lesions().evaluate({}, added, {0, 8}));
    audit.store(iteration, ProgressLine(true));
  }
  const std::vector<AuditedIteration> found = read_audit(folder / "audit.json");
  REQUIRE(found.size() == 2);
  CHECK(found[1].iteration == 1);
  CHECK(found[1].questions == 2);
  const AuditedIteration whole = whole_audit(found);
  CHECK(whole.iteration == 2);
  CHECK(whole.audit.pairs == found[0].audit.pairs + found[1].audit.pairs);
  CHECK(whole.audit.off_by_more_than_rounding == whole.audit.pairs);
  CHECK(whole.audit.mean() == Approx(0.01).margin(2e-6));  // float rounding of losses of about 2
  CHECK(std::find(names.begin(), names.end(), whole.worst_image) != names.end());

  std::vector<AuditedIteration> infinite = found;
  infinite[0].audit.largest = infinite[0].audit.sum = std::numeric_limits<double>::infinity();
  write_audit(folder / "infinite.json", infinite);
  CHECK(whole_audit(read_audit(folder / "infinite.json")).audit.largest == std::numeric_limits<double>::infinity());
  CHECK(whole_audit(read_audit(folder / "infinite.json")).worst_image == found[0].worst_image);
  CHECK(read_audit(folder / "none.json").empty());
  write_file_atomically(folder / "damaged.json", "[{\"iteration\": 0}]");
  CHECK_THAT(error_of([&] { (void)read_audit(folder / "damaged.json"); }),
             Contains("damaged.json") && Contains("expected the audit of a ranking"));
}
