#pragma once
/// Questions to AddedLesions and their answers as bytes, for journals and for other processes.

#include <span>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/core/message.hpp>

namespace fusiform {

/// What is asked of AddedLesions.
struct LesionQuestion {
  std::vector<Index> base;
  std::vector<std::vector<Index>> added;
  ImageRange images;
};

inline void put_question(MessageWriter& writer, std::span<const Index> base, std::span<const std::vector<Index>> added,
                         ImageRange images) {
  writer.put(images.first);
  writer.put(images.count);
  writer.put_list(base);
  writer.put(static_cast<Index>(added.size()));
  for (const std::vector<Index>& entry : added) writer.put_list(std::span(entry));
}

/// Throws Error as MessageReader.
[[nodiscard]] inline LesionQuestion get_question(MessageReader& reader) {
  LesionQuestion question;
  question.images.first = reader.get<Index>();
  question.images.count = reader.get<Index>();
  question.base = reader.get_list<Index>();
  for (auto left = reader.get<Index>(); left > 0; --left) question.added.push_back(reader.get_list<Index>());
  return question;
}

/// The bits of the losses, so that what is read is what was written, and one bit for each of the rest.
template <Scalar T>
void put_outcomes(MessageWriter& writer, const Outcomes<T>& outcomes) {
  writer.put_list(std::span(outcomes.losses));
  writer.put_bits(outcomes.correct);
  writer.put_bits(outcomes.in_top5);
}

/// Throws Error as MessageReader.
template <Scalar T>
[[nodiscard]] Outcomes<T> get_outcomes(MessageReader& reader) {
  Outcomes<T> outcomes;
  outcomes.losses = reader.get_list<T>();
  outcomes.correct = reader.get_bits();
  outcomes.in_top5 = reader.get_bits();
  return outcomes;
}

/// Copies the outcomes of `count` images.
template <Scalar T>
void copy_outcomes(const Outcomes<T>& from, Index from_first, Outcomes<T>& to, Index to_first, Index count) {
  std::copy_n(from.losses.begin() + from_first, count, to.losses.begin() + to_first);
  std::copy_n(from.correct.begin() + from_first, count, to.correct.begin() + to_first);
  std::copy_n(from.in_top5.begin() + from_first, count, to.in_top5.begin() + to_first);
}

/// Throws ConfigError unless the range lies in the list, begins with a block and ends with one or with the list.
template <Scalar T>
void require_whole_blocks(const AddedLesions<T>& lesions, ImageRange images) {
  const bool lies_inside = images.first >= 0 && images.count >= 0 && images.end() <= lesions.image_count();
  if (!lies_inside || images.first % lesions.block() != 0 ||
      (images.end() % lesions.block() != 0 && images.end() != lesions.image_count()))
    throw ConfigError(text("lesions: expected whole blocks of ", lesions.block(), " of ", lesions.image_count(),
                           " images, got ", images.count, " from ", images.first, " on"));
}

}  // namespace fusiform
