#include "edge/http/handlers.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/utf8.h"
#include "common/base/version.h"
#include "common/rpc/await.h"
#include "common/trace/trace.h"
#include "edge/codec/json_document.h"
#include "edge/codec/json_writer.h"
#include "edge/codec/message_decoder.h"
#include "edge/codec/message_encoder.h"
#include "edge/http/validation_problem.h"
#include "edge/web/pages.h"

namespace gischat::edge::http {
namespace {

namespace asio = boost::asio;
using chat::v1::ChatMessage;

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; connect-src 'self' ws: wss:; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool AllowsGet(Resource resource) {
  return resource != Resource::kText && resource != Resource::kWebSocket &&
         resource != Resource::kUnknown;
}

Response NotFound() { return DetailResponse(404, "Not Found"); }

Response MethodNotAllowed(std::string_view allowed) {
  Response response = DetailResponse(405, "Method Not Allowed");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

Response Redirect(std::string location) {
  Response response;
  response.status = 307;
  response.headers.emplace_back("Location", std::move(location));
  return response;
}

// A backend is away; clients may try again soon.
Response Unavailable(std::string_view words) {
  Response response = DetailResponse(503, words);
  response.headers.emplace_back("Retry-After", "2");
  return response;
}

// application/json or application/*+json, with or without parameters.
bool IsJson(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  type.erase(std::remove(type.begin(), type.end(), ' '), type.end());
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (type == "application/json") return true;
  constexpr std::string_view kPrefix = "application/";
  constexpr std::string_view kSuffix = "+json";
  return type.size() > kPrefix.size() + kSuffix.size() && type.starts_with(kPrefix) &&
         type.ends_with(kSuffix);
}

// The description as every JSON answer is written: compact.
const std::string& CompactOpenApi() {
  static const std::string compact = [] {
    auto parsed = codec::ParseJson(web::OpenApiDocument());
    return codec::CompactJson(std::get<codec::JsonDocument>(parsed));
  }();
  return compact;
}

// Traces a message, when it is wanted: request 0 else.
trace::Trace Traced(std::string_view traceparent, ChatMessage& message, const Route& route) {
  const auto parent = trace::ParseTraceparent(traceparent);
  if (!parent && !trace::IsLogged()) return {};
  trace::Trace trace = (parent ? trace::Source(*parent) : trace::Source()).Next();
  *message.mutable_trace() = trace;
  trace::LogStep(trace, "received", {{"channel", route.channel}, {"by", "put"}});
  return trace;
}

void Note(const trace::Trace& trace, std::string_view step, std::string_view name,
          std::string_view value) {
  if (trace.request() != 0) trace::LogStep(trace, step, {{name, value}});
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Handlers::Handlers(HandlerParts parts, prometheus::Registry& registry)
    : parts_(std::move(parts)),
      requests_(
          registry, "gischat_edge_http_requests_total", "HTTP requests answered, by status",
          "status",
          {"200", "307", "400", "403", "404", "405", "408", "413", "422", "429", "431", "503"}) {}

void Handlers::Count(int status) { requests_.Count(std::to_string(status)); }

bool Handlers::HasChannel(const std::string& channel) const {
  const auto settings = parts_.settings.Now();
  const std::vector<std::string>& all = settings->channels;
  return std::find(all.begin(), all.end(), channel) != all.end();
}

Response Handlers::JudgeHead(const Request& head) const {
  const Route route = FindRoute(head.target);
  if (route.resource == Resource::kUnknown || route.resource == Resource::kWebSocket) {
    return NotFound();
  }
  if (route.has_trailing_slash && route.resource != Resource::kPage) {
    return Redirect(WithoutTrailingSlash(head.target));
  }
  if (AllowsGet(route.resource)) {
    if (head.method != Method::kGet && head.method != Method::kHead) {
      return MethodNotAllowed("GET, HEAD");
    }
  } else if (head.method != Method::kPut) {
    return MethodNotAllowed("PUT");
  }
  return Response{.status = 0};
}

asio::awaitable<Response> Handlers::Handle(Request request) {
  Response response = JudgeHead(request);
  if (response.status == 0) {
    const Route route = FindRoute(request.target);
    switch (route.resource) {
      case Resource::kPage:
        response = Page(web::IndexPage());
        break;
      case Resource::kDocs:
        response = Page(web::DocsPage());
        break;
      case Resource::kOpenApi:
        response = JsonResponse(200, CompactOpenApi());
        break;
      case Resource::kVersion:
        response = JsonResponse(200, "{\"version\":\"" + std::string(base::Version()) + "\"}");
        break;
      case Resource::kChannels:
        response = ChannelNames();
        break;
      case Resource::kRules:
        response = Rules();
        break;
      case Resource::kQField:
        response = Redirect(parts_.settings.Now()->qfield_plugin_url);
        break;
      case Resource::kStatus:
        response = co_await Status();
        break;
      case Resource::kUsers:
        response = co_await Users(route);
        break;
      case Resource::kLast:
        response = co_await Last(route);
        break;
      case Resource::kText:
        response = co_await Put(route, request);
        break;
      case Resource::kWebSocket:
      case Resource::kUnknown:
        break;  // answered by JudgeHead
    }
  }
  Count(response.status);
  co_return response;
}

Response Handlers::Page(std::string_view html) const {
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = html;
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

Response Handlers::ChannelNames() const {
  return JsonResponse(200, JsonList(parts_.settings.Now()->channels));
}

Response Handlers::Rules() const {
  const auto settings = parts_.settings.Now();
  const config::ContentLimits& limits = settings->limits;
  std::string body;
  codec::JsonObjectWriter(&body)
      .String("rules", settings->rules)
      .String("main_lang", settings->main_language)
      .Integer("min_author_length", limits.min_author_length)
      .Integer("max_author_length", limits.max_author_length)
      .Integer("max_message_length", limits.max_message_length)
      .Integer("max_image_size", limits.max_image_size)
      .Integer("max_geojson_features", limits.max_geojson_features)
      .End();
  return JsonResponse(200, std::move(body));
}

Response Handlers::UnknownChannel(const Route& route) const {
  const char* place = route.api == codec::Api::kRooms ? "Room" : "Channel";
  return DetailResponse(404, std::string(place) + " '" + route.channel + "' not registered");
}

asio::awaitable<Response> Handlers::Status() {
  std::vector<std::string> faults = parts_.health();
  presence::v1::CountConnectionsRequest request;
  const auto settings = parts_.settings.Now();
  for (const std::string& channel : settings->channels) request.add_channels(channel);
  auto answer = co_await rpc::Await<presence::v1::CountConnectionsResponse>(
      [&](auto done) { parts_.presence.CountConnections(request, std::move(done)); });
  if (!answer.ok() && faults.empty()) faults.emplace_back("presence does not answer");

  std::string channels = "[";
  for (int i = 0; i < request.channels_size(); ++i) {
    const bool known = answer.ok() && i < answer->counts_size();
    if (i > 0) channels.push_back(',');
    codec::JsonObjectWriter(&channels)
        .String("name", request.channels(i))
        .Integer("nb_connected_users",
                 known ? static_cast<int64_t>(answer->counts(i).connections()) : 0)
        .End();
  }
  channels.push_back(']');

  std::string words;
  for (const std::string& fault : faults) words += (words.empty() ? "" : "; ") + fault;
  std::string body;
  codec::JsonObjectWriter(&body)
      .String("status", faults.empty() ? "ok" : words)
      .Raw("healthy", faults.empty() ? "true" : "false")
      .Raw("channels", channels)
      .Raw("rooms", channels)
      .End();
  co_return JsonResponse(faults.empty() ? 200 : 503, std::move(body));
}

asio::awaitable<Response> Handlers::Users(const Route& route) {
  if (!HasChannel(route.channel)) co_return UnknownChannel(route);
  auto json = co_await rpc::Await<UserLists::Json>(
      [&](auto done) { parts_.users.Get(route.channel, std::move(done)); });
  if (absl::IsNotFound(json.status())) co_return UnknownChannel(route);  // removed just now
  if (!json.ok()) co_return Unavailable("The list of users can't be read now");
  co_return JsonResponse(200, **json);
}

asio::awaitable<Response> Handlers::Last(const Route& route) {
  if (!HasChannel(route.channel)) co_return UnknownChannel(route);
  fanout::v1::HistoryRequest request;
  request.set_channel(route.channel);
  auto answer = co_await rpc::Await<fanout::v1::HistoryResponse>(
      [&](auto done) { parts_.fanout.History(request, std::move(done)); });
  if (!answer.ok()) co_return Unavailable("The stored messages can't be read now");
  const codec::Shape shape =
      route.api == codec::Api::kRooms ? codec::Shape::kRooms : codec::Shape::kReplies;
  std::string body = "[";
  for (const fanout::v1::Event& event : answer->snapshot().history()) {
    ChatMessage message;
    if (!message.ParseFromString(event.message())) continue;
    const auto json = codec::EncodeMessage(message, shape);
    if (!json) continue;
    if (body.size() > 1) body.push_back(',');
    body.append(*json);
  }
  body.push_back(']');
  co_return JsonResponse(200, std::move(body));
}

asio::awaitable<Response> Handlers::Put(const Route& route, const Request& request) {
  const auto read = clients::Publisher::Clock::now();
  if (!base::IsUtf8(request.body) && IsJson(request.content_type)) {
    co_return DetailResponse(400, "There was an error parsing the body");
  }
  if (request.body.empty()) co_return MissingBody();
  if (!IsJson(request.content_type)) {
    std::string input;
    if (base::IsUtf8(request.body)) {
      codec::AppendJsonString(request.body, &input);
    } else {
      input = "\"\"";
    }
    co_return NotAnObject(input);
  }
  if (IsBlank(request.body)) {
    co_return BadJson(
        {codec::JsonError::Kind::kSyntax, request.body.size(), "unexpected end of the text"});
  }
  auto parsed = codec::ParseJson(request.body);
  if (const auto* error = std::get_if<codec::JsonError>(&parsed)) co_return BadJson(*error);
  auto& document = std::get<codec::JsonDocument>(parsed);
  if (document.root.kind == codec::JsonValue::Kind::kNull) co_return MissingBody();
  if (document.root.kind != codec::JsonValue::Kind::kObject) {
    co_return NotAnObject(codec::CompactJson(document));
  }
  co_return co_await Publish(route, std::move(document), request.traceparent, read);
}

asio::awaitable<Response> Handlers::Publish(const Route& route, codec::JsonDocument document,
                                            std::string traceparent,
                                            clients::Publisher::Clock::time_point read) {
  codec::DecodedMessage decoded = codec::DecodeTextBody(document, route.api);
  const trace::Trace trace = Traced(traceparent, decoded.message, route);
  parts_.metrics.OnReceived(decoded.message.kind_case());
  auto review = std::make_shared<moderation::v1::ReviewRequest>();
  *review->mutable_message() = std::move(decoded.message);
  *review->mutable_decoding_violations() = std::move(decoded.violations);
  auto verdict = co_await rpc::Await<moderation::v1::ReviewResponse>(
      [&](auto done) { parts_.moderation.Review(review, std::move(done)); });
  if (!verdict.ok()) co_return Unavailable("The message can't be checked now");
  Note(trace, "reviewed", "verdict", verdict->has_accepted() ? "accepted" : "rejected");
  if (verdict->has_rejected()) {
    co_return FieldFaults(verdict->rejected().violations(), document);
  }
  if (!HasChannel(route.channel)) co_return UnknownChannel(route);

  const ChatMessage& message = verdict->accepted().message();
  auto published = co_await rpc::Await<bool>([&](base::Callback<bool> done) {
    parts_.publisher.Publish(
        route.channel, message.SerializeAsString(), verdict->accepted().stored(),
        [done = std::move(done)](absl::Status status) mutable {
          if (!status.ok()) return std::move(done)(status);
          std::move(done)(true);
        },
        read, trace);
    parts_.publisher.Flush();
  });
  Note(trace, "published", "outcome", published.ok() ? "ok" : "failed");
  if (absl::IsNotFound(published.status())) co_return UnknownChannel(route);  // removed just now
  if (!published.ok()) {
    co_return Unavailable(published.status().code() == absl::StatusCode::kUnknown
                              ? "The message may not have been delivered"
                              : "The message can't be delivered now");
  }
  const codec::Shape shape =
      route.api == codec::Api::kRooms ? codec::Shape::kRooms : codec::Shape::kReplies;
  co_return JsonResponse(200, *codec::EncodeMessage(message, shape));
}

}  // namespace gischat::edge::http
