#pragma once

#include <qat/quant/detail/group.hpp>
#include <qat/quant/detail/lane_operations.hpp>

/// \file
/// The policies over a batch of floats. What is not named here, a user's policy above all, runs lane by lane through
/// its scalar definition, so that it needs no second one.

namespace qat::detail {

/// The random numbers of `lanes` consecutive elements from `index` on.
template <class Arch>
struct random_lanes {
  static constexpr std::size_t size = core::float_batch<Arch>::size;
  alignas(64) std::uint32_t words[size];

  QAT_INLINE random_lanes(const random_key& key, std::uint64_t index) {
    std::size_t i = 0;
    while (i < size) {
      const std::uint64_t at = index + i;
      const auto four = core::philox4x32(
          {static_cast<std::uint32_t>(at >> 2), static_cast<std::uint32_t>(at >> 34),
           static_cast<std::uint32_t>(key.stream), static_cast<std::uint32_t>(key.stream >> 32)},
          {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
      for (std::size_t word = at & 3u; word < 4 && i < size; ++word) words[i++] = four[word];
    }
  }
};

/// Rounding over a batch: the scalar definition in each lane.
template <class Rounding, class Arch>
struct rounding_lanes {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch apply(batch units, const random_key& key, std::uint64_t index) {
    alignas(64) float lane[batch::size];
    units.store_aligned(lane);
    if constexpr (deterministic_rounding<Rounding>) {
      for (float& value : lane) value = Rounding::apply(value);
    } else {
      const random_lanes<Arch> random(key, index);
      for (std::size_t i = 0; i < batch::size; ++i)
        lane[i] = Rounding::apply(lane[i], random.words[i]);
    }
    return batch::load_aligned(lane);
  }
};

template <class Arch>
struct rounding_lanes<round_nearest_even, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch apply(batch units, const random_key&, std::uint64_t) {
    return xsimd::nearbyint(units);
  }
};

template <class Arch>
struct rounding_lanes<round_toward_zero, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch apply(batch units, const random_key&, std::uint64_t) {
    return xsimd::trunc(units);
  }
};

template <class Arch>
struct rounding_lanes<round_floor, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch apply(batch units, const random_key&, std::uint64_t) {
    return xsimd::floor(units);
  }
};

/// Adds -1 or 1 with the sign of `units` where `away`.
template <class Arch>
QAT_INLINE core::float_batch<Arch> step_away(
    core::float_batch<Arch> toward_zero, core::float_batch<Arch> units,
    typename core::float_batch<Arch>::batch_bool_type away) {
  using batch = core::float_batch<Arch>;
  const batch step = xsimd::select(units < batch(0.0f), batch(-1.0f), batch(1.0f));
  return toward_zero + xsimd::select(away, step, batch(0.0f));
}

template <class Arch>
struct rounding_lanes<round_half_away, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch apply(batch units, const random_key&, std::uint64_t) {
    const batch toward_zero = xsimd::trunc(units);
    return step_away<Arch>(toward_zero, units, xsimd::abs(units - toward_zero) >= batch(0.5f));
  }
};

template <class Arch>
struct rounding_lanes<round_stochastic, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch apply(batch units, const random_key& key, std::uint64_t index) {
    const random_lanes<Arch> random(key, index);
    alignas(64) float threshold[batch::size];
    for (std::size_t i = 0; i < batch::size; ++i)
      threshold[i] = static_cast<float>(random.words[i] >> 9) + 0.5f;
    const batch toward_zero = xsimd::trunc(units);
    const batch fraction = xsimd::abs(units - toward_zero);
    return step_away<Arch>(toward_zero, units,
                           batch::load_aligned(threshold) < fraction * batch(0x1p23f));
  }
};

/// Whether a rounding stays in registers and costs next to nothing beside the memory of its elements.
template <class Rounding>
inline constexpr bool rounds_in_registers =
    std::is_same_v<Rounding, round_nearest_even> || std::is_same_v<Rounding, round_half_away> ||
    std::is_same_v<Rounding, round_toward_zero> || std::is_same_v<Rounding, round_floor>;

/// The gradient mask over a batch: the scalar definition in each lane, bit i for lane i.
template <class Gradient, class Arch>
struct gradient_lanes {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE std::uint64_t passes(batch x, batch units, const group_operands& g) {
    alignas(64) float value[batch::size];
    alignas(64) float unit[batch::size];
    x.store_aligned(value);
    units.store_aligned(unit);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < batch::size; ++i)
      bits |= static_cast<std::uint64_t>(Gradient::passes(value[i], unit[i], g.lo, g.hi)) << i;
    return bits;
  }
};

