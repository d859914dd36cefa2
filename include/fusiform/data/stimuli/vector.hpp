#pragma once
/// Small vectors, smooth steps and lattice noise for the stimulus renderer.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include <fusiform/core/random.hpp>

namespace fusiform::stimuli {

inline constexpr float pi = std::numbers::pi_v<float>;

/// A point, a direction or a linear RGB colour.
struct Vec3 {
  float x = 0, y = 0, z = 0;

  friend constexpr Vec3 operator+(Vec3 a, Vec3 b) noexcept { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend constexpr Vec3 operator-(Vec3 a, Vec3 b) noexcept { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend constexpr Vec3 operator*(Vec3 a, Vec3 b) noexcept { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
  friend constexpr Vec3 operator*(Vec3 a, float s) noexcept { return {a.x * s, a.y * s, a.z * s}; }
  friend constexpr Vec3 operator*(float s, Vec3 a) noexcept { return a * s; }
  friend constexpr Vec3 operator-(Vec3 a) noexcept { return {-a.x, -a.y, -a.z}; }
  constexpr Vec3& operator+=(Vec3 b) noexcept { return *this = *this + b; }
};

[[nodiscard]] constexpr float dot(Vec3 a, Vec3 b) noexcept { return a.x * b.x + a.y * b.y + a.z * b.z; }
[[nodiscard]] constexpr Vec3 cross(Vec3 a, Vec3 b) noexcept {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
/// The unit vector along `a`; the zero vector stays zero.
[[nodiscard]] inline Vec3 normalized(Vec3 a) noexcept {
  const float squared = dot(a, a);
  return squared > 0 ? a * (1 / std::sqrt(squared)) : a;
}

/// Three orthogonal rows; `rotate` takes a point from the frame of the rows to the world.
struct Frame {
  Vec3 right{1, 0, 0}, up{0, 1, 0}, forward{0, 0, 1};

  [[nodiscard]] constexpr Vec3 rotate(Vec3 p) const noexcept { return right * p.x + up * p.y + forward * p.z; }
};

/// Head pose: roll about the line of sight, then pitch (positive looks down), then yaw (positive looks to +x). Radians.
struct Pose {
  float yaw = 0, pitch = 0, roll = 0;
};
[[nodiscard]] inline Frame frame_of(const Pose& pose) noexcept {
  const auto turn = [&pose](Vec3 p) {
    const float cr = std::cos(pose.roll), sr = std::sin(pose.roll);
    p = {cr * p.x - sr * p.y, sr * p.x + cr * p.y, p.z};
    const float cp = std::cos(pose.pitch), sp = std::sin(pose.pitch);
    p = {p.x, cp * p.y - sp * p.z, sp * p.y + cp * p.z};
    const float cy = std::cos(pose.yaw), sy = std::sin(pose.yaw);
    return Vec3{cy * p.x + sy * p.z, p.y, cy * p.z - sy * p.x};
  };
  return {turn({1, 0, 0}), turn({0, 1, 0}), turn({0, 0, 1})};
}

[[nodiscard]] constexpr float clamp01(float x) noexcept { return x < 0 ? 0.0F : (x > 1 ? 1.0F : x); }
[[nodiscard]] constexpr float lerp(float a, float b, float t) noexcept { return a + (b - a) * t; }
[[nodiscard]] constexpr Vec3 lerp(Vec3 a, Vec3 b, float t) noexcept { return a + (b - a) * t; }
[[nodiscard]] constexpr float square(float x) noexcept { return x * x; }

/// 0 below `low`, 1 above `high`, a cubic between.
[[nodiscard]] constexpr float smooth_step(float low, float high, float x) noexcept {
  const float t = clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}

/// exp(-squared) to within 0.03, with compact support: (1 - s/8)^8.
[[nodiscard]] constexpr float bump(float squared) noexcept {
  const float t = squared < 8 ? 1 - squared * 0.125F : 0.0F;
  return square(square(square(t)));
}
/// An elliptic bump around (0, 0) of the given radii.
[[nodiscard]] constexpr float bump(float x, float y, float radius_x, float radius_y) noexcept {
  return bump(square(x / radius_x) + square(y / radius_y));
}

/// Trilinear noise in [0, 1] on the integer lattice.
[[nodiscard]] inline float lattice_noise(Vec3 p, std::uint32_t salt) noexcept {
  const float fx = std::floor(p.x), fy = std::floor(p.y), fz = std::floor(p.z);
  const auto ix = static_cast<std::uint32_t>(static_cast<std::int32_t>(fx));
  const auto iy = static_cast<std::uint32_t>(static_cast<std::int32_t>(fy));
  const auto iz = static_cast<std::uint32_t>(static_cast<std::int32_t>(fz));
  const std::array<std::uint32_t, 2> hash_x{ix * 0x8DA6B343U, (ix + 1) * 0x8DA6B343U};
  const std::array<std::uint32_t, 2> hash_y{iy * 0xD8163841U, (iy + 1) * 0xD8163841U};
  const std::array<std::uint32_t, 2> hash_z{(iz * 0xCB1AB31FU) ^ salt, ((iz + 1) * 0xCB1AB31FU) ^ salt};
  const auto corner = [&](std::size_t x, std::size_t y, std::size_t z) {
    std::uint32_t h = hash_x[x] ^ hash_y[y] ^ hash_z[z];
    h = (h ^ (h >> 15U)) * 0x2C1B3C6DU;
    return static_cast<float>(static_cast<std::int32_t>((h ^ (h >> 13U)) & 0xFFFFFFU)) * 0x1p-24F;
  };
  const auto fade = [](float t) { return t * t * (3 - 2 * t); };
  const float tx = fade(p.x - fx), ty = fade(p.y - fy), tz = fade(p.z - fz);
  const float near_layer =
      lerp(lerp(corner(0, 0, 0), corner(1, 0, 0), tx), lerp(corner(0, 1, 0), corner(1, 1, 0), tx), ty);
  const float far_layer =
      lerp(lerp(corner(0, 0, 1), corner(1, 0, 1), tx), lerp(corner(0, 1, 1), corner(1, 1, 1), tx), ty);
  return lerp(near_layer, far_layer, tz);
}

[[nodiscard]] inline float draw(Rng& rng, float low, float high) noexcept {
  return static_cast<float>(rng.uniform(low, high));
}
/// A linear RGB colour of any hue; `saturation` 0 is grey, `value` the largest channel.
[[nodiscard]] inline Vec3 hue_colour(float hue, float saturation, float value) noexcept {
  const auto channel = [=](float offset) {
    const float wave = std::abs(hue * 6 + offset - 6 * std::floor((hue * 6 + offset) / 6) - 3) - 1;
    return value * (1 - saturation * (1 - clamp01(wave)));
  };
  return {channel(0), channel(4), channel(2)};
}

}  // namespace fusiform::stimuli
