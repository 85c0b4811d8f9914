#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/bus/message_bus.h"

namespace gischat::redis {
class Client;
class Subscriber;
struct Script;
}  // namespace gischat::redis

namespace gischat::bus {

// The order of every channel, kept in Redis, so that any number of processes share it.
//
// Every operation is one script on the keys of one channel (gischat:{<instance>:<channel>}:...), so
// that it works on Redis Cluster too. Listeners are called on the loop's thread.
//
// What Redis loses: restarted empty, it has no epoch, and the next operation on a channel begins a
// new one at offset 0. Restarted with data, or failed over to a replica, it may have lost its last
// writes: the next operation begins a new epoch that goes on from the last offset that is left, and
// remembers where the one before ended, so that who stands in that one can still read everything
// that follows (ReadLog is complete, the events are of both epochs). Servers are told apart by
// their run id, which the client writes into the scripts (redis::Script); its user must be allowed
// to call INFO.
class RedisBus : public MessageBus {
 public:
  // `client` must know Scripts(). The loop, the client and the subscriber outlive the bus; the
  // subscriber is not started yet and belongs to the bus from now on.
  RedisBus(boost::asio::io_context& loop, redis::Client& client, redis::Subscriber& subscriber,
           std::string instance, Limits limits);
  ~RedisBus() override;

  static std::vector<const redis::Script*> Scripts();

  void Publish(std::string channel, Batch batch, base::Callback<Receipt> done) override;
  void ReadHistory(std::string channel, base::Callback<Snapshot> done) override;
  void ReadLog(std::string channel, Position after, base::Callback<LogSlice> done) override;
  std::unique_ptr<Subscription> Subscribe(std::string channel,
                                          std::shared_ptr<Listener> listener) override;
  const Limits& limits() const override { return limits_; }

 private:
  class Listeners;

  redis::Client& client_;
  const std::string instance_;
  const Limits limits_;
  const std::shared_ptr<Listeners> listeners_;
};

}  // namespace gischat::bus
