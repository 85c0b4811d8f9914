#include "tests/bench/load/load.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/random_id.h"
#include "tests/bench/load/poller.h"
#include "tests/bench/load/worker.h"

namespace gischat::bench {
namespace {

using Json = nlohmann::json;

constexpr int kSampleMs = 50;
// From the command until everybody begins at once.
constexpr absl::Duration kRunUp = absl::Milliseconds(50);

absl::StatusOr<std::vector<Target>> ResolveAll(const std::vector<std::string>& urls) {
  std::vector<Target> targets;
  for (const std::string& text : urls) {
    const absl::StatusOr<Url> url = ParseUrl(text);
    if (!url.ok()) return url.status();
    absl::StatusOr<Target> target = Resolve(*url);
    if (!target.ok()) return target.status();
    targets.push_back(*std::move(target));
  }
  return targets;
}

}  // namespace

bool Result::ok() const {
  const uint64_t faulty = faults.lost + faults.doubled + faults.misordered + faults.misrouted +
                          faults.other_order + tally.closed + tally.newcomers_lost +
                          tally.newcomers_doubled + tally.newcomers_misrouted + tally.join_failures;
  return faulty == 0 && faults.unpublished <= tally.refusals;
}

Load::Load(Options options)
    : options_(std::move(options)), watch_(options_.pids), sent_(options_.senders) {}

Load::~Load() {
  for (const Child& child : children_) ::kill(child.pid, SIGKILL);
  for (const Child& child : children_) ::waitpid(child.pid, nullptr, 0);
}

absl::Status Load::Run() {
  if (absl::Status status = Start(); !status.ok()) return status;
  if (absl::Status status = watch_.NoteEmpty(); !status.ok()) return status;
  if (absl::Status status = ConnectAll(); !status.ok()) return status;
  absl::Status status = options_.idle > absl::ZeroDuration() ? Idle() : Play();
  if (!status.ok()) return status;
  result_.servers = watch_.servers();
  result_.most_rss_mib = watch_.most_rss_mib();
  return Settle();
}

absl::Status Load::Start() {
  absl::StatusOr<std::vector<Target>> targets = ResolveAll(options_.urls);
  if (!targets.ok()) return targets.status();
  const absl::StatusOr<MessageMaker> maker = MessageMaker::Create(options_);
  if (!maker.ok()) return maker.status();
  const Seating seating(options_, *std::move(targets));
  for (size_t sender = 0; sender < options_.senders; ++sender) {
    channel_of_sender_.push_back(seating.ChannelOf(sender));
  }
  const std::string run = absl::StrCat(absl::Hex(base::RandomNumber(), absl::kZeroPad16));
  for (size_t number = 0; number < options_.processes; ++number) {
    StartWorker(seating, *maker, run, number);
  }
  return absl::OkStatus();
}

void Load::StartWorker(const Seating& seating, const MessageMaker& maker, const std::string& run,
                       size_t number) {
  auto [ours, theirs] = Control::Pair();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) {
    children_.push_back({.pid = pid, .control = std::move(ours)});
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  // The parent's ends are not ours: a line must end when the parent does.
  for (const Child& child : children_) ::close(child.control.fd());
  ::close(ours.fd());
  Worker(options_, seating, maker, run, number, theirs).Run();
  ::_exit(0);
}

absl::Status Load::ConnectAll() {
  absl::Status status = Ask({{"do", "connect"}}).status();
  if (!status.ok() || !options_.newcomers || options_.joins > 0) return status;
  return Ask({{"do", "register"}}).status();
}

absl::Status Load::Idle() {
  if (absl::Status status = watch_.Begin(); !status.ok()) return status;
  result_.began_ns = MonotonicNs();
  SleepUntil(result_.began_ns + absl::ToInt64Nanoseconds(options_.idle));
  result_.measured = absl::Nanoseconds(MonotonicNs() - result_.began_ns);
  return watch_.End();
}

absl::Status Load::Play() {
  const bool storm = options_.joins > 0;
  Schedule times;
  times.start_ns = MonotonicNs() + absl::ToInt64Nanoseconds(kRunUp);
  times.measure_ns = times.start_ns + (storm ? 0 : absl::ToInt64Nanoseconds(options_.warmup));
  times.end_ns = storm ? std::numeric_limits<int64_t>::max()
                       : times.measure_ns + absl::ToInt64Nanoseconds(options_.duration);
  absl::Status status = Tell({{"do", "play"},
                              {"start", times.start_ns},
                              {"measure", times.measure_ns},
                              {"end", times.end_ns}});
  if (!status.ok()) return status;
  result_.began_ns = times.measure_ns;
  SleepUntil(times.measure_ns);
  status = watch_.Begin();
  if (!status.ok()) return status;
  if (!storm) {
    SleepUntil(times.end_ns);
    result_.measured = absl::Nanoseconds(MonotonicNs() - times.measure_ns);
    status = watch_.End();
    if (!status.ok()) return status;
    return GatherSent();
  }
  status = GatherSent();
  if (!status.ok()) return status;
  result_.measured = absl::Nanoseconds(MonotonicNs() - times.measure_ns);
  return watch_.End();
}

absl::Status Load::GatherSent() {
  using Sent = std::vector<std::pair<size_t, uint32_t>>;
  const absl::StatusOr<std::vector<Json>> answers = Gather();
  if (!answers.ok()) return answers.status();
  for (const Json& answer : *answers) {
    for (const auto& [sender, count] : answer.at("sent").get<Sent>()) sent_[sender] = count;
  }
  return absl::OkStatus();
}

absl::Status Load::Settle() {
  const absl::StatusOr<std::vector<Json>> answers = Ask({{"do", "settle"}, {"sent", sent_}});
  if (!answers.ok()) return answers.status();
  for (const Json& answer : *answers) result_.tally.Add(answer.get<Tally>());
  result_.faults = Judge(result_.tally.balance, channel_of_sender_);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Json>> Load::Ask(const Json& command) {
  if (absl::Status status = Tell(command); !status.ok()) return status;
  return Gather();
}

absl::Status Load::Tell(const Json& command) {
  for (Child& child : children_) {
    child.answered = false;
    if (!child.control.Send(command)) return absl::UnavailableError("a worker has ended");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Json>> Load::Gather() {
  std::vector<Json> answers;
  while (true) {
    for (Child& child : children_) {
      if (child.answered) continue;
      std::optional<Json> answer = child.control.Take();
      if (!answer && child.control.ended()) return absl::UnavailableError("a worker has ended");
      if (!answer) continue;
      if (answer->contains("error")) {
        return absl::UnavailableError(answer->at("error").get<std::string>());
      }
      child.answered = true;
      answers.push_back(*std::move(answer));
    }
    if (answers.size() == children_.size()) return answers;
    AwaitWord();
  }
}

// Until a worker says something, at most until the next sample.
void Load::AwaitWord() {
  std::vector<pollfd> lines;
  for (const Child& child : children_) {
    if (child.answered) continue;
    lines.push_back({.fd = child.control.fd(), .events = POLLIN, .revents = 0});
  }
  ::poll(lines.data(), lines.size(), kSampleMs);
  watch_.Sample();
}

void Load::SleepUntil(int64_t until_ns) {
  constexpr int64_t kStep = kSampleMs * int64_t{1'000'000};
  for (int64_t now = MonotonicNs(); now < until_ns; now = MonotonicNs()) {
    absl::SleepFor(absl::Nanoseconds(std::min(until_ns - now, kStep)));
    watch_.Sample();
  }
}

}  // namespace gischat::bench
