#include "tests/bench/load/control.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace gischat::bench {

std::pair<Control, Control> Control::Pair() {
  std::array<int, 2> fds = {-1, -1};
  ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data());
  return {Control(fds[0]), Control(fds[1])};
}

Control::~Control() {
  if (fd_ >= 0) ::close(fd_);
}

bool Control::Send(const nlohmann::json& object) {
  const std::string line =
      object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t sent = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    left.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::optional<nlohmann::json> Control::Take() {
  std::array<char, 65536> buffer;
  size_t end = read_.find('\n');
  while (end == std::string::npos) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) ended_ = true;
    if (got <= 0) return std::nullopt;
    const size_t before = read_.size();
    read_.append(buffer.data(), static_cast<size_t>(got));
    end = read_.find('\n', before);
  }
  const std::string line = read_.substr(0, end);
  read_.erase(0, end + 1);
  return nlohmann::json::parse(line);
}

}  // namespace gischat::bench
