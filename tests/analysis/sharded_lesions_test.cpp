#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <fusiform/analysis/journaled_lesions.hpp>
#include <fusiform/analysis/sharded_lesions.hpp>

#include "tests/analysis/counted_lesions.hpp"
#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_team.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

using Lesions = std::vector<std::unique_ptr<CountedLesions<float>>>;  // one per process

Lesions lesions_for(int size) {
  Lesions lesions;
  for (int rank = 0; rank < size; ++rank) lesions.push_back(std::make_unique<CountedLesions<float>>());
  return lesions;
}

/// Process 0 does `work` with the lesions of the team, the others serve.
template <class Work>
void with_team(Lesions& lesions, const Work& work) {
  run_team(static_cast<int>(lesions.size()), [&](Communicator& team) {
    CountedLesions<float>& own = *lesions[static_cast<std::size_t>(team.rank())];
    if (team.rank() > 0) return serve_lesions(own, team);
    ShardedLesions<float> sharded(own, team);
    work(sharded);
  });
}

/// Many shapes of questions: all, few entries, few blocks, one image, nothing.
std::vector<std::vector<Outcomes<float>>> ask(AddedLesions<float>& lesions) {
  const Question first;
  const Question second({5, 2});
  return {lesions.evaluate(first.base, first.added, {0, 20}),
          lesions.evaluate(second.base, second.added, {3, 9}),
          lesions.evaluate(second.base, std::span(second.added).first(1), {0, 20}),
          lesions.evaluate(second.base, second.added, {18, 2}),
          lesions.evaluate(second.base, second.added, {3, 0}),
          lesions.evaluate(second.base, {}, {0, 20})};
}

bool all_same(const std::vector<std::vector<Outcomes<float>>>& a, const std::vector<std::vector<Outcomes<float>>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.size() == y.size() && same(x, y); });
}

}  // namespace

TEST_CASE("shares of any number of processes cover every entry and image once") {
  for (int size = 1; size <= 12; ++size)
    for (const std::size_t entries : {0U, 1U, 2U, 5U})
      for (const ImageRange images : {ImageRange{0, 20}, ImageRange{3, 9}, ImageRange{18, 2}, ImageRange{6, 0}}) {
        CAPTURE(size, entries, images.first, images.count);
        std::map<std::pair<std::size_t, Index>, int> covered;
        std::size_t most = 0;
        for (int rank = 0; rank < size; ++rank) {
          std::size_t work = 0;
          for (const LesionShare& share : lesion_shares(rank, size, entries, images, 3)) {
            CHECK(share.images.first % 3 == 0);
            CHECK((share.images.count % 3 == 0 || share.images.first + share.images.count == 20));
            CHECK_FALSE(share.entries.empty());
            work += share.entries.size() * static_cast<std::size_t>((share.images.count + 2) / 3);
            for (const std::size_t entry : share.entries)
              for (Index i = 0; i < share.images.count; ++i) ++covered[{entry, share.images.first + i}];
          }
          most = std::max(most, work);
        }
        CHECK(covered.size() == entries * static_cast<std::size_t>(images.count));
        CHECK(std::all_of(covered.begin(), covered.end(), [](const auto& item) { return item.second == 1; }));
        // Nobody has more than the whole rows of the fairest cut.
        const auto blocks = static_cast<std::size_t>((images.count + 2) / 3);
        const auto processes = static_cast<std::size_t>(size);
        if (blocks >= processes) CHECK(most == entries * ((blocks + processes - 1) / processes));
        if (blocks > 0 && blocks < processes) {
          const std::size_t members = processes / blocks;
          CHECK(most == (entries + members - 1) / members);
        }
      }
}

TEST_CASE("a block belongs to the same process in every long enough range") {
  for (const ImageRange images : {ImageRange{0, 60}, ImageRange{9, 30}, ImageRange{27, 12}})
    for (int rank = 0; rank < 4; ++rank)
      for (const LesionShare& share : lesion_shares(rank, 4, 2, images, 3)) CHECK(share.images.first / 3 % 4 == rank);
}

TEST_CASE("sharded lesions give the same bits for any number of processes and do nothing twice") {
  CountedLesions<float> plain;
  const auto expected = ask(plain);
  for (int size = 1; size <= 9; ++size) {
    CAPTURE(size);
    Lesions lesions = lesions_for(size);
    std::vector<std::vector<Outcomes<float>>> outcomes;
    with_team(lesions, [&](AddedLesions<float>& sharded) { outcomes = ask(sharded); });
    CHECK(all_same(outcomes, expected));
    std::size_t computed = 0;
    Index calls = 0;
    for (const auto& own : lesions) {
      for (const auto& [key, count] : own->computed) computed += static_cast<std::size_t>(count);
      if (size <= 7) CHECK(own->calls > 0);
      calls += own->calls;
    }
    std::size_t expected_count = 0;
    for (const auto& [key, count] : plain.computed) expected_count += static_cast<std::size_t>(count);
    CHECK(computed == expected_count);
    if (size == 1) CHECK(calls == 4);  // of the six questions, two ask for nothing
  }
}

