#include "edge/session/websocket_connection.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "common/base/version.h"
#include "edge/session/deflate_offer.h"
#include "edge/session/heap.h"

namespace gischat::edge::session {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;

// How long a client may take to answer our close.
constexpr std::chrono::seconds kClosePatience(5);
// Whoever is sent away sees what it said first, if that comes within the patience.
constexpr std::chrono::seconds kEchoPatience(1);
constexpr std::chrono::milliseconds kEchoStep(10);
// What others said in a channel that goes is under way for so long at most, as a rule.
constexpr std::chrono::milliseconds kOthersPatience(200);
// How long a reader that was too slow gets to see why it is cut off.
constexpr std::chrono::seconds kCutPatience(1);

void NameServer(websocket::response_type& response) {
  response.set(boost::beast::http::field::server, "gischat/" + std::string(base::Version()));
}

}  // namespace

WebSocketConnection::WebSocketConnection(net::Socket socket, std::string unread,
                                         ConnectionLimits limits, SessionParts parts,
                                         SessionIdentity identity, Keepalive& keepalive,
                                         std::shared_ptr<void> ticket)
    : stream_(std::move(socket), std::move(unread),
              net::QueuedSocket::Kept{std::move(ticket), parts.alive}),
      limits_(limits),
      metrics_(parts.metrics),
      keepalive_(keepalive),
      session_(std::make_shared<Session>(*this, stream_.get_executor(), std::move(parts),
                                         std::move(identity))) {
  stream_.read_message_max(kMaxMessageBytes);
  stream_.set_option(websocket::stream_base::decorator(NameServer));
  stream_.control_callback([this](websocket::frame_type, boost::beast::string_view) {
    unanswered_since_ = kAnswered;
    if (IsOverBound()) CutSlowReaderSoon();  // Beast answers pings past Queue()
  });
}

void WebSocketConnection::Start(Request request, bool may_compress) {
  if (may_compress && OffersDeflate(request)) Compress();
  auto kept = std::make_shared<Request>(std::move(request));
  stream_.async_accept(*kept, [self = shared_from_this(), kept](boost::system::error_code error) {
    self->OnAccepted(error);
  });
}

void WebSocketConnection::Compress() {
  stream_.next_layer().Inflate(kMaxMessageBytes);
  stream_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
    NameServer(response);
    if (response.result() != boost::beast::http::status::switching_protocols) return;
    response.set(boost::beast::http::field::sec_websocket_extensions, kDeflateAnswer);
  }));
  session_->inflates = true;
}

void WebSocketConnection::OnAccepted(boost::system::error_code error) {
  if (error) return;  // the client was told by the answer; it was never let in
  // Its upgrade was under way while everybody was sent away.
  if (keepalive_.closed()) return Close();
  if (turned_away_ || !session_->MayEnter()) {  // likewise, while its channel was removed
    farewell_ = Farewell::kChannelRemoved;
    return Close();
  }
  keepalive_.Add(*this);
  self_ = shared_from_this();
  session_->Start([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->ready_ = true;
    self->ResumeReading();
  });
}

void WebSocketConnection::ResumeReading() {
  if (!ready_ || reading_ || leaving_ || ended_) return;
  // Never from within the caller: it may be in the middle of handing out a batch.
  reading_ = true;
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->Read(); });
}

// Takes the first byte of a message alone, however long that is in coming. Beast would hold a
// buffer of 1.5 KiB meanwhile, and forgets what it has read if one waits without it.
void WebSocketConnection::Read() {
  stream_.async_read_some(boost::asio::buffer(beginning_),
                          net::WithExactMemory([self = shared_from_this()](
                                                   boost::system::error_code error, size_t size) {
                            self->OnBegun(error, size);
                          }));
}

void WebSocketConnection::OnBegun(boost::system::error_code error, size_t size) {
  const auto buffer = std::make_shared<Buffer>();
  buffer->commit(asio::buffer_copy(buffer->prepare(size), asio::buffer(beginning_, size)));
  if (error || leaving_ || stream_.is_message_done()) return OnRead(error, *buffer);
  stream_.async_read(*buffer,
                     [self = shared_from_this(), buffer](boost::system::error_code failed, size_t) {
                       self->OnRead(failed, *buffer);
                     });
}

void WebSocketConnection::OnRead(boost::system::error_code error, Buffer& message) {
  reading_ = false;
  if (error) return End();
  if (leaving_) return;
  unanswered_since_ = kAnswered;
  if (stream_.got_text()) {
    const auto bytes = message.cdata();
    session_->OnText({static_cast<const char*>(bytes.data()), bytes.size()});
  } else {
    session_->OnBinary();
  }
  message = {};  // its handler may outlive it for a while
  if (ended_ || reading_ || !session_->CanTakeMore()) return;
  reading_ = true;
  Read();
}

void WebSocketConnection::Queue(const codec::SharedBytes& frame, bool counted) {
  // Judged by what waits already: one message, however large, cuts nobody off.
  if (counted && IsOverBound()) CutSlowReaderSoon();
  stream_.next_layer().Append(frame, counted);
}

bool WebSocketConnection::IsOverBound() const {
  return stream_.next_layer().queue().counted_bytes() > limits_.queue_bytes;
}

