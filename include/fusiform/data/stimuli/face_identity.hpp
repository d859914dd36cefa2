#pragma once
/// What makes a person: the shape and the colours of a head. Lengths are in half head widths, roughly.

#include <array>
#include <cmath>
#include <cstdint>

#include <fusiform/core/random.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

enum class HairLength { bald, short_hair, medium, long_hair };

struct FaceIdentity {
  // Skull
  float width = 0.8F, jaw = 0.75F, jaw_square = 0.8F, chin_drop = 1.15F, chin_forward = 0.1F, crown = 1.1F;
  float cheek = 0.08F, hollow = 0.03F, forehead = 0.05F;
  // Features: offsets from the middle of the face at (0, 0), between the eyes a little below the root of the nose
  float eye_x = 0.34F, eye_y = 0.08F, eye_width = 0.17F, eye_open = 0.5F, eye_slant = 0, eye_depth = 0.1F;
  float brow_y = 0.3F, brow_thick = 0.05F, brow_arch = 0.05F, brow_slant = 0, brow_ridge = 0.05F, brow_dark = 0.9F;
  float nose_tip = -0.25F, nose_out = 0.28F, nose_wide = 0.15F, nose_bridge = 0.1F, nose_hook = 0;
  float mouth_y = -0.58F, mouth_wide = 0.28F, lip_upper = 0.06F, lip_lower = 0.08F, lip_red = 0.5F;
  float ear = 0.2F, ear_out = 0.3F;
  // Colours, linear
  Vec3 skin, lip, iris, hair;
  float freckles = 0, beard = 0, moustache = 0, age = 0, ruddy = 0.2F;
  // Hair
  HairLength length = HairLength::short_hair;
  float hairline = 0.6F, temple = 0.2F, volume_top = 0.12F, volume_side = 0.08F, parting = 0, fringe = 0, curl = 0;
  bool bun = false;
  std::uint32_t salt = 0;
};

namespace detail {

/// Between light and dark along a straight line of optical density, with a little hue of its own.
[[nodiscard]] inline Vec3 skin_tone(float melanin, float warmth) noexcept {
  const auto channel = [melanin](float light, float dark) {
    return std::exp(lerp(std::log(light), std::log(dark), melanin));
  };
  return {channel(0.80F, 0.12F), channel(0.53F, 0.048F) * (1 - 0.1F * warmth),
          channel(0.41F, 0.026F) * (1 - 0.25F * warmth)};
}

[[nodiscard]] inline Vec3 hair_colour(Rng& rng) noexcept {
  constexpr std::array<Vec3, 7> palette{{{0.012F, 0.010F, 0.010F},
                                         {0.045F, 0.022F, 0.012F},
                                         {0.11F, 0.05F, 0.022F},
                                         {0.22F, 0.07F, 0.02F},
                                         {0.36F, 0.21F, 0.08F},
                                         {0.55F, 0.38F, 0.17F},
                                         {0.33F, 0.32F, 0.31F}}};
  const float place = 5.999F * std::pow(draw(rng, 0, 1), 1.5F);  // dark hair is common
  const auto i = static_cast<std::size_t>(place);
  return lerp(palette[i], palette[i + 1], square(place - static_cast<float>(i)));
}

}  // namespace detail

