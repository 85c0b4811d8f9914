#include "edge/net/queued_socket.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/run_until.h"
#include "tests/support/tcp_client.h"

namespace gischat::edge::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using tests::RunUntil;
using tests::Settle;

codec::SharedBytes Bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// Far more than the kernel buffers of both ends hold.
constexpr size_t kPiece = 100'000;
constexpr int kPieces = 200;

std::string PieceNumber(int number) {
  return std::string(kPiece, static_cast<char>('a' + number % 26));
}

class QueuedSocketTest : public testing::Test {
 protected:
  using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

  void Connect(const std::string& unread = "", int receive_buffer = 0) {
    Acceptor acceptor(loop_.get_executor(), tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    client_ =
        std::make_unique<tests::TcpClient>(loop_, acceptor.local_endpoint().port(), receive_buffer);
    socket_ = std::make_unique<QueuedSocket>(acceptor.accept(), unread,
                                             QueuedSocket::Kept{std::move(ticket_), nullptr});
  }

  // To a client that does not read.
  void ConnectSlowly() { Connect("", /*receive_buffer=*/8192); }

  // Fills the kernel's buffers and the queue; returns everything that was queued.
  std::string QueuePieces() {
    std::string all;
    for (int i = 0; i < kPieces; ++i) {
      all += PieceNumber(i);
      socket_->Append(Bytes(PieceNumber(i)), true);
    }
    socket_->Flush();
    return all;
  }

  std::string ReadSome(size_t limit) {
    std::string into(limit, '\0');
    size_t size = 0;
    bool done = false;
    socket_->async_read_some(asio::buffer(into), [&](boost::system::error_code error, size_t read) {
      EXPECT_FALSE(error) << error.message();
      size = read;
      done = true;
    });
    EXPECT_TRUE(RunUntil(loop_, [&] { return done; }));
    return into.substr(0, size);
  }

  void TearDownSocket() {
    bool done = false;
    async_teardown(boost::beast::role_type::server, *socket_,
                   [&](boost::system::error_code error) { done = !error; });
    EXPECT_TRUE(RunUntil(loop_, [&] { return done; }));
  }

  bool Received(const std::string& all) {
    return RunUntil(loop_, [&] { return client_->received().size() >= all.size(); }) &&
           client_->received() == all;
  }

  asio::io_context loop_;
  std::shared_ptr<void> ticket_;  // kept as long as the socket
  std::unique_ptr<tests::TcpClient> client_;
  std::unique_ptr<QueuedSocket> socket_;
};

TEST_F(QueuedSocketTest, WritesNothingBeforeItIsFlushed) {
  Connect();
  client_->Read();
  socket_->Append(Bytes("hello"), true);
  Settle(loop_);
  EXPECT_EQ(client_->received(), "");
  EXPECT_EQ(socket_->queue().counted_bytes(), 5u);
  socket_->Flush();
  EXPECT_TRUE(Received("hello"));
  EXPECT_TRUE(socket_->queue().empty());
}

TEST_F(QueuedSocketTest, KeepsFramesAndWritesOfTheUpperLayerInOrder) {
  Connect();
  client_->Read();
  socket_->Append(Bytes("frame "), true);
  size_t written = 0;
  const std::string pong = "pong ";
  socket_->async_write_some(asio::buffer(pong), [&](boost::system::error_code error, size_t size) {
    EXPECT_FALSE(error);
    written = size;
  });
  EXPECT_EQ(written, 0u) << "called back from within the call";
  socket_->Append(Bytes("frame"), true);
  socket_->Flush();
  EXPECT_TRUE(Received("frame pong frame"));
  EXPECT_EQ(written, pong.size());
}

TEST_F(QueuedSocketTest, SendsEverythingToASlowReader) {
  ConnectSlowly();
  const std::string all = QueuePieces();
  EXPECT_FALSE(socket_->queue().empty());
  Settle(loop_);
  EXPECT_GT(socket_->queue().counted_bytes(), all.size() / 2);
  client_->Read();
  EXPECT_TRUE(Received(all));
  EXPECT_TRUE(socket_->queue().empty());
  EXPECT_EQ(socket_->queue().counted_bytes(), 0u);
}

TEST_F(QueuedSocketTest, SendsAtOnceWhatTheKernelTakes) {
  Connect();
  client_->Read();
  socket_->Send({Bytes("one "), Bytes(""), Bytes("two ")});
  EXPECT_EQ(socket_->queue().capacity(), 0u) << "nothing had to be queued";
  socket_->Send({});
  std::vector<codec::SharedBytes> many(SendQueue::kGathered + 7, Bytes("x"));
  socket_->Send(many);
  EXPECT_TRUE(Received("one two " + std::string(many.size(), 'x')));
}

TEST_F(QueuedSocketTest, SendsBehindWhatIsQueued) {
  Connect();
  client_->Read();
  socket_->Append(Bytes("one "), true);
  socket_->Send({Bytes("two "), Bytes("three")});
  EXPECT_TRUE(Received("one two three"));
}

TEST_F(QueuedSocketTest, SendsTheRestOfAFrameWhenTheReaderTakesIt) {
  ConnectSlowly();
  std::string all;
  for (int i = 0; i < kPieces; i += 2) {
    all += PieceNumber(i) + PieceNumber(i + 1);
    socket_->Send({Bytes(PieceNumber(i)), Bytes(PieceNumber(i + 1))});
  }
  EXPECT_TRUE(socket_->waiting());
  EXPECT_GT(socket_->queue().counted_bytes(), all.size() / 2);
  client_->Read();
  EXPECT_TRUE(Received(all));
  EXPECT_EQ(socket_->queue().counted_bytes(), 0u);
  EXPECT_TRUE(RunUntil(loop_, [&] { return socket_->acknowledged() == all.size(); }));
}

TEST_F(QueuedSocketTest, SendsNothingBehindALastFrame) {
  Connect();
  client_->Read();
  socket_->Finish(Bytes("END"));
  socket_->Send({Bytes("too late")});
  EXPECT_TRUE(Received("END"));
}

TEST_F(QueuedSocketTest, CompletesWritesWhileTheReaderIsSlow) {
  ConnectSlowly();
  const std::string all = QueuePieces();
  bool written = false;
  const std::string last = "last";
  socket_->async_write_some(asio::buffer(last),
                            [&](boost::system::error_code, size_t) { written = true; });
  Settle(loop_);
  EXPECT_TRUE(written);
  client_->Read();
  EXPECT_TRUE(Received(all + "last"));
}

TEST_F(QueuedSocketTest, AnEmptyWriteCompletes) {
  Connect();
  bool written = false;
  socket_->async_write_some(
      asio::const_buffer(),
      [&](boost::system::error_code error, size_t size) { written = !error && size == 0; });
  Settle(loop_);
  EXPECT_TRUE(written);
}

TEST_F(QueuedSocketTest, ReadsUnreadBytesFirst) {
  Connect("hello");
  client_->Send(" world");
  EXPECT_EQ(ReadSome(3), "hel");
  EXPECT_EQ(ReadSome(10), "lo");
  EXPECT_EQ(ReadSome(10), " world");
}

TEST_F(QueuedSocketTest, ALastFrameStandsBehindWholeFramesAndNothingFollowsIt) {
  ConnectSlowly();
  QueuePieces();
  socket_->Finish(Bytes("END"));
  socket_->Append(Bytes("too late"), false);
  socket_->Flush();
  client_->Read();
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_->received().ends_with("END"); }));
  const size_t size = client_->received().size() - 3;
  EXPECT_EQ(size % kPiece, 0u);
  EXPECT_LT(size, kPieces * kPiece);
}

