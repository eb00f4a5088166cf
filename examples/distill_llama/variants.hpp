#pragma once

#include <qat/llama/quantized_checkpoint.hpp>
#include <qat/llama/scheme.hpp>
#include <qat/quant/quantizer.hpp>

#include <type_traits>

/// \file
/// Other quantizers for the places of a scheme: the arms of the ablation, and the released code's.

namespace distill_llama::variants {

/// The scheme as it is.
template <class S>
using plain = S;

namespace detail {

/// Q with other policies; what is not quantized stays so.
template <class Q, class Scale, class... Ps>
struct with_scale {
  using type = Q;
};
template <qat::quantizer_like Q, class Scale, class... Ps>
struct with_scale<Q, Scale, Ps...> {
  using type = qat::Quantizer<qat::bits<Q::bit_width>, typename Q::granularity, Scale, Ps...>;
};

/// Q with its own scale format.
template <class Q, class... Ps>
struct with {
  using type = Q;
};
template <qat::quantizer_like Q, class... Ps>
struct with<Q, Ps...> : with_scale<Q, typename Q::scale_format, Ps...> {};

template <class S, class... Ps>
using everywhere = qat::scheme<typename with<typename S::weight, Ps...>::type,
                               typename with<typename S::activation, Ps...>::type,
                               typename with<typename S::key_value, Ps...>::type, S::kv_per_head>;

}  // namespace detail

/// Affine over [min, max] of each group instead of symmetric over absmax.
template <class S>
using minmax = detail::everywhere<S, qat::affine, qat::min_max>;

/// No gradient where |x| >= 2: the released code's mask, on the plain quantizer.
template <class S>
using mask = detail::everywhere<S, qat::fixed_mask<-2, 2>>;

/// Weights on a fixed grid over [-1/2, 1/2], narrower than what they reach, with no gradient outside.
template <class S>
using clipped = qat::scheme<typename detail::with<typename S::weight, qat::fixed_range<-1, 1, 2>,
                                                  qat::clipped_straight_through>::type,
                            typename S::activation, typename S::key_value, S::kv_per_head>;

/// The released code: its two epsilons, its mask, and scales in fp32. It does not ship.
template <class S>
using reference =
    qat::scheme<typename detail::with_scale<typename S::weight, qat::fp32_scale,
                                            qat::llmqat_reference, qat::fixed_mask<-2, 2>>::type,
                typename detail::with_scale<typename S::activation, qat::fp32_scale,
                                            qat::llmqat_reference, qat::fixed_mask<-2, 2>>::type,
                typename detail::with_scale<typename S::key_value, qat::fp32_scale,
                                            qat::llmqat_reference, qat::fixed_mask<-2, 2>>::type,
                S::kv_per_head>;

/// A quantized model can have 8-bit tables of the vocabulary; the teacher has its own.
template <class S>
using with_optional_tables =
    std::conditional_t<qat::is_quantized<typename S::weight>, qat::llama::with_tables<S>, S>;

}  // namespace distill_llama::variants
