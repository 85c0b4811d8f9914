#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Requests and answers as the handlers see them, whatever library carries them.
namespace gischat::edge::http {

enum class Method { kGet, kHead, kPut, kOther };

struct Request {
  Method method = Method::kGet;
  std::string target;        // as sent: path and query, not decoded
  std::string content_type;  // empty: none
  std::string body;
  std::string traceparent = {};  // of W3C Trace Context; empty: none
};

struct Response {
  int status = 200;
  std::string content_type = {};  // empty: none, and no body
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // others
};

// An answer in JSON: never cached, since QGIS would keep it for ever.
Response JsonResponse(int status, std::string body);

// ["a","b"]
std::string JsonList(const std::vector<std::string>& texts);

// {"detail": words}
Response DetailResponse(int status, std::string_view words);

}  // namespace gischat::edge::http
