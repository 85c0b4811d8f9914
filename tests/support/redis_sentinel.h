#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/redis/options.h"
#include "tests/support/child_process.h"
#include "tests/support/redis_server.h"
#include "tests/support/temporary_folder.h"

namespace gischat::tests {

// A real redis-sentinel on a free port of 127.0.0.1. Not thread-safe. What can't be done throws
// std::runtime_error: the test fails.
class RedisSentinel {
 public:
  struct Config {
    uint16_t master_port = 0;  // of the server that it watches
    std::string master_name = "mymaster";
    std::string master_password = {};
    std::string password = {};  // its own
    int quorum = 2;             // sentinels that must agree that the master is down
    absl::Duration down_after = absl::Seconds(1);
  };

  explicit RedisSentinel(Config config);  // starts it; returns when it answers

  redis::Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  void Start();  // with what it knew when it ended
  void Kill() { process_.Kill(); }
  void Pause() { process_.Pause(); }

  redis::Reply Execute(const std::vector<std::string>& command) const;
  // A number out of what it knows about the master, such as "num-slaves"; 0 when it does not say.
  int Knows(const std::string& what) const;

 private:
  const Config config_;
  const TemporaryFolder folder_;
  const uint16_t port_;
  ChildProcess process_;
};

// A master, two replicas and three sentinels that know each other.
class RedisGroup {
 public:
  struct Config {
    std::string password = {};  // of the servers
    std::string sentinel_password = {};
    std::vector<std::string> arguments = {};  // of the servers
    absl::Duration down_after = absl::Seconds(1);
  };

  RedisGroup() : RedisGroup(Config()) {}
  explicit RedisGroup(const Config& config);  // returns when a failover could begin

  redis::Options options() const;  // how to connect, by the sentinels
  RedisServer& server(size_t index) { return *servers_[index]; }  // 0: the first master
  RedisSentinel& sentinel(size_t index) { return *sentinels_[index]; }
  // The server that says that it is the master, among those that run; nothing when none does.
  RedisServer* FindMaster();

 private:
  std::string password_;
  std::string sentinel_password_;
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<RedisSentinel>> sentinels_;
};

}  // namespace gischat::tests
