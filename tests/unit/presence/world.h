#pragma once

#include <prometheus/registry.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/bus/memory_bus.h"
#include "gischat/chat/v1/chat.pb.h"
#include "services/presence/count_announcer.h"
#include "services/presence/memory_presence_store.h"
#include "services/presence/sweeper.h"
#include "tests/integration/presence/wait_for.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/presence/manual_timers.h"
#include "tests/unit/presence/moody_store.h"

namespace gischat::presence {

// The parts of presence over the memory store, with a clock that stands still. Leases live 9 s,
// announcements are 100 ms apart, sweeps 500 ms, the sweeper's patience is 3 s. For one thread.
struct World {
  tests::ManualClock clock;
  boost::asio::io_context loop;  // never runs
  bus::MemoryBus bus{loop, bus::Limits(), clock};
  MemoryPresenceStore memory{bus, clock, absl::Seconds(9)};
  MoodyStore store{memory};
  prometheus::Registry registry;
  EventWriter events{clock};
  std::shared_ptr<ManualTimers> timers = std::make_shared<ManualTimers>(clock);
  std::shared_ptr<CountAnnouncer> announcer = MakeAnnouncer();
  std::shared_ptr<Census> census =
      std::make_shared<Census>(clock, /*time_to_live=*/absl::Seconds(9), registry);
  std::shared_ptr<Sweeper> sweeper =
      std::make_shared<Sweeper>(store, events, announcer, census, timers, clock,
                                absl::Milliseconds(500), absl::Seconds(3), registry);

  // Another replica's announcer.
  std::shared_ptr<CountAnnouncer> MakeAnnouncer() {
    return std::make_shared<CountAnnouncer>(store, events, timers, absl::Milliseconds(100),
                                            registry);
  }

  Count Report(const std::string& lease, uint64_t connections,
               const std::string& channel = "QGIS") {
    return WaitFor<ReportOutcome>([&](auto done) {
             memory.Report({.channel = channel,
                            .lease = lease,
                            .sequence = ++sequence,
                            .connections = connections,
                            .announce = true},
                           std::move(done));
           })
        .value()
        .count;
  }

  void Register(const std::string& lease, uint64_t connection, const std::string& nickname) {
    memory.Register({.channel = "QGIS",
                     .lease = lease,
                     .connection = connection,
                     .request_id = "r",
                     .nickname = nickname,
                     .previous_nickname = {},
                     .newcomer_event = events.Newcomer(nickname),
                     .exiter_event = {}},
                    [](const absl::StatusOr<ClaimOutcome>& /*outcome*/) {});
  }

  // What the channel has heard: "newcomer ada", "exiter ada", "nb_users 3".
  std::vector<std::string> Said(const std::string& channel = "QGIS") {
    const auto now =
        WaitFor<bus::Snapshot>([&](auto done) { bus.ReadHistory(channel, std::move(done)); });
    const auto log = WaitFor<bus::LogSlice>([&](auto done) {
      bus.ReadLog(channel, {now.value().position.epoch, 0}, std::move(done));
    });
    std::vector<std::string> said;
    for (const bus::EventPtr& event : log.value().events) said.push_back(Describe(*event));
    return said;
  }

  static std::string Describe(const bus::Event& event) {
    chat::v1::ChatMessage message;
    message.ParseFromString(event.payload);
    if (message.has_newcomer()) return "newcomer " + message.newcomer().newcomer();
    if (message.has_exiter()) return "exiter " + message.exiter().exiter();
    return "nb_users " + std::to_string(message.nb_users().nb_users());
  }

  uint64_t sequence = 0;
};

}  // namespace gischat::presence
