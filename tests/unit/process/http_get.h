#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <string>

namespace gischat::process {

// A blocking connection to 127.0.0.1.
class Connection {
 public:
  explicit Connection(uint16_t port) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
  }

  void Send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }

  // Everything until the other side closes, or resets.
  std::string ReadToEnd() {
    std::string all;
    boost::system::error_code error;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(all), error);
    return all;
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_{context_};
};

// The whole answer to one request, status line and header included.
inline std::string Fetch(uint16_t port, const std::string& path,
                         const std::string& method = "GET") {
  Connection connection(port);
  connection.Send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return connection.ReadToEnd();
}

}  // namespace gischat::process
