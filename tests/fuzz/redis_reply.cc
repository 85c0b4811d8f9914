// Replies of Redis as they come in, and commands on their way out.

#include <algorithm>

#include "common/redis/resp.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

using redis::Reply;

bool IsSame(const Reply& a, const Reply& b) {
  return a.type == b.type && a.integer == b.integer && a.text == b.text &&
         std::equal(a.elements.begin(), a.elements.end(), b.elements.begin(), b.elements.end(),
                    IsSame);
}

// All that is read from bytes that come in pieces.
struct Heard {
  std::vector<Reply> replies;
  bool is_broken = false;
};

Heard Hear(std::string_view bytes, size_t piece) {
  Heard heard;
  redis::ReplyReader reader;
  while (!bytes.empty() && !heard.is_broken) {
    reader.Feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (true) {
      auto reply = reader.Next();
      heard.is_broken = !reply.ok();
      if (!reply.ok() || !reply->has_value()) break;
      heard.replies.push_back(*std::move(*reply));
    }
  }
  return heard;
}

void CheckReplies(std::string_view bytes) {
  const Heard whole = Hear(bytes, bytes.size());
  // No more pieces than the network makes of so many bytes: each is looked through from its line
  // on.
  const Heard pieces = Hear(bytes, 1 + bytes.size() % 7 + bytes.size() / 100);
  Require(whole.is_broken == pieces.is_broken &&
              std::equal(whole.replies.begin(), whole.replies.end(), pieces.replies.begin(),
                         pieces.replies.end(), IsSame),
          "replies are the same wherever their bytes are cut");
  for (const Reply& reply : whole.replies) {
    if (reply.type != Reply::Type::kError) continue;
    Require(!redis::StatusOfError(reply.text).ok(), "an error is an error");
  }
}

// A command whose arguments stand on lines of their own. It looks like a reply that is an array of
// strings, and can be read as one.
void CheckCommand(std::string_view lines) {
  std::vector<std::string> command;
  while (true) {
    const size_t end = lines.find('\n');
    command.emplace_back(lines.substr(0, end));
    if (end == std::string_view::npos) break;
    lines.remove_prefix(end + 1);
  }
  redis::Outbox outbox;
  outbox.Add(command);
  std::string written;
  for (const std::string& piece : outbox.Take()) written += piece;
  Require(outbox.empty(), "what is taken is gone");
  const Heard heard = Hear(written, written.size());
  Require(!heard.is_broken && heard.replies.size() == 1, "a command is well-formed");
  const std::vector<Reply>& arguments = heard.replies[0].elements;
  Require(std::equal(arguments.begin(), arguments.end(), command.begin(), command.end(),
                     [](const Reply& reply, const std::string& argument) {
                       return reply.type == Reply::Type::kString && reply.text == argument;
                     }),
          "arguments arrive as they are");
}

}  // namespace
void TakeInput(std::string_view input) {
  const std::string bytes = Expand(input, 64 << 10);
  CheckReplies(bytes);
  CheckCommand(bytes);
}

}  // namespace gischat::fuzz
