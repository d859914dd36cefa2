#include <fusiform/data/dataset.hpp>

#include "tests/data/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using test::contains;
using test::message_of;
using test::noise_set;

TEST_CASE("a union has one class table in the order given and loads from the right set") {
  const ImageSet all = union_of_tasks({noise_set("objects", 3, 2, 1), noise_set("faces", 2, 4, 2)});
  CHECK(all.manifest.tasks() == std::vector<std::string>{"objects", "faces"});
  CHECK(all.class_count() == 5);
  CHECK(all.manifest.class_count("faces") == 2);
  CHECK(all.image_count() == 9 + 12);
  CHECK(all.manifest.classes[3] == ClassInfo{"faces", "class0"});
  CHECK(all.manifest.images[9].class_index == 3);
  CHECK(all.manifest.select("faces", Split::test) == std::vector<Index>{13, 14, 19, 20});
  CHECK(all.manifest.select("", Split::test).size() == 7);
  for (const Index item : {0, 8, 9, 20}) {
    const Image expected = noise_set("x", 2, 4, 2).load(item < 9 ? item : item - 9);
    CHECK(all.load(item).pixels == expected.pixels);
  }
  CHECK(union_of_tasks({}).image_count() == 0);
}

TEST_CASE("sets that do not go together are refused by name") {
  CHECK(contains(message_of<ConfigError>([] {
                   (void)union_of_tasks({noise_set("a", 1, 1, 1), noise_set("a", 1, 1, 1)});
                 }),
                 "'a' twice"));

  ImageSet twice = noise_set("a", 2, 1, 1);
  twice.manifest.classes[1].name = "class0";
  CHECK(contains(message_of<ConfigError>([&] { twice.manifest.validate(); }), "'class0' twice"));

  ImageSet empty = noise_set("a", 2, 1, 1);
  empty.manifest.classes.push_back({"a", "nobody"});
  CHECK(contains(message_of<ConfigError>([&] { empty.manifest.validate(); }), "'nobody' of task 'a' has no images"));

  ImageSet untested = noise_set("a", 2, 2, 1);
  untested.manifest.images.pop_back();
  CHECK(contains(message_of<ConfigError>([&] { untested.manifest.validate(); }), "'class1' of task 'a' has no test"));

  ImageSet wild = noise_set("a", 2, 1, 1);
  wild.manifest.images[1].class_index = 2;
  CHECK(contains(message_of<ConfigError>([&] { wild.manifest.validate(); }), "expected a class in 0..1, got 2"));

  CHECK_NOTHROW(noise_set("a", 2, 3, 0).manifest.validate());  // no test images at all is a choice
}

TEST_CASE("a manifest survives its file") {
  const test::TemporaryFolder folder;
  ImageSet set = union_of_tasks({noise_set("objects", 3, 2, 1), noise_set("faces", 2, 4, 2)});
  set.manifest.images[2].path = "with spaces/and \xC3\xA4.jpg";
  set.manifest.save(folder / "list.tsv");
  CHECK(Manifest::load(folder / "list.tsv") == set.manifest);
  CHECK(
      test::bytes_of(folder / "list.tsv").rfind("path\tclass\ttask\tsplit\nobjects/0/0\tclass0\tobjects\ttrain\n", 0) ==
      0);

  std::swap(set.manifest.images.front(), set.manifest.images.back());
  CHECK(contains(message_of<ConfigError>([&] { set.manifest.save(folder / "order.tsv"); }), "before"));
  CHECK_FALSE(std::filesystem::exists(folder / "order.tsv"));
  ImageSet tab = noise_set("a", 1, 1, 1);
  tab.manifest.images[0].path = "a\tb";
  CHECK(contains(message_of<ConfigError>([&] { tab.manifest.save(folder / "tab.tsv"); }), "without tabs"));
}

TEST_CASE("damage in a manifest file is named with its line") {
  const test::TemporaryFolder folder;
  const std::string head = "path\tclass\ttask\tsplit\n";
  const auto problem = [&](const std::string& contents) {
    const std::string path = folder.write("m.tsv", contents);
    return message_of<FileError>([&] { (void)Manifest::load(path); });
  };
  CHECK(contains(problem(""), "empty file"));
  CHECK(contains(problem("a\tb\n"), "line 1: expected the header"));
  CHECK(contains(problem(head + "p\tc\tt\ttrain\np\tc\tt\n"), "line 3: expected 4 fields separated by tabs, got 3"));
  CHECK(contains(problem(head + "p\tc\tt\ttraining\n"), "line 2: expected 'train' or 'test', got 'training'"));
  CHECK(contains(problem(head + "p\t\tt\ttrain\n"), "line 2: field 2 is empty"));
  CHECK(contains(problem(head + "p\tc\tt\ttrain\nq\td\tt\ttest\n"), "has no test images"));
  CHECK(contains(message_of<FileError>([&] { (void)Manifest::load(folder / "nowhere"); }), "nowhere"));
  CHECK(problem(head + "p\tc\tt\ttrain\r\nq\tc\tt\ttest\r\n\n") == "no exception");  // as written elsewhere
}

TEST_CASE("counts of training images are compared between tasks") {
  const auto counts = [](Index a, Index b) {
    return check_matched_counts(union_of_tasks({noise_set("a", 1, a, 1), noise_set("b", 1, b, 1)}).manifest);
  };
  CHECK(counts(100, 102).warning.empty());
  CHECK(counts(100, 102).ratio == Approx(1.02));
  CHECK(contains(counts(100, 103).warning, "a 100, b 103"));
  CHECK(counts(103, 100).train_images == std::vector<std::pair<std::string, Index>>{{"a", 103}, {"b", 100}});
  CHECK(check_matched_counts({}).warning.empty());
}
