#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gischat::bench {

// What names a message of this run: who sent it, as which of its messages.
struct Stamp {
  uint32_t sender = 0;    // index of the client
  uint32_t sequence = 0;  // from 1
};

// Writes stamps into messages and finds them again, without parsing JSON. Messages of other runs
// (from the channel's history, say) carry another mark and are not found. Immutable.
class StampCodec {
 public:
  // `run`: a word that no other run uses, letters and digits.
  explicit StampCodec(std::string_view run);

  // A message as JSON. `payload_bytes`: length of its text, as far as the stamp leaves the choice.
  std::string MakeMessage(Stamp stamp, size_t payload_bytes) const;

  std::optional<Stamp> Find(std::string_view message) const;

 private:
  std::string mark_;
};

}  // namespace gischat::bench
