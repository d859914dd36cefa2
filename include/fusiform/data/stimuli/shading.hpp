#pragma once
/// From a mesh, a camera and lights to an 8-bit picture: deferred shading at 2 x 2 samples a pixel.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <fusiform/data/image.hpp>
#include <fusiform/data/stimuli/mesh.hpp>
#include <fusiform/data/stimuli/raster.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

/// A point that a sample sees. Part -1 is the ground plane y = 0.
struct Fragment {
  Vec3 position, normal, local;
  int part = 0;
};

/// What the point is made of, in linear light.
struct Surface {
  Vec3 albedo{};
  Vec3 normal{};
  float specular = 0, gloss = 20;  ///< strength and exponent of the highlight
  float wrap = 0;                  ///< light that creeps around the terminator, as in skin
  float cover = 1;                 ///< 0 lets the backdrop through (the far ground)
};

/// A distant key light with shadows, a fill light without, and a sky over a ground.
struct Lighting {
  Vec3 to_key{0, 0, 1}, key{1, 1, 1};
  Vec3 to_fill{0, 0, 1}, fill;
  Vec3 sky, bounce;
  float softness = 0.05F;  ///< radius of the penumbra, in the scene
  float exposure = 1;
};

struct RenderOptions {
  Index size = 64;
  bool cull = true;     ///< all surfaces are closed
  bool ground = false;  ///< the plane y = 0 catches shadows
};

/// Linear light to display value in [0, 1]; the sRGB curve fitted by roots.
[[nodiscard]] inline float display_value(float linear) noexcept {
  const float shouldered = linear < 0.7F ? linear : 1 - 0.3F / (1 + (linear - 0.7F) / 0.3F);
  const float root2 = std::sqrt(std::max(0.0F, shouldered)), root4 = std::sqrt(root2), root8 = std::sqrt(root4);
  return clamp01(0.662002687F * root2 + 0.684122060F * root4 - 0.323583601F * root8 - 0.0225411470F * shouldered);
}

namespace detail {

/// Occlusion by nearby surfaces, from the curvature of the depth buffer: pairs of opposite neighbours that both lie
/// nearer than the sample. A plane at any slant gives none.
[[nodiscard]] inline float crevice(const DepthBuffer& buffer, int x, int y) noexcept {
  const float centre = buffer.depth(x, y);
  if (centre <= 0) return 0;
  const float scale = 1 / (centre * centre);  // from differences of 1 / distance, linear on planes, to distances
  const int last = buffer.size() - 1;
  constexpr std::array<std::array<int, 2>, 4> directions{{{1, 0}, {0, 1}, {1, 1}, {1, -1}}};
  float sum = 0;
  for (int ring = 1; ring <= 2; ++ring) {
    const int reach = std::max(1, buffer.size() * ring / 36);
    const float range = 0.12F * static_cast<float>(ring);
    const float slope = 1 / (3 * range);
    const auto nearer = [&](int dx, int dy) {
      const float depth = buffer.depth(std::clamp(x + dx, 0, last), std::clamp(y + dy, 0, last));
      const float difference = (depth - centre) * scale;
      // A silhouette far in front of the sample takes no light from it: the effect ends at four times the range.
      return std::clamp(difference, -range, range) * clamp01((4 * range - difference) * slope);
    };
    for (const auto& [dx, dy] : directions)
      sum += std::max(0.0F, nearer(dx * reach, dy * reach) + nearer(-dx * reach, -dy * reach)) / (2 * range);
  }
  return sum / 8;
}

}  // namespace detail

