#pragma once
/// Lesions whose losses are looked up in a table: what algorithms that ask for lesions are tested with.

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/analysis/added_lesions.hpp>
#include <fusiform/core/random.hpp>

namespace fusiform::test {

/// loss(base, unit, image), unit -1 being the base alone; a loss below 1 counts as a class found.
template <class T>
class TableLesions final : public AddedLesions<T> {
 public:
  using Loss = std::function<double(std::span<const Index> base, Index unit, Index image)>;

  TableLesions(Index units, Index images, Loss loss, Index block = 1)
      : units_(units), images_(images), block_(block), loss_(std::move(loss)) {}

  [[nodiscard]] Index units() const override { return units_; }
  [[nodiscard]] Index image_count() const override { return images_; }
  [[nodiscard]] Index block() const override { return block_; }

  [[nodiscard]] std::vector<Outcomes<T>> evaluate(std::span<const Index> base,
                                                  std::span<const std::vector<Index>> added,
                                                  ImageRange images) override {
    const Index end = images.first + images.count;
    valid_ = valid_ && images.count > 0 && images.first % block_ == 0 && (end % block_ == 0 || end == images_);
    ++calls;
    std::vector<Outcomes<T>> result(added.size(), Outcomes<T>(images.count));
    std::vector<bool>& seen = seen_[base.size()];
    seen.resize(static_cast<std::size_t>((units_ + 1) * images_));
    for (std::size_t k = 0; k < added.size(); ++k)
      for (Index i = 0; i < images.count; ++i) {
        const Index unit = added[k].empty() ? -1 : added[k].front();
        const auto place = static_cast<std::size_t>((unit + 1) * images_ + images.first + i);
        valid_ = valid_ && added[k].size() <= 1 && !seen[place];
        seen[place] = true;
        const double loss = loss_(base, unit, images.first + i);
        result[k].losses[static_cast<std::size_t>(i)] = static_cast<T>(loss);
        result[k].correct[static_cast<std::size_t>(i)] = loss < 1 ? 1 : 0;
        if (unit >= 0) ++evaluations;
      }
    return result;
  }

  /// Whether all ranges were whole blocks, and nothing was asked for twice.
  [[nodiscard]] bool was_asked_well() const noexcept { return valid_; }

  Index evaluations = 0;  ///< (unit, image) pairs, without the base
  Index calls = 0;

 private:
  Index units_;
  Index images_;
  Index block_;
  Loss loss_;
  bool valid_ = true;
  std::map<std::size_t, std::vector<bool>> seen_;  // by the number of units in the base
};

}  // namespace fusiform::test
