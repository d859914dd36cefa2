#!/bin/sh
# Checks which header of <include>/fusiform includes which:
#   core < ops < layers < nets < train < analysis < study. io: core. data: core, io. report: core, io.
#   nets, train and analysis may use io and data. Nothing includes the umbrella, a CUDA header or Eigen.
#   Image libraries only in data/image_file.hpp, zlib there and in data/gzip.hpp, liblinear in analysis/linear_svm.hpp,
#   JSON and TOML libraries only in study/ and report/, MPI only in mpi/, which needs core and which nothing includes.
#   The umbrella fusiform.hpp includes every header of core to analysis, data and io (not of their subfolders)
#   except those that lead to one of these, and leads to no header that needs another library.
# It also refuses `using namespace`.
# usage: dependency_order.sh <include folder>
set -eu
cd "$1/fusiform"
LC_ALL=C
export LC_ALL

find . -name '*.hpp' | sed 's|^\./||' | sort | xargs awk '
  BEGIN {
    allowed["core"]     = " core "
    allowed["io"]       = " core io "
    allowed["data"]     = " core io data "
    allowed["ops"]      = " core ops "
    allowed["layers"]   = " core ops layers "
    allowed["nets"]     = " core io data ops layers nets "
    allowed["train"]    = " core io data ops layers nets train "
    allowed["analysis"] = " core io data ops layers nets train analysis "
    allowed["report"]   = " core io report "
    allowed["mpi"]      = " core mpi "
    allowed["study"]    = " core io data ops layers nets train analysis report study "
  }
  function module_of(path) { return path ~ /\// ? substr(path, 1, index(path, "/") - 1) : "" }
  function complain(problem) {
    print "include/fusiform/" problem
    ++problems
  }
  FNR == 1 {
    header = FILENAME
    module = module_of(header)
    headers[++header_count] = header
    exists[header] = 1
    if (module != "" && !(module in allowed)) complain(header ": no module of this name is known")
  }
  /^[ \t]*using namespace/ { complain(header ":" FNR ": using namespace in a header") }
  !/^[ \t]*#[ \t]*include/ { next }
  {
    where = header ":" FNR ": "
    name = $0
    sub(/^[^<"]*[<"]/, "", name)
    sub(/[>"].*$/, "", name)
    if ($0 !~ /</) complain(where "write <fusiform/...> instead of \"" name "\"")
  }
  name ~ /^fusiform\// {
    used = substr(name, 10)
    edge[header] = edge[header] " " used
    line_of[header, used] = where
    if (header == "fusiform.hpp" || used == "version.hpp") next
    if (module_of(used) == "") complain(where "includes the umbrella " name)
    else if (index(allowed[module], " " module_of(used) " ") == 0)
      complain(where module " may include" (allowed[module]) "but includes " name)
    next
  }
  name ~ /^(cuda|cublas|cudnn|cub\/|cutlass|nv)/ { complain(where "a CUDA header: " name) }
  name ~ /^(Eigen|unsupported\/Eigen)/ { complain(where "an Eigen header: " name) }
  name ~ /^(jpeglib|jerror|stb|turbojpeg|png)/ {
    needs_library[header] = 1
    if (header != "data/image_file.hpp") complain(where "only data/image_file.hpp may include " name)
  }
  name ~ /^zlib/ {
    needs_library[header] = 1
    if (header != "data/gzip.hpp" && header != "data/image_file.hpp")
      complain(where "only data/gzip.hpp and data/image_file.hpp may include " name)
  }
  name ~ /^linear\.h/ {
    needs_library[header] = 1
    if (header != "analysis/linear_svm.hpp") complain(where "only analysis/linear_svm.hpp may include " name)
  }
  name ~ /^(nlohmann|toml|CLI)/ {
    needs_library[header] = 1
    if (module != "study" && module != "report") complain(where "only study/ and report/ may include " name)
  }
  name ~ /^mpi/ {
    needs_library[header] = 1
    if (module != "mpi") complain(where "only mpi/ may include " name)
  }

  # Marks all that `header` includes, directly or not, in `seen`.
  function follow(header, seen,    parts, count, i) {
    if (header in seen) return
    seen[header] = 1
    count = split(edge[header], parts, " ")
    for (i = 1; i <= count; ++i) follow(parts[i], seen)
  }
  END {
    for (key in line_of) {
      split(key, pair, SUBSEP)
      if (!(pair[2] in exists)) complain(line_of[key] "there is no fusiform/" pair[2])
    }
    follow("fusiform.hpp", in_umbrella)
    for (header in in_umbrella)
      if (header in needs_library) complain("fusiform.hpp: leads to " header ", which needs another library")
    umbrella_includes = edge["fusiform.hpp"] " "
    for (i = 1; i <= header_count; ++i) {
      header = headers[i]
      if (header !~ /^(core|ops|layers|nets|train|analysis|io|data)\/[^\/]*$/) continue
      split("", reached)
      follow(header, reached)
      if ("data/image_file.hpp" in reached || "data/gzip.hpp" in reached) continue
      if ("analysis/linear_svm.hpp" in reached) continue
      if (index(umbrella_includes, " " header " ") == 0) complain("fusiform.hpp: does not include " header)
    }
    if (header_count < 5) complain(": found only " header_count " headers")
    if (problems > 0) exit 1
    print header_count " headers keep the order"
  }
'
