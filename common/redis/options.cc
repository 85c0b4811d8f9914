#include "common/redis/options.h"

#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gischat::redis {
namespace {

constexpr std::string_view kScheme = "redis://";

std::optional<std::string> DecodePercent(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    int byte = 0;
    if (i + 2 >= text.size() ||
        !absl::SimpleHexAtoi(absl::string_view(text.data() + i + 1, 2), &byte)) {
      return std::nullopt;
    }
    decoded.push_back(static_cast<char>(byte));
    i += 2;
  }
  return decoded;
}

// Decimal digits only.
template <typename T>
bool ReadNumber(std::string_view text, uint32_t max, T* number) {
  uint32_t value = 0;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &value) || value > max) {
    return false;
  }
  *number = static_cast<T>(value);
  return true;
}

absl::Status ReadCredentials(std::string_view text, Options* options) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError("must have a password after the user, as user:password@");
  }
  const auto user = DecodePercent(text.substr(0, colon));
  const auto password = DecodePercent(text.substr(colon + 1));
  if (!user || !password) {
    return absl::InvalidArgumentError("must have user and password percent-encoded");
  }
  options->user = *user;
  options->password = *password;
  return absl::OkStatus();
}

}  // namespace

std::string Endpoint::ToString() const {
  const bool brackets = host.find(':') != std::string::npos;
  return absl::StrCat(brackets ? "[" : "", host, brackets ? "]:" : ":", port);
}

absl::StatusOr<Options> ParseUrl(const std::string& url) {
  Options options;
  std::string_view rest = url;
  if (!rest.starts_with(kScheme)) {
    return absl::InvalidArgumentError("must be redis://[user:password@]host[:port][/database]");
  }
  rest.remove_prefix(kScheme.size());
  // The last one: passwords may hold a bare @.
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const absl::Status status = ReadCredentials(rest.substr(0, at), &options);
    if (!status.ok()) return status;
    rest.remove_prefix(at + 1);
  }
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view database = rest.substr(slash + 1);
    if (!database.empty() && !ReadNumber(database, 1'000'000, &options.database)) {
      return absl::InvalidArgumentError("must have a number as database");
    }
    rest = rest.substr(0, slash);
  }
  absl::StatusOr<Endpoint> endpoint = ParseEndpoint(rest, options.port);
  if (!endpoint.ok()) return endpoint.status();
  options.host = std::move(endpoint->host);
  options.port = endpoint->port;
  return options;
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text, uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {  // an IPv6 address
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return absl::InvalidArgumentError("must close the bracket");
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (host.empty()) return absl::InvalidArgumentError("must name a host");
  Endpoint endpoint{.host = std::string(host), .port = default_port};
  if (port.empty()) return endpoint;
  if (port[0] != ':' || !ReadNumber(port.substr(1), 65535, &endpoint.port) || endpoint.port == 0) {
    return absl::InvalidArgumentError("must have a port from 1 to 65535");
  }
  return endpoint;
}

}  // namespace gischat::redis
