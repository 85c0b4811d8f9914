#include "edge/clients/delivery_timer.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/chat_messages.h"
#include "tests/support/fake_backends.h"
#include "tests/support/run_until.h"

namespace gischat::edge::clients {
namespace {

class DeliveryTimerTest : public testing::Test {
 protected:
  DeliveryTimerTest() { fanout_.publishes.AnswerAtOnce(tests::FakeFanout::Published); }
  ~DeliveryTimerTest() override { tests::Settle(loop_); }

  // Publishes a message that was read so long ago.
  void Publish(std::chrono::milliseconds ago) {
    publisher_.Publish(
        "QGIS", "words", /*stored=*/true, [](const absl::Status& /*status*/) {},
        Publisher::Clock::now() - ago);
    publisher_.Flush();
  }

  // The messages of the last batch, as events of the channel; and one of another edge.
  hub::Updates Heard() const {
    const fanout::v1::PublishRequest request = fanout_.publishes.last();
    auto updates = std::make_shared<std::vector<hub::ChannelUpdate>>();
    updates->push_back(UpdateOf(PublishToken("somebody else", request.first_sequence())));
    for (int i = 0; i < request.drafts_size(); ++i) {
      updates->push_back(UpdateOf(
          PublishToken(request.publisher(), request.first_sequence() + static_cast<uint64_t>(i))));
    }
    return updates;
  }

  static hub::ChannelUpdate UpdateOf(uint64_t token) {
    hub::ChannelUpdate update;
    update.channel = "QGIS";
    update.happenings.push_back(
        {{1, 1}, true, std::make_shared<hub::Broadcast>(tests::TextMessage("words")), token});
    return update;
  }

  prometheus::ClientMetric::Histogram Seconds() {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name == "gischat_edge_delivery_seconds") return family.metric[0].histogram;
    }
    return {};
  }

  boost::asio::io_context loop_;
  tests::FakeFanout fanout_;
  prometheus::Registry registry_;
  Publisher publisher_{loop_, fanout_, {"QGIS"}, {}, registry_};
  DeliveryTimer timer_{publisher_, registry_};
};

TEST_F(DeliveryTimerTest, IsThereBeforeTheFirstMessage) {
  EXPECT_EQ(Seconds().sample_count, 0U);
  const auto& buckets = Seconds().bucket;
  for (const double bound : {0.00025, 10.0}) {
    EXPECT_TRUE(std::any_of(buckets.begin(), buckets.end(), [&](const auto& bucket) {
      return bucket.upper_bound == bound;
    })) << bound;
  }
}

TEST_F(DeliveryTimerTest, AMessageIsDeliveredWhenTheLastThreadHasHandedItOut) {
  Publish(std::chrono::milliseconds(3000));
  hub::Updates one = timer_.Watch(Heard());
  hub::Updates other = one;
  EXPECT_EQ(one->size(), 2U);
  one.reset();
  EXPECT_EQ(Seconds().sample_count, 0U);
  other.reset();
  EXPECT_EQ(Seconds().sample_count, 1U);
  EXPECT_GE(Seconds().sample_sum, 3);
  EXPECT_LT(Seconds().sample_sum, 5);
}

TEST_F(DeliveryTimerTest, AMessageThatIsHeardAgainIsNotDeliveredAgain) {
  Publish({});
  timer_.Watch(Heard());
  timer_.Watch(Heard());
  EXPECT_EQ(Seconds().sample_count, 1U);
}

TEST_F(DeliveryTimerTest, MessagesOfOtherEdgesAreTheirs) {
  Publish({});
  const auto foreign = std::make_shared<std::vector<hub::ChannelUpdate>>(
      std::vector<hub::ChannelUpdate>{UpdateOf(PublishToken("somebody else", 1)), UpdateOf(0)});
  timer_.Watch(foreign);
  EXPECT_EQ(Seconds().sample_count, 0U);
}

}  // namespace
}  // namespace gischat::edge::clients
