#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Logging: spdlog's macros-free interface (spdlog::info("edge: {} ...", ...)), configured once.
// The text of messages is never logged, nor are passwords.
namespace gischat::log {

// Sends the default logger to stderr. `format`: "text" (time, level, process, message) or "json"
// (one object a line with the keys time, level, process, message). `level`: trace, debug, info,
// warn, error or off.
void Configure(const std::string& process, const std::string& format, const std::string& level);

// The level alone, at any moment.
void SetLevel(const std::string& level);

// A name and its value.
using Field = std::pair<std::string_view, std::string_view>;

// Writes a line with values of its own: keys of the object in JSON, name=value behind the message
// in text. The names are plain words.
void Write(spdlog::level::level_enum level, std::string_view message,
           const std::vector<Field>& fields);

}  // namespace gischat::log
