#include <chrono>

#include <fusiform/data/pack.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using test::contains;
using test::message_of;
using test::noise_set;

namespace {

ImageSet damaged_set(std::vector<Index> damaged) {
  ImageSet set = noise_set("t", 3, 20, 5);
  set.load = [load = set.load, damaged](Index item) {
    if (std::find(damaged.begin(), damaged.end(), item) != damaged.end())
      throw FileError("image" + std::to_string(item), "is damaged");
    return load(item);
  };
  return set;
}

}  // namespace

TEST_CASE("a pack holds the resized images with their labels, splits and paths") {
  const test::TemporaryFolder folder;
  const ImageSet set = union_of_tasks({noise_set("a", 3, 100, 7), noise_set("b", 2, 9, 2)});
  const PackReport report = write_pack(set, folder / "p.pack", {.shorter_side = 12});
  CHECK(report.images == set.image_count());
  CHECK(report.damaged.empty());
  CHECK(report.bytes == static_cast<Index>(std::filesystem::file_size(folder / "p.pack")));
  const ImagePack pack(folder / "p.pack");
  CHECK(pack.manifest() == set.manifest);
  CHECK(pack.tasks() == std::vector<std::string>{"a", "b"});
  CHECK(pack.shorter_side() == 12);
  CHECK(pack.select("b", Split::test) == set.manifest.select("b", Split::test));
  for (Index item = 0; item < pack.count(); ++item) {
    const Image expected = resize_shorter_side(set.load(item).view(), 12);
    const ImageView image = pack.image(item);
    REQUIRE(image.height == expected.height);
    REQUIRE(image.width == expected.width);
    REQUIRE(copy_of(image).pixels == expected.pixels);
    CHECK(pack.label(item) == set.manifest.images[static_cast<std::size_t>(item)].class_index);
    CHECK(pack.path_of(item) == set.manifest.images[static_cast<std::size_t>(item)].path);
  }
  CHECK_THROWS_AS(pack.image(pack.count()), std::out_of_range);
}

TEST_CASE("a pack is the same file for any number of threads") {
  const test::TemporaryFolder folder;
  const ImageSet set = noise_set("a", 3, 200, 7);
  const int threads = thread_count();
  for (const int count : {1, 4}) {
    set_thread_count(count);
    write_pack(set, folder / std::to_string(count), {.shorter_side = 9});
  }
  set_thread_count(threads);
  CHECK(test::bytes_of(folder / "1") == test::bytes_of(folder / "4"));
}

TEST_CASE("grey images get three channels; images of the right size are not touched") {
  const test::TemporaryFolder folder;
  ImageSet set = noise_set("a", 1, 1, 1);
  set.load = [](Index item) { return test::noise_image(8, 11, 3, item == 0 ? 1 : 3); };
  write_pack(set, folder / "p", {.shorter_side = 8});
  const ImagePack pack(folder / "p");
  CHECK(copy_of(pack.image(0)).pixels == to_rgb(set.load(0)).pixels);
  CHECK(copy_of(pack.image(1)).pixels == set.load(1).pixels);
}

