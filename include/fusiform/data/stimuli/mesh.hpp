#pragma once
/// Triangle meshes made of parametric grids: spheres, lathes, tubes, rings and boxes.
/// A point given twice in a profile or contour makes a crease: the degenerate strip between keeps normals apart.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

/// `local` stays in the frame of the thing when the vertex is moved: textures are painted in it.
struct Vertex {
  Vec3 position, normal, local;
};

struct Triangle {
  std::array<std::int32_t, 3> corner{};
  std::int32_t part = 0;
};

struct Mesh {
  std::vector<Vertex> vertices;
  std::vector<Triangle> triangles;
};

struct GridOptions {
  int rows = 2, columns = 2;  ///< vertices, each at least 2; a closed grid joins the last column to the first
  bool closed = true;
  int part = 0;
};

/// Adds the surface `point(row, column)`. Outside is where rows x columns points: rows going up and columns going
/// counter-clockwise seen from above give outward triangles.
template <class Point>
void add_grid(Mesh& mesh, const GridOptions& grid, const Point& point) {
  const auto first = static_cast<std::int32_t>(mesh.vertices.size());
  for (int row = 0; row < grid.rows; ++row)
    for (int column = 0; column < grid.columns; ++column) {
      const Vec3 position = point(row, column);
      mesh.vertices.push_back({position, {}, position});
    }
  const int strips = grid.closed ? grid.columns : grid.columns - 1;
  const auto at = [&](int row, int column) {
    return first + row * grid.columns + (column == grid.columns ? 0 : column);
  };
  for (int row = 0; row + 1 < grid.rows; ++row)
    for (int column = 0; column < strips; ++column) {
      const std::array<std::int32_t, 4> corner{at(row, column), at(row, column + 1), at(row + 1, column + 1),
                                               at(row + 1, column)};
      mesh.triangles.push_back({{corner[0], corner[1], corner[2]}, grid.part});
      mesh.triangles.push_back({{corner[0], corner[2], corner[3]}, grid.part});
    }
}

/// Vertex normals: the sum of the normals of the triangles around, weighted by area.
inline void compute_normals(Mesh& mesh) {
  for (Vertex& vertex : mesh.vertices) vertex.normal = {};
  const auto vertex = [&mesh](std::int32_t index) -> Vertex& { return mesh.vertices[static_cast<std::size_t>(index)]; };
  for (const Triangle& triangle : mesh.triangles) {
    Vertex &a = vertex(triangle.corner[0]), &b = vertex(triangle.corner[1]), &c = vertex(triangle.corner[2]);
    const Vec3 normal = cross(b.position - a.position, c.position - a.position);
    a.normal += normal;
    b.normal += normal;
    c.normal += normal;
  }
  for (Vertex& each : mesh.vertices) each.normal = normalized(each.normal);
}

/// Moves the vertices from `first` on; `local` follows only if `paint` is true.
inline void place(Mesh& mesh, std::size_t first, const Frame& frame, Vec3 offset, bool paint = true) {
  for (std::size_t i = first; i < mesh.vertices.size(); ++i) {
    Vertex& vertex = mesh.vertices[i];
    vertex.position = frame.rotate(vertex.position) + offset;
    vertex.normal = frame.rotate(vertex.normal);
    if (paint) vertex.local = vertex.position;
  }
}

/// A point of a lathe profile: radius and height.
struct ProfilePoint {
  float radius = 0, height = 0;
};

/// Turns a profile, listed from the bottom of the outside upwards, about the y axis. `flute` scales the radius at an
/// angle.
template <class Flute>
void add_lathe(Mesh& mesh, std::span<const ProfilePoint> profile, int columns, int part, const Flute& flute) {
  add_grid(mesh, {.rows = static_cast<int>(profile.size()), .columns = columns, .part = part},
           [&](int row, int column) {
             const ProfilePoint& point = profile[static_cast<std::size_t>(row)];
             const float angle = 2 * pi * static_cast<float>(column) / static_cast<float>(columns);
             const float radius = point.radius * flute(angle);
             return Vec3{radius * std::sin(angle), point.height, radius * std::cos(angle)};
           });
}
inline void add_lathe(Mesh& mesh, std::span<const ProfilePoint> profile, int columns, int part) {
  add_lathe(mesh, profile, columns, part, [](float) { return 1.0F; });
}

struct SuperquadricOptions {
  Vec3 centre{}, half{1, 1, 1};
  float vertical = 1, horizontal = 1;  ///< exponents: 1 round, towards 0 square, 2 pinched
  int rows = 12, columns = 20, part = 0;
};

