#pragma once

#include <qat/quant/quantizer.hpp>

#include <doctest/doctest.h>

#include <utility>

/// \file
/// Quantizers that together use every policy, and loops over such lists.

namespace qat::testing {

using W4 = Quantizer<bits<4>, per_channel>;
using A8 = Quantizer<bits<8>, per_token>;
using reference8 = Quantizer<bits<8>, per_token, llmqat_reference>;
using T8 = Quantizer<bits<8>, affine, min_max>;
using torchao_int4 = Quantizer<bits<4>, per_group<32>, symmetric_full, absmax_half_span>;
using q4_0_like = Quantizer<bits<4>, per_group<32>, symmetric_full, signed_absmax, fp16_scale>;
using kv4 = Quantizer<bits<4>, per_head<16>, affine, min_max, fp16_scale>;
using odd_groups = Quantizer<bits<3>, per_group<5>, round_half_away, power_of_two_scale, divide>;
using lowered = Quantizer<bits<5>, per_channel, round_floor, min_max, bf16_scale>;
using cut = Quantizer<bits<6>, per_group<24>, round_toward_zero, affine_signed, absmax>;
using random8 = Quantizer<bits<8>, per_token, round_stochastic>;
using fixed2 = Quantizer<bits<2>, affine, fixed_range<-1, 2, 3>>;
using one_bit = Quantizer<bits<1>, per_channel, affine, min_max>;

/// f.template operator()<Q>() for each.
template <class... Qs, class F>
void for_each_quantizer(F&& f) {
  const auto one = [&]<class Q>() {
    INFO("quantizer " << to_string(Q::description));
    f.template operator()<Q>();
  };
  (one.template operator()<Qs>(), ...);
}

/// f.template operator()<N>() for N = First .. Last.
template <int First, int Last, class F>
void for_each_width(F&& f) {
  const auto one = [&]<int N>() {
    INFO("bits " << N);
    f.template operator()<N>();
  };
  [&]<int... Is>(std::integer_sequence<int, Is...>) {
    (one.template operator()<First + Is>(), ...);
  }
  (std::make_integer_sequence<int, Last - First + 1>{});
}

}  // namespace qat::testing
