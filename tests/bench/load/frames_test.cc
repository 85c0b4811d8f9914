#include "tests/bench/load/frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gischat::bench {
namespace {

std::string MaskedFrame(Opcode opcode, const std::string& payload, uint32_t seed) {
  std::string frame;
  AppendMaskedFrame(opcode, payload, seed, frame);
  return frame;
}

// A server's frame: the masked one without its mask.
std::string ServerFrame(Opcode opcode, const std::string& payload) {
  std::string frame = MaskedFrame(opcode, payload, 0);  // a key of zeros changes nothing
  frame[1] = static_cast<char>(frame[1] & 0x7f);
  frame.erase(frame.size() - payload.size() - 4, 4);
  return frame;
}

TEST(TakeFrame, ReadsEveryLengthForm) {
  for (const size_t length : {0U, 1U, 125U, 126U, 65535U, 65536U, 200000U}) {
    const std::string payload(length, 'a');
    const std::string bytes = ServerFrame(Opcode::kText, payload) + "rest";
    std::string_view left = bytes;
    Frame frame;
    ASSERT_TRUE(TakeFrame(left, frame)) << length;
    EXPECT_EQ(frame.opcode, Opcode::kText);
    EXPECT_EQ(frame.payload, payload);
    EXPECT_EQ(left, "rest");
  }
}

TEST(TakeFrame, WaitsForTheWholeFrame) {
  const std::string bytes = ServerFrame(Opcode::kPing, std::string(300, 'a'));
  for (size_t length = 0; length < bytes.size(); ++length) {
    const std::string part = bytes.substr(0, length);
    std::string_view left = part;
    Frame frame;
    EXPECT_FALSE(TakeFrame(left, frame)) << length;
    EXPECT_EQ(left, part);
  }
}

TEST(AppendMaskedFrame, HidesThePayloadBehindTheKey) {
  const std::string frame = MaskedFrame(Opcode::kText, "hello", 7);
  ASSERT_EQ(frame.size(), 2U + 4U + 5U);
  EXPECT_EQ(static_cast<uint8_t>(frame[0]), 0x81);
  EXPECT_EQ(static_cast<uint8_t>(frame[1]), 0x85);
  std::string payload;
  for (size_t i = 0; i < 5; ++i) {
    payload.push_back(static_cast<char>(frame[6 + i] ^ frame[2 + i % 4]));
  }
  EXPECT_EQ(payload, "hello");
  EXPECT_NE(frame.substr(6), "hello");
}

TEST(AppendMaskedFrame, MasksEveryByteOfLongPayloads) {
  for (const size_t length : {7U, 8U, 9U, 21U, 126U, 131U, 70000U}) {
    const std::string payload(length, 'a');
    const std::string frame = MaskedFrame(Opcode::kText, payload, 99);
    const size_t key = frame.size() - length - 4;
    std::string unmasked;
    for (size_t i = 0; i < length; ++i) {
      unmasked.push_back(static_cast<char>(frame[key + 4 + i] ^ frame[key + i % 4]));
    }
    EXPECT_EQ(unmasked, payload) << length;
  }
}

TEST(AppendMaskedFrame, LeavesAloneWhatIsThere) {
  std::string frames = MaskedFrame(Opcode::kText, "first", 1);
  const std::string first = frames;
  AppendMaskedFrame(Opcode::kText, "second", 2, frames);
  EXPECT_EQ(frames, first + MaskedFrame(Opcode::kText, "second", 2));
}

}  // namespace
}  // namespace gischat::bench
