#pragma once

#include <qat/config.hpp>
#include <qat/core/contracts.hpp>
#include <qat/core/parallel_for.hpp>

#include <atomic>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

/// \file
/// The std::thread executor. In a header of its own: quant.hpp does not include <thread>.

namespace qat::core {

/// A fixed pool of threads that runs tasks for one caller at a time.
///
/// The calling thread works too, so ThreadExecutor(n) starts n - 1 threads; ThreadExecutor(1) starts none. Between calls
/// threads give way to others for some tens of microseconds, then sleep: a step of decoding is a hundred short calls. Which thread runs which task is left to chance: results must not depend on it, and those of the library do
/// not (parallel_for's blocks are fixed).
///
/// A task may use an executor of its own, but not call run() of the executor that runs it: that throws ContractViolation
/// instead of waiting for itself. So does run() from a second thread while a call is in progress.
class ThreadExecutor {
 public:
  /// Starts threads - 1 workers.
  ///
  /// Throws  ContractViolation if threads == 0; std::system_error if the system refuses a thread (those already started are
  ///         joined).
  explicit ThreadExecutor(std::size_t threads) {
    QAT_EXPECTS(threads > 0, "0");
    workers_.reserve(threads - 1);
    try {
      for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  /// Joins the workers. No call of run() may be in progress.
  ~ThreadExecutor() { stop(); }

  /// Threads that take part in run(), the caller's included.
  [[nodiscard]] std::size_t thread_count() const noexcept { return workers_.size() + 1; }

  /// Calls f(i) once for each i in [0, count) on the pool and in the calling thread; returns when all calls have returned.
  ///
  /// What f wrote is visible to the caller afterwards. After an exception, tasks that no thread has begun are skipped.
  ///
  /// Throws  the first exception thrown by a task; ContractViolation if a call is already in progress (from a task of this
  ///         executor, or from another thread).
  /// Cost    one wake-up of the pool, then one atomic increment a task; a single task runs in the caller and wakes nobody.
  template <class F>
    requires std::invocable<F&, std::size_t>
  void run(std::size_t count, F&& f) {
    const bool idle = !busy_.exchange(true, std::memory_order_acquire);
    QAT_EXPECTS(idle, "a call in progress: nested in one of its tasks or from another thread");
    const ends_call end{busy_};
    if (count <= 1 || workers_.empty()) {
      for (std::size_t i = 0; i < count; ++i) f(i);
      return;
    }
    auto call = [&f](std::size_t i) { f(i); };
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      invoke_ = [](void* task, std::size_t i) { (*static_cast<decltype(call)*>(task))(i); };
      task_ = &call;
      count_ = count;
      next_.store(0, std::memory_order_relaxed);
      error_ = nullptr;
      running_ = workers_.size();
      ++generation_;
    }
    wake_.notify_all();
    take_tasks();
    give_way([this] { return running_ == 0; });
    std::exception_ptr error;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return running_ == 0; });
      error = error_;
      error_ = nullptr;
      task_ = nullptr;
    }
    if (error) std::rethrow_exception(error);
  }

 private:
  struct ends_call {
    std::atomic<bool>& busy;
    ~ends_call() { busy.store(false, std::memory_order_release); }
  };

  /// Lets other threads run until the condition holds, for as long as it takes to fall asleep and be woken.
  template <class Condition>
  static void give_way(Condition&& holds) {
    constexpr int times = 200;
    for (int i = 0; i < times && !holds(); ++i) std::this_thread::yield();
  }

  /// A worker: sleeps until a new generation of tasks, takes from it, reports back.
  void work() {
    std::size_t seen = 0;
    for (;;) {
      give_way([&] { return stopping_ || generation_ != seen; });
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
      }
      take_tasks();
      bool last = false;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        last = --running_ == 0;
      }
      if (last) done_.notify_one();
    }
  }

  /// Runs tasks until none is left. The first exception is kept and empties the queue.
  void take_tasks() noexcept {
    for (;;) {
      const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= count_) return;
      try {
        invoke_(task_, i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!error_) error_ = std::current_exception();
        next_.store(count_, std::memory_order_relaxed);
      }
    }
  }

  void stop() noexcept {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  std::vector<std::thread> workers_;
  std::atomic<bool> busy_{false};

  // Written under mutex_ before a generation starts, read by its workers after they saw it under mutex_.
  void (*invoke_)(void*, std::size_t) = nullptr;
  void* task_ = nullptr;
  std::size_t count_ = 0;

  std::atomic<std::size_t> next_{0};

  std::mutex
      mutex_;  // guards the changes of what follows; the atomic ones are also watched without it
  std::condition_variable wake_;
  std::condition_variable done_;
  std::exception_ptr error_;
  std::atomic<std::size_t> running_{0};
  std::atomic<std::size_t> generation_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace qat::core
