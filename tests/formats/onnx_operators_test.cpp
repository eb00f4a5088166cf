#include <qat/autograd/ops/elementwise.hpp>
#include <qat/autograd/ops/rms_norm.hpp>
#include <qat/autograd/ops/token_loss.hpp>
#include <qat/kernels/attention.hpp>
#include <qat/kernels/rope.hpp>
#include <qat/nn/adamw.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tests/support/inputs.hpp>
#include <tests/support/tapes.hpp>

/// \file
/// The operator tests of ONNX that our operations express; LogSoftmax and NegativeLogLikelihoodLoss are not among them, for
/// no operation of ours gives or takes log-probabilities. Bounds count roundings: ours, and about as many of the vectors' own
/// fp32 computation; 2^-24 is the error of one.

using namespace qat::testing;  // the names of tests/support; nothing of the library

namespace {

constexpr double rounding = 0x1p-24;

struct onnx_tensor {
  std::vector<std::size_t> dims;
  std::vector<float> values;

  [[nodiscard]] std::size_t size_from(std::size_t axis) const {
    return std::accumulate(dims.begin() + static_cast<std::ptrdiff_t>(axis), dims.end(),
                           std::size_t{1}, std::multiplies<>());
  }
};

/// One operator test: its node's attributes, inputs and outputs by name.
struct onnx_test {
  std::string name;
  nlohmann::json attributes;
  std::map<std::string, onnx_tensor> inputs, outputs;

  [[nodiscard]] const onnx_tensor& in(const char* key) const { return inputs.at(key); }
  [[nodiscard]] const onnx_tensor& out(const char* key) const { return outputs.at(key); }
  [[nodiscard]] double attribute(const char* key, double otherwise) const {
    return attributes.contains(key) ? attributes[key].get<double>() : otherwise;
  }
};

std::vector<onnx_test> tests_of(const std::string& path, const std::string& op) {
  std::ifstream file(path);
  std::vector<onnx_test> all;
  std::string line;
  while (std::getline(file, line)) {
    if (line.find("\"op\": \"" + op + "\"") == std::string::npos) continue;
    // Masks of other tests hold infinities, which are no JSON.
    for (std::size_t at; (at = line.find("-Infinity")) != std::string::npos;)
      line.replace(at, 9, "-1e38");
    const auto json = nlohmann::json::parse(line);
    onnx_test test{json["test"], json["nodes"][0]["attrs"], {}, {}};
    const auto read = [](const nlohmann::json& list, std::map<std::string, onnx_tensor>& to) {
      for (const auto& t : list) {
        onnx_tensor& tensor = to[t["name"]];
        tensor.dims = t["dims"].get<std::vector<std::size_t>>();
        for (const auto& value : t["values"])
          tensor.values.push_back(value.is_boolean() ? (value.get<bool>() ? 1.0f : 0.0f)
                                                     : value.get<float>());
      }
    };
    read(json["inputs"], test.inputs);
    read(json["outputs"], test.outputs);
    all.push_back(test);
  }
  return all;
}

void check_near(const std::vector<float>& found, const std::vector<float>& expected,
                const std::function<double(std::size_t)>& bound) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(double(found[i]) - double(expected[i])) <= bound(i));
  }
}

/// Runs every test of an operator that `apply` takes; those that it does not take must be `left_out` in number.
void run_tests(const std::string& op, std::size_t left_out,
               const std::function<bool(const onnx_test&)>& apply) {
  const auto path = data_file("vectors/onnx_node_tests.jsonl");
  if (!path) return;
  std::size_t others = 0, applied = 0;
  for (const onnx_test& test : tests_of(*path, op)) {
    INFO(test.name);
    apply(test) ? ++applied : ++others;
  }
  CHECK(applied >= 1);
  CHECK(others == left_out);
}

qat::Tensor<float> tensor_of(const std::vector<float>& values, std::size_t rows) {
  qat::Tensor<float> t({rows, values.size() / rows});
  std::copy(values.begin(), values.end(), t.data());
  return t;
}

/// The values of a variable that an operation makes.
template <class F>
std::vector<float> values_of(F&& f) {
  std::vector<float> values;
  run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
    const auto y = f(tape);
    if (tape.computes()) values.assign(y.value.data(), y.value.data() + y.value.size());
  });
  return values;
}

}  // namespace

