#!/bin/sh
# Compiles every header alone with each compiler given (as root of a translation unit, warnings are errors).
# Headers that include each other, directly or not, share a translation unit, from the innermost outwards: what stands
# before a header there is what it includes itself, so it sees neither more nor less than alone.
# Without MPI (Open MPI's mpicxx says where it is) the folder mpi is left out.
# usage: self_contained.sh <include folder> [compiler ...]
set -eu
include=$1
shift
[ $# -gt 0 ] || set -- "${CXX:-c++}"
mpi=$(mpicxx --showme:compile 2>/dev/null | tr ' ' '\n' | sed -n 's/^-I/-isystem /p' | tr '\n' ' ')
jobs=$(nproc 2>/dev/null || echo 2)

# One line a translation unit: headers of which each includes the one before.
chains() {
  (cd "$include" && find fusiform -name '*.hpp' | { [ -n "$mpi" ] && cat || grep -v '^fusiform/mpi/'; } | sort | xargs awk '
    function close_over(header, list, i, n, inner) {  # within[header, x]: header includes x, directly or not
      if (header in closed) return
      closed[header] = 1
      n = split(included[header], list, " ")
      for (i = 1; i <= n; ++i) {
        close_over(list[i])
        within[header, list[i]] = 1
        for (inner in known) if ((list[i], inner) in within) within[header, inner] = 1
      }
    }
    FNR == 1 { known[FILENAME] = 1 }
    /^[ \t]*#[ \t]*include[ \t]*[<"]fusiform\// {
      name = $0; sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*$/, "", name)
      included[FILENAME] = included[FILENAME] " " name
    }
    END {
      for (header in known) close_over(header)
      for (header in known) for (inner in known) size[header] += (header, inner) in within
      while (1) {
        outer = ""
        chain = ""
        while (1) {  # the largest that is left of those that the chain may end with
          best = ""
          for (header in known)
            if (!(header in done) && (outer == "" || ((outer, header) in within)) &&
                (best == "" || size[header] > size[best] || (size[header] == size[best] && header < best)))
              best = header
          if (best == "") break
          done[best] = 1
          chain = best " " chain
          outer = best
        }
        if (chain == "") exit
        print chain
      }
    }')
}

for compiler in "$@"; do
  # shellcheck disable=SC2016
  chains | xargs -P "$jobs" -I{} sh -c '
    printf "#include <%s>\n" $2 |
      $1 -std=c++20 -fopenmp -march=native -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wold-style-cast \
         -Wcast-qual -Wmissing-declarations -Wno-missing-field-initializers -fsyntax-only -I "$3" $4 -x c++ - ||
      { echo "a header does not compile alone with $1; one of: $2" >&2; exit 1; }' sh "$compiler" {} "$include" "$mpi"
  echo "every header compiles alone with $compiler"
done