template <class Arch>
struct gradient_lanes<straight_through, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE std::uint64_t passes(batch, batch, const group_operands&) {
    return (std::uint64_t{1} << batch::size) - 1;
  }
};

template <class Arch>
struct gradient_lanes<through_scale, Arch> : gradient_lanes<straight_through, Arch> {};

template <class Arch>
struct gradient_lanes<clipped_straight_through, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE std::uint64_t passes(batch, batch units, const group_operands& g) {
    return lane_mask<Arch>(units >= batch(g.lo)) & lane_mask<Arch>(units <= batch(g.hi));
  }
};

template <int Lo, int Hi, class Arch>
struct gradient_lanes<fixed_mask<Lo, Hi>, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE std::uint64_t passes(batch x, batch, const group_operands&) {
    return lane_mask<Arch>(x > batch(static_cast<float>(Lo))) &
           lane_mask<Arch>(x < batch(static_cast<float>(Hi)));
  }
};

/// Scale application over a batch. Those that divide go through core::divide: xsimd 8.1 estimates on aarch64.
template <class Application, class Arch>
struct application_lanes {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch to_units(batch x, batch operand) {
    return Application::to_units(x, operand);
  }
  static QAT_INLINE batch to_value(batch level, batch operand) {
    return Application::to_value(level, operand);
  }
};

template <class Arch>
struct application_lanes<divide, Arch> : application_lanes<reciprocal, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch to_units(batch x, batch operand) { return core::divide(x, operand); }
};

template <class Arch>
struct application_lanes<llmqat_reference, Arch> : application_lanes<reciprocal, Arch> {
  using batch = core::float_batch<Arch>;
  static QAT_INLINE batch to_value(batch level, batch operand) {
    return core::divide(level, operand);
  }
};

/// units_of over a batch.
template <quantizer_like Q, class Arch>
QAT_INLINE core::float_batch<Arch> units_lanes(core::float_batch<Arch> x, const group_operands& g) {
  using batch = core::float_batch<Arch>;
  return core::opaque(
      application_lanes<typename Q::scale_application, Arch>::to_units(x, batch(g.units)));
}

/// Units that a rounding may take: NaN as 0, within the codes. With Fresh the scale was just measured on a finite group that contains x: no NaN, and no
/// clamp where fresh_scale_needs_no_clamp.
template <quantizer_like Q, bool Fresh, class Arch>
QAT_INLINE core::float_batch<Arch> clamped_lanes(core::float_batch<Arch> x,
                                                 const group_operands& g) {
  using batch = core::float_batch<Arch>;
  batch units = units_lanes<Q, Arch>(x, g);
  if constexpr (!Fresh) units = xsimd::select(units == units, units, batch(0.0f));
  if constexpr (!(Fresh && fresh_scale_needs_no_clamp<Q>))
    units = xsimd::min(xsimd::max(units, batch(g.lo)), batch(g.hi));
  if constexpr (must_flatten_tiny<typename Q::rounding>)
    units = xsimd::select(xsimd::abs(units) < batch(tiny_units), batch(0.0f), units);
  return units;
}

/// level_of over a batch.
template <quantizer_like Q, bool Fresh, class Arch>
QAT_INLINE core::float_batch<Arch> level_lanes(core::float_batch<Arch> x, const group_operands& g,
                                               const random_key& key, std::uint64_t index) {
  return rounding_lanes<typename Q::rounding, Arch>::apply(clamped_lanes<Q, Fresh, Arch>(x, g), key,
                                                           index) +
         core::float_batch<Arch>(0.0f);
}

/// The codes of a batch. Rounding to nearest even is what converting to an integer does anyway.
template <quantizer_like Q, bool Fresh, class Arch>
QAT_INLINE core::int_batch<Arch> code_lanes(core::float_batch<Arch> x, const group_operands& g,
                                            const random_key& key, std::uint64_t index) {
  if constexpr (std::is_same_v<typename Q::rounding, round_nearest_even> && !Q::has_zero_point)
    return xsimd::nearbyint_as_int(clamped_lanes<Q, Fresh, Arch>(x, g));
  else
    return xsimd::to_int(core::float_batch<Arch>(level_lanes<Q, Fresh, Arch>(x, g, key, index) +
                                                 core::float_batch<Arch>(g.zero_point)));
}

}  // namespace qat::detail
