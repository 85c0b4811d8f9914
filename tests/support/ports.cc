#include "tests/support/ports.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>

namespace gischat::tests {
namespace {

// The same numbers and names stand in ports.py.
constexpr int kFirstPort = 10240;
constexpr int kPortsOfBlock = 64;
constexpr int kBlocks = (32768 - kFirstPort) / kPortsOfBlock;

// Owns a block until this process ends: the socket is never closed.
bool Claim(int block) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = "gischat-test-ports-" + std::to_string(block);
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);  // abstract: begins with a zero
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const bool claimed = bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0;
  if (!claimed) close(fd);
  return claimed;
}

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));  // closed connections do not matter
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return free;
}

int ClaimAny() {
  std::random_device random;
  const int first = static_cast<int>(random() % kBlocks);
  for (int i = 0; i < kBlocks; ++i) {
    const int block = (first + i) % kBlocks;
    if (Claim(block)) return block;
  }
  throw std::runtime_error("every block of ports is taken by another test");
}

}  // namespace

uint16_t FreePort() {
  static std::mutex mutex;
  static int next = 0;
  static int end = 0;
  const std::lock_guard lock(mutex);
  while (true) {
    if (next == end) {
      next = kFirstPort + ClaimAny() * kPortsOfBlock;
      end = next + kPortsOfBlock;
    }
    const int port = next++;
    if (IsFree(port)) return static_cast<uint16_t>(port);
  }
}

}  // namespace gischat::tests
