#pragma once

#include <qat/io/format_error.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

/// \file
/// A JSON document whose every access is checked.

namespace qat::io {

/// A value with its place in the document, which errors name: "model.merges[3]".
class JsonField {
 public:
  using json = nlohmann::json;

  /// `offset` is where the document begins in the file.
  JsonField(const json& value, std::string file, std::string place = "", std::uint64_t offset = 0)
      : value_(&value), file_(std::move(file)), place_(std::move(place)), offset_(offset) {}

  [[nodiscard]] const json& value() const { return *value_; }

  /// Throws FormatError: "expected <expected> at <place>; found <found>".
  [[noreturn]] void refuse(const std::string& expected, const std::string& found) const {
    throw FormatError(file_, offset_, expected + (place_.empty() ? "" : " at " + place_), found);
  }
  [[noreturn]] void refuse(const std::string& expected) const { refuse(expected, shown()); }

  /// Present and not null.
  ///
  /// Throws  FormatError unless this is an object; so do the other readers of fields.
  [[nodiscard]] bool has(const std::string& key) const {
    if (!value_->is_object()) refuse("an object");
    const auto at = value_->find(key);
    return at != value_->end() && !at->is_null();
  }
  [[nodiscard]] JsonField operator[](const std::string& key) const {
    if (!value_->is_object()) refuse("an object");
    const auto at = value_->find(key);
    if (at == value_->end()) refuse("a field \"" + key + "\"", "none");
    return {*at, file_, place_.empty() ? key : place_ + "." + key, offset_};
  }
  /// Calls use(key, field) for every field of an object.
  template <class Use>
  void each(Use&& use) const {
    if (!value_->is_object()) refuse("an object");
    for (const auto& [key, value] : value_->items())
      use(key, JsonField(value, file_, place_ + "[\"" + key + "\"]", offset_));
  }
  /// Throws FormatError unless this is an array.
  [[nodiscard]] std::size_t size() const {
    if (!value_->is_array()) refuse("an array");
    return value_->size();
  }
  [[nodiscard]] JsonField operator[](std::size_t index) const {
    return {(*value_)[index], file_, place_ + "[" + std::to_string(index) + "]", offset_};
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
  [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise) const {
    return has(key) ? (*this)[key].text() : otherwise;
  }
  [[nodiscard]] float number(const std::string& key, float otherwise) const {
    if (!has(key)) return otherwise;
    const JsonField field = (*this)[key];
    if (!field.value_->is_number()) field.refuse("a number");
    return field.value_->get<float>();
  }
  /// An integer from 0 to most.
  [[nodiscard]] std::uint64_t count(std::uint64_t most) const {
    if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > most)
      refuse("an integer from 0 to " + std::to_string(most));
    return value_->get<std::uint64_t>();
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
  std::uint64_t offset_;
};

/// Parses a document; `offset` is where its text begins in the file.
///
/// Throws  FormatError with the byte at which it is no JSON; for more than 64 levels and for a key twice in one object.
[[nodiscard]] inline nlohmann::json parse_json(std::string_view text, const std::string& path,
                                               std::uint64_t offset = 0) {
  using json = nlohmann::json;
  std::vector<std::set<std::string>> keys;
  std::string complaint;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    const bool opens = event == json::parse_event_t::object_start;
    if ((opens || event == json::parse_event_t::array_start) && depth >= 64 && complaint.empty())
      complaint = "more than 64 levels";
    if (opens) keys.emplace_back();
    if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.empty() && parsed.is_string() &&
        !keys.back().insert(parsed.get<std::string>()).second && complaint.empty())
      complaint = "the key " + parsed.get<std::string>() + " twice";
    return true;
  };
  json document;
  try {
    document = json::parse(text, watch);
  } catch (const json::parse_error& error) {
    const std::size_t at = error.byte > 0 ? error.byte - 1 : 0;
    throw FormatError(path, offset + at, "JSON",
                      at < text.size() ? "something else" : "the end of the file");
  } catch (const json::exception& error) {
    throw FormatError(path, offset, "JSON", error.what());
  }
  if (!complaint.empty()) throw FormatError(path, offset, "JSON of one meaning", complaint);
  return document;
}

}  // namespace qat::io
