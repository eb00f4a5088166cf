#include "program.hpp"

#include <qat/io/mapped_file.hpp>
#include <qat/io/sha256.hpp>
#include <qat/io/tokenizer_gguf.hpp>
#include <qat/io/tokenizer_json.hpp>
#include <qat/io/tokenizer_llama2c.hpp>
#include <qat/kernels/code_product.hpp>
#include <qat/version.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <thread>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

namespace distill_llama {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

void on_interrupt(int signal) {
  interrupt_seen = 1;
  std::signal(signal, SIG_DFL);
}

qat::io::Tokenizer load_tokenizer(const std::string& path, std::size_t vocabulary) {
  const qat::io::MappedFile file(path);
  return path.ends_with(".json") ? qat::io::tokenizer_from_json(file.bytes(), path)
                                 : qat::io::tokenizer_from_llama2c(file.bytes(), path, vocabulary);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGXFSZ, SIG_IGN);  // a file too large is an error of write(), not the end
}

bool interrupted() {
  return interrupt_seen != 0;
}

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted();
}

unsigned thread_count(unsigned chosen) {
  return chosen != 0 ? chosen : std::max(1u, std::thread::hardware_concurrency());
}

std::string hash_of_file(const std::string& path) {
  return qat::io::sha256(qat::io::MappedFile(path).bytes());
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Progress::Progress(std::string stage, std::string unit, std::size_t total, bool quiet)
    : stage_(std::move(stage)),
      unit_(std::move(unit)),
      total_(total),
      begun_(seconds()),
      on_terminal_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (on_terminal_ && shown_ != 0.0) std::fputs("\r\033[K", stderr);
}

void Progress::show(std::size_t done) {
  const double now = seconds();
  if (!on_terminal_ || now - shown_ < 0.1) return;
  shown_ = now;
  const double rate = static_cast<double>(done) / (now - begun_ + 1e-9);
  const double left = static_cast<double>(total_ - done) / (rate + 1e-9);
  std::fprintf(stderr, "\r\033[K%s: %zu of %zu %s, %.1f a second, %.0f s left", stage_.c_str(),
               done, total_, unit_.c_str(), rate, left);
}

std::string program_version() {
  return "distill_llama of qat " + std::to_string(qat::version_major) + "." +
         std::to_string(qat::version_minor) + "." + std::to_string(qat::version_patch) +
         "\ncommit   " QAT_COMMIT "\ncompiler " QAT_COMPILER "\nflags    " QAT_FLAGS
         "\nproducts of codes: " +
         qat::to_string(qat::best_product_path());
}

std::string in_megabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", bytes / 1e6);
  return text;
}

std::vector<std::string> read_rows(const std::string& path) {
  const std::string text = qat::io::read_text(path);
  if (!path.ends_with(".jsonl")) return {text};
  std::vector<std::string> rows;
  std::istringstream lines(text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("text") || !json["text"].is_string())
      throw UsageError(path + ", line " + std::to_string(number) +
                       ": is not a JSON object with a field \"text\"");
    rows.push_back(json["text"].get<std::string>());
  }
  return rows;
}

qat::io::Tokenizer find_tokenizer(const qat::llama::Checkpoint& checkpoint,
                                  const std::string& model, const std::string& given) {
  if (given.empty() && checkpoint.gguf_metadata() != nullptr)
    return qat::io::tokenizer_from_gguf(*checkpoint.gguf_metadata());
  return find_tokenizer(model, checkpoint.config().vocabulary, given);
}

qat::io::Tokenizer find_tokenizer(const std::string& model, std::size_t vocabulary,
                                  const std::string& given) {
  namespace fs = std::filesystem;
  if (!given.empty()) return load_tokenizer(given, vocabulary);
  const fs::path folder = fs::is_directory(model) ? fs::path(model) : fs::path(model).parent_path();
  std::vector<std::string> names{"tokenizer.json", "tokenizer.bin"};
  if (!fs::is_directory(model)) names.push_back("tok" + std::to_string(vocabulary) + ".bin");
  std::string tried;
  for (const std::string& name : names) {
    const std::string path = (folder / name).string();
    if (fs::exists(path)) return load_tokenizer(path, vocabulary);
    tried += (tried.empty() ? "" : ", ") + path;
  }
  throw UsageError("no tokenizer: there is no " + tried + "; name it with --tokenizer");
}

}  // namespace distill_llama
