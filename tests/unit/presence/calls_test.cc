#include "services/presence/calls.h"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include "tests/unit/presence/world.h"

namespace gischat::presence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CallsTest : public testing::Test {
 protected:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(void (Calls::*method)(const Request&, base::Callback<Response>),
                                const Request& request) {
    return WaitFor<Response>([&](auto done) { (calls_.*method)(request, std::move(done)); });
  }

  v1::ReportRequest ReportOf(const std::string& lease, uint64_t sequence,
                             const std::map<std::string, uint64_t>& holdings) {
    v1::ReportRequest request;
    request.set_lease(lease);
    request.set_sequence(sequence);
    request.set_announce(sequence == 1);
    for (const auto& [channel, connections] : holdings) {
      v1::Holding* holding = request.add_holdings();
      holding->set_channel(channel);
      holding->set_connections(connections);
    }
    return request;
  }

  v1::RegisterRequest ClaimOf(const std::string& lease, uint64_t connection,
                              const std::string& nickname) {
    v1::RegisterRequest request;
    request.set_lease(lease);
    request.set_channel("QGIS");
    request.set_connection(connection);
    request.set_request_id("r" + nickname);
    request.set_nickname(nickname);
    return request;
  }

  std::string Metrics() {
    return prometheus::TextSerializer().Serialize(world_.registry.Collect());
  }

  World world_;
  Settings settings_;
  Census& census_ = *world_.census;
  Calls calls_{world_.store, census_, world_.events, world_.announcer, world_.sweeper, settings_};
};

TEST_F(CallsTest, EveryAttachGetsALeaseOfItsOwnAndTheTerms) {
  const auto first = Call(&Calls::Attach, v1::AttachRequest()).value();
  const auto second = Call(&Calls::Attach, v1::AttachRequest()).value();
  EXPECT_NE(first.lease(), second.lease());
  EXPECT_EQ(first.renew_every_ms(), 2000U);
  EXPECT_EQ(first.time_to_live_ms(), 9000U);
}

TEST_F(CallsTest, ReportAnswersForEveryChannelInItsOrder) {
  Call(&Calls::Report, ReportOf("a", 1, {{"Geotribu", 2}, {"QGIS", 3}})).value();
  const auto answer =
      Call(&Calls::Report, ReportOf("b", 1, {{"Geotribu", 1}, {"QGIS", 0}})).value();
  ASSERT_EQ(answer.counts_size(), 2);
  EXPECT_EQ(answer.counts(0).channel(), "Geotribu");
  EXPECT_EQ(answer.counts(0).connections(), 3U);
  EXPECT_TRUE(answer.counts(0).known());
  EXPECT_GT(answer.counts(0).revision(), 0U);
  EXPECT_EQ(answer.counts(1).channel(), "QGIS");
  EXPECT_EQ(answer.counts(1).connections(), 3U);
}

TEST_F(CallsTest, ReportIsAnnounced) {
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 3}})).value();
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 3"));
}

TEST_F(CallsTest, ReportOfAnUnknownLeaseSaysSo) {
  const auto answer = Call(&Calls::Report, ReportOf("a", 2, {{"QGIS", 3}})).value();
  EXPECT_FALSE(answer.counts(0).known());
  EXPECT_THAT(world_.Said(), IsEmpty());
}

TEST_F(CallsTest, LeaseThatWasReportedIsSwept) {
  world_.sweeper->Start();
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 3}})).value();
  world_.timers->Pass(absl::Seconds(10));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 3", "nb_users 0"));
}

TEST_F(CallsTest, EmptyReportAnswersNothing) {
  EXPECT_EQ(Call(&Calls::Report, ReportOf("a", 1, {})).value().counts_size(), 0);
}

