#include "common/redis/client.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/loop/run_on_loop.h"
#include "common/redis/connection.h"
#include "common/redis/link.h"
#include "common/redis/metrics.h"
#include "common/redis/resp.h"

namespace gischat::redis {
namespace {

using SteadyClock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::chrono::seconds kCheckInterval{2};

}  // namespace

// What lives on the loop. Kept alive by what waits there.
class Client::Core : public Link::User, public std::enable_shared_from_this<Core> {
 public:
  Core(boost::asio::io_context& loop, prometheus::Registry& registry)
      : loop_(loop), metrics_(registry), watchdog_(loop), check_timer_(loop) {}

  void Init(Options options, std::string name, std::vector<const Script*> scripts,
            prometheus::Registry& registry) {
    for (const Script* script : scripts) metrics_.Declare(script->name);
    for (const char* command : {"PUBLISH", "ROLE", "TIME"}) metrics_.Declare(command);
    link_ = std::make_shared<Link>(loop_, std::move(options), name, std::move(scripts),
                                   LinkMetrics(registry, name), weak_from_this());
  }

  void Start() {
    started_ = true;
    boost::asio::post(loop_, [self = shared_from_this()] {
      if (!self->stopped_) self->link_->Start();
    });
  }

  void Stop() {
    if (!started_) return Halt();
    loop::RunOnLoop(loop_, [this] { Halt(); });
  }

  void Submit(const Script* script, std::vector<std::string> keys,
              std::vector<std::string> arguments, base::Callback<Reply> done) {
    std::string command = script != nullptr   ? script->name
                          : arguments.empty() ? std::string("none")
                                              : arguments.front();
    Call call{script,
              std::move(keys),
              std::move(arguments),
              {std::move(command), std::move(done), SteadyClock::now()}};
    const std::lock_guard lock(mutex_);
    if (MayGoNow() && SendNow(call)) return;
    if (submitted_.empty()) {
      boost::asio::post(loop_, [self = shared_from_this()] { self->SendSubmitted(); });
    }
    submitted_.push_back(std::move(call));
  }

  bool ready() const { return ready_; }
  uint32_t database() const { return link_->options().database; }
  absl::Duration clock_offset() const { return absl::Nanoseconds(clock_offset_.load()); }
  Endpoint server() {
    const std::lock_guard lock(mutex_);
    return server_;
  }
  void OnReadyChange(absl::AnyInvocable<void(bool)> callback) {
    on_ready_change_ = std::move(callback);
  }

 private:
  // What waits for an answer.
  struct Pending {
    std::string command;
    base::Callback<Reply> done;
    SteadyClock::time_point began;
  };
  struct Call {
    const Script* script;  // none: a plain command
    std::vector<std::string> keys;
    std::vector<std::string> arguments;
    Pending pending;
  };
  // A call that ends without having been sent.
  struct Failed {
    Pending call;
    absl::Status why;
  };

  // These are called with mutex_ held.
  bool MayGoNow() const;
  bool SendNow(Call& call);
  absl::Status Send(Call& call);
  std::vector<std::string> CommandOf(Call& call) const;
  void Await(Call& call);

  std::optional<Pending> TakeFirst();
  void SendSubmitted();
  void Complete(Pending call, absl::StatusOr<Reply> outcome);
  void ForgetConnection();
  std::optional<SteadyClock::time_point> Deadline();
  void FailPending(const absl::Status& why);
  void Halt();
  void SetReady(bool ready);
  void Watch();
  void CheckLater();
  void CheckRoleOfServer();
  void MeasureClock();

  void OnUp() override;
  void OnDown(const absl::Status& why) override;
  void OnReply(Reply reply) override;

  boost::asio::io_context& loop_;
  CommandMetrics metrics_;
  std::shared_ptr<Link> link_;
  boost::asio::steady_timer watchdog_;
  boost::asio::steady_timer check_timer_;
  bool stopped_ = false;
  bool started_ = false;  // of the thread that owns the client
  absl::AnyInvocable<void(bool)> on_ready_change_;

