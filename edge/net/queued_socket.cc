#include "edge/net/queued_socket.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace gischat::edge::net {
namespace {

namespace asio = boost::asio;

// How long a closed connection is read to its end.
constexpr std::chrono::seconds kLinger(5);

// Asio would do the same by way of buffer sequences, whose conversion shows in profiles.
ssize_t Write(int socket, iovec* pieces, size_t count) {
  if (count == 1) return send(socket, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL);
  msghdr message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

size_t SizeOf(const iovec* pieces, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += pieces[i].iov_len;
  return size;
}

}  // namespace

QueuedSocket::QueuedSocket(Socket socket, std::string unread, Kept kept)
    : core_(std::make_shared<Core>(std::move(socket), std::move(unread), std::move(kept))) {
  boost::system::error_code ignored;  // a socket that is gone already fails at the first write
  core_->socket.non_blocking(true, ignored);
  core_->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void QueuedSocket::Inflate(uint64_t max_message_bytes) {
  if (core_->ahead == nullptr) core_->ahead = std::make_unique<Ahead>();
  core_->ahead->inflater.emplace(max_message_bytes);
  core_->ahead->inflater->Feed(std::exchange(core_->ahead->unread, {}));
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

QueuedSocket::Core::Core(Socket given, std::string unread, Kept keep)
    : socket(std::move(given)), kept(std::move(keep)) {
  if (unread.empty()) return;
  ahead = std::make_unique<Ahead>();
  ahead->unread = std::move(unread);
}

void QueuedSocket::Core::Flush(const std::shared_ptr<Core>& self) {
  std::array<iovec, SendQueue::kGathered>
      pieces;  // not initialised: that would cost as much as all else
  while (!waiting && !broken && !queue.empty()) {
    const size_t count = queue.Gather(&pieces);
    const ssize_t written = Write(socket.native_handle(), pieces.data(), count);
    if (written >= 0) {
      const bool took_all = static_cast<size_t>(written) == SizeOf(pieces.data(), count);
      queue.Consume(static_cast<size_t>(written));
      taken += static_cast<uint64_t>(written);
      if (!took_all) WaitUntilWritable(self);
    } else if (errno == EAGAIN) {
      WaitUntilWritable(self);
    } else if (errno != EINTR) {
      broken = true;
      Close();
    }
  }
}

void QueuedSocket::Core::Send(const std::shared_ptr<Core>& self,
                              const std::vector<codec::SharedBytes>& frames) {
  size_t sent = SendAtOnce(frames);
  for (const codec::SharedBytes& frame : frames) {
    if (sent >= frame->size()) {
      sent -= frame->size();
      continue;
    }
    if (finished) break;
    queue.Append(frame, /*counted=*/true);
    queue.Consume(std::exchange(sent, 0));
  }
  if (!queue.empty()) Flush(self);
}

// Bytes that the kernel has taken; none where anything waits. Errors are left to Flush().
size_t QueuedSocket::Core::SendAtOnce(const std::vector<codec::SharedBytes>& frames) {
  if (waiting || broken || finished || !queue.empty()) return 0;
  std::array<iovec, SendQueue::kGathered> pieces;  // as in Flush()
  const size_t count = std::min(frames.size(), pieces.size());
  for (size_t i = 0; i < count; ++i) {
    // The interface of the system only lacks the const.
    pieces[i] = {const_cast<char*>(frames[i]->data()), frames[i]->size()};
  }
  const ssize_t written = Write(socket.native_handle(), pieces.data(), count);
  if (written < 0) return 0;
  taken += static_cast<uint64_t>(written);
  return static_cast<size_t>(written);
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
  linger_timer = std::make_unique<Timer>(socket.get_executor());
  linger_timer->expires_after(kLinger);
  linger_timer->async_wait([self](boost::system::error_code error) {
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
  if (linger_timer != nullptr) linger_timer->cancel();
  socket.close(ignored);
  kept = {};
  queue.DropUnsent();
}

}  // namespace gischat::edge::net
