#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/redis/resp.h"

namespace gischat::redis {

// One TCP connection that speaks RESP, from opening to its end. Confined to the loop, but for
// SendNow(). What is sent in one turn of the loop goes out in one write.
//
// Of hiredis only the parser is used: its asynchronous client resolves names by blocking, has no
// timeouts, copies the whole output buffer on every partial write, and owns a file descriptor that
// an Asio loop can't share safely.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Hears the connection, on the loop, never from within a call to it.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnOpened() = 0;
    virtual void OnReply(Reply reply) = 0;
    virtual void OnClosed(const absl::Status& why) = 0;  // by the peer or the network; once
  };

  Connection(boost::asio::io_context& loop, std::weak_ptr<Handler> handler);

  void Open(const std::string& host, uint16_t port);
  void Send(std::vector<std::string> command);
  // Once opened: writes a command on the calling thread, which spares it the way over the loop.
  // False, and the command is not asked for, when anything else waits to be written or the
  // connection has ended. Thread-safe.
  bool SendNow(absl::FunctionRef<std::vector<std::string>()> command);
  void Close();  // nothing is heard afterwards

  // When bytes last came.
  std::chrono::steady_clock::time_point last_heard() const { return last_heard_; }

 private:
  void Connect(const boost::asio::ip::tcp::resolver::results_type& addresses);
  void Read();
  void Parse(size_t size);
  void Write();
  void WriteInFlight();
  bool HasMore();
  void Fail(absl::Status why);

  boost::asio::io_context& loop_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  std::weak_ptr<Handler> handler_;
  std::mutex mutex_;                    // guards what follows, and that the socket is open
  Outbox outbox_;                       // waits
  std::vector<std::string> in_flight_;  // being written
  bool write_scheduled_ = false;
  bool closed_ = false;  // changes on the loop

  std::array<char, 64 << 10> input_;
  ReplyReader reader_;
  std::chrono::steady_clock::time_point last_heard_;
};

}  // namespace gischat::redis
