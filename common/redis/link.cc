#include "common/redis/link.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/base/random_id.h"

namespace gischat::redis {
namespace {

// Reads the answer to INFO: lines of the form `name:value`.
absl::StatusOr<std::string> RunIdOf(const Reply& info) {
  constexpr size_t kDigits = 40;
  for (const absl::string_view line : absl::StrSplit(info.text, "\r\n")) {
    absl::string_view id = line;
    if (!absl::ConsumePrefix(&id, "run_id:")) continue;
    if (id.size() != kDigits || !std::all_of(id.begin(), id.end(), absl::ascii_isxdigit)) break;
    return std::string(id.data(), id.size());
  }
  return absl::InternalError("INFO was answered without a run id");
}

}  // namespace

Link::Link(boost::asio::io_context& loop, Options options, std::string name,
           std::vector<const Script*> scripts, LinkMetrics metrics, std::weak_ptr<User> user)
    : loop_(loop),
      options_(std::move(options)),
      name_(std::move(name)),
      finder_(options_.sentinels.empty() ? nullptr
                                         : std::make_shared<MasterFinder>(loop, options_)),
      scripts_(std::move(scripts)),
      metrics_(metrics),
      user_(std::move(user)),
      timer_(loop),
      random_(static_cast<uint32_t>(base::RandomNumber())) {}

void Link::Start() {
  if (state_ != State::kStopped) return;
  backoff_ = options_.min_backoff;
  Find();
}

void Link::Stop() {
  state_ = State::kStopped;
  timer_.cancel();
  if (finder_ != nullptr) finder_->Stop();
  if (connection_ != nullptr) connection_->Close();
  metrics_.connected.Set(0);
}

void Link::Send(std::vector<std::string> command) { connection_->Send(std::move(command)); }

void Link::Find() {
  if (finder_ == nullptr) return Connect({options_.host, options_.port});
  state_ = State::kFinding;
  finder_->Find([self = shared_from_this()](absl::StatusOr<Endpoint> master) {
    if (self->state_ != State::kFinding) return;
    if (!master.ok()) return self->Drop(master.status());
    self->Connect(*std::move(master));
  });
}

void Link::Connect(Endpoint server) {
  state_ = State::kConnecting;
  server_ = std::move(server);
  connection_ = std::make_shared<Connection>(loop_, weak_from_this());
  connection_->Open(server_.host, server_.port);
  timer_.expires_after(absl::ToChronoMilliseconds(options_.connect_timeout));
  timer_.async_wait([self = shared_from_this(),
                     connection = connection_](const boost::system::error_code& error) {
    if (error || self->connection_ != connection) return;
    if (self->state_ != State::kConnecting && self->state_ != State::kGreeting) return;
    self->Drop(absl::UnavailableError(self->state_ == State::kConnecting ? "connecting timed out"
                                                                         : "no answer"));
  });
}

void Link::OnOpened() { Greet(); }

void Link::Greet() {
  state_ = State::kGreeting;
  greeting_.clear();
  greeted_ = 0;
  greeted_at_ = absl::Now();
  hashes_.clear();
  scripts_asked_ = scripts_.empty();
  if (!options_.user.empty()) {
    Ask({}, {"AUTH", options_.user, options_.password});
  } else if (!options_.password.empty()) {
    Ask({}, {"AUTH", options_.password});
  }
  Ask({.role = true}, {"ROLE"});
  if (options_.database != 0) {
    Ask({}, {"SELECT", std::to_string(options_.database)});
  }
  Ask({}, {"CLIENT", "SETNAME", name_});
  Ask({.time = true}, {"TIME"});
  if (!scripts_.empty()) Ask({.server = true}, {"INFO", "server"});
}

void Link::LoadScripts() {
  scripts_asked_ = true;
  for (const Script* script : scripts_) {
    Ask({.script = script},
        {"SCRIPT", "LOAD", absl::StrReplaceAll(script->source, {{Script::kRunId, run_id_}})});
  }
}

void Link::Ask(Step step, std::vector<std::string> command) {
  greeting_.push_back(step);
  connection_->Send(std::move(command));
}

void Link::OnReply(Reply reply) {
  if (state_ == State::kGreeting) {
    const absl::Status status = TakeGreeting(std::move(reply));
    if (!status.ok()) return Drop(status);
    if (greeted_ < greeting_.size()) return;
    return scripts_asked_ ? BeUp() : LoadScripts();
  }
  if (auto user = user_.lock()) user->OnReply(std::move(reply));
}

absl::Status Link::TakeGreeting(Reply reply) {
  const Step step = greeting_[greeted_++];
  if (step.role) return CheckRole(reply);
  if (reply.type == Reply::Type::kError) return absl::UnavailableError(reply.text);
  if (step.time) {
    const absl::StatusOr<absl::Duration> offset = ClockOffset(reply, greeted_at_, absl::Now());
    if (!offset.ok()) return offset.status();
    clock_offset_ = *offset;
  } else if (step.server) {
    absl::StatusOr<std::string> run_id = RunIdOf(reply);
    if (!run_id.ok()) return run_id.status();
    run_id_ = *std::move(run_id);
  } else if (step.script != nullptr) {
    hashes_.emplace(step.script, std::move(reply.text));
  }
  return absl::OkStatus();
}

void Link::BeUp() {
  state_ = State::kUp;
  timer_.cancel();
  up_since_ = std::chrono::steady_clock::now();
  metrics_.connected.Set(1);
  if (was_up_) metrics_.reconnects.Increment();
  auto user = user_.lock();
  const bool quiet = user == nullptr || (!user->announced() && trouble_.empty());
  spdlog::log(quiet ? spdlog::level::debug : spdlog::level::info, "{}: connected", Label());
  was_up_ = true;
  trouble_.clear();
  if (user != nullptr) user->OnUp();
}

void Link::OnClosed(const absl::Status& why) { Drop(why); }

void Link::Drop(const absl::Status& why) {
  if (state_ == State::kStopped || state_ == State::kWaiting) return;
  const bool was_up = up();
  if (connection_ != nullptr) connection_->Close();
  if (finder_ != nullptr && (state_ == State::kConnecting || state_ == State::kGreeting)) {
    finder_->Distrust();
  }
  // What breaks as soon as it stands is no better than what never stands.
  if (was_up && absl::FromChrono(std::chrono::steady_clock::now() - up_since_) > backoff_) {
    backoff_ = options_.min_backoff;
  }
  metrics_.connected.Set(0);
  LogTrouble(why);
  ConnectLater();
  auto user = user_.lock();
  if (was_up && user != nullptr) user->OnDown(why);
}

void Link::ConnectLater() {
  state_ = State::kWaiting;
  const absl::Duration wait = backoff_ * std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  backoff_ = std::min(backoff_ * 2, options_.max_backoff);
  timer_.expires_after(absl::ToChronoMicroseconds(wait));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->state_ == State::kWaiting) self->Find();
  });
}

