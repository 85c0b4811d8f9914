#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "edge/codec/json_document.h"
#include "edge/codec/violations.h"
#include "edge/http/exchange.h"

// 422 answers in the shape of FastAPI, which scripts of users read:
// {"detail":[{"type":…,"loc":["body",…],"msg":…,"input":…,"ctx":…}, …]}
namespace gischat::edge::http {

// There is no body, or it is null.
Response MissingBody();

// The body is not an object. `input`: the body as JSON.
Response NotAnObject(std::string_view input);

// The body is no JSON.
Response BadJson(const codec::JsonError& error);

// Faults of the fields of a text message, in the order of its fields. `document`: the body, for
// what was sent; strings and JSON longer than 200 characters are cut.
Response FieldFaults(const codec::Violations& violations, codec::JsonDocument& document);

}  // namespace gischat::edge::http
