#include "services/moderation/work_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <future>
#include <string>

#include "tests/support/manual_clock.h"

namespace gischat::moderation {
namespace {

using absl::StatusCode;

// Work that tells how it was called, and holds its thread until told to go on.
class Task {
 public:
  WorkPool::Work Make(bool holds = false) {
    return [this, holds](absl::Status status) {
      called_.set_value(status.code());
      if (holds && status.ok()) release_.get_future().wait();
    };
  }
  StatusCode Outcome() {
    const auto patience = std::chrono::seconds(10);
    const bool called = outcome_.wait_for(patience) == std::future_status::ready;
    return called ? outcome_.get() : StatusCode::kUnknown;
  }
  bool IsCalled() {
    return outcome_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  void Release() { release_.set_value(); }

 private:
  std::promise<StatusCode> called_;
  std::future<StatusCode> outcome_ = called_.get_future();
  std::promise<void> release_;
};

// Keeps the only thread of a pool busy until released.
class Occupant {
 public:
  explicit Occupant(WorkPool& pool) {
    EXPECT_TRUE(pool.Submit(1, [task = task_, work = task_->Make(/*holds=*/true)](
                                   absl::Status status) mutable { work(status); })
                    .ok());
    EXPECT_EQ(task_->Outcome(), StatusCode::kOk);
  }
  ~Occupant() { Release(); }
  void Release() {
    if (!released_) task_->Release();
    released_ = true;
  }

 private:
  std::shared_ptr<Task> task_ = std::make_shared<Task>();
  bool released_ = false;
};

class WorkPoolTest : public testing::Test {
 protected:
  tests::ManualClock clock_;
};

TEST_F(WorkPoolTest, DoesTheWork) {
  Task task;
  WorkPool pool({}, clock_);
  ASSERT_TRUE(pool.Submit(1, task.Make()).ok());
  EXPECT_EQ(task.Outcome(), StatusCode::kOk);
}

TEST_F(WorkPoolTest, UsesAsManyThreadsAsTold) {
  Task tasks[3];
  WorkPool pool({.threads = 3}, clock_);
  for (Task& task : tasks) ASSERT_TRUE(pool.Submit(1, task.Make(/*holds=*/true)).ok());
  for (Task& task : tasks) EXPECT_EQ(task.Outcome(), StatusCode::kOk);
  for (Task& task : tasks) task.Release();
}

TEST_F(WorkPoolTest, RefusesMoreThanTheQueueHolds) {
  Task tasks[3];
  WorkPool pool({.waiting = 2}, clock_);
  Occupant occupant(pool);
  ASSERT_TRUE(pool.Submit(1, tasks[0].Make()).ok());
  ASSERT_TRUE(pool.Submit(1, tasks[1].Make()).ok());
  EXPECT_EQ(pool.Submit(1, tasks[2].Make()).status().code(), StatusCode::kResourceExhausted);
  occupant.Release();
  EXPECT_EQ(tasks[1].Outcome(), StatusCode::kOk);
  EXPECT_FALSE(tasks[2].IsCalled());
}

TEST_F(WorkPoolTest, RefusesMoreBytesThanTheQueueHoldsAndTakesThemAgainLater) {
  Task tasks[4];
  WorkPool pool({.waiting_bytes = 10}, clock_);
  Occupant occupant(pool);
  ASSERT_TRUE(pool.Submit(6, tasks[0].Make()).ok());
  EXPECT_EQ(pool.Submit(5, tasks[1].Make()).status().code(), StatusCode::kResourceExhausted);
  absl::StatusOr<WorkPool::Ticket> ticket = pool.Submit(4, tasks[2].Make());
  ASSERT_TRUE(ticket.ok());
  EXPECT_TRUE(pool.Cancel(*ticket));
  EXPECT_TRUE(pool.Submit(4, tasks[3].Make()).ok());
  occupant.Release();
  EXPECT_EQ(tasks[3].Outcome(), StatusCode::kOk);
}

TEST_F(WorkPoolTest, TakesASinglePieceLargerThanTheBound) {
  Task task;
  WorkPool pool({.waiting_bytes = 10}, clock_);
  ASSERT_TRUE(pool.Submit(100, task.Make()).ok());
  EXPECT_EQ(task.Outcome(), StatusCode::kOk);
}

TEST_F(WorkPoolTest, DropsCancelledWorkAtOnce) {
  Task task;
  WorkPool pool({}, clock_);
  Occupant occupant(pool);
  absl::StatusOr<WorkPool::Ticket> ticket = pool.Submit(1, task.Make());
  ASSERT_TRUE(ticket.ok());
  EXPECT_TRUE(pool.Cancel(*ticket));
  EXPECT_EQ(task.Outcome(), StatusCode::kCancelled);
  EXPECT_FALSE(pool.Cancel(*ticket));
  occupant.Release();
}

TEST_F(WorkPoolTest, DropsWorkThatHasWaitedTooLong) {
  Task late, fresh;
  WorkPool pool({.wait = absl::Seconds(30)}, clock_);
  Occupant occupant(pool);
  ASSERT_TRUE(pool.Submit(1, late.Make()).ok());
  clock_.Advance(absl::Seconds(31));
  ASSERT_TRUE(pool.Submit(1, fresh.Make()).ok());
  occupant.Release();
  EXPECT_EQ(late.Outcome(), StatusCode::kResourceExhausted);
  EXPECT_EQ(fresh.Outcome(), StatusCode::kOk);
}

TEST_F(WorkPoolTest, DropsWhatWaitsWhenItEndsAndLetsTheRestFinish) {
  Task waiting;
  auto pool = std::make_unique<WorkPool>(WorkPool::Bounds{}, clock_);
  Occupant occupant(*pool);
  ASSERT_TRUE(pool->Submit(1, waiting.Make()).ok());
  const std::future<void> ended = std::async(std::launch::async, [&] { pool.reset(); });
  EXPECT_EQ(waiting.Outcome(), StatusCode::kUnavailable);
  EXPECT_NE(ended.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  occupant.Release();
  ended.wait();
}

TEST_F(WorkPoolTest, WorksWithLowerPriority) {
  std::promise<int> niceness;
  WorkPool pool({.niceness = 10}, clock_);
  ASSERT_TRUE(
      pool.Submit(1, [&](absl::Status) { niceness.set_value(::getpriority(PRIO_PROCESS, 0)); })
          .ok());
  EXPECT_EQ(niceness.get_future().get(), std::min(19, ::getpriority(PRIO_PROCESS, 0) + 10));
}

TEST_F(WorkPoolTest, CallsEveryPieceExactlyOnceWhateverHappens) {
  constexpr size_t kThreads = 4;
  constexpr size_t kPieces = 500;
  std::atomic<size_t> taken = 0;
  std::atomic<size_t> called = 0;
  {
    WorkPool pool({.threads = 2, .waiting = 8}, clock_);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (size_t piece = 0; piece < kPieces; ++piece) {
          const auto ticket = pool.Submit(1, [&](absl::Status) { ++called; });
          if (!ticket.ok()) continue;
          ++taken;
          if ((piece + i) % 3 == 0) pool.Cancel(*ticket);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(called.load(), taken.load());
  EXPECT_GT(taken.load(), 0U);
}

}  // namespace
}  // namespace gischat::moderation
