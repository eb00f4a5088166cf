#include <qat/distill/snapshot.hpp>

#include <doctest/doctest.h>

#include <filesystem>

#include <tests/support/files.hpp>
#include <tests/support/llamas.hpp>

using namespace qat::distill;
using qat::testing::TemporaryFolder;

namespace {

training_state some_state() {
  training_state s(qat::testing::random_parameters(qat::testing::tiny_llama));
  s.step = 12;
  std::uint64_t seed = 1;
  qat::llama::for_each_parameter(
      s.parameters,
      [&](const std::string&, const qat::Tensor<float>&, qat::nn::adamw_state<float>& m) {
        for (std::size_t i = 0; i < m.first.size(); ++i) {
          m.first.data()[i] = qat::testing::uniform(++seed, i);
          m.second.data()[i] = qat::testing::uniform(++seed, i);
        }
      },
      s.moments);
  return s;
}

}  // namespace

TEST_CASE("snapshot: every number comes back, and saving again gives the same bytes") {
  const TemporaryFolder folder;
  save_snapshot(folder / "a", some_state(), {{"lr", 0.5}});
  const training_state back = load_snapshot(folder / "a", qat::testing::tiny_llama);
  CHECK(back.step == 12);
  CHECK(snapshot_facts(folder / "a").at("lr") == 0.5);
  save_snapshot(folder / "b", back, {{"lr", 0.5}});
  CHECK(qat::io::read_text(folder / "a") == qat::io::read_text(folder / "b"));
}

TEST_CASE("snapshot: another model, another file, another version are said") {
  const TemporaryFolder folder;
  save_snapshot(folder / "a", some_state(), {});
  qat::llama::llama_config other = qat::testing::tiny_llama;
  other.intermediate += 2;
  CHECK_THROWS_AS(static_cast<void>(load_snapshot(folder / "a", other)), qat::io::FormatError);
  other = qat::testing::tiny_llama;
  ++other.layers;
  CHECK_THROWS_AS(static_cast<void>(load_snapshot(folder / "a", other)), qat::io::FormatError);
  std::string bytes = qat::io::read_text(folder / "a");
  const std::size_t at = bytes.find("\"version\":\"1\"");
  REQUIRE(at != std::string::npos);
  bytes[at + 11] = '2';
  qat::testing::write_file(folder / "a", bytes);
  CHECK_THROWS_WITH_AS(static_cast<void>(load_snapshot(folder / "a", qat::testing::tiny_llama)),
                       doctest::Contains("expected version 1"), qat::io::FormatError);
  CHECK_THROWS_AS(static_cast<void>(load_snapshot(folder / "none", qat::testing::tiny_llama)),
                  qat::io::FileError);
}

TEST_CASE("snapshot: a folder that cannot be written leaves the old file") {
  CHECK_THROWS_AS(save_snapshot("/nowhere/at/all", some_state(), {}), qat::io::FileError);
}
