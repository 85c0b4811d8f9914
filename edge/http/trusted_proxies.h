#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "edge/settings/ip_network.h"

namespace gischat::edge::http {

// The proxies whose word counts about where a client comes from. Immutable.
class TrustedProxies {
 public:
  // Trusts nobody.
  TrustedProxies() = default;
  // Networks as in GISCHAT_TRUSTED_PROXIES; what is none is left out.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  bool Contains(const IpAddress& address) const;

  // The client behind `peer`. When that is one of these proxies: the rightmost address of its
  // X-Forwarded-For headers, given in the order of their lines, that is not one of them too. What
  // stands further left was said by the client itself. From an entry that can't be read on nothing
  // counts, and the last good one is taken. Entries may have a port, as some proxies write it.
  IpAddress ClientOf(const IpAddress& peer, const std::vector<std::string_view>& forwarded) const;

 private:
  std::vector<IpNetwork> networks_;
};

// Under which name a client is counted: the address, of IPv6 its network of 64 bits, since whoever
// has one address has them all.
std::string CountedAs(IpAddress address);

}  // namespace gischat::edge::http