/// Renders one picture.
///
/// `look` has `Surface surface(const Fragment&) const`, called for each of the four samples of a pixel;
/// `bool is_detailed(int part) const`, false where two samples do for a pixel that sees nothing but the part;
/// and `Vec3 backdrop(float u, float v) const` with u, v in [0, 1] from the top left, called once a pixel.
template <class Look>
class Renderer {
 public:
  Renderer(const Mesh& mesh, const Camera& camera, const Lighting& light, const Look& look,
           const RenderOptions& options)
      : mesh_(mesh),
        camera_(camera),
        light_(light),
        look_(look),
        options_(options),
        samples_(static_cast<int>(2 * options.size)),
        buffer_(samples_),
        shadow_(mesh, light.to_key, std::clamp(samples_ * 3 / 4, 48, 512), options.cull) {
    for (std::size_t sample = 0; sample < taps_.size(); ++sample) {
      const float turn = 0.4F * static_cast<float>(sample),
                  radius = light.softness * (0.6F + 0.2F * static_cast<float>(sample));
      taps_[sample] = {radius * std::cos(turn), radius * std::sin(turn)};
    }
    screen_.reserve(mesh.vertices.size());
    for (const Vertex& vertex : mesh.vertices)
      screen_.push_back(camera.project(vertex.position, static_cast<float>(samples_)));
    buffer_.draw(screen_, mesh.triangles, options.cull);
    if (options.ground) draw_ground();
  }

  [[nodiscard]] Image picture() const {
    Image image = blank_image(options_.size, options_.size);
    std::size_t out = 0;
    for (int y = 0; y < samples_; y += 2)
      for (int x = 0; x < samples_; x += 2) {
        const float open = 1 - 0.85F * detail::crevice(buffer_, x, y);
        Vec3 sum;
        std::optional<Vec3> behind;               // smooth: once a pixel is enough
        const int step = is_plain(x, y) ? 3 : 1;  // two samples on a diagonal, or all four
        for (int sample = 0; sample < 4; sample += step)
          sum += colour(x + sample % 2, y + sample / 2, sample, open, behind);
        const Vec3 mean = sum * ((step == 3 ? 0.5F : 0.25F) * light_.exposure);
        for (const float channel : {mean.x, mean.y, mean.z})
          image.pixels[out++] = static_cast<std::uint8_t>(255 * display_value(channel) + 0.5F);
      }
    return image;
  }

 private:
  /// Whether all four samples of a pixel see one part without fine detail.
  [[nodiscard]] bool is_plain(int x, int y) const {
    const auto part = [&](int dx, int dy) {
      const std::int32_t triangle = buffer_.triangle(x + dx, y + dy);
      return triangle < 0 ? -1 : mesh_.triangles[static_cast<std::size_t>(triangle)].part;
    };
    const std::int32_t first = part(0, 0);
    return !look_.is_detailed(first) && part(1, 0) == first && part(0, 1) == first && part(1, 1) == first;
  }

  void draw_ground() {
    for (int y = 0; y < samples_; ++y)
      for (int x = 0; x < samples_; ++x) {
        const Vec3 ray = ray_at(x, y);
        if (ray.y >= -1e-4F) continue;
        const float depth = -ray.y / camera_.eye.y;
        if (depth > buffer_.depth(x, y)) buffer_.depth(x, y) = depth;
      }
  }

  [[nodiscard]] Vec3 ray_at(int x, int y) const noexcept {
    return camera_.ray(static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F, static_cast<float>(samples_));
  }

  [[nodiscard]] Fragment fragment(int x, int y) const noexcept {
    const std::int32_t index = buffer_.triangle(x, y);
    const Triangle& triangle = mesh_.triangles[static_cast<std::size_t>(index)];
    const auto corner = [&](std::size_t k) { return static_cast<std::size_t>(triangle.corner[k]); };
    const ScreenVertex &a = screen_[corner(0)], &b = screen_[corner(1)], &c = screen_[corner(2)];
    const ScreenVertex sample{static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F, 0};
    const float scale = 1 / signed_area(a, b, c);
    float weight_b = signed_area(a, sample, c) * scale, weight_c = signed_area(a, b, sample) * scale;
    float weight_a = (1 - weight_b - weight_c) * a.depth;  // weights on the screen, made right for perspective
    weight_b *= b.depth;
    weight_c *= c.depth;
    const float norm = 1 / (weight_a + weight_b + weight_c);
    weight_a *= norm;
    weight_b *= norm;
    weight_c *= norm;
    const Vertex &va = mesh_.vertices[corner(0)], &vb = mesh_.vertices[corner(1)], &vc = mesh_.vertices[corner(2)];
    return {va.position * weight_a + vb.position * weight_b + vc.position * weight_c,
            normalized(va.normal * weight_a + vb.normal * weight_b + vc.normal * weight_c),
            va.local * weight_a + vb.local * weight_b + vc.local * weight_c, triangle.part};
  }

