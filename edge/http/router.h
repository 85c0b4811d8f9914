#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edge/codec/api.h"

namespace gischat::edge::http {

// What a path names.
enum class Resource {
  kUnknown,
  kPage,       // /
  kVersion,    // /version
  kChannels,   // /channels, /rooms
  kStatus,     // /status
  kRules,      // /rules
  kQField,     // /qfield
  kOpenApi,    // /openapi.json
  kDocs,       // /docs
  kUsers,      // /channel/{c}/users, /room/{c}/users
  kLast,       // /channel/{c}/last, …
  kText,       // /channel/{c}/text, …
  kWebSocket,  // /channel/{c}/ws, …
};

struct Route {
  Resource resource = Resource::kUnknown;
  codec::Api api = codec::Api::kChannels;
  std::string channel;              // decoded; of resources that have one
  bool has_trailing_slash = false;  // `resource` is that of the path without it
};

// Percent-decoding (RFC 3986): '+' is a plus. Nothing when an escape is broken or the result is not
// UTF-8.
std::optional<std::string> PercentDecode(std::string_view text);

// Finds what a target ("/channel/QGIS/users?x=1") names. Doubled leading slashes count as one, the
// query is ignored, the path is decoded once.
Route FindRoute(std::string_view target);

// The target without doubled leading slashes and without the slashes at the end of its path, query
// kept: where a request with a trailing slash is sent.
std::string WithoutTrailingSlash(std::string_view target);

// Whether the query of a target has this parameter with this value.
bool HasQueryParameter(std::string_view target, std::string_view name, std::string_view value);

}  // namespace gischat::edge::http
