/// Times our Hopper convolutions against cuDNN: `conv2d/<pass>/<shape>/bf16/{fusiform,cudnn}`, NHWC, bias and ReLU in
/// the forward pass of both, results compared before they are timed. Prints a table, writes one JSON object a line.
/// Usage: conv2d_gpu [--json FILE] [--seconds S] [--batch N] [--tiles]

// The kernels for CPUs that come along have pragmas of g++ that nvcc does not know.
#pragma nv_diag_suppress 1675
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>

#include "conv2d_timing.cuh"

namespace {

using namespace conv2d_timing;

struct Layer {
  const char* name;
  int size, in, out, kernel, stride, padding;
  bool pooled = false;  ///< VGG16 has a max pooling behind it, or behind a layer of the same shape
};

/// The convolutions of VGG16 that differ in shape, three of ResNet-50, and first layers; the most telling first.
constexpr Layer layers[] = {
    {"vgg3_2", 56, 256, 256, 3, 1, 1, true},
    {"vgg4_2", 28, 512, 512, 3, 1, 1, true},
    {"vgg1_2", 224, 64, 64, 3, 1, 1, true},
    {"vgg5_1", 14, 512, 512, 3, 1, 1, true},
    {"vgg2_2", 112, 128, 128, 3, 1, 1, true},
    {"vgg2_1", 112, 64, 128, 3, 1, 1},
    {"vgg3_1", 56, 128, 256, 3, 1, 1},
    {"vgg4_1", 28, 256, 512, 3, 1, 1},
    {"res3_2s2", 56, 128, 128, 3, 2, 1},
    {"res3_1x1", 28, 512, 128, 1, 1, 0},
    {"res2_1x1", 56, 64, 256, 1, 1, 0},
    {"vgg1_1", 224, 3, 64, 3, 1, 1},
    {"res1", 224, 3, 64, 7, 2, 3},
    {"alex1", 224, 3, 64, 11, 4, 2},
};

struct Options {
  const char* json = nullptr;
  double seconds = 80;
  int batch = 0;
  bool tiles = false;
};

const char* pass_names[] = {"forward", "backward_input", "backward_weight"};

/// Prints a line and writes the JSON; false if the results differ by more than bf16's rounding of each.
bool report(const Layer& layer, const Conv2dProblem& p, Pass pass, const Result& r, std::FILE* json) {
  const double ours = p.operations() / r.ours * 1e-9, cudnn = r.cudnn > 0 ? p.operations() / r.cudnn * 1e-9 : 0;
  std::printf(
      "%-9s b%-4d %-16s %8.1f us %6.1f TFLOP/s %4.0f %% of 990 | cudnn %8.1f us %6.1f TFLOP/s | %5.1f %% of cudnn"
      " | error %.1e\n",
      layer.name, p.images, pass_names[int(pass)], r.ours * 1e3, ours, ours / 9.9, r.cudnn * 1e3, cudnn,
      cudnn > 0 ? 100 * ours / cudnn : 0.0, r.error);
  if (r.with_bias > 0) std::printf("%32s with the bias gradient %.1f us\n", "", r.with_bias * 1e3);
  std::fflush(stdout);
  for (const bool us : {true, false})
    if (json != nullptr && (us || r.cudnn > 0))
      std::fprintf(json,
                   "{\"name\": \"conv2d/%s/%s_b%d/bf16/%s\", \"microseconds\": %.2f, \"tflops\": %.2f, "
                   "\"relative_difference\": %.3e}\n",
                   pass_names[int(pass)], layer.name, p.images, us ? "fusiform" : "cudnn",
                   1e3 * (us ? r.ours : r.cudnn), us ? ours : cudnn, r.error);
  return r.error < 1e-2;
}

/// TFLOP/s of every tile of a pass, for the cost model; of the filter gradient with three numbers of ranges.
void report_tiles(const Layer& layer, const Conv2dProblem& p, Pass pass, Bench& bench, int multiprocessors) {
  std::printf("  %-9s b%-4d %-16s", layer.name, p.images, pass_names[int(pass)]);
  const auto rate = [&](int tile, int splits) { return p.operations() / bench.time_tile(pass, tile, splits) * 1e-9; };
  if (pass == Pass::backward_weight) {
    std::printf("plan %d:", plan_filters(p, multiprocessors).tile);
    for (int tile = 0; tile < int(std::size(hopper_filter_tiles)); ++tile) {
      if (!filters_take(p, hopper_filter_tiles[tile])) continue;
      const int splits = plan_filters(p, multiprocessors, tile).splits;
      for (const int s : {std::max(1, splits / 2), splits, std::min(64, splits * 2)})
        std::printf(" %d/%d %.0f", tile, s, rate(tile, s));
    }
  } else {
    const int out = pass == Pass::forward ? p.out_channels : p.in_channels;
    PixelProduct product = forward_product(p);
    product.terms = p.in_channels + p.out_channels - out;
    product.channels = out;
    std::printf("plan %d:", plan_pixels(product, multiprocessors).tile);
    for (int tile = 0; tile < int(std::size(hopper_pixel_tiles)); ++tile)
      if (product.takes(hopper_pixel_tiles[tile])) std::printf(" %d %.0f", tile, rate(tile, 0));
  }
  std::printf("\n");
  std::fflush(stdout);
}

/// A forward pass and a pooling, in one kernel by every tile, in two, and with cuDNN's convolution.
void report_pooled(const Layer& layer, const Conv2dProblem& p, const PooledResult& r, int multiprocessors,
                   std::FILE* json) {
  const int plan = plan_pixels(pooled_product(p), multiprocessors).tile;
  std::printf("%-9s b%-4d forward and max pool %.1f us in one kernel%s, %.1f us in two, %.1f us after cudnn | tiles:",
              layer.name, p.images, r.at_once[plan] * 1e3,
              pools_at_once(p, multiprocessors, 2) ? ", the choice" : ", not the choice", r.in_two * 1e3,
              r.after_cudnn * 1e3);
  for (int tile = 0; tile < int(std::size(hopper_pixel_tiles)); ++tile)
    if (r.at_once[tile] > 0) std::printf(" %d%s %.1f", tile, tile == plan ? "*" : "", r.at_once[tile] * 1e3);
  std::printf("\n");
  std::fflush(stdout);
  if (json == nullptr) return;
  const auto write = [&](const char* way, double milliseconds) {
    if (milliseconds > 0)
      std::fprintf(json, "{\"name\": \"conv2d/forward_max_pool/%s_b%d/bf16/%s\", \"microseconds\": %.2f}\n", layer.name,
                   p.images, way, 1e3 * milliseconds);
  };
  write("fusiform_one_kernel", r.at_once[plan]);
  write("fusiform_two_kernels", r.in_two);
  write("cudnn", r.after_cudnn);
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (std::strcmp(arguments[i], "--json") == 0 && has_value)
      options.json = arguments[++i];
    else if (std::strcmp(arguments[i], "--seconds") == 0 && has_value)
      options.seconds = std::atof(arguments[++i]);
    else if (std::strcmp(arguments[i], "--batch") == 0 && has_value)
      options.batch = std::atoi(arguments[++i]);
    else if (std::strcmp(arguments[i], "--tiles") == 0)
      options.tiles = true;
    else
      throw std::runtime_error(std::string("unknown argument ") + arguments[i]);
  }
  return options;
}

