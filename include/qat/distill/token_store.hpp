#pragma once

#include <qat/io/byte_reader.hpp>
#include <qat/io/mapped_file.hpp>
#include <qat/io/sha256.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// Generated sequences on disk, as tokens: text would not give the same tokens back.
///
///   "QATTOKEN", u32 version 1, u32 bytes of the facts, the facts (JSON: what made the sequences)
///   a sequence:  u32 sample, u32 count, count x i32 tokens, u32 first four bytes of the SHA-256 of the record before it
///   the end:     u32 0xffffffff, u32 sequences, SHA-256 of everything before the end
///
/// Little-endian. A store grows under its name with ".partial" behind it and gets its name when it is complete.

namespace qat::distill {

/// A sequence and the number of the sample that it is.
struct stored_sequence {
  std::uint32_t sample = 0;
  std::vector<std::int32_t> tokens;

  friend bool operator==(const stored_sequence&, const stored_sequence&) = default;
};

namespace detail {

inline constexpr std::string_view store_magic = "QATTOKEN";
inline constexpr std::uint32_t store_version = 1;
inline constexpr std::uint32_t store_end = 0xffffffff;
inline constexpr std::uint32_t longest_sequence = 1u << 24;

inline void append_u32(std::string& bytes, std::uint32_t value) {
  char raw[4];
  std::memcpy(raw, &value, 4);
  bytes.append(raw, 4);
}

inline std::uint32_t check_of(std::span<const std::byte> record) {
  io::Sha256 hash;
  hash.update(record);
  const auto digest = hash.digest();
  std::uint32_t check;
  std::memcpy(&check, digest.data(), 4);
  return check;
}

/// What the bytes of a store hold.
struct store_content {
  std::string facts;
  std::vector<stored_sequence> sequences;
  std::size_t end_of_sequences = 0;  ///< bytes up to behind the last whole sequence
  bool complete = false;
};

/// Throws  io::FormatError; with `may_be_cut`, what follows the last whole sequence is left out instead.
inline store_content read_store(std::span<const std::byte> bytes, const std::string& path,
                                bool may_be_cut) {
  io::ByteReader reader(bytes, path);
  const auto magic = reader.take(store_magic.size(), "the beginning of a token store");
  if (std::memcmp(magic.data(), store_magic.data(), magic.size()) != 0)
    reader.fail_at(0, "a token store, which begins with QATTOKEN", "other bytes");
  const auto version = reader.read<std::uint32_t>("the version");
  if (version != store_version)
    reader.fail_at(store_magic.size(), "version 1", std::to_string(version));
  store_content content;
  content.facts = std::string(reader.string<std::uint32_t>(1u << 20, "the facts"));
  content.end_of_sequences = reader.position();
  try {
    while (true) {
      const std::size_t begin = reader.position();
      const auto sample = reader.read<std::uint32_t>("a sequence, or the end,");
      const auto count = reader.read<std::uint32_t>("its length");
      if (sample == store_end) {
        const auto stored = reader.take(32, "the hash of the store");
        io::Sha256 hash;
        hash.update(bytes.first(begin));
        const auto digest = hash.digest();
        if (count != content.sequences.size() ||
            std::memcmp(stored.data(), digest.data(), digest.size()) != 0 ||
            reader.position() != bytes.size())
          reader.fail_at(begin, "the number and the hash of what is before, and nothing behind",
                         "others");
        content.complete = true;
        return content;
      }
      if (count > longest_sequence)
        reader.fail_at(begin + 4, "a sequence of at most 2^24 tokens", std::to_string(count));
      const auto tokens = reader.take(std::uint64_t{4} * count, "tokens");
      const std::uint32_t expected = check_of(bytes.subspan(begin, reader.position() - begin));
      if (reader.read<std::uint32_t>("a check") != expected)
        reader.fail_at(begin, "a sequence with its check", "another check");
      stored_sequence sequence{sample, std::vector<std::int32_t>(count)};
      if (count != 0) std::memcpy(sequence.tokens.data(), tokens.data(), tokens.size());
      content.sequences.push_back(std::move(sequence));
      content.end_of_sequences = reader.position();
    }
  } catch (const io::FormatError&) {
    if (!may_be_cut) throw;
    return content;
  }
}

}  // namespace detail

/// A complete store.
///
/// Throws  io::FileError; io::FormatError where it is cut or a bit of it changed.
[[nodiscard]] inline std::vector<stored_sequence> read_token_store(const std::string& path) {
  const io::MappedFile file(path);
  return detail::read_store(file.bytes(), path, false).sequences;
}

/// Writes a store, going on where an earlier writer with the same facts was stopped.
class TokenStoreWriter {
 public:
  /// Opens or begins the unfinished store of a path. One that was made with other facts is begun anew.
  ///
  /// Throws  io::FileError.
  TokenStoreWriter(std::string path, const std::string& facts)
      : path_(std::move(path)), partial_(path_ + ".partial") {
    std::size_t keep = 0;
    if (std::filesystem::exists(partial_)) {
      const io::MappedFile file(partial_, io::file_access::read);
      try {
        auto content = detail::read_store(file.bytes(), partial_, true);
        if (content.facts == facts) {
          keep = content.end_of_sequences;
          written_ = std::move(content.sequences);
          hash_.update(file.bytes().first(keep));
        }
      } catch (const io::FormatError&) {
        keep = 0;  // not even its beginning was written
      }
    }
    number_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (number_ < 0 || ::ftruncate(number_, static_cast<off_t>(keep)) != 0 ||
        ::lseek(number_, 0, SEEK_END) < 0)
      fail();
    if (keep != 0) return;
    std::string header(detail::store_magic);
    detail::append_u32(header, detail::store_version);
    detail::append_u32(header, static_cast<std::uint32_t>(facts.size()));
    write(header + facts);
  }
  TokenStoreWriter(const TokenStoreWriter&) = delete;
  TokenStoreWriter& operator=(const TokenStoreWriter&) = delete;
  ~TokenStoreWriter() {
    if (number_ >= 0) ::close(number_);
  }

  /// The sequences that are in the store, those of earlier writers included.
  [[nodiscard]] const std::vector<stored_sequence>& written() const { return written_; }

  /// Throws  io::FileError; what was written before stays.
  void append(stored_sequence sequence) {
    std::string record;
    detail::append_u32(record, sequence.sample);
    detail::append_u32(record, static_cast<std::uint32_t>(sequence.tokens.size()));
    for (const std::int32_t token : sequence.tokens)
      detail::append_u32(record, static_cast<std::uint32_t>(token));
    detail::append_u32(record, detail::check_of(std::as_bytes(std::span(record))));
    write(record);
    written_.push_back(std::move(sequence));
  }

  /// Ends the store and gives it its name.
  ///
  /// Throws  io::FileError.
  void finish() {
    std::string end;
    detail::append_u32(end, detail::store_end);
    detail::append_u32(end, static_cast<std::uint32_t>(written_.size()));
    const auto digest = hash_.digest();
    end.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    write(end);
    if (::fsync(number_) != 0 || std::rename(partial_.c_str(), path_.c_str()) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const { throw io::FileError(partial_, std::strerror(errno)); }

  void write(std::string_view bytes) {
    hash_.update(bytes);
    while (!bytes.empty()) {
      const ssize_t count = ::write(number_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail();
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  std::string path_;
  std::string partial_;
  int number_ = -1;
  io::Sha256 hash_;
  std::vector<stored_sequence> written_;
};

}  // namespace qat::distill
