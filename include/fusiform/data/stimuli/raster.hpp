#pragma once
/// Cameras and the z-buffer rasteriser.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fusiform/data/stimuli/mesh.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

/// A vertex on the raster: position in samples, and a depth that grows towards the viewer.
struct ScreenVertex {
  float x = 0, y = 0, depth = 0;
};

/// Looks along -frame.forward; the view is square. `zoom` is 1 / tan(half the angle of view).
struct Camera {
  Vec3 eye;
  Frame frame;
  float zoom = 3;
  float shift_x = 0, shift_y = 0;  ///< of the picture, in half widths

  /// Stands at a distance from `target`, in the direction of yaw (0 = +z) and elevation, rolled.
  [[nodiscard]] static Camera orbit(Vec3 target, const Pose& pose, float distance, float zoom) {
    Camera camera;
    camera.frame = frame_of({.yaw = pose.yaw, .pitch = -pose.pitch, .roll = pose.roll});
    camera.eye = target + camera.frame.forward * distance;
    camera.zoom = zoom;
    return camera;
  }

  /// Depth is 1 / distance along the axis, 0 at infinity. Requires p in front of the eye.
  [[nodiscard]] ScreenVertex project(Vec3 p, float size) const noexcept {
    const Vec3 ray = p - eye;
    const float inverse = 1 / std::max(0.05F, -dot(ray, frame.forward));
    const float scale = zoom * inverse;
    return {size * 0.5F * (1 + shift_x + scale * dot(ray, frame.right)),
            size * 0.5F * (1 + shift_y - scale * dot(ray, frame.up)), inverse};
  }

  /// The ray through a sample, of length 1 along the axis.
  [[nodiscard]] Vec3 ray(float x, float y, float size) const noexcept {
    const float u = (2 * x / size - 1 - shift_x) / zoom;
    const float v = (1 + shift_y - 2 * y / size) / zoom;
    return frame.right * u + frame.up * v - frame.forward;
  }
};

/// Twice the signed area of the triangle abc; positive if it turns from x to y.
[[nodiscard]] constexpr float signed_area(const ScreenVertex& a, const ScreenVertex& b,
                                          const ScreenVertex& c) noexcept {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/// The nearest depth and its triangle at every sample of a square raster.
class DepthBuffer {
 public:
  explicit DepthBuffer(int size)
      : size_(size),
        depth_(static_cast<std::size_t>(size) * static_cast<std::size_t>(size)),
        triangle_(depth_.size(), -1) {}

  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] float depth(int x, int y) const noexcept { return depth_[at(x, y)]; }
  [[nodiscard]] float& depth(int x, int y) noexcept { return depth_[at(x, y)]; }
  /// -1 where there is none.
  [[nodiscard]] std::int32_t triangle(int x, int y) const noexcept { return triangle_[at(x, y)]; }

  /// Draws all triangles; `cull` leaves out those that show their back.
  void draw(std::span<const ScreenVertex> vertices, std::span<const Triangle> triangles, bool cull) {
    for (std::size_t i = 0; i < triangles.size(); ++i) {
      const auto corner = [&](std::size_t k) { return vertices[static_cast<std::size_t>(triangles[i].corner[k])]; };
      const ScreenVertex a = corner(0), b = corner(1), c = corner(2);
      // Samples lie at half integers. Most triangles are small: many end here, between samples.
      const Box box{rounded(std::min({a.x, b.x, c.x})), rounded(std::max({a.x, b.x, c.x})),
                    rounded(std::min({a.y, b.y, c.y})), rounded(std::max({a.y, b.y, c.y}))};
      if (box.left >= box.right || box.top >= box.bottom) continue;
      const float area = signed_area(a, b, c);
      // y points down on the raster: counter-clockwise triangles have a negative area
      if (area == 0 || (cull && area > 0)) continue;
      draw(a, b, c, 1 / area, box, static_cast<std::int32_t>(i));
    }
  }

 private:
  struct Box {
    int left, right, top, bottom;
  };

  [[nodiscard]] std::size_t at(int x, int y) const noexcept {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(x);
  }
  /// The first sample at or after x.
  [[nodiscard]] int rounded(float x) const noexcept {
    return static_cast<int>(std::clamp(x + 0.5F, 0.0F, static_cast<float>(size_)));
  }

  void draw(const ScreenVertex& a, const ScreenVertex& b, const ScreenVertex& c, float scale, const Box& box,
            std::int32_t index) {
    const float step_b = (c.y - a.y) * scale, step_c = (a.y - b.y) * scale;
    for (int y = box.top; y < box.bottom; ++y) {
      const ScreenVertex sample{static_cast<float>(box.left) + 0.5F, static_cast<float>(y) + 0.5F, 0};
      float weight_b = signed_area(a, sample, c) * scale;
      float weight_c = signed_area(a, b, sample) * scale;
      for (int x = box.left; x < box.right; ++x, weight_b += step_b, weight_c += step_c) {
        const float depth = a.depth + weight_b * (b.depth - a.depth) + weight_c * (c.depth - a.depth);
        const std::size_t place = at(x, y);
        // One branch instead of four: none of the conditions can be predicted.
        const int covered = static_cast<int>(weight_b >= 0) & static_cast<int>(weight_c >= 0) &
                            static_cast<int>(weight_b + weight_c <= 1) & static_cast<int>(depth > depth_[place]);
        if (covered != 0) {
          depth_[place] = depth;
          triangle_[place] = index;
        }
      }
    }
  }

  int size_;
  std::vector<float> depth_;
  std::vector<std::int32_t> triangle_;
};

