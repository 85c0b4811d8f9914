#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/redis/connection.h"
#include "tests/support/loop_thread.h"

namespace gischat::redis {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Command = std::vector<std::string>;

class Handler final : public Connection::Handler {
 public:
  void OnOpened() override { opened.set_value(); }
  void OnReply(Reply /*reply*/) override {}
  void OnClosed(const absl::Status& /*why*/) override {}

  std::promise<void> opened;
};

// A connection to a peer that says nothing and reads what the test asks it to.
class RedisConnection : public testing::Test {
 protected:
  RedisConnection() {
    acceptor_.set_option(asio::socket_base::receive_buffer_size(4096));
    asio::post(loop(),
               [this] { connection_->Open("127.0.0.1", acceptor_.local_endpoint().port()); });
    peer_ = acceptor_.accept();
    handler_->opened.get_future().wait();
  }
  ~RedisConnection() override {
    OnLoop([this] { connection_->Close(); });
    thread_.Stop();
  }

  asio::io_context& loop() { return thread_.loop(); }

  void OnLoop(const std::function<void()>& action) {
    std::promise<void> done;
    asio::post(loop(), [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

  bool SendNow(const Command& command) {
    return connection_->SendNow([&] { return command; });
  }

  void ExpectToRead(const std::vector<Command>& commands) {
    Outbox outbox;
    for (const Command& command : commands) outbox.Add(command);
    std::string expected;
    for (const std::string& piece : outbox.Take()) expected += piece;
    std::string read(expected.size(), '\0');
    asio::read(peer_, asio::buffer(read));
    EXPECT_TRUE(read == expected);
  }

  tests::LoopThread thread_;
  asio::io_context peers_;
  tcp::acceptor acceptor_{peers_, {asio::ip::make_address("127.0.0.1"), 0}};
  tcp::socket peer_{peers_};
  std::shared_ptr<Handler> handler_ = std::make_shared<Handler>();
  std::shared_ptr<Connection> connection_ = std::make_shared<Connection>(loop(), handler_);
};

TEST_F(RedisConnection, WritesOnTheThreadThatAsksWhileTheLoopIsBusy) {
  const std::shared_ptr<void> blocked = thread_.Block();
  EXPECT_TRUE(SendNow({"PING", "one"}));
  EXPECT_TRUE(SendNow({"PING", "two"}));
  ExpectToRead({{"PING", "one"}, {"PING", "two"}});
}

TEST_F(RedisConnection, WhatTheSocketDoesNotTakeAtOnceFollowsInOrder) {
  const Command large = {"SET", "a", std::string(12 << 20, 'a'), "PX", "1000"};
  EXPECT_TRUE(SendNow(large));
  EXPECT_FALSE(connection_->SendNow([]() -> Command {
    ADD_FAILURE() << "asked for a command that can't go";
    return {};
  }));
  OnLoop([this] { connection_->Send({"GET", "a"}); });
  ExpectToRead({large, {"GET", "a"}});
}

TEST_F(RedisConnection, SmallPiecesBetweenLargeOnesStayInPlace) {
  Command many = {"RPUSH", "list"};
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    many.emplace_back(100'000, letter);
    many.emplace_back(1, letter);
  }
  EXPECT_TRUE(SendNow(many));
  ExpectToRead({many});
}

TEST_F(RedisConnection, NothingIsWrittenOnceItHasEnded) {
  OnLoop([this] { connection_->Close(); });
  EXPECT_FALSE(SendNow({"PING"}));
}

}  // namespace
}  // namespace gischat::redis
