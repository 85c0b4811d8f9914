#include "edge/session/reviewer.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/chat_messages.h"
#include "tests/support/fake_backends.h"
#include "tests/support/run_until.h"

namespace gischat::edge::session {
namespace {

using moderation::v1::ReviewRequest;
using moderation::v1::ReviewResponse;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::FakeModeration;

ReviewRequest TextOf(const std::string& words) {
  ReviewRequest request;
  *request.mutable_message() = tests::TextMessage(words);
  return request;
}

ReviewRequest ImageOf(const std::string& author) {
  ReviewRequest request;
  *request.mutable_message() = tests::Published();
  request.mutable_message()->mutable_image()->set_author(author);
  return request;
}

class ReviewerTest : public testing::Test {
 protected:
  // Its outcome is added to `told`: the text of the message, or the error.
  void Ask(ReviewRequest request, Reviewer::Shortcut shortcut = nullptr) {
    reviewer_.Review(
        std::move(request),
        [this](absl::StatusOr<ReviewResponse> answer) {
          if (!answer.ok()) return told_.push_back(answer.status().ToString());
          const chat::v1::ChatMessage& message = answer->accepted().message();
          told_.push_back(message.has_image() ? "image " + message.image().author()
                                              : message.text().text());
        },
        std::move(shortcut));
  }
  // Adds "shortcut" and the text, too.
  void AskWithShortcut(const std::string& words) {
    Ask(TextOf(words), [this](const moderation::v1::Acceptance& accepted) {
      told_.push_back("shortcut " + accepted.message().text().text());
    });
  }
  void Settle() { tests::Settle(loop_); }

