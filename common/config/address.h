#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gischat::config {

// For Table::Text: takes IPv4 and IPv6 addresses without brackets, e.g. 0.0.0.0 or ::1.
absl::Status CheckIpAddress(const std::string& value);

// "127.0.0.1:8000", "[::1]:8000".
std::string HostPort(std::string_view address, uint16_t port);

}  // namespace gischat::config