TEST_CASE("a journal above sharded lesions is asked once and holds for another number of processes") {
  CountedLesions<float> plain;
  const auto expected = ask(plain);
  const ScratchFolder folder;
  const auto work = [&](int size, Index stop_after) {
    Lesions lesions = lesions_for(size);
    Index calls = 0;
    std::vector<std::vector<Outcomes<float>>> outcomes;
    lesions[0]->before_call = [&](Index) {
      if (calls++ == stop_after) throw Killed();
    };
    with_team(lesions, [&](AddedLesions<float>& sharded) {
      JournaledLesions<float> journaled(sharded, folder / "work.log", "tiny", {.piece_seconds = 0, .blocks = size});
      outcomes = ask(journaled);
    });
    return outcomes;
  };
  CHECK_THROWS_AS(work(3, 4), Killed);
  CHECK_THROWS_AS(work(1, 6), Killed);
  CHECK_THROWS_AS(work(5, 2), Killed);
  CHECK(all_same(work(2, 1'000'000), expected));
  CHECK(all_same(work(4, 0), expected));  // nothing is left to compute
}

TEST_CASE("an error on any process is thrown on process 0, and the team goes on") {
  const Question question;
  for (int failing = 0; failing < 4; ++failing) {
    CAPTURE(failing);
    Lesions lesions = lesions_for(4);
    lesions[static_cast<std::size_t>(failing)]->before_call = [](Index call) {
      if (call == 0) throw NumericError("a loss is not a number");
    };
    std::string message;
    CountedLesions<float> plain;
    bool goes_on = false;
    with_team(lesions, [&](AddedLesions<float>& sharded) {
      try {
        (void)sharded.evaluate(question.base, question.added, {0, 20});
      } catch (const NumericError& error) {
        message = error.what();
      }
      lesions[static_cast<std::size_t>(failing)]->calls = 1;
      goes_on = same(sharded.evaluate(question.base, question.added, {0, 20}),
                     plain.evaluate(question.base, question.added, {0, 20}));
    });
    CHECK(message == (failing == 0 ? "a loss is not a number" : text("process ", failing, ": a loss is not a number")));
    CHECK(goes_on);
  }
}

TEST_CASE("wrong questions are refused alike by any number of processes") {
  const std::vector<std::vector<Index>> unknown{{1}, {9}};
  for (const int size : {1, 3}) {
    Lesions lesions = lesions_for(size);
    std::vector<std::string> messages;
    with_team(lesions, [&](AddedLesions<float>& sharded) {
      for (const ImageRange images : {ImageRange{0, 20}, ImageRange{1, 2}}) try {
          (void)sharded.evaluate({}, unknown, images);
        } catch (const ConfigError& error) {
          messages.emplace_back(error.what());
        }
    });
    REQUIRE(messages.size() == 2);
    CHECK(messages[0] == "counted lesions: there is no unit 9");
    CHECK_THAT(messages[1], Contains("expected whole blocks of 3 of 20 images, got 2 from 1 on"));
  }
}

TEST_CASE("when process 0 fails the others stop serving, when another gives up process 0 is told") {
  Lesions lesions = lesions_for(3);
  CHECK_THROWS_AS(with_team(lesions, [&](AddedLesions<float>&) { throw Killed(); }), Killed);

  const Question question;
  std::string told;
  CHECK_THROWS_AS(run_team(3,
                           [&](Communicator& team) {
                             CountedLesions<float> own;
                             if (team.rank() == 2) throw Killed();  // gives up without serving
                             if (team.rank() == 1) return serve_lesions(own, team);
                             try {
                               ShardedLesions<float> sharded(own, team);
                               (void)sharded.evaluate(question.base, question.added, {0, 20});
                             } catch (const CommunicationError& error) {
                               told = error.what();
                             }
                           }),
                  Killed);
  CHECK(told == "another process has given up");
}

TEST_CASE("only process 0 asks") {
  CHECK_THROWS_WITH(run_team(2,
                             [](Communicator& team) {
                               CountedLesions<float> own;
                               if (team.rank() == 1) ShardedLesions<float> sharded(own, team);
                             }),
                    "sharded lesions: expected process 0 to ask, got process 1");
}
