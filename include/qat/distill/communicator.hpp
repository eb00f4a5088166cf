#pragma once

#include <qat/core/contracts.hpp>
#include <qat/llama/parameters.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

/// \file
/// How the gradients of the parts of a step become one sum, whoever computed them.
///
/// A step consists of 2^p parts. Their gradients are added as a binary tree over the parts' numbers,
///
///   sum(a, a + 2 n) = sum(a, a + n) + sum(a + n, a + 2 n),
///
/// so that 2^q workers, each with 2^(p - q) parts that follow each other, get the bits that one worker gets: each adds the
/// tree over its own parts (GradientTree), and all_reduce adds the rest of the tree over the workers.

namespace qat::distill {

/// Adds over workers. all_reduce leaves the sum of all workers' gradients in each of them, added as a binary tree over ranks.
template <class C>
concept communicator = requires(C& c, llama::llama_parameters<float>& gradients) {
  { c.rank() } -> std::convertible_to<std::size_t>;
  { c.workers() } -> std::convertible_to<std::size_t>;
  c.all_reduce(gradients);
};

/// One process: nothing to add.
struct single_process {
  [[nodiscard]] static constexpr std::size_t rank() { return 0; }
  [[nodiscard]] static constexpr std::size_t workers() { return 1; }
  static void all_reduce(llama::llama_parameters<float>&) {}
};

/// The sum of parts that come one after the other, as the tree above; holds log2(parts) sums at most.
class GradientTree {
 public:
  /// Adds the next part, times its weight, and takes its memory.
  ///
  /// Error  one rounding a product and a sum.
  void add(llama::llama_parameters<float> part, float weight) {
    if (weight != 1.0f)
      llama::for_each_parameter(part, [&](const std::string&, Tensor<float>& g) {
        for (float& x : g.elements()) x *= weight;
      });
    std::size_t height = 0;
    while (!sums_.empty() && sums_.back().height == height) {
      llama::for_each_parameter(
          part,
          [](const std::string&, Tensor<float>& right, const Tensor<float>& left) {
            for (std::size_t i = 0; i < right.size(); ++i)
              right.data()[i] = left.data()[i] + right.data()[i];
          },
          sums_.back().gradients);
      sums_.pop_back();
      ++height;
    }
    sums_.push_back({height, std::move(part)});
  }

  /// The sum of all parts; the tree is then empty.
  ///
  /// Throws  ContractViolation unless 2^p parts were added.
  [[nodiscard]] llama::llama_parameters<float> take() {
    QAT_EXPECTS(sums_.size() == 1,
                std::to_string(sums_.size()) + " sums are left: the parts are not a power of two");
    llama::llama_parameters<float> sum = std::move(sums_.back().gradients);
    sums_.clear();
    return sum;
  }

 private:
  struct partial_sum {
    std::size_t height;
    llama::llama_parameters<float> gradients;
  };
  std::vector<partial_sum> sums_;
};

}  // namespace qat::distill
