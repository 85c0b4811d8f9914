#include "edge/http/trusted_proxies.h"

#include <algorithm>
#include <optional>

#include "absl/status/statusor.h"

namespace gischat::edge::http {
namespace {

constexpr std::ptrdiff_t kNetworkBytes = 8;  // that a provider gives to one customer of IPv6

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// "192.0.2.1", "192.0.2.1:5678", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:5678".
std::optional<IpAddress> ParseEntry(std::string_view entry) {
  entry = Trimmed(entry);
  if (entry.starts_with('[')) {
    const size_t end = entry.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return ParseIpAddress(entry.substr(1, end - 1));
  }
  const size_t colon = entry.find(':');
  const bool has_port = colon != std::string_view::npos && entry.find(':', colon + 1) == entry.npos;
  return ParseIpAddress(has_port ? entry.substr(0, colon) : entry);
}

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
  for (const std::string& text : networks) {
    if (const auto network = IpNetwork::Parse(text); network.ok()) networks_.push_back(*network);
  }
}

bool TrustedProxies::Contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const IpNetwork& network) { return network.Contains(address); });
}

IpAddress TrustedProxies::ClientOf(const IpAddress& peer,
                                   const std::vector<std::string_view>& forwarded) const {
  IpAddress client = peer;
  for (auto line = forwarded.rbegin(); line != forwarded.rend(); ++line) {
    std::string_view rest = *line;
    while (Contains(client)) {
      const size_t comma = rest.rfind(',');
      const auto entry = ParseEntry(comma == rest.npos ? rest : rest.substr(comma + 1));
      if (!entry) return client;
      client = *entry;
      if (comma == rest.npos) break;
      rest = rest.substr(0, comma);
    }
  }
  return client;
}

std::string CountedAs(IpAddress address) {
  if (IsIpv4(address)) return FormatIpAddress(address);
  std::fill(address.begin() + kNetworkBytes, address.end(), 0);
  return FormatIpAddress(address) + "/64";
}

}  // namespace gischat::edge::http
