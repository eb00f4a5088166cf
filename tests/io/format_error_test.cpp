#include <qat/io/format_error.hpp>

#include <doctest/doctest.h>

TEST_CASE("FormatError: the message names path and offset and what was expected and found") {
  const qat::io::FormatError error("a/model.gguf", 24, "a version of 2 or 3", "7");
  CHECK(std::string(error.what()) ==
        "a/model.gguf at byte 24: expected a version of 2 or 3; found 7");
  CHECK(error.path() == "a/model.gguf");
  CHECK(error.offset() == 24);
}