TEST_CASE("ONNX RMSNormalization: all tests whatever the axis") {
  run_tests("RMSNormalization", 0, [](const onnx_test& test) {
    const onnx_tensor& x = test.in("X");
    auto gain = tensor_of(test.in("W").values, 1);
    auto rows = tensor_of(x.values, x.values.size() / gain.size());
    const auto y = values_of([&](qat::Tape<float>& tape) {
      return qat::rms_norm(tape, tape.constant(rows.view()), tape.constant(gain.view()),
                           static_cast<float>(test.attribute("epsilon", 1e-5)));
    });
    // The sum of n squares, root, quotient and two products, twice.
    const double n = static_cast<double>(gain.size());
    check_near(y, test.out("Y").values,
               [&](std::size_t i) { return 2 * (n + 5) * rounding * std::abs(double(y[i])); });
    return true;
  });
}

TEST_CASE("ONNX RotaryEmbedding: whole heads; a part of a head is not for us") {
  run_tests("RotaryEmbedding", 1, [](const onnx_test& test) {
    if (test.attributes.contains("rotary_embedding_dim")) return false;
    const onnx_tensor& x = test.in("input");
    const onnx_tensor& cosines = test.in("cos_cache");
    const std::size_t half = cosines.dims.back();
    const bool interleaved = test.attribute("interleaved", 0) != 0;
    const qat::RopeTable<float> table(
        interleaved ? qat::rope_layout::interleaved : qat::rope_layout::half_split, 2 * half,
        cosines.values, test.in("sin_cache").values);
    // (B, T, H D), or (B, H, T, D): rows of one head each.
    const bool whole_rows = x.dims.size() == 3;
    const std::size_t heads = whole_rows ? x.dims[2] / (2 * half) : 1;
    const std::size_t time = x.dims[x.dims.size() - 2];
    const std::size_t width = heads * 2 * half;
    std::vector<float> y(x.values.size());
    for (std::size_t row = 0; row < x.values.size() / width; ++row) {
      const std::size_t batch = row / (whole_rows ? time : x.dims[1] * time);
      const std::size_t token = batch * time + row % time;
      const std::size_t position =
          test.inputs.count("position_ids") != 0
              ? static_cast<std::size_t>(test.in("position_ids").values[token])
              : token;
      qat::rotate_row(table, position, heads, x.values.data() + row * width,
                      y.data() + row * width);
    }
    // Two products and a sum, twice; inputs and tables lie in [0, 1).
    check_near(y, test.out("output").values, [](std::size_t) { return 2 * 3 * rounding * 2.0; });
    return true;
  });
}

TEST_CASE(
    "ONNX Attention: causal or whole with grouped heads and scales but without masks or caches or "
    "caps or fp16") {
  // Left out: with attn_mask (9, two of them with a softcap too), other softcaps (3), fp16 arithmetic (2), other widths
  // of V (1).
  run_tests("Attention", 15, [](const onnx_test& test) {
    const onnx_tensor &q = test.in("Q"), &k = test.in("K"), &v = test.in("V");
    const bool wide = q.dims.size() == 3;
    if (test.inputs.count("attn_mask") != 0 || test.attribute("softcap", 0) != 0 ||
        test.name.find("fp16") != std::string::npos || k.dims.back() != v.dims.back())
      return false;
    const std::size_t heads =
        wide ? static_cast<std::size_t>(test.attribute("q_num_heads", 1)) : q.dims[1];
    const std::size_t kv_heads =
        wide ? static_cast<std::size_t>(test.attribute("kv_num_heads", 1)) : k.dims[1];
    const std::size_t width = wide ? q.dims[2] / heads : q.dims[3];
    const std::size_t queries = q.dims[wide ? 1 : 2], keys = k.dims[wide ? 1 : 2];
    const auto scale =
        static_cast<float>(test.attribute("scale", 1.0 / std::sqrt(static_cast<double>(width))));
    // Element (batch, head, row, d) of a tensor of either layout.
    const auto at = [&](const onnx_tensor& t, std::size_t b, std::size_t n, std::size_t h,
                        std::size_t row, std::size_t d) {
      const std::size_t rows = t.dims[wide ? 1 : 2];
      return wide ? ((b * rows + row) * n + h) * width + d : ((b * n + h) * rows + row) * width + d;
    };
    std::vector<float> y(q.values.size());
    double largest_score = 0.0;
    for (std::size_t b = 0; b < q.dims[0]; ++b) {
      // The key that the first query sees last: its own position, behind those of a cache; or all see all.
      const std::size_t filled =
          test.inputs.count("nonpad_kv_seqlen") != 0
              ? static_cast<std::size_t>(test.in("nonpad_kv_seqlen").values[b])
              : 0;
      const bool causal = test.attribute("is_causal", 0) != 0;
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t i = 0; i < queries; ++i) {
          const std::size_t last = !causal ? keys - 1 : (filled == 0 ? i : filled - queries + i);
          std::vector<float> row(width), out(width),
              scratch(qat::attention_scratch(last + 1, width));
          std::vector<float> key_rows((last + 1) * width), value_rows((last + 1) * width);
          std::vector<float> key_memory(qat::attention_keys(last + 1, width)),
              value_memory(qat::attention_values(last + 1, width));
          for (std::size_t d = 0; d < width; ++d) row[d] = q.values[at(q, b, heads, h, i, d)];
          for (std::size_t j = 0; j <= last; ++j) {
            double score = 0.0;
            for (std::size_t d = 0; d < width; ++d) {
              const std::size_t place = at(k, b, kv_heads, h / (heads / kv_heads), j, d);
              key_rows[j * width + d] = k.values[place];
              value_rows[j * width + d] = v.values[place];
              score += std::abs(double(row[d]) * double(k.values[place])) * double(scale);
            }
            largest_score = std::max(largest_score, score);
          }
          const qat::matrix_view<const float> key_view(key_rows.data(), last + 1, width),
              value_view(value_rows.data(), last + 1, width);
          qat::fill_attention_keys<float>(key_view, key_memory.data());
          qat::fill_attention_values<float>(value_view, value_memory.data());
          qat::attend<float>(qat::matrix_view<const float>(row.data(), 1, width), last,
                             {key_memory.data(), value_memory.data()}, scale,
                             {out.data(), 1, width}, scratch.data());
          for (std::size_t d = 0; d < width; ++d) y[at(q, b, heads, h, i, d)] = out[d];
        }
    }
    // Scores err by width + 2 roundings of their terms, which exp makes relative errors of weights, above and below the
    // line; then two sums over the keys and a quotient. Twice; values lie in [0, 1).
    const double n = static_cast<double>(keys), d = static_cast<double>(width);
    check_near(y, test.out("Y").values, [&](std::size_t) {
      return 2 * (2 * (d + 2) * largest_score + 2 * n + 6) * rounding;
    });
    return true;
  });
}