[[nodiscard]] inline FaceIdentity draw_identity(Rng rng) {
  FaceIdentity f;
  f.width = draw(rng, 0.70F, 0.88F);
  f.jaw = draw(rng, 0.60F, 0.98F);
  f.jaw_square = draw(rng, 0.55F, 1.05F);
  f.chin_drop = draw(rng, 1.0F, 1.3F);
  f.chin_forward = draw(rng, 0.0F, 0.16F);
  f.crown = draw(rng, 0.95F, 1.12F);
  f.cheek = draw(rng, 0.0F, 0.13F);
  f.hollow = draw(rng, 0.0F, 0.09F);
  f.forehead = draw(rng, -0.04F, 0.08F);
  f.eye_x = draw(rng, 0.29F, 0.39F) * f.width / 0.8F;
  f.eye_y = draw(rng, 0.03F, 0.15F);
  f.eye_width = draw(rng, 0.15F, 0.21F);
  f.eye_open = draw(rng, 0.34F, 0.68F);
  f.eye_slant = draw(rng, -0.16F, 0.2F);
  f.eye_depth = draw(rng, 0.03F, 0.11F);
  f.brow_y = f.eye_y + draw(rng, 0.17F, 0.29F);
  f.brow_thick = draw(rng, 0.025F, 0.075F);
  f.brow_arch = draw(rng, 0.0F, 0.09F);
  f.brow_slant = draw(rng, -0.07F, 0.03F);
  f.brow_ridge = draw(rng, 0.0F, 0.07F);
  f.brow_dark = draw(rng, 0.55F, 1.0F);
  f.nose_tip = f.eye_y - draw(rng, 0.30F, 0.50F);
  f.nose_out = draw(rng, 0.19F, 0.36F);
  f.nose_wide = draw(rng, 0.11F, 0.21F);
  f.nose_bridge = draw(rng, 0.03F, 0.15F);
  f.nose_hook = draw(rng, -0.04F, 0.08F);
  f.mouth_y = f.nose_tip - draw(rng, 0.25F, 0.37F);
  f.mouth_wide = draw(rng, 0.22F, 0.36F);
  f.lip_upper = draw(rng, 0.03F, 0.09F);
  f.lip_lower = draw(rng, 0.05F, 0.12F);
  f.lip_red = draw(rng, 0.25F, 0.8F);
  f.ear = draw(rng, 0.16F, 0.25F);
  f.ear_out = draw(rng, 0.15F, 0.55F);

  const float melanin = draw(rng, 0.05F, 0.85F);
  f.skin = detail::skin_tone(melanin, draw(rng, -1, 1));
  f.ruddy = draw(rng, 0.05F, 0.3F);
  const Vec3 red{0.45F, 0.11F, 0.10F};
  f.lip = lerp(f.skin * Vec3{0.85F, 0.55F, 0.55F}, red * lerp(1, 0.5F, melanin), f.lip_red);
  const bool dark = melanin > 0.55F || rng.uniform() < 0.4;
  f.iris = dark ? Vec3{0.06F, 0.03F, 0.015F} * draw(rng, 0.5F, 2)
                : lerp(Vec3{0.10F, 0.22F, 0.38F}, Vec3{0.14F, 0.20F, 0.07F}, draw(rng, 0, 1));
  f.hair = detail::hair_colour(rng) * lerp(1, 0.35F, melanin);
  f.age = square(draw(rng, 0, 1));
  f.freckles = rng.uniform() < 0.25 ? draw(rng, 0.2F, 0.7F) : 0.0F;
  const bool bearded = rng.uniform() < 0.5;  // half of the people could have one
  f.beard = bearded && rng.uniform() < 0.45 ? draw(rng, 0.3F, 1) : 0.0F;
  f.moustache = bearded && rng.uniform() < 0.45 ? draw(rng, 0.4F, 1) : 0.0F;

  const double kind = rng.uniform() + (bearded ? 0.0 : 0.25);
  f.length = kind < 0.12
                 ? HairLength::bald
                 : (kind < 0.6 ? HairLength::short_hair : (kind < 0.85 ? HairLength::medium : HairLength::long_hair));
  f.hairline = f.crown * draw(rng, 0.50F, 0.78F);
  f.temple = draw(rng, 0.0F, 0.5F);
  f.volume_top = draw(rng, 0.05F, 0.3F);
  f.volume_side = draw(rng, 0.03F, 0.2F);
  f.parting = draw(rng, -1, 1);
  f.fringe = rng.uniform() < 0.35 ? draw(rng, 0.3F, 1) : 0.0F;
  f.curl = rng.uniform() < 0.35 ? draw(rng, 0.3F, 1) : 0.0F;
  f.bun = f.length != HairLength::bald && !bearded && rng.uniform() < 0.3;
  f.salt = rng.word();
  return f;
}

/// What changes from picture to picture of one person.
struct FaceMoment {
  Pose head;
  float smile = 0;  ///< -1 sad .. 1 broad
  float open = 0;   ///< of the mouth
  float lids = 1;   ///< factor on the opening of the eyes
  float brows = 0;  ///< raised
  float gaze_x = 0, gaze_y = 0;
  float volume = 1;  ///< of the hair
  Vec3 cloth, collar;
  float neckline = 0.3F;
};

[[nodiscard]] inline FaceMoment draw_moment(Rng rng) {
  FaceMoment m;
  m.head = {.yaw = draw(rng, -0.8F, 0.8F), .pitch = draw(rng, -0.3F, 0.32F), .roll = draw(rng, -0.25F, 0.25F)};
  m.smile = draw(rng, -0.5F, 1);
  m.open = rng.uniform() < 0.4 ? draw(rng, 0.2F, 1) : 0.0F;
  m.lids = draw(rng, 0.7F, 1.15F);
  m.brows = draw(rng, -0.3F, 1);
  m.gaze_x = draw(rng, -0.3F, 0.3F) - 0.3F * m.head.yaw;
  m.gaze_y = draw(rng, -0.2F, 0.2F);
  m.volume = draw(rng, 0.85F, 1.15F);
  m.cloth = hue_colour(draw(rng, 0, 1), draw(rng, 0, 0.7F), draw(rng, 0.03F, 0.75F));
  m.collar = rng.uniform() < 0.5 ? m.cloth : hue_colour(draw(rng, 0, 1), draw(rng, 0, 0.5F), draw(rng, 0.05F, 0.8F));
  m.neckline = draw(rng, 0.05F, 0.5F);
  return m;
}

}  // namespace fusiform::stimuli
