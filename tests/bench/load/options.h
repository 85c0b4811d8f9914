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
  size_t processes = 0;     // that share the clients; 0: as many as their files need
  size_t addresses = 0;     // 127.0.0.1 and so on, clients dealt out; 0: as many as ports need
  size_t handshakes = 256;  // under way at once, all processes together

  size_t senders = 0;        // the first so many clients write too; 0: up to 10 of them
  size_t window = 1;         // closed loop: messages that each sender has under way
  double rate = 0;           // open loop: messages a second of all senders together; 0: closed
  std::string kind;          // text, model, geojson, image; empty: by payload_bytes
  size_t payload_bytes = 0;  // length of the text; above kLongestText as a model; 0: the least
  size_t features = 500;     // of a geojson
  std::string file;          // the picture of an image
  bool newcomers = false;    // every client (of a join storm: every joiner) takes a nickname

  size_t joins = 0;      // join storm: clients that come while the others are there
  double join_rate = 0;  // a second; 0: as fast as the handshakes go
  absl::Duration idle;   // above 0: nobody writes for so long, and memory is measured
  double stalled = 0;    // per cent of the clients that stop reading when the measurement begins

  absl::Duration warmup = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(10);
  absl::Duration patience = absl::Seconds(15);  // for the next handshake, and for last deliveries
  std::vector<pid_t> pids;                      // the server's processes, to be measured

  size_t people() const { return clients + joins; }
};

// The longest text that a server with default settings takes, in bytes of ASCII.
inline constexpr size_t kLongestText = 255;

// Reads the command line and fills in what is left to choice. kInvalidArgument says what is wrong;
// kCancelled: --help was asked for.
absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv);

std::string Usage();

}  // namespace gischat::bench
