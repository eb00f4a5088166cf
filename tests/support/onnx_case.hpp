#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// \file
/// Reads single tensors from the JSON lines of the ONNX operator tests: {"test": ..., "inputs": [{"name": "x", "dtype":
/// ..., "dims": [...], "values": [...]}, ...], "outputs": [...]}. No general JSON.

namespace qat::testing {

struct onnx_case {
  std::string name;
  std::string text;

  /// The numbers of the tensor `tensor` of "inputs" or "outputs".
  [[nodiscard]] std::vector<double> values(const std::string& section,
                                           const std::string& tensor) const {
    const std::size_t from = found("\"" + section + "\": [{", 0);
    const std::size_t at = found("{\"name\": \"" + tensor + "\"", from);
    const std::size_t begin = found("\"values\": [", at) + 11;
    std::string list = text.substr(begin, found("]", begin) - begin);
    for (char& c : list)
      if (c == ',') c = ' ';
    std::istringstream in(list);
    std::vector<double> numbers;
    for (double number = 0; in >> number;) numbers.push_back(number);
    return numbers;
  }

  /// The same as floats, which they are exactly.
  [[nodiscard]] std::vector<float> floats(const std::string& section,
                                          const std::string& tensor) const {
    std::vector<float> numbers;
    for (const double number : values(section, tensor))
      numbers.push_back(static_cast<float>(number));
    return numbers;
  }

 private:
  [[nodiscard]] std::size_t found(const std::string& what, std::size_t from) const {
    const std::size_t at = text.find(what, from);
    if (at == std::string::npos) throw std::runtime_error(name + " has no " + what);
    return at;
  }
};

/// The cases whose nodes name an operator that ends in "uantizeLinear".
inline std::vector<onnx_case> quantize_linear_cases(const std::string& path) {
  std::ifstream file(path);
  std::vector<onnx_case> cases;
  std::string line;
  while (std::getline(file, line)) {
    if (line.find("uantizeLinear\"") == std::string::npos) continue;
    const std::size_t begin = line.find("\"test\": \"") + 9;
    onnx_case one;
    one.name = line.substr(begin, line.find('"', begin) - begin);
    one.text = line;
    cases.push_back(one);
  }
  return cases;
}

}  // namespace qat::testing
