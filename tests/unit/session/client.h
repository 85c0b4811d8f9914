#pragma once

#include <memory>
#include <string>
#include <vector>

#include "edge/session/session.h"
#include "tests/support/edge_parts.h"
#include "tests/support/websocket_frames.h"

namespace gischat::edge::session {

// A client without a socket: a session, and what it sends.
class Client final : public Wire {
 public:
  explicit Client(tests::EdgeParts& parts, codec::Api api = codec::Api::kChannels,
                  bool understands_replies = false)
      : parts_(parts),
        session_(
            std::make_shared<Session>(*this, parts.loop.get_executor(), parts.ForSession(),
                                      SessionIdentity{api, tests::EdgeParts::kChannel,
                                                      ++last_connection_, understands_replies})) {}
  ~Client() override { Close(); }

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Starts the session and runs what is ready.
  void Enter() {
    session_->Start([this] { ready = true; });
    tests::Settle(parts_.loop);
  }
  void Send(const std::string& text) {
    session_->OnText(text);
    tests::Settle(parts_.loop);
  }
  void SendBinary() {
    session_->OnBinary();
    tests::Settle(parts_.loop);
  }
  void Say(const std::string& words) {
    Send(R"({"type":"text","author":"Ada","text":")" + words + "\"}");
  }
  void ShowImage() { Send(R"({"type":"image","author":"Ada","image_data":"aGk="})"); }
  void Claim(const std::string& nickname) {
    Send(R"({"type":"newcomer","newcomer":")" + nickname + "\"}");
  }
  void Exit(const std::string& nickname) {
    Send(R"({"type":"exiter","exiter":")" + nickname + "\"}");
  }
  // The connection ends; the session may live on.
  void Close() {
    if (session_ == nullptr) return;
    session_->OnClosed();
    session_.reset();
    tests::Settle(parts_.loop);
  }

  Session& session() { return *session_; }

  bool ready = false;
  int resumed = 0;                // times that reading was resumed
  std::vector<std::string> seen;  // flushed, in short
  std::vector<std::string> json;  // the same as it was sent
  size_t uncounted = 0;           // frames of the replay
  size_t unflushed = 0;

 private:
  void Queue(const codec::SharedBytes& frame, bool counted) override {
    for (std::string& payload : tests::PayloadsOf(*frame)) {
      json.push_back(std::move(payload));
      if (!counted) ++uncounted;
      ++unflushed;
    }
  }
  void Flush() override {
    for (size_t i = json.size() - unflushed; i < json.size(); ++i) {
      seen.push_back(tests::Short(json[i]));
    }
    unflushed = 0;
  }
  void ResumeReading() override { ++resumed; }

  inline static uint64_t last_connection_ = 0;

  tests::EdgeParts& parts_;
  std::shared_ptr<Session> session_;
};

}  // namespace gischat::edge::session
