#include "tests/bench/load/target.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace gischat::bench {
namespace {

bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family != AF_INET) return false;
  sockaddr_in ipv4{};
  std::memcpy(&ipv4, &address, sizeof ipv4);
  return ntohl(ipv4.sin_addr.s_addr) >> 24 == 127;
}

}  // namespace

absl::StatusOr<Url> ParseUrl(const std::string& text) {
  constexpr std::string_view kScheme = "ws://";
  if (text.compare(0, kScheme.size(), kScheme) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("not ws://HOST:PORT/PATH: ", text));
  }
  const size_t slash = text.find('/', kScheme.size());
  const std::string authority = text.substr(kScheme.size(), slash - kScheme.size());
  const size_t colon = authority.rfind(':');
  if (slash == std::string::npos || colon == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("not ws://HOST:PORT/PATH: ", text));
  }
  return Url{authority.substr(0, colon), authority.substr(colon + 1), text.substr(slash)};
}

std::string ChannelOf(const std::string& path) {
  std::string bare = path.substr(0, path.find('?'));
  constexpr std::string_view kEnd = "/ws";
  for (const std::string_view begin : {"/channel/", "/room/"}) {
    if (bare.size() <= begin.size() + kEnd.size() || bare.compare(0, begin.size(), begin) != 0) {
      continue;
    }
    if (bare.compare(bare.size() - kEnd.size(), kEnd.size(), kEnd) != 0) continue;
    return bare.substr(begin.size(), bare.size() - begin.size() - kEnd.size());
  }
  return bare;
}

absl::StatusOr<Target> Resolve(const Url& url) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("resolve ", url.host, ": ", ::gai_strerror(error)));
  }
  Target target;
  std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  target.address_length = found->ai_addrlen;
  ::freeaddrinfo(found);
  target.loopback = IsLoopback(target.address);
  target.channel = ChannelOf(url.path);
  // The key only proves that the answer is not an old one from a cache.
  target.upgrade = absl::StrCat("GET ", url.path, " HTTP/1.1\r\nHost: ", url.host, ":", url.port,
                                "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: Z2lzY2hhdC1sb2FkLWtleQ==\r\n"
                                "Sec-WebSocket-Version: 13\r\n\r\n");
  return target;
}

}  // namespace gischat::bench
