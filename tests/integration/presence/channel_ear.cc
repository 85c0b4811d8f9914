#include "tests/integration/presence/channel_ear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "common/base/random_id.h"
#include "gischat/chat/v1/chat.pb.h"
#include "tests/integration/presence/wait_for.h"
#include "tests/support/wait_until.h"

namespace gischat::presence {
namespace {

const std::string kMark = "up to here ";

std::string Describe(const bus::Event& event) {
  chat::v1::ChatMessage message;
  if (!message.ParseFromString(event.payload)) return event.payload;
  EXPECT_TRUE(base::CanonicalUuid(message.id()).has_value());
  EXPECT_GT(message.timestamp(), 0);
  EXPECT_FALSE(event.stored);
  if (message.has_newcomer()) return "newcomer " + message.newcomer().newcomer();
  if (message.has_exiter()) return "exiter " + message.exiter().exiter();
  if (message.has_nb_users()) return "nb_users " + std::to_string(message.nb_users().nb_users());
  return "something else";
}

}  // namespace

class ChannelEar::Notes : public bus::Listener {
 public:
  void OnEvent(const bus::EventPtr& event) override {
    const std::lock_guard lock(mutex_);
    const bool by_presence = event->sequence == 0;
    lines_.push_back(by_presence ? Describe(*event) : event->payload);
    if (by_presence) publishers_.push_back(event->publisher);
  }
  void OnResumed() override {
    const std::lock_guard lock(mutex_);
    listening_ = true;
  }
  bool listening() {
    const std::lock_guard lock(mutex_);
    return listening_;
  }
  std::vector<std::string> publishers() {
    const std::lock_guard lock(mutex_);
    return publishers_;
  }
  // What stands before a mark, without other marks; nothing when the mark is not there.
  std::optional<std::vector<std::string>> Before(const std::string& mark) {
    const std::lock_guard lock(mutex_);
    const auto end = std::find(lines_.begin(), lines_.end(), mark);
    if (end == lines_.end()) return std::nullopt;
    std::vector<std::string> before;
    std::copy_if(lines_.begin(), end, std::back_inserter(before),
                 [](const std::string& line) { return !line.starts_with(kMark); });
    return before;
  }

 private:
  std::mutex mutex_;
  bool listening_ = false;
  std::vector<std::string> lines_;
  std::vector<std::string> publishers_;  // of what presence said
};

ChannelEar::ChannelEar(bus::MessageBus& bus, std::string channel)
    : bus_(bus), channel_(std::move(channel)), notes_(std::make_shared<Notes>()) {
  subscription_ = bus_.Subscribe(channel_, notes_);
  EXPECT_TRUE(tests::WaitUntil([&] { return notes_->listening(); }));
}

std::vector<std::string> ChannelEar::Heard() {
  const std::string publisher = base::RandomUuid();
  const std::string mark = kMark + publisher;
  const bus::Batch batch{.publisher = publisher,
                         .first_sequence = 1,
                         .drafts = {{.payload = mark, .stored = false}},
                         .deadline = absl::InfiniteFuture()};
  EXPECT_TRUE(WaitFor<bus::Receipt>([&](auto done) {
                bus_.Publish(channel_, batch, std::move(done));
              }).ok());
  std::optional<std::vector<std::string>> heard;
  EXPECT_TRUE(tests::WaitUntil([&] { return (heard = notes_->Before(mark)).has_value(); }));
  return heard.value_or(std::vector<std::string>());
}

std::vector<std::string> ChannelEar::Publishers() {
  Heard();
  return notes_->publishers();
}

}  // namespace gischat::presence
