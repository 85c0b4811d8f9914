#include "common/rpc/port_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/config/address.h"

namespace gischat::rpc {
namespace {

// 0, or the errno of what failed.
int TryToListen(const sockaddr* address, socklen_t size) {
  const int listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return errno;
  // Without this the connections of a server that has just ended would still hold the port.
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const bool free = bind(listener, address, size) == 0 && listen(listener, 1) == 0;
  const int error = free ? 0 : errno;
  close(listener);
  return error;
}

}  // namespace

absl::Status ProbePort(const std::string& address, uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  int error = EINVAL;
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    error = TryToListen(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    error = TryToListen(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  const std::string where = config::HostPort(address, port);
  if (error == 0) return absl::OkStatus();
  if (error == EADDRINUSE) return absl::UnavailableError(absl::StrCat(where, " is taken"));
  return absl::InvalidArgumentError(absl::StrCat("can't listen at ", where, ": ", strerror(error)));
}

}  // namespace gischat::rpc
