#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/base/callback.h"
#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace prometheus {
class Registry;
}

namespace gischat::redis {

// A Lua script: loaded after every connect, before anything else is sent, and run by its hash.
// Lives as long as the clients that know it.
struct Script {
  // Stands in a source for the run id of the server that it is loaded into: 40 characters that are
  // others after every start of a Redis.
  static constexpr const char* kRunId = "{{run_id}}";

  std::string name;  // for logs and metrics
  std::string source;
};

// One pipelined connection to Redis that repairs itself.
//
// Connects on Start(), and again with jittered backoff whenever the connection is lost. Before each
// connect the sentinels, if there are any, are asked where the master is. After it: AUTH, ROLE,
// SELECT, CLIENT SETNAME, TIME, and for scripts INFO and SCRIPT LOAD of each; only then is it
// ready. A replica is not taken, and left when a master becomes one: seen by its role, asked every
// 2 s, or by a READONLY. Thread-safe; callbacks run on the loop's thread. While nothing is under
// way a command is written by the thread that asks; what else is sent in one turn of the loop goes
// out in one write.
//
// Errors: kUnavailable when not connected (nothing was sent) or when the connection was lost or
// timed out before the answer (the command may have run: the message says so); kResourceExhausted
// for Redis' OOM; kFailedPrecondition for READONLY, LOADING, MASTERDOWN, NOREPLICAS, MISCONF
// (nothing was done); kInternal for any other error reply. Each loss, each failed connect and each
// return is logged once, in one clear line.
class Client {
 public:
  // `name` is sent by CLIENT SETNAME and stands in logs. The loop and the registry outlive the
  // client.
  Client(boost::asio::io_context& loop, Options options, std::string name,
         std::vector<const Script*> scripts, prometheus::Registry& registry);
  ~Client();  // as Stop()

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Start();
  // Returns when pending callbacks have got kUnavailable and no other will be called. Once started,
  // the loop must be running (or stopped: then callbacks run on this thread).
  void Stop();

  bool ready() const;
  // Called on the loop's thread, with the new state, whenever ready() changes. Set before Start().
  void OnReadyChange(absl::AnyInvocable<void(bool)> callback);

  // Where the server is that it speaks to, or did last. Port 0 before the first time.
  Endpoint server() const;

  uint32_t database() const;  // that was chosen

  // Redis' clock minus ours, measured at every connect and each 2 s. Off by half a round trip at
  // most.
  absl::Duration clock_offset() const;

  void Command(std::vector<std::string> arguments, base::Callback<Reply> done);
  void Run(const Script& script, std::vector<std::string> keys, std::vector<std::string> arguments,
           base::Callback<Reply> done);

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace gischat::redis
