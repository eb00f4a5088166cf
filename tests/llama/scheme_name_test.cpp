#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

TEST_CASE("scheme: every name of the closed list is its own description") {
  for (const char* name :
       {"w4a8kv4",      "w4a8kv8",     "w4a6kv16",    "w4a8kv16",  "w4a16kv16", "w8a8kv4",
        "w8a8kv8",      "w8a8kv16",    "w4a4kv16",    "w4a4kv4",   "w4a16kv4",  "w4a8kv5",
        "w4a8kv4h",     "w4a8kv4hz",   "w4a8kv8h",    "w8a8kv8h",  "w3a8kv8h",  "w2a8kv8h",
        "w4g128a8kv4h", "w4g32a8kv4h", "w4g32a8kv8h", "w16a16kv16"})
    CHECK(qat::to_string(qat::parse_scheme(name)) == name);
  CHECK(qat::parse_scheme("full_precision") == qat::scheme_description{});
  const qat::scheme_description d = qat::parse_scheme("w4g32a8kv5hz");
  CHECK(d == qat::scheme_description{4, 32, 8, 5, true, true});
}

TEST_CASE("scheme: what the grammar does not say is refused with the name") {
  for (const char* name :
       {"",         "w4",       "w4a8",    "w4a8kv",    "w4a8kv4x",      "w4a8kv4zh", "w9a8kv4",
        "w1a8kv4",  "w4a1kv4",  "w4a8kv1", "w4g0a8kv4", "w16g32a8kv4",   "w4a8kv16h", "w4a8kv16z",
        "w04a8kv4", "w4ga8kv4", "W4A8KV4", "w4a8kv4 ",  "w4g99999a8kv4", "w-4a8kv4"}) {
    try {
      static_cast<void>(qat::parse_scheme(name));
      FAIL("accepted: " << name);
    } catch (const qat::ContractViolation& e) {
      CHECK(std::string(e.what()).find("\"" + std::string(name) + "\"") != std::string::npos);
    }
  }
  CHECK(qat::parse_scheme("w4a8kv1z").kv_bits == 1);
}

TEST_CASE("scheme: a type and its description agree") {
  using W4G32A8KV4HZ = qat::named_scheme<4, 32, 8, 4, true, true>;
  CHECK(qat::to_string(qat::describe<W4G32A8KV4HZ>()) == "w4g32a8kv4hz");
  static_assert(W4G32A8KV4HZ::weight::scale_format::stored_bits == 16);
  static_assert(W4G32A8KV4HZ::key_value::scale_format::stored_bits == 16);
  using W4A16KV16 = qat::named_scheme<4, 0, 16, 16, false, false>;
  CHECK(qat::to_string(qat::describe<W4A16KV16>()) == "w4a16kv16");
  static_assert(W4A16KV16::weight::scale_format::stored_bits == 32);
  static_assert(!qat::is_quantized<W4A16KV16::activation>);
  CHECK(qat::to_string(qat::describe<qat::full_precision>()) == "w16a16kv16");
  constexpr qat::scheme_description d = qat::parse_scheme("w4g32a8kv4hz");
  static_assert(std::is_same_v<W4G32A8KV4HZ,
                               qat::named_scheme<d.weight_bits, d.weight_group, d.activation_bits,
                                                 d.kv_bits, d.kv_per_head, d.kv_affine>>);
}

TEST_CASE("scheme: stored bits count scales and zero points") {
  CHECK(qat::stored_weight_bits(qat::parse_scheme("w4a8kv4"), 128) == 4.25);
  CHECK(qat::stored_weight_bits(qat::parse_scheme("w4g32a8kv4"), 128) == 4.5);
  CHECK(qat::stored_weight_bits(qat::parse_scheme("w4g32a8kv4"), 48) == 4.0 + 32.0 / 48.0);
  CHECK(qat::stored_weight_bits(qat::parse_scheme("w16a8kv4"), 128) == 32.0);
  CHECK(qat::stored_kv_bits(qat::parse_scheme("w4a8kv4"), 4, 16) == 4.25);
  CHECK(qat::stored_kv_bits(qat::parse_scheme("w4a8kv4h"), 4, 16) == 5.0);
  CHECK(qat::stored_kv_bits(qat::parse_scheme("w4a8kv4z"), 4, 16) == 4.3125);
  CHECK(qat::stored_kv_bits(qat::parse_scheme("w4a8kv4hz"), 4, 16) == 5.25);
}
