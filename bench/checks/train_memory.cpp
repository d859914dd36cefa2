/// Peak memory of a training step (forward, backward, SGD with momentum) beside what is known of it beforehand. By
/// default VGG16 at 224 x 224 with a batch of 32, which must fit into 8 GiB. Fails if the limit is exceeded.
///
///     bench_train_memory [ARCHITECTURE [SIDE [BATCH [LIMIT_IN_GIB]]]]

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <fusiform/nets/build_network.hpp>
#include <fusiform/ops/softmax_cross_entropy.hpp>
#include <fusiform/train/sgd.hpp>

namespace {

using namespace fusiform;

constexpr double mebibyte = 1024.0 * 1024.0;
constexpr Index classes = 100;

/// Largest resident memory of this process so far, MiB.
double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void train_one_step(Network<float, Cpu>& network, const Tensor<float, Cpu>& images,
                    const std::vector<Parameter<float, Cpu>*>& parameters) {
  const NodeId head = network.heads().front();
  std::vector<Index> labels;
  for (Index n = 0; n < images.shape()[0]; ++n) labels.push_back(n % classes);
  Activations<float, Cpu> activations;
  const View<const float, Cpu> logits = network.forward(images, head, activations, {.mode = Mode::train});
  Tensor<float, Cpu> gradient(logits.shape());
  softmax_cross_entropy_gradient(logits, std::span<const Index>(labels), gradient.view());
  network.backward(head, gradient, activations);
  network.update_statistics(head, activations);
  Sgd<float, Cpu>({.momentum = 0.9}).step(parameters, 0.01);
}

int run(const std::string& architecture, Index side, Index batch, double limit_gibibytes) {
  auto network = build_network<float, Cpu>(architecture, {.image = {side, side, 3}, .heads = {{"", classes}}}, Rng(1));
  const std::vector<Parameter<float, Cpu>*> parameters = network.learned_parameters();
  Tensor<float, Cpu> images(network.image_shape().batched(batch));
  Rng rng(2);
  for (float& value : images.span()) value = static_cast<float>(rng.normal());

  Index learned = 0;
  for (const Parameter<float, Cpu>* parameter : parameters) learned += parameter->value.size();
  const double pass =
      static_cast<double>(network.pass_bytes(network.heads().front(), batch, {.mode = Mode::train})) / mebibyte;
  const double tensors = static_cast<double>(3 * learned + images.size()) * sizeof(float) / mebibyte;
  std::printf("%s, %lld x %lld, batch %lld\n", architecture.c_str(), static_cast<long long>(side),
              static_cast<long long>(side), static_cast<long long>(batch));
  std::printf(
      "known beforehand: pass %.0f MiB, parameters, gradients, momenta and images %.0f MiB, together %.0f MiB\n", pass,
      tensors, pass + tensors);
  const auto start = std::chrono::steady_clock::now();
  train_one_step(network, images, parameters);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  const double peak = peak_mebibytes();
  std::printf("peak of the process %.0f MiB (program and working memory of kernels %.0f MiB), step %.1f s\n", peak,
              peak - pass - tensors, elapsed.count());
  if (peak <= limit_gibibytes * 1024) return 0;
  std::fprintf(stderr, "train_memory: expected at most %g GiB, found %.2f GiB\n", limit_gibibytes, peak / 1024);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) { return std::string(i < argc ? argv[i] : otherwise); };
  try {
    return run(argument(1, "vgg16"), std::stoll(argument(2, "224")), std::stoll(argument(3, "32")),
               std::stod(argument(4, "8")));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_memory: %s\n", error.what());
    return 1;
  }
}
