#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gischat::tests {

// A client over real TCP that lives on the loop of what it talks to: it collects what it receives
// while the loop runs, and only while it is told to read.
class TcpClient {
 public:
  using Tcp = boost::asio::ip::tcp;

  // Connects to a port of 127.0.0.1.
  TcpClient(boost::asio::io_context& loop, uint16_t port, int receive_buffer = 0)
      : state_(std::make_shared<State>(loop)) {
    state_->socket.open(Tcp::v4());
    if (receive_buffer > 0) {
      state_->socket.set_option(boost::asio::socket_base::receive_buffer_size(receive_buffer));
    }
    state_->socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
  }
  ~TcpClient() { Close(); }

  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;

  void Send(std::string_view bytes) {
    boost::system::error_code ignored;  // the other side may be gone
    boost::asio::write(state_->socket, boost::asio::buffer(bytes.data(), bytes.size()), ignored);
  }

  // From now on collects everything.
  void Read() { State::ReadOn(state_); }

  // What has come so far, while it is not told to Read(); at most so much.
  std::string ReadUpTo(size_t most) {
    std::string bytes(most, '\0');
    boost::system::error_code none;
    state_->socket.non_blocking(true, none);
    bytes.resize(state_->socket.read_some(boost::asio::buffer(bytes), none));
    state_->socket.non_blocking(false, none);
    return bytes;
  }

  std::string& received() { return state_->received; }
  // The other side has closed or reset.
  bool ended() const { return state_->ended; }
  bool was_reset() const { return state_->end == boost::asio::error::connection_reset; }

  void ShutDownSending() {
    boost::system::error_code ignored;
    state_->socket.shutdown(Tcp::socket::shutdown_send, ignored);
  }
  void Close() {
    boost::system::error_code ignored;
    state_->socket.close(ignored);
  }
  // Closes with a reset.
  void Reset() {
    boost::system::error_code ignored;
    state_->socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
    Close();
  }

 private:
  struct State {
    explicit State(boost::asio::io_context& loop) : socket(loop) {}

    static void ReadOn(const std::shared_ptr<State>& self) {
      self->socket.async_read_some(boost::asio::buffer(self->chunk),
                                   [self](boost::system::error_code error, size_t size) {
                                     self->received.append(self->chunk.data(), size);
                                     if (!error) return ReadOn(self);
                                     self->ended = true;
                                     self->end = error;
                                   });
    }

    Tcp::socket socket;
    std::array<char, 65536> chunk;
    std::string received;
    bool ended = false;
    boost::system::error_code end;
  };

  std::shared_ptr<State> state_;
};

}  // namespace gischat::tests
