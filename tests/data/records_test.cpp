#include <cstring>
#include <zlib.h>

#include <fusiform/core/random.hpp>
#include <fusiform/data/cifar.hpp>
#include <fusiform/data/idx.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using test::contains;
using test::message_of;

namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string result;
  for (const int value : values) result += static_cast<char>(value);
  return result;
}

/// A CIFAR record whose planes are filled with red, green and blue, but for the first pixel of red.
std::string record(const std::string& labels, int red, int green, int blue) {
  std::string result = labels + std::string(1024, static_cast<char>(red)) +
                       std::string(1024, static_cast<char>(green)) + std::string(1024, static_cast<char>(blue));
  result[labels.size()] = '\x01';
  return result;
}

std::string problem_with_gzip(const std::string& contents) {
  return message_of<FileError>([&] { (void)gunzip(std::as_bytes(std::span(contents)), "here.gz"); });
}

}  // namespace

TEST_CASE("CIFAR files become images grouped by class") {
  const test::TemporaryFolder folder;
  folder.write("c/batches.meta.txt", "cat\r\ndog\n\n");
  folder.write("c/data_batch_2.bin", record("\x01", 9, 9, 9));
  folder.write("c/data_batch_1.bin", record("\x01", 10, 20, 30) + record(std::string(1, '\0'), 40, 50, 60));
  folder.write("c/test_batch.bin", record(std::string(1, '\0'), 1, 2, 3) + record("\x01", 4, 5, 6));
  const ImageSet set = cifar10(folder / "c");
  CHECK(set.manifest.classes == std::vector<ClassInfo>{{"c", "cat"}, {"c", "dog"}});
  REQUIRE(set.image_count() == 5);
  CHECK(set.manifest.images[0].path == (folder / "c/data_batch_1.bin") + "#1");
  CHECK(set.manifest.select("", Split::test) == std::vector<Index>{1, 4});
  const Image image = set.load(2);
  CHECK(image.pixels.size() == 3072);
  CHECK(std::vector<std::uint8_t>(image.pixels.begin(), image.pixels.begin() + 6) ==
        std::vector<std::uint8_t>{1, 20, 30, 10, 20, 30});

  folder.write("c/data_batch_2.bin", record("\x02", 9, 9, 9));
  CHECK(contains(message_of<FileError>([&] { (void)cifar10(folder / "c"); }), "#0: expected a class of 0..1, found 2"));
  folder.write("c/data_batch_2.bin", record("\x01", 9, 9, 9) + "x");
  CHECK(contains(message_of<FileError>([&] { (void)cifar10(folder / "c"); }), "records of 3073 bytes, found 3074"));
  CHECK(contains(message_of<FileError>([&] { (void)cifar10(folder / "none"); }), "none"));

  folder.write("h/fine_label_names.txt", "only\n");
  folder.write("h/train.bin", record(bytes({7, 0}), 1, 2, 3));
  CHECK(contains(message_of<FileError>([&] { (void)cifar100(folder / "h"); }), "expected files test*.bin"));
  folder.write("h/test.bin", record(bytes({7, 0}), 1, 2, 3));
  CHECK(cifar100(folder / "h").load(0).pixels[1] == 2);
}

TEST_CASE("IDX files become images grouped by class, plain or as gzip") {
  const test::TemporaryFolder folder;
  const std::string images = bytes({0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 11, 12, 21, 22, 31, 32});
  folder.write("train-images-idx3-ubyte", images);
  folder.write("train-labels-idx1-ubyte", bytes({0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 1}));
  folder.write("t10k-images-idx3-ubyte", images);
  folder.write("t10k-labels-idx1-ubyte", bytes({0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 1}));
  const ImageSet set = idx_images(folder.path(), {.task = "digits"});
  CHECK(set.manifest.classes == std::vector<ClassInfo>{{"digits", "0"}, {"digits", "1"}});
  CHECK(set.image_count() == 6);
  CHECK(set.load(0).pixels == std::vector<std::uint8_t>{21, 21, 21, 22, 22, 22});
  CHECK(set.manifest.images[0].split == Split::train);
  CHECK(idx_images(folder.path(), {.class_names = {"zero", "one"}}).manifest.classes[1].name == "one");

  const auto problem = [&](const std::string& name, const std::string& contents) {
    const std::string before = test::bytes_of(folder / name);
    folder.write(name, contents);
    std::string message = message_of<FileError>([&] { (void)idx_images(folder.path()); });
    folder.write(name, before);
    return message;
  };
  CHECK(contains(problem("train-images-idx3-ubyte", images + "x"), "expected 6 bytes after the header, found 7"));
  CHECK(contains(problem("train-images-idx3-ubyte", "text"), "expected an IDX file"));
  CHECK(contains(problem("t10k-labels-idx1-ubyte", bytes({0, 0, 8, 1, 0, 0, 0, 1, 0})), "expected 3 labels, found 1"));
  CHECK(contains(problem("t10k-labels-idx1-ubyte", bytes({0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 3})), "class '2'"));
  CHECK(contains(problem("t10k-labels-idx1-ubyte",
                         bytes({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})),
                 "damaged IDX header"));
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte");
  CHECK(contains(message_of<FileError>([&] { (void)idx_images(folder.path()); }),
                 "t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz, found neither"));
}

