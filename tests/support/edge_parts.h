#pragma once

#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/clients/lease.h"
#include "edge/clients/publisher.h"
#include "edge/hub/hub.h"
#include "edge/session/edge_metrics.h"
#include "edge/session/session.h"
#include "tests/support/chat_messages.h"
#include "tests/support/fake_backends.h"
#include "tests/support/metric_value.h"
#include "tests/support/run_until.h"

namespace gischat::tests {

// What sessions work with, over services that the test plays: at first all of them answer at once,
// moderation accepts what can be decoded, and every nickname is free. Everything runs on one loop.
class EdgeParts {
 public:
  static constexpr char kChannel[] = "QGIS";
  static constexpr absl::Duration kPublishPatience = absl::Seconds(1);

  EdgeParts() {
    moderation.reviews.AnswerAtOnce(FakeModeration::Judge);
    presence.AnswerLease();
    presence.registers.AnswerAtOnce([](const auto&) {
      return FakePresence::Outcome(presence::v1::RegisterResponse::REGISTERED);
    });
    fanout.publishes.AnswerAtOnce(FakeFanout::Published);
    lease.Start();
    Snapshot({});
    Settle(loop);
  }
  ~EdgeParts() {
    lease.Stop(absl::ZeroDuration(), [] {});
    Settle(loop);
  }

  EdgeParts(const EdgeParts&) = delete;
  EdgeParts& operator=(const EdgeParts&) = delete;

  // The parts for one session. `alive` is gone when all sessions are.
  edge::session::SessionParts ForSession() {
    auto token = alive.lock();
    if (token == nullptr) {
      token = std::make_shared<int>(0);
      alive = token;
    }
    return {hub, reviewer, publisher, traffic, lease, metrics, token, gate};
  }

  // The channel starts afresh with these texts stored.
  void Snapshot(const std::vector<std::string>& texts) {
    edge::hub::ChannelUpdate update;
    update.channel = kChannel;
    update.is_snapshot = true;
    update.history_limit = 5;
    for (const std::string& text : texts) update.happenings.push_back(Next(TextMessage(text)));
    update.place = {kEpoch, offset};
    Apply(std::move(update));
  }

  // Something happens in the channel.
  void Happen(chat::v1::ChatMessage message) {
    edge::hub::ChannelUpdate update;
    update.channel = kChannel;
    update.happenings.push_back(Next(std::move(message)));
    update.place = update.happenings[0].place;
    Apply(std::move(update));
  }

  // What was published, in short, a retry counted once.
  std::vector<std::string> Published() const {
    std::vector<std::string> published;
    for (size_t i = 0; i < fanout.publishes.size(); ++i) {
      const fanout::v1::PublishRequest request = fanout.publishes.request(i);
      for (int j = 0; j < request.drafts_size(); ++j) {
        const uint64_t number = request.first_sequence() + static_cast<uint64_t>(j);
        if (number <= published.size()) continue;
        chat::v1::ChatMessage message;
        message.ParseFromString(request.drafts(j).message());
        published.push_back(message.has_image() ? "image" : message.text().text());
      }
    }
    return published;
  }

  // The connections that the last report about the channel told.
  uint64_t Reported() const {
    for (size_t i = presence.reports.size(); i-- > 0;) {
      const presence::v1::ReportRequest request = presence.reports.request(i);
      for (const auto& holding : request.holdings()) {
        if (holding.channel() == kChannel) return holding.connections();
      }
    }
    return 0;
  }

  // Claims, publishes and reviews wait for the test from now on.
  void HoldReviews() {
    moderation.reviews.AnswerAtOnce(nullptr);
    first_held_review = moderation.reviews.size();
  }
  void HoldClaims() { presence.registers.AnswerAtOnce(nullptr); }
  void HoldReleases() { presence.unregisters.AnswerAtOnce(nullptr); }
  void HoldPublishes() { fanout.publishes.AnswerAtOnce(nullptr); }

  // The store is full: nothing can be published, and after kPublishPatience that is told.
  void RefusePublishes() {
    fanout.publishes.AnswerAtOnce(
        [](const auto&) { return absl::ResourceExhaustedError("the store is full"); });
  }

  // The review of that number, from 0 for the first that was held.
  void Accept(size_t number) {
    BringVerdict(number);
    Settle(loop);
  }
  // The same, by another thread than the loop's; which has heard nothing of it yet.
  void BringVerdict(size_t number) {
    const size_t review = first_held_review + number;
    moderation.reviews.Answer(review, FakeModeration::Judge(moderation.reviews.request(review)));
  }
  void AnswerClaim(presence::v1::RegisterResponse::Outcome outcome) {
    presence.registers.AnswerLast(FakePresence::Outcome(outcome));
    Settle(loop);
  }
  void AnswerRelease() {
    presence.unregisters.AnswerLast(presence::v1::UnregisterResponse());
    Settle(loop);
  }
  void AnswerPublish() {
    fanout.publishes.AnswerLast(FakeFanout::Published(fanout.publishes.last()));
    Settle(loop);
  }
  // The same; what was published is to happen next in the channel.
  void AnswerPublishWithPlace() {
    fanout::v1::PublishResponse response = FakeFanout::Published(fanout.publishes.last());
    response.set_epoch(kEpoch);
    response.set_offset(offset + 1);
    fanout.publishes.AnswerLast(std::move(response));
    Settle(loop);
  }

  boost::asio::io_context loop;
  FakeModeration moderation;
  FakePresence presence;
  FakeFanout fanout;
  prometheus::Registry registry;
  edge::session::EdgeMetrics metrics{registry};
  edge::hub::Hub hub{{kChannel}, metrics};
  edge::clients::Publisher publisher{
      loop, fanout, {kChannel}, {.patience = kPublishPatience}, registry};
  edge::clients::Lease lease{loop, presence, "edge-1", {kChannel}, registry};
  edge::net::EndOfTurn end_of_turn{loop.get_executor(), [this] {
                                     publisher.Flush();
                                     reviewer.Flush();
                                   }};
  edge::session::Traffic traffic{.end_of_turn = end_of_turn};
  edge::session::Reviewer reviewer{loop.get_executor(), moderation, traffic};
  edge::session::MessageGate gate;  // of the sessions that come next
  std::weak_ptr<int> alive;
  uint64_t offset = 0;  // of the channel's last event
  size_t first_held_review = 0;

 private:
  static constexpr uint64_t kEpoch = 77;

  edge::hub::Happening Next(chat::v1::ChatMessage message) {
    return {
        {kEpoch, ++offset}, true, std::make_shared<const edge::hub::Broadcast>(std::move(message))};
  }
  void Apply(edge::hub::ChannelUpdate update) {
    hub.Apply({std::make_shared<const std::vector<edge::hub::ChannelUpdate>>(
        std::vector<edge::hub::ChannelUpdate>{std::move(update)})});
  }
};

}  // namespace gischat::tests
