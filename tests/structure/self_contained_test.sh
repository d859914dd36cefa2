#!/bin/sh
# self_contained.sh must notice a header that lacks an include, wherever the header stands among those that include it.
# usage: self_contained_test.sh <self_contained.sh> <compiler>
set -eu
script=$1
compiler=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/fusiform"

# Each header includes the one before it: inner, middle, outer. Those named lack <vector>.
write() {
  previous=
  for name in inner middle outer; do
    {
      echo '#pragma once'
      case " $* " in *" $name "*) ;; *) echo '#include <vector>' ;; esac
      [ -z "$previous" ] || echo "#include <fusiform/$previous.hpp>"
      echo "inline std::vector<int> $name() { return {}; }"
    } >"$folder/fusiform/$name.hpp"
    previous=$name
  done
}

accepts() {
  write "$@"
  sh "$script" "$folder" "$compiler" >"$folder/output" 2>&1
}

accepts || { cat "$folder/output"; echo "refuses headers that have all they need"; exit 1; }
accepts middle outer || { cat "$folder/output"; echo "refuses what an inner header includes"; exit 1; }
for lacking in inner 'inner middle'; do
  # shellcheck disable=SC2086  # one word a header
  if accepts $lacking; then
    echo "does not notice that these lack an include: $lacking"
    exit 1
  fi
  grep -qF 'fusiform/inner.hpp:2' "$folder/output" || { cat "$folder/output"; echo "does not name the header"; exit 1; }
done
