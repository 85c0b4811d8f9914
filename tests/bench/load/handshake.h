#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gischat::bench {

// ws://host:port/path, taken apart.
struct Url {
  std::string host;
  std::string port;
  std::string path;
};

// kInvalidArgument when `text` has another shape.
absl::StatusOr<Url> ParseUrl(const std::string& text);

// A socket on which the WebSocket protocol is spoken from now on.
struct Upgraded {
  int fd = -1;           // non-blocking, without Nagle's delay; the caller closes it
  std::string leftover;  // what the server sent right behind its answer
};

// Connects and upgrades; blocks for up to about `timeout`. kUnavailable says what failed.
absl::StatusOr<Upgraded> Upgrade(const Url& url, absl::Duration timeout);

}  // namespace gischat::bench
