#include <chrono>
#include <csignal>
#include <limits>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <fusiform/analysis/journaled_lesions.hpp>
#include <fusiform/io/atomic_file.hpp>

#include "tests/analysis/counted_lesions.hpp"
#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

/// A little ranking: every unit on top of none and of {5, 2}, some of them image range by image range.
template <class Lesions>
auto ask(Lesions& lesions) {
  const Question first;
  const Question second({5, 2});
  auto all = lesions.evaluate(first.base, first.added, {0, 20});
  const auto add = [&all](auto more) { all.insert(all.end(), more.begin(), more.end()); };
  add(lesions.evaluate(second.base, second.added, {3, 9}));
  add(lesions.evaluate(second.base, std::span(second.added).first(3), {0, 20}));
  add(lesions.evaluate(second.base, second.added, {18, 2}));
  return all;
}

const JournalOptions one_by_one{.piece_seconds = 0};

}  // namespace

TEMPLATE_TEST_CASE("journaled lesions say what the lesions say and ask for nothing twice", "", float, double) {
  const ScratchFolder folder;
  CountedLesions<TestType> plain;
  const auto expected = ask(plain);
  CountedLesions<TestType> counted;
  {
    JournaledLesions<TestType> journaled(counted, folder / "work.log", "tiny", one_by_one);
    CHECK(journaled.units() == 7);
    CHECK(journaled.image_count() == 20);
    CHECK(journaled.block() == 3);
    CHECK(same(ask(journaled), expected));
    const Index calls = counted.calls;
    CHECK(calls > 60);
    CHECK(counted.computed_once());
    CHECK(same(ask(journaled), expected));
    CHECK(counted.calls == calls);
  }
  CountedLesions<TestType> unused;
  JournaledLesions<TestType> journaled(unused, folder / "work.log", "tiny");
  CHECK(same(ask(journaled), expected));
  CHECK(unused.calls == 0);
}

TEST_CASE("work killed after any number of pieces goes on with the next and ends the same") {
  CountedLesions<float> plain;
  const auto expected = ask(plain);
  const ScratchFolder undisturbed;
  CountedLesions<float> counted;
  JournaledLesions<float> to_the_end(counted, undisturbed / "work.log", "tiny", one_by_one);
  (void)ask(to_the_end);
  const Index pieces = counted.calls;
  REQUIRE(pieces > 60);
  for (Index kill_at = 0; kill_at < pieces; ++kill_at) {
    const ScratchFolder folder;
    CAPTURE(kill_at);
    CountedLesions<float> lesions;  // one for all attempts, so that it counts them all
    lesions.before_call = [&](Index call) {
      if (call == kill_at) throw Killed();
    };
    {
      JournaledLesions<float> journaled(lesions, folder / "work.log", "tiny", one_by_one);
      CHECK_THROWS_AS(ask(journaled), Killed);
    }
    CHECK(lesions.calls == kill_at);
    lesions.before_call = {};
    JournaledLesions<float> journaled(lesions, folder / "work.log", "tiny", one_by_one);
    CHECK(same(ask(journaled), expected));
    CHECK(lesions.computed_once());
    CHECK(lesions.calls == pieces);
  }
}

TEST_CASE("work whose journal is cut at any byte loses one piece and ends the same") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  const Question question({}, 3);
  const auto evaluate = [&](CountedLesions<float>& lesions, const JournalOptions& options) {
    JournaledLesions<float> journaled(lesions, path, "tiny", options);
    return journaled.evaluate(question.base, question.added, {0, 5});
  };
  const CountedLesions<float>::Size small{.units = 3, .images = 5, .block = 3};
  CountedLesions<float> whole(small);
  const auto expected = evaluate(whole, one_by_one);
  const std::string journal = read_file(path);
  REQUIRE(whole.computed.size() == 4 * 5);
  Index computed_before = 4 * 5;
  for (std::size_t end = 0; end <= journal.size(); ++end) {
    CAPTURE(end);
    write_file_atomically(path, journal.substr(0, end));
    CountedLesions<float> lesions(small);
    CHECK(same(evaluate(lesions, one_by_one), expected));
    const auto computed = static_cast<Index>(lesions.computed.size());
    CHECK(computed_before - computed <= 3);  // from byte to byte, at most one piece of 1 entry and 3 images
    CHECK(computed <= computed_before);
    computed_before = computed;
  }
  CHECK(computed_before == 0);
}

TEST_CASE("a damaged journal of lesions is refused or computed again, never believed") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  const Question question({1}, 3);
  const CountedLesions<float>::Size small{.units = 3, .images = 5, .block = 3};
  CountedLesions<float> whole(small);
  std::vector<Outcomes<float>> expected;
  {
    JournaledLesions<float> journaled(whole, path, "tiny", one_by_one);
    expected = journaled.evaluate(question.base, question.added, {0, 5});
  }
  const std::string journal = read_file(path);
  int refused = 0;
  for (std::size_t place = 0; place < journal.size(); ++place) {
    std::string damaged = journal;
    damaged[place] = static_cast<char>(damaged[place] ^ 4);
    write_file_atomically(path, damaged);
    CountedLesions<float> lesions(small);
    try {
      JournaledLesions<float> journaled(lesions, path, "tiny", one_by_one);
      CHECK(same(journaled.evaluate(question.base, question.added, {0, 5}), expected));
      CHECK(lesions.calls == 1);  // only the last piece
    } catch (const FileError&) {
      ++refused;
    }
  }
  CHECK(refused > static_cast<int>(journal.size()) / 2);
}