/// The mesh seen along a distant light, for shadows.
class ShadowMap {
 public:
  ShadowMap(const Mesh& mesh, Vec3 to_light, int size, bool cull) : buffer_(size), frame_(looking_along(to_light)) {
    Vec3 low{1e9F, 1e9F, 1e9F}, high = -low;
    std::vector<ScreenVertex> seen;
    seen.reserve(mesh.vertices.size());
    for (const Vertex& vertex : mesh.vertices) {
      const Vec3 p = to_frame(vertex.position);
      low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
      seen.push_back({p.x, p.y, p.z});
    }
    origin_ = {low.x, high.y, low.z};
    const float extent = std::max({high.x - low.x, high.y - low.y, 1e-3F});
    scale_ = static_cast<float>(size) / extent;
    for (ScreenVertex& each : seen)
      each = {(each.x - low.x) * scale_, (high.y - each.y) * scale_, each.depth - low.z + 1};
    buffer_.draw(seen, mesh.triangles, cull);
  }

  /// Size of a texel in the scene.
  [[nodiscard]] float texel() const noexcept { return 1 / scale_; }

  /// Share of the light that reaches p, from four taps at `offset` (in the scene, on the plane across the light) and
  /// its quarter turns. Taps outside the map are lit.
  [[nodiscard]] float light_at(Vec3 p, std::array<float, 2> offset) const noexcept {
    const Vec3 q = to_frame(p) - origin_;
    const float depth = std::max(q.z + 1, 0.0F);  // empty texels hold 0
    const auto limit = static_cast<float>(buffer_.size());
    float lit = 0;
    float dx = offset[0] * scale_, dy = offset[1] * scale_;
    for (int tap = 0; tap < 4; ++tap) {
      const float x = q.x * scale_ + dx, y = dy - q.y * scale_;
      const bool inside = x >= 0 && y >= 0 && x < limit && y < limit;
      if (!inside || buffer_.depth(static_cast<int>(x), static_cast<int>(y)) <= depth) lit += 0.25F;
      dx = -std::exchange(dy, dx);  // a quarter turn
    }
    return lit;
  }

 private:
  [[nodiscard]] static Frame looking_along(Vec3 to_light) noexcept {
    const Vec3 helper = std::abs(to_light.y) < 0.9F ? Vec3{0, 1, 0} : Vec3{1, 0, 0};
    const Vec3 right = normalized(cross(helper, to_light));
    return {right, cross(to_light, right), to_light};
  }
  [[nodiscard]] Vec3 to_frame(Vec3 p) const noexcept {
    return {dot(p, frame_.right), dot(p, frame_.up), dot(p, frame_.forward)};
  }

  DepthBuffer buffer_;
  Frame frame_;
  Vec3 origin_;
  float scale_ = 1;
};

}  // namespace fusiform::stimuli
