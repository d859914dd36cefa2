#pragma once
/// Pictures of faces: what is painted on the mesh of face_mesh.hpp, and the rendering of one instance of a person.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fusiform/core/random.hpp>
#include <fusiform/data/image.hpp>
#include <fusiform/data/stimuli/face_identity.hpp>
#include <fusiform/data/stimuli/face_mesh.hpp>
#include <fusiform/data/stimuli/setting.hpp>
#include <fusiform/data/stimuli/shading.hpp>

namespace fusiform::stimuli {

class FaceLook {
 public:
  FaceLook(const FaceIdentity& identity, const FaceMoment& moment, const Setting& setting)
      : f_(identity), m_(moment), setting_(setting), pose_(frame_of(moment.head)) {
    const Vec3 to_key = setting.light.to_key;  // seen from the head, for the glint in the eyes
    glint_ = {dot(to_key, pose_.right), dot(to_key, pose_.up), 0};
  }

  [[nodiscard]] static bool is_detailed(int part) { return part == skin_part; }
  [[nodiscard]] Vec3 backdrop(float u, float v) const { return setting_.backdrop(u, v); }

  [[nodiscard]] Surface surface(const Fragment& seen) const {
    switch (seen.part) {
      case hair_part:
        return hair(seen);
      case cloth_part:
        return cloth(seen);
      case neck_part:
        return {.albedo = f_.skin * 0.92F, .normal = seen.normal, .specular = 0.05F, .gloss = 12, .wrap = 0.2F};
      default:
        return skin(seen);
    }
  }

 private:
  [[nodiscard]] Surface hair(const Fragment& seen) const {
    // Strands run down: noise stretched along y, and bent normals for a broken highlight.
    const Vec3 p = seen.local;
    const Vec3 fine = f_.curl > 0 ? p * 9.0F : Vec3{p.x * 16, p.y * 1.6F, p.z * 16};
    const float strand = lattice_noise(fine, f_.salt);
    const float lock = lattice_noise(fine * 0.4F, f_.salt + 1);
    const Vec3 bent = normalized(seen.normal + Vec3{strand - 0.5F, 0.6F * (lock - 0.5F), lock - 0.5F} * 0.5F);
    return {.albedo = f_.hair * (0.5F + 0.6F * strand + 0.4F * lock),
            .normal = bent,
            .specular = 0.10F * (0.4F + strand),
            .gloss = 22,
            .wrap = 0.15F};
  }

  [[nodiscard]] Surface cloth(const Fragment& seen) const {
    const Vec3 p = seen.local;
    const float opening = -1.43F - m_.neckline + 1.3F * std::abs(p.x);
    if (p.z > -0.2F && p.y > opening)
      return {.albedo = f_.skin * 0.9F, .normal = seen.normal, .specular = 0.05F, .gloss = 12, .wrap = 0.2F};
    const float edge = p.z > -0.2F ? smooth_step(opening - 0.14F, opening - 0.12F, p.y) : 0.0F;
    return {.albedo = lerp(m_.cloth, m_.collar, edge), .normal = seen.normal};
  }

  /// Skin with everything that is painted on it.
  [[nodiscard]] Surface skin(const Fragment& seen) const {
    const Vec3 p = seen.local;
    Surface s{.albedo = f_.skin, .normal = seen.normal, .specular = 0.07F, .gloss = 14, .wrap = 0.25F};
    const float mottle = lattice_noise(p * 7.0F, f_.salt);
    s.albedo = s.albedo * (0.94F + 0.12F * mottle);
    if (p.z < 0.1F) return scalp(s, p);
    const float x = std::abs(p.x);
    const float flush =
        f_.ruddy * (bump(x - 0.42F, p.y + 0.2F, 0.2F, 0.16F) + 0.8F * bump(x, p.y - f_.nose_tip, 0.12F, 0.1F));
    s.albedo = s.albedo * lerp(Vec3{1, 1, 1}, Vec3{1.02F, 0.68F, 0.66F}, clamp01(flush));
    if (f_.freckles > 0) {
      const float spots = smooth_step(0.66F, 0.78F, lattice_noise(p * 17.0F, f_.salt + 2));
      s.albedo = s.albedo * (1 - f_.freckles * 0.6F * spots * bump(x - 0.3F, p.y + 0.12F, 0.45F, 0.3F));
    }
    // Tired shade under and around the eyes, lines across the forehead.
    s.albedo =
        s.albedo * (1 - (0.12F + 0.2F * f_.age) * bump(x - f_.eye_x * 0.9F, p.y - f_.eye_y + 0.1F, 0.15F, 0.06F));
    if (f_.age > 0.2F) {
      const float lines = square(square(0.5F + 0.5F * std::sin(p.y * 55)));
      s.albedo = s.albedo * (1 - 0.2F * f_.age * lines * bump(p.x, p.y - 0.52F, 0.4F, 0.13F));
    }
    s.albedo = s.albedo * (1 - 0.75F * bump(x - f_.nose_wide * 0.5F, p.y - f_.nose_tip + 0.085F, 0.05F, 0.03F));
    s = beard(scalp(s, p), p, x);
    s = mouth(s, p, x);
    s = brow(s, p, x);
    return eye(s, p, x);
  }