std::string Link::Label() const {
  const auto user = user_.lock();
  const bool has_master = finder_ != nullptr;
  const bool has_place = !server_.host.empty() && state_ != State::kFinding;
  return absl::StrCat("redis ", has_master ? options_.master_name : "",
                      has_master && has_place ? " at " : "", has_place ? server_.ToString() : "",
                      user != nullptr && user->announced() ? "" : " (messages)");
}

void Link::LogTrouble(const absl::Status& why) {
  std::string trouble(why.message());
  if (trouble.ends_with('.')) trouble.pop_back();
  auto user = user_.lock();
  if (user == nullptr || trouble == trouble_) return;
  if (user->quiet()) {
    spdlog::debug("{}: {}, trying again", Label(), trouble);
    return;
  }
  spdlog::warn("{}: {}, trying again", Label(), trouble);
  trouble_ = std::move(trouble);
}

const std::string& Link::HashOf(const Script& script) const {
  static const auto* const none = new std::string();
  const auto found = hashes_.find(&script);
  return found == hashes_.end() ? *none : found->second;
}

absl::Status CheckRole(const Reply& reply) {
  if (reply.elements.empty() || reply.elements[0].text == "master") return absl::OkStatus();
  return absl::UnavailableError("it is a replica, not the master");
}

absl::StatusOr<absl::Duration> ClockOffset(const Reply& reply, absl::Time asked,
                                           absl::Time answered) {
  int64_t seconds = 0;
  int64_t microseconds = 0;
  if (reply.elements.size() != 2 || !absl::SimpleAtoi(reply.elements[0].text, &seconds) ||
      !absl::SimpleAtoi(reply.elements[1].text, &microseconds)) {
    return absl::InternalError("TIME was answered by nonsense");
  }
  return absl::FromUnixSeconds(seconds) + absl::Microseconds(microseconds) -
         (asked + (answered - asked) / 2);
}

}  // namespace gischat::redis
