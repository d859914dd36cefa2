#pragma once
/// The second half of the object families (see object_shapes.hpp): buildings, vessels, animals, vehicles, solids.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <fusiform/data/stimuli/mesh.hpp>
#include <fusiform/data/stimuli/object_shapes.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli::shapes {

inline void arch(Mesh& mesh, const Genome& g) {
  const float span = g.at(0, 0.5F, 1), rise = g.at(1, 0.3F, 1.2F), post = g.at(2, 0.2F, 1.2F);
  const float thick = g.at(3, 0.12F, 0.3F), deep = g.at(4, 0.15F, 0.5F);
  const float sharp = g.is(0, 0.4F) ? 0.6F : 1.0F;
  add_tube(
      mesh, {.from = 0, .to = pi, .steps = 20, .sides = 10, .part = 0, .square = g.is(1, 0.7F)}, {0, 0, 1},
      [&](float t) {
        return Vec3{span * std::cos(t), post + rise * std::pow(std::max(0.0F, std::sin(t)), sharp), 0};
      },
      [&](float) {
        return Vec3{thick, deep, 0};
      });
  for (const float side : {-1.0F, 1.0F}) {
    if (g.is(1, 0.7F))
      add_box(mesh, {side * span, post * 0.5F, 0}, {thick, post * 0.5F, deep}, 0);
    else
      cylinder(mesh, {side * span, 0, 0}, {thick, post}, thick, 0);
    add_box(mesh, {side * span, 0.06F, 0}, {thick * 1.4F, 0.08F, deep * 1.3F}, 1);
  }
  if (g.is(2)) add_box(mesh, {0, post + rise + thick, 0}, {g.at(5, 0.3F, 1.2F), g.at(6, 0.06F, 0.2F), deep}, 1);
}

inline void cluster(Mesh& mesh, const Genome& g) {
  const int count = g.count(0, 4, 7);
  const float roundness = g.is(1) ? 1.0F : 0.35F, grow = g.at(8, 0.6F, 1.4F);
  Vec3 centre;
  for (int i = 0; i < count; ++i) {
    const float turn = 6.2F * g.gene[static_cast<std::size_t>(i)] + 2.4F * static_cast<float>(i);
    const float size = lerp(0.28F, 0.6F, g.gene[static_cast<std::size_t>((i * 3 + 1) % 10)]);
    add_superquadric(mesh, {.centre = centre,
                            .half = {size, size * g.at(9, 0.6F, 1.3F), size * grow},
                            .vertical = roundness,
                            .horizontal = roundness,
                            .rows = 14,
                            .part = i % 2});
    const float lift = lerp(-0.1F, 0.7F, g.gene[static_cast<std::size_t>((i * 7 + 2) % 10)]);
    centre += Vec3{std::sin(turn) * size, lift * size * 1.3F, std::cos(turn) * size};
  }
}

inline void teapot(Mesh& mesh, const Genome& g) {
  const float belly = g.at(0, 0.25F, 0.6F), height = g.at(1, 0.6F, 1.6F), base = g.at(2, 0.25F, 0.5F);
  const float neck = g.at(3, 0.15F, 0.45F);
  Profile profile{{0, 0}, {base, 0}};
  bow(profile, {base, 0}, {neck, height}, belly, 12);
  bow(profile, {neck, height}, {0.06F, height + g.at(4, 0.05F, 0.3F)}, 0.05F, 4);
  add_lathe(mesh, profile, 28, 0);
  add_superquadric(mesh, {.centre = {0, profile.back().height + 0.06F, 0}, .half = {0.1F, 0.1F, 0.1F}, .part = 1});
  const float side = 0.5F * (base + neck) + belly * 0.85F;
  const float rise = g.at(5, 0.1F, 0.9F) * height, reach = g.at(6, 0.35F, 0.8F), lean = g.at(7, 0.2F, 0.45F) * height;
  add_tube(
      mesh, {.steps = 10, .part = 1}, {0, 0, 1},
      [&](float t) {
        return Vec3{-side * 0.8F - reach * t, lean + rise * t * (0.4F + 0.6F * t), 0};
      },
      [&](float t) {
        return Vec3{lerp(0.18F, 0.07F, t), lerp(0.18F, 0.07F, t), 0};
      });
  if (g.is(0, 0.6F))
    handle(mesh,
           {.x = side * 0.85F,
            .bottom = height * 0.2F,
            .top = height * 0.8F,
            .reach = g.at(8, 0.3F, 0.6F),
            .thickness = 0.06F},
           1);
  else
    add_tube(
        mesh, {.from = 0.15F, .to = pi - 0.15F, .steps = 16, .part = 1}, {0, 0, 1},
        [&](float t) {
          return Vec3{side * 0.8F * std::cos(t), height * (0.7F + 0.9F * std::sin(t)), 0};
        },
        [&](float) {
          return Vec3{0.06F, 0.06F, 0};
        });
}

