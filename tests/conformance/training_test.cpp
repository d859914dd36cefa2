// Training on every device: what a double-precision training on the CPU does, and the same bits after a checkpoint.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <fusiform/core/communicator.hpp>
#include <fusiform/io/file.hpp>
#include <fusiform/nets/build_network.hpp>
#include <fusiform/nets/freeze.hpp>
#include <fusiform/nets/transfer.hpp>
#include <fusiform/train/adam.hpp>
#include <fusiform/train/checkpointing.hpp>
#include <fusiform/train/sgd.hpp>
#include <fusiform/train/trainer.hpp>
#include <fusiform/train/uploaded_batches.hpp>

#include "tests/conformance/nets.hpp"
#include "tests/io/scratch_folder.hpp"

using namespace fusiform;
using namespace fusiform::test;

namespace {

constexpr Index images_in_batch = 6;  // the last batch of an epoch is smaller by one

/// Random images 9 x 7 with random classes, others in every epoch.
template <Scalar T>
class RandomBatches final : public BatchSource<T, Cpu> {
 public:
  explicit RandomBatches(std::uint64_t seed, Index batches) : rng_(seed), batches_(batches) {}

  [[nodiscard]] Index image_count() const noexcept override { return batches_ * images_in_batch - 1; }
  void start_epoch(Index epoch) override {
    epoch_ = epoch;
    next_ = 0;
  }
  [[nodiscard]] const Batch<T>* next() override {
    if (next_ == batches_) return nullptr;
    const Index count = images_in_batch - (++next_ == batches_ ? 1 : 0);
    Rng rng = rng_.stream(static_cast<std::uint64_t>(epoch_)).stream(static_cast<std::uint64_t>(next_));
    batch_.images.resize({count, 9, 7, 3});
    for (T& value : batch_.images.span()) value = static_cast<T>(static_cast<float>(rng.normal()));
    batch_.labels.clear();
    for (Index i = 0; i < count; ++i) batch_.labels.push_back(rng.below(4));
    return &batch_;
  }

 private:
  Rng rng_;
  Index batches_;  // in an epoch
  Index epoch_ = 0;
  Index next_ = 0;
  Batch<T> batch_;
};

/// Has all that training treats in its own way: batch statistics, a maximum's place, dropout, a linear layer.
constexpr const char* everything = R"(input 9 7 3
conv1 = conv2d(; out=5 kernel_h=3 kernel_w=3 padding=1 bias=0)
bn1 = batch_norm()
relu1 = relu()
pool1 = max_pool2d(; kernel=2 stride=2)
conv2 = conv2d(; out=6 kernel_h=3 kernel_w=3 padding=1 stride=2)
relu2 = relu()
flat = flatten()
drop = dropout(; probability=0.4)
fc = linear(; out=4)
)";

[[nodiscard]] Network<float, Cpu> net_of(const char* description) { return SmallNet{"", description}.build<float>(); }

template <Scalar T, Device D>
[[nodiscard]] std::unique_ptr<Optimizer<T, D>> make_optimizer(const std::string& kind) {
  if (kind == "sgd") return std::make_unique<Sgd<T, D>>(SgdOptions{.momentum = 0.9, .weight_decay = 1e-3});
  // The quotient of two gradients that are nothing but rounding is anything; eps makes it nothing.
  return std::make_unique<Adam<T, D>>(AdamOptions{.eps = 1e-3, .weight_decay = 1e-3});
}

/// A net in training, on any device, with one stream for each head.
template <Scalar T, Device D>
class Training {
 public:
  Training(Network<T, D> network, const std::string& optimizer, Index batches = 2) : network_(std::move(network)) {
    std::vector<TrainStream<T, D>> streams;
    std::vector<std::unique_ptr<Optimizer<T, D>>> optimizers;
    for (const NodeId head : network_.heads()) {
      sources_.push_back(std::make_unique<RandomBatches<T>>(head, batches));
      streams.push_back({network_.node(head).name, head, on_device(*sources_.back())});
      optimizers.push_back(make_optimizer<T, D>(optimizer));
    }
    trainer_ = std::make_unique<Trainer<T, D>>(network_, std::move(streams), std::move(optimizers), Rng(3));
  }

  EpochReport epoch(Index number) { return trainer_->run_epoch(number, 0.05 / static_cast<double>(number)); }
  [[nodiscard]] Network<T, D>& network() { return network_; }
  [[nodiscard]] Trainer<T, D>& trainer() { return *trainer_; }

 private:
  [[nodiscard]] BatchSource<T, D>* on_device(RandomBatches<T>& source) {
    if constexpr (std::same_as<D, Cpu>) {
      return &source;
    } else {
      uploaded_.push_back(std::make_unique<UploadedBatches<T>>(source));
      return uploaded_.back().get();
    }
  }

  Network<T, D> network_;
  std::vector<std::unique_ptr<RandomBatches<T>>> sources_;
  std::vector<std::unique_ptr<BatchSource<T, D>>> uploaded_;
  std::unique_ptr<Trainer<T, D>> trainer_;
};

