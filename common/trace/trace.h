#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gischat/trace/v1/trace.pb.h"

// One message on its way through all parts: each part writes one line of its log per step, at level
// debug, and all lines of a message have its ids. Texts and names of people never stand in them.
//
//   if (message.has_trace()) trace::LogStep(message.trace(), "reviewed", {{"verdict",
//   "accepted"}});
//
// While nobody looks, no message has a trace, and that is all it costs. Thread-safe.
namespace gischat::trace {

using v1::Trace;

// Whether steps are logged in this process now.
bool IsLogged();

// Somebody else's span, from the header `traceparent` of W3C Trace Context.
struct Parent {
  uint64_t trace_high = 0;
  uint64_t trace_low = 0;
  uint64_t span = 0;
  uint8_t flags = 0;
};

// Nothing when the header is invalid, which then counts as absent. Of a version that is not known
// yet, the part is read that is known.
std::optional<Parent> ParseTraceparent(std::string_view header);

// The header for those who are called for this message: it is their parent.
std::string FormatTraceparent(const Trace& trace);

// Names the messages of one connection. Not thread-safe.
class Source {
 public:
  Source();  // a trace of its own
  explicit Source(const Parent& parent);

  Trace Next();

 private:
  Parent parent_;
  uint64_t last_request_;
};

// A name and what it has in this step, e.g. {"channel", "QGIS"}. Never a text of a client.
using Field = std::pair<std::string_view, std::string_view>;

// Writes one line, if steps are logged: in JSON with the keys step, trace_id, request and those of
// `fields`.
void LogStep(const Trace& trace, std::string_view step, std::initializer_list<Field> fields = {});

}  // namespace gischat::trace
