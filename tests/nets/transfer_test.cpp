// Starting values from another net: which layers are taken, left fresh, or refused.

#include <string>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/transfer.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

using Names = std::vector<std::string>;

Network<float, Cpu> net(const std::vector<Head>& heads, std::uint64_t seed, const std::string& branch_after = "",
                        const std::string& tokens = "4 4B M 6 fc5") {
  auto network =
      build_network<float, Cpu>(tokens, {.image = {6, 4, 3}, .heads = heads, .branch_after = branch_after}, Rng(seed));
  randomize(network, Rng(seed));
  return network;
}

/// All tensors of a layer, one after the other.
std::vector<float> layer(Network<float, Cpu>& network, const std::string& name) {
  std::vector<float> all;
  for (const Parameter<float, Cpu>& parameter : network.layer(network.find(name)).parameters())
    all.insert(all.end(), parameter.value.span().begin(), parameter.value.span().end());
  return all;
}

std::vector<float> all_layers(Network<float, Cpu>& network) {
  std::vector<float> all;
  for (const NamedParameter<float, Cpu>& named : network.parameters())
    all.insert(all.end(), named.parameter->value.span().begin(), named.parameter->value.span().end());
  return all;
}

Names sources(const TransferReport& report) {
  Names names;
  for (const TakenLayer& taken : report.taken)
    names.push_back(taken.layer == taken.source ? taken.layer : taken.layer + " <- " + taken.source);
  return names;
}

/// Through a file or in memory.
TransferReport transfer(bool by_file, Network<float, Cpu>& source, Network<float, Cpu>& network,
                        const TransferOptions& options = {}) {
  if (!by_file) return transfer_weights(source, network, options);
  const ScratchFolder folder;
  const std::string path = folder / "source.safetensors";
  save_checkpoint(path, source);
  return transfer_weights(path, network, options);
}

}  // namespace

TEST_CASE("a net with other classes takes all but the classifier") {
  const bool by_file = GENERATE(false, true);
  auto source = net({{"", 7}}, 1);
  auto network = net({{"", 3}}, 2);
  const auto classifier = layer(network, "fc_out");
  const TransferReport report = transfer(by_file, source, network, {.reset_heads = true});
  CHECK(sources(report) == Names{"features.0", "features.2", "features.3", "features.6", "classifier.0"});
  CHECK(report.fresh == Names{"classifier.2"});
  CHECK(report.unused == Names{"classifier.2"});
  for (const char* name : {"features.0", "features.2", "features.3", "features.6", "classifier.0"})
    CHECK(layer(network, name) == layer(source, name));
  CHECK(layer(network, "fc_out") == classifier);
}

TEST_CASE("further layers stay fresh, and equal classifiers are taken") {
  const bool by_file = GENERATE(false, true);
  auto source = net({{"", 3}}, 1);
  auto network = net({{"", 3}}, 2);
  const auto before = layer(network, "fc1");
  const TransferReport report = transfer(by_file, source, network, {.fresh = {"fc1", "conv3"}});
  CHECK(report.fresh == Names{"features.6", "classifier.0"});
  CHECK(layer(network, "fc1") == before);
  CHECK(layer(network, "fc_out") == layer(source, "fc_out"));
  CHECK_THROWS_WITH(transfer(by_file, source, network, {.fresh = {"fc9"}}), Contains("fc1"));
}

TEST_CASE("differing shapes are all listed, and nothing is changed") {
  const bool by_file = GENERATE(false, true);
  auto source = net({{"", 7}}, 1);
  auto network = net({{"", 3}}, 2, "", "4 5B M 6 fc5");
  const auto before = all_layers(network);
  CHECK_THROWS_WITH(transfer(by_file, source, network),
                    Contains("'features.2.weight': expected shape (5, 4, 3, 3), found (4, 4, 3, 3)") &&
                        Contains("'features.3.running_var': expected shape (5), found (4)") &&
                        Contains("'classifier.2.bias': expected shape (3), found (7)") && Contains("reset_heads"));
  if (by_file)
    CHECK_THROWS_AS(transfer(by_file, source, network), FileError);
  else
    CHECK_THROWS_AS(transfer(by_file, source, network), ConfigError);
  CHECK(all_layers(network) == before);
  auto other = parse_description<float, Cpu>("input 4 4 2\nconv = conv2d(input; out=2 kernel=1)\n");
  CHECK_THROWS_WITH(transfer(by_file, source, other), Contains("expected layers that the network has too, found:"));
}

TEST_CASE("layers with other tensors are refused") {
  auto source = parse_description<float, Cpu>("input 4 4 2\nconv = conv2d(input; out=2 kernel=1 bias=1)\n");
  auto network = parse_description<float, Cpu>("input 4 4 2\nconv = conv2d(input; out=2 kernel=1 bias=0)\n");
  CHECK_THROWS_WITH(transfer_weights(source, network), Contains("layer 'conv': unexpected tensor 'conv.bias'"));
  CHECK_THROWS_WITH(transfer_weights(network, source),
                    Contains("tensor 'conv.bias': expected shape (2), found none in layer 'conv'"));
}

