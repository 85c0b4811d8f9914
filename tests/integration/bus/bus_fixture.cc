#include "tests/integration/bus/bus_fixture.h"

#include <future>
#include <utility>

#include "tests/support/wait_until.h"

namespace gischat::tests {

using bus::Batch;
using bus::LogSlice;
using bus::MessageBus;
using bus::Position;
using bus::Receipt;
using bus::Snapshot;

RedisBusProcess::RedisBusProcess(const redis::Options& options, const bus::Limits& limits)
    : client_(loop_.loop(), options, "test", bus::RedisBus::Scripts(), registry_),
      subscriber_(loop_.loop(), options, "test-subscriber", client_, registry_),
      bus_(loop_.loop(), client_, subscriber_, "test", limits) {
  client_.Start();
  subscriber_.Start();
}

RedisBusProcess::~RedisBusProcess() { loop_.Stop(); }

void Recorder::OnEvent(const bus::EventPtr& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

void Recorder::OnResumed() {
  const std::lock_guard lock(mutex_);
  ++resumed_;
}

std::vector<bus::EventPtr> Recorder::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<std::string> Recorder::payloads() const { return Payloads(events()); }

size_t Recorder::count() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

int Recorder::resumed() const {
  const std::lock_guard lock(mutex_);
  return resumed_;
}

namespace {

template <typename T, typename Start>
absl::StatusOr<T> Wait(Start start) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
  auto future = promise->get_future();
  start([promise](absl::StatusOr<T> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
    return absl::DeadlineExceededError("the callback was not called");
  }
  return future.get();
}

}  // namespace

absl::StatusOr<Receipt> Publish(MessageBus& bus, const std::string& channel, Batch batch) {
  return Wait<Receipt>([&](auto done) { bus.Publish(channel, std::move(batch), std::move(done)); });
}

absl::StatusOr<Snapshot> ReadHistory(MessageBus& bus, const std::string& channel) {
  return Wait<Snapshot>([&](auto done) { bus.ReadHistory(channel, std::move(done)); });
}

absl::StatusOr<LogSlice> ReadLog(MessageBus& bus, const std::string& channel, Position after) {
  return Wait<LogSlice>([&](auto done) { bus.ReadLog(channel, after, std::move(done)); });
}

Batch MakeBatch(const std::string& publisher, uint64_t first_sequence,
                std::vector<std::string> payloads, bool stored) {
  Batch batch{.publisher = publisher, .first_sequence = first_sequence, .drafts = {}};
  for (std::string& payload : payloads) batch.drafts.push_back({std::move(payload), stored});
  return batch;
}

std::vector<std::string> Payloads(const std::vector<bus::EventPtr>& events) {
  std::vector<std::string> payloads;
  payloads.reserve(events.size());
  for (const bus::EventPtr& event : events) payloads.push_back(event->payload);
  return payloads;
}

}  // namespace gischat::tests
