#pragma once

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "edge/net/queued_socket.h"
#include "edge/session/keepalive.h"
#include "edge/session/session.h"
#include "edge/settings/settings.h"

namespace gischat::edge::session {

// Bounds of a connection.
struct ConnectionLimits {
  size_t queue_bytes = 16 << 20;           // waiting for a slow reader, replay not counted
  std::chrono::seconds pong_timeout{60};   // without a sign of life after a ping: gone
  std::chrono::seconds write_timeout{30};  // bytes wait and the client takes none
};

// One client's WebSocket. Beast does the handshake, reading and control frames; frames of the hub
// go past it into the same queue (see net::QueuedSocket). Confined to the socket's thread; it keeps
// itself alive from the handshake until it has ended.
class WebSocketConnection final : public Wire,
                                  public Kept,
                                  public std::enable_shared_from_this<WebSocketConnection> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;

  // `unread`: what was read behind the request. `ticket` is kept until the socket is
  // closed.
  WebSocketConnection(net::Socket socket, std::string unread, ConnectionLimits limits,
                      SessionParts parts, SessionIdentity identity, Keepalive& keepalive,
                      std::shared_ptr<void> ticket);

  // Answers the upgrade and lets the client in. With `may_compress` both sides compress messages
  // (permessage-deflate) when the client offers it.
  void Start(Request request, bool may_compress = true);

  // Why a client is sent away.
  enum class Farewell { kRestart, kChannelRemoved };

  // Takes nothing more from the client, shows it what it has said so far, tells it that it is
  // closed (1001), and ends. When the channel goes, it is shown for a moment longer what others
  // have said until then.
  void GoAway(Farewell why = Farewell::kRestart);

  // Its upgrade was answered too late: once it is accepted, it is told that its channel is gone.
  // Before Start().
  void TurnAway() { turned_away_ = true; }

  const std::string& channel() const { return session_->identity().channel; }

  // How much the client may say from now on.
  void SetMessageRate(net::Rate rate) { session_->SetMessageRate(rate); }

 private:
  void Queue(const codec::SharedBytes& frame, bool counted) override;
  void Flush() override;
  void Show(const std::vector<codec::SharedBytes>& frames) override;
  void ResumeReading() override;
  void OnPingDue(std::chrono::steady_clock::time_point now) override;
  void OnWatched(std::chrono::steady_clock::time_point now) override;

  static constexpr auto kAnswered = std::chrono::steady_clock::time_point::max();

  // Since when the client takes nothing, and what it had taken by then. Counts as one that waits.
  class Stall {
   public:
    explicit Stall(EdgeMetrics& metrics) : metrics_(metrics) { metrics_.OnWaiting(1, 0); }
    ~Stall() { metrics_.OnWaiting(-1, -bytes_); }
    Stall(const Stall&) = delete;
    Stall& operator=(const Stall&) = delete;

    void NoteWaiting(size_t bytes) {
      const auto now = static_cast<int64_t>(bytes);
      metrics_.OnWaiting(0, now - bytes_);
      bytes_ = now;
    }

    std::chrono::steady_clock::time_point since;
    uint64_t acknowledged = 0;

   private:
    EdgeMetrics& metrics_;
    int64_t bytes_ = 0;
  };

  using Buffer = boost::beast::flat_buffer;

  void Compress();
  void OnAccepted(boost::system::error_code error);
  void Read();
  void OnBegun(boost::system::error_code error, size_t size);
  void OnRead(boost::system::error_code error, Buffer& message);
  void AwaitEchoes(std::chrono::steady_clock::time_point from,
                   std::chrono::steady_clock::time_point give_up);
  void Close();
  void AfterWrite();
  bool IsOverBound() const;
  void CutSlowReaderSoon();
  void CutOff(const char* cause, const char* words);
  void End();
  void ResetAfter(std::chrono::milliseconds wait);

  // Knows nothing of compression: messages are inflated below it, and compressed by the hub.
  boost::beast::websocket::stream<net::QueuedSocket, /*deflateSupported=*/false> stream_;
  std::array<char, 1> beginning_;  // of the next message: an idle client needs no buffer
  const ConnectionLimits limits_;
  EdgeMetrics& metrics_;
  Keepalive& keepalive_;
  std::shared_ptr<Session> session_;
  std::unique_ptr<net::Timer> reset_timer_;  // once it is being sent away or closed
  // When the first ping was sent since the last sign of life of the client.
  std::chrono::steady_clock::time_point unanswered_since_ = kAnswered;
  std::unique_ptr<Stall> stall_;               // while it is watched
  std::shared_ptr<WebSocketConnection> self_;  // while it stands in keepalive_
  bool ready_ = false;                         // the session takes messages
  bool reading_ = false;
  bool leaving_ = false;  // is sent away
  Farewell farewell_ = Farewell::kRestart;
  bool turned_away_ = false;
  bool ended_ = false;
  bool cut_ = false;
};

}  // namespace gischat::edge::session
