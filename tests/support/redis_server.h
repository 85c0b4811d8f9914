#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/redis/options.h"
#include "common/redis/reply.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace gischat::tests {

// Runs a command on a connection of its own to a server or a sentinel of 127.0.0.1 and waits for
// the answer. Throws std::runtime_error when there is none.
redis::Reply ExecuteAt(uint16_t port, const std::string& password,
                       const std::vector<std::string>& command);

// A real redis-server on a free port of 127.0.0.1, with a folder of its own that goes with it. It
// writes an append-only file, so that a restart may keep the data. Not thread-safe. What can't be
// done throws std::runtime_error: the test fails.
class RedisServer {
 public:
  struct Config {
    std::string password = {};                // of the default user
    std::vector<std::string> arguments = {};  // as on the command line: "--maxmemory", "10mb"
    const RedisServer* master = nullptr;      // whose replica it is
  };

  RedisServer() : RedisServer(Config()) {}
  explicit RedisServer(Config config);  // starts it; returns when it answers

  uint16_t port() const { return port_; }
  redis::Options options() const;  // how to connect to it
  std::string url() const;

  void Start();                             // on the same port, with the data that is there
  void Stop() { process_.Stop(); }          // in good order: everything is on disk
  void Kill() { process_.Kill(); }          // at once
  void EraseData();                         // while stopped
  void Pause() { process_.Pause(); }        // SIGSTOP: connections stay, nothing is answered
  void Continue() { process_.Continue(); }  // SIGCONT

  // Runs a command on a connection of its own and waits for the answer.
  redis::Reply Execute(const std::vector<std::string>& command) const;
  // Whether it answers and is a replica that has caught up with its master.
  bool Follows() const;

 private:
  bool TryStart();

  Config config_;
  TemporaryFolder folder_;
  uint16_t port_ = 0;
  ChildProcess process_;
};

}  // namespace gischat::tests
