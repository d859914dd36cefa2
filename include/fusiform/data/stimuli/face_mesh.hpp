#pragma once
/// The head as a mesh: a skull with bumps for features, a shell of hair over it, ears, neck and shoulders.
/// Head frame: x to the viewer's right, y up, z out of the face.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <fusiform/data/stimuli/face_identity.hpp>
#include <fusiform/data/stimuli/mesh.hpp>
#include <fusiform/data/stimuli/vector.hpp>

namespace fusiform::stimuli {

/// skin_part is the face; the sides and the back of the head and the ears are plain_skin_part.
enum FacePart : std::int32_t { skin_part, plain_skin_part, hair_part, cloth_part, neck_part };

class HeadShape {
 public:
  HeadShape(const FaceIdentity& identity, const FaceMoment& moment) : f_(identity), m_(moment) {}

  /// Skull without features, in the direction of a latitude (sine and cosine) and a longitude (0 = front).
  [[nodiscard]] Vec3 skull(float sine, float cosine, float longitude) const noexcept {
    const float x = std::sin(longitude), z = std::cos(longitude);
    const float lower = smooth_step(0.25F, -0.85F, sine);
    const float ring = lerp(cosine, std::pow(cosine, f_.jaw_square), lower);
    const float wide = f_.width * lerp(1, f_.jaw, lower);
    // The back of the head ends at the neck; the face goes on to the chin.
    const float deep = z > 0 ? lerp(0.86F + f_.forehead * smooth_step(0, 0.5F, sine), 0.84F + f_.chin_forward, lower)
                             : lerp(0.98F, 0.42F, smooth_step(0.15F, -0.7F, sine));
    const float y = sine > 0 ? sine * f_.crown : sine * f_.chin_drop;
    // A squarer section than a circle: faces are flatter in front than at the temples.
    const float flat = 1 + 0.12F * square(2 * x * z);
    return {ring * wide * x * flat, y, ring * deep * z * flat};
  }

  /// Skull with features.
  [[nodiscard]] Vec3 face(float sine, float cosine, float longitude) const noexcept {
    Vec3 p = skull(sine, cosine, longitude);
    const float front = smooth_step(-0.05F, 0.45F, std::cos(longitude));
    if (front <= 0) return p;
    const float x = std::abs(p.x), y = p.y;
    float out = 0;
    // Sockets and the balls in them.
    out -= f_.eye_depth * bump(x - f_.eye_x * 0.92F, y - f_.eye_y - 0.02F, 0.2F, 0.13F);
    out += 0.05F * bump(x - f_.eye_x, y - f_.eye_y, 0.11F, 0.08F);
    const float brow_y = f_.brow_y + 0.03F * m_.brows;
    out += f_.brow_ridge * bump(x - f_.eye_x * 0.9F, y - brow_y, 0.28F, 0.09F);
    // Nose: a ridge that rises to the tip, its wings, and the drop below.
    const float root = f_.eye_y + 0.06F;
    const float along = clamp01((root - y) / (root - f_.nose_tip));
    const float below = smooth_step(f_.nose_tip - 0.13F, f_.nose_tip - 0.01F, y);
    const float ridge = lerp(0.07F, 0.085F, along) + 0.3F * f_.nose_wide * along;
    const float height =
        lerp(f_.nose_bridge * smooth_step(root + 0.25F, root - 0.05F, y), f_.nose_out, std::pow(along, 1.4F));
    out += (height + f_.nose_hook * std::sin(pi * along)) * bump(square(x / ridge)) * below;
    out += 0.45F * f_.nose_out * bump(x - f_.nose_wide * 0.85F, y - f_.nose_tip + 0.03F, 0.075F, 0.085F);
    // Cheeks rise with a smile.
    const float smile = std::max(0.0F, m_.smile);
    out += (f_.cheek + 0.05F * smile) * bump(x - 0.42F * f_.width / 0.8F, y + 0.16F - 0.05F * smile, 0.2F, 0.15F);
    out -= f_.hollow * bump(x - 0.45F * f_.width / 0.8F, y + 0.52F, 0.16F, 0.2F);
    // Lips on the rounded front of the jaws, chin below.
    const float mouth = y - f_.mouth_y;
    out += 0.09F * bump(x, mouth, 0.34F, 0.22F);
    const float within = smooth_step(1.15F, 0.5F, x / f_.mouth_wide);
    const float gap = 0.5F * open_height();
    out += within * (0.3F + f_.lip_upper) * 0.16F * bump(square((mouth - gap - f_.lip_upper * 0.5F) / 0.05F));
    out += within * (0.3F + f_.lip_lower) * 0.19F * bump(square((mouth + gap + f_.lip_lower * 0.55F) / 0.055F));
    out -= 0.05F * within * bump(square(mouth / (0.03F + gap)));
    out -= 0.05F * bump(x, mouth + gap + f_.lip_lower + 0.1F, 0.2F, 0.05F);
    out += f_.chin_forward * bump(x, y + f_.chin_drop * 0.9F, 0.2F, 0.14F);
    // Folds from the wings of the nose to the corners of the mouth.
    const float fold_x = lerp(f_.nose_wide + 0.05F, f_.mouth_wide + 0.1F, clamp01((f_.nose_tip - y) / 0.35F));
    out -= (0.012F + 0.03F * f_.age + 0.03F * smile) * bump(square((x - fold_x) / 0.04F)) *
           smooth_step(f_.mouth_y - 0.08F, f_.mouth_y + 0.1F, y) *
           smooth_step(f_.nose_tip + 0.06F, f_.nose_tip - 0.06F, y);
    p.z += front * out;
    if (m_.open > 0 && y < f_.mouth_y) p.y -= open_height() * 0.7F * smooth_step(0, 0.2F, -mouth) * front;
    return p;
  }

