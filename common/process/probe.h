#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gischat::process {

// Asks the admin port of a process on this machine for /readyz. OK when the answer is 200;
// kUnavailable with what it said otherwise, kDeadlineExceeded when it takes longer than `patience`.
// `address`: what the process was told to listen at; of a wildcard its loopback is asked. Blocks.
absl::Status Probe(const std::string& address, uint16_t port,
                   std::chrono::milliseconds patience = std::chrono::seconds(2));

// What --probe does: prints the outcome of Probe() in one line. Returns the status to exit with: 0
// when the process is ready, else 1.
int RunProbe(const std::string& program, const std::string& address, uint16_t port);

}  // namespace gischat::process
