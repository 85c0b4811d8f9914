#include "services/presence/events.h"

#include "common/base/random_id.h"
#include "gischat/chat/v1/chat.pb.h"

namespace gischat::presence {
namespace {

chat::v1::ChatMessage NewMessage(const base::Clock& clock) {
  chat::v1::ChatMessage message;
  message.set_id(base::RandomUuid());
  message.set_timestamp(absl::ToUnixSeconds(clock.Now()));
  return message;
}

}  // namespace

std::string EventWriter::Newcomer(std::string_view nickname, const trace::v1::Trace* trace) const {
  chat::v1::ChatMessage message = NewMessage(*clock_);
  if (trace != nullptr) *message.mutable_trace() = *trace;
  message.mutable_newcomer()->set_newcomer(std::string(nickname));
  return message.SerializeAsString();
}

std::string EventWriter::Exiter(std::string_view nickname) const {
  chat::v1::ChatMessage message = NewMessage(*clock_);
  message.mutable_exiter()->set_exiter(std::string(nickname));
  return message.SerializeAsString();
}

std::string EventWriter::NbUsers(Count count) const {
  chat::v1::ChatMessage message = NewMessage(*clock_);
  message.mutable_nb_users()->set_nb_users(count.connections);
  message.mutable_nb_users()->set_revision(count.revision);
  return message.SerializeAsString();
}

}  // namespace gischat::presence
