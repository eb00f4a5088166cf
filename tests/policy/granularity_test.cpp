#include <qat/policy/granularity.hpp>

#include <doctest/doctest.h>

TEST_CASE("granularity: rows and tensors share by width and groups by their own size") {
  CHECK(qat::per_tensor::whole_tensor);
  CHECK(!qat::per_channel::whole_tensor);
  CHECK(qat::per_channel::group_size(100) == 100);
  CHECK(qat::per_token::group_size(100) == 100);
  CHECK(qat::per_group<32>::group_size(100) == 32);
  CHECK(qat::per_head<64>::group_size(128) == 64);
}

TEST_CASE("granularity: only heads must divide the width") {
  CHECK(qat::per_head<64>::must_divide);
  CHECK(!qat::per_group<32>::must_divide);
}
