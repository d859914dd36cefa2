/// fusiform inspect: what is in a checkpoint, a safetensors file or a pack; what can compute.

#include <cstdio>
#include <fstream>
#include <memory>

#include <fusiform/core/error.hpp>
#include <fusiform/data/pack.hpp>
#include <fusiform/io/safetensors.hpp>

#include "commands.hpp"
#include "devices.hpp"

namespace {

void inspect_pack(const std::string& path) {
  const fusiform::ImagePack pack(path);
  std::printf("pack of %ld images, shorter side %ld pixels, hash %s\n", static_cast<long>(pack.count()),
              static_cast<long>(pack.shorter_side()), pack.hash().c_str());
  for (const std::string& task : pack.tasks())
    std::printf("  %s: %ld classes, %zu training and %zu test images\n", task.c_str(),
                static_cast<long>(pack.manifest().class_count(task)), pack.select(task, fusiform::Split::train).size(),
                pack.select(task, fusiform::Split::test).size());
}

void inspect_tensors(const std::string& path) {
  const fusiform::SafetensorsFile file(path);
  for (const auto& [key, value] : file.metadata()) std::printf("%s: %s\n", key.c_str(), value.c_str());
  long parameters = 0;
  for (const std::string& name : file.names()) {
    std::printf("%-48s %-5s (", name.c_str(), file.dtype(name).c_str());
    long size = 1;
    const char* separator = "";
    for (const fusiform::Index dimension : file.shape(name)) {
      std::printf("%s%ld", separator, static_cast<long>(dimension));
      separator = ", ";
      size *= dimension;
    }
    std::printf(")\n");
    parameters += size;
  }
  std::printf("%zu tensors, %ld elements\n", file.names().size(), parameters);
}

/// Where there is a GPU, also which one each process uses, or why it cannot.
void inspect_devices(fusiform::Communicator& team) {
  std::string own;
  try {
    own = describe_gpu_of(team);
  } catch (const fusiform::ConfigError& error) {
    own = error.what();
  }
  const std::vector<std::string> used = team.gather(own);
  if (team.rank() > 0) return;
  for (const std::string& line : describe_all_devices()) std::printf("%s\n", line.c_str());
  for (std::size_t process = 0; process < used.size(); ++process)
    if (!used[process].empty()) std::printf("process %zu: %s\n", process, used[process].c_str());
}

bool is_pack(const std::string& path) {
  char magic[8] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == fusiform::detail::pack_magic;
}

}  // namespace

void add_inspect_command(CLI::App& program, fusiform::Communicator& team) {
  CLI::App* command =
      program.add_subcommand("inspect", "Show what is in a checkpoint, a safetensors file or a pack; or what computes");
  auto path = std::make_shared<std::string>();
  auto devices = std::make_shared<bool>(false);
  CLI::Option* file = command->add_option("file", *path, "The file");
  command->add_flag("--devices", *devices, "Show the devices that --device can name")->excludes(file);
  command->callback([path, devices, &team] {
    if (*devices) return inspect_devices(team);
    if (path->empty()) throw CLI::RequiredError("file");
    if (team.rank() > 0) return;
    is_pack(*path) ? inspect_pack(*path) : inspect_tensors(*path);
  });
}
