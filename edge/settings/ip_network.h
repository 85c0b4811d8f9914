#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gischat::edge {

// An IP address as 16 bytes; one of IPv4 as the IPv6 address that it is mapped to (::ffff:a.b.c.d),
// so that both spellings of it are the same.
using IpAddress = std::array<uint8_t, 16>;

// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing when the text is no address.
std::optional<IpAddress> ParseIpAddress(std::string_view text);

bool IsIpv4(const IpAddress& address);

// "192.0.2.1", "2001:db8::1".
std::string FormatIpAddress(const IpAddress& address);

// The addresses that begin with the same bits. Immutable.
class IpNetwork {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or one address. kInvalidArgument with what is wrong ("is no …").
  static absl::StatusOr<IpNetwork> Parse(std::string_view text);

  // A network of IPv6 holds no address of IPv4, not even ::/0.
  bool Contains(const IpAddress& address) const;

 private:
  IpNetwork(const IpAddress& address, size_t bits) : address_(address), bits_(bits) {}

  IpAddress address_;
  size_t bits_;  // of the 128
};

}  // namespace gischat::edge
