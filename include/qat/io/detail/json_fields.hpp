#pragma once

#include <qat/io/format_error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

/// \file
/// A JSON document whose every access is checked.

namespace qat::io::detail {

/// A value with its place in the document, which errors name: "model.merges[3]".
class JsonField {
 public:
  using json = nlohmann::json;

  JsonField(const json& value, std::string file, std::string place)
      : value_(&value), file_(std::move(file)), place_(std::move(place)) {}

  [[nodiscard]] const json& value() const { return *value_; }

  /// Throws FormatError: "expected <expected> at <place>; found <found>".
  [[noreturn]] void refuse(const std::string& expected, const std::string& found) const {
    throw FormatError(file_, 0, expected + (place_.empty() ? "" : " at " + place_), found);
  }
  [[noreturn]] void refuse(const std::string& expected) const { refuse(expected, shown()); }

  /// Present and not null.
  [[nodiscard]] bool has(const std::string& key) const {
    if (!value_->is_object()) refuse("an object");
    const auto at = value_->find(key);
    return at != value_->end() && !at->is_null();
  }
  [[nodiscard]] JsonField operator[](const std::string& key) const {
    if (!value_->is_object()) refuse("an object");
    const auto at = value_->find(key);
    if (at == value_->end()) refuse("a field \"" + key + "\"", "none");
    return {*at, file_, place_.empty() ? key : place_ + "." + key};
  }
  /// Calls use(key, field) for every field of an object.
  template <class Use>
  void each(Use&& use) const {
    if (!value_->is_object()) refuse("an object");
    for (const auto& [key, value] : value_->items())
      use(key, JsonField(value, file_, place_ + "[\"" + key + "\"]"));
  }
  /// Throws FormatError unless this is an array.
  [[nodiscard]] std::size_t size() const {
    if (!value_->is_array()) refuse("an array");
    return value_->size();
  }
  [[nodiscard]] JsonField operator[](std::size_t index) const {
    return {(*value_)[index], file_, place_ + "[" + std::to_string(index) + "]"};
  }

  [[nodiscard]] const std::string& text() const {
    if (!value_->is_string()) refuse("a text");
    return value_->get_ref<const std::string&>();
  }
  /// A text that is not empty.
  [[nodiscard]] const std::string& some_text() const {
    if (text().empty()) refuse("a text that is not empty");
    return text();
  }
  [[nodiscard]] bool flag() const {
    if (!value_->is_boolean()) refuse("true or false");
    return value_->get<bool>();
  }
  [[nodiscard]] bool flag(const std::string& key, bool otherwise) const {
    return has(key) ? (*this)[key].flag() : otherwise;
  }
  /// An integer from 0 to most.
  [[nodiscard]] std::size_t count(std::size_t most) const {
    if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > most)
      refuse("an integer from 0 to " + std::to_string(most));
    return static_cast<std::size_t>(value_->get<std::uint64_t>());
  }

 private:
  /// The value, shortened; containers by their name only.
  [[nodiscard]] std::string shown() const {
    if (value_->is_structured()) return std::string("an ") + value_->type_name();
    std::string text = value_->dump(-1, ' ', true, json::error_handler_t::replace);
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    return text;
  }

  const json* value_;
  std::string file_;
  std::string place_;
};

/// Parses a document. Throws FormatError with the offset where the bytes are no JSON.
[[nodiscard]] inline nlohmann::json parse_json(std::span<const std::byte> bytes,
                                               const std::string& path) {
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  try {
    return nlohmann::json::parse(begin, begin + bytes.size());
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
    throw FormatError(path, offset, "JSON",
                      offset < bytes.size() ? "something else" : "the end of the file");
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(path, 0, "JSON", error.what());
  }
}

}  // namespace qat::io::detail
