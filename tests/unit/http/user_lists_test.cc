#include "edge/http/user_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/chat_messages.h"
#include "tests/support/edge_parts.h"
#include "tests/support/fake_backends.h"

namespace gischat::edge::http {
namespace {

using hub::ChannelUpdate;
using presence::v1::ListUsersResponse;
using testing::ElementsAre;
using testing::IsEmpty;
using Seconds = std::chrono::duration<double>;

constexpr char kChannel[] = "QGIS";
constexpr uint64_t kEpoch = 77;

chat::v1::ChatMessage Newcomer() { return tests::NewcomerMessage("Ada"); }

chat::v1::ChatMessage Count() { return tests::CountMessage(3, 1); }

chat::v1::ChatMessage Exiter() {
  chat::v1::ChatMessage message = tests::Published();
  message.mutable_exiter()->set_exiter("Ada");
  return message;
}

ChannelUpdate EventOf(chat::v1::ChatMessage message, const std::string& channel = kChannel,
                      uint64_t epoch = kEpoch) {
  ChannelUpdate update;
  update.channel = channel;
  update.place = {epoch, 1};
  update.happenings.push_back(
      {update.place, false, std::make_shared<const hub::Broadcast>(std::move(message))});
  return update;
}

ChannelUpdate Unreadable() {
  ChannelUpdate update = EventOf({});
  update.happenings.clear();
  return update;
}

ChannelUpdate Snapshot() {
  ChannelUpdate update = EventOf(tests::TextMessage("stored"));
  update.is_snapshot = true;
  return update;
}

ListUsersResponse Names(const std::vector<std::string>& names) {
  ListUsersResponse response;
  for (const std::string& name : names) response.add_nicknames(name);
  return response;
}

class UserListsTest : public testing::Test {
 protected:
  UserListsTest() { lists_.Apply({EventOf(tests::TextMessage("the first epoch"))}); }

  // Asks, so many seconds after the beginning. Answers come to answers_.
  void Get(const std::string& channel = kChannel, double seconds = 0) {
    lists_.Get(
        channel,
        [this](const absl::StatusOr<UserLists::Json>& json) {
          answers_.push_back(json.ok() ? **json : json.status().ToString());
        },
        begin_ + std::chrono::duration_cast<UserLists::Clock::duration>(Seconds(seconds)));
  }
  std::vector<std::string> TakeAnswers() { return std::exchange(answers_, {}); }

  // Makes a list that is kept.
  void Keep() {
    Get();
    presence_.lists.AnswerLast(Names({"kept"}));
    EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["kept"])"));
  }
  bool IsKept() {
    const size_t asked = presence_.lists.size();
    Get();
    if (presence_.lists.size() != asked) presence_.lists.AnswerLast(Names({"new"}));
    EXPECT_EQ(TakeAnswers().size(), 1u);
    return presence_.lists.size() == asked;
  }
  double Requests(const std::string& source) {
    return tests::MetricValue(registry_, "gischat_edge_user_list_requests_total", source);
  }

  const UserLists::Clock::time_point begin_ = UserLists::Clock::now();
  tests::FakePresence presence_;
  prometheus::Registry registry_;
  UserLists lists_{presence_, {kChannel, "Geotribu"}, registry_};
  std::vector<std::string> answers_;
};

TEST_F(UserListsTest, WritesTheListAsPresenceSortsIt) {
  Get();
  EXPECT_EQ(presence_.lists.last().channel(), kChannel);
  presence_.lists.AnswerLast(Names({"_zoe", "Ada"}));
  EXPECT_THAT(answers_, ElementsAre(R"(["_zoe","Ada"])"));
}

TEST_F(UserListsTest, AsksOnceForAllWhoAskMeanwhile) {
  for (int i = 0; i < 3; ++i) Get();
  EXPECT_EQ(presence_.lists.size(), 1u);
  EXPECT_THAT(answers_, IsEmpty());
  presence_.lists.AnswerLast(Names({"Ada"}));
  EXPECT_THAT(answers_, ElementsAre(R"(["Ada"])", R"(["Ada"])", R"(["Ada"])"));
}

TEST_F(UserListsTest, KeepsAListForASecondFromWhenItWasAskedFor) {
  Get(kChannel, 0);
  Get(kChannel, 0.5);
  presence_.lists.AnswerLast(Names({"Ada"}));
  Get(kChannel, 0.999);
  EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["Ada"])", R"(["Ada"])", R"(["Ada"])"));
  EXPECT_EQ(presence_.lists.size(), 1u);
  Get(kChannel, 1);
  EXPECT_EQ(presence_.lists.size(), 2u);
  presence_.lists.AnswerLast(Names({}));
  EXPECT_THAT(answers_, ElementsAre("[]"));
}