  [[nodiscard]] float open_height() const noexcept { return 0.13F * m_.open; }

  /// Thickness of the hair over a point of the skull; negative where skin shows.
  [[nodiscard]] float hair(Vec3 p, float longitude) const noexcept {
    if (f_.length == HairLength::bald && f_.beard < 0.5F) return -0.1F;
    const float turn = std::abs(longitude);
    const float sideways = smooth_step(0.5F, 1.15F, turn);
    const float parted = f_.fringe > 0 ? 0.0F : 0.12F * std::sin(longitude * 1.5F + f_.parting);
    float front = f_.hairline + parted - f_.temple * 0.2F * bump(square((turn - 0.65F) / 0.25F));
    if (f_.fringe > 0) front = lerp(front, f_.brow_y + 0.1F, f_.fringe) + 0.04F * std::sin(longitude * 9 + f_.parting);
    const bool covers_ears = f_.length == HairLength::medium || f_.length == HairLength::long_hair;
    const float side = covers_ears && !f_.bun ? -0.75F : 0.12F - 0.25F * bump(square((turn - 1.15F) / 0.12F));
    const float nape = covers_ears && !f_.bun ? -0.9F : -0.45F;
    const float line = lerp(lerp(front, side, sideways), nape, smooth_step(1.75F, 2.3F, turn));
    const float high = smooth_step(0.1F, 0.9F, p.y / f_.crown);
    float thick =
        lerp(f_.volume_side, f_.volume_top, high) * m_.volume * (1 + 0.2F * f_.parting * std::sin(longitude) * high);
    if (covers_ears) thick += 0.06F;
    if (f_.length == HairLength::bald) return -0.1F;
    if (f_.bun) thick *= 0.5F;
    if (f_.curl > 0) thick += 0.1F * f_.curl * (lattice_noise(p * 6.0F, f_.salt) - 0.3F);
    return thick * smooth_step(-0.02F, 0.16F, p.y - line) - 0.3F * (1 - smooth_step(-0.12F, 0.03F, p.y - line));
  }

