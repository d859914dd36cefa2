#pragma once
/// Where a picture is taken: lights and a blurred backdrop, drawn for each instance.

#include <array>
#include <cmath>
#include <cstdint>

#include <fusiform/core/random.hpp>
#include <fusiform/data/stimuli/shading.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

class Setting {
 public:
  /// The key light comes from the front half of the space seen from yaw `view`, from 5 to 70 degrees up.
  Setting(Rng rng, float view) : salt_(rng.word()) {
    const float side = view + draw(rng, -1.35F, 1.35F), rise = draw(rng, 0.1F, 1.2F);
    light.to_key = {std::cos(rise) * std::sin(side), std::sin(rise), std::cos(rise) * std::cos(side)};
    const float warmth = draw(rng, -0.25F, 0.25F);
    const Vec3 tint{1 + warmth, 1, 1 - warmth};
    const float strength = draw(rng, 0.9F, 1.9F), ambient = draw(rng, 0.16F, 0.55F);
    light.key = tint * strength;
    light.to_fill = normalized({std::sin(view - (side - view)), 0.3F, std::cos(view - (side - view))});
    light.fill = Vec3{1 - 0.5F * warmth, 1, 1 + 0.5F * warmth} * draw(rng, 0.05F, 0.4F);
    light.sky = Vec3{1 - warmth, 1, 1 + warmth} * ambient;
    light.softness = draw(rng, 0.03F, 0.14F);
    const float hue = draw(rng, 0, 1), saturation = draw(rng, 0, 0.75F);
    low_ = hue_colour(hue, saturation, square(draw(rng, 0.15F, 0.85F)));
    high_ = hue_colour(hue + draw(rng, -0.2F, 0.2F), saturation, square(draw(rng, 0.15F, 0.85F)));
    horizon = low_;
    light.bounce = low_ * (0.6F * ambient);
    for (Blot& blot : blots_)
      blot = {draw(rng, 0, 1),        draw(rng, 0, 1),
              draw(rng, 0.08F, 0.4F), draw(rng, 0.08F, 0.5F),
              rng.uniform() < 0.5,    hue_colour(draw(rng, 0, 1), draw(rng, 0, 0.7F), draw(rng, 0.05F, 0.9F)),
              draw(rng, 0, 0.8F)};
    grain_ = draw(rng, 0, 0.3F);
    light.exposure = draw(rng, 0.8F, 1.15F);
  }

  /// A gradient with out-of-focus things in it; u, v in [0, 1] from the top left.
  [[nodiscard]] Vec3 backdrop(float u, float v) const noexcept {
    Vec3 colour = lerp(high_, low_, v);
    for (const Blot& blot : blots_) {
      const float dx = (u - blot.x) / blot.radius_x, dy = (v - blot.y) / blot.radius_y;
      const float distance = blot.box ? std::max(std::abs(dx), std::abs(dy)) : std::sqrt(dx * dx + dy * dy);
      colour = lerp(colour, blot.colour, blot.strength * (1 - smooth_step(0.75F, 1.25F, distance)));
    }
    return colour * (1 - grain_ * lattice_noise({u * 7, v * 7, 0.5F}, salt_));
  }

  Lighting light;
  Vec3 horizon;  ///< colour of the backdrop where it meets the ground

 private:
  struct Blot {
    float x = 0, y = 0, radius_x = 1, radius_y = 1;
    bool box = false;
    Vec3 colour;
    float strength = 0;
  };

  std::uint32_t salt_;
  Vec3 low_, high_;
  std::array<Blot, 4> blots_;
  float grain_ = 0;
};

}  // namespace fusiform::stimuli
