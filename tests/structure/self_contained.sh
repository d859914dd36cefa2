#!/bin/sh
# Compiles every header alone with each compiler given (as root of a translation unit, warnings are errors).
# Without MPI (Open MPI's mpicxx says where it is) the folder mpi is left out.
# usage: self_contained.sh <include folder> [compiler ...]
set -eu
include=$1
shift
[ $# -gt 0 ] || set -- "${CXX:-c++}"
mpi=$(mpicxx --showme:compile 2>/dev/null | tr ' ' '\n' | sed -n 's/^-I/-isystem /p' | tr '\n' ' ')
jobs=$(nproc 2>/dev/null || echo 2)

for compiler in "$@"; do
  # shellcheck disable=SC2016
  (cd "$include" && find fusiform -name '*.hpp') | { [ -n "$mpi" ] && cat || grep -v '^fusiform/mpi/'; } | sort | xargs -P "$jobs" -I{} sh -c '
    printf "#include <%s>\n" "$2" |
      $1 -std=c++20 -fopenmp -march=native -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wold-style-cast \
         -Wcast-qual -Wmissing-declarations -Wno-missing-field-initializers -fsyntax-only -I "$3" $4 -x c++ - ||
      { echo "$2 does not compile alone with $1" >&2; exit 1; }' sh "$compiler" {} "$include" "$mpi"
  echo "every header compiles alone with $compiler"
done
