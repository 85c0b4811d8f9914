#include "services/moderation/image_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/moderation/metrics.h"
#include "tests/support/wait_until.h"

namespace gischat::moderation {
namespace {

using tests::WaitUntil;

// Work that the test plays: each call waits until it is told what comes out.
class Workshop {
 public:
  using Result = absl::StatusOr<std::string>;

  ImageDesk::Worker Worker() {
    return [this](std::string_view image_data, const ImageDesk::Abandoned& abandoned) {
      std::future<Result> result;
      {
        const std::lock_guard lock(mutex_);
        calls_.push_back({std::string(image_data), {}});
        result = calls_.back().result.get_future();
      }
      while (result.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
        if (abandoned()) return Result(absl::CancelledError("nobody wants it"));
      }
      return result.get();
    };
  }
  void Finish(size_t number, Result result) {
    ASSERT_TRUE(WaitUntil([&] { return calls() > number; }));
    const std::lock_guard lock(mutex_);
    calls_[number].result.set_value(std::move(result));
  }
  size_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }

 private:
  struct Call {
    std::string image_data;
    std::promise<Result> result;
  };
  mutable std::mutex mutex_;
  std::deque<Call> calls_;
};

// Somebody who sends an image, from a thread of his own.
class Sender {
 public:
  Sender(ImageDesk& desk, const std::string& image_data) {
    sent_->image_data = image_data;
    thread_ = std::thread([sent = sent_, &desk] {
      desk.Take(
          {sent->image_data, &sent->abandoned, [sent](const absl::StatusOr<ImageOutcome>& outcome) {
             sent->outcome.set_value(outcome.ok() ? "(" + **outcome + ")"
                                                  : StatusCodeToString(outcome.status().code()));
           }});
      sent->returned = true;
    });
  }
  ~Sender() { thread_.join(); }

  void Leave() { sent_->abandoned = true; }
  // Whether he has an outcome or waits for that of somebody else's.
  bool HasReturned() const { return sent_->returned; }
  bool HasOutcome() {
    return outcome_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  std::string Outcome() {
    if (outcome_.wait_for(std::chrono::seconds(10)) != std::future_status::ready) return "none";
    return outcome_.get();
  }

 private:
  struct Sent {
    std::string image_data;
    std::atomic<bool> abandoned = false;
    std::atomic<bool> returned = false;
    std::promise<std::string> outcome;
  };

  std::shared_ptr<Sent> sent_ = std::make_shared<Sent>();
  std::future<std::string> outcome_ = sent_->outcome.get_future();
  std::thread thread_;
};

class ImageDeskTest : public testing::Test {
 protected:
  double Metric(const std::string& line) const {
    const std::string page = prometheus::TextSerializer().Serialize(registry_.Collect());
    const std::string start = absl::StrCat("\n", line, " ");
    const size_t at = page.find(start);
    return at == std::string::npos ? -1 : std::stod(page.substr(at + start.size()));
  }
  double Images(const std::string& source) const {
    return Metric("gischat_moderation_images_total{source=\"" + source + "\"}");
  }
  // The outcome of an image, whose work, if any, comes to this.
  std::string Send(ImageDesk& desk, const std::string& image_data, Workshop::Result result) {
    const size_t calls = workshop_.calls();
    Sender sender(desk, image_data);
    WaitUntil([&] { return workshop_.calls() > calls || sender.HasOutcome(); });
    if (workshop_.calls() > calls) workshop_.Finish(calls, std::move(result));
    return sender.Outcome();
  }

