// Pictures a second of the built-in stimuli on one core.

#include <benchmark/benchmark.h>

#include <fusiform/data/stimuli.hpp>

namespace {

using fusiform::Image;
using fusiform::Index;
using fusiform::StimuliOptions;

void render(benchmark::State& state, Image (*picture)(Index, Index, const StimuliOptions&)) {
  const StimuliOptions options{.size = state.range(0)};
  Index item = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(picture(item % options.classes, item / options.classes, options));
    ++item;
  }
  state.SetItemsProcessed(item);
}

BENCHMARK_CAPTURE(render, face, fusiform::render_face)->Arg(32)->Arg(64)->Arg(128)->Arg(256);
BENCHMARK_CAPTURE(render, object, fusiform::render_object)->Arg(32)->Arg(64)->Arg(128)->Arg(256);

}  // namespace

BENCHMARK_MAIN();
