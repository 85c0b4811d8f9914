#include "edge/settings/ip_network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"

namespace gischat::edge {
namespace {

constexpr size_t kMappedBits = 96;  // of ::ffff:0:0/96, where IPv4 is
constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
  if (inet_pton(AF_INET, terminated.c_str(), address.data() + kMappedPrefix.size()) == 1) {
    return address;
  }
  return std::nullopt;
}

bool IsIpv4(const IpAddress& address) {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
}

std::string FormatIpAddress(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IsIpv4(address)) {
    inet_ntop(AF_INET, address.data() + kMappedPrefix.size(), text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

absl::StatusOr<IpNetwork> IpNetwork::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = ParseIpAddress(text.substr(0, slash));
  if (!address) return absl::InvalidArgumentError("is no IP address and no network");
  if (slash == std::string_view::npos) return IpNetwork(*address, 128);
  const bool is_short = IsIpv4(*address) && text.find(':') == std::string_view::npos;
  const size_t most = is_short ? 32 : 128;
  const std::string length(text.substr(slash + 1));
  uint32_t bits = 0;
  if (length.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(length, &bits) || bits > most) {
    return absl::InvalidArgumentError("has no prefix length from 0 to " + std::to_string(most));
  }
  return IpNetwork(*address, is_short ? kMappedBits + bits : bits);
}

bool IpNetwork::Contains(const IpAddress& address) const {
  if (bits_ < kMappedBits && IsIpv4(address)) return false;
  const size_t bytes = bits_ / 8;
  if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(bytes),
                  address_.begin())) {
    return false;
  }
  if (bits_ % 8 == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - bits_ % 8));
  return (address[bytes] & mask) == (address_[bytes] & mask);
}

}  // namespace gischat::edge
