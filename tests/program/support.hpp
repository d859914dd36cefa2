#pragma once
/// Starts the program as a user would and looks at what it prints and leaves.

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fusiform/io/file.hpp>

#include "tests/io/scratch_folder.hpp"
#include "tests/support/reproducible_files.hpp"

namespace fusiform::test {

struct Run {
  int status = 0;  ///< exit status; minus the signal if one ended it
  std::string out;
  std::string err;
};

struct RunSettings {
  rlim_t file_limit = RLIM_INFINITY;  ///< bytes of the largest file: a small one is what a full disk is to write(2)
  std::string out;                    ///< "": a file in the folder, read back
  std::string program = FUSIFORM_PROGRAM;
};

/// A program that runs in `folder` with its output in files there.
class Started {
 public:
  Started(const ScratchFolder& folder, const std::vector<std::string>& arguments, const RunSettings& settings = {})
      : out_(settings.out.empty() ? folder / "stdout" : settings.out), err_(folder / "stderr") {
    std::vector<std::string> words{settings.program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    process_ = ::fork();
    if (process_ != 0) return;
    const int out = ::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int err = ::open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    const rlimit limit{.rlim_cur = settings.file_limit, .rlim_max = settings.file_limit};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (::chdir(folder.path().c_str()) != 0) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }

  void kill() const { ::kill(process_, SIGKILL); }

  [[nodiscard]] Run finish() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    const bool on_device = out_.starts_with("/dev/");
    return {WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), on_device ? "" : read_file(out_),
            read_file(err_)};
  }

 private:
  std::string out_;
  std::string err_;
  pid_t process_ = -1;
};

inline Run run(const ScratchFolder& folder, const std::vector<std::string>& arguments,
               const RunSettings& settings = {}) {
  return Started(folder, arguments, settings).finish();
}

/// A study of a fraction of a second; `train` and `lesion` are more lines of these sections.
inline void write_tiny_study(const std::string& path, const std::string& train = "learning_rate = 0.02",
                             const std::string& layers = "['conv1', 'conv2']") {
  std::ofstream(path) << "name = 'tiny'\n"
                         "[[task]]\nname = 'faces'\nimages = 'stimuli:faces'\n"
                         "classes = 4\ntrain_per_class = 10\ntest_per_class = 5\n"
                         "[[task]]\nname = 'objects'\nimages = 'stimuli:objects'\n"
                         "classes = 4\ntrain_per_class = 10\ntest_per_class = 5\n"
                         "[net]\narch = '8 M 8 M fc16'\ninput = 16\n"
                         "[train]\nepochs = 3\nbatch = 8\nresize = 18\n"
                      << train << "\n[lesion]\nlayers = " << layers
                      << "\nfraction = 0.25\ngroup = 0.125\nimages = 16\nfractions = [0, 0.25]\nrandom_lesions = 3\n"
                         "[statistics]\nreplicates = 200\n";
}

/// Whether an unfinished file lies below the folder.
[[nodiscard]] inline bool has_temporaries(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".tmp") return true;
  return false;
}

}  // namespace fusiform::test
