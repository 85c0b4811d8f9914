#include "common/trace/trace.h"

#include <vector>

#include "common/base/random_id.h"
#include "common/log/log.h"

namespace gischat::trace {
namespace {

constexpr size_t kHeaderLength = 55;  // 00-<32 digits>-<16 digits>-<2 digits>
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = 36;
constexpr size_t kFlagsAt = 53;
constexpr int kWord = 16;  // digits of 64 bits

// Lower case only, as the standard has it.
std::optional<uint64_t> ReadHex(std::string_view digits) {
  uint64_t number = 0;
  for (const char c : digits) {
    const bool is_letter = c >= 'a' && c <= 'f';
    if (!is_letter && !(c >= '0' && c <= '9')) return std::nullopt;
    number = number << 4 | static_cast<uint64_t>(is_letter ? c - 'a' + 10 : c - '0');
  }
  return number;
}

void AppendHex(uint64_t number, int digits, std::string* text) {
  for (int at = digits - 1; at >= 0; --at) {
    text->push_back("0123456789abcdef"[number >> (4 * at) & 0xf]);
  }
}

std::string TraceId(const Trace& trace) {
  std::string text;
  AppendHex(trace.trace_high(), kWord, &text);
  AppendHex(trace.trace_low(), kWord, &text);
  return text;
}

std::string RequestId(const Trace& trace) {
  std::string text;
  AppendHex(trace.request(), kWord, &text);
  return text;
}

}  // namespace

bool IsLogged() { return spdlog::should_log(spdlog::level::debug); }

std::optional<Parent> ParseTraceparent(std::string_view header) {
  if (header.size() < kHeaderLength) return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  if (!ReadHex(version) || version == "ff") return std::nullopt;
  if (header.size() > kHeaderLength && (version == "00" || header[kHeaderLength] != '-')) {
    return std::nullopt;
  }
  if (header[kTraceAt - 1] != '-' || header[kSpanAt - 1] != '-' || header[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  const auto high = ReadHex(header.substr(kTraceAt, kWord));
  const auto low = ReadHex(header.substr(kTraceAt + kWord, kWord));
  const auto span = ReadHex(header.substr(kSpanAt, kWord));
  const auto flags = ReadHex(header.substr(kFlagsAt, 2));
  if (!high || !low || !span || !flags) return std::nullopt;
  if ((*high == 0 && *low == 0) || *span == 0) return std::nullopt;
  return Parent{*high, *low, *span, static_cast<uint8_t>(*flags)};
}

std::string FormatTraceparent(const Trace& trace) {
  std::string text = "00-" + TraceId(trace) + "-" + RequestId(trace) + "-";
  AppendHex(trace.flags() & 0xff, 2, &text);
  return text;
}

Source::Source() : Source(Parent{base::RandomNumber(), base::RandomNumber(), 0, 0}) {}

Source::Source(const Parent& parent) : parent_(parent), last_request_(base::RandomNumber()) {}

Trace Source::Next() {
  if (++last_request_ == 0) ++last_request_;
  Trace trace;
  trace.set_trace_high(parent_.trace_high);
  trace.set_trace_low(parent_.trace_low);
  trace.set_request(last_request_);
  trace.set_flags(parent_.flags);
  return trace;
}

void LogStep(const Trace& trace, std::string_view step, std::initializer_list<Field> fields) {
  if (!IsLogged()) return;
  const std::string trace_id = TraceId(trace);
  const std::string request = RequestId(trace);
  std::vector<log::Field> all = {{"step", step}, {"trace_id", trace_id}, {"request", request}};
  all.insert(all.end(), fields.begin(), fields.end());
  log::Write(spdlog::level::debug, "a message on its way", all);
}

}  // namespace gischat::trace
