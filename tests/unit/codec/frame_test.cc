#include "edge/codec/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/deflate.h"

namespace gischat::edge::codec {
namespace {

// The header of a text frame around so many bytes.
std::string HeaderOf(size_t payload) {
  const std::string text(payload, 'x');
  const SharedBytes frame = MakeTextFrame(text);
  EXPECT_GE(frame->size(), payload);
  const size_t header = frame->size() - payload;
  EXPECT_EQ(frame->substr(header), text);
  return frame->substr(0, header);
}

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

TEST(Frame, ShortTextHasATwoByteHeader) {
  EXPECT_EQ(HeaderOf(0), Bytes({0x81, 0}));
  EXPECT_EQ(HeaderOf(1), Bytes({0x81, 1}));
  EXPECT_EQ(HeaderOf(125), Bytes({0x81, 125}));
}

TEST(Frame, MiddleTextHasASixteenBitLength) {
  EXPECT_EQ(HeaderOf(126), Bytes({0x81, 126, 0, 126}));
  EXPECT_EQ(HeaderOf(300), Bytes({0x81, 126, 1, 44}));
  EXPECT_EQ(HeaderOf(65535), Bytes({0x81, 126, 0xFF, 0xFF}));
}

TEST(Frame, LongTextHasASixtyFourBitLength) {
  EXPECT_EQ(HeaderOf(65536), Bytes({0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(HeaderOf(16 << 20), Bytes({0x81, 127, 0, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(Frame, DeflatedTextIsMarkedAndComesOutAgain) {
  for (const size_t size : {size_t{1000}, size_t{100'000}, size_t{16 << 20}}) {
    std::string text;
    while (text.size() < size) text += "\"x\":" + std::to_string(text.size()) + ",";
    const SharedBytes frame = MakeDeflatedTextFrame(text);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->front(), '\xC1');
    EXPECT_LT(frame->size(), text.size() / 2);
    std::string_view rest = *frame;
    tests::WebSocketFrame read;
    ASSERT_TRUE(tests::TakeFrame(&rest, &read));
    EXPECT_TRUE(rest.empty());
    EXPECT_FALSE(read.payload.ends_with("\xff\xff")) << "the marker of the flush is not sent";
    EXPECT_EQ(tests::TextOf(read), text);
  }
}

TEST(Frame, WhatDoesNotGetSmallerIsNotDeflated) {
  std::mt19937 random(1);
  std::string noise(10'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  EXPECT_EQ(MakeDeflatedTextFrame(noise), nullptr);
  EXPECT_EQ(MakeDeflatedTextFrame(""), nullptr);
  EXPECT_EQ(MakeDeflatedTextFrame("a"), nullptr);
  for (size_t size = 1; size < 50; ++size) {
    const SharedBytes frame = MakeDeflatedTextFrame(std::string(size, 'x'));
    if (frame != nullptr) {
      EXPECT_LT(PayloadOf(*frame).size(), size);
    }
  }
}

TEST(Frame, PayloadIsWhatStandsBehindAHeaderOfAnyLength) {
  for (const size_t size : {0, 1, 125, 126, 65535, 65536}) {
    const std::string text(size, 'x');
    const SharedBytes frame = MakeTextFrame(text);
    EXPECT_EQ(PayloadOf(*frame), text);
  }
}

TEST(Frame, CloseFrameCarriesCodeAndReason) {
  EXPECT_EQ(*MakeCloseFrame(1001, "bye"), Bytes({0x88, 5, 0x03, 0xE9}) + "bye");
  EXPECT_EQ(*MakeCloseFrame(1008, ""), Bytes({0x88, 2, 0x03, 0xF0}));
}

TEST(Frame, PingIsEmptyAndShared) {
  EXPECT_EQ(*PingFrame(), Bytes({0x89, 0}));
  EXPECT_EQ(PingFrame().get(), PingFrame().get());
}

}  // namespace
}  // namespace gischat::edge::codec
