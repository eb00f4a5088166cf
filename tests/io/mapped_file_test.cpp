#include <qat/io/mapped_file.hpp>

#include <doctest/doctest.h>

#include <string>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::file_access;
using qat::io::MappedFile;

TEST_CASE("MappedFile: mapped and read files have the bytes of the file") {
  const TemporaryFolder folder;
  write_file(folder / "a", "some bytes");
  write_file(folder / "empty", "");
  for (const file_access access : {file_access::map, file_access::read}) {
    MappedFile file(folder / "a", access);
    CHECK(std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()) ==
          "some bytes");
    const MappedFile moved = std::move(file);
    CHECK(moved.bytes().size() == 10);
    CHECK(file.bytes().empty());  // NOLINT(bugprone-use-after-move): documented
    CHECK(MappedFile(folder / "empty", access).bytes().empty());
  }
  CHECK(qat::io::read_text(folder / "a") == "some bytes");
}

TEST_CASE("MappedFile: what is not a readable file is named with the reason") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(MappedFile(folder / "missing"),
                       doctest::Contains("missing: No such file or directory"), qat::io::FileError);
  CHECK_THROWS_WITH_AS(MappedFile(folder.path()), doctest::Contains("not a regular file"),
                       qat::io::FileError);
}
