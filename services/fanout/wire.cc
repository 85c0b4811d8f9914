#include "services/fanout/wire.h"

#include "gischat/fanout/v1/fanout.pb.h"

namespace gischat::fanout {
namespace {

void Fill(const bus::Event& event, v1::Event* message) {
  message->set_epoch(event.position.epoch);
  message->set_offset(event.position.offset);
  message->set_stored(event.stored);
  message->set_message(event.payload);
  message->set_publisher(event.publisher);
  message->set_sequence(event.sequence);
}

Wire Serialize(const v1::SubscribeResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

}  // namespace

Wire EncodeEvent(const std::string& channel, const bus::Event& event) {
  v1::SubscribeResponse response;
  v1::Item* item = response.add_items();
  item->set_channel(channel);
  Fill(event, item->mutable_event());
  return Serialize(response);
}

Wire EncodeSnapshot(const std::string& channel, const bus::Snapshot& snapshot,
                    uint32_t history_limit) {
  v1::SubscribeResponse response;
  v1::Item* item = response.add_items();
  item->set_channel(channel);
  FillSnapshot(snapshot, history_limit, item->mutable_snapshot());
  return Serialize(response);
}

void FillSnapshot(const bus::Snapshot& snapshot, uint32_t history_limit, v1::Snapshot* message) {
  message->set_epoch(snapshot.position.epoch);
  message->set_offset(snapshot.position.offset);
  message->set_history_limit(history_limit);
  for (const bus::EventPtr& event : snapshot.history) Fill(*event, message->add_history());
}

}  // namespace gischat::fanout
