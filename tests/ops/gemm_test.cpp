#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <fusiform/ops/cpu/gemm.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/tensors.hpp"

using namespace fusiform;
using namespace fusiform::test;

TEMPLATE_TEST_CASE("simd: transposing moves element (i, j) to (j, i)", "", float, double) {
  using T = TestType;
  constexpr int n = simd::lanes<T>;
  std::array<T, std::size_t{n} * n> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(i);
  simd::Vector<T> rows[n];
  for (int i = 0; i < n; ++i) rows[i] = simd::load(numbers.data() + i * n);
  simd::transpose<T>(rows);
  for (int i = 0; i < n; ++i) simd::store(numbers.data() + i * n, rows[i]);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) CHECK(numbers[static_cast<std::size_t>(i * n + j)] == static_cast<T>(j * n + i));
}

TEMPLATE_TEST_CASE("simd: a broadcast keeps the sign of zero", "", float, double) {
  std::array<TestType, simd::lanes<TestType>> lanes{};
  simd::store(lanes.data(), simd::broadcast(TestType{-0.0}));
  for (const TestType lane : lanes) CHECK(std::signbit(lane));
}

TEMPLATE_TEST_CASE("gemm: a panel is the transposed part of the matrix, filled up with zeros", "", float, double) {
  using T = TestType;
  for (const Index columns :
       {Index{1}, kernels::panel_width<T> / 2, kernels::panel_width<T> - 1, kernels::panel_width<T>})
    for (const Index depth : {1, 7, 16, 37}) {
      CAPTURE(columns, depth);
      const Index stride = depth + 3;
      const Tensor<T, Cpu> m = uniform_tensor<T>(Shape{columns, stride}, "m");
      for (const Index width : {kernels::panel_width<T>, 2 * kernels::panel_width<T>}) {
        Tensor<T, Cpu> panel = poisoned_tensor<T>(Shape{depth, width});
        kernels::pack_panel_transposed<T>(depth, columns, m.data() + 2, stride, width, panel.data());
        bool right = true;
        for (Index k = 0; k < depth; ++k)
          for (Index j = 0; j < width; ++j)
            right = right && panel[k * width + j] == (j < columns ? m[j * stride + k + 2] : T{});
        CHECK(right);
      }
    }
}

/// Every number of rows and columns of a tile and of several, with both layouts of A.
TEMPLATE_TEST_CASE("gemm: tiles are the matrix product, and leave the rest of C alone", "", float, double) {
  using T = TestType;
  constexpr Index width = kernels::panel_width<T>;
  constexpr Index stride = kernels::block_stride<T>;
  constexpr Index depth = 19;
  const Tensor<T, Cpu> a = uniform_tensor<T>(Shape{31, depth}, "a");
  const Tensor<T, Cpu> b = uniform_tensor<T>(Shape{depth, width}, "b");
  const Tensor<T, Cpu> bias = uniform_tensor<T>(Shape{width + 5}, "bias");

  Tensor<T, Cpu> rows_of_a(Shape{31, stride});
  Tensor<T, Cpu> panels_of_a(Shape{42, depth});
  Tensor<T, Cpu> rows_of_b(Shape{depth, stride});
  for (Index i = 0; i < 31; ++i)
    for (Index k = 0; k < depth; ++k) {
      const Index tile = i / kernels::tile_rows;
      rows_of_a[i * stride + k] = a[i * depth + k];
      panels_of_a[(tile * depth + k) * kernels::tile_rows + i % kernels::tile_rows] = a[i * depth + k];
    }
  for (Index k = 0; k < depth; ++k)
    for (Index j = 0; j < width; ++j) rows_of_b[k * stride + j] = b[k * width + j];

  for (Index rows = 1; rows <= 31; ++rows)
    for (Index columns = 1; columns <= width; ++columns)
      for (const bool panels : {false, true})
        for (const bool accumulate : {false, true}) {
          CAPTURE(rows, columns, panels, accumulate);
          const Tensor<T, Cpu> before = uniform_tensor<T>(Shape{32, width + 7}, "c");
          Tensor<T, Cpu> c = before;
          std::vector<T*> starts;
          for (Index i = 0; i < rows; ++i) starts.push_back(c.data() + i * (width + 7));
          const kernels::TileTarget<T> target{starts.data(), 5, columns, accumulate, bias.data()};
          if (panels) {
            kernels::multiply_panel<kernels::PanelsOfA<T>>(
                rows, depth,
                [&](Index i) {
                  return panels_of_a.data() + i / kernels::tile_rows * kernels::tile_rows * depth +
                         i % kernels::tile_rows;
                },
                rows_of_b.data(), target);
          } else {
            kernels::multiply_panel<kernels::RowsOfA<T>>(
                rows, depth, [&](Index i) { return rows_of_a.data() + i * stride; }, b.data(), target);
          }
          double worst = 0;
          bool untouched = true;
          for (Index i = 0; i < 32; ++i)
            for (Index j = 0; j < width + 7; ++j) {
              const Index at = i * (width + 7) + j;
              if (i >= rows || j < 5 || j >= 5 + columns) {
                untouched = untouched && c[at] == before[at];
                continue;
              }
              double sum = static_cast<double>(accumulate ? before[at] : bias[j]);
              for (Index k = 0; k < depth; ++k)
                sum += static_cast<double>(a[i * depth + k]) * static_cast<double>(b[k * width + j - 5]);
              worst = std::max(worst, std::abs(sum - static_cast<double>(c[at])));
            }
          CHECK(untouched);
          // 20 terms of size at most 1, each partial sum rounded: 20 * 20 * half an ulp of 1 is a strict bound.
          CHECK(worst < 400 * static_cast<double>(std::numeric_limits<T>::epsilon()) / 2);
        }
}
