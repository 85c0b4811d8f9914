#include "common/config/address.h"

#include <arpa/inet.h>

namespace gischat::config {

absl::Status CheckIpAddress(const std::string& value) {
  in6_addr parsed{};
  if (inet_pton(AF_INET, value.c_str(), &parsed) == 1 ||
      inet_pton(AF_INET6, value.c_str(), &parsed) == 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("must be an IP address");
}

std::string HostPort(std::string_view address, uint16_t port) {
  std::string text;
  if (address.find(':') == std::string_view::npos) {
    text.append(address);
  } else {
    text.append("[").append(address).append("]");
  }
  return text.append(":").append(std::to_string(port));
}

}  // namespace gischat::config
