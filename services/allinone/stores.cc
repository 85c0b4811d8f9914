#include "services/allinone/stores.h"

#include <boost/asio/post.hpp>
#include <future>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/bus/memory_bus.h"
#include "common/bus/redis_bus.h"
#include "common/redis/client.h"
#include "common/redis/subscriber.h"
#include "services/presence/memory_presence_store.h"
#include "services/presence/redis_presence_store.h"

namespace gischat::allinone {
namespace {

class MemoryStores final : public Stores {
 public:
  MemoryStores(const bus::Settings& bus, const presence::Settings& presence,
               boost::asio::io_context& loop)
      : bus_(loop, bus.limits), presence_(bus_, base::SystemClock(), presence.time_to_live) {}

  bus::MessageBus& bus() override { return bus_; }
  presence::PresenceStore& presence() override { return presence_; }
  void Start(std::function<void(bool)> on_ready) override { on_ready(true); }
  void Stop() override {}

 private:
  bus::MemoryBus bus_;
  presence::MemoryPresenceStore presence_;
};

class RedisStores final : public Stores {
 public:
  RedisStores(const redis::Settings& redis, const bus::Settings& bus,
              const presence::Settings& presence, boost::asio::io_context& loop,
              prometheus::Registry& registry)
      : loop_(loop),
        client_(loop, redis.options(), "gischat", Scripts(), registry),
        subscriber_(loop, redis.options(), "gischat-events", client_, registry),
        bus_(loop, client_, subscriber_, bus.instance, bus.limits),
        presence_(client_, bus.instance, bus.limits, presence.time_to_live) {}

  bus::MessageBus& bus() override { return bus_; }
  presence::PresenceStore& presence() override { return presence_; }

  void Start(std::function<void(bool)> on_ready) override {
    client_.OnReadyChange(std::move(on_ready));
    client_.Start();
    subscriber_.Start();
  }

  void Stop() override {
    subscriber_.Stop();
    client_.Stop();
    // Both end on the loop, and call back a last time.
    std::promise<void> ended;
    boost::asio::post(loop_, [&ended] { ended.set_value(); });
    ended.get_future().wait();
  }

 private:
  static std::vector<const redis::Script*> Scripts() {
    std::vector<const redis::Script*> scripts = bus::RedisBus::Scripts();
    for (const redis::Script* script : presence::RedisPresenceStore::Scripts()) {
      scripts.push_back(script);
    }
    return scripts;
  }

  boost::asio::io_context& loop_;
  redis::Client client_;
  redis::Subscriber subscriber_;
  bus::RedisBus bus_;
  presence::RedisPresenceStore presence_;
};

}  // namespace

std::unique_ptr<Stores> MakeStores(const redis::Settings& redis, const bus::Settings& bus,
                                   const presence::Settings& presence,
                                   boost::asio::io_context& loop, prometheus::Registry& registry) {
  if (redis.configured()) {
    return std::make_unique<RedisStores>(redis, bus, presence, loop, registry);
  }
  return std::make_unique<MemoryStores>(bus, presence, loop);
}

}  // namespace gischat::allinone
