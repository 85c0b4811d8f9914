#include "tests/unit/fanout/fake_bus.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gischat::tests {

using bus::EventPtr;
using bus::LogSlice;
using bus::Position;
using bus::Snapshot;

EventPtr FakeBus::Append(bool stored) {
  ++position_.offset;
  auto event = std::make_shared<const bus::Event>(
      bus::Event{.position = position_,
                 .stored = stored,
                 .publisher = "edge",
                 .sequence = position_.offset,
                 .payload = absl::StrCat(position_.epoch, ":", position_.offset)});
  log_.push_back(event);
  if (stored) history_.push_back(event);
  if (history_.size() > limits_.history_events) history_.pop_front();
  return event;
}

void FakeBus::TrimLog(size_t left) {
  while (log_.size() > left) log_.pop_front();
}

void FakeBus::BeginEpoch(uint64_t lose, bool known) {
  lose = std::min<uint64_t>(lose, log_.size());
  for (uint64_t i = 0; i < lose; ++i) log_.pop_back();
  position_.offset -= lose;
  previous_ = known ? position_ : Position{};
  if (!known) {
    log_.clear();
    history_.clear();
    position_.offset = 0;
  }
  ++position_.epoch;
}

void FakeBus::Tell(const EventPtr& event) {
  if (listener_ != nullptr) listener_->OnEvent(event);
}

void FakeBus::Resume() {
  if (listener_ != nullptr) listener_->OnResumed();
}

void FakeBus::RunOne() {
  answers_.push_back(reads_.front()(false));
  reads_.pop_front();
}

void FakeBus::DeliverOne() {
  const auto deliver = std::move(answers_.front());
  answers_.pop_front();
  deliver();
}

void FakeBus::AnswerOne() {
  const PendingRead read = std::move(reads_.front());
  reads_.pop_front();
  read(false)();
}

void FakeBus::FailOne() {
  const PendingRead read = std::move(reads_.front());
  reads_.pop_front();
  read(true)();
}

void FakeBus::Read(PendingRead read) {
  if (holding_) {
    reads_.push_back(std::move(read));
  } else {
    read(failing_)();
  }
}

namespace {

template <typename T>
std::function<void()> Deliver(std::shared_ptr<base::Callback<T>> done, absl::StatusOr<T> answer) {
  return [done, answer = std::move(answer)] { std::move (*done)(answer); };
}

}  // namespace

void FakeBus::Publish(std::string /*channel*/, bus::Batch /*batch*/,
                      base::Callback<bus::Receipt> done) {
  std::move(done)(absl::UnimplementedError("not needed"));
}

void FakeBus::ReadHistory(std::string /*channel*/, base::Callback<Snapshot> done) {
  Read([this, done = std::make_shared<base::Callback<Snapshot>>(std::move(done))](bool fail) {
    if (fail) return Deliver<Snapshot>(done, absl::UnavailableError("told to fail"));
    return Deliver<Snapshot>(
        done, Snapshot{.position = position_, .history = {history_.begin(), history_.end()}});
  });
}

void FakeBus::ReadLog(std::string /*channel*/, Position after, base::Callback<LogSlice> done) {
  Read(
      [this, after, done = std::make_shared<base::Callback<LogSlice>>(std::move(done))](bool fail) {
        if (fail) return Deliver<LogSlice>(done, absl::UnavailableError("told to fail"));
        return Deliver<LogSlice>(done, Slice(after));
      });
}

LogSlice FakeBus::Slice(Position after) const {
  LogSlice slice{.position = position_, .events = {}};
  uint64_t from = after.offset;
  if (after.epoch == previous_.epoch) {
    from = std::min(from, previous_.offset);
  } else if (after.epoch != position_.epoch) {
    return slice;
  }
  const uint64_t trimmed = position_.offset - log_.size();
  if (from > position_.offset || from < trimmed) return slice;
  slice.complete = true;
  slice.events.assign(log_.begin() + static_cast<std::ptrdiff_t>(from - trimmed), log_.end());
  return slice;
}

class FakeBus::Ticket : public Subscription {
 public:
  explicit Ticket(FakeBus& bus) : bus_(bus) {}
  ~Ticket() override { bus_.listener_ = nullptr; }

 private:
  FakeBus& bus_;
};

std::unique_ptr<bus::MessageBus::Subscription> FakeBus::Subscribe(
    std::string /*channel*/, std::shared_ptr<bus::Listener> listener) {
  listener_ = std::move(listener);
  return std::make_unique<Ticket>(*this);
}

void ListSink::Put(const fanout::Wire& item) {
  fanout::v1::SubscribeResponse response;
  if (!response.ParseFromString(*item)) {
    items_.emplace_back("nonsense");
    return;
  }
  for (const fanout::v1::Item& one : response.items()) {
    if (check) check(one);
    const bool event = one.has_event();
    items_.push_back(absl::StrCat(event ? "event " : "snapshot ",
                                  event ? one.event().epoch() : one.snapshot().epoch(), ":",
                                  event ? one.event().offset() : one.snapshot().offset()));
  }
}

}  // namespace gischat::tests
