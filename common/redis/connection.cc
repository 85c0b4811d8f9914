#include "common/redis/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gischat::redis {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

absl::Status Unavailable(const error_code& error) {
  if (error == asio::error::eof) return absl::UnavailableError("connection closed by Redis");
  std::string words = error.message();
  if (!words.empty()) {
    words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
  }
  return absl::UnavailableError(words);
}

// Bytes that the socket has taken; none on any error, which the next write meets again.
size_t SendSome(int socket, const std::vector<std::string>& pieces) {
  std::array<iovec, 16> buffers{};
  msghdr message{};
  message.msg_iov = buffers.data();
  while (message.msg_iovlen < std::min(pieces.size(), buffers.size())) {
    const std::string& piece = pieces[message.msg_iovlen];
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): it is not written to.
    buffers[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  const ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

// Whether nothing is left.
bool DropSent(std::vector<std::string>& pieces, size_t sent) {
  auto unsent = pieces.begin();
  for (; unsent != pieces.end() && sent >= unsent->size(); ++unsent) sent -= unsent->size();
  pieces.erase(pieces.begin(), unsent);
  if (!pieces.empty()) pieces.front().erase(0, sent);
  return pieces.empty();
}

}  // namespace

Connection::Connection(asio::io_context& loop, std::weak_ptr<Handler> handler)
    : loop_(loop), resolver_(loop), socket_(loop), handler_(std::move(handler)) {}

void Connection::Open(const std::string& host, uint16_t port) {
  resolver_.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service,
      [self = shared_from_this()](const error_code& error,
                                  const tcp::resolver::results_type& addresses) {
        if (self->closed_) return;
        if (error) return self->Fail(Unavailable(error));
        self->Connect(addresses);
      });
}

void Connection::Connect(const tcp::resolver::results_type& addresses) {
  asio::async_connect(socket_, addresses,
                      [self = shared_from_this()](const error_code& error, const tcp::endpoint&) {
                        if (self->closed_) return;
                        if (error) return self->Fail(Unavailable(error));
                        error_code ignored;
                        self->socket_.set_option(tcp::no_delay(true), ignored);
                        self->socket_.set_option(asio::socket_base::keep_alive(true), ignored);
                        self->Read();
                        if (auto handler = self->handler_.lock()) handler->OnOpened();
                      });
}

void Connection::Send(std::vector<std::string> command) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    outbox_.Add(std::move(command));
    if (std::exchange(write_scheduled_, true)) return;
  }
  asio::post(loop_, [self = shared_from_this()] { self->Write(); });
}

bool Connection::SendNow(absl::FunctionRef<std::vector<std::string>()> command) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || write_scheduled_) return false;
    Outbox alone;
    alone.Add(command());
    in_flight_ = alone.Take();
    if (DropSent(in_flight_, SendSome(socket_.native_handle(), in_flight_))) return true;
    write_scheduled_ = true;
  }
  asio::post(loop_, [self = shared_from_this()] { self->WriteInFlight(); });
  return true;
}

void Connection::Write() {
  {
    const std::lock_guard lock(mutex_);
    in_flight_ = outbox_.Take();
  }
  WriteInFlight();
}

// Nobody else touches them before this is done.
void Connection::WriteInFlight() {
  if (closed_) return;
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(in_flight_.size());
  for (const std::string& piece : in_flight_) buffers.push_back(asio::buffer(piece));
  // As much as the socket takes in each system call, not Asio's 64 KiB.
  const auto everything = [](const error_code& error, size_t) {
    return error ? size_t{0} : std::numeric_limits<size_t>::max();
  };
  asio::async_write(socket_, buffers, everything,
                    [self = shared_from_this()](const error_code& error, size_t) {
                      if (self->closed_) return;
                      if (error) return self->Fail(Unavailable(error));
                      if (self->HasMore()) self->Write();
                    });
}

// Ends the write that was scheduled, unless more has come meanwhile.
bool Connection::HasMore() {
  const std::lock_guard lock(mutex_);
  in_flight_.clear();
  write_scheduled_ = !outbox_.empty();
  return write_scheduled_;
}

void Connection::Read() {
  socket_.async_read_some(asio::buffer(input_),
                          [self = shared_from_this()](const error_code& error, size_t size) {
                            if (self->closed_) return;
                            if (error) return self->Fail(Unavailable(error));
                            self->Parse(size);
                          });
}

void Connection::Parse(size_t size) {
  last_heard_ = std::chrono::steady_clock::now();
  reader_.Feed({input_.data(), size});
  while (!closed_) {
    absl::StatusOr<std::optional<Reply>> reply = reader_.Next();
    if (!reply.ok()) return Fail(reply.status());
    if (!reply->has_value()) break;
    if (auto handler = handler_.lock()) handler->OnReply(*std::move(*reply));
  }
  if (!closed_) Read();
}

void Connection::Fail(absl::Status why) {
  Close();
  if (auto handler = handler_.lock()) handler->OnClosed(why);
}

void Connection::Close() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(closed_, true)) return;
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace gischat::redis
