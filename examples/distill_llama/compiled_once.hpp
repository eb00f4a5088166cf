#pragma once

#include <qat/autograd/ops/attention.hpp>
#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/embedding.hpp>
#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/autograd/ops/rope.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/kernels/code_product.hpp>
#include <qat/llama/model.hpp>
#include <qat/nn/adamw.hpp>

/// \file
/// What is the same for every scheme is compiled in one translation unit, compiled_once.cpp: building all schemes takes
/// less than half the time.

#ifndef QAT_COMPILED_HERE
#define QAT_COMPILED_HERE extern
#endif

namespace qat {

QAT_COMPILED_HERE template Variable<float> attention<float, core::default_arch>(
    Tape<float>&, const Variable<float>&, const Variable<float>&, const Variable<float>&,
    std::size_t, std::span<const document_rows>);
QAT_COMPILED_HERE template Variable<float> rope<float, core::default_arch>(
    Tape<float>&, const Variable<float>&, std::span<const std::uint32_t>, const RopeTable<float>&);
QAT_COMPILED_HERE template Variable<float> rms_norm<float, core::default_arch>(
    Tape<float>&, const Variable<float>&, const Variable<float>&, float);
QAT_COMPILED_HERE template Variable<float> add<float, core::default_arch>(Tape<float>&,
                                                                          const Variable<float>&,
                                                                          const Variable<float>&);
QAT_COMPILED_HERE template Variable<float> swiglu<float, core::default_arch>(
    Tape<float>&, const Variable<float>&, const Variable<float>&);
QAT_COMPILED_HERE template Variable<float> embedding<float, core::default_arch>(
    Tape<float>&, std::span<const std::int32_t>, const Variable<float>&);
QAT_COMPILED_HERE template Variable<float> cross_entropy<float, core::default_arch>(
    Tape<float>&, const Variable<float>&, const head_weights<float>&, std::span<const std::int32_t>,
    std::span<float>);
QAT_COMPILED_HERE template Variable<float> kl_divergence<float, core::default_arch>(
    Tape<float>&, const Variable<float>&, const head_weights<float>&, const Variable<float>&,
    const head_weights<float>&, std::span<float>);
QAT_COMPILED_HERE template void attend<float, core::default_arch>(const matrix_view<const float>&,
                                                                  std::size_t,
                                                                  const attention_memory<float>&,
                                                                  float, const matrix_view<float>&,
                                                                  float*, query_positions);
QAT_COMPILED_HERE template void
float_product<float, const core::executor_reference&, core::default_arch>(
    const core::executor_reference&, const matrix_view<const float>&, const float_panels<float>&,
    const matrix_view<float>&, product_start);
QAT_COMPILED_HERE template void float_product<float, core::executor_reference&, core::default_arch>(
    core::executor_reference&, const matrix_view<const float>&, const float_panels<float>&,
    const matrix_view<float>&, product_start);
QAT_COMPILED_HERE template void nn::adamw_update<float, core::default_arch>(
    core::executor_reference, const nn::adamw_options&, const nn::adamw_step&,
    const TensorView<float>&, const TensorView<const float>&, nn::adamw_state<float>&);
QAT_COMPILED_HERE template void detail::run_rectangle<2, detail::scale_mode::per_channel>(
    const detail::product_job&, const detail::product_rectangle&, product_path);
QAT_COMPILED_HERE template void detail::run_rectangle<2, detail::scale_mode::per_group>(
    const detail::product_job&, const detail::product_rectangle&, product_path);
QAT_COMPILED_HERE template void detail::run_rectangle<4, detail::scale_mode::per_channel>(
    const detail::product_job&, const detail::product_rectangle&, product_path);
QAT_COMPILED_HERE template void detail::run_rectangle<4, detail::scale_mode::per_group>(
    const detail::product_job&, const detail::product_rectangle&, product_path);
QAT_COMPILED_HERE template void detail::run_rectangle<8, detail::scale_mode::per_channel>(
    const detail::product_job&, const detail::product_rectangle&, product_path);
QAT_COMPILED_HERE template void detail::run_rectangle<8, detail::scale_mode::per_group>(
    const detail::product_job&, const detail::product_rectangle&, product_path);
QAT_COMPILED_HERE template class llama::Llama<full_precision>;

}  // namespace qat
