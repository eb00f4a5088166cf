#include <qat/io/atomic_file.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <sys/resource.h>

#include <tests/support/files.hpp>

using namespace qat::testing;  // the names of tests/support; nothing of the library
using qat::io::AtomicFile;
using qat::io::FileError;
using qat::io::read_text;
using qat::io::write_text;

namespace {

/// No file may grow beyond a number of bytes until the end of the scope.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("AtomicFile: the old file stays until the new one is whole") {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
    CHECK(read_text(path) == "old");
    file.write(" and longer");
    file.commit();
    CHECK(read_text(path) == "new and longer");
  }
  CHECK(read_text(path) == "new and longer");
  { AtomicFile abandoned(path); }
  CHECK(read_text(path) == "new and longer");
  // Nothing is left beside it; what a killed writer left is overwritten.
  CHECK(!std::filesystem::exists(path + ".partial"));
  write_file(path + ".partial", "the long remains of a writer that was killed");
  write_text(path, "third");
  CHECK(read_text(path) == "third");
  CHECK(!std::filesystem::exists(path + ".partial"));
}

TEST_CASE("AtomicFile: a full disk is an error and changes nothing") {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text(path, "old");
  const std::string much(100000, 'x');
  {
    const FileSizeLimit limit(65536);
    CHECK_THROWS_WITH_AS(write_text(path, much), doctest::Contains("File too large"), FileError);
  }
  CHECK(read_text(path) == "old");
  CHECK(!std::filesystem::exists(path + ".partial"));
  CHECK_THROWS_WITH_AS(write_text(folder / "nowhere/file", "x"),
                       doctest::Contains("nowhere/file.partial: No such file"), FileError);
  std::filesystem::create_directory(folder / "folder");
  CHECK_THROWS_AS(write_text(folder / "folder", "x"), FileError);
  CHECK(!std::filesystem::exists(folder / "folder.partial"));
}
