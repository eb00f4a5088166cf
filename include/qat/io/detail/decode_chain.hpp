#pragma once

#include <qat/io/detail/byte_level.hpp>
#include <qat/io/unicode.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// From tokens back to text, one token at a time.

namespace qat::io::detail {

/// One step of a decoder. Each takes tokens and gives tokens.
struct decode_step {
  enum class kind {
    join,     ///< a space between tokens
    replace,  ///< every `from` in a token becomes `to`
    byte_fallback,  ///< a run of tokens <0xNN> becomes their bytes if they are UTF-8, else a U+FFFD for each
    raw_bytes,  ///< a token <0xNN> becomes its byte
    fuse,       ///< all tokens become one
    strip,      ///< up to `count` `from` at the beginning of a token are dropped
    metaspace,  ///< `from` becomes a space; dropped in the first token if `count` is not 0
    byte_level  ///< characters become the bytes they stand for
  };
  kind what = kind::fuse;
  std::string from;
  std::string to;
  std::uint32_t count = 0;
};

/// The byte that a token <0xNN> stands for. Like the reference's parser of numbers it takes +N as well.
[[nodiscard]] inline std::optional<std::uint8_t> byte_of_token(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  const int high = token[3] == '+' ? 0 : digit(token[3]);
  const int low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<std::uint8_t>(high * 16 + low);
}

/// text with every `from`, left to right, replaced by `to`.
[[nodiscard]] inline std::string replace_all(std::string_view text, std::string_view from,
                                             std::string_view to) {
  std::string result;
  result.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, done)) {
    result += text.substr(done, at - done);
    result += to;
    done = at + from.size();
  }
  result += text.substr(done);
  return result;
}

/// Runs the steps. The text it has given so far is always whole code points.
class DecodeChain {
 public:
  /// eager: the bytes of byte_fallback leave as soon as they are UTF-8, else at the end of their run.
  DecodeChain(const std::vector<decode_step>& steps, bool eager)
      : steps_(&steps), states_(steps.size()), eager_(eager) {}

  /// The next token counts as the first.
  void restart() {
    for (state& s : states_) s.started = false;
  }

  void push(std::string_view token) { feed(0, token, true); }

  /// No more tokens: what is incomplete becomes U+FFFD.
  void finish() {
    for (std::size_t i = 0; i < states_.size(); ++i)
      if (!states_[i].bytes.empty()) flush_bytes(i);
    text_ += replace_malformed(incomplete_);
    incomplete_.clear();
    for (state& s : states_) s = state();
  }

  /// The text since the last call.
  [[nodiscard]] std::string take() {
    std::string text;
    text.swap(text_);
    return text;
  }

 private:
  using kind = decode_step::kind;

  struct state {
    std::string bytes;            // byte_fallback: the run so far
    bool started = false;         // join, fuse, metaspace: a token has passed
    bool first = false;           // metaspace: inside the first token
    std::uint32_t remaining = 0;  // strip: may still be dropped from this token
  };

  /// Gives step i a token, or more of the token before if `begins` is false.
  void feed(std::size_t i, std::string_view token, bool begins) {
    if (i == steps_->size()) return emit(token);
    const decode_step& step = (*steps_)[i];
    state& s = states_[i];
    switch (step.what) {
      case kind::join:
        if (s.started) feed(i + 1, " ", begins);
        s.started = true;
        return feed(i + 1, token, begins);
      case kind::replace:
        return feed(i + 1, replace_all(token, step.from, step.to), begins);
      case kind::byte_fallback:
        if (const auto byte = byte_of_token(token)) {
          s.bytes.push_back(static_cast<char>(*byte));
          if (eager_ && is_utf8(s.bytes)) flush_bytes(i);
          return;
        }
        if (!s.bytes.empty()) flush_bytes(i);
        return feed(i + 1, token, begins);
      case kind::raw_bytes:
        if (const auto byte = byte_of_token(token)) {
          const char raw = static_cast<char>(*byte);
          return feed(i + 1, std::string_view(&raw, 1), begins);
        }
        return feed(i + 1, token, begins);
      case kind::fuse: {
        const bool is_first = !s.started;
        s.started = true;
        return feed(i + 1, token, is_first);
      }
      case kind::strip:
        if (begins) s.remaining = step.count;
        while (s.remaining > 0 && !token.empty()) {
          const bool drops = token.substr(0, step.from.size()) == step.from;
          s.remaining = drops ? s.remaining - 1 : 0;
          if (drops) token.remove_prefix(step.from.size());
        }
        return feed(i + 1, token, begins);
      case kind::metaspace:
        if (begins) {
          s.first = !s.started;
          s.started = true;
        }
        return feed(i + 1, replace_all(token, step.from, s.first && step.count != 0 ? "" : " "),
                    begins);
      case kind::byte_level:
        return feed(i + 1, bytes_of_characters(token), begins);
    }
  }

  void flush_bytes(std::size_t i) {
    const std::string run = std::move(states_[i].bytes);
    states_[i].bytes.clear();
    if (is_utf8(run)) return feed(i + 1, run, true);
    for (std::size_t b = 0; b < run.size(); ++b) feed(i + 1, replacement_character, true);
  }

  void emit(std::string_view bytes) {
    if (incomplete_.empty() && is_utf8(bytes)) {
      text_ += bytes;
      return;
    }
    incomplete_ += bytes;
    std::size_t at = 0;
    while (at < incomplete_.size()) {
      const code_point point = decode_utf8(incomplete_, at);
      if (point.cut_off) break;
      if (point.well_formed) {
        text_.append(incomplete_, at, point.length);
      } else {
        text_ += replacement_character;
      }
      at += point.length;
    }
    incomplete_.erase(0, at);
  }

  const std::vector<decode_step>* steps_;
  std::vector<state> states_;
  bool eager_;
  std::string incomplete_;  // bytes of a code point whose end has not come
  std::string text_;
};

}  // namespace qat::io::detail