inline void hammer(Mesh& mesh, const Genome& g) {
  const float length = g.at(0, 0.8F, 1.5F), grip = g.at(1, 0.06F, 0.14F), head = g.at(2, 0.25F, 0.6F);
  rod(mesh, {.from = {0, -length, 0}, .to = {0, length, 0}, .from_radius = grip * g.at(3, 1, 1.8F), .to_radius = grip},
      0);
  const float size = g.at(4, 0.16F, 0.36F);
  const auto end = [&](float y) {
    if (g.is(0, 0.35F))
      add_superquadric(mesh, {.centre = {0, y, 0}, .half = {head, size, size}, .part = 1});
    else if (g.is(0, 0.7F))
      add_box(mesh, {0, y, 0}, {head, size, size * 0.8F}, 1);
    else
      add_superquadric(mesh, {.centre = {0, y, 0}, .half = {head, size, size}, .vertical = 1.8F, .part = 1});
  };
  end(length);
  if (g.is(1)) end(-length);
  place(mesh, 0, frame_of({.pitch = pi / 2 - g.at(5, 0, 0.25F), .roll = g.at(6, 0, 1.2F)}), {});
}

inline void house(Mesh& mesh, const Genome& g) {
  const float x = g.at(0, 0.5F, 1), z = g.at(1, 0.4F, 0.9F), wall = g.at(2, 0.4F, 1.1F), roof = g.at(3, 0.3F, 1.1F);
  add_box(mesh, {0, wall * 0.5F, 0}, {x, wall * 0.5F, z}, 0);
  const std::size_t first = mesh.vertices.size();
  const float eaves = g.at(4, 1.02F, 1.3F);
  constexpr std::array<std::array<float, 2>, 8> contour{
      {{-1, 1}, {1, 1}, {1, 1}, {1, -1}, {1, -1}, {-1, -1}, {-1, -1}, {-1, 1}}};
  const float ridge = g.is(0) ? x : (g.is(0, 0.75F) ? 0.0F : x * 0.5F);
  add_grid(mesh, {.rows = 4, .columns = 8, .part = 1}, [&](int row, int column) {
    const auto& [cx, cz] = contour[static_cast<std::size_t>(column)];
    if (row == 0) return Vec3{0, 0, 0};
    return row < 3 ? Vec3{cx * x * eaves, 0, cz * z * eaves} : Vec3{cx * ridge, roof, 0};
  });
  place(mesh, first, Frame{}, {0, wall, 0});
  if (g.is(1)) add_box(mesh, {x * g.at(5, -0.7F, 0.7F), wall + roof * 0.6F, z * 0.4F}, {0.1F, roof * 0.6F, 0.1F}, 0);
  if (g.is(2)) {
    cylinder(mesh, {x, 0, z * 0.5F}, {g.at(6, 0.2F, 0.4F), wall * g.at(7, 1, 1.9F)}, g.at(6, 0.2F, 0.4F), 0);
    cylinder(mesh, {x, wall * g.at(7, 1, 1.9F), z * 0.5F}, {g.at(6, 0.26F, 0.5F), roof * 0.8F}, 0, 1);
  }
  add_box(mesh, {x * g.at(8, -0.5F, 0.5F), wall * 0.3F, z}, {0.13F, wall * 0.3F, 0.04F}, 1);
}

inline void stack(Mesh& mesh, const Genome& g) {
  const int count = g.count(0, 3, 7);
  const int style = g.count(1, 0, 2);
  float y = 0;
  for (int i = 0; i < count; ++i) {
    const float t = static_cast<float>(i) / static_cast<float>(count);
    const float radius = lerp(1, g.at(0, 0.15F, 0.9F), t) * (1 + g.at(1, -0.25F, 0.25F) * (i % 2 == 0 ? 1.0F : -1.0F));
    const float height = g.at(2, 0.2F, 0.5F) * lerp(1, g.at(3, 0.5F, 1.4F), t);
    if (style == 0)
      cylinder(mesh, {0, y, 0}, {radius, height}, radius * g.at(4, 0.4F, 1), i % 2);
    else
      add_superquadric(mesh, {.centre = {0, y + height * 0.5F, 0},
                              .half = {radius, height * 0.55F, radius},
                              .vertical = style == 1 ? 1.0F : 0.3F,
                              .horizontal = style == 1 ? 1.0F : 0.3F,
                              .part = i % 2});
    y += height * 0.95F;
  }
}

