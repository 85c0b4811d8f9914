#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/session/session.h"
#include "tests/unit/session/client.h"

namespace gischat::edge::session {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using tests::EdgeParts;
using tests::FakePresence;

TEST(SessionJoin, CountsTheClientAndShowsItTheChannel) {
  EdgeParts parts;
  parts.Snapshot({"one", "two"});
  Client client(parts);
  client.Enter();
  EXPECT_TRUE(client.ready);
  EXPECT_EQ(parts.Reported(), 1u);
  EXPECT_THAT(client.seen, ElementsAre("one", "two", "#1"));
  EXPECT_EQ(client.uncounted, 2u);
  EXPECT_EQ(parts.hub.member_count(), 1u);
}

TEST(SessionJoin, ShowsTheCountFirstInTheRoomsApi) {
  EdgeParts parts;
  parts.Snapshot({"one"});
  Client client(parts, codec::Api::kRooms);
  client.Enter();
  EXPECT_THAT(client.json,
              ElementsAre(R"({"type":"nb_users","nb_users":1})",
                          R"({"type":"text","author":"Ada","avatar":null,"text":"one"})"));
}

TEST(SessionJoin, KnowsFromTheBeginningWhoUnderstandsReplies) {
  EdgeParts parts;
  EXPECT_EQ(Client(parts).session().shape, codec::Shape::kChannels);
  EXPECT_EQ(Client(parts, codec::Api::kChannels, true).session().shape, codec::Shape::kReplies);
  EXPECT_EQ(Client(parts, codec::Api::kRooms, true).session().shape, codec::Shape::kRooms);
}

TEST(SessionJoin, LetsAClientInWhilePresenceIsAwayAndTellsTheCountLater) {
  EdgeParts parts;
  parts.presence.reports.AnswerAtOnce(nullptr);
  parts.Snapshot({"one"});
  Client client(parts);
  client.Enter();
  tests::RunFor(parts.loop, std::chrono::milliseconds(500));
  EXPECT_FALSE(client.ready);
  ASSERT_TRUE(tests::RunUntil(
      parts.loop, [&] { return client.ready; }, absl::Seconds(3)));
  EXPECT_THAT(client.seen, ElementsAre("one"));
  parts.presence.reports.AnswerLast(FakePresence::Counted(parts.presence.reports.last()));
  tests::Settle(parts.loop);
  EXPECT_THAT(client.seen, ElementsAre("one", "#1"));
}

TEST(SessionJoin, WhoLeavesBeforeItIsCountedNeverJoins) {
  EdgeParts parts;
  parts.presence.reports.AnswerAtOnce(nullptr);
  Client client(parts);
  client.Enter();
  client.Close();
  parts.presence.reports.AnswerLast(FakePresence::Counted(parts.presence.reports.last()));
  tests::Settle(parts.loop);
  EXPECT_FALSE(client.ready);
  EXPECT_THAT(client.json, IsEmpty());
  EXPECT_EQ(parts.hub.member_count(), 0u);
  EXPECT_EQ(parts.Reported(), 0u);
}

TEST(SessionJoin, CountsConnectionsByApi) {
  EdgeParts parts;
  Client channels(parts);
  Client rooms(parts, codec::Api::kRooms);
  channels.Enter();
  rooms.Enter();
  channels.Close();
  EXPECT_EQ(tests::MetricValue(parts.registry, "gischat_edge_connections", "channels"), 0);
  EXPECT_EQ(tests::MetricValue(parts.registry, "gischat_edge_connections", "rooms"), 1);
  EXPECT_EQ(
      tests::MetricValue(parts.registry, "gischat_edge_connections_accepted_total", "channels"), 1);
}

}  // namespace
}  // namespace gischat::edge::session