[[nodiscard]] Training<float, TestDevice> training_of(const Network<float, Cpu>& network,
                                                      const std::string& optimizer) {
  return {copied_network<float, TestDevice>(network), optimizer};
}

/// Two epochs in all ways to run them, which must give the same bits, held against a training in double.
void train_and_compare(const Network<float, Cpu>& start, const std::string& optimizer) {
  Training<double, Cpu> expected(in_double(start), optimizer);
  const std::array expected_reports{expected.epoch(1), expected.epoch(2)};
  std::vector<float> first;
  for (int way = 0; way < ways_to_run(); ++way) {
    CAPTURE(optimizer, name_of_way(way));
    run_this_way(way);
    Training<float, TestDevice> found = training_of(start, optimizer);
    for (const EpochReport& wanted : expected_reports) {
      const EpochReport report = found.epoch(wanted.epoch);
      // Means of logarithms of sums of a few hundred products: some roundings of 6e-8 each, fed back over four steps.
      CHECK(report.loss == Approx(wanted.loss).epsilon(2e-5));
      CHECK(report.top1 == wanted.top1);
    }
    // As above, and differences of nearly equal numbers in the batch norm's gradient.
    const LargestDifference difference = largest_difference(found.network(), expected.network());
    CAPTURE(difference.where);
    CHECK(difference.value < 1e-4);
    const std::vector<float> values = all_values(found.network());
    if (way == 0) first = values;
    CHECK(values == first);
  }
  run_this_way(0);
}

}  // namespace

TEST_CASE("four steps of training give the losses and weights of double precision", "[train]") {
  for (const char* optimizer : {"sgd", "adam"}) train_and_compare(net_of(everything), optimizer);
}

TEST_CASE("residual nets and nets with two heads train on every device", "[train]") {
  train_and_compare(small_net("residual").build<float>(), "sgd");
  train_and_compare(small_net("branched").build<float>(), "sgd");
}

TEST_CASE("frozen layers keep their bits on every device", "[train]") {
  Network<float, Cpu> start = net_of(everything);
  freeze(start, {"conv1", "bn1"});
  set_rate_factor(start, {"fc"}, 0.5);
  train_and_compare(start, "adam");
  Training<float, TestDevice> training = training_of(start, "adam");
  training.epoch(1);
  const auto before = copied_network<float, TestDevice>(start);
  for (const char* layer : {"conv1", "bn1", "conv2"}) {
    CAPTURE(layer);
    const NodeId id = start.find(layer);
    bool same = true;
    for (std::size_t i = 0; i < before.node(id).layer->parameters().size(); ++i)
      same =
          same && std::memcmp(on_host(std::as_const(*training.network().node(id).layer).parameters()[i].value).data(),
                              std::as_const(*start.node(id).layer).parameters()[i].value.data(),
                              std::as_const(*start.node(id).layer).parameters()[i].value.size() * sizeof(float)) == 0;
    CHECK(same == start.node(id).frozen);
  }
}

TEST_CASE("training that goes on from a checkpoint ends with the same bits", "[train]") {
  const ScratchFolder folder;
  const Network<float, Cpu> start = net_of(everything);
  for (const char* optimizer : {"sgd", "adam"}) {
    CAPTURE(optimizer);
    StepSchedule schedule({.learning_rate = 0.05});
    const auto save = [&](Training<float, TestDevice>& training, const std::string& name, Index epoch) {
      save_training(folder / name, training.network(), training.trainer().optimizers(), schedule, {.epoch = epoch});
    };
    Training<float, TestDevice> whole = training_of(start, optimizer);
    whole.epoch(1);
    save(whole, "half", 1);
    whole.epoch(2);
    save(whole, "whole", 2);

    Training<float, TestDevice> resumed = training_of(net_of(everything), optimizer);
    resumed.epoch(7);  // other values than at first: all must come from the file
    Training<float, TestDevice> rest = training_of(copied_network<float, Cpu>(resumed.network()), optimizer);
    CHECK(load_training(folder / "half", rest.network(), rest.trainer().optimizers(), schedule).epoch == 1);
    rest.epoch(2);
    save(rest, "resumed", 2);
    CHECK(read_file(folder / "resumed") == read_file(folder / "whole"));

    // The file knows no device.
    Training<float, Cpu> on_cpu(net_of(everything), optimizer);
    (void)load_training(folder / "whole", on_cpu.network(), on_cpu.trainer().optimizers(), schedule);
    save_training(folder / "cpu", on_cpu.network(), on_cpu.trainer().optimizers(), schedule, {.epoch = 2});
    CHECK(read_file(folder / "cpu") == read_file(folder / "whole"));
    const auto loaded = load_network<float, TestDevice>(folder / "whole");
    save_checkpoint(folder / "net", loaded);
    save_checkpoint(folder / "cpu net", load_network<float>(folder / "whole"));
    CHECK(read_file(folder / "net") == read_file(folder / "cpu net"));
  }
}