TEST_F(QueuedSocketTest, NothingFollowsACloseOfTheUpperLayer) {
  Connect();
  client_->Read();
  const std::string close = *codec::MakeCloseFrame(1002, "");
  bool done = false;
  socket_->async_write_some(asio::buffer(close),
                            [&](boost::system::error_code error, size_t) { done = !error; });
  socket_->Append(codec::MakeTextFrame("too late"), true);
  socket_->Finish(codec::MakeCloseFrame(1008, "slow"));
  TearDownSocket();
  EXPECT_TRUE(RunUntil(loop_, [&] { return done && client_->ended(); }));
  EXPECT_EQ(client_->received(), close);
}

TEST_F(QueuedSocketTest, AResetReachesThePeerAtOnce) {
  ConnectSlowly();
  QueuePieces();
  client_->Read();
  socket_->Reset();
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_->ended(); }));
  EXPECT_TRUE(client_->was_reset());
  EXPECT_LT(client_->received().size(), kPieces * kPiece);
  socket_->Append(Bytes("too late"), true);
  socket_->Flush();
  EXPECT_TRUE(socket_->broken());
}

TEST_F(QueuedSocketTest, NoticesThatThePeerIsGone) {
  ConnectSlowly();
  QueuePieces();
  client_->Reset();
  ASSERT_TRUE(RunUntil(loop_, [&] {
    socket_->Append(Bytes("x"), true);
    socket_->Flush();
    return socket_->broken();
  }));
}

