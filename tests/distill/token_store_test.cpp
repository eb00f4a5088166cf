#include <qat/distill/token_store.hpp>

#include <doctest/doctest.h>

#include <filesystem>

#include <tests/support/files.hpp>

using namespace qat::distill;
using qat::testing::TemporaryFolder;

namespace {

const std::vector<stored_sequence> some{{0, {1, 2, 3}}, {2, {}}, {3, {-1, 1 << 30, 7, 7}}};

std::string written_whole(const std::string& path) {
  TokenStoreWriter writer(path, "{\"seed\":1}");
  for (const stored_sequence& s : some) writer.append(s);
  writer.finish();
  return qat::io::read_text(path);
}

}  // namespace

TEST_CASE("token store: gives back what was written, and nothing before it is complete") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.qts";
  {
    TokenStoreWriter writer(path, "{}");
    writer.append(some[0]);
  }
  CHECK(!std::filesystem::exists(path));
  const std::string bytes = written_whole(folder / "b.qts");
  CHECK(read_token_store(folder / "b.qts") == some);
  CHECK(!std::filesystem::exists(folder / "b.qts.partial"));
  CHECK(bytes.substr(0, 8) == "QATTOKEN");
}

TEST_CASE("token store: a writer that was cut at any byte goes on to the same file") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.qts";
  const std::string whole = written_whole(path);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const std::string at = folder / "cut.qts";
    qat::testing::write_file(at + ".partial", whole.substr(0, cut));
    TokenStoreWriter writer(at, "{\"seed\":1}");
    const std::size_t known = writer.written().size();
    for (std::size_t i = known; i < some.size(); ++i) writer.append(some[i]);
    writer.finish();
    CHECK(qat::io::read_text(at) == whole);
    if (cut > whole.size() - 40) CHECK(known == 3);
  }
}

TEST_CASE("token store: a writer goes on before a sequence whose bytes changed") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.qts";
  const std::string whole = written_whole(path);
  std::string changed = whole.substr(0, whole.size() - 40);  // without the end
  changed[changed.size() - 6] = static_cast<char>(changed[changed.size() - 6] ^ 1);
  qat::testing::write_file(path + ".partial", changed);
  CHECK(TokenStoreWriter(path, "{\"seed\":1}").written() ==
        std::vector<stored_sequence>(some.begin(), some.begin() + 2));
}

TEST_CASE("token store: other facts begin anew") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.qts";
  { TokenStoreWriter(path, "{\"seed\":1}").append(some[0]); }
  CHECK(TokenStoreWriter(path, "{\"seed\":1}").written().size() == 1);
  CHECK(TokenStoreWriter(path, "{\"seed\":2}").written().empty());
}

TEST_CASE("token store: every changed bit and every cut is seen") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.qts";
  const std::string whole = written_whole(path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 16);
    qat::testing::write_file(path, changed);
    CHECK_THROWS_AS(static_cast<void>(read_token_store(path)), qat::io::FormatError);
    qat::testing::write_file(path, whole.substr(0, i));
    CHECK_THROWS_AS(static_cast<void>(read_token_store(path)), qat::io::FormatError);
  }
  qat::testing::write_file(path, whole + "x");
  CHECK_THROWS_AS(static_cast<void>(read_token_store(path)), qat::io::FormatError);
}

TEST_CASE("token store: a folder that does not exist is said") {
  CHECK_THROWS_AS(TokenStoreWriter("/nowhere/at/all.qts", "{}"), qat::io::FileError);
}
