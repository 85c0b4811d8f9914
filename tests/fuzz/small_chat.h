#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/hub/hub.h"
#include "tests/fuzz/willing_backends.h"

namespace gischat::fuzz {

// Presence and fanout of one channel with one edge: what is published or happens to nicknames and
// counts is heard by the edge's hub at once. Confined to the loop's thread.
class SmallChat final : public WillingPresence, public WillingFanout {
 public:
  static constexpr char kChannel[] = "QGIS";

  SmallChat(boost::asio::io_context& loop, edge::hub::Hub& hub) : loop_(loop), hub_(hub) {
    edge::hub::ChannelUpdate update = NextUpdate();
    update.is_snapshot = true;
    update.history_limit = 5;
    Apply(std::move(update));
  }

  uint64_t connections() const { return connections_; }
  bool has_nicknames() const { return !holders_.empty(); }

  void Attach(presence::v1::AttachRequest, Done<presence::v1::AttachResponse> done) override {
    presence::v1::AttachResponse response;
    response.set_lease("lease");
    response.set_time_to_live_ms(3'600'000);
    response.set_renew_every_ms(3'600'000);
    std::move(done)(std::move(response));
  }

  void Report(presence::v1::ReportRequest request,
              Done<presence::v1::ReportResponse> done) override {
    presence::v1::ReportResponse response;
    for (const presence::v1::Holding& holding : request.holdings()) {
      if (connections_ != holding.connections()) ++revision_;
      connections_ = holding.connections();
      presence::v1::ChannelCount& count = *response.add_counts();
      count.set_channel(holding.channel());
      count.set_connections(connections_);
      count.set_revision(revision_);
      count.set_known(true);
    }
    std::move(done)(std::move(response));
    chat::v1::ChatMessage message;
    message.mutable_nb_users()->set_nb_users(connections_);
    message.mutable_nb_users()->set_revision(revision_);
    Happen(std::move(message), false);
  }

  void Register(presence::v1::RegisterRequest request,
                Done<presence::v1::RegisterResponse> done) override {
    presence::v1::RegisterResponse response;
    const bool is_free = holders_.emplace(request.nickname(), request.connection()).second;
    response.set_outcome(is_free ? presence::v1::RegisterResponse::REGISTERED
                                 : presence::v1::RegisterResponse::TAKEN);
    if (is_free) {
      Release(request.previous_nickname(), request.connection());
      chat::v1::ChatMessage message;
      message.mutable_newcomer()->set_newcomer(request.nickname());
      Happen(std::move(message), false);
    }
    std::move(done)(std::move(response));
  }

  void Unregister(presence::v1::UnregisterRequest request,
                  Done<presence::v1::UnregisterResponse> done) override {
    presence::v1::UnregisterResponse response;
    response.set_released(Release(request.nickname(), request.connection()));
    std::move(done)(std::move(response));
  }

  void Publish(fanout::v1::PublishRequest request, absl::Duration timeout,
               base::Callback<fanout::v1::PublishResponse> done) override {
    for (const fanout::v1::Draft& draft : request.drafts()) {
      chat::v1::ChatMessage message;
      Require(message.ParseFromString(draft.message()), "what is published is a message");
      Happen(std::move(message), draft.stored());
    }
    WillingFanout::Publish(std::move(request), timeout, std::move(done));
  }

 private:
  bool Release(const std::string& nickname, uint64_t connection) {
    const auto holder = holders_.find(nickname);
    if (holder == holders_.end() || holder->second != connection) return false;
    holders_.erase(holder);
    chat::v1::ChatMessage message;
    message.mutable_exiter()->set_exiter(nickname);
    Happen(std::move(message), false);
    return true;
  }

  edge::hub::ChannelUpdate NextUpdate() {
    constexpr uint64_t kEpoch = 7;
    edge::hub::ChannelUpdate update;
    update.channel = kChannel;
    update.place = {kEpoch, ++offset_};
    return update;
  }

  void Happen(chat::v1::ChatMessage message, bool stored) {
    edge::hub::ChannelUpdate update = NextUpdate();
    edge::hub::Happening& happening = update.happenings.emplace_back();
    happening.place = update.place;
    happening.stored = stored;
    happening.broadcast = std::make_shared<const edge::hub::Broadcast>(std::move(message));
    Apply(std::move(update));
  }

  void Apply(edge::hub::ChannelUpdate update) {
    boost::asio::post(loop_, [this, update = std::move(update)]() mutable {
      hub_.Apply({std::make_shared<const std::vector<edge::hub::ChannelUpdate>>(
          std::vector<edge::hub::ChannelUpdate>{std::move(update)})});
    });
  }

  boost::asio::io_context& loop_;
  edge::hub::Hub& hub_;
  std::map<std::string, uint64_t> holders_;  // connections by their nicknames
  uint64_t connections_ = 0;
  uint64_t revision_ = 0;
  uint64_t offset_ = 0;
};

}  // namespace gischat::fuzz
