#!/bin/sh
# Shows that dependency_order.sh accepts a good tree and names each kind of violation.
# usage: dependency_order_test.sh <path of dependency_order.sh>
set -eu
script=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

fresh_tree() {
  rm -rf "$folder/fusiform"
  mkdir -p "$folder/fusiform/core" "$folder/fusiform/ops/cpu" "$folder/fusiform/data" "$folder/fusiform/report" \
    "$folder/fusiform/analysis"
  echo '#include <vector>' > "$folder/fusiform/core/shape.hpp"
  echo '#include <fusiform/core/shape.hpp>' > "$folder/fusiform/ops/cpu/relu.hpp"
  echo '#include <fusiform/ops/cpu/relu.hpp>' > "$folder/fusiform/ops/relu.hpp"
  echo '#include <jpeglib.h>' > "$folder/fusiform/data/image_file.hpp"
  echo '#include <zlib.h>' > "$folder/fusiform/data/gzip.hpp"
  echo '#include <fusiform/data/gzip.hpp>' > "$folder/fusiform/data/idx.hpp"
  echo '#include <linear.h>' > "$folder/fusiform/analysis/linear_svm.hpp"
  echo '#include <fusiform/core/shape.hpp>' > "$folder/fusiform/report/figure.hpp"
  printf '#include <fusiform/core/shape.hpp>\n#include <fusiform/ops/relu.hpp>\n' > "$folder/fusiform/fusiform.hpp"
}

# expect <what must be said> <file> <line added to it>
expect() {
  fresh_tree
  echo "$3" >> "$folder/fusiform/$2"
  if output=$(sh "$script" "$folder" 2>&1); then
    echo "not noticed: $2 with $3"
    failures=1
  elif ! printf '%s' "$output" | grep -qF "$1"; then
    echo "$2 with $3: expected '$1', got: $output"
    failures=1
  fi
}

fresh_tree
sh "$script" "$folder" || { echo "a good tree was refused"; failures=1; }

expect 'core/shape.hpp:2: core may include core but includes fusiform/ops/relu.hpp' \
  core/shape.hpp '#include <fusiform/ops/relu.hpp>'
expect 'report may include core io report but includes' report/figure.hpp '#include <fusiform/ops/relu.hpp>'
expect 'write <fusiform/...> instead of "relu.hpp"' ops/relu.hpp '#include "relu.hpp"'
expect 'there is no fusiform/core/lost.hpp' ops/relu.hpp '#include <fusiform/core/lost.hpp>'
expect 'includes the umbrella' ops/relu.hpp '#include <fusiform/fusiform.hpp>'
expect 'a CUDA header: cuda_runtime.h' ops/cpu/relu.hpp '#include <cuda_runtime.h>'
expect 'an Eigen header' ops/cpu/relu.hpp '#  include <Eigen/Core>'
expect 'only data/image_file.hpp may include stb/stb_image.h' core/shape.hpp '#include <stb/stb_image.h>'
expect 'only data/gzip.hpp and data/image_file.hpp may include zlib.h' data/image.hpp '#include <zlib.h>'
expect 'only analysis/linear_svm.hpp may include linear.h' analysis/decoding.hpp '#include <linear.h>'
expect 'only study/ and report/ may include nlohmann/json.hpp' ops/relu.hpp '#include <nlohmann/json.hpp>'
expect 'only mpi/ may include mpi.h' core/shape.hpp '#include <mpi.h>'
expect 'leads to data/image_file.hpp, which needs another library' \
  fusiform.hpp '#include <fusiform/data/image_file.hpp>'
expect 'leads to analysis/linear_svm.hpp, which needs another library' \
  fusiform.hpp '#include <fusiform/analysis/linear_svm.hpp>'
expect 'leads to data/gzip.hpp, which needs another library' fusiform.hpp '#include <fusiform/data/gzip.hpp>'
expect 'fusiform.hpp: does not include data/image.hpp' data/image.hpp '#include <fusiform/core/shape.hpp>'
expect 'core/shape.hpp:2: using namespace' core/shape.hpp 'using namespace std;'
exit $failures