TEST_CASE("ONNX SwiGLU and Swish: in fp32") {
  const auto check = [](const onnx_test& test, const std::vector<float>& gate,
                        const std::vector<float>& up, const std::vector<float>& expected) {
    static_cast<void>(test);
    auto a = tensor_of(gate, 1), b = tensor_of(up, 1);
    const auto y = values_of([&](qat::Tape<float>& tape) {
      return qat::swiglu(tape, tape.constant(a.view()), tape.constant(b.view()));
    });
    // exp (2), sum, quotient, product, twice.
    check_near(y, expected,
               [&](std::size_t i) { return 2 * 5 * rounding * std::abs(double(y[i])); });
  };
  run_tests("SwiGLU", 1, [&](const onnx_test& test) {
    if (test.name.find("float16") != std::string::npos) return false;
    check(test, test.in("a").values, test.in("b").values, test.out("y").values);
    return true;
  });
  run_tests("Swish", 0, [&](const onnx_test& test) {
    REQUIRE(test.attribute("alpha", 1.0) == 1.0);
    const std::vector<float>& x = test.in("x").values;
    check(test, x, std::vector<float>(x.size(), 1.0f), test.out("y").values);
    return true;
  });
}

TEST_CASE("ONNX Softmax: along every axis") {
  run_tests("Softmax", 0, [](const onnx_test& test) {
    const onnx_tensor& x = test.in("x");
    const auto axis_attribute = static_cast<int>(test.attribute("axis", -1));
    const std::size_t axis = static_cast<std::size_t>(
        axis_attribute < 0 ? axis_attribute + static_cast<int>(x.dims.size()) : axis_attribute);
    const std::size_t inner = x.size_from(axis + 1), n = x.dims[axis];
    std::vector<float> y(x.values.size());
    double spread = 0.0;
    for (std::size_t i = 0; i < x.values.size() / n; ++i) {
      const std::size_t begin = i / inner * n * inner + i % inner;
      std::vector<float> row(n);
      for (std::size_t c = 0; c < n; ++c) row[c] = x.values[begin + c * inner];
      const auto [low, high] = std::minmax_element(row.begin(), row.end());
      spread = std::max(spread, double(*high) - double(*low));
      const float total = qat::softmax_weights<float>(row.data(), n, 1.0f);
      for (std::size_t c = 0; c < n; ++c) y[begin + c * inner] = row[c] / total;
    }
    // The difference from the maximum rounds once; exp (2), the sum of n, the quotient; twice.
    check_near(y, test.out("y").values, [&](std::size_t i) {
      return 2 * (spread + static_cast<double>(n) + 4) * rounding * std::abs(double(y[i]));
    });
    return true;
  });
}

