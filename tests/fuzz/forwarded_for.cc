// What clients and proxies say in X-Forwarded-For, a header in each line of the input, and networks
// as operators write them.

#include "edge/http/trusted_proxies.h"
#include "edge/settings/ip_network.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

using edge::IpAddress;
using edge::IpNetwork;
using edge::ParseIpAddress;

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (true) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

void CheckAddress(const IpAddress& address) {
  Require(ParseIpAddress(edge::FormatIpAddress(address)) == address,
          "an address that is written reads back as the same");
  const std::string name = edge::http::CountedAs(address);
  IpAddress neighbour = address;
  neighbour.back() ^= 1;
  Require((edge::http::CountedAs(neighbour) == name) != edge::IsIpv4(address),
          "of IPv6 a network counts, of IPv4 each address");
}

void CheckNetwork(std::string_view text) {
  const auto network = IpNetwork::Parse(text);
  if (!network.ok()) return;
  const auto address = ParseIpAddress(text.substr(0, text.find('/')));
  Require(address.has_value(), "a network has an address");
  // ::ffff:192.0.2.1/8 is a network of IPv6, which holds no address of IPv4.
  const bool is_odd = edge::IsIpv4(*address) && text.find(':') != std::string_view::npos;
  Require(network->Contains(*address) || is_odd, "a network holds its own address");
}

void CheckClient(std::vector<std::string_view> forwarded) {
  static const edge::http::TrustedProxies proxies({"10.0.0.0/8", "2001:db8::/32"});
  const IpAddress proxy = *ParseIpAddress("10.0.0.1");
  const IpAddress stranger = *ParseIpAddress("192.0.2.1");
  Require(proxies.ClientOf(stranger, forwarded) == stranger, "strangers are not believed");
  const IpAddress client = proxies.ClientOf(proxy, forwarded);
  CheckAddress(client);
  if (!proxies.Contains(client)) {
    const std::string forged = "198.51.100.9, " + std::string(forwarded[0]);
    std::vector<std::string_view> longer = forwarded;
    longer[0] = forged;
    longer.insert(longer.begin(), "198.51.100.8");
    Require(proxies.ClientOf(proxy, longer) == client,
            "what a client adds in front counts nothing");
  }
  forwarded.push_back("192.0.2.1");
  Require(proxies.ClientOf(proxy, forwarded) == stranger, "the last word is the proxy's");
}

}  // namespace
void TakeInput(std::string_view input) {
  const std::string text = Expand(input, 16 << 10);  // no head is larger
  const auto lines = Lines(text);
  CheckNetwork(lines[0]);
  if (const auto address = ParseIpAddress(lines[0])) CheckAddress(*address);
  CheckClient(lines);
}

}  // namespace gischat::fuzz
