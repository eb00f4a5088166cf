#pragma once

#include <qat/core/contracts.hpp>
#include <qat/io/detail/decode_chain.hpp>
#include <qat/io/detail/encode_words.hpp>
#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/unicode.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Text to tokens and back. Tokenizers come from files: tokenizer_json.hpp, tokenizer_llama2c.hpp, tokenizer_gguf.hpp.

namespace qat::io {

/// What encode makes of special tokens that stand in the text.
enum class special_in_text {
  recognised,  ///< "<s>" is the token <s>
  plain        ///< "<s>" is three characters: for text from strangers
};

/// What decode makes of special tokens.
enum class special_in_output { dropped, shown };

/// A byte pair encoding with its vocabulary. Immutable; copies share their tables, and any number of threads may use one.
///
/// Laws  decode(encode(x, false), shown) == x for byte-level tokenizers without a normalizer and a prefix space, x
///       well-formed, unless an added token took spaces along. With a prefix space (metaspace, llama2.c) it holds for x
///       that does not begin with a space and does not contain U+2581, if the vocabulary has all bytes.
///       encode(decode(ids)) need not be ids: a text has many token sequences, of which encode knows one.
class Tokenizer {
 public:
  /// Readers of files call this.
  explicit Tokenizer(std::shared_ptr<const detail::tokenizer_tables> tables)
      : tables_(std::move(tables)) {
    QAT_EXPECTS(tables_ != nullptr, "null");
    bos_ = tables_->bos;
    eos_ = tables_->eos;
  }

  /// The tokens of a text, BOS first if add_bos.
  ///
  ///   special and added tokens -> normalizer -> words -> byte pair encoding of each word, merges by rank or score
  ///
  /// Valid   any bytes; each maximal malformed subpart counts as U+FFFD, as Python's errors="replace" gives. A character
  ///         the vocabulary lacks becomes its byte tokens, else the unknown token, else nothing, as the file says.
  /// Throws  ContractViolation if add_bos and there is no BOS, or from 2^31 - 1 bytes on.
  /// Cost    O(n log n).
  [[nodiscard]] std::vector<std::int32_t> encode(
      std::string_view text, bool add_bos,
      special_in_text special = special_in_text::recognised) const {
    QAT_EXPECTS(!add_bos || bos_.has_value(), "a tokenizer without a BOS token");
    QAT_EXPECTS(text.size() < std::numeric_limits<std::int32_t>::max(),
                std::to_string(text.size()) + " bytes");
    std::vector<std::int32_t> ids;
    if (add_bos) ids.push_back(*bos_);
    const bool as_text = special == special_in_text::plain;
    detail::Encoding encoding(*tables_, ids);
    if (is_utf8(text)) {
      encoding.run(text, as_text);
    } else {
      encoding.run(replace_malformed(text), as_text);
    }
    return ids;
  }

  /// The text of tokens: always well-formed UTF-8.
  ///
  /// Valid   ids >= 0; an id without a piece gives nothing, as in the reference. Bytes that are no UTF-8 become U+FFFD.
  /// Throws  ContractViolation for a negative id.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids,
                                   special_in_output special = special_in_output::dropped) const {
    detail::DecodeChain chain(tables_->decoder, false);
    for (const std::int32_t id : ids) push(chain, id, special);
    chain.finish();
    return chain.take();
  }

  /// Ids are 0 .. vocabulary_size() - 1, added tokens included.
  [[nodiscard]] std::size_t vocabulary_size() const { return tables_->pieces.size(); }

  [[nodiscard]] std::optional<std::int32_t> bos() const { return bos_; }
  [[nodiscard]] std::optional<std::int32_t> eos() const { return eos_; }

  /// The token as the file writes it (U+2581 for a space, characters for bytes); empty for an id without a piece.
  /// Throws  ContractViolation if id is out of range.
  [[nodiscard]] std::string_view piece(std::int32_t id) const {
    QAT_EXPECTS(has(id), std::to_string(id) + " of " + std::to_string(vocabulary_size()));
    return tables_->pieces[static_cast<std::size_t>(id)];
  }

  /// Whether the id is a special token: one that decode drops.
  /// Throws  ContractViolation if id is out of range.
  [[nodiscard]] bool is_special(std::int32_t id) const {
    QAT_EXPECTS(has(id), std::to_string(id) + " of " + std::to_string(vocabulary_size()));
    return tables_->special[static_cast<std::size_t>(id)] != 0;
  }

  /// The id of a token, an added one included, written as the file writes it.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view piece) const {
    const auto at = tables_->added_ids.find(piece);
    return at == tables_->added_ids.end() ? tables_->find(piece) : std::optional(at->second);
  }

  /// Whether the file says that a text for the model begins with BOS.
  [[nodiscard]] bool adds_bos() const { return tables_->adds_bos; }

  /// This tokenizer with other BOS and EOS tokens: where a model's configuration names them and the tokenizer's file does not.
  /// Throws  ContractViolation if one is out of range.
  [[nodiscard]] Tokenizer with_bos_eos(std::optional<std::int32_t> bos,
                                       std::optional<std::int32_t> eos) const {
    QAT_EXPECTS(!bos || has(*bos), "BOS " + std::to_string(*bos));
    QAT_EXPECTS(!eos || has(*eos), "EOS " + std::to_string(*eos));
    Tokenizer other(*this);
    other.bos_ = bos;
    other.eos_ = eos;
    return other;
  }

 private:
  friend class TokenStream;

  [[nodiscard]] bool has(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < vocabulary_size();
  }

  void push(detail::DecodeChain& chain, std::int32_t id, special_in_output special) const {
    QAT_EXPECTS(id >= 0, std::to_string(id));
    const auto at = static_cast<std::size_t>(id);
    const bool known = at < vocabulary_size() && !tables_->pieces[at].empty();
    if (known && (special == special_in_output::shown || tables_->special[at] == 0))
      chain.push(tables_->pieces[at]);
    if (tables_->restart_at_bos && bos_ == id) chain.restart();
  }

  std::shared_ptr<const detail::tokenizer_tables> tables_;
  std::optional<std::int32_t> bos_;
  std::optional<std::int32_t> eos_;
};

/// Decodes tokens as they come: each push gives the text that has become whole. To go on after a prompt, push the prompt's
/// tokens first and drop their text.
///
/// Laws  What push and finish give, joined, is decode of all tokens. One exception: where byte tokens <0xNN> of a
///       tokenizer.json go on to form no UTF-8, decode replaces their whole run, the stream only what it has not yet given.
class TokenStream {
 public:
  explicit TokenStream(const Tokenizer& tokenizer,
                       special_in_output special = special_in_output::dropped)
      : tokenizer_(tokenizer), special_(special), chain_(tokenizer_.tables_->decoder, true) {}

  /// The text that this token completes: whole code points, maybe none.
  /// Throws  ContractViolation for a negative id.
  [[nodiscard]] std::string push(std::int32_t id) {
    tokenizer_.push(chain_, id, special_);
    return chain_.take();
  }

  /// What is left: U+FFFD for what never became whole. The stream may then begin anew.
  [[nodiscard]] std::string finish() {
    chain_.finish();
    return chain_.take();
  }

 private:
  Tokenizer tokenizer_;
  special_in_output special_;
  detail::DecodeChain chain_;  // refers to the tables that tokenizer_ keeps alive
};

}  // namespace qat::io