TEST_CASE("a journal of lesions belongs to one piece of work") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  CountedLesions<float> lesions;
  { const JournaledLesions<float> journaled(lesions, path, "conv1 of net A"); }
  CHECK_THROWS_WITH(
      JournaledLesions<float>(lesions, path, "conv2 of net A"),
      Contains("expected records of 'conv2 of net A; lesions of 7 units, 20 images in blocks of 3, float'") &&
          Contains("found those of 'conv1 of net A;"));
  CountedLesions<float> other_blocks({.units = 7, .images = 20, .block = 4});
  CHECK_THROWS_AS(JournaledLesions<float>(other_blocks, path, "conv1 of net A"), FileError);
  CountedLesions<double> other_scalar;
  CHECK_THROWS_AS(JournaledLesions<double>(other_scalar, path, "conv1 of net A"), FileError);
}

TEST_CASE("pieces take about as long as wanted") {
  const ScratchFolder folder;
  CountedLesions<float> lesions({.units = 40, .images = 64, .block = 2});
  std::vector<Index> calls_until;
  lesions.before_call = [](Index) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
  const Question question({}, 40);
  {
    JournaledLesions<float> journaled(lesions, folder / "short", "tiny", {.piece_seconds = 0.0005});
    (void)journaled.evaluate(question.base, question.added, {0, 64});
  }
  const Index short_pieces = lesions.calls;
  lesions.calls = 0;
  JournaledLesions<float> journaled(lesions, folder / "long", "tiny", {.piece_seconds = 10});
  (void)journaled.evaluate(question.base, question.added, {0, 64});
  // Each call takes the same time: pieces of a quarter of it cannot be reached and go down to one outcome block, pieces
  // of much more grow fourfold until one holds all that is left.
  CHECK(short_pieces > 300);
  CHECK(lesions.calls < 25);
}

TEST_CASE("pieces hold whole rows of blocks for processes that share the work") {
  const ScratchFolder folder;
  CountedLesions<float> plain;
  const Question question;
  const auto expected = plain.evaluate(question.base, question.added, {0, 20});
  CountedLesions<float> lesions;
  JournaledLesions<float> journaled(lesions, folder / "work.log", "tiny", {.piece_seconds = 0, .blocks = 3});
  CHECK(same(journaled.evaluate(question.base, question.added, {0, 20}), expected));
  CHECK(lesions.computed_once());
  CHECK(lesions.calls == 3 * 8);  // 7 blocks in rows of 3, 3 and 1, entry by entry
  CHECK_THROWS_WITH(JournaledLesions<float>(lesions, folder / "none", "tiny", {.blocks = 0}),
                    Contains("pieces of at least 1 block, got 0"));
}

TEST_CASE("ranges of journaled lesions are whole blocks, and errors of the lesions come through") {
  const ScratchFolder folder;
  CountedLesions<float> lesions;
  JournaledLesions<float> journaled(lesions, folder / "work.log", "tiny");
  const Question question;
  for (const ImageRange range : {ImageRange{1, 3}, ImageRange{0, 4}, ImageRange{18, 3}, ImageRange{-3, 3}}) {
    CAPTURE(range.first, range.count);
    CHECK_THROWS_WITH(journaled.evaluate(question.base, question.added, range),
                      Contains("whole blocks of 3 of 20 images"));
  }
  CHECK(journaled.evaluate(question.base, question.added, {0, 0}).size() == question.added.size());
  CHECK(journaled.evaluate(question.base, {}, {0, 20}).empty());
  const std::vector<std::vector<Index>> unknown{{9}};
  CHECK_THROWS_WITH(journaled.evaluate(question.base, unknown, {0, 20}), "counted lesions: there is no unit 9");
  // Twice the same entry in one question: two answers.
  const std::vector<std::vector<Index>> twice{{4}, {4}};
  const auto both = journaled.evaluate(question.base, twice, {0, 20});
  CHECK(both[0].losses == both[1].losses);
}

TEST_CASE("a full disk stops journaled lesions and costs nothing that was finished") {
  const ScratchFolder folder;
  const std::string path = folder / "work.log";
  const Question question;
  CountedLesions<float> lesions;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  std::string problem;
  setrlimit(RLIMIT_FSIZE, &limit);
  try {
    JournaledLesions<float> journaled(lesions, path, "tiny", one_by_one);
    (void)journaled.evaluate(question.base, question.added, {0, 20});
  } catch (const FileError& error) {
    problem = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(problem == path + ": cannot write: File too large");
  const auto finished = static_cast<Index>(lesions.computed.size());
  CHECK(finished > 10);
  JournaledLesions<float> journaled(lesions, path, "tiny", one_by_one);
  CountedLesions<float> plain;
  CHECK(same(journaled.evaluate(question.base, question.added, {0, 20}),
             plain.evaluate(question.base, question.added, {0, 20})));
  Index twice = 0;
  for (const auto& [key, count] : lesions.computed) twice += count - 1;
  CHECK(twice <= 3);  // the piece that did not fit
}

TEST_CASE("losses that are not numbers keep their bits in a journal") {
  MessageWriter writer;
  Outcomes<float> outcomes(9);
  outcomes.losses = {
      0.F, -0.F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e-45F, 1.F, 2.F,
      3.F, 4.F};
  outcomes.correct = {1, 0, 0, 1, 1, 0, 1, 0, 1};
  outcomes.in_top5 = {0, 0, 0, 0, 0, 0, 0, 1, 0};
  put_outcomes(writer, outcomes);
  MessageReader reader(writer.bytes(), "test");
  const auto read = get_outcomes<float>(reader);
  CHECK(reader.at_end());
  CHECK(std::memcmp(read.losses.data(), outcomes.losses.data(), 9 * sizeof(float)) == 0);
  CHECK(read.correct == outcomes.correct);
  CHECK(read.in_top5 == outcomes.in_top5);
}
