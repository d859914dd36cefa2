#pragma once
/// The built-in data set: rendered pictures of faces and of objects, any number of classes, images and pixels.
///
/// A class is a person (shape and colours of a head, its features and its hair) or a category of objects (a family of
/// shapes with its proportions and parts). Everything else differs from image to image: pose or viewpoint, light,
/// expression or variation of shape, clothes or paint, background, place and size in the picture.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fusiform/core/error.hpp>
#include <fusiform/core/random.hpp>
#include <fusiform/data/dataset.hpp>
#include <fusiform/data/image.hpp>
#include <fusiform/data/stimuli/face.hpp>
#include <fusiform/data/stimuli/object.hpp>

namespace fusiform {

struct StimuliOptions {
  Index classes = 32;
  Index train_per_class = 40;
  Index test_per_class = 10;
  Index size = 64;         ///< height and width of a picture in pixels
  std::uint64_t seed = 0;  ///< decides the classes and every picture of them
};

namespace detail {

inline void check(const StimuliOptions& options) {
  require_setting(options.classes >= 1, "stimuli: classes", "at least 1", options.classes);
  require_setting(options.train_per_class >= 0, "stimuli: train_per_class", "at least 0", options.train_per_class);
  require_setting(options.test_per_class >= 0, "stimuli: test_per_class", "at least 0", options.test_per_class);
  require_setting(options.size >= 1 && options.size <= 4096, "stimuli: size", "1 to 4096", options.size);
}

/// The stream of one picture.
[[nodiscard]] inline Rng instance_stream(const Rng& task, Index class_index, Index instance) {
  return task.stream("instances")
      .stream(static_cast<std::uint64_t>(class_index))
      .stream(static_cast<std::uint64_t>(instance));
}

[[nodiscard]] inline std::string padded(Index number, int digits) {
  std::string result = std::to_string(number);
  if (const auto width = static_cast<std::size_t>(digits); result.size() < width)
    result.insert(0, width - result.size(), '0');
  return result;
}

template <class Render>
[[nodiscard]] ImageSet stimuli(std::string task, const StimuliOptions& options, Render render) {
  check(options);
  ImageSet set;
  const Index per_class = options.train_per_class + options.test_per_class;
  for (Index label = 0; label < options.classes; ++label) {
    const std::string name = padded(label, 3);
    set.manifest.classes.push_back({task, name});
    for (Index instance = 0; instance < per_class; ++instance)
      set.manifest.images.push_back({text("stimuli/", task, '/', name, '/', padded(instance, 4)), label,
                                     instance < options.train_per_class ? Split::train : Split::test});
  }
  set.load = [=](Index item) { return render(item / per_class, item % per_class, options); };
  return set;
}

}  // namespace detail

/// One picture of a person, (size, size, 3), 8-bit sRGB. A function of its arguments and nothing else; of `options`,
/// size and seed matter. Instances 0 to train_per_class - 1 are the training images of `face_stimuli`, the test images
/// follow. Throws ConfigError if a number is negative or the size is not in 1..4096.
[[nodiscard]] inline Image render_face(Index identity, Index instance, const StimuliOptions& options = {}) {
  detail::check(options);
  require_setting(identity >= 0, "render_face: identity", "at least 0", identity);
  require_setting(instance >= 0, "render_face: instance", "at least 0", instance);
  const Rng task = Rng(options.seed).stream("faces");
  const Rng person = task.stream("identities").stream(static_cast<std::uint64_t>(identity));
  return stimuli::face_picture(stimuli::draw_identity(person), detail::instance_stream(task, identity, instance),
                               options.size);
}

/// One picture of an object; see `render_face`.
[[nodiscard]] inline Image render_object(Index category, Index instance, const StimuliOptions& options = {}) {
  detail::check(options);
  require_setting(category >= 0, "render_object: category", "at least 0", category);
  require_setting(instance >= 0, "render_object: instance", "at least 0", instance);
  const Rng task = Rng(options.seed).stream("objects");
  return stimuli::object_picture(stimuli::object_category(task, category),
                                 detail::instance_stream(task, category, instance), options.size);
}

/// The task "faces": `classes` people. Pictures are rendered when they are loaded; `load` may be called from any
/// thread. Throws ConfigError for negative counts.
[[nodiscard]] inline ImageSet face_stimuli(const StimuliOptions& options = {}) {
  return detail::stimuli("faces", options, [](Index label, Index instance, const StimuliOptions& o) {
    return render_face(label, instance, o);
  });
}

/// The task "objects": `classes` categories; see `face_stimuli`.
[[nodiscard]] inline ImageSet object_stimuli(const StimuliOptions& options = {}) {
  return detail::stimuli("objects", options, [](Index label, Index instance, const StimuliOptions& o) {
    return render_object(label, instance, o);
  });
}

}  // namespace fusiform
