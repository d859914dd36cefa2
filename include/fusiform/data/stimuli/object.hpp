#pragma once
/// Pictures of objects: a category is a family of shapes with a genome, an instance a view, light, paint and setting.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include <fusiform/core/random.hpp>
#include <fusiform/data/image.hpp>
#include <fusiform/data/stimuli/object_shapes.hpp>
#include <fusiform/data/stimuli/object_shapes_more.hpp>
#include <fusiform/data/stimuli/setting.hpp>
#include <fusiform/data/stimuli/shading.hpp>

namespace fusiform::stimuli {

using ShapeFamily = void (*)(Mesh&, const Genome&);
inline constexpr std::array<ShapeFamily, 18> shape_families{
    shapes::mug,    shapes::chair,  shapes::animal, shapes::bottle,  shapes::gear,    shapes::house,
    shapes::teapot, shapes::lamp,   shapes::arch,   shapes::vehicle, shapes::star,    shapes::table,
    shapes::goblet, shapes::spring, shapes::stack,  shapes::shelf,   shapes::cluster, shapes::hammer};

/// What makes a category: the same for all its instances.
struct ObjectCategory {
  std::size_t family = 0;
  Genome genome;
};

/// Categories take the families in turn; the k-th of a family has genes far from the others' (an additive recurrence
/// per gene, started at random), so that no two are alike by chance.
[[nodiscard]] inline ObjectCategory object_category(Rng categories, Index category) {
  constexpr auto families = static_cast<Index>(shape_families.size());
  std::array<std::size_t, static_cast<std::size_t>(families)> order{};
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Rng shuffling = categories.stream("order");
  shuffling.shuffle(std::span<std::size_t>(order));
  ObjectCategory result;
  result.family = order[static_cast<std::size_t>(category % families)];
  Rng start = categories.stream("family").stream(result.family);
  Rng own = categories.stream("category").stream(static_cast<std::uint64_t>(category));
  const Index cycle = category / families;
  const auto round = static_cast<double>(cycle);
  const auto gene = [&](float& value) {
    const double irrational = start.uniform(0.3, 0.7);  // steps of about half the range: neighbours differ most
    const double place = start.uniform() + round * irrational + 0.15 * own.uniform();
    value = static_cast<float>(place - std::floor(place));
  };
  for (float& value : result.genome.gene) gene(value);
  for (float& value : result.genome.exact) gene(value);
  return result;
}

/// The category's mesh with the instance's variation, on the ground around the y axis, at most 2 high and wide.
[[nodiscard]] inline Mesh object_mesh(const ObjectCategory& category, Rng& rng) {
  Genome genome = category.genome;
  for (float& value : genome.gene) value = clamp01(value + 0.07F * static_cast<float>(rng.normal()));
  Mesh mesh;
  mesh.vertices.reserve(2048);
  mesh.triangles.reserve(4096);
  shape_families[category.family](mesh, genome);
  Vec3 low{1e9F, 1e9F, 1e9F}, high = -low;
  for (const Vertex& vertex : mesh.vertices) {
    const Vec3 p = vertex.position;
    low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
  }
  const Vec3 size = high - low;
  const float scale = 2 / std::max(size.y, std::sqrt(size.x * size.x + size.z * size.z) * 0.85F);
  const Vec3 stretch = Vec3{draw(rng, 0.93F, 1.07F), draw(rng, 0.93F, 1.07F), draw(rng, 0.93F, 1.07F)} * scale;
  const Vec3 foot{0.5F * (low.x + high.x), low.y, 0.5F * (low.z + high.z)};
  for (Vertex& vertex : mesh.vertices) {
    vertex.position = (vertex.position - foot) * stretch;
    vertex.local = vertex.position;
  }
  compute_normals(mesh);
  return mesh;
}

/// The paint of one instance: nothing in it depends on the category.
class ObjectLook {
 public:
  ObjectLook(Rng rng, const Setting& setting) : setting_(setting), salt_(rng.word()) {
    for (Paint& paint : paints_) paint = draw_paint(rng);
    if (rng.uniform() < 0.35) paints_[1] = paints_[0];
    paints_[2] = {.first = Vec3{0.03F, 0.03F, 0.035F}, .second = Vec3{0.05F, 0.05F, 0.05F}, .specular = 0.1F};
    floor_ = draw_paint(rng);
    floor_.specular = 0;
    floor_.first = lerp(floor_.first, setting.horizon, 0.5F);
    floor_.second = lerp(lerp(floor_.second, setting.horizon, 0.5F), floor_.first, draw(rng, 0, 0.8F));
  }

