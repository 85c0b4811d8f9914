#include "edge/net/frame_inflater.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/support/deflate.h"

namespace gischat::edge::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tests::ClientFrame;
using tests::Deflated;
using tests::kDeflatedBit;

constexpr uint64_t kMaxMessage = 1 << 20;

// Everything that comes out when `bytes` are fed in pieces of `fed`, read in pieces of `read`.
std::string Through(FrameInflater& inflater, std::string_view bytes, size_t fed = 1 << 20,
                    size_t read = 1 << 20) {
  std::string out;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, fed);
    bytes.remove_prefix(piece.size());
    inflater.Feed(piece);
    for (auto ready = inflater.Ready(); !ready.empty(); ready = inflater.Ready()) {
      out += ready.substr(0, read);
      inflater.Consume(std::min(read, ready.size()));
    }
  }
  return out;
}

// A frame of a client, unmasked.
struct Frame {
  int first = 0;
  std::string payload;
};

std::vector<Frame> Frames(std::string_view bytes) {
  std::vector<Frame> frames;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  while (!bytes.empty()) {
    size_t header = 2;
    size_t length = byte(1) & 0x7F;
    const size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extended > 0) length = 0;
    for (size_t i = 0; i < extended; ++i) length = length << 8 | byte(header + i);
    header += extended;
    const std::string_view mask = bytes.substr(header, 4);
    header += 4;
    frames.push_back({byte(0), std::string(bytes.substr(header, length))});
    std::string& payload = frames.back().payload;
    for (size_t i = 0; i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    }
    bytes.remove_prefix(header + length);
  }
  return frames;
}

// The texts of whole messages.
std::vector<std::string> Messages(std::string_view bytes) {
  std::vector<std::string> messages;
  bool goes_on = false;
  for (const Frame& frame : Frames(bytes)) {
    if ((frame.first & 8) != 0) continue;
    EXPECT_EQ(frame.first & 0x7F, goes_on ? 0 : 1);
    if (!goes_on) messages.emplace_back();
    messages.back() += frame.payload;
    goes_on = (frame.first & 0x80) == 0;
  }
  EXPECT_FALSE(goes_on);
  return messages;
}

std::string DeflatedFrame(std::string_view text, int level = 6) {
  return ClientFrame(1 | kDeflatedBit, Deflated(text, level));
}

// JSON, letters, or one letter again and again.
std::string RandomText(std::mt19937& random) {
  const size_t size = random() % 4 == 0   ? random() % 5
                      : random() % 8 != 0 ? random() % 6000
                                          : random() % 200'000;
  const auto kind = random() % 3;
  std::string text;
  while (text.size() < size) {
    if (kind == 0) text.push_back(static_cast<char>('a' + random() % 26));
    if (kind == 1) text.push_back('x');
    if (kind == 2) text += "\"key" + std::to_string(random() % 50) + "\":";
  }
  text.resize(size);
  return text;
}

TEST(FrameInflater, PassesOnWhatIsNotCompressedByteForByte) {
  const std::string bytes = ClientFrame(1, "hello") + ClientFrame(2, std::string(70'000, 'x')) +
                            ClientFrame(9, "ping") + ClientFrame(1, "par", false) +
                            ClientFrame(10, "") + ClientFrame(0, "ts") +
                            ClientFrame(8, "\x03\xe8") + ClientFrame(1, std::string(126, 'y'));
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{1000}, bytes.size()}) {
    FrameInflater inflater(kMaxMessage);
    EXPECT_EQ(Through(inflater, bytes, piece, piece), bytes);
  }
}

TEST(FrameInflater, SmallMessageBecomesOneFrame) {
  FrameInflater inflater(kMaxMessage);
  const std::vector<Frame> frames = Frames(Through(inflater, DeflatedFrame("hello")));
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].first, 0x81);
  EXPECT_EQ(frames[0].payload, "hello");
}

TEST(FrameInflater, EmptyMessageIsEmpty) {
  FrameInflater inflater(kMaxMessage);
  EXPECT_THAT(Messages(Through(inflater, DeflatedFrame(""))), ElementsAre(""));
}

// Beast 1.81 lost its place between two of a few hundred.
TEST(FrameInflater, AnyNumberOfMessagesComesOutOfOneConnection) {
  std::mt19937 random(1);
  FrameInflater inflater(kMaxMessage);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = RandomText(random);
    const auto level = static_cast<int>(1 + random() % 9);
    const size_t fed = 1 + random() % 3000;
    const size_t read = 1 + random() % 3000;
    const auto messages = Messages(Through(inflater, DeflatedFrame(text, level), fed, read));
    ASSERT_THAT(messages, SizeIs(1)) << i;
    ASSERT_EQ(messages[0], text) << i;
  }
}

