#pragma once

#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/websocket_frames.h"

// Compressed messages as permessage-deflate carries them (RFC 7692), by the other library's end.
namespace gischat::tests {

// A frame of a client with this bit added to its opcode is compressed.
inline constexpr int kDeflatedBit = 0x40;

inline std::string Deflated(std::string_view text, int level = 6, int flush = Z_SYNC_FLUSH) {
  z_stream stream = {};
  deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string deflated(deflateBound(&stream, text.size()) + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(deflated.data());
  stream.avail_out = static_cast<uInt>(deflated.size());
  deflate(&stream, flush);
  deflated.resize(deflated.size() - stream.avail_out);
  deflateEnd(&stream);
  if (flush == Z_SYNC_FLUSH) deflated.resize(deflated.size() - 4);
  return deflated;
}

// The text of one whole message; "broken" when it is none.
inline std::string Inflated(std::string_view payload) {
  const std::string input = std::string(payload) + std::string("\x00\x00\xff\xff", 4);
  z_stream stream = {};
  inflateInit2(&stream, -MAX_WBITS);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  std::string text;
  int result = Z_OK;
  do {
    std::string piece(1 << 16, '\0');
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&stream, Z_SYNC_FLUSH);
    text.append(piece, 0, piece.size() - stream.avail_out);
  } while (result == Z_OK && stream.avail_out == 0);
  const bool whole = stream.avail_in == 0 && (result == Z_OK || result == Z_BUF_ERROR);
  inflateEnd(&stream);
  return whole ? text : "broken";
}

inline std::string TextOf(const WebSocketFrame& frame) {
  return frame.deflated ? Inflated(frame.payload) : frame.payload;
}

// The texts in whole frames that follow each other, compressed or not.
inline std::vector<std::string> TextsOf(std::string_view frames) {
  std::vector<std::string> texts;
  WebSocketFrame read;
  while (TakeFrame(&frames, &read)) texts.push_back(TextOf(read));
  if (!frames.empty()) texts.emplace_back("not a whole frame");
  return texts;
}

}  // namespace gischat::tests
