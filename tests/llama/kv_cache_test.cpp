#include <qat/llama/kv_cache.hpp>
#include <qat/llama/scheme_name.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <vector>

#include <tests/support/llamas.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::Shape;
using qat::llama::KvCache;

namespace {

using KV4 = qat::named_scheme<16, 0, 16, 4, false, false>;
using KV4HZ = qat::named_scheme<16, 0, 16, 4, true, true>;
using KV4Wide = qat::scheme<qat::not_quantized, qat::not_quantized,
                            qat::Quantizer<qat::bits<4>, qat::per_token, qat::fp32_scale>, false>;

/// Both layers get the same rows.
template <class Scheme>
KvCache<Scheme> filled(std::size_t tokens) {
  KvCache<Scheme> cache(tiny_llama);
  const auto k = uniform_tensor<float>(1, {tokens, 12}, 2.0f);
  const auto v = uniform_tensor<float>(2, {tokens, 12});
  for (std::size_t layer = 0; layer < 2; ++layer) cache.append(layer, k.view(), v.view());
  cache.advance(tokens);
  return cache;
}

const qat::RopeTable<float> table({}, 6, 16);

/// The first numbers of the keys and values of both heads.
using Memories = std::array<std::array<std::vector<float>, 2>, 2>;

template <class Scheme>
Memories memories(const KvCache<Scheme>& cache, std::size_t layer, std::size_t count) {
  qat::Arena arena(65536);
  const auto room = cache.take(arena, count);
  cache.read(layer, count, table, room);
  Memories all;
  for (std::size_t h = 0; h < 2; ++h) {
    const qat::attention_memory<float> memory = cache.head(layer, h, room);
    all[0][h].assign(memory.keys, memory.keys + qat::attention_keys(count, 6));
    all[1][h].assign(memory.values, memory.values + qat::attention_values(count, 6));
  }
  return all;
}

/// Key j, element d at (j / 32 * 6 + d) * 32 + j % 32; value j, element d at 32 j + d.
void check_memories(const Memories& found, const qat::TensorView<const float>& k,
                    const qat::TensorView<const float>& v) {
  for (std::size_t p = 0; p < k.rows(); ++p)
    for (std::size_t h = 0; h < 2; ++h)
      for (std::size_t d = 0; d < 6; ++d) {
        CHECK(found[0][h][(p / 32 * 6 + d) * 32 + p % 32] == k.row(p)[h * 6 + d]);
        CHECK(found[1][h][p * 32 + d] == v.row(p)[h * 6 + d]);
      }
}

}  // namespace

TEST_CASE("KvCache: takes the bits that the scheme states") {
  // Two layers of K and V: 12 elements a token, in fp32, in 4 bits with one fp16 or fp32 scale, with one scale and 4-bit zero
  // point a head (packed over a layer's K or V: 2 x 4 bits a token).
  CHECK(filled<qat::full_precision>(10).bytes() == 4 * 10 * 12 * 4);
  CHECK(filled<KV4>(10).bytes() == 4 * 10 * (6 + 2));
  CHECK(filled<KV4Wide>(10).bytes() == 4 * 10 * (6 + 4));
  CHECK(filled<KV4HZ>(10).bytes() == 4 * 10 * (6 + 2 * 2 + 1));
  CHECK(qat::stored_kv_bits(qat::describe<KV4>(), 2, 6) * 12 == (6 + 2) * 8);
  CHECK(qat::stored_kv_bits(qat::describe<KV4HZ>(), 2, 6) * 12 == (6 + 2 * 2 + 1) * 8);
}

TEST_CASE("KvCache: forgetting the last tokens leaves the first as they were") {
  KvCache<KV4HZ> cache = filled<KV4HZ>(9);
  cache.truncate(4);
  CHECK(cache.size() == 4);
  CHECK(cache.bytes() == filled<KV4HZ>(4).bytes());
  const auto read = [](const KvCache<KV4HZ>& c) { return memories(c, 1, 4); };
  CHECK(read(cache) == read(filled<KV4HZ>(4)));
  CHECK_THROWS_AS(cache.truncate(5), qat::ContractViolation);
}

TEST_CASE_TEMPLATE("KvCache: keys come back as quantized and then rotated", Scheme, KV4, KV4Wide) {
  const Memories found = memories(filled<Scheme>(3), 0, 3);
  auto k = uniform_tensor<float>(1, {3, 12}, 2.0f), v = uniform_tensor<float>(2, {3, 12});
  using Q = typename Scheme::key_value;
  for (auto* x : {&k, &v})
    qat::fake_quantize<Q>(x->view().matrix(), qat::calibrate<Q>(x->view().matrix()),
                          x->view().matrix());
  for (std::size_t p = 0; p < 3; ++p) qat::rotate_row(table, p, 2, k.row(p), k.row(p));
  check_memories(found, k.view(), v.view());
}

TEST_CASE(
    "KvCache: fp32 keys and values lie where attention reads them, whatever was there before") {
  const auto k = uniform_tensor<float>(1, {70, 12}, 2.0f), v = uniform_tensor<float>(2, {70, 12});
  KvCache<qat::full_precision> cache = filled<qat::full_precision>(50);
  cache.truncate(31);  // the next keys stand in two panels that hold forgotten ones
  for (std::size_t row = 31; row < 70; row += 13)
    for (std::size_t layer = 0; layer < 2; ++layer)
      cache.append(layer, k.view().rows_from(row, 13), v.view().rows_from(row, 13));
  for (std::size_t layer = 0; layer < 2; ++layer)
    check_memories(memories(cache, layer, 70), k.view(), v.view());
}