  std::atomic<bool> ready_ = false;
  std::atomic<int64_t> clock_offset_ = 0;  // nanoseconds
  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<Call> submitted_;             // for the loop to send
  std::deque<Pending> pending_;             // sent, in order
  bool watching_ = false;                   // looks after them
  std::shared_ptr<Connection> connection_;  // while the link is up
  Endpoint server_;
};

// What is alone needs not wait for the loop. All others do, and share a write.
bool Client::Core::MayGoNow() const {
  return connection_ != nullptr && submitted_.empty() && pending_.empty() &&
         !loop_.get_executor().running_in_this_thread();
}

bool Client::Core::SendNow(Call& call) {
  if (call.script != nullptr && link_->HashOf(*call.script).empty()) return false;
  if (!connection_->SendNow([&] { return CommandOf(call); })) return false;
  Await(call);
  return true;
}

absl::Status Client::Core::Send(Call& call) {
  if (connection_ == nullptr) {
    return absl::UnavailableError("not connected to Redis, nothing was sent");
  }
  if (call.script != nullptr && link_->HashOf(*call.script).empty()) {
    return absl::InternalError(absl::StrCat("unknown script ", call.script->name));
  }
  connection_->Send(CommandOf(call));
  Await(call);
  return absl::OkStatus();
}

std::vector<std::string> Client::Core::CommandOf(Call& call) const {
  std::vector<std::string> command;
  if (call.script != nullptr) {
    command.reserve(3 + call.keys.size() + call.arguments.size());
    command.insert(command.end(),
                   {"EVALSHA", link_->HashOf(*call.script), std::to_string(call.keys.size())});
    for (std::string& key : call.keys) command.push_back(std::move(key));
  }
  for (std::string& argument : call.arguments) command.push_back(std::move(argument));
  return command;
}

void Client::Core::Await(Call& call) {
  pending_.push_back(std::move(call.pending));
  if (std::exchange(watching_, true)) return;
  boost::asio::post(loop_, [self = shared_from_this()] { self->Watch(); });
}

std::optional<Client::Core::Pending> Client::Core::TakeFirst() {
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) return std::nullopt;
  Pending first = std::move(pending_.front());
  pending_.pop_front();
  return first;
}

void Client::Core::SendSubmitted() {
  std::vector<Failed> failed;
  {
    const std::lock_guard lock(mutex_);
    for (Call& call : submitted_) {
      if (absl::Status sent = Send(call); !sent.ok()) {
        failed.push_back({std::move(call.pending), std::move(sent)});
      }
    }
    submitted_.clear();
  }
  for (Failed& one : failed) Complete(std::move(one.call), one.why);
}

void Client::Core::OnReply(Reply reply) {
  std::optional<Pending> asked = TakeFirst();
  if (!asked) return link_->Drop(absl::UnavailableError("an answer to nothing"));
  if (reply.type != Reply::Type::kError) return Complete(*std::move(asked), std::move(reply));
  const bool scripts_are_gone = reply.text.starts_with("NOSCRIPT");
  const bool demoted = reply.text.starts_with("READONLY");
  Complete(*std::move(asked), StatusOfError(reply.text));
  // A new connection loads them again, and nothing overtakes what is under way.
  if (scripts_are_gone) link_->Drop(absl::UnavailableError("scripts were flushed"));
  if (demoted) link_->Drop(absl::UnavailableError("it became a replica"));
}

void Client::Core::Complete(Pending call, absl::StatusOr<Reply> outcome) {
  metrics_.Observe(call.command, outcome.status().code(),
                   absl::FromChrono(SteadyClock::now() - call.began));
  std::move(call.done)(std::move(outcome));
}

void Client::Core::FailPending(const absl::Status& why) {
  const absl::Status status = absl::UnavailableError(
      absl::StrCat("connection to Redis lost, the outcome is unknown: ", why.message()));
  std::deque<Pending> pending;
  {
    const std::lock_guard lock(mutex_);
    pending.swap(pending_);
  }
  for (Pending& call : pending) Complete(std::move(call), status);
}

void Client::Core::OnUp() {
  clock_offset_ = absl::ToInt64Nanoseconds(link_->clock_offset());
  {
    const std::lock_guard lock(mutex_);
    server_ = link_->server();
    connection_ = link_->connection();
  }
  CheckLater();
  SetReady(true);
}

