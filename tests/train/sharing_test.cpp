/// Training steps that several processes do together.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/sgd.hpp>
#include <fusiform/train/trainer.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/thread_count.hpp"
#include "tests/support/thread_team.hpp"
#include "tests/train/colours.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

using Net = Network<double, Cpu>;

struct Training {
  std::string net = "6 M fc8";
  Index batch = 8;
  Index epochs = 2;
  double learning_rate = 0.1;
  double momentum = 0.9;
  std::vector<std::string> frozen = {};
};

struct Trained {
  std::vector<double> parameters;
  std::vector<double> running;  // statistics, which are among the parameters too
  EpochReport report;
  std::string error;  // of a training that left the numbers
};

Net build_net(const Training& training) {
  Net network =
      build_network<double, Cpu>(training.net, {.image = {8, 8, 3}, .heads = {{"", 6}}, .dropout = 0.5}, Rng(2));
  if (!training.frozen.empty()) freeze(network, training.frozen);
  return network;
}

Loader<double> loader_of(const ImagePack& pack, Index batch) {
  std::vector<Index> items;
  for (Index i = 0; i < pack.count(); i += 3) items.push_back(i);  // 24 images of all classes
  return {pack, items, {.batch = batch, .shuffle = true, .transform = {.crop = 8}, .rng = Rng(1), .workers = 0}};
}

Trained result_of(Net& network, const EpochReport& report) {
  Trained trained{{}, {}, report, ""};
  for (const auto& named : network.parameters()) {
    const auto values = named.parameter->value.span();
    trained.parameters.insert(trained.parameters.end(), values.begin(), values.end());
    if (!named.parameter->is_learned()) trained.running.insert(trained.running.end(), values.begin(), values.end());
  }
  return trained;
}

/// What one process of a team ends with.
Trained train_on(const ImagePack& pack, const Training& training, Communicator* team) {
  const ThreadCount one(1);
  Net network = build_net(training);
  Loader<double> loader = loader_of(pack, training.batch);
  std::vector<std::unique_ptr<Optimizer<double, Cpu>>> optimizers;
  optimizers.push_back(std::make_unique<Sgd<double, Cpu>>(SgdOptions{.momentum = training.momentum}));
  Trainer<double> trainer(network, {{"", network.heads().front(), &loader}}, std::move(optimizers), Rng(7));
  if (team != nullptr) trainer.share(*team);
  EpochReport report;
  std::string error;
  try {
    for (Index epoch = 1; epoch <= training.epochs; ++epoch) report = trainer.run_epoch(epoch, training.learning_rate);
  } catch (const NumericError& numeric) {
    error = numeric.what();
  }
  Trained trained = result_of(network, report);
  trained.error = error;
  return trained;
}

std::vector<Trained> train_in_team(int size, const ImagePack& pack, const Training& training) {
  std::vector<Trained> all(static_cast<std::size_t>(size));
  run_team(size,
           [&](Communicator& team) { all[static_cast<std::size_t>(team.rank())] = train_on(pack, training, &team); });
  return all;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// Packed pictures in a folder of their own.
struct Pictures {
  ScratchFolder folder;
  ImagePack pack;

  Pictures() : pack(packed(folder / "colours.pack")) {}

  static std::string packed(const std::string& path) {
    (void)write_pack(colours(), path, {.shorter_side = 8});
    return path;
  }
};

/// One step of plain SGD, written without the trainer: every process's share forward and backward by itself, gradients
/// and running statistics weighted by images.
std::vector<double> one_step_by_hand(const ImagePack& pack, const Training& training,
                                     const std::vector<Index>& shares) {
  Net reference = build_net(training);
  Loader<double> loader = loader_of(pack, training.batch);
  loader.start_epoch(1);
  const Batch<double>* batch = loader.next();
  std::vector<double> sums;
  std::vector<double> starts = result_of(reference, {}).parameters;
  sums.assign(starts.size(), 0);
  Index first = 0;
  for (std::size_t r = 0; r < shares.size(); ++r) {
    const Index count = shares[r];
    const double weight = static_cast<double>(count) / static_cast<double>(batch->labels.size());
    const std::vector<Index> labels(batch->labels.begin() + first, batch->labels.begin() + first + count);
    if (count > 0) {
      Net network = build_net(training);
      const NodeId head = network.heads().front();
      Rng rng = Rng(7).stream(std::uint64_t{1}).stream(std::uint64_t{0}).stream(std::uint64_t{0});
      if (r > 0) rng = rng.stream("process").stream(r);
      Activations<double, Cpu> activations;
      const auto logits = network.forward(batch->images.view().batch_range(first, count), head, activations,
                                          {.mode = Mode::train, .rng = rng});
      Tensor<double, Cpu> gradient(logits.shape());
      softmax_cross_entropy_gradient(logits, std::span<const Index>(labels), gradient.view());
      network.backward(head, gradient, activations);
      network.update_statistics(head, activations);
      std::size_t place = 0;
      for (const auto& named : network.parameters())
        for (Index i = 0; i < named.parameter->value.size(); ++i, ++place)
          sums[place] +=
              weight * (named.parameter->is_learned() ? -training.learning_rate * named.parameter->gradient[i]
                                                      : named.parameter->value[i] - starts[place]);
    }
    first += count;
  }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += starts[i];
  return sums;
}

}  // namespace