// Not from within the caller, which may be in the middle of handing out a batch. It flushes then,
// and whoever has room for what comes is no slow reader.
void WebSocketConnection::CutSlowReaderSoon() {
  if (std::exchange(cut_, true)) return;
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->cut_ = self->IsOverBound();
    if (self->cut_) self->CutOff("slow", "reading too slowly");
  });
}

void WebSocketConnection::Flush() {
  stream_.next_layer().Flush();
  AfterWrite();
}

void WebSocketConnection::Show(const std::vector<codec::SharedBytes>& frames) {
  if (IsOverBound()) CutSlowReaderSoon();
  stream_.next_layer().Send(frames);
  AfterWrite();
}

void WebSocketConnection::AfterWrite() {
  const net::QueuedSocket& socket = stream_.next_layer();
  if (socket.waiting() && self_ != nullptr) keepalive_.Watch(*this);
  // A failed write shows in the pending read as well; where none is pending, it shows here.
  if (socket.broken() && !reading_) {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->End(); });
  }
}

void WebSocketConnection::CutOff(const char* cause, const char* words) {
  if (ended_) return;
  const auto self = shared_from_this();  // End() lets go of what may be the last reference
  spdlog::info("edge: a client is cut off: {} ({} bytes waiting)", words,
               stream_.next_layer().queue().counted_bytes());
  metrics_.OnCut(cause);
  stream_.next_layer().Finish(codec::MakeCloseFrame(websocket::close_code::policy_error, words));
  End();
  ResetAfter(kCutPatience);
}

void WebSocketConnection::OnPingDue(std::chrono::steady_clock::time_point now) {
  if (ended_) return;
  // Not since the last sign of life: between two pings there need not be any.
  if (unanswered_since_ != kAnswered && now - unanswered_since_ >= limits_.pong_timeout) {
    metrics_.OnCut("silent");
    stream_.next_layer().Reset();
    End();
    return;
  }
  if (unanswered_since_ == kAnswered) unanswered_since_ = now;
  stream_.next_layer().Append(codec::PingFrame(), /*counted=*/false);
  Flush();
}

void WebSocketConnection::OnWatched(std::chrono::steady_clock::time_point now) {
  const net::QueuedSocket& socket = stream_.next_layer();
  if (!socket.waiting()) {
    stall_.reset();
    return keepalive_.Unwatch(*this);
  }
  const uint64_t acknowledged = socket.acknowledged();
  const bool began = stall_ == nullptr;
  if (began) stall_ = std::make_unique<Stall>(metrics_);
  stall_->NoteWaiting(socket.queue().counted_bytes());
  if (began || acknowledged != stall_->acknowledged) {
    stall_->since = now;
    stall_->acknowledged = acknowledged;
  } else if (now - stall_->since >= limits_.write_timeout) {
    CutOff("stalled", "not reading");
  }
}

void WebSocketConnection::GoAway(Farewell why) {
  if (leaving_ || ended_) return;
  leaving_ = true;
  farewell_ = why;
  keepalive_.Remove(*this);
  const auto self = std::exchange(self_, nullptr);
  const auto now = std::chrono::steady_clock::now();
  AwaitEchoes(why == Farewell::kRestart ? now : now + kOthersPatience, now + kEchoPatience);
}

// Ends when nothing is under way, but not before `from` and not after `give_up`.
void WebSocketConnection::AwaitEchoes(std::chrono::steady_clock::time_point from,
                                      std::chrono::steady_clock::time_point give_up) {
  const auto now = std::chrono::steady_clock::now();
  if ((now >= from && !session_->HasUnderWay()) || now >= give_up) {
    End();
    return Close();
  }
  reset_timer_ = std::make_unique<net::Timer>(stream_.get_executor());
  reset_timer_->expires_after(kEchoStep);
  reset_timer_->async_wait(
      [self = shared_from_this(), from, give_up](boost::system::error_code error) {
        if (!error && !self->ended_) self->AwaitEchoes(from, give_up);
      });
}

void WebSocketConnection::Close() {
  ended_ = true;
  const bool restarts = farewell_ == Farewell::kRestart;
  metrics_.OnCut(restarts ? "shutdown" : "removed");
  stream_.async_close(
      {websocket::close_code::going_away, restarts ? "server restarts" : "channel removed"},
      [self = shared_from_this()](boost::system::error_code) { self->reset_timer_->cancel(); });
  ResetAfter(kClosePatience);
}

// The client leaves, whatever the reason; only the socket may still be busy saying so.
void WebSocketConnection::End() {
  if (std::exchange(ended_, true)) return;
  const auto self = std::exchange(self_, nullptr);
  if (self != nullptr) keepalive_.Remove(*this);
  stall_.reset();
  session_->OnClosed();
}

void WebSocketConnection::ResetAfter(std::chrono::milliseconds wait) {
  reset_timer_ = std::make_unique<net::Timer>(stream_.get_executor());
  reset_timer_->expires_after(wait);
  reset_timer_->async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error) return;
    self->stream_.next_layer().Reset();
    TrimHeap();
  });
}

}  // namespace gischat::edge::session
