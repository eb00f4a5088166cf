#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

/// \file
/// Hashes of result bits.

namespace qat::testing {

/// FNV-1a over the bytes of results. Every NaN counts as the same one.
class Hash {
 public:
  void add_byte(unsigned byte) { state_ = (state_ ^ (byte & 0xffu)) * 1099511628211u; }
  void add(float value) {
    const std::uint32_t bits =
        value == value ? std::bit_cast<std::uint32_t>(value) : std::uint32_t{0x7fc00000};
    for (int shift = 0; shift < 32; shift += 8) add_byte(bits >> shift);
  }
  void add(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<unsigned>(value >> shift));
  }
  void add(std::int8_t code) { add_byte(static_cast<unsigned>(code)); }
  void add(std::uint8_t code) { add_byte(code); }
  template <class T>
  void add_all(const std::vector<T>& values) {
    for (const T& value : values) add(value);
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 14695981039346656037u;
};

/// A line for each part and one for all of them.
inline void print_hashes(std::span<const std::pair<const char*, std::uint64_t>> parts) {
  Hash all;
  for (const auto& part : parts) {
    std::printf("%-28s %016llx\n", part.first, static_cast<unsigned long long>(part.second));
    all.add(part.second);
  }
  std::printf("%-28s %016llx\n", "all", static_cast<unsigned long long>(all.value()));
}

}  // namespace qat::testing
