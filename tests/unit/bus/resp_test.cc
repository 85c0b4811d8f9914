#include "common/redis/resp.h"

#include <gtest/gtest.h>

namespace gischat::redis {
namespace {

std::string Join(const std::vector<std::string>& pieces) {
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  return joined;
}

Reply ReadOne(ReplyReader& reader) {
  auto reply = reader.Next();
  EXPECT_TRUE(reply.ok() && reply->has_value());
  return reply.ok() && reply->has_value() ? *std::move(*reply) : Reply();
}

TEST(Outbox, EncodesCommandsWhateverTheSizeOfTheirArguments) {
  const std::string large(20'000, 'x');
  Outbox outbox;
  EXPECT_TRUE(outbox.empty());
  outbox.Add({"SET", "key", large});
  outbox.Add({"PING", ""});
  const auto pieces = outbox.Take();
  EXPECT_EQ(Join(pieces), "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$20000\r\n" + large +
                              "\r\n*2\r\n$4\r\nPING\r\n$0\r\n\r\n");
  EXPECT_TRUE(outbox.empty());
  outbox.Add({"A"});
  EXPECT_EQ(Join(outbox.Take()), "*1\r\n$1\r\nA\r\n");
}

TEST(ReplyReader, ReadsEveryKindWhereverTheBytesAreCut) {
  using namespace std::string_literals;
  const std::string bytes =
      "+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\0b\r\n$-1\r\n*-1\r\n"s
      "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n-no\r\n*0\r\n"s;
  for (size_t step : {size_t{1}, size_t{3}, bytes.size()}) {
    ReplyReader reader;
    std::vector<Reply> replies;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.Feed(bytes.substr(at, step));
      while (true) {
        auto reply = reader.Next();
        ASSERT_TRUE(reply.ok());
        if (!reply->has_value()) break;
        replies.push_back(*std::move(*reply));
      }
    }
    ASSERT_EQ(replies.size(), 8u);
    EXPECT_EQ(replies[0].type, Reply::Type::kStatus);
    EXPECT_EQ(replies[1].type, Reply::Type::kError);
    EXPECT_EQ(replies[1].text, "ERR no");
    EXPECT_EQ(replies[2].integer, -7);
    EXPECT_EQ(replies[3].text, std::string("a\0b", 3));
    EXPECT_TRUE(replies[4].is_nil());
    EXPECT_TRUE(replies[5].is_nil());
    ASSERT_EQ(replies[6].elements.size(), 3u);
    EXPECT_EQ(replies[6].elements[1].elements[0].text, "x");
    EXPECT_TRUE(replies[6].elements[1].elements[1].is_nil());
    EXPECT_EQ(replies[6].elements[2].type, Reply::Type::kError);
    EXPECT_TRUE(replies[7].is_array());
  }
}

TEST(ReplyReader, RefusesAnotherProtocol) {
  ReplyReader reader;
  reader.Feed("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kInternal);
}

TEST(ReplyReader, LetsGoOfAReplyThatNeverEnds) {
  ReplyReader reader;
  reader.Feed("*2\r\n*2\r\n:1\r\n");
  auto reply = reader.Next();
  ASSERT_TRUE(reply.ok());
  EXPECT_FALSE(reply->has_value());
  reader.Feed(":2\r\n+OK\r\n");
  EXPECT_EQ(ReadOne(reader).elements.size(), 2u);
}

TEST(ReplyReader, TakesNoMemoryForElementsThatAreOnlyPromised) {
  ReplyReader reader;
  reader.Feed("*2147483647\r\n:1\r\n*2147483647\r\n:2\r\n");
  auto reply = reader.Next();
  ASSERT_TRUE(reply.ok());
  EXPECT_FALSE(reply->has_value());
}

TEST(StatusOfError, KnowsWhatWasNotDone) {
  EXPECT_EQ(StatusOfError("OOM command not allowed").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(StatusOfError("LOADING Redis is").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(StatusOfError("READONLY You").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(StatusOfError("NOSCRIPT No").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(StatusOfError("ERR unknown").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(StatusOfError("").code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace gischat::redis
