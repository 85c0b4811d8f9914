#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace gischat::tests {

// A real redis-server on a free port of 127.0.0.1, with a folder of its own that goes with it. It
// writes an append-only file, so that a restart may keep the data. Not thread-safe. What can't be
// done throws std::runtime_error: the test fails.
class RedisServer {
 public:
  struct Config {
    std::string password;
    std::vector<std::string> arguments;  // as on the command line: "--maxmemory", "10mb"
  };

  RedisServer() : RedisServer(Config()) {}
  explicit RedisServer(Config config);  // starts it; returns when it answers
  ~RedisServer();

  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  uint16_t port() const { return port_; }
  redis::Options options() const;  // how to connect to it
  std::string url() const;

  void Start();      // on the same port, with the data that is there
  void Stop();       // in good order: everything is on disk
  void Kill();       // at once
  void EraseData();  // while stopped
  void Pause();      // SIGSTOP: connections stay, nothing is answered
  void Continue();   // SIGCONT

  // Runs a command on a connection of its own and waits for the answer.
  redis::Reply Execute(const std::vector<std::string>& command) const;

 private:
  bool TryStart();
  void Signal(int signal) const;
  void Await();  // the end of the process

  Config config_;
  std::string folder_;
  uint16_t port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace gischat::tests
