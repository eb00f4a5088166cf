#include <qat/policy/scale_format.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

namespace {

struct row {
  float scale;
  float expected;
};

}  // namespace

TEST_CASE("fp32_scale: values from the smallest normal on are kept") {
  CHECK(qat::fp32_scale::nearest(0x1p-126f) == 0x1p-126f);
  CHECK(qat::fp32_scale::nearest(-1.5f) == -1.5f);
  CHECK(qat::fp32_scale::nearest(0x1p-130f) == 0x1p-126f);  // subnormal: the smallest normal
  CHECK(qat::fp32_scale::nearest(-0x1p-130f) == -0x1p-126f);
  CHECK(std::isnan(qat::fp32_scale::nearest(std::numeric_limits<float>::infinity())));
}

TEST_CASE("fp16_scale: rounds to nearest even and keeps to the normals") {
  for (const row r : {row{1.0f, 1.0f}, row{1.0f + 0x1p-11f, 1.0f},  // tie: to even, down
                      row{1.0f + 3 * 0x1p-11f, 1.0f + 0x1p-9f},     // tie: to even, up
                      row{65519.0f, 65504.0f},                      // below the overflow threshold
                      row{0x1p-14f, 0x1p-14f},                      // smallest normal
                      row{0x1.8p-15f, 0x1p-14f},  // subnormal: the smallest normal
                      row{1e-30f, 0x1p-14f},      // rounds to zero: the smallest normal
                      row{-1e-30f, -0x1p-14f}})
    CHECK(qat::fp16_scale::nearest(r.scale) == r.expected);
  CHECK(std::isnan(qat::fp16_scale::nearest(65520.0f)));  // the tie to infinity
}

TEST_CASE("bf16_scale: rounds to nearest even") {
  for (const row r : {row{1.0f + 0x1p-8f, 1.0f},                // tie: down to even
                      row{1.0f + 3 * 0x1p-8f, 1.0f + 0x1p-6f},  // tie: up to even
                      row{0x1p-127f, 0x1p-126f}})
    CHECK(qat::bf16_scale::nearest(r.scale) == r.expected);
  CHECK(std::isnan(qat::bf16_scale::nearest(std::numeric_limits<float>::max())));
}

TEST_CASE("power_of_two_scale: rounds up unless exact") {
  for (const row r : {row{1.0f, 1.0f}, row{std::nextafter(1.0f, 2.0f), 2.0f}, row{1.5f, 2.0f},
                      row{std::nextafter(2.0f, 1.0f), 2.0f}, row{0x1p-126f, 0x1p-126f},
                      row{0x1p-130f, 0x1p-126f}, row{0x1p127f, 0x1p127f}})
    CHECK(qat::power_of_two_scale::nearest(r.scale) == r.expected);
  CHECK(std::isnan(qat::power_of_two_scale::nearest(0x1.8p127f)));
}
