#pragma once

#include <spdlog/spdlog.h>

#include <string>

// Logging: spdlog's macros-free interface (spdlog::info("edge: {} ...", ...)), configured once.
// The text of messages is never logged, nor are passwords.
namespace gischat::log {

// Sends the default logger to stderr. `format`: "text" (time, level, process, message) or "json"
// (one object a line with the keys time, level, process, message). `level`: trace, debug, info,
// warn, error or off.
void Configure(const std::string& process, const std::string& format, const std::string& level);

}  // namespace gischat::log
