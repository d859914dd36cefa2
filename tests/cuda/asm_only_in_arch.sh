#!/bin/sh
# Instructions are written in kernels/arch alone, where each has an emulated body beside it. Also refuses CUDA's own
# intrinsics for warps, which the emulator does not have, and shared memory that it does not see.
# usage: asm_only_in_arch.sh <kernels folder>
set -eu
cd "$1"
[ -e arch/target.cuh ] || { echo "there is no arch/target.cuh in $1"; exit 1; }
pattern='(^|[^_[:alnum:]])(asm|__asm__|__shfl[a-z_]*|__ballot_sync|__shared__|__cvta_[a-z_]*|nvcuda)([^_[:alnum:]]|$)'
if grep -rnE --include='*.cu' --include='*.cuh' --include='*.hpp' "$pattern" . | grep -v '^\./arch/'; then
  echo "only kernels/arch may contain these"
  exit 1
fi
