#pragma once

#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"

namespace gischat::bench {

// ws://host:port/path, taken apart.
struct Url {
  std::string host;
  std::string port;
  std::string path;
};

// kInvalidArgument when `text` has another shape.
absl::StatusOr<Url> ParseUrl(const std::string& text);

// What a path leads to: the name in /channel/NAME/ws and in /room/NAME/ws, which are two ways into
// the same channel; of any other path the path itself.
std::string ChannelOf(const std::string& path);

// Where clients connect, resolved once for all of them. Immutable.
struct Target {
  sockaddr_storage address{};
  socklen_t address_length = 0;
  bool loopback = false;  // may be reached from any address 127.x.y.z
  std::string channel;
  std::string upgrade;  // the request that asks for the WebSocket
};

// Blocks for the resolver. kUnavailable says what failed.
absl::StatusOr<Target> Resolve(const Url& url);

}  // namespace gischat::bench
