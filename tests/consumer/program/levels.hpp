#pragma once

#include <cstddef>
#include <vector>

// The same function in two translation units with different flags: the levels of a (rows, cols) matrix.
std::vector<float> levels_of_first_unit(const std::vector<float>& x, std::size_t rows,
                                        std::size_t cols);
std::vector<float> levels_of_second_unit(const std::vector<float>& x, std::size_t rows,
                                         std::size_t cols);