inline void spring(Mesh& mesh, const Genome& g) {
  const float turns = static_cast<float>(g.count(0, 2, 5)), thick = g.at(0, 0.09F, 0.2F), height = g.at(1, 0.8F, 2);
  const float top = g.at(2, 0.3F, 1.3F), wave = g.is(1, 0.4F) ? g.at(3, 0.1F, 0.3F) : 0.0F;
  const bool knot = g.is(2, 0.4F);
  const float lobes = static_cast<float>(g.count(3, 2, 3));
  add_tube(
      mesh, {.from = 0, .to = 1, .steps = 96, .sides = 9, .part = 0}, {0.1F, 1, 0.05F},
      [&](float t) {
        if (knot) {  // a torus knot
          const float a = 2 * pi * t * 2, b = 2 * pi * t * (2 * lobes - 1);
          const float radius = 0.75F + g.at(4, 0.2F, 0.4F) * std::cos(b);
          return Vec3{radius * std::cos(a), height * 0.35F * std::sin(b), radius * std::sin(a)};
        }
        const float angle = 2 * pi * turns * t, radius = 0.65F * lerp(1, top, t) + wave * std::cos(3 * angle);
        return Vec3{radius * std::cos(angle), height * t, radius * std::sin(angle)};
      },
      [&](float t) {
        const float radius = thick * (knot ? 1 : lerp(1, g.at(5, 0.5F, 1.3F), t));
        return Vec3{radius, radius, 0};
      });
  if (!knot && g.is(4)) cylinder(mesh, {0, -0.15F, 0}, {0.8F, 0.15F}, 0.75F, 1);
}

inline void animal(Mesh& mesh, const Genome& g) {
  const float length = g.at(0, 0.5F, 1), girth = g.at(1, 0.22F, 0.5F), leg = g.at(2, 0.25F, 1);
  const float y = leg + girth * 0.7F, neck = g.at(3, 0.1F, 1), head = g.at(4, 0.16F, 0.34F);
  add_superquadric(mesh, {.centre = {0, y, 0}, .half = {length, girth, girth * 0.9F}, .vertical = 0.8F});
  legs(mesh, {.height = y, .half_x = length * 0.68F, .half_z = girth * 0.6F, .radius = g.at(5, 0.07F, 0.16F)}, 0);
  const Vec3 chest{length * 0.75F, y + girth * 0.2F, 0};
  const Vec3 skull = chest + Vec3{0.15F + neck * g.at(6, 0, 0.8F), 0.15F + neck * 0.9F, 0};
  rod(mesh, {.from = chest, .to = skull, .from_radius = girth * 0.55F, .to_radius = head * 0.7F}, 0);
  add_superquadric(mesh,
                   {.centre = skull + Vec3{head * 0.5F, 0, 0}, .half = {head * g.at(7, 1, 2), head, head * 0.8F}});
  for (const float side : {-1.0F, 1.0F})
    rod(mesh,
        {.from = skull + Vec3{0, head * 0.5F, side * head * 0.5F},
         .to = skull + Vec3{-0.05F, head + g.at(8, 0.05F, 0.6F), side * head * (g.is(0) ? 0.7F : 1.6F)},
         .from_radius = head * 0.35F,
         .to_radius = 0.02F},
        1);
  rod(mesh,
      {.from = {-length * 0.9F, y + girth * 0.2F, 0},
       .to = {-length - 0.3F, y + g.at(9, -0.7F, 0.7F), 0},
       .from_radius = 0.08F,
       .to_radius = g.is(1) ? 0.03F : 0.13F},
      1);
}

