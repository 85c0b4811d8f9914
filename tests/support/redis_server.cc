#include "tests/support/redis_server.h"

#include <hiredis/hiredis.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include "absl/time/clock.h"
#include "tests/support/ports.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using ContextPtr = std::unique_ptr<redisContext, decltype(&redisFree)>;

redis::Reply Copy(const redisReply& reply) {
  redis::Reply copy;
  using Type = redis::Reply::Type;
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      copy.type = Type::kInteger;
      copy.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      copy.type = Type::kArray;
      for (size_t i = 0; i < reply.elements; ++i) copy.elements.push_back(Copy(*reply.element[i]));
      break;
    case REDIS_REPLY_NIL:
      copy.type = Type::kNil;
      break;
    default:
      copy.type = reply.type == REDIS_REPLY_STRING   ? Type::kString
                  : reply.type == REDIS_REPLY_STATUS ? Type::kStatus
                                                     : Type::kError;
      copy.text.assign(reply.str, reply.len);
  }
  return copy;
}

redis::Reply Ask(redisContext& context, const std::vector<std::string>& command) {
  std::vector<const char*> pointers;
  std::vector<size_t> lengths;
  for (const std::string& argument : command) {
    pointers.push_back(argument.data());
    lengths.push_back(argument.size());
  }
  const std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
      static_cast<redisReply*>(redisCommandArgv(&context, static_cast<int>(command.size()),
                                                pointers.data(), lengths.data())),
      &freeReplyObject);
  if (reply == nullptr) throw std::runtime_error(context.errstr);
  return Copy(*reply);
}

}  // namespace

redis::Reply ExecuteAt(uint16_t port, const std::string& password,
                       const std::vector<std::string>& command) {
  const ContextPtr context(redisConnectWithTimeout("127.0.0.1", port, {.tv_sec = 2, .tv_usec = 0}),
                           &redisFree);
  if (context == nullptr || context->err != 0) throw std::runtime_error("redis is not there");
  redisSetTimeout(context.get(), {.tv_sec = 10, .tv_usec = 0});
  if (!password.empty()) Ask(*context, {"AUTH", password});
  return Ask(*context, command);
}

RedisServer::RedisServer(Config config)
    : config_(std::move(config)), folder_("gischat-redis"), port_(FreePort()) {
  if (!TryStart()) throw std::runtime_error("redis-server does not start");
}

redis::Options RedisServer::options() const {
  redis::Options options;
  options.port = port_;
  options.password = config_.password;
  return options;
}

std::string RedisServer::url() const {
  const std::string credentials = config_.password.empty() ? "" : ":" + config_.password + "@";
  return "redis://" + credentials + "127.0.0.1:" + std::to_string(port_);
}

void RedisServer::Start() {
  if (!TryStart()) throw std::runtime_error("redis-server does not start again");
}

bool RedisServer::TryStart() {
  std::vector<std::string> arguments = {"redis-server",
                                        "--port",
                                        std::to_string(port_),
                                        "--bind",
                                        "127.0.0.1",
                                        "--dir",
                                        folder_.path(),
                                        "--save",
                                        "",
                                        "--appendonly",
                                        "yes",
                                        "--logfile",
                                        folder_.path() + "/log",
                                        "--client-output-buffer-limit",
                                        "pubsub 256mb 64mb 60",
                                        "--repl-diskless-sync-delay",
                                        "0"};
  if (!config_.password.empty()) {
    arguments.insert(arguments.end(),
                     {"--requirepass", config_.password, "--masterauth", config_.password});
  }
  if (config_.master != nullptr) {
    arguments.insert(arguments.end(),
                     {"--replicaof", "127.0.0.1 " + std::to_string(config_.master->port())});
  }
  arguments.insert(arguments.end(), config_.arguments.begin(), config_.arguments.end());
  process_.Start(std::move(arguments));
  const bool answers = WaitUntil([this] {
    if (!process_.Runs()) return true;
    try {
      return Execute({"PING"}).text == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  return answers && process_.Runs();
}

void RedisServer::EraseData() {
  std::filesystem::remove_all(folder_.path());
  std::filesystem::create_directory(folder_.path());
}

redis::Reply RedisServer::Execute(const std::vector<std::string>& command) const {
  return ExecuteAt(port_, config_.password, command);
}

bool RedisServer::Follows() const {
  try {
    const redis::Reply role = Execute({"ROLE"});
    return role.elements.size() == 5 && role.elements[3].text == "connected";
  } catch (const std::runtime_error&) {
    return false;  // a server that becomes a replica cuts its connections
  }
}

}  // namespace gischat::tests
