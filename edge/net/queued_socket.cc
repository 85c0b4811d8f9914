#include "edge/net/queued_socket.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>

namespace gischat::edge::net {
namespace {

namespace asio = boost::asio;

// How long a closed connection is read to its end.
constexpr std::chrono::seconds kLinger(5);

}  // namespace

QueuedSocket::QueuedSocket(Socket socket, std::string unread, std::shared_ptr<void> kept)
    : core_(std::make_shared<Core>(std::move(socket), std::move(unread), std::move(kept))) {
  boost::system::error_code ignored;  // a socket that is gone already fails at the first write
  core_->socket.non_blocking(true, ignored);
  core_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

uint64_t QueuedSocket::acknowledged() const {
  int unacknowledged = 0;
  ioctl(core_->socket.native_handle(), SIOCOUTQ, &unacknowledged);
  return core_->taken - static_cast<uint64_t>(unacknowledged);
}

void QueuedSocket::Reset() {
  boost::system::error_code ignored;
  core_->socket.set_option(asio::socket_base::linger(true, 0), ignored);
  core_->Close();
}

void QueuedSocket::Finish(codec::SharedBytes last) {
  if (core_->finished) return;
  core_->queue.DropUnsent();
  Append(std::move(last), /*counted=*/false);
  core_->finished = true;
  Flush();
}

void QueuedSocket::Core::Flush(const std::shared_ptr<Core>& self) {
  std::array<std::string_view, SendQueue::kGathered> pieces;
  std::array<asio::const_buffer, SendQueue::kGathered> buffers;
  while (!waiting && !broken && !queue.empty()) {
    const size_t count = queue.Gather(&pieces);
    size_t offered = 0;
    for (size_t i = 0; i < count; ++i) {
      buffers[i] = asio::const_buffer(pieces[i].data(), pieces[i].size());
      offered += pieces[i].size();
    }
    for (size_t i = count; i < buffers.size(); ++i) buffers[i] = asio::const_buffer();
    boost::system::error_code error;
    const size_t written = socket.write_some(buffers, error);
    if (error == asio::error::would_block) return WaitUntilWritable(self);
    if (error) {
      broken = true;
      Close();
      return;
    }
    queue.Consume(written);
    taken += written;
    if (written < offered) return WaitUntilWritable(self);
  }
}

void QueuedSocket::Core::WaitUntilWritable(const std::shared_ptr<Core>& self) {
  waiting = true;
  socket.async_wait(Socket::wait_write, [self](boost::system::error_code error) {
    self->waiting = false;
    if (error) return;
    self->Flush(self);
    if (self->lingering && self->queue.empty()) self->ShutDownSending(self);
  });
}

void QueuedSocket::Core::Linger(const std::shared_ptr<Core>& self) {
  if (lingering || broken) return;
  lingering = true;
  linger_timer.expires_after(kLinger);
  linger_timer.async_wait([self](boost::system::error_code error) {
    if (!error) self->Close();
  });
  if (queue.empty()) ShutDownSending(self);
}

void QueuedSocket::Core::ShutDownSending(const std::shared_ptr<Core>& self) {
  boost::system::error_code ignored;
  socket.shutdown(Socket::shutdown_send, ignored);
  ReadAndDrop(self);
}

void QueuedSocket::Core::ReadAndDrop(const std::shared_ptr<Core>& self) {
  socket.async_wait(Socket::wait_read, [self](boost::system::error_code error) {
    std::array<char, 16384> dropped;
    if (!error) self->socket.read_some(asio::buffer(dropped), error);
    if (error && error != asio::error::would_block) return self->Close();
    self->ReadAndDrop(self);
  });
}

void QueuedSocket::Core::Close() {
  boost::system::error_code ignored;
  linger_timer.cancel();
  socket.close(ignored);
  kept.reset();
  queue.DropUnsent();
}

}  // namespace gischat::edge::net
