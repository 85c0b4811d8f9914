#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tests/bench/load/frames.h"
#include "tests/bench/load/target.h"

namespace gischat::bench {

// How a client reaches the server.
struct Route {
  std::optional<in_addr> source;  // nothing: as the kernel likes
  int receive_buffer = 0;         // bytes; 0: as the kernel likes
};

// A client's socket, never blocking: connects, upgrades, reads whatever is there in one go and
// hands out messages without copying them, answers pings. Not thread-safe.
class Connection {
 public:
  enum class State { kConnecting, kUpgrading, kOpen, kClosed };

  // Called for each message; the text lives until the call returns. A message that came in several
  // pieces is known by its beginning only, of at least kHeadBytes.
  using OnMessage = std::function<void(std::string_view head)>;
  static constexpr size_t kHeadBytes = 512;

  // Begins to connect. kClosed at once when that can't be: failure() says why.
  Connection(const Target& target, const Route& route, OnMessage on_message);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // To be called when the socket is readable or writable, as the poller says. Sends what was said
  // meanwhile.
  void OnEvent(bool readable, bool writable);

  // Queues a text frame for Flush() or for the end of OnEvent().
  void Say(std::string_view message);
  void Flush();

  int fd() const { return fd_; }  // -1: closed
  State state() const { return state_; }
  bool entering() const { return state_ == State::kConnecting || state_ == State::kUpgrading; }
  bool open() const { return state_ == State::kOpen; }
  bool wants_to_write() const { return state_ == State::kConnecting || !unsent_.empty(); }
  uint64_t bytes_read() const { return bytes_read_; }
  uint16_t close_code() const { return close_code_; }       // 0: none was received
  const absl::Status& failure() const { return failure_; }  // why it never opened

  void Close();

 private:
  absl::Status Begin(const Target& target, const Route& route);
  void Fail(absl::Status why);
  void FinishConnecting();
  void Read();
  void Skip();
  void Take(std::string_view bytes);
  bool TakeAnswer(std::string_view& bytes);
  bool TakeHead(std::string_view bytes);
  void Handle(const Frame& frame);
  void Queue(Opcode opcode, std::string_view payload);

  int fd_ = -1;
  State state_ = State::kConnecting;
  OnMessage on_message_;
  std::string carry_;  // the beginning of a frame, or of the answer to the upgrade
  uint64_t skip_ = 0;  // payload still to come of a large message whose beginning is in carry_
  std::string unsent_;
  size_t unsent_from_ = 0;
  uint64_t bytes_read_ = 0;
  uint32_t frames_sent_ = 0;
  uint16_t close_code_ = 0;
  absl::Status failure_;
};

}  // namespace gischat::bench