inline void vehicle(Mesh& mesh, const Genome& g) {
  const float length = g.at(0, 0.7F, 1.3F), wide = g.at(1, 0.4F, 0.6F), low = g.at(2, 0.16F, 0.4F);
  const float wheel = g.at(3, 0.18F, 0.38F), edge = g.at(4, 0.15F, 0.7F);
  const float floor = wheel + low;
  add_superquadric(mesh, {.centre = {0, floor, 0},
                          .half = {length, low, wide},
                          .vertical = edge,
                          .horizontal = edge,
                          .rows = 14,
                          .columns = 28});
  const float cabin = g.at(5, 0.2F, 0.55F), back = g.at(6, -0.5F, 0.5F);
  add_superquadric(mesh, {.centre = {length * back, floor + low, 0},
                          .half = {length * g.at(7, 0.25F, 0.6F), cabin, wide * 0.85F},
                          .vertical = edge,
                          .horizontal = 0.3F,
                          .rows = 14,
                          .columns = 28,
                          .part = 1});
  const int axles = g.count(0, 2, 3);
  for (int axle = 0; axle < axles; ++axle)
    for (const float side : {-1.0F, 1.0F}) {
      const float x = length * 0.68F * (2 * static_cast<float>(axle) / static_cast<float>(axles - 1) - 1);
      rod(mesh,
          {.from = {x, wheel, side * wide * 0.7F},
           .to = {x, wheel, side * (wide + 0.06F)},
           .from_radius = wheel,
           .to_radius = wheel},
          2);
    }
  if (g.is(1, 0.4F)) cylinder(mesh, {length * 0.6F, floor, 0}, {0.1F, low + g.at(8, 0.2F, 0.7F)}, 0.12F, 1);
}

inline void shelf(Mesh& mesh, const Genome& g) {
  const float x = g.at(0, 0.4F, 1), height = g.at(1, 0.8F, 2.2F), z = g.at(2, 0.2F, 0.5F),
              thick = g.at(3, 0.03F, 0.09F);
  const int boards = g.count(0, 2, 5);
  for (int board = 0; board < boards; ++board)
    add_box(mesh, {0, 0.1F + (height - 0.1F) * static_cast<float>(board) / static_cast<float>(boards - 1), 0},
            {x, thick, z}, 0);
  if (g.is(1))
    legs(mesh, {.height = height, .half_x = x * 0.95F, .half_z = z * 0.9F, .splay = g.at(4, 0, 0.4F), .radius = 0.05F},
         1);
  else
    for (const float side : {-1.0F, 1.0F})
      add_box(mesh, {side * x, height * 0.5F, 0}, {thick, height * 0.5F + thick, z}, 1);
  if (g.is(2)) add_box(mesh, {0, height * 0.5F, -z}, {x, height * 0.5F, 0.03F}, 1);
  if (g.is(3)) add_box(mesh, {x * g.at(5, -0.5F, 0.5F), height * 0.5F, 0}, {thick, height * 0.5F, z}, 0);
}

inline void star(Mesh& mesh, const Genome& g) {
  const int points = g.count(0, 3, 8);
  const float depth = g.at(0, 0.2F, 0.65F), thick = g.at(1, 0.15F, 0.6F), hole = g.is(1) ? g.at(2, 0.05F, 0.3F) : 0.0F;
  const bool soft = g.is(2);
  const int columns = soft ? 10 * points : 4 * points;
  add_ring(mesh, {.inner = hole, .thickness = thick, .columns = columns, .part = 0}, [=](int column) {
    const float angle = 2 * pi * static_cast<float>(soft ? column : column / 2 * 2) / static_cast<float>(columns);
    const bool tip = column / 2 % 2 == 0;
    const float petal = 1 - depth * (0.5F - 0.5F * std::cos(static_cast<float>(points) * angle));
    return std::array<float, 2>{angle, soft ? petal : (tip ? 1.0F : 1 - depth)};
  });
  if (g.is(3)) add_superquadric(mesh, {.half = {0.32F, thick * g.at(3, 0.7F, 1.4F), 0.32F}, .part = 1});
  place(mesh, 0, frame_of({.pitch = pi / 2 - g.at(4, 0, 0.4F)}), {});
  const float foot = g.at(5, 0.15F, 1.1F);
  cylinder(mesh, {0, -1 - foot, 0}, {g.at(6, 0.3F, 0.6F), 0.12F}, 0.25F, 1);
  rod(mesh, {.from = {0, -1 - foot, 0}, .to = {0, -0.6F, 0}, .from_radius = 0.07F, .to_radius = 0.07F}, 1);
}

}  // namespace fusiform::stimuli::shapes
