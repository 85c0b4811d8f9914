#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "gischat/trace/v1/trace.pb.h"
#include "services/presence/presence_store.h"

namespace gischat::presence {

// Writes what presence says in a channel: serialised gischat.chat.v1.ChatMessages with a fresh id
// and the current time. Immutable and cheap to copy; the clock outlives it.
class EventWriter {
 public:
  explicit EventWriter(const base::Clock& clock) : clock_(&clock) {}

  // `trace`: of the claim; null: it is not traced.
  std::string Newcomer(std::string_view nickname, const trace::v1::Trace* trace = nullptr) const;
  std::string Exiter(std::string_view nickname) const;
  std::string NbUsers(Count count) const;

 private:
  const base::Clock* clock_;
};

}  // namespace gischat::presence
