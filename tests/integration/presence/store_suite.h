#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/bus/message_bus.h"
#include "services/presence/presence_store.h"
#include "tests/integration/presence/channel_ear.h"

namespace gischat::presence {

// What every PresenceStore keeps, in memory or in Redis. To run it:
//   INSTANTIATE_TEST_SUITE_P(Memory, PresenceStoreSuite, testing::Values(&MakeMemoryWorld));

// A bus with stores that share it, as replicas do (in memory both are the same).
class StoreWorld {
 public:
  virtual ~StoreWorld() = default;
  virtual bus::MessageBus& bus() = 0;
  virtual PresenceStore& store() = 0;
  virtual PresenceStore& other_store() = 0;
};

// Makes a world whose leases live as long as given.
using StoreWorldFactory = std::unique_ptr<StoreWorld> (*)(absl::Duration time_to_live);

class PresenceStoreSuite : public testing::TestWithParam<StoreWorldFactory> {
 protected:
  void SetUp() override { Use(absl::Minutes(5)); }

  // Begins anew, with leases that live so long.
  void Use(absl::Duration time_to_live);

  PresenceStore& store() { return world_->store(); }
  std::vector<std::string> Heard() { return ear_->Heard(); }
  std::vector<std::string> Publishers() { return ear_->Publishers(); }

  // Operations on the channel "QGIS", which must succeed.
  ReportOutcome Report(const std::string& lease, uint64_t sequence, uint64_t connections,
                       bool announce = false);
  Count Counted();
  ClaimOutcome Register(const std::string& lease, uint64_t connection, const std::string& nickname,
                        const std::string& request, const std::string& previous = "");
  bool Unregister(const std::string& lease, uint64_t connection, const std::string& nickname,
                  const std::string& request = "");
  std::vector<std::string> Users();
  Announcement Announce(Count count, absl::Duration interval);
  std::vector<Holding> Expired();
  Holding Held(const std::string& lease);
  bool Evict(const std::string& lease, const std::vector<std::string>& exits, bool only_if_expired);

  std::unique_ptr<StoreWorld> world_;
  std::unique_ptr<ChannelEar> ear_;
};

}  // namespace gischat::presence
