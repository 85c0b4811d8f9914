#include "edge/http/exchange.h"

#include "edge/codec/json_writer.h"

namespace gischat::edge::http {

Response JsonResponse(int status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

std::string JsonList(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) {
    if (json.size() > 1) json.push_back(',');
    codec::AppendJsonString(text, &json);
  }
  json.push_back(']');
  return json;
}

Response DetailResponse(int status, std::string_view words) {
  std::string body;
  codec::JsonObjectWriter(&body).String("detail", words).End();
  return JsonResponse(status, std::move(body));
}

}  // namespace gischat::edge::http
