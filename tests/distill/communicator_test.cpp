#include <qat/distill/communicator.hpp>

#include <doctest/doctest.h>

#include <tests/support/llamas.hpp>

using qat::distill::GradientTree;
using parameters = qat::llama::llama_parameters<float>;

namespace {

parameters part(std::uint64_t number) {
  parameters p(qat::testing::trained_llama);
  qat::llama::for_each_parameter(p, [&](const std::string&, qat::Tensor<float>& t) {
    for (std::size_t i = 0; i < t.size(); ++i)
      t.data()[i] = qat::testing::uniform(number, i) * 1000.0f;
  });
  return p;
}

std::vector<float> numbers(const parameters& p) {
  std::vector<float> all;
  qat::llama::for_each_parameter(p, [&](const std::string&, const qat::Tensor<float>& t) {
    all.insert(all.end(), t.data(), t.data() + t.size());
  });
  return all;
}

parameters sum_of(std::uint64_t first, std::uint64_t count) {
  GradientTree tree;
  for (std::uint64_t i = first; i < first + count; ++i) tree.add(part(i), 0.125f);
  return tree.take();
}

}  // namespace

TEST_CASE("GradientTree: several workers get the bits of one") {
  const std::vector<float> one = numbers(sum_of(0, 8));
  for (const std::uint64_t workers : {2u, 4u, 8u}) {
    GradientTree over_ranks;  // what all_reduce does
    for (std::uint64_t w = 0; w < workers; ++w)
      over_ranks.add(sum_of(w * 8 / workers, 8 / workers), 1.0f);
    CHECK(numbers(over_ranks.take()) == one);
  }
  parameters chain = part(0);
  GradientTree weighted;
  weighted.add(part(0), 0.125f);
  CHECK(numbers(weighted.take())[3] == numbers(chain)[3] * 0.125f);
}

TEST_CASE("GradientTree: refuses parts that are no power of two") {
  GradientTree tree;
  for (std::uint64_t i = 0; i < 3; ++i) tree.add(part(i), 1.0f);
  CHECK_THROWS_AS(static_cast<void>(tree.take()), qat::ContractViolation);
  static_assert(qat::distill::communicator<qat::distill::single_process>);
}
