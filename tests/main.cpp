// The main function of every test program. It is doctest's, plus three things that doctest lacks:
// a run in which no case matched fails; a case that skipped although its data exist fails the run;
// the last line sums the cases: "cases: N passed, N failed, N skipped".
//
// A case skips by MESSAGE("skipped: <reason>"). The reason names QAT_TEST_ALL (a long test), starts with
// "hardware" (this CPU lacks something), or is missing data: any other text counts as that, and must not
// occur where QAT_TEST_DATA names a folder.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <string_view>

namespace {

struct case_counts {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  int skipped_for_data = 0;
};
case_counts counts;

class CountingListener : public doctest::IReporter {
 public:
  explicit CountingListener(const doctest::ContextOptions&) {}

  void test_case_start(const doctest::TestCaseData&) override { skips_ = false; }
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    if (stats.failure_flags != 0) {
      ++counts.failed;
    } else if (skips_) {
      ++counts.skipped;
    } else {
      ++counts.passed;
    }
  }
  void log_message(const doctest::MessageData& message) override {
    const std::string_view text = message.m_string.c_str();
    if (text.find("skipped: ") != 0) return;
    skips_ = true;
    const bool allowed =
        text.find("QAT_TEST_ALL") != text.npos || text.find("skipped: hardware") == 0;
    if (!allowed) ++counts.skipped_for_data;
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  bool skips_ = false;
};

DOCTEST_REGISTER_LISTENER("counts", 1, CountingListener);

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  int result = context.run();
  if (context.shouldExit()) return result;

  if (counts.passed + counts.failed + counts.skipped == 0) {
    std::puts("error: no test case matched the filters");
    result = 1;
  }
  if (counts.skipped_for_data > 0 && std::string_view(QAT_TEST_DATA) != "") {
    std::printf("error: a test skipped for missing data, but QAT_TEST_DATA is %s\n", QAT_TEST_DATA);
    result = 1;
  }
  std::printf("cases: %d passed, %d failed, %d skipped\n", counts.passed, counts.failed,
              counts.skipped);
  return result;
}
