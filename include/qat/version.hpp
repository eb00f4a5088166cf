#pragma once

/// \file
/// The version of the library, as numbers.

namespace qat {

inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

}  // namespace qat