TEST_F(QueuedSocketTest, ATeardownShowsTheLastBytesToThePeer) {
  ConnectSlowly();
  client_->Send(std::string(100'000, 'x'));  // unread: would turn a plain close into a reset
  const std::string all = QueuePieces();
  TearDownSocket();
  client_->Read();
  EXPECT_TRUE(Received(all));
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_->ended(); }));
  EXPECT_FALSE(client_->was_reset());
}

TEST_F(QueuedSocketTest, ATeardownReadsAndDropsWhatThePeerStillSends) {
  Connect();
  socket_->Append(Bytes("bye"), false);
  socket_->Flush();
  TearDownSocket();
  socket_.reset();
  client_->Send(std::string(100'000, 'x'));
  client_->Read();
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_->ended(); }));
  EXPECT_EQ(client_->received(), "bye");
  EXPECT_FALSE(client_->was_reset());
  client_->Close();
  // Nothing waits for the peer any more.
  loop_.restart();
  loop_.run();
}

TEST_F(QueuedSocketTest, KeepsWhatItWasGivenUntilTheSocketIsClosed) {
  ticket_ = std::make_shared<int>(0);
  const std::weak_ptr<void> watched = ticket_;
  ConnectSlowly();
  EXPECT_FALSE(watched.expired());
  const std::string all = QueuePieces();
  socket_.reset();
  Settle(loop_);
  EXPECT_FALSE(watched.expired()) << "it still writes";
  client_->Read();
  EXPECT_TRUE(Received(all));
  EXPECT_TRUE(RunUntil(loop_, [&] { return watched.expired(); }));

  ticket_ = std::make_shared<int>(0);
  const std::weak_ptr<void> watched_again = ticket_;
  Connect();
  socket_->Reset();
  EXPECT_TRUE(watched_again.expired());
}

TEST_F(QueuedSocketTest, ATeardownDoesNotWaitForThePeerForEver) {
  Connect();
  TearDownSocket();
  socket_.reset();
  loop_.restart();
  loop_.run();  // ends by itself though the peer never closes
}

TEST_F(QueuedSocketTest, SendsTheRestAfterTheObjectIsGone) {
  ConnectSlowly();
  const std::string all = QueuePieces();
  socket_.reset();
  client_->Read();
  EXPECT_TRUE(Received(all));
  EXPECT_TRUE(RunUntil(loop_, [&] { return client_->ended(); }));
}

}  // namespace
}  // namespace gischat::edge::net
