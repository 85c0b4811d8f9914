#include "tests/bench/load/stamp.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/bench/load/options.h"

namespace gischat::bench {
namespace {

// Takes digits and the ':' behind them off `text`.
std::optional<uint32_t> TakeNumber(std::string_view& text) {
  uint32_t number = 0;
  for (size_t i = 0; i < text.size() && i < 11; ++i) {
    if (text[i] == ':') {
      text.remove_prefix(i + 1);
      return number;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    number = number * 10 + static_cast<uint32_t>(text[i] - '0');
  }
  return std::nullopt;
}

}  // namespace

StampCodec::StampCodec(std::string_view run) : mark_(absl::StrCat("\"@", std::string(run), ":")) {}

std::string StampCodec::MakeMessage(Stamp stamp, size_t payload_bytes) const {
  std::string text = absl::StrCat(mark_.substr(1), stamp.sender, ":", stamp.sequence, ":");
  if (text.size() < payload_bytes) text.resize(payload_bytes, 'x');
  const std::string author = absl::StrCat("load-", stamp.sender);
  if (payload_bytes <= kLongestText) {
    return absl::StrCat(R"({"type":"text","author":")", author, R"(","text":")", text, "\"}");
  }
  return absl::StrCat(R"({"type":"model","author":")", author,
                      R"(","model_name":"load","raw_xml":")", text, "\"}");
}

std::optional<Stamp> StampCodec::Find(std::string_view message) const {
  const void* found = ::memmem(message.data(), message.size(), mark_.data(), mark_.size());
  if (found == nullptr) return std::nullopt;
  const auto at = static_cast<size_t>(static_cast<const char*>(found) - message.data());
  std::string_view rest = message.substr(at + mark_.size());
  const std::optional<uint32_t> sender = TakeNumber(rest);
  if (!sender) return std::nullopt;
  const std::optional<uint32_t> sequence = TakeNumber(rest);
  if (!sequence) return std::nullopt;
  return Stamp{*sender, *sequence};
}

}  // namespace gischat::bench
