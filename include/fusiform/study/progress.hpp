#pragma once
/// One line that says how far long work is: updated in place on a terminal, printed now and then in a log.

#include <chrono>
#include <cstdio>
#include <string>
#include <unistd.h>

#include <fusiform/core/error.hpp>
#include <fusiform/core/scalar.hpp>

namespace fusiform {

/// "1:02:03", "4:05"; rounded to seconds.
[[nodiscard]] inline std::string format_duration(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  char buffer[32];
  if (whole >= 3600)
    std::snprintf(buffer, sizeof buffer, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    std::snprintf(buffer, sizeof buffer, "%ld:%02ld", whole / 60, whole % 60);
  return buffer;
}

/// Writes to standard error. One piece of work at a time: `start`, `update` as often as wanted, `finish`.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet = false) : quiet_(quiet), on_terminal_(isatty(STDERR_FILENO) == 1) {}

  /// `unit` is what is counted: "images".
  void start(std::string title, std::string unit) {
    title_ = std::move(title);
    unit_ = std::move(unit);
    start_ = Clock::now();
    last_shown_ = on_terminal_ ? Clock::time_point{} : start_;
  }

  /// `note` is shown behind the rate, such as the loss.
  void update(Index done, Index total, const std::string& note = "") {
    const auto now = Clock::now();
    const double pause = on_terminal_ ? 0.1 : 20.0;
    if (quiet_ || std::chrono::duration<double>(now - last_shown_).count() < pause) return;
    last_shown_ = now;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
    const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
    print(text(title_, ": ", done, "/", total, " ", unit_, ", ", rounded(rate), "/s", note.empty() ? "" : ", ", note,
               ", ", format_duration(left), " left"));
  }

  /// Ends the piece of work with a line that stays.
  void finish(const std::string& result) {
    if (quiet_) return;
    const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
    print(text(title_, ": ", result, " (", format_duration(elapsed), ")"));
    if (on_terminal_) std::fputc('\n', stderr);
  }

  /// A line that stays and belongs to no piece of work.
  void say(const std::string& line) const {
    if (!quiet_) std::fprintf(stderr, "%s\n", line.c_str());
  }

 private:
  using Clock = std::chrono::steady_clock;

  static std::string rounded(double rate) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, rate < 10 ? "%.1f" : "%.0f", rate);
    return buffer;
  }

  void print(const std::string& line) const {
    if (on_terminal_)
      std::fprintf(stderr, "\r\x1b[K%s", line.c_str());  // start of line, clear to its end
    else
      std::fprintf(stderr, "%s\n", line.c_str());
    std::fflush(stderr);
  }

  bool quiet_;
  bool on_terminal_;
  std::string title_;
  std::string unit_;
  Clock::time_point start_;
  Clock::time_point last_shown_;
};

}  // namespace fusiform
