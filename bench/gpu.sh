#!/bin/sh
# Checks and times the GPU kernels on a machine with a Hopper GPU; nothing is compiled or fetched there.
#   bench/gpu.sh build           where nvcc is: puts all programs into build/gpu, to be carried with this folder
#   bench/gpu.sh check [OUT]     where the GPU is: instructions against the emulator, then every test (1 minute)
#   bench/gpu.sh sanitize [OUT]  compute-sanitizer over the tests (2 minutes)
#   bench/gpu.sh conv [OUT]      convolutions beside cuDNN's, bf16 and float (2 minutes)
#   bench/gpu.sh train [OUT]     VGG16's training step beside PyTorch's (1 minute)
#   bench/gpu.sh memory [OUT]    operations that only move memory, beside the bandwidth (10 seconds)
#   bench/gpu.sh all [OUT]       all of these, the most telling first
# Reports and JSON go to OUT (build/gpu/results). cuDNN is the one that lies beside python3's torch, or $FUSIFORM_CUDNN;
# without it only our times are shown. Exit status 0: every check passed.
set -u
cd "$(dirname "$0")/.." || exit 1
programs=build/gpu

build() {
  cmake --preset gpu-bench && cmake --build --preset gpu-bench || return 1
  rm -rf "$programs"
  mkdir -p "$programs"
  for program in arch_conformance conv2d_hopper_device conv2d_hopper_bf16x2_device cudnn_device device_code_device \
    test_conformance_gpu; do
    strip -o "$programs/$program" "build/gpu-bench/tests/$program" || return 1
  done
  for program in build/gpu-bench/bin/bench_*_gpu; do strip -o "$programs/$(basename "$program")" "$program" || return 1; done
  FUSIFORM_ARCH_OUTPUTS=$programs/arch_emulated.safetensors build/gpu-bench/tests/test_cuda '[.write]'
}

find_cudnn() {
  [ -n "${FUSIFORM_CUDNN:-}" ] && return
  folder=$(python3 -c 'import nvidia.cudnn, os; print(os.path.join(list(nvidia.cudnn.__path__)[0], "lib"))' 2>/dev/null)
  [ -e "$folder/libcudnn.so.9" ] || return
  export FUSIFORM_CUDNN="$folder/libcudnn.so.9"
  # cuDNN looks for NVRTC and cuBLAS by name.
  for library in "$folder"/../../*/lib; do LD_LIBRARY_PATH="$library:${LD_LIBRARY_PATH:-}"; done
  export LD_LIBRARY_PATH
}

# Runs a program; its output goes to OUT/NAME.txt, and is shown from its last lines if it fails.
checked() {  # seconds, name, command...
  seconds=$1 name=$2
  shift 2
  timeout "$seconds" "$@" >"$out/$name.txt" 2>&1
  code=$?
  if [ $code -eq 0 ]; then
    echo "ok       $name"
  elif [ $code -eq 77 ]; then
    echo "skipped  $name"
  else
    status=1
    echo "FAILED   $name (status $code)"
    grep -v ' ok$' "$out/$name.txt" | tail -20
  fi
}

# The device programs take a shape's number and end with status 2 behind the last: one process a shape, so that a crash of one
# does not hide the others.
each_shape() {  # seconds a shape, name, command...
  seconds=$1 name=$2
  shift 2
  shape=0
  failed=
  while [ $shape -lt 100 ]; do
    timeout "$seconds" "$@" $shape >>"$out/$name.txt" 2>&1
    code=$?
    [ $code -eq 2 ] && break
    [ $code -eq 0 ] || failed="$failed $shape"
    shape=$((shape + 1))
  done
  if [ -z "$failed" ]; then echo "ok       $name, $shape shapes"; else
    status=1
    echo "FAILED   $name, shapes$failed"
    grep -v -e ' ok$' -e '^0 of' "$out/$name.txt" | head -20
  fi
}

check() {
  checked 60 arch_conformance "$programs/arch_conformance" "$programs/arch_emulated.safetensors" "$out/arch_device.safetensors"
  checked 60 device_code "$programs/device_code_device"
  checked 120 conformance "$programs/test_conformance_gpu"
  for program in conv2d_hopper_device conv2d_hopper_bf16x2_device; do each_shape 60 $program "$programs/$program"; done
  checked 60 cudnn "$programs/cudnn_device"
}

sanitize() {
  for tool in memcheck synccheck; do
    each_shape 100 $tool-conv2d compute-sanitizer --tool $tool --error-exitcode 9 "$programs/conv2d_hopper_device"
  done
  # A test asks for what a recording refuses: not a finding.
  checked 300 memcheck-conformance compute-sanitizer --tool memcheck --report-api-errors no --error-exitcode 9 \
    "$programs/test_conformance_gpu"
}

conv() {
  timeout 150 "$programs/bench_conv2d_gpu" --seconds 80 --json "$out/conv2d.json" 2>&1 | tee "$out/conv2d.txt"
  timeout 100 "$programs/bench_conv2d_float_gpu" 16 2>&1 | tee "$out/conv2d_float.txt"
}

train() {
  {
    timeout 60 "$programs/bench_train_step_gpu" --graph --profile --seconds 2
    timeout 60 python3 bench/gpu/train_step_gpu.py --seconds 2
    timeout 60 "$programs/bench_train_step_gpu" --float --batch 16 --seconds 2
    timeout 100 python3 bench/gpu/train_step_gpu.py --float --batch 16 --seconds 2
  } >"$out/train_step.txt" 2>&1
  grep -e '^train_step' -e 'kernels .* of a step' -e '%.*launches  [a-z0-9_ ]*$' "$out/train_step.txt"
}

memory() { timeout 60 "$programs/bench_memory_bound_gpu" 2>&1 | tee "$out/memory_bound.txt"; }

command=${1:-help}
out=${2:-$programs/results}
status=0
case $command in
  build) build; exit ;;
  check | sanitize | conv | train | memory | all)
    mkdir -p "$out"
    find_cudnn
    if [ "$command" = all ]; then check; train; conv; memory; sanitize; else $command; fi
    exit $status
    ;;
  *) sed -n '2,11s/^# //p' "$0"; exit 2 ;;
esac