TEST_F(UserListsTest, DropsAListWhenNicknamesChange) {
  for (const ChannelUpdate& update :
       {EventOf(Newcomer()), EventOf(Exiter()), Snapshot(), Unreadable(),
        EventOf(tests::TextMessage("hi"), kChannel, kEpoch + 1)}) {
    Keep();
    EXPECT_TRUE(IsKept());
    lists_.Apply({EventOf(Count()), update});
    EXPECT_FALSE(IsKept());
    lists_.Apply({EventOf(Newcomer())});
  }
}

TEST_F(UserListsTest, KeepsAListOverWhatElseHappens) {
  Keep();
  lists_.Apply({EventOf(tests::TextMessage("hi")), EventOf(Count()),
                EventOf(Newcomer(), "Geotribu"), EventOf(Newcomer(), "elsewhere")});
  EXPECT_TRUE(IsKept());
}

TEST_F(UserListsTest, GivesNobodyAnAnswerThatMayBeOlderThanWhatHeHeard) {
  Get();
  lists_.Apply({EventOf(Newcomer())});
  Get();
  Get();
  EXPECT_EQ(presence_.lists.size(), 1u) << "one question at a time";
  presence_.lists.Answer(0, Names({}));
  EXPECT_THAT(TakeAnswers(), ElementsAre("[]"));
  ASSERT_EQ(presence_.lists.size(), 2u);
  Get();
  EXPECT_THAT(answers_, IsEmpty()) << "the old answer is kept";
  presence_.lists.Answer(1, Names({"Ada"}));
  EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["Ada"])", R"(["Ada"])", R"(["Ada"])"));
  EXPECT_TRUE(IsKept());
}

TEST_F(UserListsTest, AsksOnceMoreForEveryChangeWhileItAsks) {
  Get();
  lists_.Apply({EventOf(Newcomer())});
  Get();
  presence_.lists.Answer(0, Names({}));
  lists_.Apply({EventOf(Exiter())});
  Get();
  presence_.lists.Answer(1, Names({"Ada"}));
  EXPECT_THAT(TakeAnswers(), ElementsAre("[]", R"(["Ada"])"));
  ASSERT_EQ(presence_.lists.size(), 3u);
  presence_.lists.Answer(2, Names({}));
  EXPECT_THAT(answers_, ElementsAre("[]"));
}

TEST_F(UserListsTest, KeepsNoAnswerThatAChangeHasOvertaken) {
  Get();
  lists_.Apply({EventOf(Newcomer())});
  presence_.lists.AnswerLast(Names({}));
  EXPECT_THAT(TakeAnswers(), ElementsAre("[]"));
  EXPECT_EQ(presence_.lists.size(), 1u) << "nobody asked";
  EXPECT_FALSE(IsKept());
}

TEST_F(UserListsTest, TellsAnErrorToThoseWhoWaitedAndAsksAgainForOthers) {
  Get();
  Get();
  lists_.Apply({EventOf(Newcomer())});
  Get();
  presence_.lists.Answer(0, absl::UnavailableError("away"));
  EXPECT_THAT(TakeAnswers(), ElementsAre("UNAVAILABLE: away", "UNAVAILABLE: away"));
  presence_.lists.Answer(1, Names({"Ada"}));
  EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["Ada"])"));
  lists_.Apply({EventOf(Exiter())});
  Get();
  presence_.lists.Answer(2, absl::UnavailableError("away"));
  EXPECT_THAT(TakeAnswers(), ElementsAre("UNAVAILABLE: away"));
  EXPECT_FALSE(IsKept());
}

