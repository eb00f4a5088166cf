#include <qat/core/batch.hpp>
#include <qat/core/philox.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <tests/support/architectures.hpp>
#include <tests/support/floats.hpp>

using qat::testing::for_each_arch;
using qat::testing::same;

namespace {

namespace core = qat::core;

/// Random patterns, then special ones; `stream` makes independent operands.
std::vector<float> corpus(std::uint64_t stream) {
  const float specials[] = {0.0f,
                            -0.0f,
                            std::numeric_limits<float>::denorm_min(),
                            -0x1p-127f,
                            1.0f,
                            -1.0f,
                            std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN(),
                            1.0f + 0x1p-12f,
                            -(1.0f + 0x1p-11f)};
  std::vector<float> values;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const std::uint32_t r = core::random_bits(11, stream, i);
    values.push_back(i % 4 == 0   ? specials[r % std::size(specials)]
                     : i % 4 == 1 ? std::bit_cast<float>(r)
                                  : std::bit_cast<float>((r & 0xbfffffffu) | 0x38000000u));
  }
  return values;
}

/// Number of elements on which a batch function and its scalar twin disagree.
template <class Arch, class F>
std::size_t mismatches(F&& f) {
  const std::vector<float> a = corpus(0), b = corpus(1), c = corpus(2);
  std::size_t wrong = 0;
  constexpr std::size_t lanes = core::lane_count<Arch>;
  for (std::size_t i = 0; i < a.size(); i += lanes) {
    float out[lanes];
    core::store(out, f(core::load<Arch>(&a[i]), core::load<Arch>(&b[i]), core::load<Arch>(&c[i])));
    for (std::size_t j = 0; j < lanes; ++j)
      if (!same(out[j], f(a[i + j], b[i + j], c[i + j]))) ++wrong;
  }
  return wrong;
}

}  // namespace

TEST_CASE("batch: every operation has the bits of its scalar twin on every architecture") {
  const std::string names = for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    CHECK(mismatches<Arch>([](auto a, auto b, auto c) { return core::fma(a, b, c); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) { return core::product(a, b); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::opaque(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::sqrt(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) { return core::divide(a, b); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::nearbyint(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::trunc(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::negate(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::absolute(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::floor(a); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) { return decltype(a)(a + b); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) { return decltype(a)(a - b); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto c) { return core::select(b < c, a, b); }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) {
            return core::select(core::float_mask(core::bits_of(a) > core::bits_of(b)), a, b);
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto c) {
            return core::float_of_bits(core::select(core::magnitude_bits(a) < core::bits_of(b),
                                                    core::bits_of(b), core::bits_of(c)));
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) {
            return core::float_of_bits(core::order_key(core::bits_of(a)));
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) {
            return core::float_of_bits(core::shift_left<7>(core::bits_of(a)));
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) {
            return core::float_of_bits(core::shift_right<7>(core::bits_of(a)));
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) {
            return core::float_of_bits(core::max(core::bits_of(a), core::bits_of(b)));
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto b, auto) {
            return core::float_of_bits(core::min(core::bits_of(a), core::bits_of(b)));
          }) == 0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) { return core::to_float(core::bits_of(a)); }) ==
          0);
    CHECK(mismatches<Arch>([](auto a, auto, auto) {
            // Kept below 2^31, NaN replaced: beyond that the conversion has no defined result.
            using V = decltype(a);
            const V bounded = core::select(
                core::float_mask(core::magnitude_bits(a) < core::magnitude_bits(V(0x1p31f))), a,
                V(0.0f));
            return core::to_float(core::truncate_to_int(bounded));
          }) == 0);
  });
  MESSAGE("architectures: " << names);
}

TEST_CASE("batch: roundings are exact around ties and keep the sign of zero") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    std::size_t wrong = 0;
    for (int q = -4096; q <= 4096; ++q)
      for (float step : {-0x1p-20f, 0.0f, 0x1p-20f}) {
        const float x = core::fma(static_cast<float>(q), 0.25f, step);
        const core::float_batch<Arch> v(x);
        if (!same(core::nearbyint(v).get(0), std::nearbyint(x))) ++wrong;
        if (!same(core::trunc(v).get(0), std::trunc(x))) ++wrong;
        if (!same(core::floor(v).get(0), std::floor(x))) ++wrong;
        if (!same(core::nearbyint(core::negate(v)).get(0), std::nearbyint(-x))) ++wrong;
      }
    for (float x : {0x1p22f + 0.5f, 0x1p22f + 1.5f, 0x1p23f - 0.5f, 0x1p23f, 0x1p23f + 1.0f,
                    0x1p31f, 0x1p40f})
      for (float s : {1.0f, -1.0f}) {
        const core::float_batch<Arch> v(s * x);
        if (!same(core::nearbyint(v).get(0), std::nearbyint(s * x))) ++wrong;
        if (!same(core::trunc(v).get(0), std::trunc(s * x))) ++wrong;
        if (!same(core::floor(v).get(0), std::floor(s * x))) ++wrong;
      }
    CHECK(wrong == 0);
  });
}

