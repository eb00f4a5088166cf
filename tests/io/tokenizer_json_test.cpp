#include <qat/io/tokenizer_json.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tests/io/tokenizer_files.hpp>
#include <tests/support/golden.hpp>

using namespace qat::io;
using nlohmann::json;
using qat::testing::as_bytes;
using qat::testing::format_error;

namespace {

Tokenizer load(const std::string& text) {
  return tokenizer_from_json(as_bytes(text), "t.json");
}
Tokenizer load(const json& document) {
  return load(document.dump());
}

/// The golden tokenizers by name: the files of tests/golden with the patch of their variant.
std::map<std::string, Tokenizer> variants() {
  std::map<std::string, Tokenizer> tokenizers;
  for (const auto& line : qat::testing::golden_lines("tokenizer_cases.txt")) {
    if (line[0] != "variant") continue;
    json document = json::parse(qat::testing::golden_bytes(line[2]));
    document.merge_patch(json::parse(line[3]));
    tokenizers.emplace(line[1], load(document));
  }
  return tokenizers;
}

/// Three letters and "ab"; "c" is the unknown token.
json small() {
  return json::parse(
      R"({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
    "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "unk_token": "c", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]}})");
}

json added(int id, const char* content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

}  // namespace

TEST_CASE("tokenizer_from_json: tokens and texts of every golden case are those of the reference") {
  const auto tokenizers = variants();
  std::size_t cases = 0;
  for (const auto& line : qat::testing::golden_lines("tokenizer_cases.txt")) {
    if (line[0] != "case") continue;
    REQUIRE(line.size() == 7);
    CAPTURE(line[1]);
    CAPTURE(line[2]);
    const Tokenizer& tokenizer = tokenizers.at(line[1]);
    const std::string text = qat::testing::from_hex(line[2]);
    const std::vector<std::int32_t> ids = qat::testing::ids_of(line[3]);
    const std::vector<std::int32_t> plain = line[4] == "=" ? ids : qat::testing::ids_of(line[4]);
    CHECK(tokenizer.encode(text, false) == ids);
    CHECK(tokenizer.encode(text, false, special_in_text::plain) == plain);
    const std::string shown =
        line[5] == "=" ? replace_malformed(text) : qat::testing::from_hex(line[5]);
    const std::string dropped = line[6] == "=" ? shown : qat::testing::from_hex(line[6]);
    CHECK(tokenizer.decode(ids, special_in_output::shown) == shown);
    CHECK(tokenizer.decode(ids) == dropped);
    TokenStream stream(tokenizer);
    std::string streamed;
    for (const std::int32_t id : ids) {
      const std::string part = stream.push(id);
      CHECK(is_utf8(part));
      streamed += part;
    }
    CHECK(streamed + stream.finish() == dropped);
    ++cases;
  }
  CHECK(cases == 91 * tokenizers.size());
}

TEST_CASE("tokenizer_from_json: tokens of the shared texts are those of the reference") {
  auto tokenizers = variants();
  const std::string shared = "models/tinystories656k/tokenizer.json";
  const auto file = qat::testing::data_bytes(shared);
  if (!file) return;
  tokenizers.emplace(shared, load(*file));
  std::map<std::string, std::string> texts;
  for (const auto& line : qat::testing::golden_lines("tokenizer_texts.txt")) {
    CAPTURE(line[0]);
    CAPTURE(line[1]);
    if (texts.count(line[1]) == 0) texts[line[1]] = qat::testing::data_bytes(line[1]).value();
    const auto rows = qat::testing::rows_of(line[1], texts[line[1]], std::stoul(line[2]));
    const auto [count, hash] = qat::testing::summary(tokenizers.at(line[0]), rows);
    CHECK(std::to_string(count) == line[3]);
    CHECK(hash == line[4]);
  }
}

TEST_CASE("tokenizer_from_json: the stories of the reference run have its token ids") {
  const auto file = qat::testing::data_bytes("models/tinystories656k/tokenizer.json");
  const auto table =
      qat::testing::data_bytes("vectors/reference/tinystories656k_first100stories.nll.tsv");
  const auto texts = qat::testing::data_bytes("text/tinystories_dev.jsonl");
  if (!file || !table || !texts) return;
  const Tokenizer tokenizer = load(*file);
  CHECK(tokenizer.vocabulary_size() == 2048);
  CHECK(tokenizer.bos() == 1);
  CHECK(tokenizer.adds_bos());
  CHECK(!tokenizer.eos().has_value());
  CHECK(qat::testing::differing_rows(tokenizer, *table, *texts) == "");
}

TEST_CASE("tokenizer_from_json: BOS and EOS are those of the template") {
  json document = small();
  document["added_tokens"] = {added(4, "<s>"), added(5, "</s>")};
  document["post_processor"] = json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "B", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "E", "type_id": 0}}], "pair": [],
    "special_tokens": {"B": {"id": "B", "ids": [4], "tokens": ["<s>"]},
                       "E": {"id": "E", "ids": [5], "tokens": ["</s>"]}}})");
  const Tokenizer tokenizer = load(document);
  CHECK(tokenizer.bos() == 4);
  CHECK(tokenizer.eos() == 5);
  CHECK(tokenizer.encode("ab</s>", true) == std::vector<std::int32_t>{4, 3, 5});
  CHECK(tokenizer.find("</s>") == 5);
  CHECK(tokenizer.find("ab") == 3);
  CHECK(!tokenizer.find("ba").has_value());
  document["post_processor"]["single"].push_back(
      json::parse(R"({"SpecialToken": {"id": "E", "type_id": 0}})"));
  CHECK(format_error([&] { load(document); }).find("at most one SpecialToken") !=
        std::string::npos);
}

