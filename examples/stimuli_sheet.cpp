// Writes a contact sheet of the built-in pictures: one class a row, one picture a column.
//   stimuli_sheet faces|objects|both FILE.png [classes] [instances] [size] [seed]

#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stb/stb_image_write.h>
#include <string>

#include <fusiform/data/image.hpp>
#include <fusiform/data/stimuli.hpp>

namespace {

/// Copies a picture to (top, left) of the sheet.
void paste(fusiform::Image& sheet, const fusiform::Image& picture, fusiform::Index top, fusiform::Index left) {
  const fusiform::Index row = picture.width * picture.channels;
  for (fusiform::Index y = 0; y < picture.height; ++y)
    std::copy_n(picture.pixels.begin() + y * row, row,
                sheet.pixels.begin() + ((top + y) * sheet.width + left) * sheet.channels);
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: stimuli_sheet faces|objects|both FILE.png [classes] [instances] [size] [seed]\n";
    return 2;
  }
  const auto number = [&](int i, long fallback) { return argc > i ? std::strtol(argv[i], nullptr, 10) : fallback; };
  const std::string what = argv[1];
  const std::string file = argv[2];
  const fusiform::Index classes = number(3, 8);
  const fusiform::Index instances = number(4, 8);
  const fusiform::StimuliOptions options{.size = number(5, 64), .seed = static_cast<std::uint64_t>(number(6, 0))};
  const fusiform::Index size = options.size;
  const fusiform::Index blocks = what == "both" ? 2 : 1;  // faces on the left, objects on the right

  fusiform::Image sheet = fusiform::blank_image(classes * size, blocks * instances * size);
  for (fusiform::Index label = 0; label < classes; ++label)
    for (fusiform::Index column = 0; column < blocks * instances; ++column) {
      const bool face = what == "faces" || (what == "both" && column < instances);
      const auto render = face ? fusiform::render_face : fusiform::render_object;
      paste(sheet, render(label, column % instances, options), label * size, column * size);
    }
  const auto width = static_cast<int>(sheet.width);
  if (stbi_write_png(file.c_str(), width, static_cast<int>(sheet.height), 3, sheet.pixels.data(), 3 * width) == 0) {
    std::cerr << file << ": cannot write\n";
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
