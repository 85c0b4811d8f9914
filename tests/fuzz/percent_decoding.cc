// Targets of requests: percent-decoding and the routes that they name.

#include "common/base/utf8.h"
#include "edge/http/router.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

using edge::http::FindRoute;
using edge::http::Resource;
using edge::http::Route;

std::string Encode(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789ABCDEFabcdef";
  std::string encoded;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    encoded.push_back('%');
    encoded.push_back(kHex[byte >> 4]);
    encoded.push_back(kHex[byte & 0xF]);
  }
  return encoded;
}

void CheckDecoding(std::string_view text) {
  const auto decoded = edge::http::PercentDecode(text);
  if (decoded) {
    Require(base::IsUtf8(*decoded), "what is decoded is UTF-8");
    Require(decoded->size() <= text.size(), "decoding makes nothing longer");
    Require(edge::http::PercentDecode(Encode(*decoded)) == decoded, "encoding is undone");
  }
  Require(edge::http::PercentDecode(Encode(text)).has_value() == base::IsUtf8(text),
          "all UTF-8 can be encoded, and nothing else");
  if (text.find('%') == std::string_view::npos && base::IsUtf8(text)) {
    Require(decoded == text, "what has no escapes stays as it is");
  }
}

bool HasChannel(const Route& route) {
  return route.resource == Resource::kUsers || route.resource == Resource::kLast ||
         route.resource == Resource::kText || route.resource == Resource::kWebSocket;
}

void CheckRoute(std::string_view target) {
  const Route route = FindRoute(target);
  Require(route.channel.empty() == !HasChannel(route), "channels have names, other routes none");
  Require(base::IsUtf8(route.channel), "names are UTF-8");
  Require(route.channel.find('/') == std::string::npos, "names have no slashes");
  const std::string location = edge::http::WithoutTrailingSlash(target);
  Require(!location.starts_with("//"), "no redirect leaves the server");
  const Route there = FindRoute(location);
  Require(
      there.resource == route.resource && there.channel == route.channel && there.api == route.api,
      "the path without a slash at its end names the same");
  Require(!there.has_trailing_slash || there.resource == Resource::kPage ||
              there.resource == Resource::kUnknown,
          "a redirect leads to no redirect");
}

}  // namespace
void TakeInput(std::string_view input) {
  const std::string target = Expand(input, 16 << 10);  // no head is larger
  CheckDecoding(target);
  CheckRoute(target);
  edge::http::HasQueryParameter(target, "replies", "1");
  Require(edge::http::HasQueryParameter("/?" + target + "&replies=1", "replies", "1") ||
              target.find('#') != std::string::npos,
          "a parameter is found behind any others");
}

}  // namespace gischat::fuzz
