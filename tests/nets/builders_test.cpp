// The named architectures and token nets: names, sizes, branches.

#include <map>
#include <set>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/description.hpp>
#include <fusiform/nets/pytorch_layout.hpp>

#include "tests/nets/support.hpp"
#include "tests/support/catch.hpp"

using namespace fusiform;
using namespace fusiform::test;
using Catch::Matchers::Contains;

namespace {

const NetOptions thousand_at_224{.image = {224, 224, 3}, .heads = {{"", 1000}}};

/// Not initialised: large nets take seconds for that.
Network<float, Cpu> build_large(const std::string& architecture, const NetOptions& options = thousand_at_224) {
  return build<float, Cpu>(plan_network(architecture, options));
}

Index learned_count(Network<float, Cpu>& network) {
  Index count = 0;
  for (const Parameter<float, Cpu>* parameter : network.learned_parameters()) count += parameter->value.size();
  return count;
}

std::vector<std::string> parameter_names(const Network<float, Cpu>& network) {
  std::vector<std::string> names;
  for (const PyTorchTensor<float, Cpu>& tensor : pytorch_tensors(network)) names.push_back(tensor.name);
  return names;
}

Shape shape_of(const Network<float, Cpu>& network, const char* layer) {
  return network.node(network.find(layer)).shape;
}

std::string error_of(const std::string& architecture, const NetOptions& options) {
  try {
    static_cast<void>(plan_network(architecture, options));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

// Totals as published with torchvision's weights.
TEST_CASE("VGG16 at 224 is torchvision's") {
  auto network = build_large("vgg16");
  CHECK(learned_count(network) == 138'357'544);
  CHECK(shape_of(network, "flatten") == Shape{25088});
  CHECK(shape_of(network, "pool5") == Shape{7, 7, 512});
  const std::map<std::string, std::string> names = {
      {"conv1_1", "features.0"}, {"conv2_2", "features.7"}, {"conv5_3", "features.28"}, {"pool5", "features.30"},
      {"fc6", "classifier.0"},   {"fc7", "classifier.3"},   {"fc8", "classifier.6"}};
  for (const auto& [alias, name] : names) CHECK(network.find(alias) == network.find(name));
  CHECK(parameter_names(network).front() == "features.0.weight");
  CHECK(parameter_names(network).back() == "classifier.6.bias");
  CHECK(parameter_names(network).size() == 32);
}

TEST_CASE("VGG of every depth has torchvision's convolutions") {
  // torchvision's totals, of which 123,642,856 lie in the three linear layers; here those have one output each.
  const std::map<std::string, Index> counts = {{"vgg11", 132'863'336},    {"vgg13", 133'047'848},
                                               {"vgg19", 143'667'240},    {"vgg11_bn", 132'868'840},
                                               {"vgg16_bn", 138'365'992}, {"vgg19_bn", 143'678'248}};
  for (const auto& [architecture, total] : counts) {
    auto network = build_large(architecture, {.image = {32, 32, 3}, .heads = {{"", 1}}, .hidden_features = 1});
    CAPTURE(architecture);
    CHECK(learned_count(network) - ((512 + 1) + (1 + 1) + (1 + 1)) == total - 123'642'856);
  }
  const auto depth13 = build_large("vgg13", {.image = {64, 96, 3}, .heads = {{"", 5}}, .hidden_features = 8});
  CHECK(shape_of(depth13, "flatten") == Shape{2 * 3 * 512});
  CHECK_THROWS_AS(vgg_plan(17, thousand_at_224), ConfigError);
}

TEST_CASE("ResNets are torchvision's") {
  auto small = build_large("resnet18");
  CHECK(learned_count(small) == 11'689'512);
  CHECK(shape_of(small, "layer1") == Shape{56, 56, 64});
  CHECK(shape_of(small, "layer4") == Shape{7, 7, 512});
  const std::vector<std::string> names = parameter_names(small);
  CHECK(std::vector<std::string>(names.begin(), names.begin() + 6) ==
        std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
                                 "layer1.0.conv1.weight"});
  const auto at = std::find(names.begin(), names.end(), "layer2.0.conv1.weight");
  REQUIRE(names.end() - at > 15);
  CHECK(at[5] == "layer2.0.conv2.weight");
  CHECK(at[10] == "layer2.0.downsample.0.weight");
  CHECK(at[11] == "layer2.0.downsample.1.weight");
  CHECK(at[15] == "layer2.1.conv1.weight");

  auto large = build_large("resnet50");
  CHECK(learned_count(large) == 25'557'032);
  CHECK(shape_of(large, "layer3.5.relu") == Shape{14, 14, 1024});
  CHECK(shape_of(large, "flatten") == Shape{2048});
  CHECK(parameter_names(large).size() == 53 * 5 + 2);
}

TEST_CASE("AlexNets have the sizes of Dobs et al. and of the original") {
  const NetOptions options{.image = {224, 224, 3}, .heads = {{"", 10}}, .hidden_features = 8};
  const auto plain = build_large("alexnet", options);
  CHECK(shape_of(plain, "conv1") == Shape{55, 55, 64});
  CHECK(shape_of(plain, "flatten") == Shape{256 * 13 * 13});
  CHECK(plain.find("conv2") == plain.find("features.2"));
  CHECK(plain.find("fc6") == plain.find("classifier.1"));
  CHECK(plain.find("fc8") == plain.find("classifier.6"));
  const auto normalized = build_large("alexnet_bn", options);
  CHECK(shape_of(normalized, "flatten") == Shape{256 * 13 * 13});
  CHECK(parameter_names(normalized).size() == 5 * 6 + 6);
  const auto original = build_large("alexnet_lrn", options);
  CHECK(shape_of(original, "conv1") == Shape{54, 54, 96});
  CHECK(shape_of(original, "flatten") == Shape{256 * 5 * 5});
  CHECK(original.node(original.find("features.2")).layer->kind() == "local_response_norm");
}

TEST_CASE("tokens make the layers they say") {
  const auto network = build<float, Cpu>(
      token_net_plan("8 16B M 8 B A G D fc32 D fc6", {.image = {8, 8, 3}, .heads = {{"", 5}}, .dropout = 0.25}));
  std::string kinds;
  for (NodeId id = 1; id < network.size(); ++id) kinds += network.node(id).layer->kind() + " ";
  CHECK(kinds ==
        "conv2d relu conv2d batch_norm relu max_pool2d conv2d batch_norm relu avg_pool2d global_avg_pool2d dropout "
        "flatten linear relu dropout linear relu linear ");
  CHECK(network.find("conv3") == network.find("features.6"));
  CHECK(network.find("fc2") == network.find("classifier.3"));
  CHECK(network.find("fc_out") == network.find("classifier.5"));
  CHECK(network.node(network.find("classifier.2")).layer->options().front().second == 0.25);
  CHECK(shape_of(network, "features.9") == Shape{2, 2, 8});
  CHECK(shape_of(network, "fc_out") == Shape{5});
}

TEST_CASE("an unknown architecture or token is refused with the choices") {
  const NetOptions options{.heads = {{"", 2}}};
  CHECK_THAT(error_of("vgg17", options), Contains("'vgg17'") && Contains("vgg16") && Contains("resnet50"));
  CHECK_THAT(error_of("", options), Contains("alexnet_lrn"));
  CHECK_THAT(error_of("32 X 64", options), Contains("'X'") && Contains("fc256"));
  CHECK_THAT(error_of("0 M", options), Contains("'0'"));
  CHECK_THAT(error_of("32 fc", options), Contains("'fc'"));
  CHECK_THAT(error_of("fc32 16", options), Contains("before linear layers, got '16'"));
  CHECK_THAT(error_of("M B", options), Contains("'B'"));
  CHECK_THAT(error_of("8", {}), Contains("at least one head"));
  CHECK_THAT(error_of("8", {.heads = {{"", 0}}}), Contains("at least one class"));
  CHECK_THROWS_WITH((build_network<float, Cpu>("8 M M M", {.image = {4, 4, 3}, .heads = {{"", 2}}}, Rng(0))),
                    Contains("layer 'features.4'"));
}

TEST_CASE("a net branches after any layer") {
  const std::vector<Head> heads = {{"faces", 5}, {"objects", 3}};
  const auto branched = [&](const std::string& architecture, const std::string& after) {
    return build<float, Cpu>(plan_network(
        architecture, {.image = {32, 32, 3}, .heads = heads, .branch_after = after, .hidden_features = 4}));
  };
  SECTION("in the middle") {
    const auto network = branched("8 M 8 fc6", "conv2");
    CHECK(network.contains("features.3"));
    CHECK_FALSE(network.contains("faces.features.3"));
    CHECK(network.node(network.find("faces.features.4")).inputs ==
          network.node(network.find("objects.features.4")).inputs);
    CHECK(network.node(network.find("objects.classifier.0")).inputs ==
          std::vector<NodeId>{network.find("objects.flatten")});
    CHECK(network.find("faces.fc1") == network.find("faces.classifier.0"));
    CHECK(network.heads() == std::vector<NodeId>{network.find("faces.fc_out"), network.find("objects.fc_out")});
    CHECK(shape_of(network, "faces.fc_out") == Shape{5});
    CHECK(shape_of(network, "objects.fc_out") == Shape{3});
    CHECK_FALSE(network.needed_for(network.find("faces.fc_out"))[network.find("objects.fc1")]);
  }
  SECTION("at the start: separate nets") {
    const auto network = branched("8 M fc6", "input");
    CHECK(network.readers(0) == std::vector<NodeId>{network.find("faces.conv1"), network.find("objects.conv1")});
    for (NodeId id = 1; id < network.size(); ++id)
      CHECK((network.node(id).name.starts_with("faces.") || network.node(id).name.starts_with("objects.")));
  }
  SECTION("at the end: all but the classifiers is shared") {
    const auto network = branched("vgg11", "classifier.5");
    CHECK(network.readers(network.find("classifier.5")) ==
          std::vector<NodeId>{network.find("faces.fc8"), network.find("objects.fc8")});
  }
  SECTION("inside a residual block: the shortcut reads the shared part") {
    const auto network = branched("resnet18", "layer2.1.conv1");
    CHECK(network.node(network.find("faces.layer2.1.add")).inputs ==
          std::vector<NodeId>{network.find("faces.layer2.1.bn2"), network.find("layer2.0.relu")});
    CHECK(shape_of(network, "objects.fc") == Shape{3});
  }
  SECTION("and nowhere else") {
    CHECK_THAT(error_of("8 M", {.heads = heads}), Contains("branch_after"));
    CHECK_THAT(error_of("8 M", {.heads = heads, .branch_after = "conv9"}), Contains("'conv9'") && Contains("=conv1"));
    CHECK_THAT(error_of("8 M", {.heads = heads, .branch_after = "fc_out"}), Contains("'fc_out'"));
    CHECK_THAT(error_of("8 M", {.heads = {{"", 5}}, .branch_after = "conv1"}), Contains("several heads"));
    CHECK_THAT(error_of("8 M", {.heads = {{"a b", 5}, {"c", 2}}, .branch_after = "conv1"}), Contains("'a b'"));
  }
}

TEST_CASE("branches start with different values") {
  auto network = build_network<float, Cpu>(
      "4", {.image = {4, 4, 3}, .heads = {{"a", 2}, {"b", 2}}, .branch_after = "input"}, Rng(1));
  const auto parameters = network.learned_parameters();
  CHECK(elements(parameters[0]->value) != elements(parameters[4]->value));
}

// An independent statement of PyTorch's order: build the net in (C, H, W) order by hand.
TEST_CASE("weights behind a flattened image are in PyTorch's order of channels, rows and columns") {
  auto network = parse_description<float, Cpu>(
      "input 2 3 4\n"
      "flat = flatten()\n"
      "norm = batch_norm()\n"
      "act = relu()\n"
      "drop = dropout()\n"
      "fc = linear(; out=24)\n"
      "fc2 = linear(; out=2)\n");
  const std::vector<PyTorchTensor<float, Cpu>> tensors = pytorch_tensors(network);
  const auto find = [&](const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
  };
  std::vector<float> here;
  for (int i = 0; i < 24 * 24; ++i) here.push_back(static_cast<float>(i));
  const auto moved = [&](const std::string& name, std::size_t count) {
    return to_pytorch(find(name).layout, std::span<const float>(here).first(count));
  };
  const std::vector<float> weight = moved("fc.weight", 24 * 24);
  const std::vector<float> norm = moved("norm.running_mean", 24);
  for (std::size_t c = 0; c < 4; ++c)
    for (std::size_t h = 0; h < 2; ++h)
      for (std::size_t w = 0; w < 3; ++w) {
        const std::size_t there = c * 6 + h * 3 + w;
        const std::size_t ours = h * 12 + w * 4 + c;
        CHECK(norm[there] == static_cast<float>(ours));
        CHECK(weight[5 * 24 + there] == static_cast<float>(5 * 24 + ours));
      }
  CHECK(moved("fc.bias", 24) == std::vector<float>(here.begin(), here.begin() + 24));
  CHECK(moved("fc2.weight", 48) == std::vector<float>(here.begin(), here.begin() + 48));
  std::vector<float> back(weight.size());
  from_pytorch(find("fc.weight").layout, std::span<const float>(weight), std::span<float>(back));
  CHECK(back == here);
}
