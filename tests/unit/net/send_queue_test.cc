#include "edge/net/send_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace gischat::edge::net {
namespace {

codec::SharedBytes Bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::vector<std::string> Gathered(const SendQueue& queue) {
  std::array<iovec, SendQueue::kGathered> pieces;
  const size_t count = queue.Gather(&pieces);
  std::vector<std::string> gathered;
  for (size_t i = 0; i < count; ++i) {
    gathered.emplace_back(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return gathered;
}

std::string Joined(const std::vector<std::string>& pieces) {
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  return joined;
}

TEST(SendQueue, IsEmptyAtFirst) {
  const SendQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.counted_bytes(), 0u);
  EXPECT_TRUE(Gathered(queue).empty());
}

TEST(SendQueue, GathersFramesInOrder) {
  SendQueue queue;
  queue.Append(Bytes("one"), true);
  queue.Append(Bytes("two"), true);
  EXPECT_EQ(Gathered(queue), (std::vector<std::string>{"one", "two"}));
  EXPECT_FALSE(queue.empty());
}

TEST(SendQueue, GathersNoMoreThanOneWriteTakes) {
  SendQueue queue;
  for (size_t i = 0; i < SendQueue::kGathered + 1; ++i) queue.Append(Bytes("x"), true);
  EXPECT_EQ(Gathered(queue).size(), SendQueue::kGathered);
  queue.Consume(SendQueue::kGathered);
  EXPECT_EQ(Gathered(queue).size(), 1u);
}

TEST(SendQueue, GoesOnInTheMiddleOfAFrame) {
  SendQueue queue;
  queue.Append(Bytes("hello"), true);
  queue.Append(Bytes("world"), true);
  queue.Consume(3);
  EXPECT_EQ(Gathered(queue), (std::vector<std::string>{"lo", "world"}));
  queue.Consume(3);
  EXPECT_EQ(Gathered(queue), (std::vector<std::string>{"orld"}));
  queue.Consume(4);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, CountsAFrameUntilAllOfItIsWritten) {
  SendQueue queue;
  queue.Append(Bytes("hello"), true);
  queue.Append(Bytes("replay"), false);
  queue.Append(Bytes("world!"), true);
  EXPECT_EQ(queue.counted_bytes(), 11u);
  queue.Consume(4);
  EXPECT_EQ(queue.counted_bytes(), 11u);
  queue.Consume(1 + 6);
  EXPECT_EQ(queue.counted_bytes(), 6u);
  queue.Consume(6);
  EXPECT_EQ(queue.counted_bytes(), 0u);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, LetsGoOfFramesThatAreWritten) {
  SendQueue queue;
  codec::SharedBytes frame = Bytes("hello");
  const std::weak_ptr<const std::string> watched = frame;
  queue.Append(std::move(frame), true);
  queue.Append(Bytes("world"), true);
  queue.Consume(4);
  EXPECT_FALSE(watched.expired());
  queue.Consume(1);
  EXPECT_TRUE(watched.expired());
}

TEST(SendQueue, GivesTheMemoryOfABurstBack) {
  SendQueue queue;
  for (int i = 0; i < 100; ++i) queue.Append(Bytes("x"), true);
  queue.Consume(99);
  EXPECT_GE(queue.capacity(), 100u);
  queue.Consume(1);
  EXPECT_LE(queue.capacity(), 4u);
}

TEST(SendQueue, DropsWhatNothingWasWrittenOf) {
  SendQueue queue;
  queue.Append(Bytes("one"), true);
  queue.Append(Bytes("two"), false);
  queue.DropUnsent();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.counted_bytes(), 0u);
  queue.DropUnsent();
  queue.Append(Bytes("three"), true);
  EXPECT_EQ(Gathered(queue), (std::vector<std::string>{"three"}));
}

TEST(SendQueue, KeepsAFrameThatIsPartlyWrittenWhenTheRestIsDropped) {
  SendQueue queue;
  queue.Append(Bytes("gone"), true);
  queue.Append(Bytes("hello"), true);
  queue.Append(Bytes("world"), true);
  queue.Consume(4 + 2);
  queue.DropUnsent();
  EXPECT_EQ(queue.counted_bytes(), 5u);
  queue.Append(Bytes("bye"), false);
  EXPECT_EQ(Gathered(queue), (std::vector<std::string>{"llo", "bye"}));
  queue.Consume(6);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.counted_bytes(), 0u);
}

// An empty frame could never be written, and would wait for ever.
TEST(SendQueue, TakesNoEmptyFrame) {
  SendQueue queue;
  queue.Append(Bytes(""), true);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, KeepsOrderAndCountsThroughEverything) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    SendQueue queue;
    std::string expected;
    std::string written;
    size_t appended = 0;
    for (int step = 0; step < 2000; ++step) {
      if (random() % 3 > 0) {
        std::string text = std::to_string(appended++) + ",";
        expected += text;
        queue.Append(Bytes(std::move(text)), true);
      } else {
        const std::string front = Joined(Gathered(queue));
        if (front.empty()) continue;
        const size_t size = 1 + random() % front.size();
        written += front.substr(0, size);
        queue.Consume(size);
      }
      ASSERT_GE(queue.counted_bytes(), expected.size() - written.size());
    }
    while (!queue.empty()) {
      const std::string front = Joined(Gathered(queue));
      written += front;
      queue.Consume(front.size());
    }
    ASSERT_EQ(written, expected) << seed;
    ASSERT_EQ(queue.counted_bytes(), 0u);
  }
}

}  // namespace
}  // namespace gischat::edge::net