TEST_CASE("tokenizer_from_json: a merge that is named twice has the later rank") {
  json document = small();
  document["model"]["vocab"]["ba"] = 4;
  document["model"]["merges"] = json::parse(R"([["a", "b"], ["b", "a"], ["a", "b"]])");
  CHECK(load(document).encode("babab", false) == std::vector<std::int32_t>{4, 4, 1});
}

TEST_CASE("tokenizer_from_json: ids may leave gaps that decode to nothing") {
  json document = small();
  document["model"]["vocab"]["z"] = 9;
  const Tokenizer tokenizer = load(document);
  CHECK(tokenizer.vocabulary_size() == 10);
  CHECK(tokenizer.piece(7).empty());
  CHECK(tokenizer.decode(std::vector<std::int32_t>{0, 7, 9, 2000000000}) == "az");
}

TEST_CASE("tokenizer_from_json: what the reader does not know is refused by its name") {
  const auto with = [](const char* place, const char* value) {
    json document = small();
    document[json::json_pointer(place)] = json::parse(value);
    return format_error([&] { load(document); });
  };
  const auto names = [](const std::string& message, const char* name) {
    CAPTURE(message);
    CAPTURE(name);
    CHECK(message.find("t.json at byte ") == 0);
    CHECK(message.find(name) != std::string::npos);
  };
  CHECK(format_error([] { load(small()); }) == "");
  for (const char* type : {"NFC", "NFKC", "NFD", "Lowercase", "Precompiled", "StripAccents", "Nmt"})
    names(with("/normalizer", (std::string(R"({"type": ")") + type + "\"}").c_str()), type);
  names(with("/normalizer", R"({"type": "Replace", "pattern": {"Regex": " +"}, "content": " "})"),
        "String");
  names(with("/normalizer", R"({"type": "Replace", "pattern": {"String": ""}, "content": " "})"),
        "not empty");
  names(with("/pre_tokenizer", R"({"type": "BertPreTokenizer"})"), "BertPreTokenizer");
  names(with("/pre_tokenizer", R"({"type": "Whitespace"})"), "Whitespace");
  names(
      with(
          "/pre_tokenizer",
          R"({"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated", "invert": false})"),
      "\\w+");
  names(
      with(
          "/pre_tokenizer",
          R"({"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": false})"),
      "Regex");
  names(with("/pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [
    {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    {"type": "Digits", "individual_digits": true}]})"),
        "Digits");
  names(
      with("/pre_tokenizer",
           R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}]})"),
      "first");
  names(with("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "ab"})"), "one character");
  names(with("/pre_tokenizer",
             R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"})"),
        "last");
  names(
      with(
          "/pre_tokenizer",
          R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "add_prefix_space": false})"),
      "first");
  names(with("/post_processor", R"({"type": "RobertaProcessing"})"), "RobertaProcessing");
  names(with("/decoder", R"({"type": "WordPiece"})"), "WordPiece");
  names(with("/decoder", R"({"type": "Strip", "content": " ", "start": 1, "stop": 1})"), "stop");
  names(with("/decoder",
             R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]})"),
        "Fuse");
  names(with("/decoder", R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
    {"type": "Replace", "pattern": {"String": "ab"}, "content": ""}]})"),
        "ab");
  names(with("/model/type", R"("Unigram")"), "Unigram");
  names(with("/model/dropout", "0.1"), "dropout");
  names(with("/model/continuing_subword_prefix", R"("##")"), "##");
  names(with("/model/end_of_word_suffix", R"("</w>")"), "</w>");
  names(with("/version", R"("2.0")"), "2.0");
}

TEST_CASE("tokenizer_from_json: a document that contradicts itself is refused") {
  const auto refused = [](const char* place, const char* value, const char* text) {
    json document = small();
    document[json::json_pointer(place)] = json::parse(value);
    const std::string message = format_error([&] { load(document); });
    CAPTURE(message);
    CAPTURE(place);
    CAPTURE(value);
    CHECK(message.find(text) != std::string::npos);
  };
  refused("/model/vocab/a", "-1", "integer");
  refused("/model/vocab/a", "0.5", "integer");
  refused("/model/vocab/a", "4294967296", "integer from 0 to 1031");
  refused("/model/vocab/a", R"("0")", "integer");
  refused("/model/vocab/a", "1", "one token for an id");
  refused("/model/vocab", "[]", "object");
  refused("/model/vocab", "null", "object");
  refused("/model", "7", "object");
  refused("/model/merges", "{}", "array");
  refused("/model/merges", R"(["a  b"])", "one space");
  refused("/model/merges", R"(["ab"])", "one space");
  refused("/model/merges", R"([["a"]])", "two tokens");
  refused("/model/merges", R"([["a", 1]])", "a text");
  refused("/model/merges", R"(["a x"])", "\"x\"");
  refused("/model/merges", R"(["b a"])", "\"ba\"");
  refused("/model/unk_token", R"("<unk>")", "unk_token");
  refused("/model/fuse_unk", "1", "true or false");
  refused("/added_tokens", R"([{"id": 1, "content": "a"}])", "the id of \"a\"");
  refused("/added_tokens", R"([{"id": 1, "content": "x"}])", "free");
  refused("/added_tokens", R"([{"id": 9, "content": ""}])", "not empty");
  refused("/added_tokens", R"([{"id": 5000, "content": "x"}])", "integer");
  refused("/added_tokens", R"([{"id": 9, "content": "x"}])", "special");
  refused("/added_tokens", json::array({added(9, "x"), added(9, "x")}).dump().c_str(), "once");
  refused("/added_tokens", "{}", "array");
  refused("/decoder", R"({"type": 3})", "text");
  refused("/decoder", "{}", "type");
  refused("/decoder", R"({"type": "Sequence"})", "decoders");

  json bytes = small();
  bytes["added_tokens"] = json::array({added(9, std::string((4u << 20) + 1, 'x').c_str())});
  CHECK(format_error([&] { load(bytes); }).find("4 MiB") != std::string::npos);

  const json twice =
      json::parse(R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"})");
  json bomb = small();
  bomb["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array_t(8, twice)}};
  CHECK(load(bomb).encode("a", false).size() == 256);
  bomb["normalizer"]["normalizers"].push_back(twice);
  CHECK(format_error([&] { load(bomb); }).find("256 times") != std::string::npos);
  bomb = small();
  bomb["decoder"] = {{"type", "Sequence"}, {"decoders", json::array_t(9, twice)}};
  CHECK(format_error([&] { load(bomb); }).find("256 times") != std::string::npos);
  const json fuse = json::parse(R"({"type": "Fuse"})");
  bomb["decoder"] = {{"type", "Sequence"}, {"decoders", json::array_t(65, fuse)}};
  CHECK(format_error([&] { load(bomb); }).find("64 steps") != std::string::npos);

  json nested = json::parse(R"({"type": "Fuse"})");
  for (int i = 0; i < 9; ++i) nested = {{"type", "Sequence"}, {"decoders", json::array({nested})}};
  json document = small();
  document["decoder"] = nested;
  CHECK(format_error([&] { load(document); }).find("8 sequences") != std::string::npos);
}

TEST_CASE("tokenizer_from_json: bytes that are no JSON are refused with their offset") {
  const std::string whole = small().dump();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const std::string message = format_error([&] { load(whole.substr(0, size)); });
    CHECK(message ==
          "t.json at byte " + std::to_string(size) + ": expected JSON; found the end of the file");
  }
  CHECK(format_error([&] {
          load(whole + "x");
        }).find("byte " + std::to_string(whole.size()) + ":") != std::string::npos);
  CHECK(format_error([] { load(std::string("{\"a\xff\": 1}")); }).find("JSON") !=
        std::string::npos);
  CHECK(format_error([] { load(std::string(100000, '[')); }).find("JSON") != std::string::npos);
  CHECK(format_error([] { load(std::string(100000, '[') + std::string(100000, ']')); }) != "");
  CHECK(format_error([] { load(std::string("[]")); }).find("an object") != std::string::npos);
}
