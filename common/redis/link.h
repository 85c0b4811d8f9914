#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "common/redis/client.h"
#include "common/redis/connection.h"
#include "common/redis/master_finder.h"
#include "common/redis/metrics.h"
#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace gischat::redis {

// Keeps one connection to Redis open: asks the sentinels where the master is, if there are any,
// connects, greets (AUTH, ROLE, SELECT, CLIENT SETNAME, TIME, INFO, SCRIPT LOAD), and begins again
// with jittered backoff when it is lost. Only a master is taken (or a server whose role may not be
// asked). Confined to the loop.
class Link : public Connection::Handler, public std::enable_shared_from_this<Link> {
 public:
  // Hears the link. Never called from within Start, Stop or Send.
  class User {
   public:
    virtual ~User() = default;
    virtual void OnUp() = 0;
    virtual void OnDown(const absl::Status& why) = 0;  // after OnUp
    virtual void OnReply(Reply reply) = 0;
    // Whether troubles are only logged for debugging.
    virtual bool quiet() const { return false; }
    // Whether being connected is worth a line when there was no trouble before.
    virtual bool announced() const { return true; }
  };

  Link(boost::asio::io_context& loop, Options options, std::string name,
       std::vector<const Script*> scripts, LinkMetrics metrics, std::weak_ptr<User> user);

  void Start();
  void Stop();                                  // as for ever; OnDown is not called
  void Send(std::vector<std::string> command);  // only while up
  void Drop(const absl::Status& why);           // takes the connection for dead

  bool up() const { return state_ == State::kUp; }
  // What it speaks through while up.
  const std::shared_ptr<Connection>& connection() const { return connection_; }
  // The hash by which Redis knows a script; empty for one that was not given. Only while up: until
  // OnDown() any thread may ask.
  const std::string& HashOf(const Script& script) const;
  // Redis' clock minus ours at the last greeting.
  absl::Duration clock_offset() const { return clock_offset_; }
  std::chrono::steady_clock::time_point last_heard() const { return connection_->last_heard(); }
  const Options& options() const { return options_; }
  const Endpoint& server() const { return server_; }  // that it speaks to, or tried last

 private:
  enum class State { kStopped, kFinding, kConnecting, kGreeting, kUp, kWaiting };
  // What an answer to the greeting is about.
  struct Step {
    bool role = false;
    bool time = false;
    bool server = false;
    const Script* script = nullptr;
  };

  void Find();
  void Connect(Endpoint server);
  void Greet();
  void LoadScripts();
  void Ask(Step step, std::vector<std::string> command);
  absl::Status TakeGreeting(Reply reply);
  void BeUp();
  void OnOpened() override;
  void OnReply(Reply reply) override;
  void OnClosed(const absl::Status& why) override;
  void ConnectLater();
  std::string Label() const;  // in logs
  void LogTrouble(const absl::Status& why);

  boost::asio::io_context& loop_;
  const Options options_;
  const std::string name_;
  const std::shared_ptr<MasterFinder> finder_;  // none: the server is the one of the options
  Endpoint server_;
  const std::vector<const Script*> scripts_;
  LinkMetrics metrics_;
  const std::weak_ptr<User> user_;

  State state_ = State::kStopped;
  std::shared_ptr<Connection> connection_;
  boost::asio::steady_timer timer_;  // of connecting and greeting, and of the wait between
  std::vector<Step> greeting_;       // one for each answer to come
  size_t greeted_ = 0;               // answers so far
  bool scripts_asked_ = false;       // to be loaded
  absl::Time greeted_at_;
  absl::Duration clock_offset_;
  std::string run_id_;  // of the server that was greeted last, when there are scripts
  std::unordered_map<const Script*, std::string> hashes_;
  absl::Duration backoff_;
  std::chrono::steady_clock::time_point up_since_;
  std::minstd_rand random_;
  std::string trouble_;  // as last logged
  bool was_up_ = false;
};

// What the answer to ROLE says: OK for a master, and for an error, since not everybody may ask.
absl::Status CheckRole(const Reply& reply);

// Reads the answer to TIME, asked between `asked` and `answered`: Redis' clock minus ours.
absl::StatusOr<absl::Duration> ClockOffset(const Reply& reply, absl::Time asked,
                                           absl::Time answered);

}  // namespace gischat::redis
