#pragma once

#include <qat/io/detail/tokenizer_json_model.hpp>
#include <qat/io/detail/tokenizer_json_steps.hpp>
#include <qat/io/detail/tokenizer_tables.hpp>
#include <qat/io/format_error.hpp>
#include <qat/io/json_field.hpp>
#include <qat/io/tokenizer.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

/// \file
/// tokenizer.json of Hugging Face.

namespace qat::io {

/// A tokenizer from the bytes of a tokenizer.json: the tokens and the text of PyPI tokenizers 0.22. (0.23 shows special
/// tokens with `normalized` true where decode should drop them, and its Digits knows 13 numbers of Unicode 17 more.)
///
///   model           BPE: vocab, merges ("a b" or ["a", "b"]), unk_token, fuse_unk, byte_fallback, ignore_merges
///   added_tokens    special, single_word, lstrip, rstrip, normalized
///   normalizer      Prepend, Replace of a String
///   pre_tokenizer   ByteLevel, Split by the regular expression of GPT-2, Llama 3 or Qwen 2, Digits, Metaspace
///   post_processor  TemplateProcessing with at most one special token in front (BOS) and one behind (EOS), ByteLevel
///   decoder         Replace of a String, ByteFallback, Fuse, Strip of a beginning, Metaspace, ByteLevel; none joins with spaces
///
/// and a Sequence of each. Whatever else a file names is refused by its name: nothing is skipped that would change a token.
/// truncation and padding are settings of the caller and not read. BOS and EOS are those of the template; where it has none,
/// the model's configuration names them: Tokenizer::with_bos_eos.
///
/// Throws  FormatError if the bytes are no such file: at most 2^21 tokens, ids below twice their number and 1024, no two
///         tokens of one id, merges of known tokens only, added tokens of 4 MiB together. Offsets are those of the JSON
///         where it does not parse, else 0 and the place inside the document.
/// Source  huggingface/tokenizers.
[[nodiscard]] inline Tokenizer tokenizer_from_json(std::span<const std::byte> bytes,
                                                   const std::string& path) {
  const nlohmann::json document =
      parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  const JsonField root(document, path);
  if (root.has("version") && root["version"].text() != "1.0") root["version"].refuse("\"1.0\"");

  auto tables = std::make_shared<detail::tokenizer_tables>();
  detail::read_vocabulary(root, *tables);
  detail::read_model(root["model"], *tables);
  if (root.has("normalizer")) detail::read_normalizer(root["normalizer"], tables->normalizer);
  if (root.has("pre_tokenizer")) detail::read_pre_tokenizer(root["pre_tokenizer"], tables->splits);
  if (root.has("decoder")) {
    detail::read_decoder(root["decoder"], tables->decoder);
  } else {
    tables->decoder.push_back({detail::decode_step::kind::join, "", "", 0});
  }
  if (root.has("added_tokens")) detail::read_added_tokens(root["added_tokens"], *tables);
  if (root.has("post_processor")) detail::read_post_processor(root["post_processor"], *tables);
  return Tokenizer(std::move(tables));
}

}  // namespace qat::io
