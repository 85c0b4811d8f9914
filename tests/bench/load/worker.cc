#include "tests/bench/load/worker.h"

#include <poll.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/bench/load/proc_stats.h"

namespace gischat::bench {
namespace {

using Json = nlohmann::json;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// `type` is the first key of every message. Some servers write a blank behind the colon.
bool HasType(std::string_view message, std::string_view type) {
  constexpr std::string_view kKey = R"({"type":)";
  if (message.substr(0, kKey.size()) != kKey) return false;
  message.remove_prefix(kKey.size());
  if (!message.empty() && message[0] == ' ') message.remove_prefix(1);
  return message.size() > type.size() + 1 && message[0] == '"' &&
         message.substr(1, type.size()) == type && message[type.size() + 1] == '"';
}

int64_t In(absl::Duration time) { return MonotonicNs() + absl::ToInt64Nanoseconds(time); }

std::vector<size_t> OnlyClients(std::vector<size_t> people, size_t clients) {
  std::erase_if(people, [clients](size_t person) { return person >= clients; });
  return people;
}

std::vector<size_t> MembersOf(const std::vector<size_t>& some, const std::vector<size_t>& people) {
  std::vector<size_t> members;
  for (const size_t person : some) {
    const auto at = std::lower_bound(people.begin(), people.end(), person);
    members.push_back(static_cast<size_t>(at - people.begin()));
  }
  return members;
}

// Those who take nicknames: in a join storm the joiners, else the clients.
std::string_view RollsRun(std::string_view run) { return run.substr(0, 12); }

size_t FirstName(const Options& options) { return options.joins > 0 ? options.clients : 0; }

std::vector<size_t> ChannelsOfNames(const Options& options, const Seating& seating) {
  std::vector<size_t> channels;
  if (!options.newcomers) return channels;
  const size_t end = options.joins > 0 ? options.people() : options.clients;
  for (size_t person = FirstName(options); person < end; ++person) {
    channels.push_back(seating.ChannelOf(person));
  }
  return channels;
}

std::vector<size_t> ChannelsOf(const std::vector<size_t>& people, const Seating& seating) {
  std::vector<size_t> channels;
  channels.reserve(people.size());
  for (const size_t person : people) channels.push_back(seating.ChannelOf(person));
  return channels;
}

}  // namespace

Worker::Worker(const Options& options, const Seating& seating, const MessageMaker& maker,
               std::string_view run, size_t number, Control& control)
    : options_(options),
      seating_(seating),
      people_(seating.PeopleOf(number)),
      clients_(OnlyClients(people_, options.clients)),
      handshakes_(std::max<size_t>(options.handshakes / options.processes, 1)),
      control_(control),
      crowd_(seating, people_,
             {.entered = [this](size_t member) { OnEntered(member); },
              .heard = [this](size_t member, std::string_view head) { OnHeard(member, head); }}),
      traffic_(options, seating, maker, run, clients_,
               MembersOf(seating.SendersOf(number), people_), crowd_),
      roll_(RollsRun(run), FirstName(options), ChannelsOfNames(options, seating),
            ChannelsOf(clients_, seating)),
      joins_(options, people_, clients_.size(), handshakes_, roll_, crowd_),
      counted_(people_.size()),
      stalled_(people_.size()) {
  crowd_.WatchAlso(control_.fd());
}

void Worker::Run() {
  while (true) {
    std::optional<Json> command = control_.Take();
    if (control_.ended()) return;
    if (!command) {
      crowd_.Wait(kNever);
      continue;
    }
    absl::StatusOr<Json> answer = Do(*command);
    if (!answer.ok()) answer = Json{{"error", absl::StrCat(answer.status().message())}};
    if (!control_.Send(*answer) || answer->contains("error")) return;
  }
}

absl::StatusOr<Json> Worker::Do(const Json& command) {
  const std::string what = command.at("do");
  absl::Status status;
  if (what == "connect") status = Connect();
  if (what == "register") status = Register();
  if (!status.ok()) return status;
  if (what == "play") {
    Play({command.at("start"), command.at("measure"), command.at("end")});
    return Json{{"sent", traffic_.sent()}};
  }
  if (what == "settle") return Json(Settle(command.at("sent")));
  return Json::object();
}

absl::Status Worker::Connect() {
  const int64_t began = MonotonicNs();
  int64_t until = In(options_.patience);
  size_t next = 0;
  size_t progress = 0;
  while (counted_clients_ < clients_.size()) {
    while (next < clients_.size() && crowd_.entering() < handshakes_) crowd_.Enter(next++);
    crowd_.Wait(until);
    if (!entry_failure_.ok()) return entry_failure_;
    if (const size_t now = entered_clients_ + counted_clients_; now > progress) {
      progress = now;
      until = In(options_.patience);
    }
    if (MonotonicNs() >= until) {
      return absl::UnavailableError(absl::StrCat("of ", clients_.size(), " clients ",
                                                 entered_clients_, " could connect and ",
                                                 counted_clients_, " were told a count"));
    }
  }
  tally_.connect_seconds = static_cast<double>(MonotonicNs() - began) / 1e9;
  return absl::OkStatus();
}

absl::Status Worker::Register() {
  for (size_t member = 0; member < clients_.size(); ++member) {
    crowd_.Say(member, roll_.Newcomer(people_[member]));
    crowd_.Wait(MonotonicNs());
  }
  const int64_t until = In(options_.patience);
  while (!roll_.complete()) {
    if (MonotonicNs() >= until || tally_.refusals > 0) {
      return absl::UnavailableError(absl::StrCat("newcomers: ", roll_.missing(),
                                                 " deliveries are missing, ", tally_.refusals,
                                                 " refusals ", tally_.first_refusal));
    }
    crowd_.Wait(until);
  }
  return absl::OkStatus();
}

void Worker::Play(const Schedule& schedule) {
  const bool writes = options_.joins == 0 || options_.rate > 0;
  while (MonotonicNs() < schedule.start_ns) crowd_.Wait(schedule.start_ns);
  if (writes) traffic_.Begin(schedule);
  if (options_.joins > 0) joins_.Begin(schedule.start_ns);
  bool measuring = false;
  absl::Duration cpu_before;
  while (MonotonicNs() < schedule.end_ns && !JoinsAreOver()) {
    if (!measuring && MonotonicNs() >= schedule.measure_ns) {
      measuring = true;
      cpu_before = OwnCpu();
      StopSomeReading();
    }
    traffic_.SendWhatIsDue();
    joins_.StartWhoIsDue();
    const int64_t boundary = measuring ? schedule.end_ns : schedule.measure_ns;
    const int64_t alarm = std::min(boundary, In(absl::Milliseconds(500)));
    crowd_.Wait(std::min({alarm, traffic_.NextDue(), joins_.NextDue()}));
  }
  traffic_.End();
  tally_.cpu_seconds = {absl::ToDoubleSeconds(OwnCpu() - cpu_before)};
}

bool Worker::JoinsAreOver() const {
  if (options_.joins == 0) return false;
  return joins_.over() ||
         MonotonicNs() > joins_.last_progress_ns() + absl::ToInt64Nanoseconds(options_.patience);
}

void Worker::StopSomeReading() {
  for (size_t member = 0; member < clients_.size(); ++member) {
    if (!seating_.Stalls(people_[member]) || !crowd_.is_open(member)) continue;
    stalled_[member] = true;
    ++tally_.stalled;
    crowd_.StopReading(member);
    traffic_.Close(member);
    roll_.Close(member);
  }
}

Tally Worker::Settle(const std::vector<uint32_t>& sent) {
  const int64_t until = In(options_.patience);
  while (MonotonicNs() < until) {
    BookClosed();
    if (traffic_.Complete(sent) && (options_.joins == 0 || roll_.complete())) break;
    crowd_.Wait(In(absl::Milliseconds(20)));
  }
  // What comes now can only be doubles: give them a moment to show up.
  const int64_t doubles_until = In(absl::Milliseconds(200));
  while (MonotonicNs() < doubles_until) crowd_.Wait(doubles_until);
  BookClosed();
  traffic_.Settle(sent, tally_);
  joins_.Settle(tally_);
  tally_.newcomers_lost = roll_.missing();
  tally_.newcomers_doubled = roll_.doubled();
  tally_.newcomers_misrouted = roll_.misrouted();
  tally_.bytes_received = crowd_.bytes_read();
  return std::move(tally_);
}

void Worker::BookClosed() {
  tally_.closed = 0;
  tally_.stalled_cut = 0;
  for (size_t member = 0; member < people_.size(); ++member) {
    if (!crowd_.has_entered(member)) continue;
    if (stalled_[member]) {
      if (IsCut(member)) ++tally_.stalled_cut;
      continue;
    }
    if (crowd_.is_open(member) || !crowd_.at(member).failure().ok()) continue;
    ++tally_.closed;
    if (member >= clients_.size()) continue;
    traffic_.Close(member);
    roll_.Close(member);
  }
}

// Of one that does not read: whether the other end has gone.
bool Worker::IsCut(size_t member) const {
  pollfd socket{.fd = crowd_.at(member).fd(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&socket, 1, 0) > 0;
}

void Worker::OnEntered(size_t member) {
  if (member >= clients_.size()) return joins_.Entered(member);
  ++entered_clients_;
  const Connection& connection = crowd_.at(member);
  if (connection.open() || !entry_failure_.ok()) return;
  entry_failure_ = absl::UnavailableError(
      absl::StrCat("client ", people_[member], ": ", connection.failure().message()));
}

void Worker::OnHeard(size_t member, std::string_view head) {
  if (member < clients_.size() && traffic_.Hear(member, head)) return;
  if (HasType(head, "nb_users")) return OnCount(member);
  if (HasType(head, "newcomer")) return OnNewcomer(member, head);
  if (HasType(head, "uncompliant")) OnRefusal(member, head);
}

void Worker::OnRefusal(size_t member, std::string_view head) {
  ++tally_.refusals;
  if (tally_.first_refusal.empty()) tally_.first_refusal = head;
  if (member >= clients_.size()) return joins_.Refused(member, head);
  traffic_.Refuse(member);
}

void Worker::OnCount(size_t member) {
  if (counted_[member]) return;
  counted_[member] = true;
  if (member >= clients_.size()) return joins_.ToldCount(member);
  ++counted_clients_;
}

void Worker::OnNewcomer(size_t member, std::string_view head) {
  const std::optional<size_t> person = roll_.Find(head);
  if (!person) return;
  if (member < clients_.size()) return roll_.Hear(member, *person);
  if (people_[member] == *person) joins_.HeardOwnName(member);
}

}  // namespace gischat::bench
