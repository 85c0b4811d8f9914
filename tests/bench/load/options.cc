#include "tests/bench/load/options.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gischat::bench {
namespace {

constexpr size_t kMostConnections = 19'900;
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

bool TakePid(const std::string& value, std::vector<pid_t>* target) {
  pid_t pid = 0;
  if (!absl::SimpleAtoi(value, &pid) || pid <= 0) return false;
  target->push_back(pid);
  return true;
}

std::vector<Flag> FlagsOf(Options& o) {
  return {
      {"url", "ws://HOST:PORT/PATH", "where to connect; repeat it to spread clients over edges",
       [&o](const std::string& v) { return o.urls.push_back(v), true; }},
      {"clients", "N", "connections (50)",
       [&o](const std::string& v) { return TakeCount(v, &o.clients); }},
      {"senders", "N", "clients that write too (10, or all when there are fewer)",
       [&o](const std::string& v) { return TakeCount(v, &o.senders); }},
      {"window", "N", "closed loop: messages under way for each sender (1)",
       [&o](const std::string& v) { return TakeCount(v, &o.window); }},
      {"rate", "R", "open loop: messages a second, all senders together (0: closed loop)",
       [&o](const std::string& v) { return TakeRate(v, &o.rate); }},
      {"payload", "BYTES", "length of the text; above 255 a model is sent instead",
       [&o](const std::string& v) { return TakeCount(v, &o.payload_bytes); }},
      {"newcomers", "", "every client takes a nickname first",
       [&o](const std::string&) { return o.newcomers = true; }},
      {"warmup", "SECONDS", "load before the measurement (1)",
       [&o](const std::string& v) { return TakeSeconds(v, &o.warmup); }},
      {"duration", "SECONDS", "length of the measurement (10)",
       [&o](const std::string& v) { return TakeSeconds(v, &o.duration); }},
      {"patience", "SECONDS", "wait for connections and last deliveries at most this long (15)",
       [&o](const std::string& v) { return TakeSeconds(v, &o.patience); }},
      {"pid", "PID", "a process of the server, to be measured; repeat it for several",
       [&o](const std::string& v) { return TakePid(v, &o.pids); }},
  };
}

absl::Status Check(const Options& o) {
  if (o.urls.empty()) return absl::InvalidArgumentError("--url is missing");
  if (o.clients == 0 || o.clients > kMostConnections) {
    return absl::InvalidArgumentError(absl::StrCat("--clients must be 1 to ", kMostConnections));
  }
  if (o.senders > o.clients) {
    return absl::InvalidArgumentError("--senders must not exceed --clients");
  }
  if (o.senders * o.clients > kMostPairs) {
    return absl::InvalidArgumentError("--senders times --clients takes too much memory");
  }
  if (o.window == 0) return absl::InvalidArgumentError("--window must be at least 1");
  if (o.duration == absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--duration must be above 0");
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
  if (options.senders == 0) options.senders = std::min<size_t>(options.clients, 10);
  if (absl::Status status = Check(options); !status.ok()) return status;
  return options;
}

std::string Usage() {
  Options defaults;
  std::string text =
      "gischat-load: many clients in one channel; counts what is lost, doubled or out of order,\n"
      "and measures latency. Prints one JSON line. Exit status: 0, 1 when a delivery was wrong,\n"
      "2 when the run could not be made.\n\n";
  for (const Flag& flag : FlagsOf(defaults)) {
    const std::string left = absl::StrCat("  --", flag.name, " ", flag.shape);
    absl::StrAppend(&text, left, std::string(left.size() < 30 ? 30 - left.size() : 1, ' '),
                    flag.help, "\n");
  }
  return text;
}

}  // namespace gischat::bench
