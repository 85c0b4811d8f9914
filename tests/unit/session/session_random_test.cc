#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "edge/session/session.h"
#include "tests/unit/session/client.h"

namespace gischat::edge::session {
namespace {

using presence::v1::RegisterResponse;
using tests::FakePresence;

// One client that does what it likes while the services answer when they like, and then goes.
class RandomClient {
 public:
  explicit RandomClient(uint32_t seed) : random_(seed), client_(parts_) {
    parts_.HoldReviews();
    parts_.HoldClaims();
    parts_.HoldReleases();
    parts_.HoldPublishes();
    client_.Enter();
  }

  void Step() {
    switch (Pick(10)) {
      case 0:
        return client_.Claim(Name());
      case 1:
        return client_.Exit(client_.session().nickname.empty() ? Name()
                                                               : client_.session().nickname);
      case 2:
        return client_.Send("[]");
      case 3:
        sent_.emplace_back("image");
        return client_.ShowImage();
      case 4:
      case 5:
        sent_.push_back("t" + std::to_string(sent_.size()));
        return client_.Say(sent_.back());
      default:
        AnswerSomething();
    }
  }

  void Finish() {
    client_.Close();
    while (AnswerSomething()) {
    }
    EXPECT_EQ(parts_.Published(), sent_);
    EXPECT_TRUE(holders_.empty()) << "a name is held by nobody";
    EXPECT_TRUE(parts_.alive.expired());
    EXPECT_EQ(parts_.hub.member_count(), 0u);
    EXPECT_EQ(parts_.Reported(), 0u);
  }

 private:
  uint32_t Pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }
  std::string Name() { return "name" + std::to_string(Pick(3)); }

  // Answers one of the calls that wait. False: none does.
  bool AnswerSomething() {
    std::vector<std::function<void()>> answers;
    CollectWaiting(parts_.moderation.reviews, &RandomClient::AnswerReview, &answers);
    CollectWaiting(parts_.presence.registers, &RandomClient::AnswerClaim, &answers);
    CollectWaiting(parts_.presence.unregisters, &RandomClient::AnswerRelease, &answers);
    CollectWaiting(parts_.fanout.publishes, &RandomClient::AnswerPublish, &answers);
    if (answers.empty()) return false;
    answers[Pick(static_cast<uint32_t>(answers.size()))]();
    tests::Settle(parts_.loop);
    return true;
  }

  template <typename Method>
  void CollectWaiting(const Method& method, void (RandomClient::*answer)(size_t),
                      std::vector<std::function<void()>>* answers) {
    for (size_t i = 0; i < method.size(); ++i) {
      if (method.is_waiting(i)) answers->push_back([this, answer, i] { (this->*answer)(i); });
    }
  }

  void AnswerReview(size_t i) {
    auto& reviews = parts_.moderation.reviews;
    reviews.Answer(i, tests::FakeModeration::Judge(reviews.request(i)));
  }
  void AnswerClaim(size_t i) {
    const auto request = parts_.presence.registers.request(i);
    const bool taken = holders_.contains(request.nickname()) || Pick(4) == 0;
    if (!taken) {
      holders_.erase(request.previous_nickname());
      holders_[request.nickname()] = request.connection();
    }
    parts_.presence.registers.Answer(
        i, FakePresence::Outcome(taken ? RegisterResponse::TAKEN : RegisterResponse::REGISTERED));
  }
  void AnswerRelease(size_t i) {
    const auto request = parts_.presence.unregisters.request(i);
    EXPECT_TRUE(holders_.contains(request.nickname())) << request.nickname();
    holders_.erase(request.nickname());
    parts_.presence.unregisters.Answer(i, presence::v1::UnregisterResponse());
  }
  void AnswerPublish(size_t i) {
    parts_.fanout.publishes.Answer(
        i, tests::FakeFanout::Published(parts_.fanout.publishes.request(i)));
  }

  std::mt19937 random_;
  tests::EdgeParts parts_;
  Client client_;
  std::vector<std::string> sent_;
  std::map<std::string, uint64_t> holders_;  // of nicknames, as presence knows them
};

TEST(SessionRandom, WhateverHappensEverythingIsPublishedInOrderAndNothingIsLeft) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomClient client(seed);
    for (uint32_t step = 0; step < seed % 40; ++step) client.Step();
    client.Finish();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace gischat::edge::session
