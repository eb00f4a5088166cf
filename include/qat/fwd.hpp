#pragma once

#include <qat/config.hpp>

/// \file
/// The names of floors 1 and 2 and their default template arguments, nothing else.

namespace qat {

template <int N>
  requires(N >= 1 && N <= 8)
struct bits;

struct per_tensor;
struct per_channel;
struct per_token;
template <int G>
  requires(G >= 1)
struct per_group;
template <int D>
  requires(D >= 1)
struct per_head;

struct round_nearest_even;
struct round_half_away;
struct round_toward_zero;
struct round_floor;
struct round_stochastic;

struct symmetric;
struct symmetric_full;
struct affine;
struct affine_signed;

struct absmax;
struct absmax_half_span;
struct signed_absmax;
struct min_max;
template <int Lo, int Hi, int Denominator = 1>
  requires(Lo <= 0 && Hi >= 0 && Lo < Hi && Denominator >= 1)
struct fixed_range;

struct integer_grid;

struct fp32_scale;
struct fp16_scale;
struct bf16_scale;
struct power_of_two_scale;

struct reciprocal;
struct divide;
struct llmqat_reference;

struct straight_through;
struct clipped_straight_through;
template <int Lo, int Hi>
  requires(Lo < Hi)
struct fixed_mask;

template <class Bits, class Granularity, class Rounding, class Symmetry, class Range, class Grid,
          class ScaleFormat, class ScaleApplication, class Gradient>
struct basic_quantizer;

struct quantizer_description;

}  // namespace qat