/// A superquadric (Barr 1981): from boxes over ellipsoids to octahedra.
inline void add_superquadric(Mesh& mesh, const SuperquadricOptions& o) {
  const auto power = [](float x, float exponent) {
    return exponent == 1 ? x : std::copysign(std::pow(std::abs(x), exponent), x);
  };
  add_grid(mesh, {.rows = o.rows, .columns = o.columns, .part = o.part}, [&](int row, int column) {
    const float latitude = pi * (static_cast<float>(row) / static_cast<float>(o.rows - 1) - 0.5F);
    const float longitude = 2 * pi * static_cast<float>(column) / static_cast<float>(o.columns);
    const float ring = power(std::max(0.0F, std::cos(latitude)), o.vertical);
    return o.centre + o.half * Vec3{ring * power(std::sin(longitude), o.horizontal),
                                    power(std::sin(latitude), o.vertical),
                                    ring * power(std::cos(longitude), o.horizontal)};
  });
}

/// A box with sharp edges: a creased four-sided lathe of its half sizes.
inline void add_box(Mesh& mesh, Vec3 centre, Vec3 half, int part) {
  constexpr std::array<std::array<float, 2>, 8> contour{
      {{-1, 1}, {1, 1}, {1, 1}, {1, -1}, {1, -1}, {-1, -1}, {-1, -1}, {-1, 1}}};
  constexpr std::array<std::array<float, 2>, 6> profile{{{0, -1}, {1, -1}, {1, -1}, {1, 1}, {1, 1}, {0, 1}}};
  add_grid(mesh, {.rows = 6, .columns = 8, .part = part}, [&](int row, int column) {
    const auto& [scale, height] = profile[static_cast<std::size_t>(row)];
    const auto& [x, z] = contour[static_cast<std::size_t>(column)];
    return centre + half * Vec3{scale * x, height, scale * z};
  });
}

struct TubeOptions {
  float from = 0, to = 1;  ///< range of the path's parameter
  int steps = 12, sides = 8, part = 0;
  bool square = false;  ///< a rectangular section with sharp edges instead of an ellipse
};

/// Sweeps an ellipse or rectangle along `path(t)`; `radii(t)` gives its half sizes across (x of the result: in the
/// plane of the path's normal, y: along `binormal`). The path must not run parallel to `binormal`. Ends are closed.
template <class Path, class Radii>
void add_tube(Mesh& mesh, const TubeOptions& o, Vec3 binormal, const Path& path, const Radii& radii) {
  constexpr std::array<std::array<float, 2>, 8> corners{
      {{1, 1}, {-1, 1}, {-1, 1}, {-1, -1}, {-1, -1}, {1, -1}, {1, -1}, {1, 1}}};
  const int sides = o.square ? 8 : o.sides;
  const int rows = o.steps + 5;  // two more at each end: the crease and the centre of the cap
  add_grid(mesh, {.rows = rows, .columns = sides, .part = o.part}, [&](int row, int column) {
    const int step = std::clamp(row - 2, 0, o.steps);
    const float t = lerp(o.from, o.to, static_cast<float>(step) / static_cast<float>(o.steps));
    const float small = 0.01F * (o.to - o.from);
    const Vec3 along = normalized(path(t + small) - path(t - small));
    const Vec3 side = normalized(cross(along, binormal));
    const Vec3 up = cross(side, along);
    const bool cap = row == 0 || row == rows - 1;
    const Vec3 radius = radii(t) * (cap ? 0.0F : 1.0F);
    const float angle = 2 * pi * static_cast<float>(column) / static_cast<float>(sides);
    const float a = o.square ? corners[static_cast<std::size_t>(column)][0] : std::cos(angle);
    const float b = -(o.square ? corners[static_cast<std::size_t>(column)][1] : std::sin(angle));
    return path(t) + side * (a * radius.x) + up * (b * radius.y);
  });
}

struct RingOptions {
  float inner = 0, thickness = 0.2F;
  int columns = 32, part = 0;
};

/// A flat plate about the y axis with a round hole; `outer(column)` gives the rim as {angle, radius}.
template <class Outer>
void add_ring(Mesh& mesh, const RingOptions& o, const Outer& outer) {
  add_grid(mesh, {.rows = 8, .columns = o.columns, .part = o.part}, [&](int row, int column) {
    const auto [angle, rim] = outer(column);
    const bool outside = row >= 1 && row <= 4;  // up the outside, down the hole
    const float radius = outside ? rim : o.inner;
    const float height = (row >= 3 && row <= 6 ? 0.5F : -0.5F) * o.thickness;
    return Vec3{radius * std::sin(angle), height, radius * std::cos(angle)};
  });
}

}  // namespace fusiform::stimuli
