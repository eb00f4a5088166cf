#include <qat/io/json_field.hpp>

#include <doctest/doctest.h>

#include <string>

using qat::io::FormatError;
using qat::io::JsonField;
using qat::io::parse_json;

TEST_CASE("JsonField: values come with the place that complaints name") {
  const nlohmann::json document =
      parse_json(R"({"a":{"b":[7,"x",-1,null]},"f":0.5,"t":true,"e":""})", "c.json", 8);
  const JsonField root(document, "c.json", "", 8);
  CHECK(root["a"]["b"].size() == 4);
  CHECK(root["a"]["b"][0].count(7) == 7);
  CHECK(root["a"]["b"][1].text() == "x");
  CHECK(root.number("f", 1.0f) == 0.5f);
  CHECK(root.number("g", 1.0f) == 1.0f);
  CHECK(root.flag("t", false));
  CHECK(root.flag("u", true));
  CHECK(root.text("u", "otherwise") == "otherwise");
  const auto complains = [](auto&& read, const char* message) {
    CHECK_THROWS_WITH_AS(static_cast<void>(read()), message, FormatError);
  };
  complains([&] { return root["a"]["b"][0].count(6); },
            "c.json at byte 8: expected an integer from 0 to 6 at a.b[0]; found 7");
  complains([&] { return root["a"]["b"][2].count(6); },
            "c.json at byte 8: expected an integer from 0 to 6 at a.b[2]; found -1");
  complains([&] { return root["a"]["c"].text(); },
            "c.json at byte 8: expected a field \"c\" at a; found none");
  complains([&] { return root["a"].text(); },
            "c.json at byte 8: expected a text at a; found an object");
  complains([&] { return root["e"].some_text(); },
            "c.json at byte 8: expected a text that is not empty at e; found \"\"");
  complains([&] { return root.number("t", 0.0f); },
            "c.json at byte 8: expected a number at t; found true");
  complains([&] { return root["f"].size(); },
            "c.json at byte 8: expected an array at f; found 0.5");
  complains([&] { return root["f"].has("x"); },
            "c.json at byte 8: expected an object at f; found 0.5");
}

TEST_CASE("parse_json: what has no single meaning is refused with its byte") {
  const auto refuses = [](const std::string& text, const char* message) {
    CHECK_THROWS_WITH_AS(static_cast<void>(parse_json(text, "c.json", 8)), message, FormatError);
  };
  refuses("{", "c.json at byte 9: expected JSON; found the end of the file");
  refuses("{x", "c.json at byte 9: expected JSON; found something else");
  refuses(R"({"a":{"b":1,"b":2}})",
          "c.json at byte 8: expected JSON of one meaning; found the key b twice");
  refuses(std::string(65, '[') + std::string(65, ']'),
          "c.json at byte 8: expected JSON of one meaning; found more than 64 levels");
  CHECK_NOTHROW(static_cast<void>(parse_json(R"({"a":{"b":1},"c":{"b":1}})", "c.json")));
}