TEST_CASE("ONNX SoftmaxCrossEntropyLoss: mean and sum and none without weights of classes") {
  // Left out: with weights of classes (9).
  run_tests("SoftmaxCrossEntropyLoss", 9, [](const onnx_test& test) {
    if (test.inputs.count("w") != 0) return false;
    const onnx_tensor& x = test.in("x");
    const std::size_t classes = x.dims[1], inner = x.size_from(2);
    const std::size_t rows = x.values.size() / classes;
    qat::Tensor<float> logits({rows, classes}), identity({classes, classes});
    std::vector<std::int32_t> targets(rows);
    double size = 0.0;
    for (std::size_t c = 0; c < classes; ++c) identity.row(c)[c] = 1.0f;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < classes; ++c) {
        logits.row(r)[c] = x.values[(r / inner * classes + c) * inner + r % inner];
        size = std::max(size, std::abs(double(logits.row(r)[c])));
      }
      const auto target = static_cast<std::int32_t>(test.in("y").values[r]);
      const bool ignored = test.attributes.contains("ignore_index") &&
                           target == test.attributes["ignore_index"].get<std::int32_t>();
      targets[r] = ignored ? qat::ignored_target : target;
    }
    std::vector<float> losses(rows);
    float mean = 0.0f;
    run_planned<float>(qat::tape_mode::infer, [&](qat::Tape<float>& tape) {
      const auto w = tape.constant(identity.view());
      const auto loss =
          qat::cross_entropy(tape, tape.constant(logits.view()), {w, qat::pack_weight(tape, w)},
                             std::span<const std::int32_t>(targets), std::span<float>(losses));
      if (tape.computes()) mean = *loss.value.data();
    });
    const std::string reduction = test.attributes.value("reduction", "mean");
    std::vector<float> y{mean};
    if (reduction == "none") y = losses;
    if (reduction == "sum") y = {std::accumulate(losses.begin(), losses.end(), 0.0f)};
    // log-sum-exp: differences, exp (2), a sum of the classes, log (2), the maximum and the logit added; then the sum
    // over rows. Twice.
    const double terms = reduction == "none" ? 0.0 : static_cast<double>(rows);
    const double each = 2 * size + std::log(static_cast<double>(classes));
    const double scale = reduction == "sum" ? terms : 1.0;
    check_near(y, test.out("z").values, [&](std::size_t) {
      return 2 * (static_cast<double>(classes) + 7 + terms) * rounding * each * scale;
    });
    return true;
  });
}

TEST_CASE("ONNX Adam: the decay in the gradient and no correction of the bias") {
  run_tests("Adam", 0, [](const onnx_test& test) {
    REQUIRE(test.in("T").values[0] == 0.0f);  // the first step is not corrected
    const float rate = test.in("R").values[0];
    const qat::nn::adamw_options options{
        .beta1 = static_cast<float>(test.attribute("alpha", 0.9)),
        .beta2 = static_cast<float>(test.attribute("beta", 0.999)),
        .epsilon = static_cast<float>(test.attribute("epsilon", 0.0)),
        .weight_decay = 0.0f};
    for (const std::string n : {"1", "2"}) {
      auto w = tensor_of(test.in(("X" + n).c_str()).values, 1);
      auto g = tensor_of(test.in(("G" + n).c_str()).values, 1);
      const float decay = static_cast<float>(test.attribute("norm_coefficient", 0.0));
      for (std::size_t i = 0; i < g.size(); ++i)
        g.data()[i] = qat::core::fma(decay, w.data()[i], g.data()[i]);
      qat::nn::adamw_state<float> state(w.shape());
      std::copy_n(test.in(("V" + n).c_str()).values.begin(), w.size(), state.first.data());
      std::copy_n(test.in(("H" + n).c_str()).values.begin(), w.size(), state.second.data());
      qat::nn::adamw_update<float>({}, options, {rate, rate, 1.0f}, w.view(),
                                   qat::TensorView<const float>(g.view()), state);
      const auto check = [&](const qat::Tensor<float>& found, const char* name) {
        const std::vector<float> values(found.data(), found.data() + found.size());
        // Gradient (2), moments (4 each), root, sum, quotient, product, difference: twice, relative to numbers below 10
        // of one sign.
        check_near(values, test.out((name + n + "_new").c_str()).values, [&](std::size_t i) {
          return 2 * 15 * rounding * std::max(1.0, std::abs(double(values[i])));
        });
      };
      check(w, "X");
      check(state.first, "V");
      check(state.second, "H");
    }
    return true;
  });
}