  [[nodiscard]] Vec3 colour(int x, int y, int sample, float open, std::optional<Vec3>& behind) const {
    const auto backdrop = [&] {
      const auto size = static_cast<float>(samples_);
      if (!behind) behind = look_.backdrop(static_cast<float>(x) / size, static_cast<float>(y) / size);
      return *behind;
    };
    Fragment seen;
    if (buffer_.triangle(x, y) >= 0 && buffer_.depth(x, y) > 0) {
      seen = fragment(x, y);
    } else if (options_.ground && buffer_.depth(x, y) > 0) {
      const Vec3 point = camera_.eye + ray_at(x, y) * (1 / buffer_.depth(x, y));
      seen = {point, {0, 1, 0}, point, -1};
    } else {
      return backdrop();
    }
    const Vec3 to_eye = normalized(camera_.eye - seen.position);
    if (dot(seen.normal, to_eye) < 0 && !options_.cull) seen.normal = -seen.normal;
    const Surface surface = look_.surface(seen);
    const Vec3 shaded = shade(seen, surface, to_eye, sample, open);
    return surface.cover >= 1 ? shaded : lerp(backdrop(), shaded, surface.cover);
  }

  [[nodiscard]] Vec3 shade(const Fragment& seen, const Surface& surface, Vec3 to_eye, int sample, float open) const {
    const float facing = dot(surface.normal, light_.to_key);
    const float lambert = std::max(0.0F, (facing + surface.wrap) / (1 + surface.wrap));
    float lit = 0;
    if (lambert > 0 && dot(seen.normal, light_.to_key) > -surface.wrap) {
      // Off the surface by more than a texel, or the surface would shadow itself.
      const Vec3 lifted = seen.position + seen.normal * (2.0F * shadow_.texel()) + light_.to_key * shadow_.texel();
      lit = shadow_.light_at(lifted, taps_[static_cast<std::size_t>(sample)]);
    }
    const float up = 0.5F + 0.5F * surface.normal.y;
    Vec3 light = lerp(light_.bounce, light_.sky, up) * (open * open);
    light += light_.fill * (std::max(0.0F, dot(surface.normal, light_.to_fill)) * open);
    light += light_.key * (lambert * lit * (0.6F + 0.4F * open));
    Vec3 result = surface.albedo * light;
    if (surface.specular > 0) {
      const auto highlight = [&](Vec3 to_light) {
        const float aligned = std::max(0.0F, dot(surface.normal, normalized(to_light + to_eye)));
        // aligned^gloss in the rational form of Schlick (1994), without the power.
        return surface.specular * aligned / (surface.gloss - surface.gloss * aligned + aligned);
      };
      if (lit > 0) result += light_.key * (lit * highlight(light_.to_key));
      result += light_.fill * (open * highlight(light_.to_fill));
      const float edge = 1 - std::max(0.0F, dot(surface.normal, to_eye));  // grazing views mirror the sky
      result += light_.sky * (0.5F * surface.specular * square(square(edge)) * open);
    }
    return result;
  }

  const Mesh& mesh_;
  const Camera& camera_;
  const Lighting& light_;
  const Look& look_;
  RenderOptions options_;
  int samples_;
  DepthBuffer buffer_;
  ShadowMap shadow_;
  std::array<std::array<float, 2>, 4> taps_{};  ///< where each sample of a pixel asks for the shadow
  std::vector<ScreenVertex> screen_;
};

}  // namespace fusiform::stimuli