  boost::asio::io_context loop_;
  FakeModeration moderation_;
  net::EndOfTurn end_of_turn_{loop_.get_executor(), [this] { reviewer_.Flush(); }};
  Traffic traffic_{.end_of_turn = end_of_turn_};
  Reviewer reviewer_{loop_.get_executor(), moderation_, traffic_};
  std::vector<std::string> told_;
};

TEST_F(ReviewerTest, WhatComesInOneTurnIsOneBatch) {
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  for (const char* words : {"a", "b", "c"}) {
    boost::asio::post(loop_, [this, words] { Ask(TextOf(words)); });
  }
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
  EXPECT_THAT(told_, ElementsAre("a", "b", "c"));
}

TEST_F(ReviewerTest, NothingIsAskedBeforeTheTurnEnds) {
  Ask(TextOf("a"));
  EXPECT_EQ(moderation_.reviews.size(), 0U);
  Settle();
  EXPECT_EQ(moderation_.reviews.size(), 1U);
}

TEST_F(ReviewerTest, WhatComesWhileABatchIsUnderWayIsTheNextOne) {
  Ask(TextOf("a"));
  Settle();
  for (const char* words : {"b", "c"}) {
    Ask(TextOf(words));
    Settle();
  }
  EXPECT_EQ(moderation_.batches, 1);
  moderation_.reviews.Answer(0, FakeModeration::Judge(moderation_.reviews.request(0)));
  Settle();
  EXPECT_EQ(moderation_.batches, 2);
  ASSERT_EQ(moderation_.reviews.size(), 3U);
  moderation_.reviews.Answer(2, FakeModeration::Judge(moderation_.reviews.request(2)));
  moderation_.reviews.Answer(1, FakeModeration::Judge(moderation_.reviews.request(1)));
  Settle();
  EXPECT_THAT(told_, ElementsAre("a", "b", "c"));
}

TEST_F(ReviewerTest, WhatIsLargeWaitsForNoOtherBatch) {
  const std::string large(Reviewer::kPromptBytes, 'x');
  Ask(TextOf("a"));
  Settle();
  Ask(TextOf(large));
  Settle();
  EXPECT_EQ(moderation_.batches, 2);
  Ask(TextOf("b"));
  Settle();
  ASSERT_EQ(moderation_.reviews.size(), 2U) << "of two that are under way one is enough to wait";
  moderation_.reviews.Answer(1, FakeModeration::Judge(moderation_.reviews.request(1)));
  Settle();
  EXPECT_EQ(moderation_.reviews.size(), 2U);
  moderation_.reviews.Answer(0, FakeModeration::Judge(moderation_.reviews.request(0)));
  Settle();
  EXPECT_EQ(moderation_.reviews.size(), 3U);
  EXPECT_THAT(told_, ElementsAre(large, "a"));
}

TEST_F(ReviewerTest, BatchWaitsToBecomeAsLargeAsWhatIsUnderWay) {
  traffic_.under_way = 4;
  Ask(TextOf("a"));
  Settle();
  EXPECT_EQ(moderation_.batches, 0) << "three others are under way";
  ++traffic_.under_way;
  Ask(TextOf("b"));
  Settle();
  EXPECT_EQ(moderation_.batches, 0);
  ++traffic_.under_way;
  Ask(TextOf("c"));
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
  EXPECT_EQ(moderation_.reviews.size(), 3U);
}

TEST_F(ReviewerTest, BatchGoesWhenNoMoreThanItselfIsUnderWay) {
  traffic_.under_way = 4;
  Ask(TextOf("a"));
  Settle();
  traffic_.under_way = 3;
  end_of_turn_.Request();
  Settle();
  EXPECT_EQ(moderation_.batches, 0);
  traffic_.under_way = 2;
  end_of_turn_.Request();
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
}

TEST_F(ReviewerTest, NoBatchWaitsForLong) {
  traffic_.under_way = 100;
  for (const int count : {1, 2, 3}) {
    const auto asked = std::chrono::steady_clock::now();
    Ask(TextOf("a"));
    ASSERT_TRUE(tests::RunUntil(loop_, [&] { return moderation_.batches == count; }));
    EXPECT_GE(std::chrono::steady_clock::now() - asked, Reviewer::kLinger)
        << "the timer of one is not the next one's";
    moderation_.reviews.AnswerLast(absl::InternalError("broken"));
    Settle();
  }
}

TEST_F(ReviewerTest, NicknamesThatAreBeingClaimedAreNotWaitedFor) {
  traffic_.under_way = 4;
  traffic_.claims = 3;
  Ask(TextOf("a"));
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
}

TEST_F(ReviewerTest, BatchDoesNotWaitForWhatIsUnderWayWhereModerationIsNear) {
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  Ask(TextOf("a"));
  Settle();
  traffic_.under_way = 100;
  Ask(TextOf("b"));
  Settle();
  EXPECT_THAT(told_, ElementsAre("a", "b"));
}

TEST_F(ReviewerTest, LargeBatchDoesNotWaitForWhatIsUnderWay) {
  traffic_.under_way = 100;
  Ask(TextOf(std::string(Reviewer::kPromptBytes, 'x')));
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
}

TEST_F(ReviewerTest, ShortcutIsTakenByTheThreadThatBringsTheVerdict) {
  AskWithShortcut("a");
  Settle();
  moderation_.reviews.Answer(0, FakeModeration::Judge(moderation_.reviews.request(0)));
  EXPECT_THAT(told_, ElementsAre("shortcut a"));
  Settle();
  EXPECT_THAT(told_, ElementsAre("shortcut a", "a"));
}

TEST_F(ReviewerTest, NoShortcutWhereNoThreadIsChanged) {
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  AskWithShortcut("a");
  Settle();
  EXPECT_THAT(told_, ElementsAre("a"));
}

TEST_F(ReviewerTest, NoShortcutForOneOfSeveral) {
  AskWithShortcut("a");
  AskWithShortcut("b");
  Settle();
  for (const size_t number : {0, 1}) {
    moderation_.reviews.Answer(number, FakeModeration::Judge(moderation_.reviews.request(number)));
  }
  EXPECT_THAT(told_, IsEmpty());
  Settle();
  EXPECT_THAT(told_, ElementsAre("a", "b"));
}

TEST_F(ReviewerTest, NoShortcutWithoutAcceptance) {
  AskWithShortcut("a");
  Settle();
  ReviewResponse rejected;
  rejected.mutable_rejected();
  moderation_.reviews.Answer(0, rejected);
  Settle();
  AskWithShortcut("b");
  Settle();
  moderation_.reviews.Answer(1, absl::InternalError("broken"));
  Settle();
  EXPECT_THAT(told_, ElementsAre("", "INTERNAL: broken"));
}

TEST_F(ReviewerTest, NextBatchGoesAlsoWhenThereIsNoAnswer) {
  Ask(TextOf("a"));
  Settle();
  Ask(TextOf("b"));
  Settle();
  moderation_.reviews.Answer(0, absl::InternalError("broken"));
  Settle();
  EXPECT_EQ(moderation_.batches, 2);
}

TEST_F(ReviewerTest, VerdictsAreToldOnTheLoop) {
  Ask(TextOf("a"));
  Settle();
  moderation_.reviews.Answer(0, FakeModeration::Judge(moderation_.reviews.request(0)));
  EXPECT_THAT(told_, IsEmpty());
  Settle();
  EXPECT_THAT(told_, ElementsAre("a"));
}

TEST_F(ReviewerTest, ImageGoesAlone) {
  Ask(TextOf("a"));
  Ask(ImageOf("Ada"));
  Ask(TextOf("b"));
  EXPECT_EQ(moderation_.reviews.size(), 1U) << "the image does not wait for the end of the turn";
  EXPECT_TRUE(moderation_.reviews.request(0).message().has_image());
  EXPECT_EQ(moderation_.batches, 0);
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
  ASSERT_EQ(moderation_.reviews.size(), 3U);
  moderation_.reviews.Answer(1, FakeModeration::Judge(moderation_.reviews.request(1)));
  moderation_.reviews.Answer(2, FakeModeration::Judge(moderation_.reviews.request(2)));
  Settle();
  EXPECT_THAT(told_, ElementsAre("a", "b")) << "texts do not wait for the image";
  moderation_.reviews.Answer(0, FakeModeration::Judge(moderation_.reviews.request(0)));
  Settle();
  EXPECT_THAT(told_, ElementsAre("a", "b", "image Ada"));
}

TEST_F(ReviewerTest, BatchHoldsSoManyMessages) {
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  std::vector<std::string> texts;
  for (size_t i = 0; i < Reviewer::kBatchMessages; ++i) {
    texts.push_back(std::to_string(i));
    Ask(TextOf(texts.back()));
  }
  Settle();
  EXPECT_EQ(moderation_.batches, 1);
  EXPECT_EQ(told_, texts);
  for (const std::string& text : texts) Ask(TextOf(text));
  Ask(TextOf("one more"));
  Settle();
  EXPECT_EQ(moderation_.batches, 1 + 2);
  EXPECT_EQ(told_.size(), 2 * texts.size() + 1);
  EXPECT_EQ(told_.back(), "one more");
}

TEST_F(ReviewerTest, BatchHoldsSoManyBytes) {
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  const std::string large(Reviewer::kBatchBytes * 2 / 5, 'x');
  for (int i = 0; i < 3; ++i) Ask(TextOf(large));
  Settle();
  EXPECT_EQ(moderation_.batches, 2) << "two and one";
  EXPECT_THAT(told_, ElementsAre(large, large, large));
}

TEST_F(ReviewerTest, MessageLargerThanABatchGoesAlone) {
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  const std::string large(Reviewer::kBatchBytes + 1, 'x');
  Ask(TextOf("before"));
  Ask(TextOf(large));
  Ask(TextOf("behind"));
  Settle();
  EXPECT_EQ(moderation_.batches, 3);
  EXPECT_THAT(told_, ElementsAre("before", large, "behind"));
}

class ReviewerRetryTest : public ReviewerTest, public testing::WithParamInterface<absl::Status> {};

TEST_P(ReviewerRetryTest, TextIsAskedAgain) {
  Ask(TextOf("a"));
  Ask(TextOf("b"));
  Settle();
  ASSERT_EQ(moderation_.reviews.size(), 2U);
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  moderation_.reviews.Answer(0, GetParam());
  moderation_.reviews.Answer(1, GetParam());
  ASSERT_TRUE(tests::RunUntil(loop_, [&] { return told_.size() == 2; }));
  EXPECT_THAT(told_, ElementsAre("a", "b"));
}

TEST_P(ReviewerRetryTest, ImageIsAskedAgain) {
  Ask(ImageOf("Ada"));
  moderation_.reviews.AnswerAtOnce(FakeModeration::Judge);
  moderation_.reviews.Answer(0, GetParam());
  ASSERT_TRUE(tests::RunUntil(loop_, [&] { return !told_.empty(); }));
  EXPECT_THAT(told_, ElementsAre("image Ada"));
  EXPECT_EQ(moderation_.reviews.size(), 2U);
  EXPECT_EQ(moderation_.batches, 0);
}

INSTANTIATE_TEST_SUITE_P(TransientErrors, ReviewerRetryTest,
                         testing::Values(absl::UnavailableError("gone"),
                                         absl::DeadlineExceededError("late"),
                                         absl::CancelledError("ending")),
                         [](const auto& test) {
                           return absl::StatusCodeToString(test.param.code());
                         });

TEST_F(ReviewerTest, LastingErrorIsToldAtOnceToAllOfTheBatch) {
  moderation_.reviews.AnswerAtOnce([](const auto&) { return absl::InternalError("broken"); });
  Ask(TextOf("a"));
  Ask(TextOf("b"));
  Ask(ImageOf("Ada"));
  Settle();
  EXPECT_THAT(told_, ElementsAre("INTERNAL: broken", "INTERNAL: broken", "INTERNAL: broken"));
  EXPECT_EQ(moderation_.reviews.size(), 3U);
}

TEST_F(ReviewerTest, NoVerdictIsAnErrorOfThatMessageAlone) {
  moderation_.reviews.AnswerAtOnce([](const ReviewRequest& request) {
    return request.message().text().text() == "a" ? ReviewResponse()
                                                  : FakeModeration::Judge(request);
  });
  Ask(TextOf("a"));
  Ask(TextOf("b"));
  Settle();
  EXPECT_THAT(told_, ElementsAre("INVALID_ARGUMENT: not a message of a client", "b"));
}

// Answers every batch with one verdict.
class Careless final : public clients::ModerationClient {
 public:
  void Review(std::shared_ptr<const ReviewRequest> /*request*/,
              base::Callback<ReviewResponse> /*done*/) override {}
  void ReviewAll(std::shared_ptr<const moderation::v1::ReviewBatch> /*batch*/,
                 base::Callback<moderation::v1::ReviewBatchAnswer> done) override {
    moderation::v1::ReviewBatchAnswer answer;
    answer.add_answers();
    std::move(done)(std::move(answer));
  }
  bool IsReachable() override { return true; }
};

TEST(Reviewer, AnotherNumberOfVerdictsIsAnErrorOfAll) {
  boost::asio::io_context loop;
  Careless moderation;
  net::EndOfTurn end_of_turn(loop.get_executor(), [] {});
  const Traffic traffic{.end_of_turn = end_of_turn};
  Reviewer reviewer(loop.get_executor(), moderation, traffic);
  std::vector<absl::StatusCode> told;
  for (int i = 0; i < 2; ++i) {
    reviewer.Review(TextOf("a"),
                    [&](const auto& answer) { told.push_back(answer.status().code()); });
  }
  tests::Settle(loop);
  EXPECT_THAT(told, ElementsAre(absl::StatusCode::kInternal, absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace gischat::edge::session
