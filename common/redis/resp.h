#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/redis/reply.h"

struct redisReader;

// The protocol of Redis (RESP2), without a socket.
namespace gischat::redis {

// Commands on their way out, as pieces to be written one after the other. Small ones share a piece,
// large arguments are moved, not copied.
class Outbox {
 public:
  void Add(std::vector<std::string> command);
  bool empty() const { return pieces_.empty(); }
  std::vector<std::string> Take();

 private:
  void Append(std::string_view bytes);

  std::vector<std::string> pieces_;
  bool last_is_sealed_ = true;  // the last piece is a large argument: nothing may be added to it
};

// Reads replies from bytes as they come.
class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  void Feed(std::string_view bytes);

  // The next complete reply, or nothing so far. kInternal when the peer does not speak RESP; the
  // reader is of no use afterwards.
  absl::StatusOr<std::optional<Reply>> Next();

 private:
  redisReader* reader_;
};

// What an error reply means; see Client. `text` begins with Redis' error code.
absl::Status StatusOfError(std::string_view text);

}  // namespace gischat::redis
