#pragma once
/// Steps that all processes of a team do, or none: an error on one of them is thrown on all.

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fusiform/core/communicator.hpp>

namespace fusiform {

namespace detail {

enum class ErrorKind : unsigned char { shape, file, config, numeric, communication, other };

[[nodiscard]] inline std::string error_bytes(ErrorKind kind, std::string_view message, std::string_view path = {}) {
  MessageWriter writer;
  writer.put(static_cast<unsigned char>(kind));
  writer.put_text(message);
  writer.put_text(path);
  return writer.take();
}

}  // namespace detail

/// An exception as bytes, never empty, for `throw_error_of` on another process.
[[nodiscard]] inline std::string bytes_of_error(const std::exception_ptr& error) {
  using detail::error_bytes;
  using detail::ErrorKind;
  try {
    std::rethrow_exception(error);
  } catch (const ShapeError& shape) {
    return error_bytes(ErrorKind::shape, shape.what());
  } catch (const FileError& file) {
    const std::string_view message = file.what();
    return error_bytes(ErrorKind::file, message.substr(std::min(message.size(), file.path().size() + 2)), file.path());
  } catch (const ConfigError& config) {
    return error_bytes(ErrorKind::config, config.what());
  } catch (const NumericError& numeric) {
    return error_bytes(ErrorKind::numeric, numeric.what());
  } catch (const CommunicationError& communication) {
    return error_bytes(ErrorKind::communication, communication.what());
  } catch (const std::bad_alloc&) {
    return error_bytes(ErrorKind::other, "out of memory");
  } catch (const std::exception& other) {
    return error_bytes(ErrorKind::other, other.what());
  } catch (...) {
    return error_bytes(ErrorKind::other, "unknown error");
  }
}

/// Throws what another process failed with: an error of the same class, whose message says which process it was; of a
/// FileError behind the path.
[[noreturn]] inline void throw_error_of(int rank, std::string_view bytes) {
  MessageReader reader(bytes, "error of another process");
  const auto kind = static_cast<detail::ErrorKind>(reader.get<unsigned char>());
  const std::string message = text("process ", rank, ": ", reader.get_text());
  switch (kind) {
    case detail::ErrorKind::shape:
      throw ShapeError(message);
    case detail::ErrorKind::file:
      throw FileError(reader.get_text(), message);
    case detail::ErrorKind::config:
      throw ConfigError(message);
    case detail::ErrorKind::numeric:
      throw NumericError(message);
    case detail::ErrorKind::communication:
      throw CommunicationError(message);
    case detail::ErrorKind::other:
      break;
  }
  throw Error(message);
}

/// Does `action` on every process of the team. If it throws anywhere, it throws everywhere: on a process that failed
/// its own error, on the others that of the lowest process that did. `action` must not communicate.
template <class Action>
void together(Communicator& team, const Action& action) {
  if (team.size() == 1) return action();
  std::exception_ptr own;
  try {
    action();
  } catch (...) {
    own = std::current_exception();
  }
  const std::vector<std::string> errors = team.all_gather(own ? bytes_of_error(own) : std::string());
  if (own) std::rethrow_exception(own);
  for (std::size_t rank = 0; rank < errors.size(); ++rank)
    if (!errors[rank].empty()) throw_error_of(static_cast<int>(rank), errors[rank]);
}

/// The same for teams in which process 0 speaks for all: it throws, and the others return false.
template <class Action>
[[nodiscard]] bool together_with_first(Communicator& team, const Action& action) {
  try {
    together(team, action);
  } catch (const CommunicationError&) {
    throw;
  } catch (...) {
    if (team.rank() == 0) throw;
    return false;
  }
  return true;
}

}  // namespace fusiform
