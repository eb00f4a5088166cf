#pragma once

#include <cstdint>

// The same calls in two translation units that are compiled for different instruction sets: a hash of all
// results.
std::uint64_t calls_of_first_unit();
std::uint64_t calls_of_second_unit();
