#include <fusiform/data/image_folder.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using test::contains;
using test::message_of;

namespace {

/// `count` pictures in a class folder; picture i is i+1 pixels wide, so that it can be told apart.
void write_class(const test::TemporaryFolder& folder, const std::string& name, Index count) {
  for (Index i = 0; i < count; ++i)
    folder.write(name + "/" + std::to_string(100 + i) + ".ppm", test::pnm_of(test::noise_image(2, i + 1, 1)));
}

std::string problem_with(const test::TemporaryFolder& folder, const ImageFolderOptions& options = {}) {
  return message_of<FileError>([&] { (void)image_folder(folder.path(), options); });
}

}  // namespace

TEST_CASE("a folder for each class becomes a set in byte order with a part of each class for test") {
  const test::TemporaryFolder folder;
  write_class(folder, "set/b", 10);
  write_class(folder, "set/a", 5);
  write_class(folder, "set/Z/deep/deeper", 7);
  folder.write("set/a/notes.txt", "not a picture");
  folder.write("set/a/.hidden.ppm", "not a picture");
  folder.write("set/.thumbnails/x.ppm", "not a picture");
  folder.write("set/readme.png", "lies beside the classes");
  const ImageSet set = image_folder(folder / "set/");
  CHECK(set.manifest.tasks() == std::vector<std::string>{"set"});
  CHECK(set.manifest.classes == std::vector<ClassInfo>{{"set", "Z"}, {"set", "a"}, {"set", "b"}});
  CHECK(set.manifest.select("", Split::train).size() == 6 + 4 + 8);
  CHECK(set.manifest.select("", Split::test).size() == 1 + 1 + 2);
  for (Index item = 0; item < set.image_count(); ++item) {
    const std::string& path = set.manifest.images[static_cast<std::size_t>(item)].path;
    const Index number = std::stoi(path.substr(path.size() - 7, 3)) - 100;
    CHECK(set.load(item).width == number + 1);
  }

  SECTION("the split of a class depends on the seed and its name only") {
    const ImageSet again = image_folder(folder / "set");
    CHECK(again.manifest == set.manifest);
    bool differs = false;
    for (std::uint64_t seed = 1; seed < 5; ++seed)
      differs = differs || image_folder(folder / "set", {.seed = seed}).manifest != set.manifest;
    CHECK(differs);
    const ImageSet only_b = image_folder(folder / "set", {.class_prefix = "b"});
    REQUIRE(only_b.image_count() == 10);
    for (std::size_t i = 0; i < 10; ++i) {
      CHECK(only_b.manifest.images[i].path == set.manifest.images[12 + i].path);
      CHECK(only_b.manifest.images[i].split == set.manifest.images[12 + i].split);
    }
  }
  SECTION("classes and images can be limited") {
    CHECK(image_folder(folder / "set", {.min_images = 7}).class_count() == 2);
    CHECK(image_folder(folder / "set", {.max_classes = 2}).manifest.classes.back().name == "a");
    CHECK(image_folder(folder / "set", {.max_per_class = 5}).manifest.select("", Split::train).size() == 5 + 4 + 5);
    const ImageSet exact = image_folder(folder / "set", {.task = "t", .train_per_class = 3, .test_per_class = 2});
    for (const Index label : {0, 1, 2})
      for (const Split split : {Split::train, Split::test})
        CHECK(
            std::count_if(exact.manifest.images.begin(), exact.manifest.images.end(), [&](const ManifestEntry& image) {
              return image.class_index == label && image.split == split;
            }) == (split == Split::train ? 3 : 2));
    CHECK(exact.load(4).width >= 1);
    CHECK(image_folder(folder / "set", {.test_fraction = 0}).manifest.select("", Split::test).empty());
  }
  SECTION("a saved list opens again, also with relative paths") {
    set.manifest.save(folder / "list.tsv");
    const ImageSet listed = image_list(folder / "list.tsv");
    CHECK(listed.manifest == set.manifest);
    CHECK(listed.load(3).pixels == set.load(3).pixels);
    folder.write("short.tsv", "path\tclass\ttask\tsplit\nset/a/101.ppm\ta\tt\ttrain\n");
    CHECK(image_list(folder / "short.tsv").load(0).width == 2);
  }
}

TEST_CASE("train and test folders are used where they are") {
  for (const char* test : {"test", "val", "valid"}) {
    const test::TemporaryFolder folder;
    write_class(folder, "train/a", 3);
    write_class(folder, "train/b", 2);
    write_class(folder, std::string(test) + "/a", 1);
    write_class(folder, std::string(test) + "/b", 2);
    const ImageSet set = image_folder(folder.path(), {.task = "t"});
    CHECK(set.class_count() == 2);
    CHECK(set.manifest.select("t", Split::train) == std::vector<Index>{0, 1, 2, 4, 5});
    CHECK(set.manifest.select("t", Split::test) == std::vector<Index>{3, 6, 7});
    write_class(folder, std::string(test) + "/c", 1);
    CHECK(contains(problem_with(folder), "expected the same classes in train and test, found 'c' only in test"));
  }
}

TEST_CASE("folders that are no image set are named") {
  const test::TemporaryFolder folder;
  CHECK(contains(message_of<FileError>([&] { (void)image_folder(folder / "missing"); }), "missing: expected a folder"));
  CHECK(contains(problem_with(folder), "expected a folder for each class, found none"));
  folder.write("full/a.txt", "");
  CHECK(contains(problem_with(folder), "full: expected pictures of a class"));
  write_class(folder, "full", 1);
  CHECK(contains(problem_with(folder), "full: expected at least 2 pictures to split into train and test, found 1"));
  write_class(folder, "full", 4);
  CHECK(contains(problem_with(folder, {.train_per_class = 9}), "'full': expected 9 training and 0 test pictures"));
  CHECK(contains(problem_with(folder, {.min_images = 5}), "at least 5 pictures, found none"));
  CHECK(contains(problem_with(folder, {.class_prefix = "x"}), "start with 'x'"));
  CHECK_THROWS_AS(image_folder(folder.path(), {.test_fraction = 1}), ConfigError);
  CHECK_THROWS_AS(image_folder(folder.path(), {.max_classes = -1}), ConfigError);
}

TEST_CASE("real photographs decode", "[real]") {
  const std::string folder = FUSIFORM_SHARED_DATA "/data/";
  if (!std::filesystem::is_directory(folder)) {
    WARN("skipped: the photographs are not here");
    return;
  }
  for (const char* name : {"objects", "cars", "faces_orl", "faces_yaleb"}) {
    const ImageSet set = image_folder(folder + name, {.max_classes = 4});
    CHECK(set.class_count() == 4);
    for (Index item = 0; item < set.image_count(); item += 17) CHECK(set.load(item).channels == 3);
  }
}