  [[nodiscard]] static bool is_detailed(int part) { return part >= 0; }
  [[nodiscard]] Vec3 backdrop(float u, float v) const { return setting_.backdrop(u, v); }

  [[nodiscard]] Surface surface(const Fragment& seen) const {
    if (seen.part < 0) {
      const float distance = seen.position.x * seen.position.x + seen.position.z * seen.position.z;
      return {.albedo = colour(floor_, seen.local * 0.8F),
              .normal = seen.normal,
              .cover = 1 - smooth_step(4, 30, distance)};
    }
    const Paint& paint = paints_[static_cast<std::size_t>(seen.part)];
    return {
        .albedo = colour(paint, seen.local), .normal = seen.normal, .specular = paint.specular, .gloss = paint.gloss};
  }

 private:
  enum class Pattern { plain, mottled, stripes, wood, checks };
  struct Paint {
    Vec3 first{0.5F, 0.5F, 0.5F}, second{0.4F, 0.4F, 0.4F};
    Pattern pattern = Pattern::plain;
    float scale = 3;
    Vec3 axis{0, 1, 0};
    float specular = 0.2F, gloss = 30;
  };

  [[nodiscard]] static Paint draw_paint(Rng& rng) {
    Paint paint;
    const float hue = draw(rng, 0, 1), saturation = draw(rng, 0.1F, 0.95F), value = square(draw(rng, 0.2F, 0.88F));
    paint.first = hue_colour(hue, saturation, value);
    paint.second =
        hue_colour(hue + draw(rng, -0.1F, 0.1F), saturation * draw(rng, 0.5F, 1), value * draw(rng, 0.35F, 0.8F));
    paint.pattern = static_cast<Pattern>(rng.below(5));
    paint.scale = draw(rng, 2, 6);
    paint.axis = normalized({draw(rng, -1, 1), draw(rng, -1, 1), draw(rng, -1, 1)});
    paint.specular = rng.uniform() < 0.5 ? draw(rng, 0.15F, 0.7F) : draw(rng, 0, 0.1F);
    paint.gloss = draw(rng, 10, 90);
    return paint;
  }

  [[nodiscard]] Vec3 colour(const Paint& paint, Vec3 p) const {
    float share = 0;
    switch (paint.pattern) {
      case Pattern::plain:
        break;
      case Pattern::mottled:
        share = smooth_step(0.35F, 0.65F, lattice_noise(p * paint.scale, salt_));
        break;
      case Pattern::stripes:
        share = smooth_step(-0.15F, 0.15F, std::sin(dot(p, paint.axis) * paint.scale * 4));
        break;
      case Pattern::wood: {
        const float across = dot(p, paint.axis);
        const Vec3 grain = (p + paint.axis * (across * 5)) * paint.scale;
        share = lattice_noise(grain, salt_) * 0.8F;
        break;
      }
      case Pattern::checks: {
        const Vec3 q = (p + Vec3{7.13F, 7.31F, 7.57F}) * paint.scale;
        const int parity = static_cast<int>(q.x) + static_cast<int>(q.y) + static_cast<int>(q.z);
        share = parity % 2 == 0 ? 0.0F : 0.7F;
        break;
      }
    }
    return lerp(paint.first, paint.second, share);
  }

  const Setting& setting_;
  std::uint32_t salt_;
  std::array<Paint, 3> paints_;
  Paint floor_;
};

/// Renders one instance of a category.
[[nodiscard]] inline Image object_picture(const ObjectCategory& category, Rng rng, Index size) {
  Rng shape = rng.stream("shape"), view = rng.stream("view");
  const Mesh mesh = object_mesh(category, shape);
  float top = 0;
  for (const Vertex& vertex : mesh.vertices) top = std::max(top, vertex.position.y);
  const Pose pose{.yaw = draw(view, -1.2F, 1.2F), .pitch = draw(view, 0.15F, 0.7F), .roll = draw(view, -0.12F, 0.12F)};
  Camera camera = Camera::orbit({0, 0.47F * top, 0}, pose, draw(view, 5, 8), 1);
  const Vec3 to_target = camera.eye - Vec3{0, 0.47F * top, 0};
  camera.zoom = std::sqrt(dot(to_target, to_target)) * draw(view, 0.56F, 0.74F);
  camera.shift_x = draw(view, -0.1F, 0.1F);
  camera.shift_y = draw(view, -0.1F, 0.1F);
  const Setting setting(rng.stream("setting"), pose.yaw);
  const ObjectLook look(rng.stream("paint"), setting);
  return Renderer(mesh, camera, setting.light, look, {.size = size, .cull = false, .ground = true}).picture();
}

}  // namespace fusiform::stimuli
