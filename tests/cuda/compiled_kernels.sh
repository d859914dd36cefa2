#!/bin/sh
# What the compiler made of the kernels: the PTX of the Hopper ones must contain the instructions that they are built on, and no
# kernel may take more registers than tests/cuda/register_budget.txt allows, or any local memory.
# usage: compiled_kernels.sh <nvcc> <repository> [--update | source ...]     --update writes the budget file; sources that
# include those of kernels/ stand for them
set -eu
nvcc=$1
cd "$2"
shift 2
update=
if [ "${1:-}" = --update ]; then update=1; shift; fi
[ $# -gt 0 ] || set -- kernels/*.cu
budget=tests/cuda/register_budget.txt
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The sources of fusiform::cuda, as its users get them; two at a time. Each leaves its PTX and the compiler's report.
compile() {  # source
  name=$(basename "$1" .cu)
  mkdir "$folder/$name"
  "$nvcc" -std=c++20 --expt-relaxed-constexpr -O3 -gencode=arch=compute_90a,code=sm_90a -Xptxas -v -I include -I . \
    -cubin --keep --keep-dir "$folder/$name" "$1" -o "$folder/$name.cubin" 2>"$folder/$name.log"
}
for source; do
  compile "$source" || touch "$folder/failed" &
  waiting=$((${waiting:-0} + 1))
  [ $((waiting % 2)) -eq 0 ] && wait
done
wait
if [ -e "$folder/failed" ]; then
  cat "$folder"/*.log
  exit 1
fi

status=0
for instruction in wgmma.mma_async .im2col setmaxnreg mbarrier.try_wait; do
  for kernels in conv2d_bfloat16_hopper conv2d_hopper_bf16x2; do
    grep -qF "$instruction" "$folder/$kernels/$kernels.ptx" && continue
    echo "PTX of kernels/$kernels.cu for sm_90a has no $instruction"
    status=1
  done
done

# One line a kernel: registers, bytes of stack and spills, name.
cat "$folder"/*.log | c++filt | awk '
  /Compiling entry function/ { name = $0; sub(/^[^\047]*\047/, "", name); sub(/\047 for .*$/, "", name)
                               sub(/\([^()]*\)$/, "", name) }
  /bytes stack frame/ { local = $1 + $5 + $9 }
  /Used [0-9]+ registers/ { for (i = 1; i < NF; ++i) if ($i == "Used") registers = $(i + 1)
                            if (name ~ /fusiform::kernels/) print registers, local, name }
' | sort -u -k3 >"$folder/now"
[ -s "$folder/now" ] || { echo "no kernel found in the compiler's report"; exit 1; }
if [ -n "$update" ]; then
  cp "$folder/now" "$budget"
  exit $status
fi

awk '
  { key = $0; sub(/^[0-9]+ [0-9]+ /, "", key) }
  FNR == NR { registers[key] = $1; stack[key] = $2; next }
  !(key in registers) { print "not in the budget: " $0; bad = 1; next }
  $1 > registers[key] { print key ": " $1 " registers, the budget is " registers[key]; bad = 1 }
  $2 > stack[key] { print key ": " $2 " bytes of local memory, the budget is " stack[key]; bad = 1 }
  { seen[key] = 1 }
  END {
    for (key in registers) if (!(key in seen)) { print "in the budget but not compiled: " key; bad = 1 }
    exit bad
  }' "$budget" "$folder/now" || status=1
[ $status -eq 0 ] || echo "if this is meant: sh tests/cuda/compiled_kernels.sh $nvcc . --update"
exit $status
