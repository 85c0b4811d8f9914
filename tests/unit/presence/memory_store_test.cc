#include "common/bus/memory_bus.h"
#include "services/presence/memory_presence_store.h"
#include "tests/integration/presence/store_suite.h"
#include "tests/support/loop_thread.h"

namespace gischat::presence {
namespace {

class MemoryWorld : public StoreWorld {
 public:
  explicit MemoryWorld(absl::Duration time_to_live)
      : bus_(loop_.loop(), bus::Limits()), store_(bus_, base::SystemClock(), time_to_live) {}
  ~MemoryWorld() override { loop_.Stop(); }

  bus::MessageBus& bus() override { return bus_; }
  PresenceStore& store() override { return store_; }
  PresenceStore& other_store() override { return store_; }

 private:
  tests::LoopThread loop_;
  bus::MemoryBus bus_;
  MemoryPresenceStore store_;
};

std::unique_ptr<StoreWorld> MakeMemoryWorld(absl::Duration time_to_live) {
  return std::make_unique<MemoryWorld>(time_to_live);
}

INSTANTIATE_TEST_SUITE_P(Memory, PresenceStoreSuite, testing::Values(&MakeMemoryWorld));

}  // namespace
}  // namespace gischat::presence
