#pragma once

#include <qat/io/detail/score_merges.hpp>
#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/format_error.hpp>
#include <qat/io/tokenizer.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// tokenizer.bin of llama2.c.

namespace qat::io {

/// A tokenizer from the bytes of a llama2.c tokenizer.bin.
///
///   int32 longest piece, then for each token: float score, int32 length, the piece's bytes
///
/// Encoding  A text that is not empty gets a space in front; code points the vocabulary lacks become byte tokens
///           (3 + byte); then the two neighbours whose joined text has the best score merge, the first of equals, until
///           none is left. Of equal pieces the first counts. Nothing in a text is special.
/// Decoding  <0xNN> is a byte; the first token, and the one after BOS, loses one leading space. <unk>, BOS and EOS (0, 1,
///           2) are special.
/// Valid     vocabulary as the model's configuration has it, >= 259. BOS is 1, EOS 2. The scores of pieces are finite.
///           Bytes behind the last token are refused: the file belongs to another vocabulary.
/// Throws    FormatError if the bytes are not such a file; ContractViolation if vocabulary is below 259.
/// Source    karpathy/llama2.c: run.c, tokenizer.py.
[[nodiscard]] inline Tokenizer tokenizer_from_llama2c(std::span<const std::byte> bytes,
                                                      const std::string& path,
                                                      std::size_t vocabulary) {
  constexpr std::size_t first_byte = 3;
  QAT_EXPECTS(vocabulary >= first_byte + 256, std::to_string(vocabulary) + " tokens");
  std::size_t offset = 0;
  const auto word = [&](const std::string& what) {
    if (bytes.size() - offset < 4)
      throw FormatError(path, offset, what,
                        "the end of the file after " + std::to_string(bytes.size()) + " bytes");
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + offset, 4);
    offset += 4;
    return value;
  };
  const auto longest = std::bit_cast<std::int32_t>(word("the length of the longest piece"));
  if (longest < 1 || static_cast<std::size_t>(longest) > detail::most_scored_bytes)
    throw FormatError(path, 0, "a longest piece of 1 to 1024 bytes", std::to_string(longest));
  if ((bytes.size() - offset) / 8 < vocabulary)
    throw FormatError(path, offset, std::to_string(vocabulary) + " tokens of 8 bytes or more",
                      std::to_string(bytes.size() - offset) + " bytes");

  auto tables = std::make_shared<detail::tokenizer_tables>();
  std::vector<float> scores;
  scores.reserve(vocabulary);
  tables->pieces.reserve(vocabulary);
  for (std::size_t id = 0; id < vocabulary; ++id) {
    const std::string token = "token " + std::to_string(id);
    const float score = std::bit_cast<float>(word("the score of " + token));
    if (!std::isfinite(score))
      throw FormatError(path, offset - 4, "a finite score of " + token, std::to_string(score));
    const auto length = std::bit_cast<std::int32_t>(word("the length of " + token));
    if (length < 0 || length > longest)
      throw FormatError(path, offset - 4,
                        "a length of " + token + " from 0 to " + std::to_string(longest),
                        std::to_string(length));
    const auto size = static_cast<std::size_t>(length);
    if (bytes.size() - offset < size)
      throw FormatError(path, offset, std::to_string(size) + " bytes of " + token,
                        std::to_string(bytes.size() - offset));
    std::string piece(size, '\0');
    if (size > 0) std::memcpy(piece.data(), bytes.data() + offset, size);
    const auto byte = detail::byte_of_token(piece);
    if (id >= first_byte && id < first_byte + 256 && byte != id - first_byte)
      throw FormatError(path, offset, "the token of byte " + std::to_string(id - first_byte),
                        detail::in_quotes(piece));
    offset += size;
    scores.push_back(score);
    tables->pieces.push_back(std::move(piece));
  }
  if (offset != bytes.size())
    throw FormatError(path, offset,
                      "the end of a file of " + std::to_string(vocabulary) + " tokens",
                      std::to_string(bytes.size() - offset) + " bytes more");

  for (std::size_t id = 0; id < vocabulary; ++id)
    if (!tables->pieces[id].empty())
      tables->ids.emplace(tables->pieces[id], static_cast<std::int32_t>(id));
  tables->index_symbols();
  for (std::size_t byte = 0; byte < 256; ++byte)
    tables->byte_ids[byte] = static_cast<std::int32_t>(first_byte + byte);
  tables->byte_fallback = true;
  tables->special.assign(vocabulary, 0);
  for (std::size_t id = 0; id < first_byte; ++id) tables->special[id] = 1;
  tables->bos = 1;
  tables->eos = 2;
  tables->adds_bos = true;
  tables->normalizer.push_back({detail::text_step::kind::prepend, "", " "});
  using step = detail::decode_step;
  tables->decoder = {step{step::kind::fuse, "", "", 0}, step{step::kind::strip, " ", "", 1},
                     step{step::kind::raw_bytes, "", "", 0}};
  tables->restart_at_bos = true;
  constexpr float never = -1e10f;  // the score that llama2.c's search for the best begins with
  detail::merge_by_scores(*tables, scores, never);
  return Tokenizer(std::move(tables));
}

}  // namespace qat::io
