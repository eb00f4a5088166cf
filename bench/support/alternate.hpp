#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <tuple>
#include <utility>
#include <vector>

/// \file
/// Times several candidates in one process, a slice of each in turn: clocks, thermal state and other processes then
/// disturb all of them alike, and ratios hold where times do not.

namespace qat::benchmarking {

/// The median of `values`; 0 if there are none.
inline double median_of(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  const double below = *std::max_element(values.begin(), middle);
  return (below + *middle) / 2;
}

/// Seconds since some moment, by the clock of the wall or of the calling thread, which stands still while other processes
/// have its core: only for work in the caller's thread.
inline double seconds_now(bool thread_time) {
  if (thread_time) {
    std::timespec t{};
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0)
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  }
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_start).count();
}

/// How often each candidate runs, and by which clock.
struct alternation_tuning {
  /// A candidate repeats its call until a slice takes about this long: shorter than a scheduler's quantum, so that other
  /// processes miss most slices.
  double slice_seconds = 0.002;
  bool thread_time =
      false;  ///< the clock of the calling thread, which stands still while other processes have its
              ///< core; only for candidates that run in the caller's thread
};

/// Candidates (callables without arguments) that take turns.
///
///   Alternation turns({}, [&] { product(); }, [&] { peak(); });
///   for (int i = 0; i < 15; ++i) turns.round();
///   turns.median(0);       // seconds a call of the first
///   turns.ratio(0, 1);     // its time over that of the second: the median of the rounds' ratios
template <class... Candidates>
class Alternation {
 public:
  static constexpr std::size_t count = sizeof...(Candidates);

  explicit Alternation(alternation_tuning tuning, Candidates... candidates)
      : tuning_(tuning), candidates_(std::move(candidates)...) {
    calls_.fill(1);
    each([&](std::size_t i, auto& candidate) {  // warm up, and find the calls that fill a slice
      for (;;) {
        const double seconds = time(candidate, calls_[i]) * static_cast<double>(calls_[i]);
        if (seconds >= tuning_.slice_seconds / 2) {
          const double calls = static_cast<double>(calls_[i]) * tuning_.slice_seconds / seconds;
          calls_[i] = std::max<std::size_t>(1, static_cast<std::size_t>(calls));
          return;
        }
        calls_[i] *= 2;
      }
    });
  }

  /// Runs one slice of every candidate; returns the seconds that one call of the first took.
  double round() {
    each(
        [&](std::size_t i, auto& candidate) { seconds_[i].push_back(time(candidate, calls_[i])); });
    return seconds_[0].back();
  }

  /// Seconds a call of candidate i.
  [[nodiscard]] double median(std::size_t i) const { return median_of(seconds_[i]); }

  /// The fastest round of candidate i.
  [[nodiscard]] double fastest(std::size_t i) const {
    return seconds_[i].empty() ? 0.0 : *std::min_element(seconds_[i].begin(), seconds_[i].end());
  }

  /// Median absolute deviation of candidate i over its median.
  [[nodiscard]] double spread(std::size_t i) const {
    const double middle = median(i);
    std::vector<double> deviations;
    for (const double s : seconds_[i]) deviations.push_back(std::abs(s - middle));
    return middle > 0 ? median_of(std::move(deviations)) / middle : 0.0;
  }

  /// The time of i over that of j, as the median of the ratios of neighbouring slices.
  [[nodiscard]] double ratio(std::size_t i, std::size_t j) const {
    std::vector<double> ratios;
    for (std::size_t r = 0; r < seconds_[i].size(); ++r)
      ratios.push_back(seconds_[i][r] / seconds_[j][r]);
    return median_of(std::move(ratios));
  }

 private:
  template <class F>
  void each(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (f(I, std::get<I>(candidates_)), ...);
    }
    (std::make_index_sequence<count>{});
  }

  template <class Candidate>
  double time(Candidate& candidate, std::size_t calls) const {
    const double start = seconds_now(tuning_.thread_time);
    for (std::size_t c = 0; c < calls; ++c) candidate();
    return (seconds_now(tuning_.thread_time) - start) / static_cast<double>(calls);
  }

  alternation_tuning tuning_;
  std::tuple<Candidates...> candidates_;
  std::array<std::size_t, count> calls_{};
  std::array<std::vector<double>, count> seconds_;
};

}  // namespace qat::benchmarking