  /// Hair too short to have a volume, around the hairline and on shaved heads.
  [[nodiscard]] Surface scalp(Surface s, Vec3 p) const {
    if (f_.length == HairLength::bald) {
      s.specular = 0.12F;
      s.gloss = 24;
      return s;
    }
    const float above = smooth_step(f_.hairline - 0.08F, f_.hairline + 0.1F, p.y + 0.25F * square(p.x));
    s.albedo = lerp(s.albedo, f_.hair, 0.75F * above);
    return s;
  }

  [[nodiscard]] Surface beard(Surface s, Vec3 p, float x) const {
    if (f_.beard <= 0 && f_.moustache <= 0) return s;
    const float strand = lattice_noise({p.x * 22, p.y * 9, p.z * 22}, f_.salt + 3);
    const float mouth = p.y - f_.mouth_y;
    const float cheek_line = f_.mouth_y + 0.12F + 0.9F * square(std::max(0.0F, x - 0.25F));
    float cover = f_.beard * smooth_step(cheek_line + 0.08F, cheek_line - 0.1F, p.y);
    cover *= 1 - bump(x, mouth, f_.mouth_wide * 0.95F, 0.09F);
    const float lip =
        smooth_step(f_.mouth_wide + 0.14F, f_.mouth_wide, x) * bump(square((mouth - 0.14F + 0.25F * x * x) / 0.065F));
    cover = std::max(cover, f_.moustache * lip);
    cover *= 0.7F + 0.5F * strand;
    s.albedo = lerp(s.albedo, f_.hair * (0.6F + 0.7F * strand), clamp01(cover) * 0.92F);
    s.specular *= 1 - 0.7F * clamp01(cover);
    return s;
  }

  [[nodiscard]] Surface mouth(Surface s, Vec3 p, float x) const {
    const float u = x / (f_.mouth_wide * (1 + 0.16F * m_.smile));
    if (u > 1.25F || std::abs(p.y - f_.mouth_y) > 0.32F) return s;
    const float inside = std::max(0.0F, 1 - u * u);
    const float y = p.y - f_.mouth_y - 0.075F * m_.smile * (u * u - 0.3F);
    const float gap = 0.065F * m_.open * inside;
    const float cupid = 1 - 0.3F * bump(square(u / 0.16F));
    const float upper = gap + f_.lip_upper * std::sqrt(inside) * cupid * (1 - 0.25F * m_.open);
    const float lower = -2.2F * gap - f_.lip_lower * std::sqrt(inside);
    const float line = 0.014F;
    if (u < 1) {
      const float lips =
          smooth_step(upper + 0.012F, upper - 0.012F, y) * smooth_step(lower - 0.015F, lower + 0.015F, y);
      const Vec3 tone = f_.lip * (y > 0 ? 0.8F : 1.05F);
      s.albedo = lerp(s.albedo, tone, lips * lerp(0.55F, 0.95F, f_.lip_red));
      s.specular = lerp(s.specular, 0.18F, lips);
      s.gloss = lerp(s.gloss, 30, lips);
    }
    if (gap > 0.01F && y < gap && y > -2.2F * gap) {
      const bool teeth = y > -0.35F * gap && u < 0.8F;
      s.albedo = teeth ? Vec3{0.62F, 0.58F, 0.50F} * (1 - 0.5F * u * u) : Vec3{0.05F, 0.012F, 0.012F};
      s.specular = teeth ? 0.2F : 0.0F;
      return s;
    }
    const float seam =
        std::max(bump(square((y - gap) / line)), gap > 0.01F ? bump(square((y + 2.2F * gap) / line)) : 0.0F);
    s.albedo = s.albedo * (1 - 0.72F * seam * smooth_step(1.12F, 0.95F, u));
    return s;
  }

