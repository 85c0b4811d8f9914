#include "tests/bench/load/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace gischat::bench {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;

// One for all connections: a frame that is not whole moves to the connection's own memory.
std::vector<char>& SharedReadBuffer() {
  static thread_local std::vector<char> buffer(kReadBytes);
  return buffer;
}

bool IsPassing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Connection::Connection(Upgraded upgraded, OnMessage on_message)
    : fd_(upgraded.fd), on_message_(std::move(on_message)), carry_(std::move(upgraded.leftover)) {}

Connection::~Connection() { Close(); }

void Connection::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Connection::Start() {
  const std::string leftover = std::exchange(carry_, {});
  Take(leftover);
}

void Connection::Read() {
  std::vector<char>& buffer = SharedReadBuffer();
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0 && IsPassing(errno)) return;
  if (got <= 0) return Close();
  bytes_read_ += static_cast<uint64_t>(got);
  const std::string_view bytes(buffer.data(), static_cast<size_t>(got));
  if (carry_.empty()) return Take(bytes);
  std::string whole = std::exchange(carry_, {});
  whole += bytes;
  Take(whole);
}

void Connection::Take(std::string_view bytes) {
  Frame frame;
  while (open() && TakeFrame(bytes, frame)) Handle(frame);
  carry_ = bytes;
}

void Connection::Handle(const Frame& frame) {
  switch (frame.opcode) {
    case Opcode::kContinuation:
    case Opcode::kText:
    case Opcode::kBinary:
      return on_message_(frame.payload);
    case Opcode::kPing:
      return Write(Opcode::kPong, frame.payload);
    case Opcode::kPong:
      return;
    case Opcode::kClose:
      if (frame.payload.size() >= 2) {
        close_code_ = static_cast<uint16_t>(static_cast<uint8_t>(frame.payload[0]) << 8 |
                                            static_cast<uint8_t>(frame.payload[1]));
      }
      Write(Opcode::kClose, frame.payload);
      return Close();
  }
  Close();  // no such frame exists: the stream can't be understood from here on
}

void Connection::Send(std::string_view message) { Write(Opcode::kText, message); }

void Connection::Write(Opcode opcode, std::string_view payload) {
  if (!open()) return;
  const bool idle = unsent_.empty();
  unsent_ += MaskedFrame(opcode, payload, ++frames_sent_);
  if (idle) Flush();
}

void Connection::Flush() {
  if (!open() || unsent_.empty()) return;
  const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && !IsPassing(errno)) return Close();
  if (sent > 0) unsent_.erase(0, static_cast<size_t>(sent));
}

}  // namespace gischat::bench