TEST_CASE("any number of processes trains the same net as one, but for rounding") {
  const Pictures pictures;
  const Training training;
  const Trained alone = train_on(pictures.pack, training, nullptr);
  for (const int size : {1, 2, 3, 7, 11}) {  // with 11, some have no image of a batch of 8
    CAPTURE(size);
    const std::vector<Trained> all = train_in_team(size, pictures.pack, training);
    // 6 steps in double: rounding of 1e-16 grows with every step, by less than ten times.
    CHECK(largest_difference(all[0].parameters, alone.parameters) < 1e-11);
    CHECK(all[0].report.loss == Approx(alone.report.loss).epsilon(1e-11));
    CHECK(all[0].report.top1 == alone.report.top1);
    CHECK(all[0].report.top5 == alone.report.top5);
    if (size == 1) CHECK(all[0].parameters == alone.parameters);
    for (const Trained& other : all) {
      CHECK(other.parameters == all[0].parameters);
      CHECK(other.report.loss == all[0].report.loss);
    }
    CHECK(train_in_team(size, pictures.pack, training)[0].parameters == all[0].parameters);
  }
}

TEST_CASE("a shared step is the weighted sum of the shares, with dropout streams of their own") {
  const Pictures pictures;
  Training training{.net = "6B M fc8 D", .epochs = 1, .momentum = 0};
  training.batch = 24;  // the epoch is one step
  const auto check = [&](int size, const std::vector<Index>& shares) {
    const std::vector<Trained> all = train_in_team(size, pictures.pack, training);
    for (const Trained& trained : all) CHECK(trained.parameters == all[0].parameters);
    CHECK(largest_difference(all[0].parameters, one_step_by_hand(pictures.pack, training, shares)) < 1e-13);
    CHECK_FALSE(all[0].running.empty());
    CHECK(all[0].running != result_of(*std::make_unique<Net>(build_net(training)), {}).running);
    return all[0].parameters;
  };
  const auto one = check(1, {24});
  const auto two = check(2, {12, 12});
  check(5, {4, 5, 5, 5, 5});
  CHECK(largest_difference(one, two) > 1e-6);  // other masks, other statistics
}

TEST_CASE("frozen layers stay bit for bit when steps are shared") {
  const Pictures pictures;
  Training training{.net = "6B M fc8", .epochs = 1};
  Net before = build_net(training);
  const std::string norm = [&] {
    for (NodeId id = 1; id < before.size(); ++id)
      if (before.node(id).layer->kind() == "batch_norm") return before.node(id).name;
    return std::string();
  }();
  training.frozen = {norm};
  const std::vector<Trained> all = train_in_team(3, pictures.pack, training);
  CHECK(all[0].running == result_of(before, {}).running);
  CHECK(all[0].parameters != result_of(before, {}).parameters);
}

TEST_CASE("a loss that is not finite is thrown on all processes, and statistics stay finite") {
  const Pictures pictures;
  const Training training{.net = "6B M fc8", .epochs = 3, .learning_rate = 1e200};
  for (const Trained& trained : train_in_team(3, pictures.pack, training)) {
    CHECK_THAT(trained.error, Catch::Contains("expected a finite loss"));
    CHECK(
        std::all_of(trained.running.begin(), trained.running.end(), [](double value) { return std::isfinite(value); }));
  }
}
