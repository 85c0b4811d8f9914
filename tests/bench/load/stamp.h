#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gischat::bench {

// What names a message of this run: who sent it, as which of its messages, and since when it is
// counted. The time travels along, since another process may be the one that reads it.
struct Stamp {
  uint32_t sender = 0;    // number of the client
  uint32_t sequence = 0;  // from 1
  int64_t due_ns = 0;     // on the monotonic clock
};

// Writes stamps into messages and finds them again, without parsing JSON. Messages of other runs
// (from the channel's history, say) carry another mark and are not found. Not thread-safe.
class StampCodec {
 public:
  // `run`: a word that no other run uses, letters and digits.
  explicit StampCodec(std::string_view run);

  // To be the beginning of a string in the message, not behind byte 400 of it.
  std::string Write(const Stamp& stamp) const;

  std::optional<Stamp> Find(std::string_view message);

 private:
  std::string mark_;
  size_t usual_place_ = 0;  // where it stood the last time
};

}  // namespace gischat::bench
