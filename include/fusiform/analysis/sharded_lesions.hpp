#pragma once
/// Lesions whose work is shared by the processes of a team: process 0 asks, all answer for a part.

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <fusiform/analysis/lesion_bytes.hpp>
#include <fusiform/core/together.hpp>

namespace fusiform {

/// Part of a question: some of its entries on some of its images.
struct LesionShare {
  ImageRange images;
  std::vector<std::size_t> entries;
};

/// What process `rank` of `size` answers of `entries` entries on `images`, whole blocks. Block b of the list of images
/// belongs to process b modulo `size`, so that each process computes what lies before the lesions for its own images
/// only. If there are fewer blocks than processes, several share a block and deal its entries out.
[[nodiscard]] inline std::vector<LesionShare> lesion_shares(int rank, int size, std::size_t entries, ImageRange images,
                                                            Index block) {
  std::vector<LesionShare> shares;
  const auto add = [&](Index first, std::size_t member, std::size_t members) {
    const Index count = std::min(block, images.end() - first);
    if (members == 1 && !shares.empty() && shares.back().images.end() == first) {
      shares.back().images.count += count;
      return;
    }
    LesionShare share{{first, count}, {}};
    for (std::size_t i = member; i < entries; i += members) share.entries.push_back(i);
    if (!share.entries.empty()) shares.push_back(std::move(share));
  };
  const Index blocks = images.parts(block);
  if (blocks >= size) {
    for (Index b = 0; b < blocks; ++b) {
      const Index first = images.first + b * block;
      if (first / block % size == rank) add(first, 0, 1);
    }
  } else if (blocks > 0) {
    const Index b = rank % blocks;
    const Index members = (size - b + blocks - 1) / blocks;
    add(images.first + b * block, static_cast<std::size_t>(rank / blocks), static_cast<std::size_t>(members));
  }
  return shares;
}

namespace detail {

enum class LesionCall : unsigned char { evaluate, end };

/// The outcomes of this process's shares, one after the other.
template <Scalar T>
[[nodiscard]] std::string answer_shares(AddedLesions<T>& lesions, const Communicator& team,
                                        const LesionQuestion& question) {
  MessageWriter writer;
  for (const LesionShare& share :
       lesion_shares(team.rank(), team.size(), question.added.size(), question.images, lesions.block())) {
    std::vector<std::vector<Index>> added;
    for (const std::size_t i : share.entries) added.push_back(question.added[i]);
    for (const Outcomes<T>& outcomes : lesions.evaluate(question.base, added, share.images))
      put_outcomes(writer, outcomes);
  }
  return writer.take();
}

/// Takes part in a step of the team: gives process 0 either the answer or the error, and returns the error.
template <Scalar T>
std::exception_ptr give_answer(AddedLesions<T>& lesions, Communicator& team, const LesionQuestion& question,
                               std::vector<std::string>& answers) {
  MessageWriter writer;
  std::exception_ptr error;
  try {
    const std::string outcomes = answer_shares(lesions, team, question);
    writer.put_text("");
    writer.put_text(outcomes);
  } catch (...) {
    error = std::current_exception();
    writer.put_text(bytes_of_error(error));
  }
  answers = team.gather(writer.bytes());
  return error;
}

}  // namespace detail

/// Used on process 0, while the others are in `serve_lesions` with lesions of the same net, images and blocks. Outcomes
/// have the same bits for any number of processes. Both references must outlive it.
template <Scalar T>
class ShardedLesions final : public AddedLesions<T> {
 public:
  /// `own` does what falls to process 0. Throws ConfigError on another process.
  ShardedLesions(AddedLesions<T>& own, Communicator& team) : own_(own), team_(team) {
    require_setting(team.rank() == 0, "sharded lesions", "process 0 to ask", text("process ", team.rank()));
  }

  /// Lets the others return from `serve_lesions`.
  ~ShardedLesions() override {
    try {
      MessageWriter writer;
      writer.put(static_cast<unsigned char>(detail::LesionCall::end));
      (void)team_.broadcast(writer.bytes());
    } catch (...) {
      // The others have given up: they no longer serve.
    }
  }

  [[nodiscard]] Index units() const override { return own_.units(); }
  [[nodiscard]] Index image_count() const override { return own_.image_count(); }
  [[nodiscard]] Index block() const override { return own_.block(); }

  /// Throws as `own`; what another process failed with if this one did not; CommunicationError if one has given up.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    require_whole_blocks(own_, images);
    const LesionQuestion question{{base.begin(), base.end()}, {added.begin(), added.end()}, images};
    MessageWriter writer;
    writer.put(static_cast<unsigned char>(detail::LesionCall::evaluate));
    put_question(writer, base, added, images);
    (void)team_.broadcast(writer.bytes());
    std::vector<std::string> answers;
    const std::exception_ptr error = detail::give_answer(own_, team_, question, answers);
    if (error) std::rethrow_exception(error);
    std::vector<Outcomes<T>> outcomes(added.size(), Outcomes<T>(images.count));
    for (int rank = 0; rank < team_.size(); ++rank)
      take_answer(rank, answers[static_cast<std::size_t>(rank)], images, outcomes);
    return outcomes;
  }

 private:
  void take_answer(int rank, std::string_view answer, ImageRange images, std::vector<Outcomes<T>>& outcomes) const {
    MessageReader message(answer, text("answer of process ", rank));
    const std::string error = message.get_text();
    if (!error.empty()) throw_error_of(rank, error);
    const std::string parts = message.get_text();
    MessageReader reader(parts, text("answer of process ", rank));
    for (const LesionShare& share : lesion_shares(rank, team_.size(), outcomes.size(), images, block()))
      for (const std::size_t i : share.entries) {
        const Outcomes<T> part = get_outcomes<T>(reader);
        require_equal(text("answer of process ", rank), "images", share.images.count, part.count());
        copy_outcomes(part, 0, outcomes[i], share.images.first - images.first, share.images.count);
      }
  }

  AddedLesions<T>& own_;
  Communicator& team_;
};

/// Used on every process but 0: answers for this process's part until the ShardedLesions of process 0 ends. An error of
/// `own` is told to process 0 and does not end the service. Throws CommunicationError if another process has given up.
template <Scalar T>
void serve_lesions(AddedLesions<T>& own, Communicator& team) {
  while (true) {
    const std::string bytes = team.broadcast({});
    MessageReader reader(bytes, "question of process 0");
    if (static_cast<detail::LesionCall>(reader.get<unsigned char>()) == detail::LesionCall::end) return;
    std::vector<std::string> nothing;
    (void)detail::give_answer(own, team, get_question(reader), nothing);
  }
}

}  // namespace fusiform
