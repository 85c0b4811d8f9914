#include "tests/support/redis_sentinel.h"

#include <fstream>
#include <stdexcept>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/ports.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

// What a sentinel reads at its start, and writes anew whenever it learns something.
std::string ConfigFile(const RedisSentinel::Config& config, uint16_t port,
                       const std::string& folder) {
  const auto about_master = [&](const std::string& what, const std::string& value) {
    return absl::StrCat("sentinel ", what, " ", config.master_name, " ", value, "\n");
  };
  std::string text =
      absl::StrCat("port ", port, "\nbind 127.0.0.1\ndir ", folder, "\nlogfile ", folder, "/log\n");
  if (!config.password.empty()) {
    absl::StrAppend(&text, "requirepass ", config.password, "\n");  // also for its peers
  }
  absl::StrAppend(
      &text,
      about_master("monitor", absl::StrCat("127.0.0.1 ", config.master_port, " ", config.quorum)),
      about_master("down-after-milliseconds",
                   absl::StrCat(absl::ToInt64Milliseconds(config.down_after))),
      about_master("failover-timeout", "5000"));
  if (!config.master_password.empty()) {
    absl::StrAppend(&text, about_master("auth-pass", config.master_password));
  }
  return text;
}

}  // namespace

RedisSentinel::RedisSentinel(Config config)
    : config_(std::move(config)), folder_("gischat-sentinel"), port_(FreePort()) {
  std::ofstream(folder_.path() + "/sentinel.conf") << ConfigFile(config_, port_, folder_.path());
  Start();
}

void RedisSentinel::Start() {
  process_.Start({"redis-sentinel", folder_.path() + "/sentinel.conf"});
  const bool answers = WaitUntil([this] {
    if (!process_.Runs()) return true;
    try {
      return Execute({"PING"}).text == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!answers || !process_.Runs()) throw std::runtime_error("redis-sentinel does not start");
}

redis::Reply RedisSentinel::Execute(const std::vector<std::string>& command) const {
  return ExecuteAt(port_, config_.password, command);
}

int RedisSentinel::Knows(const std::string& what) const {
  const redis::Reply reply = Execute({"SENTINEL", "MASTER", config_.master_name});
  int number = 0;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text != what) continue;
    if (!absl::SimpleAtoi(reply.elements[i + 1].text, &number)) return 0;
  }
  return number;
}

RedisGroup::RedisGroup(const Config& config)
    : password_(config.password), sentinel_password_(config.sentinel_password) {
  servers_.push_back(std::make_unique<RedisServer>(
      RedisServer::Config{.password = password_, .arguments = config.arguments}));
  for (int i = 0; i < 2; ++i) {
    servers_.push_back(std::make_unique<RedisServer>(RedisServer::Config{
        .password = password_, .arguments = config.arguments, .master = servers_[0].get()}));
  }
  for (int i = 0; i < 3; ++i) {
    sentinels_.push_back(
        std::make_unique<RedisSentinel>(RedisSentinel::Config{.master_port = servers_[0]->port(),
                                                              .master_password = password_,
                                                              .password = sentinel_password_,
                                                              .down_after = config.down_after}));
  }
  const bool complete = WaitUntil(
      [this] {
        for (const auto& sentinel : sentinels_) {
          if (sentinel->Knows("num-slaves") < 2 || sentinel->Knows("num-other-sentinels") < 2) {
            return false;
          }
        }
        return servers_[1]->Follows() && servers_[2]->Follows();
      },
      absl::Seconds(30));
  if (!complete) throw std::runtime_error("the sentinels do not find each other");
}

redis::Options RedisGroup::options() const {
  redis::Options options;
  options.password = password_;
  options.sentinel_password = sentinel_password_;
  for (const auto& sentinel : sentinels_) options.sentinels.push_back(sentinel->endpoint());
  return options;
}

RedisServer* RedisGroup::FindMaster() {
  for (const auto& server : servers_) {
    try {
      const redis::Reply role = server->Execute({"ROLE"});
      if (!role.elements.empty() && role.elements[0].text == "master") return server.get();
    } catch (const std::runtime_error&) {
      continue;  // it does not run
    }
  }
  return nullptr;
}

}  // namespace gischat::tests
