#include "tests/integration/fanout/event_reader.h"

#include <utility>

namespace gischat::tests {

namespace v1 = fanout::v1;

v1::SubscribeRequest SubscribeTo(const std::string& channel, uint64_t epoch, uint64_t offset) {
  v1::SubscribeRequest request;
  request.set_edge("test");
  v1::ResumePoint* point = request.add_channels();
  point->set_channel(channel);
  point->set_epoch(epoch);
  point->set_offset(offset);
  return request;
}

v1::PublishRequest PublishTo(const std::string& channel, const std::string& publisher,
                             uint64_t first_sequence, std::vector<std::string> messages,
                             bool stored) {
  v1::PublishRequest request;
  request.set_channel(channel);
  request.set_publisher(publisher);
  request.set_first_sequence(first_sequence);
  for (std::string& message : messages) {
    v1::Draft* draft = request.add_drafts();
    draft->set_message(std::move(message));
    draft->set_stored(stored);
  }
  return request;
}

EventReader::EventReader(const std::shared_ptr<grpc::Channel>& channel,
                         v1::SubscribeRequest request)
    : stub_(v1::Fanout::NewStub(channel)), request_(std::move(request)) {
  if (!request_.channels().empty()) {
    epoch_ = request_.channels(0).epoch();
    offset_ = request_.channels(0).offset();
  }
  thread_ = std::thread([this] { Run(); });
}

EventReader::~EventReader() {
  context_.TryCancel();
  thread_.join();
}

void EventReader::Run() {
  const auto stream = stub_->Subscribe(&context_, request_);
  v1::SubscribeResponse response;
  while (stream->Read(&response)) {
    const std::lock_guard lock(mutex_);
    if (response.items().empty()) ++empty_responses_;
    for (const v1::Item& item : response.items()) Take(item);
  }
  const grpc::Status status = stream->Finish();
  const std::lock_guard lock(mutex_);
  status_ = status;
  ended_ = true;
}

void EventReader::Take(const v1::Item& item) {
  if (item.has_snapshot()) {
    snapshot_ = item.snapshot();
    ++snapshots_;
    epoch_ = item.snapshot().epoch();
    offset_ = item.snapshot().offset();
    return;
  }
  const v1::Event& event = item.event();
  if (event.epoch() == epoch_ ? event.offset() != offset_ + 1 : event.offset() > offset_ + 1) {
    ++out_of_order_;
  }
  epoch_ = event.epoch();
  offset_ = event.offset();
  events_.push_back(event);
}

std::vector<v1::Event> EventReader::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<std::string> EventReader::messages() const {
  std::vector<std::string> messages;
  for (const v1::Event& event : events()) messages.push_back(event.message());
  return messages;
}

size_t EventReader::count() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

int EventReader::snapshots() const {
  const std::lock_guard lock(mutex_);
  return snapshots_;
}

v1::Snapshot EventReader::last_snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

int EventReader::empty_responses() const {
  const std::lock_guard lock(mutex_);
  return empty_responses_;
}

int EventReader::out_of_order() const {
  const std::lock_guard lock(mutex_);
  return out_of_order_;
}

uint64_t EventReader::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

uint64_t EventReader::offset() const {
  const std::lock_guard lock(mutex_);
  return offset_;
}

bool EventReader::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

grpc::Status EventReader::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace gischat::tests
