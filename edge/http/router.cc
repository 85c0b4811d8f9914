#include "edge/http/router.h"

#include <array>
#include <utility>

#include "common/base/utf8.h"

namespace gischat::edge::http {
namespace {

constexpr std::array<std::pair<std::string_view, Resource>, 9> kFixedPaths = {{
    {"/version", Resource::kVersion},
    {"/channels", Resource::kChannels},
    {"/rooms", Resource::kChannels},
    {"/status", Resource::kStatus},
    {"/rules", Resource::kRules},
    {"/qfield", Resource::kQField},
    {"/openapi.json", Resource::kOpenApi},
    {"/docs", Resource::kDocs},
    {"/", Resource::kPage},
}};

constexpr std::array<std::pair<std::string_view, Resource>, 4> kChannelPaths = {{
    {"users", Resource::kUsers},
    {"last", Resource::kLast},
    {"text", Resource::kText},
    {"ws", Resource::kWebSocket},
}};

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view PathOf(std::string_view target) {
  std::string_view path = target.substr(0, target.find_first_of("?#"));
  while (path.substr(0, 2) == "//") path.remove_prefix(1);
  return path;
}

std::string_view WithoutSlashesAtEnd(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

// {prefix}{channel}/{resource}
bool FindChannelRoute(std::string_view path, std::string_view prefix, codec::Api api,
                      Route* route) {
  if (path.substr(0, prefix.size()) != prefix) return false;
  path.remove_prefix(prefix.size());
  const size_t slash = path.find('/');
  if (slash == 0 || slash == std::string_view::npos) return false;
  const std::string_view rest = path.substr(slash + 1);
  for (const auto& [name, resource] : kChannelPaths) {
    if (rest != name) continue;
    route->resource = resource;
    route->api = api;
    route->channel = path.substr(0, slash);
    return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  if (!base::IsUtf8(decoded)) return std::nullopt;
  return decoded;
}

Route FindRoute(std::string_view target) {
  Route route;
  // Slashes at the end are looked for before decoding: only those can be taken away again.
  const std::string_view sent = PathOf(target);
  const std::string_view without_slash = WithoutSlashesAtEnd(sent);
  route.has_trailing_slash = without_slash.size() != sent.size();
  const std::optional<std::string> decoded = PercentDecode(without_slash);
  if (!decoded) return route;
  const std::string_view path = *decoded;
  for (const auto& [fixed, resource] : kFixedPaths) {
    if (path != fixed) continue;
    route.resource = resource;
    if (path == "/rooms") route.api = codec::Api::kRooms;
    return route;
  }
  if (!FindChannelRoute(path, "/channel/", codec::Api::kChannels, &route)) {
    FindChannelRoute(path, "/room/", codec::Api::kRooms, &route);
  }
  return route;
}

std::string WithoutTrailingSlash(std::string_view target) {
  std::string location(WithoutSlashesAtEnd(PathOf(target)));
  const size_t query = target.find('?');
  if (query != std::string_view::npos) location.append(target.substr(query));
  return location;
}

bool HasQueryParameter(std::string_view target, std::string_view name, std::string_view value) {
  const size_t question = target.find('?');
  if (question == std::string_view::npos) return false;
  std::string_view rest = target.substr(question + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name &&
        pair.substr(equals + 1) == value) {
      return true;
    }
    rest.remove_prefix(pair.size() == rest.size() ? rest.size() : pair.size() + 1);
  }
  return false;
}

}  // namespace gischat::edge::http