TEST_CASE("all damaged images are counted and listed, or left out") {
  const test::TemporaryFolder folder;
  const ImageSet set = damaged_set({3, 30, 74});
  const std::string problem = message_of<FileError>([&] { write_pack(set, folder / "p", {.shorter_side = 8}); });
  CHECK(contains(problem, "not written: 3 of 75 images"));
  CHECK(contains(problem, "image3: is damaged\n  image30: is damaged\n  image74: is damaged"));
  CHECK(std::filesystem::is_empty(folder.path()));

  const PackReport report = write_pack(set, folder / "p", {.shorter_side = 8, .skip_damaged = true});
  CHECK(report.images == 72);
  CHECK(report.damaged == std::vector<std::string>{"image3: is damaged", "image30: is damaged", "image74: is damaged"});
  const ImagePack pack(folder / "p");
  CHECK(pack.left_out() == 3);
  CHECK(pack.count() == 72);
  CHECK(pack.path_of(3) == set.manifest.images[4].path);
  CHECK(pack_is_current(folder / "p", set.manifest, {.shorter_side = 8, .skip_damaged = true}));
  CHECK_FALSE(pack_is_current(folder / "p", set.manifest, {.shorter_side = 8}));

  std::vector<Index> many(24);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<Index>(i);
  CHECK(contains(message_of<FileError>([&] { write_pack(damaged_set(many), folder / "q", {.shorter_side = 8}); }),
                 "image19: is damaged\n  ... and 4 more"));
  many.push_back(24);  // all of class0
  CHECK(contains(message_of<ConfigError>(
                     [&] { write_pack(damaged_set(many), folder / "q", {.shorter_side = 8, .skip_damaged = true}); }),
                 "'class0' of task 't' has no images"));

  ImageSet strip = noise_set("a", 1, 1, 1);
  strip.load = [](Index) { return test::noise_image(1, 200'000, 1); };
  CHECK(contains(message_of<FileError>([&] { write_pack(strip, folder / "s", {.shorter_side = 72}); }), "a strip of"));
}

TEST_CASE("a pack is current only for the same manifest, size and files") {
  const test::TemporaryFolder folder;
  ImageSet set = noise_set("a", 2, 3, 1);
  set.manifest.images[0].path = folder.write("file", "1");
  const PackOptions options{.shorter_side = 8};
  CHECK_FALSE(pack_is_current(folder / "p", set.manifest, options));
  write_pack(set, folder / "p", options);
  CHECK(pack_is_current(folder / "p", set.manifest, options));
  CHECK_FALSE(pack_is_current(folder / "p", set.manifest, {.shorter_side = 9}));
  ImageSet other = set;
  other.manifest.images[1].split = Split::test;
  CHECK_FALSE(pack_is_current(folder / "p", other.manifest, options));
  other = set;
  other.manifest.classes[1].name = "x";
  CHECK_FALSE(pack_is_current(folder / "p", other.manifest, options));
  folder.write("file", "22");
  CHECK_FALSE(pack_is_current(folder / "p", set.manifest, options));
}

TEST_CASE("a damaged pack does not open") {
  const test::TemporaryFolder folder;
  write_pack(noise_set("a", 2, 5, 1), folder / "p", {.shorter_side = 8});
  const std::string whole = test::bytes_of(folder / "p");
  const auto problem = [&](const std::string& contents) {
    const std::string path = folder.write("damaged", contents);
    return message_of<FileError>([&] { const ImagePack pack(path); });
  };
  REQUIRE(problem(whole) == "no exception");
  CHECK(contains(problem(""), "expected a pack of images"));
  CHECK(contains(problem("something else entirely"), "found something else"));
  for (std::size_t size = 0; size < whole.size(); size += 61) CHECK(problem(whole.substr(0, size)) != "no exception");
  CHECK(problem(whole + "x") != "no exception");
  for (std::size_t place = 0; place < whole.size(); place += 13) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 0x80);
    CHECK(contains(problem(damaged), "pack"));
  }
  std::string version = whole;
  version[8] = 9;
  CHECK(contains(problem(version), "expected a pack of version 1, found version 9"));
}

TEST_CASE("the hash tells packs apart") {
  const test::TemporaryFolder folder;
  write_pack(noise_set("a", 2, 5, 1), folder / "1", {.shorter_side = 8});
  write_pack(noise_set("a", 2, 5, 1), folder / "2", {.shorter_side = 8});
  write_pack(noise_set("a", 2, 5, 1), folder / "3", {.shorter_side = 9});
  CHECK(ImagePack(folder / "1").hash() == ImagePack(folder / "2").hash());
  CHECK(ImagePack(folder / "1").hash() != ImagePack(folder / "3").hash());
  CHECK(ImagePack(folder / "1").hash().size() == 16);
}

TEST_CASE("the checksum does not depend on the pieces and sees every byte") {
  std::string bytes(checksum_block_size * 2 + 1001, 'x');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13U);
  const auto whole = std::as_bytes(std::span(bytes));
  const std::uint64_t expected = checksum_of(whole);
  Checksum pieces;
  for (std::size_t first = 0; first < whole.size(); first += 77'777)
    pieces.update(whole.subspan(first, std::min<std::size_t>(77'777, whole.size() - first)));
  CHECK(pieces.value() == expected);
  for (const std::size_t place : {std::size_t{0}, checksum_block_size, bytes.size() - 1}) {
    bytes[place] = static_cast<char>(bytes[place] ^ 1);
    CHECK(checksum_of(whole) != expected);
    bytes[place] = static_cast<char>(bytes[place] ^ 1);
  }
  CHECK(checksum_of(whole.first(31)) != checksum_of(whole.first(30)));
  CHECK(checksum_of({}) == Checksum().value());
}
