#include "common/log/log.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/time/time.h"

namespace gischat::log {
namespace {

std::string_view LevelName(spdlog::level::level_enum level) {
  if (level == spdlog::level::warn) return "warn";
  const spdlog::string_view_t name = spdlog::level::to_string_view(level);
  return {name.data(), name.size()};
}

std::string Timestamp(spdlog::log_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

// A JSON string of any bytes: what is not UTF-8 becomes U+FFFD.
std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// One line, so that nobody can forge a second one.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      line += '?';
    } else {
      line += c;
    }
  }
  return line;
}

// Of the line that this thread is writing; the formatter runs within the call that writes it.
thread_local const std::vector<Field>* fields_of_line = nullptr;

class LineFormatter : public spdlog::formatter {
 public:
  LineFormatter(std::string process, bool json) : process_(std::move(process)), json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const std::string line = json_ ? JsonLine(message, text) : TextLine(message, text);
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(process_, json_);
  }

 private:
  std::string TextLine(const spdlog::details::log_msg& message, std::string_view text) const {
    std::string line = Timestamp(message.time) + " " + std::string(LevelName(message.level)) + " " +
                       process_ + ": " + OneLine(text);
    if (fields_of_line != nullptr) {
      for (const auto& [name, value] : *fields_of_line) {
        line.append(" ").append(name).append("=").append(OneLine(value));
      }
    }
    return line + "\n";
  }

  std::string JsonLine(const spdlog::details::log_msg& message, std::string_view text) const {
    std::string line = R"({"time":")" + Timestamp(message.time) + R"(","level":")" +
                       std::string(LevelName(message.level)) + R"(","process":)" +
                       Quoted(process_) + R"(,"message":)" + Quoted(text);
    if (fields_of_line != nullptr) {
      for (const auto& [name, value] : *fields_of_line) {
        line.append(",\"").append(name).append("\":").append(Quoted(value));
      }
    }
    return line + "}\n";
  }

  const std::string process_;
  const bool json_;
};

}  // namespace

void Configure(const std::string& process, const std::string& format, const std::string& level) {
  auto logger =
      std::make_shared<spdlog::logger>(process, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<LineFormatter>(process, format == "json"));
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

void SetLevel(const std::string& level) {
  spdlog::default_logger()->set_level(spdlog::level::from_str(level));
}

void Write(spdlog::level::level_enum level, std::string_view message,
           const std::vector<Field>& fields) {
  fields_of_line = &fields;
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(message.data(), message.size()));
  fields_of_line = nullptr;
}

}  // namespace gischat::log