TEST_F(CallsTest, RegisterAndUnregisterTellTheChannel) {
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 0}})).value();
  EXPECT_EQ(Call(&Calls::Register, ClaimOf("a", 1, "ada")).value().outcome(),
            v1::RegisterResponse::REGISTERED);
  EXPECT_EQ(Call(&Calls::Register, ClaimOf("a", 2, "ada")).value().outcome(),
            v1::RegisterResponse::TAKEN);
  EXPECT_EQ(Call(&Calls::Register, ClaimOf("b", 2, "ada")).value().outcome(),
            v1::RegisterResponse::LEASE_UNKNOWN);
  auto rename = ClaimOf("a", 1, "lovelace");
  rename.set_previous_nickname("ada");
  Call(&Calls::Register, rename).value();
  v1::UnregisterRequest leave;
  leave.set_lease("a");
  leave.set_channel("QGIS");
  leave.set_connection(1);
  leave.set_nickname("lovelace");
  EXPECT_TRUE(Call(&Calls::Unregister, leave).value().released());
  EXPECT_FALSE(Call(&Calls::Unregister, leave).value().released());
  EXPECT_THAT(world_.Said(),
              ElementsAre("newcomer ada", "exiter ada", "newcomer lovelace", "exiter lovelace"));
}

TEST_F(CallsTest, UsersAreSortedForDisplay) {
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 1}})).value();
  uint64_t connection = 0;
  for (const char* nickname :
       {"zoe", "Bob", "_under", "alice", "9lives", "bob", "-dash", "ALICE"}) {
    Call(&Calls::Register, ClaimOf("a", ++connection, nickname)).value();
  }
  v1::ListUsersRequest request;
  request.set_channel("QGIS");
  EXPECT_THAT(Call(&Calls::ListUsers, request).value().nicknames(),
              ElementsAre("-dash", "9lives", "_under", "alice", "ALICE", "Bob", "bob", "zoe"));
}

TEST(SortForDisplay, EqualNamesStayInOrderOfRegistration) {
  std::vector<std::string> nicknames;
  for (int i = 0; i < 64; ++i) {  // every spelling of one name, in no alphabetical order
    std::string nickname = "abcdef";
    for (size_t bit = 0; bit < nickname.size(); ++bit) {
      if (((i * 37) % 64 >> bit & 1) != 0) nickname[bit] = static_cast<char>(nickname[bit] - 32);
    }
    nicknames.push_back(nickname);
  }
  std::vector<std::string> sorted = nicknames;
  SortForDisplay(sorted);
  EXPECT_EQ(sorted, nicknames);
}

TEST_F(CallsTest, CountsAreInTheOrderAskedFor) {
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 1}, {"Geotribu", 2}})).value();
  v1::CountConnectionsRequest request;
  for (const char* channel : {"QGIS", "Nobody", "Geotribu"}) request.add_channels(channel);
  const auto answer = Call(&Calls::CountConnections, request).value();
  ASSERT_EQ(answer.counts_size(), 3);
  EXPECT_EQ(answer.counts(0).connections(), 1U);
  EXPECT_EQ(answer.counts(1).connections(), 0U);
  EXPECT_TRUE(answer.counts(1).known());
  EXPECT_EQ(answer.counts(2).connections(), 2U);
}

TEST_F(CallsTest, DetachEndsTheLeaseInEveryChannelAtOnce) {
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 1}, {"Geotribu", 2}})).value();
  Call(&Calls::Register, ClaimOf("a", 1, "ada")).value();
  world_.timers->Pass(absl::Seconds(1));
  v1::DetachRequest request;
  request.set_lease("a");
  for (const char* channel : {"QGIS", "Nobody", "Geotribu"}) request.add_channels(channel);
  ASSERT_TRUE(Call(&Calls::Detach, request).ok());
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "newcomer ada", "exiter ada", "nb_users 0"));
  EXPECT_THAT(world_.Said("Geotribu"), ElementsAre("nb_users 2", "nb_users 0"));
  EXPECT_FALSE(Call(&Calls::Report, ReportOf("a", 2, {{"QGIS", 1}})).value().counts(0).known());
}

