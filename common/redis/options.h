#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gischat::redis {

// Where a server listens.
struct Endpoint {
  std::string host;
  uint16_t port = 0;

  std::string ToString() const;  // "host:port", an IPv6 address in brackets
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Where Redis is and how patient we are with it.
struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string user;      // empty: the default user
  std::string password;  // user and password empty: no AUTH
  uint32_t database = 0;

  // Who knows where the master is. When there are any, host and port above are not used.
  std::vector<Endpoint> sentinels;
  std::string master_name = "mymaster";
  std::string sentinel_password;                              // empty: no AUTH
  absl::Duration sentinel_timeout = absl::Milliseconds(500);  // for each, from connect to answer

  absl::Duration connect_timeout = absl::Seconds(1);
  absl::Duration command_timeout = absl::Seconds(2);  // without any answer: connection dropped
  absl::Duration min_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(1);
};

// Reads `redis://[user:password@]host[:port][/database]`; percent-escapes in user and password are
// decoded. kInvalidArgument says what is wrong, without repeating the password.
absl::StatusOr<Options> ParseUrl(const std::string& url);

// Reads `host[:port]`, an IPv6 address in brackets.
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text, uint16_t default_port);

}  // namespace gischat::redis
