#pragma once

#include <qat/io/tokenizer.hpp>
#include <qat/llama/checkpoint.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

/// \file
/// What the subcommands share: mistakes, interruption, progress, texts and tokenizers.

namespace distill_llama {

/// Something that the person at the keyboard can mend; the message says how.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Ctrl-C.
class Interrupted : public std::exception {};

/// From now on Ctrl-C or SIGTERM makes interrupted() true instead of killing the program, a second one kills it; and a
/// file that outgrows its limit is an error of the write.
void catch_interrupts();
[[nodiscard]] bool interrupted();
/// Throws  Interrupted where interrupted() is true.
void stop_if_interrupted();

/// What --threads means: 0 is one a processor.
[[nodiscard]] unsigned thread_count(unsigned chosen);

/// The SHA-256 of a file.
[[nodiscard]] std::string hash_of_file(const std::string& path);

/// A line on stderr that shows how far a stage is, its rate and the time left; only on a terminal.
class Progress {
 public:
  /// `unit` is what is counted: "sequences".
  Progress(std::string stage, std::string unit, std::size_t total, bool quiet = false);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void show(std::size_t done);

 private:
  std::string stage_;
  std::string unit_;
  std::size_t total_;
  double begun_;
  double shown_ = 0.0;
  bool on_terminal_;
};

/// Seconds on a clock that never goes back.
[[nodiscard]] double seconds();

/// The rows of a text file: a .jsonl gives its fields `text`, anything else one row.
///
/// Throws  UsageError with the line that is not an object with a text.
[[nodiscard]] std::vector<std::string> read_rows(const std::string& path);

/// The tokenizer of a model: `given`, or the one that lies in its folder, in its GGUF file, or beside its .bin file.
///
/// Throws  UsageError that says where it was looked for.
[[nodiscard]] qat::io::Tokenizer find_tokenizer(const qat::llama::Checkpoint& checkpoint,
                                                const std::string& model, const std::string& given);

/// The same for a model that is no GGUF file.
[[nodiscard]] qat::io::Tokenizer find_tokenizer(const std::string& model, std::size_t vocabulary,
                                                const std::string& given);

/// Version, commit, compiler, flags.
[[nodiscard]] std::string program_version();

/// 1234567 bytes as "1.2 MB".
[[nodiscard]] std::string in_megabytes(double bytes);

}  // namespace distill_llama
