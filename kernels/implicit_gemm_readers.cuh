#pragma once
/// The operands of the products that convolutions are: what a line (a row of the left factor, a column of the right
/// one) and a term of the sum are, and where their element lies. A reader goes through a thread's chunks of one tile
/// after the other along the terms: visit(i, where, inside). What is outside of the image or of the product is zero.
///
/// `terms_adjacent`: whether the neighbours in a chunk are terms of one line, or lines of one term.

#include "implicit_gemm_chunks.cuh"
#include "implicit_gemm_places.cuh"

namespace fusiform::kernels {

/// A row that no tap brings into an image.
inline constexpr int out_of_sight = -(1 << 30);

template <class Operand, int V, int Lines, int Terms, int Threads>
class Reader;

/// Lines: pixels of a result; terms: the pixels and channels of their windows. In the forward pass the window of result
/// i begins at i step + first; in the input gradient it is walked backwards.
template <class T, class Grid = Digits>
struct WindowLines {
  using Element = T;
  static constexpr bool terms_adjacent = true;
  const T* images;
  int height, width, channels;
  Index lines;
  Grid grid;  ///< (image, row, column) of a line
  int step, first_row, first_column;
  int direction;  ///< pixels from one tap to the next: 1 or -1
  int tap_rows;
  Digits taps;  ///< (tap row, tap column, channel) of a term
};

template <class T, class Grid, int V, int Lines, int Terms, int Threads>
class Reader<WindowLines<T, Grid>, V, Lines, Terms, Threads> {
 public:
  using Chunks = ChunkGrid<V, Terms, Lines, Threads>;

  __device__ Reader(const WindowLines<T, Grid>& operand, Index first_line, Index first_term, int thread)
      : of_(operand), term_(operand.taps.place(first_term + Chunks::column(thread))), step_(operand.taps.place(Terms)) {
#pragma unroll
    for (int i = 0; i < Chunks::count; ++i) {
      const Index line = first_line + Chunks::row(thread, i);
      const Place at = of_.grid.place(line);
      const int row = of_.first_row + at.middle * of_.step;
      column_[i] = of_.first_column + at.low * of_.step;
      row_[i] = line < of_.lines ? row : out_of_sight;
      pixel_[i] = (at.high * of_.height + row) * of_.width + column_[i];
    }
  }

  template <class Visit>
  __device__ void next(const Visit& visit) {
    const int row = term_.high * of_.direction, column = term_.middle * of_.direction;
    const int pixel = row * of_.width + column;
#pragma unroll
    for (int i = 0; i < Chunks::count; ++i) {
      const bool inside = term_.high < of_.tap_rows && unsigned(row_[i] + row) < unsigned(of_.height) &&
                          unsigned(column_[i] + column) < unsigned(of_.width);
      visit(i, of_.images + (Index(pixel_[i] + pixel) * of_.channels + term_.low), inside);
    }
    of_.taps.advance(term_, step_);
  }

  /// The first element: an address for copies that copy nothing.
  __device__ const T* start() const { return of_.images; }

 private:
  const WindowLines<T, Grid>& of_;
  Place term_, step_;
  int row_[Chunks::count], column_[Chunks::count], pixel_[Chunks::count];
};

/// A matrix (lines, terms) as it lies: the filters of the forward pass.
template <class T>
struct MatrixLines {
  using Element = T;
  static constexpr bool terms_adjacent = true;
  const T* matrix;
  Index lines, terms;
};

template <class T, int V, int Lines, int Terms, int Threads>
class Reader<MatrixLines<T>, V, Lines, Terms, Threads> {
 public:
  using Chunks = ChunkGrid<V, Terms, Lines, Threads>;

  __device__ Reader(const MatrixLines<T>& operand, Index first_line, Index first_term, int thread)
      : of_(operand), line_(first_line + Chunks::row(thread, 0)), term_(first_term + Chunks::column(thread)) {}

  template <class Visit>
  __device__ void next(const Visit& visit) {
#pragma unroll
    for (int i = 0; i < Chunks::count; ++i) {
      const Index line = line_ + i * Chunks::row_step;
      const bool inside = term_ < of_.terms && line < of_.lines;
      visit(i, of_.matrix + (line * of_.terms + term_), inside);
    }
    term_ += Terms;
  }

  /// The first element: an address for copies that copy nothing.
  __device__ const T* start() const { return of_.matrix; }

 private:
  const MatrixLines<T>& of_;
  Index line_, term_;
};

/// A matrix (terms, lines) as it lies: the output gradient in the gradient of the filters.
template <class T>
struct MatrixTerms {
  using Element = T;
  static constexpr bool terms_adjacent = false;
  const T* matrix;
  Index lines, terms;
};

template <class T, int V, int Lines, int Terms, int Threads>
class Reader<MatrixTerms<T>, V, Lines, Terms, Threads> {
 public:
  using Chunks = ChunkGrid<V, Lines, Terms, Threads>;

