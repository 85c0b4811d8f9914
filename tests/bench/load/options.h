#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gischat::bench {

// What load to make, and on whom. Every field has a flag of the same name; see Usage().
struct Options {
  std::vector<std::string> urls;  // ws://host:port/path; connections are dealt out in turn
  size_t clients = 50;
  size_t senders = 0;        // the first so many clients write too; 0: up to 10 of them
  size_t window = 1;         // closed loop: messages that each sender has under way
  double rate = 0;           // open loop: messages a second of all senders together; 0: closed
  size_t payload_bytes = 0;  // length of the text; above kLongestText as a model; 0: the least
  bool newcomers = false;    // every client takes a nickname first
  absl::Duration warmup = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(10);
  absl::Duration patience = absl::Seconds(15);  // to connect, and for the last deliveries
  std::vector<pid_t> pids;                      // the server's processes, to be measured
};

// The longest text that a server with default settings takes, in bytes of ASCII.
inline constexpr size_t kLongestText = 255;

// Reads the command line. kInvalidArgument says what is wrong; kCancelled: --help was asked for.
absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv);

std::string Usage();

}  // namespace gischat::bench
