// Services that go away behind an edge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "tests/integration/edge/chat_client.h"
#include "tests/integration/edge/deployment.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class OutageTest : public ::testing::Test {
 protected:
  Services services_;
  RunningEdge edge_{services_};
};

TEST_F(OutageTest, NobodyNoticesServicesThatRestart) {
  ChatClient ada(edge_.port());
  ada.AwaitSeen("#1");
  ChatClient bob(edge_.port());
  bob.AwaitSeen("#2");
  ada.AwaitSeen("#2");
  ada.Claim("Ada");
  ada.AwaitSeen("+Ada");
  bob.AwaitSeen("+Ada");
  services_.Stop();
  ada.Say("one");
  ada.Say("two");
  ASSERT_TRUE(WaitUntil([&] { return !edge_.edge().Health().ok(); }));
  ada.Say("three");
  services_.Start();
  for (ChatClient* client : {&ada, &bob}) {
    EXPECT_THAT(client->AwaitSeen("one"), IsEmpty());
    EXPECT_THAT(client->AwaitSeen("two"), IsEmpty());
    EXPECT_THAT(client->AwaitSeen("three"), IsEmpty());
  }
  bob.Claim("Ada");
  EXPECT_THAT(bob.AwaitSeen("!User 'Ada' already registered in channel QGIS"), IsEmpty());
  EXPECT_TRUE(WaitUntil([&] { return edge_.edge().Health().ok(); }));
}

TEST_F(OutageTest, TellsTheTruthWhileServicesAreAway) {
  ASSERT_TRUE(WaitUntil([&] { return edge_.edge().Health().ok(); }));
  services_.Stop();
  ASSERT_TRUE(WaitUntil([&] { return !edge_.edge().Health().ok(); }));
  const std::string status = ChatClient::Get(edge_.port(), "/status");
  EXPECT_THAT(status, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(status, HasSubstr("fanout can't be reached"));
  EXPECT_THAT(status, HasSubstr("\"healthy\":false"));
  EXPECT_THAT(ChatClient::Get(edge_.port(), "/channel/QGIS/users"), StartsWith("HTTP/1.1 503 "));
  services_.Start();
  EXPECT_TRUE(WaitUntil([&] { return edge_.edge().Health().ok(); }));
  EXPECT_THAT(ChatClient::Get(edge_.port(), "/channel/QGIS/users"), EndsWith("[]"));
}

TEST_F(OutageTest, LetsClientsInAndCountsThemWhenPresenceIsBack) {
  ChatClient ada(edge_.port());
  ada.AwaitSeen("#1");
  ada.Say("hello");
  ada.AwaitSeen("hello");
  services_.Stop();
  ChatClient bob(edge_.port());
  EXPECT_THAT(bob.AwaitSeen("hello"), IsEmpty());
  bob.Claim("Bob");
  services_.Start();
  ASSERT_TRUE(bob.Await([&] { return bob.seen.size() == 2; }));
  EXPECT_THAT(bob.seen, ::testing::UnorderedElementsAre("#2", "+Bob"));
}

TEST_F(OutageTest, StopsInTimeWhileServicesAreAway) {
  ChatClient ada(edge_.port());
  ada.AwaitSeen("#1");
  services_.Stop();
  ada.Say("nobody will hear this");
  const absl::Time began = absl::Now();
  std::thread stopping([&] { edge_.Stop(); });
  EXPECT_TRUE(ada.Await([&] { return ada.ended(); }));
  ada.Close();
  stopping.join();
  EXPECT_EQ(ada.close_code, 1001);
  EXPECT_LT(absl::Now() - began, absl::Seconds(20));
}

}  // namespace
}  // namespace gischat::tests