TEST_F(UserListsTest, ShowsNoOldListInPlaceOfAnError) {
  Keep();
  Get(kChannel, 1);
  presence_.lists.AnswerLast(absl::UnavailableError("away"));
  EXPECT_THAT(TakeAnswers(), ElementsAre("UNAVAILABLE: away"));
  EXPECT_FALSE(IsKept());
}

TEST_F(UserListsTest, KeepsChannelsApart) {
  Get();
  Get("Geotribu");
  ASSERT_EQ(presence_.lists.size(), 2u);
  presence_.lists.Answer(1, Names({"Bob"}));
  EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["Bob"])"));
  presence_.lists.Answer(0, Names({"Ada"}));
  EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["Ada"])"));
  Get("Geotribu");
  EXPECT_THAT(TakeAnswers(), ElementsAre(R"(["Bob"])"));
}

TEST_F(UserListsTest, CountsWhereListsComeFrom) {
  for (int i = 0; i < 3; ++i) Get();
  lists_.Apply({EventOf(Newcomer())});
  for (int i = 0; i < 4; ++i) Get();
  presence_.lists.Answer(0, Names({}));
  presence_.lists.Answer(1, Names({}));
  for (int i = 0; i < 5; ++i) Get();
  EXPECT_EQ(Requests("presence"), 2);
  EXPECT_EQ(Requests("shared"), 5);
  EXPECT_EQ(Requests("kept"), 5);
}

// A presence that answers on a thread of its own. In its channel one nickname follows another.
class BusyPresence {
 public:
  BusyPresence() {
    presence_.lists.AnswerAtOnce(nullptr);
    thread_ = std::thread([this] {
      for (size_t next = 0; !ended_;) {
        if (next == presence_.lists.size()) {
          std::this_thread::yield();
        } else {
          const int names = names_;
          std::this_thread::yield();
          presence_.lists.Answer(next++, Names({std::to_string(names)}));
        }
      }
    });
  }
  ~BusyPresence() {
    ended_ = true;
    thread_.join();
  }
  tests::FakePresence& client() { return presence_; }
  int Rename() { return ++names_; }

 private:
  tests::FakePresence presence_;
  std::atomic<int> names_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

TEST(UserListsThreadsTest, NobodyGetsAListOlderThanWhatHeHeard) {
  constexpr int kRenames = 3'000;
  prometheus::Registry registry;
  std::unique_ptr<UserLists> lists;
  BusyPresence presence;
  lists =
      std::make_unique<UserLists>(presence.client(), std::vector<std::string>{kChannel}, registry);
  std::atomic<int> heard = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients(3);
  for (std::thread& client : clients) {
    client = std::thread([&] {
      while (heard < kRenames) {
        const int seen = heard;
        const auto got = std::make_shared<std::promise<std::string>>();
        lists->Get(kChannel, [got](const auto& json) { got->set_value(**json); });
        const std::string json = got->get_future().get();
        EXPECT_GE(std::stoi(json.substr(2)), seen);
        ++answered;
      }
    });
  }
  for (int i = 0; i < kRenames; ++i) {
    const int answered_before = answered;
    const int name = presence.Rename();
    lists->Apply({EventOf(Newcomer())});
    heard = name;
    while (i + 1 < kRenames && answered == answered_before) std::this_thread::yield();
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(UserListsTest, ChannelsComeAndGo) {
  absl::Status outcome;
  const auto ask = [&](const std::string& channel) {
    outcome = absl::UnknownError("no answer");
    lists_.Get(channel, [&](auto json) { outcome = json.status(); });
  };
  ask("New");
  EXPECT_TRUE(absl::IsNotFound(outcome));
  lists_.Add("New");
  ask("New");
  EXPECT_EQ(presence_.lists.last().channel(), "New");
  lists_.Remove("New");  // while presence is asked
  presence_.lists.AnswerLast(presence::v1::ListUsersResponse());
  EXPECT_TRUE(outcome.ok());
  ask("New");
  EXPECT_TRUE(absl::IsNotFound(outcome));
}

}  // namespace
}  // namespace gischat::edge::http
