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

Response DetailResponse(int status, std::string_view words) {
  std::string body;
  codec::JsonObjectWriter(&body).String("detail", words).End();
  return JsonResponse(status, std::move(body));
}

}  // namespace gischat::edge::http
