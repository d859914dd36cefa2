#pragma once
/// Lesions whose outcomes are kept in a file while they are computed, so that a kill costs the last second of work.

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fusiform/analysis/lesion_bytes.hpp>
#include <fusiform/io/record_log.hpp>

namespace fusiform {

struct JournalOptions {
  double piece_seconds = 1;   ///< work between two records, about; 0: as little as possible
  double flush_seconds = 10;  ///< a power cut costs so much work, a kill of the process only the last piece
  Index blocks = 1;           ///< pieces are multiples of so many blocks, as far as the images allow: processes at work
};

/// Asks `lesions` for one piece of work after the other (some entries, some whole blocks), appends each to the journal,
/// and never asks for what is in it. Answers have the same bits in any case; only where the journal is cut into records
/// depends on the time that work took.
template <Scalar T>
class JournaledLesions final : public AddedLesions<T> {
 public:
  /// `identity` says what outcomes depend on beside what `lesions` tell of themselves: weights, layer, head, images,
  /// manner of lesion. Throws FileError as RecordLog; a journal of other work is refused.
  JournaledLesions(AddedLesions<T>& lesions, std::string path, std::string_view identity,
                   const JournalOptions& options = {})
      : lesions_(lesions),
        options_(options),
        log_(std::move(path), full_identity(identity), [this](Index position, std::string_view record) {
          MessageReader reader(record, "journal of lesions");
          LesionQuestion question = get_question(reader);
          finished_[std::move(question.base)].push_back({position, question.images});
        }) {
    require_setting(options.blocks >= 1, "journal of lesions", "pieces of at least 1 block", options.blocks);
    if (options.piece_seconds > 0) goal_ = 8 * static_cast<double>(lesions.block());
  }

  [[nodiscard]] Index units() const override { return lesions_.units(); }
  [[nodiscard]] Index image_count() const override { return lesions_.image_count(); }
  [[nodiscard]] Index block() const override { return lesions_.block(); }

  /// Throws as `lesions`, and FileError if the journal cannot be written or read; finished pieces stay in it.
  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    require_whole_blocks(lesions_, images);
    Answer answer{{base.begin(), base.end()}, added, images, {}, {}};
    answer.outcomes.assign(added.size(), Outcomes<T>(images.count));
    answer.missing.assign(static_cast<std::size_t>(images.parts(block())), std::vector<bool>(added.size(), true));
    recall(answer);
    for (Index first = 0; first < block_count(answer);) {
      Index end = first + 1;
      while (end < block_count(answer) && missing_of(answer, end) == missing_of(answer, first)) ++end;
      compute(answer, first, end);
      first = end;
    }
    return std::move(answer.outcomes);
  }

  /// Returns when all finished pieces are on the disk. Throws FileError.
  void flush() {
    log_.flush();
    flushed_ = Clock::now();
  }

  [[nodiscard]] const RecordLog& log() const noexcept { return log_; }

 private:
  using Clock = std::chrono::steady_clock;

  /// A record of the journal.
  struct Piece {
    Index position = 0;
    ImageRange images;
  };

  /// An answer while it is put together.
  struct Answer {
    std::vector<Index> base;
    std::span<const std::vector<Index>> added;
    ImageRange images;
    std::vector<Outcomes<T>> outcomes;
    std::vector<std::vector<bool>> missing;  // [block of the range][entry]
  };

  [[nodiscard]] std::string full_identity(std::string_view identity) const {
    return text(identity, "; lesions of ", lesions_.units(), " units, ", lesions_.image_count(),
                " images in blocks of ", lesions_.block(), ", ", std::is_same_v<T, float> ? "float" : "double");
  }

  static Index block_count(const Answer& answer) { return static_cast<Index>(answer.missing.size()); }
  static const std::vector<bool>& missing_of(const Answer& answer, Index block) {
    return answer.missing[static_cast<std::size_t>(block)];
  }

  /// Images of blocks first..end-1 of the answer's range.
  [[nodiscard]] ImageRange images_of(const Answer& answer, Index first, Index end) const {
    const Index begin = first * block();
    return {answer.images.first + begin, std::min(end * block(), answer.images.count) - begin};
  }