  Workshop workshop_;
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
  ImageDesk desk_{{}, workshop_.Worker(), metrics_};
};

TEST_F(ImageDeskTest, WorksOnAnImageOnce) {
  EXPECT_EQ(Send(desk_, "cat", "fit cat"), "(fit cat)");
  EXPECT_EQ(Send(desk_, "cat", "other cat"), "(fit cat)");
  EXPECT_EQ(Send(desk_, "dog", "fit dog"), "(fit dog)");
  EXPECT_EQ(workshop_.calls(), 2u);
  EXPECT_EQ(Images("decoded"), 2);
  EXPECT_EQ(Images("kept"), 1);
  EXPECT_GT(Metric("gischat_moderation_image_cache_bytes"), 14);
}

TEST_F(ImageDeskTest, RemembersBadImages) {
  EXPECT_EQ(Send(desk_, "svg", absl::InvalidArgumentError("svg")), "()");
  EXPECT_EQ(Send(desk_, "svg", "good now"), "()");
  EXPECT_EQ(workshop_.calls(), 1u);
}

TEST_F(ImageDeskTest, TriesAgainWhatWasBadByChance) {
  EXPECT_EQ(Send(desk_, "large", absl::DeadlineExceededError("slow")), "()");
  EXPECT_EQ(Send(desk_, "large", "fit"), "(fit)");
}

TEST_F(ImageDeskTest, SharesWorkThatIsUnderWay) {
  Sender first(desk_, "cat");
  ASSERT_TRUE(WaitUntil([&] { return workshop_.calls() == 1; }));
  Sender second(desk_, "cat");
  Sender third(desk_, "cat");
  ASSERT_TRUE(WaitUntil([&] { return second.HasReturned() && third.HasReturned(); }));
  EXPECT_FALSE(second.HasOutcome());
  EXPECT_EQ(Send(desk_, "dog", absl::InvalidArgumentError("another image")), "()");
  workshop_.Finish(0, "fit");
  for (Sender* sender : {&first, &second, &third}) EXPECT_EQ(sender->Outcome(), "(fit)");
  EXPECT_EQ(Images("decoded"), 2);
  EXPECT_EQ(Images("shared"), 2);
}

TEST_F(ImageDeskTest, GoesOnWhenOneOfSeveralLeaves) {
  for (const bool first_leaves : {true, false}) {
    const std::string image = first_leaves ? "cat" : "dog";
    const size_t call = workshop_.calls();
    Sender first(desk_, image);
    ASSERT_TRUE(WaitUntil([&] { return workshop_.calls() > call; }));
    Sender second(desk_, image);
    ASSERT_TRUE(WaitUntil([&] { return second.HasReturned(); }));
    (first_leaves ? first : second).Leave();
    Sender third(desk_, image);
    ASSERT_TRUE(WaitUntil([&] { return third.HasReturned(); }));
    EXPECT_FALSE(first.HasOutcome());
    workshop_.Finish(call, "fit");
    EXPECT_EQ((first_leaves ? second : first).Outcome(), "(fit)");
    EXPECT_EQ(third.Outcome(), "(fit)");
  }
}

TEST_F(ImageDeskTest, EndsWhenAllHaveLeftAndKeepsNothing) {
  {
    Sender first(desk_, "cat");
    ASSERT_TRUE(WaitUntil([&] { return workshop_.calls() == 1; }));
    Sender second(desk_, "cat");
    ASSERT_TRUE(WaitUntil([&] { return second.HasReturned(); }));
    first.Leave();
    second.Leave();
    EXPECT_EQ(first.Outcome(), "CANCELLED");
    EXPECT_EQ(second.Outcome(), "CANCELLED");
  }
  EXPECT_EQ(Send(desk_, "cat", "fit"), "(fit)");
}

TEST_F(ImageDeskTest, BeginsAgainForWhoeverComesWhenTheWorkWasGivenUp) {
  std::unique_ptr<Sender> second;
  std::unique_ptr<ImageDesk> desk;
  std::promise<Sender*> first;
  int calls = 0;
  desk = std::make_unique<ImageDesk>(
      ImageDesk::Bounds{},
      [&](std::string_view, const ImageDesk::Abandoned& abandoned) -> absl::StatusOr<std::string> {
        if (++calls > 1) return "fit";
        first.get_future().get()->Leave();
        EXPECT_TRUE(abandoned());
        second = std::make_unique<Sender>(*desk, "cat");
        EXPECT_TRUE(WaitUntil([&] { return second->HasReturned(); }));
        return absl::CancelledError("nobody wanted it");
      },
      metrics_);
  Sender sender(*desk, "cat");
  first.set_value(&sender);
  EXPECT_EQ(sender.Outcome(), "(fit)");
  EXPECT_EQ(second->Outcome(), "(fit)");
  EXPECT_EQ(calls, 2);
}

TEST_F(ImageDeskTest, RefusesMoreThanMayWait) {
  for (const ImageDesk::Bounds bounds :
       {ImageDesk::Bounds{.waiting = 1}, ImageDesk::Bounds{.waiting_bytes = 5}}) {
    ImageDesk desk(bounds, workshop_.Worker(), metrics_);
    const size_t call = workshop_.calls();
    Sender first(desk, "cat");
    ASSERT_TRUE(WaitUntil([&] { return workshop_.calls() > call; }));
    Sender second(desk, "cat");
    ASSERT_TRUE(WaitUntil([&] { return second.HasReturned(); }));
    EXPECT_EQ(Sender(desk, "cat").Outcome(), "RESOURCE_EXHAUSTED");
    workshop_.Finish(call, "fit");
    EXPECT_EQ(first.Outcome(), "(fit)");
    EXPECT_EQ(second.Outcome(), "(fit)");
    Sender fourth(desk, "dog");
    ASSERT_TRUE(WaitUntil([&] { return workshop_.calls() > call + 1; }));
    Sender fifth(desk, "dog");
    ASSERT_TRUE(WaitUntil([&] { return fifth.HasReturned(); }));
    EXPECT_FALSE(fifth.HasOutcome()) << "there is room again";
    workshop_.Finish(call + 1, "fit");
  }
}

TEST_F(ImageDeskTest, WorksOnEachByItselfWithoutACache) {
  ImageDesk desk({.cache_bytes = 0}, workshop_.Worker(), metrics_);
  EXPECT_EQ(Send(desk, "cat", "one"), "(one)");
  EXPECT_EQ(Send(desk, "cat", "two"), "(two)");
  EXPECT_EQ(Send(desk, "cat", absl::InvalidArgumentError("bad")), "()");
  Sender leaver(desk, "cat");
  Sender other(desk, "cat");
  EXPECT_TRUE(WaitUntil([&] { return workshop_.calls() == 5; }));
  leaver.Leave();
  EXPECT_EQ(leaver.Outcome(), "CANCELLED");
  other.Leave();
  EXPECT_EQ(other.Outcome(), "CANCELLED");
  EXPECT_EQ(Images("decoded"), 5);
  EXPECT_EQ(Metric("gischat_moderation_image_cache_bytes"), 0);
}

TEST_F(ImageDeskTest, TellsEverybodyHisOwnWhateverHappens) {
  constexpr size_t kThreads = 4;
  constexpr size_t kImages = 2'000;
  std::atomic<size_t> wrong = 0;
  std::atomic<size_t> told = 0;
  ImageDesk desk(
      {.cache_bytes = 2'000, .waiting = kThreads * kImages},  // some seven of twelve are kept
      [](std::string_view image_data, const ImageDesk::Abandoned& abandoned) {
        std::this_thread::yield();
        if (abandoned()) return Workshop::Result(absl::CancelledError("nobody wants it"));
        return Workshop::Result(absl::StrCat("fit ", std::string(image_data)));
      },
      metrics_);
  struct Sent {
    std::string image_data;
    std::atomic<bool> abandoned = false;
  };
  std::vector<std::thread> threads(kThreads);
  for (size_t i = 0; i < kThreads; ++i) {
    threads[i] = std::thread([&, i] {
      std::mt19937 random(static_cast<uint32_t>(i));
      for (size_t round = 0; round < kImages; ++round) {
        auto sent = std::make_shared<Sent>();
        sent->image_data = std::to_string(random() % 12);
        const bool leaves = random() % 4 == 0;
        if (leaves) sent->abandoned = true;
        desk.Take({sent->image_data, &sent->abandoned,
                   [&, sent, leaves](const absl::StatusOr<ImageOutcome>& outcome) {
                     ++told;
                     const bool right = outcome.ok()
                                            ? **outcome == "fit " + sent->image_data
                                            : leaves && absl::IsCancelled(outcome.status());
                     if (!right) ++wrong;
                   }});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told, kThreads * kImages);
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace gischat::moderation