void Client::Core::OnDown(const absl::Status& why) {
  ForgetConnection();
  SetReady(false);
  FailPending(why);
}

void Client::Core::SetReady(bool ready) {
  if (ready_.exchange(ready) != ready && on_ready_change_) on_ready_change_(ready);
}

void Client::Core::Halt() {
  if (stopped_) return;
  stopped_ = true;
  ForgetConnection();
  link_->Stop();
  watchdog_.cancel();
  check_timer_.cancel();
  SetReady(false);
  FailPending(absl::UnavailableError("stopping"));
  SendSubmitted();
  on_ready_change_ = nullptr;
}

void Client::Core::ForgetConnection() {
  const std::lock_guard lock(mutex_);
  connection_.reset();
}

// When the connection is dead, if nothing is heard until then; none: nothing is asked any more, and
// watching ends.
std::optional<SteadyClock::time_point> Client::Core::Deadline() {
  const std::lock_guard lock(mutex_);
  watching_ = !pending_.empty() && connection_ != nullptr;
  if (!watching_) return std::nullopt;
  return std::max(pending_.front().began, connection_->last_heard()) +
         absl::ToChronoMilliseconds(link_->options().command_timeout);
}

void Client::Core::Watch() {
  const auto deadline = Deadline();
  if (!deadline) return;
  if (SteadyClock::now() >= *deadline) {
    link_->Drop(absl::UnavailableError(
        absl::StrCat("no answer for ", absl::FormatDuration(link_->options().command_timeout))));
    return Watch();
  }
  watchdog_.expires_at(*deadline);
  watchdog_.async_wait([self = shared_from_this()](const error_code&) { self->Watch(); });
}

void Client::Core::CheckLater() {
  check_timer_.expires_after(kCheckInterval);
  check_timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error) return;
    self->CheckRoleOfServer();
    self->MeasureClock();
  });
}

// A master that was told to follow another one goes on answering, and publishing what is said to it
// to nobody.
void Client::Core::CheckRoleOfServer() {
  Submit(nullptr, {}, {"ROLE"}, [self = shared_from_this()](absl::StatusOr<Reply> reply) {
    if (!reply.ok()) return;
    const absl::Status role = CheckRole(*reply);
    if (!role.ok()) self->link_->Drop(role);
  });
}

void Client::Core::MeasureClock() {
  const absl::Time asked = absl::Now();
  Submit(nullptr, {}, {"TIME"}, [self = shared_from_this(), asked](absl::StatusOr<Reply> reply) {
    if (!reply.ok()) return;  // the next connect measures again
    const absl::StatusOr<absl::Duration> offset = ClockOffset(*reply, asked, absl::Now());
    if (offset.ok()) self->clock_offset_ = absl::ToInt64Nanoseconds(*offset);
    self->CheckLater();
  });
}

Client::Client(boost::asio::io_context& loop, Options options, std::string name,
               std::vector<const Script*> scripts, prometheus::Registry& registry)
    : core_(std::make_shared<Core>(loop, registry)) {
  core_->Init(std::move(options), std::move(name), std::move(scripts), registry);
}

Client::~Client() { Stop(); }

void Client::Start() { core_->Start(); }

void Client::Stop() { core_->Stop(); }

bool Client::ready() const { return core_->ready(); }

absl::Duration Client::clock_offset() const { return core_->clock_offset(); }

Endpoint Client::server() const { return core_->server(); }

uint32_t Client::database() const { return core_->database(); }

void Client::OnReadyChange(absl::AnyInvocable<void(bool)> callback) {
  core_->OnReadyChange(std::move(callback));
}

void Client::Command(std::vector<std::string> arguments, base::Callback<Reply> done) {
  core_->Submit(nullptr, {}, std::move(arguments), std::move(done));
}

void Client::Run(const Script& script, std::vector<std::string> keys,
                 std::vector<std::string> arguments, base::Callback<Reply> done) {
  core_->Submit(&script, std::move(keys), std::move(arguments), std::move(done));
}

}  // namespace gischat::redis
