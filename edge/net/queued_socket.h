#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/role.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "edge/net/exact_memory.h"
#include "edge/net/frame_inflater.h"
#include "edge/net/send_queue.h"

namespace gischat::edge::net {

using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

// A TCP socket whose writes all go through one SendQueue. It is the layer below Beast's
// websocket::stream: what Beast writes by itself (the handshake's answer, pongs, closes) is
// appended to the same queue as the frames that we prepare and share, so that the two can never
// interleave.
//
// Writing is synchronous as far as the kernel takes the bytes, then waits for it to take more; an
// asynchronous write completes as soon as its bytes are queued, and counts against the bound of
// what may wait: a client could make Beast answer any number of pings. Confined to the socket's
// thread. The shared state outlives the object while a wait is pending.
class QueuedSocket {
 public:
  using executor_type = Executor;

  // What lasts as long as the socket, some of it perhaps null.
  using Kept = std::array<std::shared_ptr<void>, 2>;

  // `unread`: bytes that were read from the socket already, to be read again first. `kept` is let
  // go when the socket is closed, which may be after the end of this object.
  QueuedSocket(Socket socket, std::string unread, Kept kept);

  // From now on the client may compress: what is read are the frames that it would have sent
  // without. `max_message_bytes`: see FrameInflater. To be called before anything is read.
  void Inflate(uint64_t max_message_bytes);

  executor_type get_executor() noexcept { return core_->socket.get_executor(); }

  // Queues bytes; nothing is written before Flush().
  void Append(codec::SharedBytes bytes, bool counted) {
    if (!core_->finished) core_->queue.Append(std::move(bytes), counted);
  }
  // Writes what the kernel takes, and the rest when it takes more.
  void Flush() { core_->Flush(core_); }
  // Append(), counted, and Flush() in one: what the kernel takes at once is not queued at all.
  void Send(const std::vector<codec::SharedBytes>& frames) { core_->Send(core_, frames); }

  const SendQueue& queue() const { return core_->queue; }

  // Writes a last frame, right after the one that is partly written: whatever else waits or is
  // appended later is dropped. Nothing when a close frame is on its way already.
  void Finish(codec::SharedBytes last);

  // The kernel takes no more for the moment.
  bool waiting() const { return core_->waiting; }
  // Bytes that the peer has acknowledged so far. The kernel alone tells little about a peer: full
  // buffers of some megabytes take no more before a third of them is free.
  uint64_t acknowledged() const;

  // A write failed: the peer is gone.
  bool broken() const { return core_->broken; }

  // Ends the connection with a reset, whatever is queued.
  void Reset();

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [this](auto handler, const Buffers& into) {
          if (core_->ahead == nullptr) {
            core_->socket.async_read_some(into, std::move(handler));
            return;
          }
          if (core_->ahead->inflater) {
            using Handler = decltype(handler);
            boost::asio::async_compose<Handler, void(boost::system::error_code, size_t)>(
                InflatedRead<Buffers>{core_, into}, handler, core_->socket);
            return;
          }
          std::string& unread = core_->ahead->unread;
          const size_t copied = boost::asio::buffer_copy(into, boost::asio::buffer(unread));
          unread.erase(0, copied);
          if (unread.empty()) core_->ahead.reset();
          Complete(std::move(handler), copied);
        },
        token, buffers);
  }

  // Beast writes each of its frames at once. What is appended behind a close frame is dropped,
  // since nothing may follow one, and messages of others go on until Beast's reader hears of it.
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, size_t)>(
        [this](auto handler, const Buffers& from) {
          auto bytes = std::make_shared<std::string>(boost::asio::buffer_size(from), '\0');
          boost::asio::buffer_copy(boost::asio::buffer(*bytes), from);
          const size_t size = bytes->size();
          const bool is_close = codec::IsCloseFrame(*bytes);
          Append(std::move(bytes), /*counted=*/true);
          if (is_close) core_->finished = true;
          Flush();
          Complete(std::move(handler), size);
        },
        token, buffers);
  }

  // Closing as Beast asks for it: sends what is queued, shuts down sending, then reads and drops
  // for up to kLinger, since closing with unread data would send a reset, and the client would
  // never see why it was closed.
  template <typename Handler>
  friend void async_teardown(boost::beast::role_type, QueuedSocket& socket, Handler&& handler) {
    socket.core_->Linger(socket.core_);
    boost::asio::post(socket.get_executor(), [done = std::forward<Handler>(handler)]() mutable {
      done(boost::system::error_code());
    });
  }

  // Beast's way to close a socket at once.
  friend void beast_close_socket(QueuedSocket& socket) { socket.core_->Close(); }

 private:
  // What is read before the socket is. One member of Core, which an idle client pays for.
  struct Ahead {
    std::string unread;
    std::optional<FrameInflater> inflater;  // of a client that compresses; takes what is unread
  };

  // Outlives the QueuedSocket while it still writes or lingers.
  struct Core {
    Core(Socket given, std::string unread, Kept keep);

    void Flush(const std::shared_ptr<Core>& self);
    void Send(const std::shared_ptr<Core>& self, const std::vector<codec::SharedBytes>& frames);
    size_t SendAtOnce(const std::vector<codec::SharedBytes>& frames);
    void WaitUntilWritable(const std::shared_ptr<Core>& self);
    void Linger(const std::shared_ptr<Core>& self);
    void ShutDownSending(const std::shared_ptr<Core>& self);
    void ReadAndDrop(const std::shared_ptr<Core>& self);
    void Close();

    // First what every message touches: with ten thousand sockets it is in no cache.
    Socket socket;
    uint64_t taken = 0;
    bool waiting = false;  // for the kernel to take more
    bool broken = false;
    bool lingering = false;
    bool finished = false;
    SendQueue queue;
    std::unique_ptr<Timer> linger_timer;  // once it lingers
    std::unique_ptr<Ahead> ahead;         // null: nothing
    Kept kept;
  };

  // Reads until something comes out of the inflater.
  template <typename Buffers>
  struct InflatedRead {
    std::weak_ptr<Core> weak;
    Buffers into;
    bool began = false;

    template <typename Self>
    void operator()(Self& self, boost::system::error_code error = {}, size_t size = 0) {
      const auto core = weak.lock();
      if (core == nullptr) error = boost::asio::error::operation_aborted;
      if (error) return self.complete(error, 0);
      if (size > 0) {
        std::string bytes(size, '\0');
        boost::asio::buffer_copy(boost::asio::buffer(bytes), into);
        core->ahead->inflater->Feed(bytes);
      }
      const bool calls_back = std::exchange(began, true);
      const std::string_view ready = core->ahead->inflater->Ready();
      if (ready.empty()) {
        const Buffers room = into;
        return core->socket.async_read_some(room, std::move(self));
      }
      if (!calls_back) return boost::asio::post(core->socket.get_executor(), std::move(self));
      const size_t taken = boost::asio::buffer_copy(into, boost::asio::buffer(ready));
      core->ahead->inflater->Consume(taken);
      self.complete({}, taken);
    }
  };

  template <typename Handler>
  void Complete(Handler handler, size_t size) {
    auto executor = boost::asio::get_associated_executor(handler, get_executor());
    boost::asio::post(executor, [handler = std::move(handler), size]() mutable {
      handler(boost::system::error_code(), size);
    });
  }

  std::shared_ptr<Core> core_;
};

}  // namespace gischat::edge::net