  /// Takes from the journal what is there.
  void recall(Answer& answer) const {
    const auto pieces = finished_.find(answer.base);
    if (pieces == finished_.end()) return;
    std::map<std::vector<Index>, std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < answer.added.size(); ++i) places[answer.added[i]].push_back(i);
    for (const Piece& piece : pieces->second) {
      const Index first = std::max(piece.images.first, answer.images.first);
      const Index end = std::min(piece.images.end(), answer.images.end());
      if (first >= end) continue;
      const std::string record = log_.read(piece.position);
      MessageReader reader(record, log_.path());
      for (const std::vector<Index>& entry : get_question(reader).added) {
        const Outcomes<T> outcomes = get_outcomes<T>(reader);
        const auto found = places.find(entry);
        if (found == places.end()) continue;
        for (const std::size_t i : found->second) {
          copy_outcomes(outcomes, first - piece.images.first, answer.outcomes[i], first - answer.images.first,
                        end - first);
          for (Index image = first; image < end; image += block())
            answer.missing[static_cast<std::size_t>((image - answer.images.first) / block())][i] = false;
        }
      }
    }
  }

  /// Computes what is missing of blocks first..end-1, which all lack the same entries. Blocks outside, entries inside:
  /// the base is computed once for a block.
  void compute(Answer& answer, Index first, Index end) {
    std::vector<std::size_t> entries;
    for (std::size_t i = 0; i < answer.added.size(); ++i)
      if (missing_of(answer, first)[i]) entries.push_back(i);
    if (entries.empty()) return;
    while (first < end) {
      const Index row = options_.blocks * block();
      const auto rows = static_cast<Index>(goal_ / static_cast<double>(row * static_cast<Index>(entries.size())));
      const Index next = std::min(end, first + std::max<Index>(1, rows) * options_.blocks);
      const ImageRange images = images_of(answer, first, next);
      for (std::size_t i = 0; i < entries.size();) {
        const std::size_t count = entries_of_piece(entries.size() - i, images.count);
        compute_piece(answer, std::span(entries).subspan(i, count), images);
        i += count;
      }
      first = next;
    }
  }

  /// How many of the entries that are left go into the next piece; the pieces of one row have about the same size.
  [[nodiscard]] std::size_t entries_of_piece(std::size_t left, Index images) const {
    const auto fitting = static_cast<std::size_t>(std::max(1.0, goal_ / static_cast<double>(images)));
    const std::size_t pieces = (left + fitting - 1) / fitting;
    return (left + pieces - 1) / pieces;
  }

  void compute_piece(Answer& answer, std::span<const std::size_t> entries, ImageRange images) {
    std::vector<std::vector<Index>> added;
    for (const std::size_t i : entries) added.push_back(answer.added[i]);
    const auto start = Clock::now();
    const std::vector<Outcomes<T>> outcomes = lesions_.evaluate(answer.base, added, images);
    adapt(images.count * static_cast<Index>(added.size()), seconds_since(start));
    MessageWriter writer;
    put_question(writer, answer.base, added, images);
    for (const Outcomes<T>& of_entry : outcomes) put_outcomes(writer, of_entry);
    finished_[answer.base].push_back({log_.append(writer.bytes()), images});
    if (seconds_since(flushed_) > options_.flush_seconds) flush();
    for (std::size_t i = 0; i < entries.size(); ++i)
      copy_outcomes(outcomes[i], 0, answer.outcomes[entries[i]], images.first - answer.images.first, images.count);
  }

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  /// Sets the goal by the rate of the last piece; step by step, since one piece may have been slowed by chance.
  void adapt(Index outcomes, double seconds) {
    const double wanted = static_cast<double>(outcomes) * options_.piece_seconds / std::max(seconds, 1e-6);
    goal_ = std::max(1.0, std::clamp(wanted, goal_ / 4, goal_ * 4));
  }

  AddedLesions<T>& lesions_;
  JournalOptions options_;
  std::map<std::vector<Index>, std::vector<Piece>> finished_;  // by base
  RecordLog log_;                                              // behind finished_, which it fills
  double goal_ = 1;  // outcomes (one entry, one image) that the next piece should have
  Clock::time_point flushed_ = Clock::now();
};

}  // namespace fusiform
