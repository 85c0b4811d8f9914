#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <string>
#include <string_view>

#include "edge/net/queued_socket.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {

// A client at one end of a pair of sockets; the server at the other end works while the client
// waits for it. Nothing depends on time.
class ClientEnd {
 public:
  explicit ClientEnd(boost::asio::io_context& loop) : loop_(loop) {
    Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()) == 0,
            "there are sockets");
  }
  ~ClientEnd() { ::close(ends_[0]); }
  ClientEnd(const ClientEnd&) = delete;
  ClientEnd& operator=(const ClientEnd&) = delete;

  // To be called once.
  edge::net::Socket ServerEnd() {
    edge::net::Socket socket(loop_.get_executor());
    socket.assign(boost::asio::ip::tcp::v4(), ends_[1]);
    return socket;
  }

  // False when the server has gone away.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(ends_[0], bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
      Receive();
    }
    return true;
  }

  // Says nothing more, and takes all that the server says then.
  void Finish() {
    ::shutdown(ends_[0], SHUT_WR);
    while (Receive()) {
    }
    Require(ended_, "a connection ends with its client");
    Settle();
  }

  const std::string& received() const { return received_; }

 private:
  void Settle() {
    do {
      loop_.restart();
    } while (loop_.poll() > 0);
  }

  // Lets the server work, and takes what it says; false when that was nothing.
  bool Receive() {
    Settle();
    std::array<char, 65536> chunk;
    bool heard = false;
    ssize_t size = 0;
    while ((size = ::read(ends_[0], chunk.data(), chunk.size())) > 0) {
      received_.append(chunk.data(), static_cast<size_t>(size));
      heard = true;
    }
    ended_ = ended_ || size == 0 || errno == ECONNRESET;
    return heard;
  }

  boost::asio::io_context& loop_;
  std::array<int, 2> ends_{};  // the client's, the server's
  std::string received_;
  bool ended_ = false;
};

}  // namespace gischat::fuzz
