#include "tests/bench/load/options.h"

#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gischat::bench {
namespace {

constexpr size_t kOtherFiles = 100;         // of a process, besides its connections
constexpr size_t kPortsOfAddress = 20'000;  // outgoing, on the safe side
constexpr size_t kMostAddresses = 250;
constexpr size_t kMostProcesses = 64;
constexpr size_t kMostPairs = 250'000'000;

// One flag: how it is written, what it means, and what takes its value (false: unacceptable).
struct Flag {
  std::string name;
  std::string shape;  // empty: a flag without a value
  std::string help;
  std::function<bool(const std::string&)> take;
};

bool TakeCount(const std::string& value, size_t* target) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(value, &number)) return false;
  *target = number;
  return true;
}

bool TakeSeconds(const std::string& value, absl::Duration* target) {
  double seconds = 0;
  if (!absl::SimpleAtod(value, &seconds) || !(seconds >= 0 && seconds < 1e6)) return false;
  *target = absl::Seconds(seconds);
  return true;
}

bool TakeRate(const std::string& value, double* target) {
  return absl::SimpleAtod(value, target) && *target >= 0 && *target <= 1e6;
}

bool TakePercent(const std::string& value, double* target) {
  return absl::SimpleAtod(value, target) && *target >= 0 && *target < 100;
}

bool TakeKind(const std::string& value, std::string* target) {
  *target = value;
  return value == "text" || value == "model" || value == "geojson" || value == "image";
}

bool TakePid(const std::string& value, std::vector<pid_t>* target) {
  pid_t pid = 0;
  if (!absl::SimpleAtoi(value, &pid) || pid <= 0) return false;
  target->push_back(pid);
  return true;
}

std::vector<Flag> FlagsOfCrowd(Options& o) {
  return {
      {"url", "ws://HOST:PORT/PATH", "where to connect; repeat it for several edges or channels",
       [&o](const std::string& v) { return o.urls.push_back(v), true; }},
      {"clients", "N", "connections (50)",
       [&o](const std::string& v) { return TakeCount(v, &o.clients); }},
      {"processes", "N", "processes that share them (as many as their files need)",
       [&o](const std::string& v) { return TakeCount(v, &o.processes); }},
      {"addresses", "N", "connect from 127.0.0.1 to 127.0.0.N (as many as their ports need)",
       [&o](const std::string& v) { return TakeCount(v, &o.addresses); }},
      {"handshakes", "N", "handshakes under way at once (256)",
       [&o](const std::string& v) { return TakeCount(v, &o.handshakes); }},
      {"newcomers", "", "every client takes a nickname first; in a join storm every joiner",
       [&o](const std::string&) { return o.newcomers = true; }},
  };
}

std::vector<Flag> FlagsOfMessages(Options& o) {
  return {
      {"senders", "N", "clients that write too (10, or all when there are fewer)",
       [&o](const std::string& v) { return TakeCount(v, &o.senders); }},
      {"window", "N", "closed loop: messages under way for each sender (1)",
       [&o](const std::string& v) { return TakeCount(v, &o.window); }},
      {"rate", "R", "open loop: messages a second, all senders together (0: closed loop)",
       [&o](const std::string& v) { return TakeRate(v, &o.rate); }},
      {"kind", "KIND", "text, model, geojson or image (text)",
       [&o](const std::string& v) { return TakeKind(v, &o.kind); }},
      {"payload", "BYTES", "length of the text; above 255 a model is sent instead",
       [&o](const std::string& v) { return TakeCount(v, &o.payload_bytes); }},
      {"features", "N", "features of a geojson, of 300 bytes each (500)",
       [&o](const std::string& v) { return TakeCount(v, &o.features); }},
      {"file", "PATH", "the picture of an image; a JPEG is made to differ each time",
       [&o](const std::string& v) { return o.file = v, true; }},
  };
}

std::vector<Flag> FlagsOfRun(Options& o) {
  return {
      {"joins", "N", "join storm: so many more connect while the clients are there",
       [&o](const std::string& v) { return TakeCount(v, &o.joins); }},
      {"join-rate", "R", "joins a second (0: as fast as the handshakes go)",
       [&o](const std::string& v) { return TakeRate(v, &o.join_rate); }},
      {"idle", "SECONDS", "nobody writes; memory is measured after so long",
       [&o](const std::string& v) { return TakeSeconds(v, &o.idle); }},
      {"stalled", "PERCENT", "so many clients stop reading when the measurement begins",
       [&o](const std::string& v) { return TakePercent(v, &o.stalled); }},
      {"warmup", "SECONDS", "load before the measurement (1)",
       [&o](const std::string& v) { return TakeSeconds(v, &o.warmup); }},
      {"duration", "SECONDS", "length of the measurement (10)",
       [&o](const std::string& v) { return TakeSeconds(v, &o.duration); }},
      {"patience", "SECONDS", "wait for a handshake and for last deliveries so long (15)",
       [&o](const std::string& v) { return TakeSeconds(v, &o.patience); }},
      {"pid", "PID", "a process of the server, to be measured; repeat it for several",
       [&o](const std::string& v) { return TakePid(v, &o.pids); }},
  };
}

