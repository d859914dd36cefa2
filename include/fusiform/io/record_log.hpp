#pragma once
/// Finished work on disk: an append-only file of records, each with its length and checksums. A kill at any moment
/// costs at most the record that was being written.
///
/// Layout, little-endian: "FUSILOG\n", version, length of the identity, the identity, CRC-32 of all this; then per
/// record its length, the CRC-32 of its bytes, the CRC-32 of (its position, the two numbers before), its bytes. Numbers
/// have 32 bits, the position 64. The second checksum tells a cut-off record from a damaged length.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <utility>

#include <fusiform/io/crc32.hpp>
#include <fusiform/io/file.hpp>

namespace fusiform {

static_assert(std::endian::native == std::endian::little, "files are written in the memory order of little-endian");

/// One writer at a time; others are refused where the file system has locks.
class RecordLog {
 public:
  /// Shown every whole record and its position, in the order they were appended.
  using Visitor = std::function<void(Index position, std::string_view record)>;

  /// Opens a log, or begins it if there is none. `identity` says what the records belong to (net, layer, images,
  /// settings ...). All records are checked. What is unfinished at the end of the file is cut off: a damaged stretch
  /// that no whole record follows. Throws FileError if whole records do follow it, naming the byte where it begins; if
  /// the file belongs to other work or is none of ours; if another process has it open.
  RecordLog(std::string path, std::string_view identity, const Visitor& visit = {})
      : path_(std::move(path)), file_(path_, O_RDWR | O_CREAT | O_APPEND, 0666) {
    if (::flock(file_.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw FileError(path_, "another process has this log open");
    Index file_end = file_size(file_, path_);
    begin(header_for(identity), std::string(identity), file_end);
    std::string record;
    while (size_ < file_end && read_record(size_, file_end, record)) {
      if (visit) visit(size_, record);
      size_ += frame_size + static_cast<Index>(record.size());
    }
    if (size_ == file_end) return;
    refuse_damage_before_records(file_end);
    cut_bytes_ = file_end - size_;
    cut_to_size();
  }

  /// Adds one record of 1 byte to 4 GiB and returns its position. When this returns, the record survives a kill of the
  /// process; after `flush`, also a power cut. Throws FileError, for example for a full disk; the log is then as it was
  /// before.
  Index append(std::string_view record) {
    require_setting(!record.empty() && record.size() <= max_record, path_,
                    text("a record of 1..", max_record, " bytes"), record.size());
    if (is_torn_) cut_to_size();
    is_torn_ = true;
    try {
      const Frame frame = frame_for(size_, record);
      write_exactly(file_, path_, std::as_bytes(std::span(frame)));
      write_exactly(file_, path_, std::as_bytes(std::span(record)));
    } catch (const FileError&) {
      cut_to_size();
      throw;
    }
    is_torn_ = false;
    const Index position = size_;
    size_ += frame_size + static_cast<Index>(record.size());
    return position;
  }

  /// Returns when all records are on the disk. Throws FileError.
  void flush() {
    if (::fsync(file_.number()) != 0) throw system_error(path_, "flush");
  }

  /// The record at a position that `append` returned or the visitor was shown. Throws FileError if it is damaged by
  /// now.
  [[nodiscard]] std::string read(Index position) const {
    std::string record;
    if (!read_record(position, size_, record))
      throw FileError(path_, text("byte ", position, ": expected a whole record, found damage"));
    return record;
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] Index size() const noexcept { return size_; }            ///< bytes of the file
  [[nodiscard]] Index cut_bytes() const noexcept { return cut_bytes_; }  ///< unfinished ones, cut off when opened

 private:
  using Frame = std::array<std::uint32_t, 3>;

  static constexpr Index frame_size = sizeof(Frame);
  static constexpr std::size_t max_record = 0xFFFFFFFFU;
  static constexpr std::string_view magic = "FUSILOG\n";
  static constexpr std::uint32_t version = 1;

  static std::string bytes_of(std::uint32_t number) {
    std::string bytes(sizeof number, '\0');
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
  }
  static std::uint32_t number_at(std::string_view bytes, std::size_t place) {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data() + place, sizeof number);
    return number;
  }

  static std::string header_for(std::string_view identity) {
    std::string header(magic);
    header += bytes_of(version) + bytes_of(static_cast<std::uint32_t>(identity.size()));
    header += identity;
    return header + bytes_of(crc32_of(header));
  }

  static std::uint32_t frame_checksum(Index position, const Frame& frame) {
    std::array<char, sizeof position + 2 * sizeof(std::uint32_t)> bytes{};
    std::memcpy(bytes.data(), &position, sizeof position);
    std::memcpy(bytes.data() + sizeof position, frame.data(), 2 * sizeof(std::uint32_t));
    return crc32_of({bytes.data(), bytes.size()});
  }
  static Frame frame_for(Index position, std::string_view record) {
    Frame frame{static_cast<std::uint32_t>(record.size()), crc32_of(record), 0};
    frame[2] = frame_checksum(position, frame);
    return frame;
  }

  std::string read_bytes(Index position, Index count) const {
    std::string bytes(static_cast<std::size_t>(count), '\0');
    read_exactly(file_, path_, position, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  /// Checks the header, or writes it into a file where it is missing or was cut off while it was written.
  void begin(const std::string& header, const std::string& identity, Index& file_end) {
    const auto length = static_cast<Index>(header.size());
    const std::string found = read_bytes(0, std::min(length, file_end));
    if (found == header) {
      size_ = length;
      return;
    }
    if (header.compare(0, found.size(), found) != 0) refuse_header(identity, file_end);
    is_torn_ = true;
    cut_to_size();
    try {
      write_exactly(file_, path_, std::as_bytes(std::span(header)));
      flush();
    } catch (const FileError&) {
      cut_to_size();
      throw;
    }
    size_ = file_end = length;
  }

  /// Says what is there instead of the expected header.
  [[noreturn]] void refuse_header(const std::string& identity, Index file_end) const {
    constexpr std::size_t fixed = magic.size() + 2 * sizeof(std::uint32_t);
    const std::string start = read_bytes(0, std::min(static_cast<Index>(fixed), file_end));
    if (start.size() < fixed || start.substr(0, magic.size()) != magic)
      throw FileError(path_, "expected a record log, found another kind of file");
    if (number_at(start, magic.size()) != version)
      throw FileError(path_, text("expected version ", version, " of the record log, found version ",
                                  number_at(start, magic.size())));
    const Index end = static_cast<Index>(fixed) + number_at(start, magic.size() + sizeof version);
    const auto checksum = static_cast<Index>(sizeof(std::uint32_t));
    const std::string all = read_bytes(0, std::min(end + checksum, file_end));
    const std::string_view checked = std::string_view(all).substr(0, static_cast<std::size_t>(end));
    if (end + checksum > file_end || number_at(all, static_cast<std::size_t>(end)) != crc32_of(checked))
      throw FileError(path_, "byte 0: expected the header of a record log, found damage");
    throw FileError(path_, text("expected records of '", identity, "', found those of '", checked.substr(fixed),
                                "'; delete the file to begin again"));
  }

  /// Whether a record begins at `position` and its bytes are right.
  bool read_record(Index position, Index file_end, std::string& record) const {
    if (file_end - position < frame_size) return false;
    Frame frame{};
    read_exactly(file_, path_, position, std::as_writable_bytes(std::span(frame)));
    if (!fits(frame, position, file_end)) return false;
    record.resize(frame[0]);
    read_exactly(file_, path_, position + frame_size, std::as_writable_bytes(std::span(record)));
    return crc32_of(record) == frame[1];
  }
  static bool fits(const Frame& frame, Index position, Index file_end) {
    return frame[0] > 0 && Index{frame[0]} <= file_end - position - frame_size &&
           frame[2] == frame_checksum(position, frame);
  }

  /// An interrupted write is followed by nothing. Throws FileError if a whole record lies behind the damage at `size_`.
  void refuse_damage_before_records(Index file_end) const {
    constexpr Index window = Index{1} << 20U;
    std::string record;
    for (Index first = size_ + 1; first + frame_size <= file_end; first += window) {
      const std::string bytes = read_bytes(first, std::min(window + frame_size - 1, file_end - first));
      const Index places = static_cast<Index>(bytes.size()) - frame_size + 1;
      for (Index i = 0; i < places; ++i) {
        Frame frame{};
        std::memcpy(frame.data(), bytes.data() + i, sizeof frame);
        if (fits(frame, first + i, file_end) && read_record(first + i, file_end, record))
          throw FileError(path_,
                          text("byte ", size_, ": expected a whole record, found damage, and whole records again ",
                               "from byte ", first + i, " on; delete the file to do its work again"));
      }
    }
  }

  void cut_to_size() {
    if (::ftruncate(file_.number(), size_) != 0) throw system_error(path_, "cut the torn end of");
    is_torn_ = false;
  }

  std::string path_;
  FileDescriptor file_;
  Index size_ = 0;        // of all that is whole
  Index cut_bytes_ = 0;   // when opened
  bool is_torn_ = false;  // whether bytes behind `size_` may be left from a write that failed
};

}  // namespace fusiform