TEST_F(CallsTest, MissingFieldsAreRefusedByName) {
  const auto message = [](const auto& answer) {
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
    return answer.status().ToString();
  };
  EXPECT_THAT(message(Call(&Calls::Report, ReportOf("", 1, {}))), HasSubstr("lease"));
  EXPECT_THAT(message(Call(&Calls::Report, ReportOf("a", 0, {}))), HasSubstr("sequence"));
  EXPECT_THAT(message(Call(&Calls::Report, ReportOf("a", 1, {{"", 1}}))), HasSubstr("channel"));
  EXPECT_THAT(message(Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 1'000'000'001}}))),
              HasSubstr("1000000001"));
  EXPECT_THAT(message(Call(&Calls::Register, ClaimOf("", 1, "ada"))), HasSubstr("lease"));
  EXPECT_THAT(message(Call(&Calls::Register, ClaimOf("a", 1, ""))), HasSubstr("nickname"));
  auto nameless = ClaimOf("a", 1, "ada");
  nameless.clear_request_id();
  EXPECT_THAT(message(Call(&Calls::Register, nameless)), HasSubstr("request_id"));
  EXPECT_THAT(message(Call(&Calls::Unregister, v1::UnregisterRequest())), HasSubstr("lease"));
  EXPECT_THAT(message(Call(&Calls::ListUsers, v1::ListUsersRequest())), HasSubstr("channel"));
  EXPECT_THAT(message(Call(&Calls::Detach, v1::DetachRequest())), HasSubstr("lease"));
  v1::CountConnectionsRequest count;
  count.add_channels("");
  EXPECT_THAT(message(Call(&Calls::CountConnections, count)), HasSubstr("channel"));
}

TEST_F(CallsTest, StoreThatIsAwayMakesEveryCallUnavailable) {
  world_.store.away = true;
  const auto code = [](const auto& answer) { return answer.status().code(); };
  const auto away = absl::StatusCode::kUnavailable;
  EXPECT_EQ(code(Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 1}, {"Geotribu", 1}}))), away);
  EXPECT_EQ(code(Call(&Calls::Register, ClaimOf("a", 1, "ada"))), away);
  v1::UnregisterRequest leave;
  leave.set_lease("a");
  leave.set_channel("QGIS");
  leave.set_nickname("ada");
  EXPECT_EQ(code(Call(&Calls::Unregister, leave)), away);
  v1::ListUsersRequest users;
  users.set_channel("QGIS");
  EXPECT_EQ(code(Call(&Calls::ListUsers, users)), away);
  v1::CountConnectionsRequest counts;
  counts.add_channels("QGIS");
  EXPECT_EQ(code(Call(&Calls::CountConnections, counts)), away);
  v1::DetachRequest detach;
  detach.set_lease("a");
  detach.add_channels("QGIS");
  EXPECT_EQ(code(Call(&Calls::Detach, detach)), away);
}

TEST_F(CallsTest, MetricsTellLeasesConnectionsAndClaims) {
  Call(&Calls::Report, ReportOf("a", 1, {{"QGIS", 3}})).value();
  Call(&Calls::Report, ReportOf("b", 1, {{"QGIS", 1}})).value();
  Call(&Calls::Register, ClaimOf("a", 1, "ada")).value();
  Call(&Calls::Register, ClaimOf("b", 1, "ada")).value();
  EXPECT_THAT(Metrics(), HasSubstr("gischat_presence_leases 2\n"));
  EXPECT_THAT(Metrics(), HasSubstr("gischat_presence_connections{channel=\"QGIS\"} 4\n"));
  EXPECT_THAT(Metrics(), HasSubstr("gischat_presence_claims_total{outcome=\"registered\"} 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("gischat_presence_claims_total{outcome=\"taken\"} 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("gischat_presence_announcements_total 1\n"));
  world_.clock.Advance(absl::Seconds(10));
  Call(&Calls::Report, ReportOf("b", 2, {{"QGIS", 1}})).value();
  EXPECT_THAT(Metrics(), HasSubstr("gischat_presence_leases 1\n"));
}

TEST_F(CallsTest, LabelsOfChannelsAreBounded) {
  for (int i = 0; i < 1'100; ++i) census_.SawConnections("channel" + std::to_string(i), 1);
  EXPECT_THAT(Metrics(), HasSubstr("channel999"));
  EXPECT_THAT(Metrics(), Not(HasSubstr("channel1000")));
}

}  // namespace
}  // namespace gischat::presence
