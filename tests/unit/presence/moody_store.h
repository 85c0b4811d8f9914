#pragma once

#include <string>
#include <utility>
#include <vector>

#include "services/presence/presence_store.h"

namespace gischat::presence {

// A store that can be away: then every call fails with kUnavailable, and nothing is done.
class MoodyStore : public PresenceStore {
 public:
  explicit MoodyStore(PresenceStore& store) : store_(store) {}

  bool away = false;

  void Report(HoldingReport report, base::Callback<ReportOutcome> done) override {
    if (!Fails(done)) store_.Report(std::move(report), std::move(done));
  }
  void Register(Claim claim, base::Callback<ClaimOutcome> done) override {
    if (!Fails(done)) store_.Register(std::move(claim), std::move(done));
  }
  void Unregister(Release release, base::Callback<bool> done) override {
    if (!Fails(done)) store_.Unregister(std::move(release), std::move(done));
  }
  void ListUsers(std::string channel, base::Callback<std::vector<std::string>> done) override {
    if (!Fails(done)) store_.ListUsers(std::move(channel), std::move(done));
  }
  void CountConnections(std::string channel, base::Callback<Count> done) override {
    if (!Fails(done)) store_.CountConnections(std::move(channel), std::move(done));
  }
  void AnnounceCount(CountAnnouncement announcement, base::Callback<Announcement> done) override {
    if (!Fails(done)) store_.AnnounceCount(std::move(announcement), std::move(done));
  }
  void FindExpired(std::string channel, base::Callback<std::vector<Holding>> done) override {
    if (!Fails(done)) store_.FindExpired(std::move(channel), std::move(done));
  }
  void FindHolding(std::string channel, std::string lease, base::Callback<Holding> done) override {
    if (!Fails(done)) store_.FindHolding(std::move(channel), std::move(lease), std::move(done));
  }
  void Evict(Eviction eviction, base::Callback<bool> done) override {
    if (!Fails(done)) store_.Evict(std::move(eviction), std::move(done));
  }

 private:
  template <typename T>
  bool Fails(base::Callback<T>& done) const {
    if (away) std::move(done)(absl::UnavailableError("away"));
    return away;
  }

  PresenceStore& store_;
};

}  // namespace gischat::presence