TEST_CASE("gzip data are decompressed and verified") {
  // gzip -n of "hello hello hello hello\n"
  const std::string hello =
      bytes({0x1F, 0x8B, 8,    0,    0,    0, 0,    0,    0,    3,    0xCB, 0x48, 0xCD, 0xC9, 0xC9,
             0x57, 0xC8, 0x40, 0x27, 0xB9, 0, 0x00, 0x88, 0x59, 0x0B, 24,   0,    0,    0});
  // "abc" stored, under the name "n"; its CRC-32 is 0x352441C2
  const std::string abc = bytes({0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3, 'n', 0, 1, 3, 0, 0xFC, 0xFF}) + "abc" +
                          bytes({0xC2, 0x41, 0x24, 0x35, 3, 0, 0, 0});
  const auto unpacked = [](const std::string& contents) {
    const std::vector<std::byte> result = gunzip(std::as_bytes(std::span(contents)), "here");
    std::string characters;
    for (const std::byte byte : result) characters += std::to_integer<char>(byte);
    return characters;
  };
  CHECK(unpacked(hello) == "hello hello hello hello\n");
  CHECK(unpacked(abc) == "abc");
  CHECK(unpacked(abc + hello) == "abchello hello hello hello\n");
  CHECK(problem_with_gzip("hello") == "here.gz: expected a gzip file");
  CHECK(contains(problem_with_gzip(abc + "more"), "here.gz: damaged gzip data"));
  for (std::size_t size = 2; size < abc.size(); ++size)
    CHECK(contains(problem_with_gzip(abc.substr(0, size)), "here.gz: damaged gzip data"));
  for (std::size_t place = 12; place < abc.size(); ++place) {  // all that the checksum or the size speaks for
    std::string wrong = abc;
    wrong[place] = static_cast<char>(wrong[place] ^ 0x10);
    CAPTURE(place);
    // The flipped bit of byte 12 is padding in front of a stored block.
    CHECK(contains(problem_with_gzip(wrong), "here.gz: damaged gzip data") == (place != 12));
  }
}

TEST_CASE("gzip data of several megabytes are decompressed in pieces") {
  std::string contents(5'000'000, ' ');
  Rng rng(3);
  for (char& character : contents) character = static_cast<char>(rng.word() % 64);
  std::string packed(compressBound(static_cast<uLong>(contents.size())) + 32, '\0');
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(contents.data());
  stream.avail_in = static_cast<uInt>(contents.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  const std::vector<std::byte> unpacked = gunzip(std::as_bytes(std::span(packed)), "here");
  REQUIRE(unpacked.size() == contents.size());
  CHECK(std::memcmp(unpacked.data(), contents.data(), contents.size()) == 0);
}

TEST_CASE("the original Fashion-MNIST and a part of CIFAR-10 are read", "[real]") {
  const std::string fashion = "/usr/share/datasets/fashion-mnist";
  if (std::filesystem::is_directory(fashion)) {
    // A block with dynamic codes; its gzip checksum covers every byte.
    const IdxArray images = read_idx(fashion + "/t10k-images-idx3-ubyte.gz");
    CHECK(images.shape == std::vector<Index>{10000, 28, 28});
    const IdxArray labels = read_idx(fashion + "/t10k-labels-idx1-ubyte.gz");
    CHECK(std::count(labels.values.begin(), labels.values.end(), std::byte{9}) == 1000);
    const std::string whole = test::bytes_of(fashion + "/t10k-labels-idx1-ubyte.gz");
    for (std::size_t place = 60; place < whole.size() - 4; place += 41) {  // behind the header, before the size
      std::string damaged = whole;
      damaged[place] = static_cast<char>(damaged[place] ^ 0x5A);
      CHECK(contains(problem_with_gzip(damaged), "here.gz: damaged"));
    }
  } else {
    WARN("skipped: Fashion-MNIST is not here");
  }
  const std::string cifar = FUSIFORM_SHARED_DATA "/data/cifar10_bin";
  if (std::filesystem::is_directory(cifar)) {
    const ImageSet set = cifar10(cifar, {.task = "cifar"});
    CHECK(set.class_count() == 10);
    CHECK(set.manifest.select("cifar", Split::train).size() == 3000);
    CHECK(set.manifest.select("cifar", Split::test).size() == 1000);
  } else {
    WARN("skipped: CIFAR-10 is not here");
  }
}