  [[nodiscard]] Surface brow(Surface s, Vec3 p, float x) const {
    const float u = (x - f_.eye_x * 1.02F) / 0.25F;  // -1 at the nose, 1 at the temple
    if (u < -1.1F || u > 1.1F || std::abs(p.y - f_.brow_y) > 0.35F) return s;
    const float middle =
        f_.brow_y + 0.06F * m_.brows + f_.brow_arch * (1 - square(u - 0.25F)) - 0.06F + f_.brow_slant * u;
    const float thick = f_.brow_thick * (u < 0.2F ? 1.0F : 1 - 0.55F * (u - 0.2F));
    const float strand = 0.75F + 0.5F * lattice_noise({p.x * 30, p.y * 12, 0}, f_.salt + 4);
    const float cover = smooth_step(1.35F, 0.6F, std::abs(p.y - middle) / thick) * smooth_step(-1.1F, -0.85F, u) *
                        smooth_step(1.1F, 0.7F, u) * f_.brow_dark * std::min(1.0F, strand);
    s.albedo = lerp(s.albedo, f_.hair * 0.6F, cover);
    s.specular *= 1 - cover;
    return s;
  }

  [[nodiscard]] Surface eye(Surface s, Vec3 p, float x) const {
    const float side = p.x < 0 ? -1.0F : 1.0F;
    const float u = (x - f_.eye_x) / f_.eye_width;  // -1 inner corner, 1 outer
    if (u < -1.4F || u > 1.4F || std::abs(p.y - f_.eye_y) > 0.4F) return s;
    const float v = (p.y - f_.eye_y) / f_.eye_width - f_.eye_slant * u;
    const float open = f_.eye_open * m_.lids;
    const float arc = std::max(0.0F, 1 - u * u);
    const float upper = open * arc * (1 - 0.15F * u), lower = -0.55F * open * arc * (1 + 0.2F * u);
    // Crease of the upper lid and its lashes.
    s.albedo = s.albedo * (1 - 0.45F * bump(square((v - upper - 0.26F) / 0.1F)) * smooth_step(1.4F, 0.9F, std::abs(u)));
    if (v < upper && v > lower && u > -1 && u < 1) {
      const float iris_x = u * side - m_.gaze_x, iris_y = v - m_.gaze_y * 0.5F - 0.08F;
      const float radius = std::sqrt(iris_x * iris_x + iris_y * iris_y);
      Vec3 white = Vec3{0.62F, 0.58F, 0.55F} * (1 - 0.35F * square(u)) * (1 - 0.45F * smooth_step(0.25F, 0, upper - v));
      const float rays = lattice_noise({std::atan2(iris_y, iris_x) * 5, radius * 3, 1}, f_.salt + 5);
      Vec3 iris = f_.iris * (0.7F + 0.7F * rays) * (1 - 0.6F * smooth_step(0.36F, 0.47F, radius));
      iris = lerp(Vec3{0.004F, 0.004F, 0.004F}, iris, smooth_step(0.15F, 0.22F, radius));
      s.albedo = lerp(iris, white, smooth_step(0.42F, 0.5F, radius));
      const float glint = bump((iris_x - 0.22F * glint_.x) / 1, (iris_y - 0.22F * glint_.y - 0.05F) / 1, 0.11F, 0.11F);
      s.albedo += Vec3{1.4F, 1.4F, 1.4F} * glint;
      s.specular = 0.15F;
      s.gloss = 60;
      s.wrap = 0.4F;
      return s;
    }
    const float lash =
        std::max(bump(square((v - upper - 0.05F) / 0.13F)), 0.45F * bump(square((v - lower + 0.03F) / 0.09F)));
    s.albedo = s.albedo * (1 - 0.85F * lash * smooth_step(1.2F, 0.95F, std::abs(u)));
    return s;
  }

  const FaceIdentity& f_;
  const FaceMoment& m_;
  const Setting& setting_;
  Frame pose_;
  Vec3 glint_;
};

/// Renders one instance of a person.
[[nodiscard]] inline Image face_picture(const FaceIdentity& identity, Rng rng, Index size) {
  const FaceMoment moment = draw_moment(rng.stream("moment"));
  const float detail = std::clamp(static_cast<float>(size) / 94, 0.6F, 2.2F);
  const Mesh mesh = face_mesh(identity, moment, detail);
  Rng view = rng.stream("view");
  Camera camera = Camera::orbit({0, -0.12F, 0}, {.pitch = draw(view, -0.06F, 0.06F)}, 8, 1);
  camera.zoom = 8 * draw(view, 0.56F, 0.72F);
  camera.shift_x = draw(view, -0.1F, 0.1F);
  camera.shift_y = draw(view, -0.1F, 0.1F);
  const Setting setting(rng.stream("setting"), 0);
  const FaceLook look(identity, moment, setting);
  return Renderer(mesh, camera, setting.light, look, {.size = size, .cull = true}).picture();
}

}  // namespace fusiform::stimuli
