#pragma once
/// Lesions whose outcomes are a made-up function of base, entry and image, for tests of what asks for lesions. Counts.

#include <functional>
#include <map>
#include <stdexcept>
#include <tuple>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform::test {

/// What stops work in the middle.
struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

template <Scalar T>
class CountedLesions final : public AddedLesions<T> {
 public:
  struct Size {
    Index units = 7;
    Index images = 20;
    Index block = 3;
  };

  explicit CountedLesions(Size size = {}) : size_(size) {}

  Index calls = 0;                                                                    ///< of evaluate
  std::map<std::tuple<std::vector<Index>, std::vector<Index>, Index>, int> computed;  ///< how often: base, entry, image
  std::function<void(Index call)> before_call;                                        ///< may throw

  [[nodiscard]] Index units() const override { return size_.units; }
  [[nodiscard]] Index image_count() const override { return size_.images; }
  [[nodiscard]] Index block() const override { return size_.block; }

  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    if (before_call) before_call(calls);
    ++calls;
    const Index end = images.first + images.count;
    if (images.first % size_.block != 0 || (end % size_.block != 0 && end != size_.images) || end > size_.images)
      throw ConfigError("counted lesions: no whole blocks");
    const std::vector<Index> base_units(base.begin(), base.end());
    std::vector<Outcomes<T>> result;
    for (const std::vector<Index>& entry : added) {
      for (const Index unit : entry)
        if (unit < 0 || unit >= size_.units) throw ConfigError(text("counted lesions: there is no unit ", unit));
      Outcomes<T>& outcomes = result.emplace_back(images.count);
      for (Index i = 0; i < images.count; ++i) {
        ++computed[{base_units, entry, images.first + i}];
        Rng rng = stream_for(base, entry).stream(static_cast<std::uint64_t>(images.first + i));
        const auto place = static_cast<std::size_t>(i);
        outcomes.losses[place] = static_cast<T>(rng.uniform(0, 10));
        outcomes.correct[place] = static_cast<std::uint8_t>(rng.below(2));
        outcomes.in_top5[place] = static_cast<std::uint8_t>(rng.below(2));
      }
    }
    return result;
  }

  /// Whether nothing was computed twice.
  [[nodiscard]] bool computed_once() const {
    for (const auto& [key, count] : computed)
      if (count != 1) return false;
    return true;
  }

 private:
  static Rng stream_for(std::span<const Index> base, const std::vector<Index>& entry) {
    Rng rng(17);
    for (const Index unit : base) rng = rng.stream(static_cast<std::uint64_t>(unit));
    rng = rng.stream("added");
    for (const Index unit : entry) rng = rng.stream(static_cast<std::uint64_t>(unit));
    return rng;
  }

  Size size_;
};

/// A base and an entry for each unit that is not in it, the empty one first.
struct Question {
  std::vector<Index> base;
  std::vector<std::vector<Index>> added;

  explicit Question(std::vector<Index> lesioned = {}, Index units = 7) : base(std::move(lesioned)), added{{}} {
    for (Index unit = 0; unit < units; ++unit)
      if (std::find(base.begin(), base.end(), unit) == base.end()) added.push_back({unit});
  }
};

/// Bit for bit.
template <Scalar T>
[[nodiscard]] bool same(const std::vector<Outcomes<T>>& a, const std::vector<Outcomes<T>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Outcomes<T>& x, const Outcomes<T>& y) {
    return x.losses == y.losses && x.correct == y.correct && x.in_top5 == y.in_top5;
  });
}

}  // namespace fusiform::test