TEST_CASE("branches take the layers of a net with one head, and give them back") {
  const bool by_file = GENERATE(false, true);
  auto single = net({{"", 7}}, 1);
  auto branched = net({{"faces", 3}, {"objects", 2}}, 2, "conv2");
  const TransferReport report = transfer(by_file, single, branched, {.reset_heads = true});
  CHECK(sources(report) == Names{"features.0", "features.2", "faces.features.3 <- features.3",
                                 "faces.features.6 <- features.6", "faces.classifier.0 <- classifier.0",
                                 "objects.features.3 <- features.3", "objects.features.6 <- features.6",
                                 "objects.classifier.0 <- classifier.0"});
  CHECK(report.fresh == Names{"faces.classifier.2", "objects.classifier.2"});
  CHECK(report.unused == Names{"classifier.2"});
  CHECK(layer(branched, "objects.features.6") == layer(single, "features.6"));

  auto back = net({{"", 2}}, 3);
  const auto before = all_layers(back);
  CHECK_THROWS_WITH(transfer(by_file, branched, back, {.reset_heads = true}),
                    Contains("layer 'features.6': expected one source, found 'faces.features.6' and "
                             "'objects.features.6'; choose a branch"));
  CHECK(all_layers(back) == before);
  const TransferReport chosen = transfer(by_file, branched, back, {.branch = "objects"});
  CHECK(chosen.taken.size() == 6);
  CHECK(chosen.fresh.empty());
  CHECK(layer(back, "classifier.2") == layer(branched, "objects.classifier.2"));
  CHECK(layer(back, "features.0") == layer(single, "features.0"));
  CHECK_THROWS_WITH(transfer(by_file, branched, back, {.branch = "object"}),
                    Contains("no branch 'object'; the source has: objects faces"));
  CHECK_THROWS_WITH(transfer(by_file, single, back, {.branch = "faces"}), Contains("the source has: none"));
}

TEST_CASE("nets with branches take the branch of the same name, or what they share") {
  auto source = net({{"faces", 3}, {"objects", 2}}, 1, "conv2");
  auto later = net({{"objects", 2}, {"faces", 3}}, 2, "conv1");
  CHECK(transfer_weights(source, later).fresh.empty());
  CHECK(layer(later, "faces.features.2") == layer(source, "features.2"));
  CHECK(layer(later, "objects.features.6") == layer(source, "objects.features.6"));
  auto cars = net({{"cars", 4}, {"faces", 3}}, 3, "conv2");
  CHECK_THROWS_AS(transfer_weights(source, cars, {.reset_heads = true}), ConfigError);
  const TransferReport report = transfer_weights(source, cars, {.reset_heads = true, .branch = "objects"});
  CHECK(layer(cars, "cars.features.6") == layer(source, "objects.features.6"));
  CHECK(layer(cars, "faces.features.6") == layer(source, "faces.features.6"));
  CHECK(report.unused == Names{"faces.classifier.2", "objects.classifier.2"});
}

TEST_CASE("names of branches are read from a net's heads") {
  CHECK(branch_names(plan_of(net({{"", 3}}, 1)).layers).empty());
  CHECK(branch_names(plan_of(net({{"a", 3}, {"b", 2}}, 1, "conv1")).layers) == Names{"a", "b"});
  const auto heads = parse_description<float, Cpu>("input 4 4 1\na = relu(input)\nb = relu(input)\n");
  CHECK(branch_names(plan_of(heads).layers).empty());
  CHECK(branch_names({}).empty());
}

TEST_CASE("any file with PyTorch's names will do, with names changed on the way") {
  const ScratchFolder folder;
  const std::string path = folder / "weights.safetensors";
  auto source = net({{"", 3}}, 1);
  SafetensorsWriter writer;
  for (const PyTorchTensor<float, Cpu>& tensor : pytorch_tensors(source)) {
    const std::vector<float> values = to_pytorch(tensor.layout, std::span<const float>(tensor.parameter->value.span()));
    writer.add("module." + tensor.name, tensor.layout.shape, std::span<const float>(values));
  }
  writer.write(path);
  auto network = net({{"", 3}}, 2);
  CHECK_THROWS_WITH(transfer_weights(path, network), Contains(path) && Contains("found: module.classifier.0"));
  const auto rename = [](const std::string& name) { return name.substr(7); };
  const TransferReport report = transfer_weights(path, network, {.rename = rename});
  CHECK(report.fresh.empty());
  CHECK(report.unused.empty());
  CHECK(all_layers(network) == all_layers(source));
  CHECK_THROWS_AS(transfer_weights(folder / "nothing", network), FileError);
}
