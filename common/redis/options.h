#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gischat::redis {

// Where Redis is and how patient we are with it.
struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string user;      // empty: the default user
  std::string password;  // empty: no AUTH
  uint32_t database = 0;
  absl::Duration connect_timeout = absl::Seconds(1);
  absl::Duration command_timeout = absl::Seconds(2);  // without any answer: connection dropped
  absl::Duration min_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(1);
};

// Reads `redis://[user:password@]host[:port][/database]`; percent-escapes in user and password are
// decoded. kInvalidArgument says what is wrong, without repeating the password.
absl::StatusOr<Options> ParseUrl(const std::string& url);

}  // namespace gischat::redis
