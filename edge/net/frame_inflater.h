#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gischat::edge::net {

// Turns the frames of a client that compresses (permessage-deflate, RFC 7692, without context
// takeover) into those that it would have sent without, for a reader that knows of no compression:
// Beast 1.81 inflates by itself, but loses its place in about one message of 600, and keeps 45 KB
// for each client.
//
//   inflater.Feed(what came from the socket);
//   while (!inflater.Ready().empty()) inflater.Consume(size of what the reader took of it);
//
// What is not compressed is passed on as it is, broken frames too: the reader judges them. A
// message that can't be inflated becomes a frame that no reader takes (a reserved bit). A frame
// that is longer than a message may be is passed on unread, so that the reader refuses its length;
// what comes of a smaller one is made only as far as it is read on. Holds hardly any memory between
// messages, about 60 KB within one. Not thread-safe.
class FrameInflater {
 public:
  explicit FrameInflater(uint64_t max_message_bytes);
  ~FrameInflater();
  FrameInflater(const FrameInflater&) = delete;
  FrameInflater& operator=(const FrameInflater&) = delete;

  // More of what the client sends. To be called when nothing is ready.
  void Feed(std::string_view bytes);

  // The next bytes for the reader; empty when more has to be fed first. Valid until the next call
  // of another function.
  std::string_view Ready();
  // So many bytes of what is ready were read.
  void Consume(size_t bytes);

 private:
  enum class Phase { kHeader, kPassing, kInflating, kBroken };
  struct Inflating;  // of one message

  bool Advance();
  bool TakeHeader();
  bool InflateSome();
  bool InflateFrom(std::string_view input, size_t* taken);
  void EmitChunk(bool final);
  bool Break();
  static std::string_view From(std::string_view bytes, size_t at) { return bytes.substr(at); }
  std::string_view Unread() const { return From(fed_, at_); }

  const uint64_t max_message_bytes_;
  std::string fed_;
  size_t at_ = 0;      // what is before is dealt with
  std::string ready_;  // made here; what is passed on stands in fed_
  size_t ready_at_ = 0;
  Phase phase_ = Phase::kHeader;
  uint64_t left_ = 0;    // of the payload of this frame
  uint64_t passed_ = 0;  // of the payload of this frame
  std::array<char, 4> mask_{};
  bool final_ = false;                    // this frame is its message's last
  bool in_message_ = false;               // a data frame without an end was seen
  std::unique_ptr<Inflating> inflating_;  // while a message is compressed
};

}  // namespace gischat::edge::net