std::vector<Flag> FlagsOf(Options& o) {
  std::vector<Flag> flags = FlagsOfCrowd(o);
  for (auto* more : {&FlagsOfMessages, &FlagsOfRun}) {
    for (Flag& flag : more(o)) flags.push_back(std::move(flag));
  }
  return flags;
}

size_t DividedUp(size_t number, size_t by) { return (number + by - 1) / by; }

size_t MostConnectionsOfAProcess() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return std::max<size_t>(files.rlim_max, 2 * kOtherFiles) - kOtherFiles;
}

void FillIn(Options& o) {
  if (o.senders == 0) o.senders = std::min<size_t>(o.clients, 10);
  if (o.kind.empty()) o.kind = o.payload_bytes > kLongestText ? "model" : "text";
  const size_t people = std::max<size_t>(o.people(), 1);
  if (o.processes == 0) o.processes = DividedUp(people, MostConnectionsOfAProcess());
  if (o.addresses == 0) o.addresses = DividedUp(people, kPortsOfAddress);
}

absl::Status CheckCrowd(const Options& o) {
  const size_t most = MostConnectionsOfAProcess();
  if (o.urls.empty()) return absl::InvalidArgumentError("--url is missing");
  if (o.clients == 0) return absl::InvalidArgumentError("--clients must be at least 1");
  if (o.processes > kMostProcesses) {
    return absl::InvalidArgumentError(absl::StrCat("--processes: at most ", kMostProcesses));
  }
  if (DividedUp(DividedUp(o.people(), o.urls.size()), o.processes) * o.urls.size() > most) {
    return absl::InvalidArgumentError(absl::StrCat("--processes: ", DividedUp(o.people(), most),
                                                   " are needed, for their open files"));
  }
  if (o.addresses > kMostAddresses) {
    return absl::InvalidArgumentError(absl::StrCat("--addresses: at most ", kMostAddresses));
  }
  if (o.handshakes == 0) return absl::InvalidArgumentError("--handshakes must be at least 1");
  if (o.senders > o.clients) {
    return absl::InvalidArgumentError("--senders must not exceed --clients");
  }
  if (o.senders * o.clients > kMostPairs) {
    return absl::InvalidArgumentError("--senders times --clients takes too much memory");
  }
  return absl::OkStatus();
}

absl::Status CheckRun(const Options& o) {
  if (o.window == 0) return absl::InvalidArgumentError("--window must be at least 1");
  if (o.duration == absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--duration must be above 0");
  }
  if ((o.kind == "image") == o.file.empty()) {
    return absl::InvalidArgumentError("--kind image and --file go together");
  }
  if (o.joins > 0 && o.idle > absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--joins and --idle exclude each other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv) {
  Options options;
  const std::vector<Flag> flags = FlagsOf(options);
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--help") return absl::CancelledError("help");
    const auto flag = std::find_if(flags.begin(), flags.end(),
                                   [&](const Flag& f) { return word == "--" + f.name; });
    if (flag == flags.end()) return absl::InvalidArgumentError(absl::StrCat("unknown: ", argv[i]));
    std::string value;
    if (!flag->shape.empty()) {
      if (++i == argc) {
        return absl::InvalidArgumentError(absl::StrCat("--", flag->name, " needs ", flag->shape));
      }
      value = argv[i];
    }
    if (!flag->take(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag->name, ": not ", flag->shape, ": ", value));
    }
  }
  FillIn(options);
  if (absl::Status status = CheckCrowd(options); !status.ok()) return status;
  if (absl::Status status = CheckRun(options); !status.ok()) return status;
  return options;
}

std::string Usage() {
  Options defaults;
  std::string text =
      "gischat-load: many clients of a chat; counts what is lost, doubled, misrouted or out of\n"
      "order, and measures latency, joins and memory. Prints one JSON line. Exit status: 0, 1 "
      "when\n"
      "anything was wrong, 2 when the run could not be made.\n\n";
  for (const Flag& flag : FlagsOf(defaults)) {
    const std::string left = absl::StrCat("  --", flag.name, " ", flag.shape);
    absl::StrAppend(&text, left, std::string(left.size() < 30 ? 30 - left.size() : 1, ' '),
                    flag.help, "\n");
  }
  return text;
}

}  // namespace gischat::bench
