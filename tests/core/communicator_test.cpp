#include <atomic>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <vector>

#include <fusiform/core/random.hpp>
#include <fusiform/core/together.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/communicator_checks.hpp"
#include "tests/support/thread_team.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEST_CASE("a team of one has nothing to do") {
  SingleProcess team;
  CHECK(team.size() == 1);
  CHECK(communicator_problems(team).empty());
}

TEST_CASE("a team of threads passes the checks of every communicator") {
  for (const int size : {1, 2, 3, 7}) {
    std::mutex lock;
    std::vector<std::string> problems;
    std::set<int> ranks;
    run_team(size, [&](Communicator& team) {
      const auto found = communicator_problems(team);
      const std::lock_guard guard(lock);
      if (team.size() == size) ranks.insert(team.rank());
      problems.insert(problems.end(), found.begin(), found.end());
    });
    CHECK(problems == std::vector<std::string>{});
    CHECK(ranks.size() == static_cast<std::size_t>(size));
  }
}

TEST_CASE("whoever waits for a process that gave up is told") {
  for (int failing = 0; failing < 3; ++failing) {
    for (int step = 0; step < 4; ++step) {
      std::atomic<int> told{0};
      CAPTURE(failing, step);
      CHECK_THROWS_WITH(run_team(3,
                                 [&](Communicator& team) {
                                   team.barrier();
                                   if (team.rank() == failing) throw Error("broken");
                                   float value = 0;
                                   try {
                                     if (step == 0) team.barrier();
                                     if (step == 1) (void)team.gather("a");
                                     if (step == 2) (void)team.all_gather("a");
                                     if (step == 3) team.sum(std::span(&value, 1));
                                   } catch (const CommunicationError&) {
                                     ++told;
                                     try {
                                       team.barrier();  // and later too
                                     } catch (const CommunicationError&) {
                                       ++told;
                                     }
                                     throw;
                                   }
                                 }),
                        "broken");
      CHECK(told == 4);
    }
  }
}

TEST_CASE("an error on one process is thrown on all, with its class") {
  const auto thrown = [](auto error, int failing) {
    std::vector<std::string> messages(3);
    run_team(3, [&](Communicator& team) {
      together(team, [] {});
      try {
        together(team, [&] {
          if (team.rank() == failing) throw error;
        });
      } catch (const decltype(error)& caught) {
        messages[static_cast<std::size_t>(team.rank())] = caught.what();
      }
      team.barrier();  // the team goes on
    });
    return messages;
  };
  using Messages = std::vector<std::string>;
  CHECK(thrown(ConfigError("no"), 1) == Messages{"process 1: no", "no", "process 1: no"});
  CHECK(thrown(ShapeError("no"), 0) == Messages{"no", "process 0: no", "process 0: no"});
  CHECK(thrown(NumericError("no"), 2) == Messages{"process 2: no", "process 2: no", "no"});
  CHECK(thrown(CommunicationError("no"), 2) == Messages{"process 2: no", "process 2: no", "no"});
  CHECK(thrown(FileError("a/b", "full"), 0) == Messages{"a/b: full", "a/b: process 0: full", "a/b: process 0: full"});
  CHECK(thrown(Error("no"), 0) == Messages{"no", "process 0: no", "process 0: no"});
}

TEST_CASE("of several errors each process keeps its own and the others hear of the lowest") {
  std::vector<std::string> messages(4);
  run_team(4, [&](Communicator& team) {
    try {
      together(team, [&] {
        if (team.rank() == 2) throw ConfigError("two");
        if (team.rank() == 1) throw std::bad_alloc();
      });
    } catch (const std::exception& error) {
      messages[static_cast<std::size_t>(team.rank())] = error.what();
    }
  });
  CHECK(messages[0] == "process 1: out of memory");
  CHECK(messages[1] == std::bad_alloc().what());
  CHECK(messages[2] == "two");
  CHECK(messages[3] == "process 1: out of memory");
}

TEST_CASE("where process 0 speaks for all, the others are only told whether to go on") {
  std::vector<std::string> ends(3);
  run_team(3, [&](Communicator& team) {
    std::string& end = ends[static_cast<std::size_t>(team.rank())];
    try {
      end = together_with_first(team, [] {}) ? "on" : "off";
      end += together_with_first(team,
                                 [&] {
                                   if (team.rank() == 1) throw ShapeError("no");
                                 })
                 ? ", on"
                 : ", off";
    } catch (const ShapeError& error) {
      end += text(", ", error.what());
    }
  });
  CHECK(ends == std::vector<std::string>{"on, process 1: no", "on, off", "on, off"});
}
