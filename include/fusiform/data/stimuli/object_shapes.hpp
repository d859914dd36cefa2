#pragma once
/// Sixteen families of three-dimensional objects. A category is a family with a genome; parts come in two materials,
/// 0 (body) and 1 (trim). y is up; size and place are free, the caller fits the object to the scene.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fusiform/data/stimuli/mesh.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

/// Parameters of a family, each in [0, 1]. `exact` sets counts and other things that do not vary in a category.
struct Genome {
  std::array<float, 10> gene{};
  std::array<float, 6> exact{};

  [[nodiscard]] float at(std::size_t i, float low, float high) const noexcept { return lerp(low, high, gene[i]); }
  [[nodiscard]] int count(std::size_t i, int low, int high) const noexcept {
    return std::min(high, low + static_cast<int>(exact[i] * static_cast<float>(high - low + 1)));
  }
  [[nodiscard]] bool is(std::size_t i, float share = 0.5F) const noexcept { return exact[i] < share; }
};

namespace shapes {

using Profile = std::vector<ProfilePoint>;

/// A profile with every corner creased.
[[nodiscard]] inline Profile creased(const Profile& corners) {
  Profile result;
  for (const ProfilePoint& corner : corners) result.insert(result.end(), 2, corner);
  return result;
}

/// Adds `steps` points of a smooth bow from a to b, swelling by `belly` in the middle.
inline void bow(Profile& profile, ProfilePoint a, ProfilePoint b, float belly, int steps = 8) {
  for (int i = 0; i <= steps; ++i) {
    const float t = static_cast<float>(i) / static_cast<float>(steps);
    profile.push_back({lerp(a.radius, b.radius, t) + belly * std::sin(pi * t), lerp(a.height, b.height, t)});
  }
}

inline void cylinder(Mesh& mesh, Vec3 base, ProfilePoint size, float top_radius, int part) {
  const std::size_t first = mesh.vertices.size();
  add_lathe(mesh, creased({{0, 0}, {size.radius, 0}, {top_radius, size.height}, {0, size.height}}), 18, part);
  place(mesh, first, Frame{}, base);
}

/// A handle in the x-y plane from (x, bottom) to (x, top), reaching `reach` further out.
struct Loop {
  float x = 0, bottom = 0, top = 1, reach = 0.4F, thickness = 0.08F;
};
inline void handle(Mesh& mesh, const Loop& loop, int part) {
  const float middle = 0.5F * (loop.bottom + loop.top), half = 0.5F * (loop.top - loop.bottom);
  add_tube(
      mesh, {.from = -pi / 2, .to = pi / 2, .steps = 14, .part = part}, {0, 0, 1},
      [&](float t) {
        return Vec3{loop.x + loop.reach * std::cos(t), middle + half * std::sin(t), 0};
      },
      [&](float) {
        return Vec3{loop.thickness, loop.thickness * 1.4F, 0};
      });
}

/// A straight rod between two points.
struct Rod {
  Vec3 from{}, to{};
  float from_radius = 0.05F, to_radius = 0.05F;
  bool square = false;
};
inline void rod(Mesh& mesh, const Rod& o, int part) {
  const Vec3 along = o.to - o.from;
  const Vec3 binormal = std::abs(along.z) < 0.8F * std::sqrt(dot(along, along)) ? Vec3{0, 0, 1} : Vec3{1, 0, 0};
  add_tube(
      mesh, {.steps = 1, .sides = 10, .part = part, .square = o.square}, binormal,
      [&](float t) { return lerp(o.from, o.to, t); },
      [&](float t) {
        const float radius = lerp(o.from_radius, o.to_radius, t);
        return Vec3{radius, radius, 0};
      });
}

/// Legs at the corners of a rectangle (four) or on a circle (any other count).
struct Legs {
  int count = 4;
  float height = 1, half_x = 0.5F, half_z = 0.5F, splay = 0, radius = 0.06F;
  bool square = false;
};
inline void legs(Mesh& mesh, const Legs& o, int part) {
  for (int leg = 0; leg < o.count; ++leg) {
    const float angle = 2 * pi * (static_cast<float>(leg) + 0.5F) / static_cast<float>(o.count);
    const float stretch = o.count == 4 ? 1.41421F : 1.0F;
    const Vec3 corner{o.half_x * stretch * std::sin(angle), 0, o.half_z * stretch * std::cos(angle)};
    rod(mesh,
        {.from = corner * (1 + o.splay),
         .to = corner + Vec3{0, o.height, 0},
         .from_radius = o.radius * 0.75F,
         .to_radius = o.radius,
         .square = o.square},
        part);
  }
}

inline void mug(Mesh& mesh, const Genome& g) {
  const float height = g.at(0, 0.8F, 2.0F), top = g.at(1, 0.45F, 0.85F), bottom = g.at(2, 0.35F, 0.8F);
  const float belly = g.at(3, -0.16F, 0.25F);
  Profile profile{{0, 0}, {bottom, 0}};
  bow(profile, {bottom, 0}, {top, height}, belly);
  profile.push_back({top, height});
  profile.push_back({top - 0.07F, height});
  bow(profile, {top - 0.07F, height}, {bottom - 0.08F, 0.12F}, belly);
  profile.push_back({0, 0.12F});
  add_lathe(mesh, profile, 28, 0);
  const float middle = 0.5F * (top + bottom) + belly * 0.7F - 0.03F;
  const Loop loop{.x = middle,
                  .bottom = height * g.at(4, 0.12F, 0.4F),
                  .top = height * g.at(5, 0.7F, 0.95F),
                  .reach = g.at(6, 0.25F, 0.6F),
                  .thickness = g.at(7, 0.05F, 0.11F)};
  handle(mesh, loop, 1);
  if (g.is(0, 0.3F)) {
    Loop other = loop;
    const std::size_t first = mesh.vertices.size();
    handle(mesh, other, 1);
    place(mesh, first, frame_of({.yaw = pi}), {});
  }
}

inline void bottle(Mesh& mesh, const Genome& g) {
  const float body = g.at(0, 0.3F, 0.65F), height = g.at(1, 0.7F, 1.6F), neck = g.at(2, 0.1F, 0.24F);
  const float shoulder = g.at(3, 0.15F, 0.8F), neck_height = g.at(4, 0.15F, 0.9F);
  Profile profile{{0, 0}, {body * g.at(5, 0.6F, 1), 0}};
  bow(profile, profile.back(), {body, height}, g.at(6, -0.15F, 0.2F));
  bow(profile, {body, height}, {neck, height + shoulder}, g.at(7, -0.1F, 0.12F));
  profile.push_back({neck, height + shoulder});
  profile.push_back({neck, height + shoulder + neck_height});
  const float top = profile.back().height;
  const float facets = static_cast<float>(g.count(1, 3, 8));
  const bool fluted = g.is(0, 0.4F);
  add_lathe(mesh, profile, 40, 0, [=](float angle) { return fluted ? 1 + 0.09F * std::cos(facets * angle) : 1.0F; });
  const float cap = neck * g.at(8, 1.15F, 1.9F);
  cylinder(mesh, {0, top - 0.02F, 0}, {cap, g.at(9, 0.1F, 0.35F)}, cap * (g.is(2) ? 1.0F : 0.6F), 1);
}

inline void goblet(Mesh& mesh, const Genome& g) {
  const float foot = g.at(0, 0.35F, 0.7F), stem = g.at(1, 0.25F, 1.1F), bowl = g.at(2, 0.4F, 0.9F);
  const float depth = g.at(3, 0.5F, 1.3F), rim = g.at(4, 0.35F, 0.95F), thin = g.at(5, 0.06F, 0.15F);
  Profile profile = creased({{0, 0}, {foot, 0}, {foot, 0.06F}});
  bow(profile, {foot, 0.06F}, {thin, 0.06F + stem * 0.5F}, -0.3F * foot);
  profile.push_back({thin + g.at(6, 0, 0.16F), 0.06F + stem * 0.62F});
  profile.push_back({thin, 0.06F + stem * 0.75F});
  bow(profile, {thin, 0.06F + stem}, {rim, 0.06F + stem + depth}, bowl * 0.5F);
  const float top = profile.back().height;
  profile.push_back({rim, top});
  profile.push_back({rim - 0.05F, top});
  bow(profile, {rim - 0.05F, top}, {0.03F, top - depth * 0.9F}, bowl * 0.45F);
  add_lathe(mesh, profile, 30, 0);
}

inline void lamp(Mesh& mesh, const Genome& g) {
  const float base = g.at(0, 0.3F, 0.7F), pole = g.at(1, 0.6F, 1.8F), shade = g.at(2, 0.45F, 0.95F);
  const float top = shade * g.at(3, 0.2F, 1), height = g.at(4, 0.4F, 0.9F);
  Profile foot{{0, 0}, {base, 0}, {base, 0}};
  bow(foot, {base, g.is(0) ? 0.08F : 0.0F}, {0.05F, pole * (g.is(0) ? 0.25F : 0.8F)}, g.at(5, -0.15F, 0.35F));
  foot.push_back({0.05F, pole + height * 0.5F});
  add_lathe(mesh, foot, 24, 1);
  Profile cover = creased({{shade, pole}, {top, pole + height}, {top - 0.04F, pole + height}, {shade - 0.04F, pole}});
  const float facets = static_cast<float>(g.count(1, 4, 10));
  const bool pleated = g.is(2);
  add_lathe(mesh, cover, 40, 0, [=](float angle) { return pleated ? 1 + 0.05F * std::cos(facets * angle) : 1.0F; });
}

inline void chair(Mesh& mesh, const Genome& g) {
  const float width = g.at(0, 0.4F, 0.65F), depth = g.at(1, 0.4F, 0.6F), seat = g.at(2, 0.55F, 1.2F);
  const float back = g.at(3, 0.5F, 1.4F), thick = g.at(4, 0.04F, 0.12F), leg = g.at(5, 0.04F, 0.1F);
  add_box(mesh, {0, seat, 0}, {width, thick, depth}, 0);
  legs(mesh,
       {.height = seat,
        .half_x = width * 0.9F,
        .half_z = depth * 0.9F,
        .splay = g.at(6, 0, 0.3F),
        .radius = leg,
        .square = g.is(0)},
       1);
  const float lean = g.at(7, 0, 0.3F), rear = -depth + 0.05F;
  const int style = g.count(1, 0, 2);
  if (style == 0) {
    add_box(mesh, {0, seat + back * 0.55F, rear}, {width, back * 0.45F, 0.05F}, 0);
  } else {
    for (const float side : {-1.0F, 1.0F})
      rod(mesh,
          {.from = {side * width * 0.92F, seat, rear},
           .to = {side * width * 0.92F, seat + back, rear - lean},
           .from_radius = leg,
           .to_radius = leg,
           .square = g.is(0)},
          1);
    const int bars = g.count(2, 2, 4);
    for (int bar = 0; bar < bars; ++bar) {
      const float t = (static_cast<float>(bar) + 1) / static_cast<float>(bars);
      if (style == 1)
        add_box(mesh, {0, seat + back * t - 0.08F, rear - lean * t}, {width, 0.08F, 0.04F}, 0);
      else
        rod(mesh,
            {.from = {width * (1.7F * t - 1.1F), seat, rear},
             .to = {width * (1.7F * t - 1.1F), seat + back, rear - lean},
             .from_radius = 0.04F,
             .to_radius = 0.04F},
            0);
    }
    if (style == 2) add_box(mesh, {0, seat + back, rear - lean}, {width, 0.07F, 0.05F}, 0);
  }
  if (g.is(3, 0.4F))
    for (const float side : {-1.0F, 1.0F}) {
      add_box(mesh, {side * width, seat + 0.4F, 0}, {0.06F, 0.04F, depth}, 1);
      add_box(mesh, {side * width, seat + 0.2F, depth * 0.85F}, {0.05F, 0.2F, 0.05F}, 1);
    }
}

inline void table(Mesh& mesh, const Genome& g) {
  const float half_x = g.at(0, 0.6F, 1.3F), half_z = g.at(1, 0.5F, 0.8F), height = g.at(2, 0.4F, 1.3F);
  const float thick = g.at(3, 0.04F, 0.14F), radius = g.at(4, 0.05F, 0.13F);
  const bool round = g.is(0);
  if (round)
    cylinder(mesh, {0, height, 0}, {half_x, 2 * thick}, half_x, 0);
  else
    add_box(mesh, {0, height + thick, 0}, {half_x, thick, half_z}, 0);
  if (g.is(1, 0.35F)) {
    cylinder(mesh, {}, {half_z * 0.7F, 0.08F}, half_z * 0.6F, 1);
    cylinder(mesh, {}, {radius * 2.2F, height}, radius * 1.2F, 1);
    return;
  }
  const float reach = round ? 0.62F : 0.88F;
  legs(mesh,
       {.count = g.is(2, 0.35F) ? 3 : 4,
        .height = height,
        .half_x = half_x * reach,
        .half_z = (round ? half_x : half_z) * reach,
        .splay = g.at(5, -0.3F, 0.3F),
        .radius = radius,
        .square = g.is(3)},
       1);
  if (g.is(4)) add_box(mesh, {0, height * g.at(6, 0.2F, 0.5F), 0}, {half_x * 0.7F, 0.04F, half_z * 0.6F}, 1);
}

inline void gear(Mesh& mesh, const Genome& g) {
  const int teeth = g.count(0, 5, 14);
  const float depth = g.at(0, 0.12F, 0.35F), hole = g.at(1, 0.15F, 0.55F), thick = g.at(2, 0.15F, 0.6F);
  const float share = g.at(3, 0.3F, 0.6F), slope = g.at(4, 0.02F, 0.2F);
  add_ring(mesh, {.inner = hole, .thickness = thick, .columns = 8 * teeth, .part = 0}, [=](int column) {
    // Two vertices at each of the four corners of a tooth.
    const float pitch = 2 * pi / static_cast<float>(teeth);
    const std::array<float, 4> corner{slope, share, share + slope, 1.0F};
    const int tooth = column / 8, k = column % 8 / 2;
    const float angle = pitch * (static_cast<float>(tooth) + corner[static_cast<std::size_t>(k)]);
    return std::array<float, 2>{angle, k < 2 ? 1.0F : 1 - depth};
  });
  if (g.is(1))
    cylinder(mesh, {0, thick * -0.5F - 0.2F, 0}, {hole * 1.02F, thick + 0.2F + g.at(5, 0.1F, 0.8F)}, hole, 1);
  const bool standing = g.is(2, 0.6F);
  place(mesh, 0, frame_of({.pitch = standing ? pi / 2 : g.at(6, 0.1F, 0.5F)}), {});
  if (standing) add_box(mesh, {0, -1.05F, 0}, {g.at(7, 0.35F, 0.9F), 0.15F, g.at(8, 0.3F, 0.6F)}, 1);
}

}  // namespace shapes
}  // namespace fusiform::stimuli
