#include "tests/bench/load/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace gischat::bench {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr size_t kLongestAnswer = size_t{16} << 10;

// One for all connections: a frame that is not whole moves to the connection's own memory.
std::vector<char>& SharedReadBuffer() {
  static thread_local std::vector<char> buffer(kReadBytes);
  return buffer;
}

bool IsPassing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

absl::Status Failed(std::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat(std::string(what), ": ", std::strerror(error)));
}

void Set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

bool IsData(Opcode opcode) { return static_cast<uint8_t>(opcode) < 8; }

}  // namespace

Connection::Connection(const Target& target, const Route& route, OnMessage on_message)
    : on_message_(std::move(on_message)), unsent_(target.upgrade) {
  if (absl::Status status = Begin(target, route); !status.ok()) Fail(std::move(status));
}

Connection::~Connection() { Close(); }

absl::Status Connection::Begin(const Target& target, const Route& route) {
  const int family = target.address.ss_family;
  fd_ = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return Failed("socket", errno);
  Set(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  if (route.receive_buffer > 0) Set(fd_, SOL_SOCKET, SO_RCVBUF, route.receive_buffer);
  if (route.source) {
    // The port is chosen when the other end is known: each pair of addresses has all ports.
    Set(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr = *route.source;
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
      return Failed("bind", errno);
    }
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
  if (::connect(fd_, address, target.address_length) != 0 && errno != EINPROGRESS) {
    return Failed("connect", errno);
  }
  return absl::OkStatus();
}

void Connection::Fail(absl::Status why) {
  failure_ = std::move(why);
  Close();
}

void Connection::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = State::kClosed;
}

void Connection::OnEvent(bool readable, bool writable) {
  if (state_ == State::kConnecting && (readable || writable)) FinishConnecting();
  if (readable && state_ != State::kClosed) Read();
  if (state_ != State::kClosed) Flush();
}

void Connection::FinishConnecting() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Fail(Failed("connect", error));
  state_ = State::kUpgrading;
}

void Connection::Read() {
  if (skip_ > 0) return Skip();
  std::vector<char>& buffer = SharedReadBuffer();
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0 && IsPassing(errno)) return;
  if (got <= 0) {
    if (state_ == State::kUpgrading) return Fail(absl::UnavailableError("ended before an answer"));
    return Close();
  }
  bytes_read_ += static_cast<uint64_t>(got);
  const std::string_view bytes(buffer.data(), static_cast<size_t>(got));
  if (carry_.empty()) return Take(bytes);
  std::string whole = std::exchange(carry_, {});
  whole += bytes;
  Take(whole);
}

// Nobody looks at the rest of a large message: the kernel may drop it without copying it.
void Connection::Skip() {
  std::vector<char>& buffer = SharedReadBuffer();
  const size_t most = std::min<uint64_t>(skip_, buffer.size());
  const ssize_t got = ::recv(fd_, buffer.data(), most, MSG_TRUNC);
  if (got < 0 && IsPassing(errno)) return;
  if (got <= 0) return Close();
  bytes_read_ += static_cast<uint64_t>(got);
  skip_ -= static_cast<uint64_t>(got);
  if (skip_ == 0) on_message_(std::exchange(carry_, {}));
}

void Connection::Take(std::string_view bytes) {
  if (state_ == State::kUpgrading && !TakeAnswer(bytes)) {
    carry_ = bytes;
    return;
  }
  Frame frame;
  while (open() && TakeFrame(bytes, frame)) Handle(frame);
  if (open() && !TakeHead(bytes)) carry_ = bytes;
}

// The answer to the upgrade. False: it is not whole yet, or not what was wanted.
bool Connection::TakeAnswer(std::string_view& bytes) {
  constexpr std::string_view kWanted = "HTTP/1.1 101";
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > kLongestAnswer) Fail(absl::UnavailableError("answer: too long"));
    return false;
  }
  if (bytes.compare(0, kWanted.size(), kWanted) != 0) {
    Fail(absl::UnavailableError(
        absl::StrCat("answer: ", std::string(bytes.substr(0, bytes.find("\r\n"))))));
    return false;
  }
  state_ = State::kOpen;
  bytes.remove_prefix(end + 4);
  return true;
}

// Keeps the beginning of a large message and lets the rest pass. False: too little of it is there.
bool Connection::TakeHead(std::string_view bytes) {
  const std::optional<FrameStart> start = ReadFrameStart(bytes);
  if (!start || !IsData(start->opcode)) return false;
  if (bytes.size() - start->header < kHeadBytes) return false;
  carry_ = bytes.substr(start->header, kHeadBytes);
  skip_ = start->length - (bytes.size() - start->header);
  return true;
}

void Connection::Handle(const Frame& frame) {
  switch (frame.opcode) {
    case Opcode::kContinuation:
    case Opcode::kText:
    case Opcode::kBinary:
      return on_message_(frame.payload);
    case Opcode::kPing:
      return Queue(Opcode::kPong, frame.payload);
    case Opcode::kPong:
      return;
    case Opcode::kClose:
      if (frame.payload.size() >= 2) {
        close_code_ = static_cast<uint16_t>(static_cast<uint8_t>(frame.payload[0]) << 8 |
                                            static_cast<uint8_t>(frame.payload[1]));
      }
      Queue(Opcode::kClose, frame.payload);
      Flush();
      return Close();
  }
  Close();  // no such frame exists: the stream can't be understood from here on
}

void Connection::Say(std::string_view message) {
  if (open()) Queue(Opcode::kText, message);
}

void Connection::Queue(Opcode opcode, std::string_view payload) {
  AppendMaskedFrame(opcode, payload, ++frames_sent_, unsent_);
}

void Connection::Flush() {
  if (fd_ < 0 || state_ == State::kConnecting || unsent_.empty()) return;
  const size_t left = unsent_.size() - unsent_from_;
  const ssize_t sent = ::send(fd_, unsent_.data() + unsent_from_, left, MSG_NOSIGNAL);
  if (sent < 0 && !IsPassing(errno)) return Close();
  if (sent > 0) unsent_from_ += static_cast<size_t>(sent);
  if (unsent_from_ < unsent_.size()) return;
  unsent_from_ = 0;
  // A client that wrote once may never write again: it keeps no memory for it.
  if (unsent_.capacity() > kHeadBytes) unsent_ = std::string();
  unsent_.clear();
}

}  // namespace gischat::bench