TEST_CASE("batch: a product is not fused into a neighbouring sum") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    volatile float source = 1.0f + 0x1p-12f;
    const core::float_batch<Arch> e(source);
    const core::float_batch<Arch> rounded(1.0f + 0x1p-11f);
    CHECK(core::product(e, e).get(0) == 1.0f + 0x1p-11f);
    const core::float_batch<Arch> difference = core::product(e, e) - rounded;
    CHECK(difference.get(0) == 0.0f);
    const core::float_batch<Arch> hidden = core::opaque(core::float_batch<Arch>(e * e)) - rounded;
    CHECK(hidden.get(0) == 0.0f);
    CHECK(core::fma(e, e, core::float_batch<Arch>(-rounded)).get(0) == 0x1p-24f);
  });
}

TEST_CASE("batch: reductions over lanes do not depend on their order") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    constexpr std::size_t lanes = core::lane_count<Arch>;
    const std::string name = Arch::name();
    CAPTURE(name);
    for (std::size_t at = 0; at < lanes; ++at) {
      float x[lanes];
      for (float& v : x) v = -0.0f;
      x[at] = 0.0f;
      CHECK(std::signbit(core::reduce_min(core::load<Arch>(x))));
      CHECK_FALSE(std::signbit(core::reduce_max(core::load<Arch>(x))));
      x[at] = std::numeric_limits<float>::quiet_NaN();
      x[(at + 1) % lanes] = std::numeric_limits<float>::infinity();
      CHECK(std::isnan(core::reduce_max(core::load<Arch>(x))));
      CHECK(core::reduce_max(core::magnitude_bits(core::load<Arch>(x))) > 0x7f800000);
      x[at] = -2.5f;
      CHECK(core::reduce_min(core::load<Arch>(x)) == -2.5f);
      CHECK(std::isinf(core::reduce_max(core::load<Arch>(x))));
      CHECK(core::reduce_min(core::bits_of(core::load<Arch>(x))) ==
            core::min(core::bits_of(-2.5f), core::bits_of(-0.0f)));
    }
  });
}

TEST_CASE("negate and absolute: flip and clear the sign of zeros too") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    const std::string name = Arch::name();
    CAPTURE(name);
    for (float x : {0.0f, -0.0f, 1.5f, -1.5f}) {
      CHECK(same(core::negate(core::float_batch<Arch>(x)).get(0), -x));
      CHECK(same(core::absolute(core::float_batch<Arch>(x)).get(0), std::fabs(x)));
      CHECK(same(core::negate(x), -x));
    }
  });
}

TEST_CASE("order_key: orders all floats and is its own inverse") {
  float before = -std::numeric_limits<float>::infinity();
  for (float x :
       {-std::numeric_limits<float>::max(), -1.0f, -0x1p-149f, -0.0f, 0.0f, 0x1p-149f, 1.0f,
        std::numeric_limits<float>::max(), std::numeric_limits<float>::infinity()}) {
    CHECK(core::order_key(core::bits_of(before)) < core::order_key(core::bits_of(x)));
    CHECK(core::order_key(core::order_key(core::bits_of(x))) == core::bits_of(x));
    before = x;
  }
}

TEST_CASE("any: finds one set lane") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    constexpr std::size_t lanes = core::lane_count<Arch>;
    const std::string name = Arch::name();
    CAPTURE(name);
    float x[lanes] = {};
    CHECK_FALSE(core::any(core::load<Arch>(x) > core::float_batch<Arch>(0.5f)));
    for (std::size_t at = 0; at < lanes; ++at) {
      x[at] = 1.0f;
      CHECK(core::any(core::load<Arch>(x) > core::float_batch<Arch>(0.5f)));
      CHECK(core::any(core::bits_of(core::load<Arch>(x)) > core::int_batch<Arch>(0)));
      x[at] = 0.0f;
    }
  });
}

TEST_CASE("load_first and store_first: touch the first n floats only") {
  for_each_arch([](auto arch) {
    using Arch = decltype(arch);
    constexpr std::size_t lanes = core::lane_count<Arch>;
    const std::string name = Arch::name();
    CAPTURE(name);
    for (std::size_t n = 0; n <= lanes; ++n) {
      std::vector<float> in(n, 3.0f);  // the sanitizer sees a read beyond
      const core::float_batch<Arch> x = core::load_first<Arch>(in.data(), n);
      for (std::size_t i = 0; i < lanes; ++i) {
        CHECK(x.get(i) == (i < n ? 3.0f : 0.0f));
        CHECK_FALSE(std::signbit(x.get(i)));
      }
      std::vector<float> out(lanes + 1, -1.0f);
      core::store_first(out.data(), n, core::float_batch<Arch>(2.0f));
      for (std::size_t i = 0; i <= lanes; ++i) CHECK(out[i] == (i < n ? 2.0f : -1.0f));
    }
  });
}