TEST_CASE("weights go from net to net on every device", "[nets]") {
  const auto source = copied_network<float, TestDevice>(net_of(everything));
  Network<float, Cpu> other = net_of(everything);
  other.initialize(Rng(8));
  auto target = copied_network<float, TestDevice>(other);
  const TransferReport report = transfer_weights(source, target, {.reset_heads = true});
  CHECK(report.fresh == std::vector<std::string>{"fc"});
  const auto same = [&](const char* layer, const auto& network) {
    const NodeId id = network.find(layer);
    const auto a = std::as_const(*network.node(id).layer).parameters();
    const auto b = std::as_const(*target.node(id).layer).parameters();
    Tensor<float, Cpu> one, two;
    const auto x = on_cpu(a[0].value, one), y = on_cpu(b[0].value, two);
    return std::equal(x.span().begin(), x.span().end(), y.span().begin());
  };
  CHECK(same("conv1", source));
  CHECK(same("conv2", source));
  CHECK(same("fc", other));
  CHECK_THROWS_AS(copy_weights(source, other = small_net("chain").build<float>()), ShapeError);
}

// A GPU replays the fifth to eighth of nine steps: images lie in two places in turn, each of which is used once before
// its passes are recorded, and the last batch is smaller.
TEST_CASE("replayed steps do what steps do that are started one by one", "[train][graph]") {
  const Network<float, Cpu> start = net_of(everything);
  const Index replays = std::same_as<TestDevice, Cuda> ? 4 : 0;
  for (const char* optimizer : {"sgd", "adam"}) {
    CAPTURE(optimizer);
    Training<float, TestDevice> replayed(copied_network<float, TestDevice>(start), optimizer, 9);
    Training<float, TestDevice> started(copied_network<float, TestDevice>(start), optimizer, 9);
    started.trainer().replay_steps(false);
    for (const Index epoch : {1, 2}) {
      const EpochReport report = replayed.epoch(epoch);
      CHECK(report.loss == started.epoch(epoch).loss);
      CHECK(replayed.trainer().replayed_steps() == epoch * replays);
      CHECK(all_values(replayed.network()) == all_values(started.network()));
      for (Network<float, TestDevice>* network : {&replayed.network(), &started.network()}) freeze(*network, {"conv1"});
      if (epoch == 1) {
        // Optimisers are for the layers that learn.
        for (Training<float, TestDevice>* training : {&replayed, &started})
          training->trainer().optimizers()[0] = make_optimizer<float, TestDevice>(optimizer);
      }
    }
    CHECK(started.trainer().replayed_steps() == 0);
  }
}

namespace {

/// The identity; it looks at what it reads, which no recording can do.
template <Scalar T, Device D>
class Onlooker final : public Layer<T, D> {
 public:
  explicit Onlooker(bool says_so) : says_so_(says_so) {}
  [[nodiscard]] std::string kind() const override { return "onlooker"; }
  [[nodiscard]] Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }
  [[nodiscard]] bool can_be_recorded() const override { return !says_so_; }
  void forward(const ForwardArguments<T, D>& pass) const override {
    Tensor<T, Cpu> seen(pass.inputs[0].shape());
    copy(pass.inputs[0], seen.view());
    copy(seen.view(), pass.output);
  }
  void backward(const BackwardArguments<T, D>& pass) override { copy(pass.output_gradient, pass.input_gradients[0]); }

 private:
  bool says_so_;
};

}  // namespace

TEST_CASE("steps that cannot be recorded are started one by one", "[train][graph]") {
  const Network<float, Cpu> start = small_net("chain").build<float>();
  const auto training_with = [&](bool says_so) {
    auto network = copied_network<float, TestDevice>(start);
    network.add("onlooker", std::make_unique<Onlooker<float, TestDevice>>(says_so));
    return Training<float, TestDevice>(std::move(network), "sgd", 6);
  };
  Training<float, TestDevice> expected = training_with(true);
  expected.trainer().replay_steps(false);
  expected.epoch(1);
  for (const bool says_so : {true, false}) {
    CAPTURE(says_so);
    Training<float, TestDevice> training = training_with(says_so);
    training.epoch(1);
    CHECK(training.trainer().replayed_steps() == 0);
    CHECK(all_values(training.network()) == all_values(expected.network()));
  }
}

TEST_CASE("a loss that is no number stops the training before it reaches the weights", "[train]") {
  Network<float, Cpu> start = net_of(everything);
  start.parameters().back().parameter->value.fill(std::numeric_limits<float>::infinity());  // a bias of the classifier
  Training<float, TestDevice> training = training_of(start, "sgd");
  CHECK_THROWS_AS(training.epoch(1), NumericError);
  CHECK(all_values(training.network()) == all_values(start));
}

TEST_CASE("a team of one trains as without a team", "[train]") {
  const Network<float, Cpu> start = small_net("chain").build<float>();
  Training<float, TestDevice> alone = training_of(start, "sgd");
  Training<float, TestDevice> shared = training_of(start, "sgd");
  shared.trainer().share(this_process());
  CHECK(shared.epoch(1).loss == alone.epoch(1).loss);
  CHECK(all_values(shared.network()) == all_values(alone.network()));
}
