#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "common/redis/options.h"

namespace prometheus {
class Registry;
}

namespace gischat::redis {

class Client;

// The connection by which a process hears what is published in Redis, repaired by itself.
//
// Subscribes again after every connect. Each second a message is published through the client to a
// channel of the subscriber's own; when nothing at all was heard for 3 s, the connection is taken
// for dead (which also finds a subscriber and a client that ended up at different servers). With
// sentinels it follows the client to another server within a second: what is published at a master
// is heard at its replicas too, so that the message proves nothing there.
// Thread-safe; callbacks run on the loop's thread. Logs only what does not trouble the client too.
class Subscriber {
 public:
  // `name` is sent by CLIENT SETNAME. The loop, the client and the registry outlive the subscriber.
  Subscriber(boost::asio::io_context& loop, Options options, std::string name, Client& client,
             prometheus::Registry& registry);
  ~Subscriber();  // as Stop()

  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Both to be set before Start(). OnResubscribed: from now on the channel is heard; what happened
  // before may have been missed. Called at the first time and after every interruption.
  void OnMessage(absl::AnyInvocable<void(std::string_view channel, std::string payload)> callback);
  void OnResubscribed(absl::AnyInvocable<void(std::string_view channel)> callback);

  void Start();
  void Stop();  // no callback runs afterwards; the loop must be running or stopped

  // Counted: a channel is heard until it was removed as often as it was added.
  void Add(std::string channel);
  void Remove(std::string channel);

  bool ready() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace gischat::redis