  __device__ Reader(const MatrixTerms<T>& operand, Index first_line, Index first_term, int thread) : of_(operand) {
    const Index line = first_line + Chunks::column(thread), term = first_term + Chunks::row(thread, 0);
    next_ = of_.matrix + (term * of_.lines + line);
    left_ = line < of_.lines ? int(of_.terms - term) : 0;
  }

  template <class Visit>
  __device__ void next(const Visit& visit) {
#pragma unroll
    for (int i = 0; i < Chunks::count; ++i) {
      const bool inside = i * Chunks::row_step < left_;
      visit(i, next_ + i * Chunks::row_step * of_.lines, inside);
    }
    left_ -= Terms;
    next_ += Terms * of_.lines;
  }

  /// The first element: an address for copies that copy nothing.
  __device__ const T* start() const { return of_.matrix; }

 private:
  const MatrixTerms<T>& of_;
  const T* next_;
  int left_;  ///< terms from the first chunk on
};

/// Filters (out, kernel_h, kernel_w, in) in the input gradient. Lines: input channels; terms: the taps that reach a
/// pixel, every `tap_step`th from `first_tap` on, and all outputs.
template <class T>
struct FilterTerms {
  using Element = T;
  static constexpr bool terms_adjacent = false;
  const T* filters;
  int channels, kernel_width, kernel_taps;
  int first_tap, tap_step;
  int tap_rows;
  Digits taps;  ///< (tap row, tap column, output) of a term
};

template <class T, int V, int Lines, int Terms, int Threads>
class Reader<FilterTerms<T>, V, Lines, Terms, Threads> {
 public:
  using Chunks = ChunkGrid<V, Lines, Terms, Threads>;
  static_assert(Chunks::whole, "the place of a chunk goes on from the one before");

  __device__ Reader(const FilterTerms<T>& operand, Index first_line, Index first_term, int thread)
      : of_(operand),
        term_(operand.taps.place(first_term + Chunks::row(thread, 0))),
        step_(operand.taps.place(Chunks::row_step)),
        line_(int(first_line) + Chunks::column(thread)) {}

  template <class Visit>
  __device__ void next(const Visit& visit) {
#pragma unroll
    for (int i = 0; i < Chunks::count; ++i) {
      const int tap = of_.first_tap + (term_.high * of_.kernel_width + term_.middle) * of_.tap_step;
      const bool inside = term_.high < of_.tap_rows && line_ < of_.channels;
      visit(i, of_.filters + ((Index(term_.low) * of_.kernel_taps + tap) * of_.channels + line_), inside);
      of_.taps.advance(term_, step_);
    }
  }

  /// The first element: an address for copies that copy nothing.
  __device__ const T* start() const { return of_.filters; }

 private:
  const FilterTerms<T>& of_;
  Place term_, step_;
  int line_;
};

/// Images in the gradient of the filters. Lines: taps and channels; terms: the pixels of the output.
template <class T>
struct WindowTerms {
  using Element = T;
  static constexpr bool terms_adjacent = false;
  const T* images;
  int height, width, channels;
  int step, padding;
  int line_count;
  Digits taps;  ///< (tap row, tap column, channel) of a line
  int image_count;
  Digits grid;  ///< (image, row, column) of a term
};

template <class T, int V, int Lines, int Terms, int Threads>
class Reader<WindowTerms<T>, V, Lines, Terms, Threads> {
 public:
  using Chunks = ChunkGrid<V, Lines, Terms, Threads>;
  static_assert(Chunks::whole, "the place of a chunk goes on from the one before");

  __device__ Reader(const WindowTerms<T>& operand, Index first_line, Index first_term, int thread)
      : of_(operand),
        term_(operand.grid.place(first_term + Chunks::row(thread, 0))),
        step_(operand.grid.place(Chunks::row_step)),
        line_(operand.taps.place(int(first_line) + Chunks::column(thread))) {
    const bool inside = int(first_line) + Chunks::column(thread) < of_.line_count;
    line_.high = inside ? line_.high - of_.padding : out_of_sight;
    line_.middle -= of_.padding;
  }

  template <class Visit>
  __device__ void next(const Visit& visit) {
#pragma unroll
    for (int i = 0; i < Chunks::count; ++i) {
      const int row = term_.middle * of_.step + line_.high, column = term_.low * of_.step + line_.middle;
      const bool inside = term_.high < of_.image_count && unsigned(row) < unsigned(of_.height) &&
                          unsigned(column) < unsigned(of_.width);
      const int pixel = inside ? (term_.high * of_.height + row) * of_.width + column : 0;
      visit(i, of_.images + (Index(pixel) * of_.channels + line_.low), inside);
      of_.grid.advance(term_, step_);
    }
  }

  /// The first element: an address for copies that copy nothing.
  __device__ const T* start() const { return of_.images; }

 private:
  const WindowTerms<T>& of_;
  Place term_, step_, line_;
};

/// The same, into registers.
template <class Reader, class T, int V, int Count>
__device__ inline void read_chunks(Reader& reader, Chunk<T, V> (&chunks)[Count]) {
  reader.next([&](int i, const T* at, bool inside) { chunks[i] = inside ? chunk_at<V>(at) : Chunk<T, V>{}; });
}

}  // namespace fusiform::kernels