int run(const Options& options) {
  cudaDeviceProp device{};
  gpu::check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
  std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
  std::optional<peer::CudnnLibrary> library;
  try {
    library.emplace();
    std::printf("cuDNN %zu\n", library->version());
  } catch (const std::runtime_error& error) {
    std::printf("without cuDNN: %s\n", error.what());
  }
  gpu::Arena arena(std::size_t(12) << 30);
  std::FILE* json = options.json != nullptr ? std::fopen(options.json, "w") : nullptr;
  const auto start = std::chrono::steady_clock::now();
  bool right = true;
  for (const int batch : options.batch > 0 ? std::vector<int>{options.batch} : std::vector<int>{128, 64})
    for (const Layer& layer : layers) {
      if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > options.seconds) {
        std::printf("out of time: the rest is left out\n");
        break;
      }
      const Conv2dProblem p{batch,        layer.size,   layer.size,   layer.in,     layer.out,
                            layer.kernel, layer.kernel, layer.stride, layer.padding};
      Bench bench(p, arena, device.multiProcessorCount, library.has_value());
      for (const Pass pass : {Pass::forward, Pass::backward_weight, Pass::backward_input}) {
        if (bench.few_channels() && (options.tiles || pass == Pass::backward_input)) continue;
        if (options.tiles)
          report_tiles(layer, p, pass, bench, device.multiProcessorCount);
        else
          right &= report(layer, p, pass, bench.measure(pass, library ? &*library : nullptr), json);
        if (pass == Pass::forward && layer.pooled && !options.tiles)
          report_pooled(layer, p, bench.measure_pooled(), device.multiProcessorCount, json);
        if (pass == Pass::backward_input && !options.tiles)
          std::printf("%32s and a ReLU %.1f us\n", "", bench.measure_with_relu() * 1e3);
      }
    }
  if (json != nullptr) std::fclose(json);
  return right ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(parse(count, arguments));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conv2d_gpu: %s\n", error.what());
    return 1;
  }
}
