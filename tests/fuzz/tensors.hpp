#pragma once

#include <qat/io/named_tensor.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include <tests/fuzz/target.hpp>

/// \file
/// What a fuzz target does with the tensors of a file that a reader accepted.

namespace qat::testing {

/// Decodes the first and the last block of every tensor of a type that we know, and all of small ones; touches every byte.
template <class File>
void use_tensors(const File& file) {
  std::size_t sum = 0;
  for (const auto& item : file.tensors()) {
    const io::named_tensor& t = item.second;
    must(item.first == t.name && file.find(t.name) == &t);
    for (const std::byte b : t.bytes) sum += std::to_integer<std::size_t>(b);
    if (t.type == io::tensor_type::other || t.size() == 0) continue;
    const std::size_t block = io::block_of(t.type).elements;
    must(t.size() % block == 0);
    std::vector<float> some(block);
    io::decode(t, 0, some);
    io::decode(t, t.size() - block, some);
    if (t.size() <= 4096) {
      some.resize(static_cast<std::size_t>(t.size()));
      io::decode(t, 0, some);
    }
  }
  must(sum != static_cast<std::size_t>(-1));
}

}  // namespace qat::testing
