#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tests/bench/load/frames.h"
#include "tests/bench/load/handshake.h"

namespace gischat::bench {

// A client's socket: reads whatever is there in one go and hands out messages without copying them;
// answers pings. Not thread-safe.
class Connection {
 public:
  // Called for each text frame; the text lives until the call returns.
  using OnMessage = std::function<void(std::string_view message)>;

  Connection(Upgraded upgraded, OnMessage on_message);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Hands out what came together with the answer to the upgrade.
  void Start();

  // Reads what the socket holds. To be called when it is readable.
  void Read();

  // Sends a text frame, now as far as the socket takes it and the rest by Flush().
  void Send(std::string_view message);
  void Flush();

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  bool wants_to_write() const { return !unsent_.empty(); }
  uint64_t bytes_read() const { return bytes_read_; }
  uint16_t close_code() const { return close_code_; }  // 0: none was received

  void Close();

 private:
  void Take(std::string_view bytes);
  void Handle(const Frame& frame);
  void Write(Opcode opcode, std::string_view payload);

  int fd_;
  OnMessage on_message_;
  std::string carry_;  // the beginning of a frame
  std::string unsent_;
  uint64_t bytes_read_ = 0;
  uint32_t frames_sent_ = 0;
  uint16_t close_code_ = 0;
};

}  // namespace gischat::bench
