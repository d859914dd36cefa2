#!/bin/sh
# Shows that asm_only_in_arch.sh accepts a good tree and finds each kind of violation.
# usage: asm_only_in_arch_test.sh <path of asm_only_in_arch.sh>
set -eu
script=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
mkdir "$folder/arch"
echo 'asm volatile("bar.sync 0;");' >"$folder/arch/target.cuh"
# Words that only contain the forbidden ones.
echo 'int plasma; int asm_count; void* dynamic_shared_memory();' >"$folder/kernel.cuh"
sh "$script" "$folder" || { echo "a good tree was refused"; failures=1; }

for line in 'asm volatile("bar.sync 0;");' '  __asm__("");' 'x += __shfl_xor_sync(~0u, x, 1);' '__shared__ float tile[32];' \
            'auto p = __cvta_generic_to_shared(x);' 'if (__ballot_sync(~0u, y)) return;'; do
  echo "$line" >"$folder/kernel.cu"
  if output=$(sh "$script" "$folder"); then
    echo "not noticed: $line"
    failures=1
  elif ! printf '%s' "$output" | grep -qF 'kernel.cu:1:'; then
    echo "$line: expected its place, got: $output"
    failures=1
  fi
done
rm "$folder/arch/target.cuh"
if sh "$script" "$folder" >/dev/null; then echo "a folder without kernels was accepted"; failures=1; fi
exit $failures
