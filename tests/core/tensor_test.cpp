#include <cstdint>
#include <utility>
#include <vector>

#include <fusiform/core/tensor.hpp>

#include "tests/support/catch.hpp"

using namespace fusiform;

namespace {

Tensor<float, Cpu> counting(const Shape& shape) {
  Tensor<float, Cpu> tensor(shape);
  for (Index i = 0; i < tensor.size(); ++i) tensor[i] = static_cast<float>(i);
  return tensor;
}

std::vector<float> elements(const Tensor<float, Cpu>& tensor) { return {tensor.span().begin(), tensor.span().end()}; }

}  // namespace

TEST_CASE("a new tensor is zero and aligned") {
  for (const Index size : {1, 3, 17, 1000}) {
    const Tensor<float, Cpu> tensor(Shape{size, 3});
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.data()) % storage_alignment == 0);
    for (const float element : tensor.span()) REQUIRE(element == 0.0F);
  }
}

TEST_CASE("an empty tensor has no elements") {
  const Tensor<float, Cpu> nothing;
  CHECK(nothing.empty());
  CHECK(nothing.shape() == Shape{0});
  const Tensor<float, Cpu> no_images(Shape{0, 4, 4, 3});
  CHECK(no_images.empty());
  CHECK(no_images.shape() == Shape{0, 4, 4, 3});
  const Tensor<float, Cpu> copy = no_images;  // must not touch memory
  CHECK(copy.shape() == no_images.shape());
}

TEST_CASE("a scalar tensor holds one element") {
  Tensor<double, Cpu> scalar{Shape{}};
  scalar[0] = 2.5;
  CHECK(scalar.size() == 1);
  CHECK(Tensor<double, Cpu>(scalar)[0] == 2.5);
}

TEST_CASE("a tensor takes exactly as many elements as its shape holds") {
  const std::vector<float> six{1, 2, 3, 4, 5, 6};
  CHECK(elements(Tensor<float, Cpu>({2, 3}, six)) == six);
  CHECK_THROWS_WITH((Tensor<float, Cpu>({2, 2}, six)), "tensor: expected 4 elements for shape (2, 2), got 6");
  CHECK_THROWS_AS((Tensor<float, Cpu>({7}, six)), ShapeError);
}

TEST_CASE("copying copies the elements") {
  Tensor<float, Cpu> original = counting({2, 3});
  Tensor<float, Cpu> copy = original;
  copy[0] = 42;
  CHECK(original[0] == 0.0F);
  CHECK(copy.shape() == original.shape());

  Tensor<float, Cpu> assigned(Shape{50});
  assigned = original;  // into a larger block
  CHECK(elements(assigned) == elements(original));
  Tensor<float, Cpu> grown;
  grown = original;  // into a smaller one
  CHECK(elements(grown) == elements(original));
  const Tensor<float, Cpu>& itself = assigned;
  assigned = itself;
  CHECK(elements(assigned) == elements(original));
}

TEST_CASE("moving takes the elements and leaves an empty tensor") {
  Tensor<float, Cpu> original = counting({2, 3});
  const float* where = original.data();
  Tensor<float, Cpu> moved = std::move(original);
  CHECK(moved.data() == where);
  CHECK(moved.shape() == Shape{2, 3});
  CHECK(original.empty());  // NOLINT(bugprone-use-after-move): promised
  CHECK(original.data() == nullptr);

  Tensor<float, Cpu> target(Shape{1});
  target = std::move(moved);
  CHECK(target.data() == where);
  CHECK(elements(target) == std::vector<float>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a smaller size keeps the memory") {
  Tensor<float, Cpu> tensor(Shape{10, 3});
  const float* where = tensor.data();
  tensor.resize(Shape{2, 3});
  CHECK(tensor.data() == where);
  tensor.resize(Shape{10, 3});
  CHECK(tensor.data() == where);
  tensor.resize(Shape{11, 3});
  CHECK(tensor.shape() == Shape{11, 3});
  tensor.fill(7);
  CHECK(tensor[32] == 7.0F);
}

TEST_CASE("a view shows the tensor's own elements") {
  Tensor<float, Cpu> tensor = counting({2, 3});
  const View<float, Cpu> view = tensor.view();
  view[4] = 40;
  CHECK(tensor[4] == 40.0F);
  const View<const float, Cpu> read_only = view;
  CHECK(read_only.data() == tensor.data());
  CHECK(read_only.shape() == tensor.shape());
  CHECK(read_only.span().size() == 6);
}

TEST_CASE("a view can be looked at under another shape of the same size") {
  Tensor<float, Cpu> tensor = counting({2, 6});
  const View<float, Cpu> view = tensor.view().reshaped({2, 2, 3});
  CHECK(view.shape() == Shape{2, 2, 3});
  CHECK(view.data() == tensor.data());
  CHECK_THROWS_WITH(tensor.view().reshaped({5}), "reshape: expected 12 elements, got 5");
}

TEST_CASE("a range of the batch") {
  Tensor<float, Cpu> tensor = counting({4, 3});
  const View<float, Cpu> middle = tensor.view().batch_range(1, 2);
  CHECK(middle.shape() == Shape{2, 3});
  CHECK(middle[0] == 3.0F);
  CHECK(middle[5] == 8.0F);
  CHECK(tensor.view().batch_range(4, 0).empty());
  CHECK_THROWS_WITH(tensor.view().batch_range(3, 2), "batch range: expected a part of 0..4, got 3..5");
  CHECK_THROWS_AS(tensor.view().batch_range(-1, 2), ShapeError);
  CHECK_THROWS_AS(tensor.view().batch_range(1, -1), ShapeError);
}

namespace {

template <Scalar T, Device D>
Index count_of(In<T, D> input, View<T, D> output) {
  return input.size() + output.size();
}

}  // namespace

TEST_CASE("an operation's argument may be a tensor, a view or a read-only view") {
  Tensor<float, Cpu> x(Shape{2, 3});
  const Tensor<float, Cpu> read_only(Shape{2, 3});
  Tensor<float, Cpu> y(Shape{4});
  CHECK(count_of(x, y.view()) == 10);
  CHECK(count_of(x.view(), y.view()) == 10);
  CHECK(count_of(read_only.view(), y.view()) == 10);
  CHECK(count_of({}, y.view()) == 4);
}