TEST(FrameInflater, TakesBytesOneByOne) {
  const std::string text = std::string(300, 'x') + "end";
  FrameInflater inflater(kMaxMessage);
  const std::string bytes = DeflatedFrame(text) + DeflatedFrame("two");
  EXPECT_THAT(Messages(Through(inflater, bytes, 1, 1)), ElementsAre(text, "two"));
}

TEST(FrameInflater, FragmentsOfACompressedMessageMayHavePingsBetweenThem) {
  std::mt19937 random(2);
  std::string text;
  while (text.size() < 50'000) text += RandomText(random);
  const std::string data = Deflated(text);
  const size_t half = data.size() / 2;
  FrameInflater inflater(kMaxMessage);
  const std::string out =
      Through(inflater, ClientFrame(1 | kDeflatedBit, "", false) +
                            ClientFrame(0, data.substr(0, half), false) + ClientFrame(9, "ping") +
                            ClientFrame(0, data.substr(half), false) + ClientFrame(0, ""));
  EXPECT_THAT(Messages(out), ElementsAre(text));
  EXPECT_EQ(std::ranges::count(Frames(out), 0x89, &Frame::first), 1);
}

TEST(FrameInflater, CompressedAndPlainMessagesTakeTurns) {
  FrameInflater inflater(kMaxMessage);
  const std::string bytes = DeflatedFrame("one") + ClientFrame(1, "two") + DeflatedFrame("three");
  EXPECT_THAT(Messages(Through(inflater, bytes)), ElementsAre("one", "two", "three"));
}

TEST(FrameInflater, TakesDataThatEndsItself) {
  FrameInflater inflater(kMaxMessage);
  // RFC 7692, 7.2.3.4: a final block, and the byte that makes the end a block of its own.
  const std::string data = Deflated("hello", 6, Z_FINISH) + std::string(1, '\0');
  const std::string bytes = ClientFrame(1 | kDeflatedBit, data) + DeflatedFrame("next");
  EXPECT_THAT(Messages(Through(inflater, bytes)), ElementsAre("hello", "next"));
}

TEST(FrameInflater, MessageThatCanNotBeInflatedBecomesAFrameThatNobodyTakes) {
  const std::string good = Deflated(std::string(1000, 'x') + "y");
  for (const std::string& data : {std::string("\xff\xff\xff\xff"), std::string("\x07"),
                                  good.substr(0, good.size() / 2), std::string()}) {
    FrameInflater inflater(kMaxMessage);
    const std::string out =
        Through(inflater, ClientFrame(1 | kDeflatedBit, data) + ClientFrame(1, "behind it"));
    ASSERT_GE(out.size(), 6U);
    EXPECT_EQ(Frames(out).back().first & 0x70, 0x70) << "reserved bits";
    EXPECT_EQ(Frames(out).back().payload, "");
  }
}

// The reader refuses each of them, since it knows no reserved bit.
TEST(FrameInflater, WhatBreaksTheProtocolIsPassedOn) {
  for (const std::string& bytes : {
           std::string("\xC1\x02hi"),           // not masked
           ClientFrame(1 | 0x60, "x"),          // another reserved bit too
           ClientFrame(9 | kDeflatedBit, "x"),  // a compressed ping
           ClientFrame(0 | kDeflatedBit, "x"),  // a compressed part
           ClientFrame(3 | kDeflatedBit, "x"),  // of no known kind
           ClientFrame(1, "x", false) + ClientFrame(1 | kDeflatedBit, Deflated("x")),
           ClientFrame(0, "goes on with nothing"),
       }) {
    FrameInflater inflater(kMaxMessage);
    EXPECT_EQ(Through(inflater, bytes), bytes);
  }
}

TEST(FrameInflater, LengthThatIsTooLargeIsLeftToTheReader) {
  std::string header = "\xC1\xFF";
  for (int shift = 56; shift >= 0; shift -= 8) {
    header.push_back(static_cast<char>((kMaxMessage + 1) >> shift));
  }
  FrameInflater inflater(kMaxMessage);
  const std::string out = Through(inflater, header + "mask" + "data");
  EXPECT_EQ(out, "\x81" + header.substr(1) + "mask" + "data");
}

TEST(FrameInflater, BombIsInflatedOnlyAsFarAsItIsRead) {
  const std::string bomb = DeflatedFrame(std::string(64 << 20, ' '));
  ASSERT_LT(bomb.size(), 100'000U);
  FrameInflater inflater(kMaxMessage);
  inflater.Feed(bomb);
  for (int i = 0; i < 100; ++i) {
    const std::string_view ready = inflater.Ready();
    ASSERT_FALSE(ready.empty());
    ASSERT_LE(ready.size(), (16U << 10) + 14);
    inflater.Consume(ready.size());
  }
}

}  // namespace
}  // namespace gischat::edge::net