 private:
  const FaceIdentity& f_;
  const FaceMoment& m_;
};

/// Head, hair and ears turn with the head; neck and shoulders stay. `detail` scales the number of vertices.
[[nodiscard]] inline Mesh face_mesh(const FaceIdentity& f, const FaceMoment& m, float detail) {
  Mesh mesh;
  mesh.vertices.reserve(8192);
  mesh.triangles.reserve(16384);
  const HeadShape head(f, m);
  const auto sphere = [](int row, int column, int rows, int columns) {
    const float latitude = pi * (static_cast<float>(row) / static_cast<float>(rows - 1) - 0.5F);
    const float turn = 2 * static_cast<float>(column) / static_cast<float>(columns) - 1;  // -1..1, 0 in front
    const float longitude = pi * (0.45F * turn + 0.55F * turn * turn * turn);             // denser in front
    return std::array<float, 3>{std::sin(latitude), std::max(0.0F, std::cos(latitude)), longitude};
  };
  const int rows = static_cast<int>(56 * detail), columns = static_cast<int>(56 * detail);
  add_grid(mesh, {.rows = rows, .columns = columns, .part = skin_part}, [&](int row, int column) {
    const auto [sine, cosine, longitude] = sphere(row, column, rows, columns);
    return head.face(sine, cosine, longitude);
  });
  for (Triangle& triangle : mesh.triangles)
    if (mesh.vertices[static_cast<std::size_t>(triangle.corner[0])].local.z < 0.2F) triangle.part = plain_skin_part;
  if (f.length != HairLength::bald) {
    const int hair_rows = static_cast<int>(36 * detail), hair_columns = static_cast<int>(44 * detail);
    add_grid(mesh, {.rows = hair_rows, .columns = hair_columns, .part = hair_part}, [&](int row, int column) {
      const auto [sine, cosine, longitude] = sphere(row, column, hair_rows, hair_columns);
      const Vec3 p = head.skull(sine, cosine, longitude);
      const Vec3 out = normalized({p.x, p.y * 0.8F, p.z});
      return p + out * head.hair(p, longitude);
    });
    const Vec3 middle{0, f.crown * 0.55F, -1.0F};
    if (f.bun)
      add_superquadric(mesh,
                       {.centre = middle + Vec3{0, 0.35F, 0.05F}, .half = {0.32F, 0.3F, 0.3F}, .part = hair_part});
    else if (f.length == HairLength::long_hair)
      add_superquadric(mesh, {.centre = {0, -0.75F, -0.42F},
                              .half = {f.width + f.volume_side + 0.1F, 1.35F, 0.52F + f.volume_side * 0.5F},
                              .vertical = 0.7F,
                              .rows = 20,
                              .columns = 28,
                              .part = hair_part});
    else if (f.length == HairLength::medium)
      add_superquadric(mesh, {.centre = {0, -0.25F, -0.35F},
                              .half = {f.width + f.volume_side + 0.08F, 0.85F, 0.55F},
                              .vertical = 0.6F,
                              .rows = 18,
                              .columns = 28,
                              .part = hair_part});
  }
  for (const float side : {-1.0F, 1.0F}) {
    const std::size_t first = mesh.vertices.size();
    add_superquadric(
        mesh, {.half = {0.07F, f.ear * 1.35F, f.ear * 0.8F}, .rows = 10, .columns = 14, .part = plain_skin_part});
    for (std::size_t i = first; i < mesh.vertices.size(); ++i) {  // a shell: the outer face is dented
      Vec3& p = mesh.vertices[i].position;
      if (p.x * side > 0) p.x -= side * 0.11F * bump(p.y - 0.02F, p.z, f.ear * 0.8F, f.ear * 0.45F);
    }
    const Frame frame = frame_of({.yaw = side * f.ear_out, .roll = -side * 0.1F});
    place(mesh, first, frame, {side * (f.width + 0.02F), f.eye_y - 0.12F, -0.08F});
  }
  const Frame pose = frame_of(m.head);
  const Vec3 pivot{0, -0.65F, -0.25F};
  place(mesh, 0, pose, pivot - pose.rotate(pivot), false);

  const float neck = 0.44F * (0.7F + 0.4F * f.jaw * f.width / 0.8F);
  add_grid(mesh, {.rows = 8, .columns = 24, .part = neck_part}, [&](int row, int column) {
    const float t = static_cast<float>(row) / 7, angle = 2 * pi * static_cast<float>(column) / 24;
    const float radius = neck * (1 + 0.5F * square(1 - t) * (1 - t));
    return Vec3{radius * std::sin(angle), lerp(-1.9F, -0.5F, t), radius * std::cos(angle) - lerp(0.3F, 0.22F, t)};
  });
  add_grid(mesh, {.rows = 14, .columns = 32, .part = cloth_part}, [&](int row, int column) {
    const float t = static_cast<float>(row) / 13, angle = 2 * pi * static_cast<float>(column) / 32;
    const float ring = std::sqrt(std::max(0.0F, 1 - t * t));
    const float x = std::sin(angle);
    const float wide = lerp(0.3F, 1.75F, ring);
    return Vec3{wide * ring * x, -2.85F + 1.65F * t - 0.25F * square(x) * ring * t,
                0.75F * ring * std::cos(angle) - 0.3F};
  });
  compute_normals(mesh);
  return mesh;
}

}  // namespace fusiform::stimuli
