#include "edge/http/http_connection.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/version.h"

namespace gischat::edge::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr std::chrono::seconds kLinger(5);

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

Method MethodOf(bhttp::verb verb) {
  switch (verb) {
    case bhttp::verb::get:
      return Method::kGet;
    case bhttp::verb::head:
      return Method::kHead;
    case bhttp::verb::put:
      return Method::kPut;
    default:
      return Method::kOther;
  }
}

// The header by which the client follows what it sends; empty when there is none, or more than one.
template <typename Head>
std::string Traceparent(const Head& head) {
  if (head.count("traceparent") != 1) return {};
  return std::string(View(head["traceparent"]));
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(net::Socket socket, Handlers& handlers, Admission& admission,
             const TrustedProxies& proxies, std::function<void(Upgrade)> on_upgrade,
             HttpLimits limits)
      : limits_(limits),
        place_(admission.Arrive()),
        socket_(std::move(socket)),
        deadline_(socket_.get_executor()),
        handlers_(handlers),
        admission_(admission),
        proxies_(proxies),
        on_upgrade_(std::move(on_upgrade)) {}

  void Start() {
    if (place_ == nullptr) return TurnAway();
    asio::co_spawn(
        socket_.get_executor(), [self = shared_from_this()] { return self->Run(); },
        asio::detached);
  }

 private:
  using HeadParser = bhttp::request_parser<bhttp::empty_body>;
  using BodyParser = bhttp::request_parser<bhttp::string_body>;

  // There is no room for it: it is not listened to, and keeps its file no longer than that takes.
  void TurnAway() {
    constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Cache-Control: no-store\r\nRetry-After: 2\r\nConnection: close\r\n"
        "Content-Length: 31\r\n\r\n{\"detail\":\"The server is full\"}";
    handlers_.Count(503);
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.write_some(asio::buffer(kFull), ignored);
    socket_.shutdown(net::Socket::shutdown_send, ignored);
  }

  asio::awaitable<void> Run() {
    for (int served = 0;; ++served) {
      HeadParser parser;
      parser.header_limit(static_cast<uint32_t>(limits_.head_bytes));
      parser.body_limit(boost::none);  // judged when the body is read
      ExpireAfter(served == 0 ? limits_.head : limits_.next);
      if (const auto error = co_await ReadHead(parser)) {
        co_return co_await RefuseHead(error, parser);
      }
      const auto& head = parser.get();
      if (beast::websocket::is_upgrade(head)) co_return co_await TakeUpgrade(parser);
      if (!co_await Serve(parser)) break;
    }
    co_await Linger();
  }

  // False when the connection is not to be used any more.
  asio::awaitable<bool> Serve(HeadParser& parser) {
    Request request;
    request.method = MethodOf(parser.get().method());
    request.target = View(parser.get().target());
    request.content_type = View(parser.get()[bhttp::field::content_type]);
    request.traceparent = Traceparent(parser.get());
    const bool is_head = request.method == Method::kHead;
    const unsigned version = parser.get().version();
    bool keep_alive = parser.get().keep_alive();

    Response response = handlers_.JudgeHead(request);
    if (response.status != 0) {
      // Whatever body follows is not wanted.
      handlers_.Count(response.status);
      keep_alive = keep_alive && parser.is_done();
      if (!keep_alive) co_return co_await Write(response, version, is_head, false);
      co_return co_await Write(response, version, is_head, true);
    }
    if (request.method == Method::kPut) {
      if (const auto refusal = admission_.RefuseMessage(Client(parser.get()))) {
        handlers_.Count(refusal->status);
        keep_alive = keep_alive && parser.is_done();
        co_return co_await Write(*refusal, version, is_head, keep_alive);
      }
    }
    if (const auto fault = co_await ReadBody(parser, &request.body)) {
      if (fault->status == 0) co_return false;
      handlers_.Count(fault->status);
      co_await Write(*fault, version, is_head, false);
      co_return false;
    }
    deadline_.cancel();
    response = co_await handlers_.Handle(std::move(request));
    co_return co_await Write(response, version, is_head, keep_alive);
  }

  asio::awaitable<boost::system::error_code> ReadHead(HeadParser& parser) {
    boost::system::error_code error;
    co_await bhttp::async_read_header(socket_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, error));
    co_return error;
  }

  // Nothing when the body was read; an answer when it is refused (status 0: no answer is possible).
  asio::awaitable<std::optional<Response>> ReadBody(HeadParser& head, std::string* body) {
    if (head.is_done()) co_return std::nullopt;
    const bool waits = beast::iequals(head.get()[bhttp::field::expect], "100-continue");
    const auto length = head.content_length();
    if (length && *length > kMaxBodyBytes) co_return TooLarge();
    ExpireAfter(limits_.body);
    if (waits && !co_await WriteContinue()) co_return Response{.status = 0};
    BodyParser parser(std::move(head));
    parser.body_limit(kMaxBodyBytes);
    boost::system::error_code error;
    co_await bhttp::async_read(socket_, buffer_, parser,
                               asio::redirect_error(asio::use_awaitable, error));
    if (error == bhttp::error::body_limit) co_return TooLarge();
    if (timed_out_) co_return DetailResponse(408, "The body of the request took too long");
    if (error == bhttp::error::end_of_stream || error == bhttp::error::partial_message) {
      co_return Response{.status = 0};
    }
    if (error && error.category() == bhttp::make_error_code(bhttp::error::bad_chunk).category()) {
      co_return DetailResponse(400, "The body of the request can't be read");
    }
    if (error) co_return Response{.status = 0};
    *body = std::move(parser.get().body());
    co_return std::nullopt;
  }

  static Response TooLarge() {
    return DetailResponse(413,
                          "The body has more than " + std::to_string(kMaxBodyBytes) + " bytes");
  }

  asio::awaitable<bool> WriteContinue() {
    bhttp::response<bhttp::empty_body> go_on(bhttp::status::continue_, 11);
    boost::system::error_code error;
    co_await bhttp::async_write(socket_, go_on, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  // A head that can't be read: says so, where somebody may still listen.
  asio::awaitable<void> RefuseHead(boost::system::error_code error, const HeadParser& parser) {
    std::optional<Response> response;
    if (timed_out_) {
      if (parser.got_some()) {
        response = DetailResponse(408, "The head of the request took too long");
      }
    } else if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
      response = DetailResponse(431, "The head of the request has more than " +
                                         std::to_string(limits_.head_bytes) + " bytes");
    } else if (error != bhttp::error::end_of_stream && error != bhttp::error::partial_message &&
               error.category() == bhttp::make_error_code(bhttp::error::bad_method).category()) {
      response = DetailResponse(400, "The request is no HTTP");
    }
    if (response) {
      handlers_.Count(response->status);
      co_await Write(*response, 11, /*is_head=*/false, /*keep_alive=*/false);
    }
    co_await Linger();
  }

  asio::awaitable<bool> Write(const Response& response, unsigned version, bool is_head,
                              bool keep_alive) {
    bhttp::response<bhttp::string_body> message(static_cast<bhttp::status>(response.status),
                                                version);
    message.set(bhttp::field::server, "gischat/" + std::string(base::Version()));
    if (!response.content_type.empty()) {
      message.set(bhttp::field::content_type, response.content_type);
    }
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(keep_alive);
    message.content_length(response.body.size());
    if (!is_head) message.body() = response.body;
    ExpireAfter(limits_.answer);
    boost::system::error_code error;
    bhttp::response_serializer<bhttp::string_body> serializer(message);
    if (is_head) {
      co_await bhttp::async_write_header(socket_, serializer,
                                         asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await bhttp::async_write(socket_, serializer,
                                  asio::redirect_error(asio::use_awaitable, error));
    }
    deadline_.cancel();
    co_return !error && keep_alive;
  }

  asio::awaitable<void> TakeUpgrade(HeadParser& parser) {
    const std::string target(View(parser.get().target()));
    Route route = FindRoute(target);
    if (route.resource != Resource::kWebSocket || route.has_trailing_slash ||
        !handlers_.HasChannel(route.channel)) {
      handlers_.Count(403);
      // Named: GCC 12 destroys an aggregate temporary of a co_await expression twice.
      const Response forbidden{.status = 403};
      co_await Write(forbidden, parser.get().version(), /*is_head=*/false, /*keep_alive=*/false);
      co_return co_await Linger();
    }
    auto entered =
        admission_.Enter(place_, Client(parser.get()), View(parser.get()[bhttp::field::origin]));
    if (const auto* refusal = std::get_if<Response>(&entered)) {
      handlers_.Count(refusal->status);
      co_await Write(*refusal, parser.get().version(), /*is_head=*/false, /*keep_alive=*/false);
      co_return co_await Linger();
    }
    deadline_.cancel();
    auto ticket = std::get<Admission::Ticket>(std::move(entered));
    place_.reset();  // the ticket's now
    std::shared_ptr<trace::Source> trace;
    if (const auto parent = trace::ParseTraceparent(Traceparent(parser.get()))) {
      trace = std::make_shared<trace::Source>(*parent);
    }
    Upgrade upgrade{std::move(socket_),
                    beast::buffers_to_string(buffer_.data()),
                    std::make_shared<bhttp::request<bhttp::empty_body>>(parser.release()),
                    std::move(route),
                    HasQueryParameter(target, "replies", "1"),
                    std::move(trace),
                    std::move(ticket)};
    on_upgrade_(std::move(upgrade));
  }

  // What the client of this request is counted as.
  template <typename Head>
  std::string Client(const Head& head) const {
    boost::system::error_code error;
    const auto peer = socket_.remote_endpoint(error).address();
    if (error) return {};
    std::vector<std::string_view> forwarded;
    const auto [first, last] = head.equal_range("X-Forwarded-For");
    for (auto field = first; field != last; ++field) forwarded.push_back(View(field->value()));
    const auto address =
        peer.is_v6() ? peer.to_v6() : asio::ip::make_address_v6(asio::ip::v4_mapped, peer.to_v4());
    return CountedAs(proxies_.ClientOf(address.to_bytes(), forwarded));
  }

  // Closing with unread data would send a reset, and the client would never see the answer.
  asio::awaitable<void> Linger() {
    boost::system::error_code error;
    socket_.shutdown(net::Socket::shutdown_send, error);
    ExpireAfter(kLinger);
    std::array<char, 16384> dropped;
    while (!error) {
      co_await socket_.async_read_some(asio::buffer(dropped),
                                       asio::redirect_error(asio::use_awaitable, error));
    }
    deadline_.cancel();
  }

  // Cancels what the socket is doing when the time is over; timed_out_ says so then.
  void ExpireAfter(std::chrono::milliseconds time) {
    timed_out_ = false;
    deadline_.expires_after(time);
    deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || self == nullptr) return;
      boost::system::error_code ignored;
      self->timed_out_ = true;
      self->socket_.cancel(ignored);
    });
  }

  const HttpLimits limits_;
  std::shared_ptr<Admission::Place> place_;
  net::Socket socket_;
  net::Timer deadline_;
  beast::flat_buffer buffer_{limits_.head_bytes + (64 << 10)};
  Handlers& handlers_;
  Admission& admission_;
  const TrustedProxies& proxies_;
  std::function<void(Upgrade)> on_upgrade_;
  bool timed_out_ = false;
};

}  // namespace

void ServeConnection(net::Socket socket, Handlers& handlers, Admission& admission,
                     const TrustedProxies& proxies, std::function<void(Upgrade)> on_upgrade,
                     HttpLimits limits) {
  std::make_shared<Connection>(std::move(socket), handlers, admission, proxies,
                               std::move(on_upgrade), limits)
      ->Start();
}

}  // namespace gischat::edge::http
