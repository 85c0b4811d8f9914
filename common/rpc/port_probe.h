#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gischat::rpc {

// Whether a server may listen at an IP address and port: kUnavailable when the port is taken,
// kInvalidArgument when the address is none of this machine's, both in words that name it.
// Binds for a moment, without sharing; port 0 is always free.
absl::Status ProbePort(const std::string& address, uint16_t port);

}  // namespace gischat::rpc
