#pragma once

#include <memory>
#include <vector>

#include "common/base/callback.h"
#include "gischat/presence/v1/presence.pb.h"
#include "services/presence/census.h"
#include "services/presence/count_announcer.h"
#include "services/presence/events.h"
#include "services/presence/presence_store.h"
#include "services/presence/settings.h"
#include "services/presence/sweeper.h"

namespace gischat::presence {

// Answers every call of gischat.presence.v1.Presence, whatever carries it. What each call means and
// how it fails stands in presence.proto. Thread-safe. Requests need not outlive the call; the store
// and the census outlive every callback.
class Calls {
 public:
  Calls(PresenceStore& store, Census& census, EventWriter events,
        std::shared_ptr<CountAnnouncer> announcer, std::shared_ptr<Sweeper> sweeper,
        const Settings& settings);

  void Attach(const v1::AttachRequest& request, base::Callback<v1::AttachResponse> done);
  void Report(const v1::ReportRequest& request, base::Callback<v1::ReportResponse> done);
  void Detach(const v1::DetachRequest& request, base::Callback<v1::DetachResponse> done);
  void Register(const v1::RegisterRequest& request, base::Callback<v1::RegisterResponse> done);
  void Unregister(const v1::UnregisterRequest& request,
                  base::Callback<v1::UnregisterResponse> done);
  void ListUsers(const v1::ListUsersRequest& request, base::Callback<v1::ListUsersResponse> done);
  void CountConnections(const v1::CountConnectionsRequest& request,
                        base::Callback<v1::CountConnectionsResponse> done);

 private:
  void ReportOne(HoldingReport report, base::Callback<ReportOutcome> done);
  void DetachOne(const std::string& channel, const std::string& lease, base::Callback<bool> done);

  PresenceStore& store_;
  Census& census_;
  const EventWriter events_;
  const std::shared_ptr<CountAnnouncer> announcer_;
  const std::shared_ptr<Sweeper> sweeper_;
  const Settings settings_;
};

// Sorts nicknames for display: by their ASCII lower-case form, equals as they stand.
void SortForDisplay(std::vector<std::string>& nicknames);

}  // namespace gischat::presence
