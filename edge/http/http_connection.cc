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

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(net::Socket socket, Handlers& handlers, Admission& admission,
             std::function<void(Upgrade)> on_upgrade, Patience patience)
      : patience_(patience),
        socket_(std::move(socket)),
        deadline_(socket_.get_executor()),
        handlers_(handlers),
        admission_(admission),
        on_upgrade_(std::move(on_upgrade)) {}

  void Start() {
    asio::co_spawn(
        socket_.get_executor(), [self = shared_from_this()] { return self->Run(); },
        asio::detached);
  }

 private:
  using HeadParser = bhttp::request_parser<bhttp::empty_body>;
  using BodyParser = bhttp::request_parser<bhttp::string_body>;

  asio::awaitable<void> Run() {
    for (int served = 0;; ++served) {
      HeadParser parser;
      parser.header_limit(kMaxHeaderBytes);
      parser.body_limit(boost::none);  // judged when the body is read
      ExpireAfter(served == 0 ? patience_.head : patience_.next);
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
    ExpireAfter(patience_.body);
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
                                         std::to_string(kMaxHeaderBytes) + " bytes");
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
    ExpireAfter(patience_.answer);
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
    auto entered = admission_.Enter(Address(), View(parser.get()[bhttp::field::origin]));
    if (const auto* refusal = std::get_if<Response>(&entered)) {
      handlers_.Count(refusal->status);
      co_await Write(*refusal, parser.get().version(), /*is_head=*/false, /*keep_alive=*/false);
      co_return co_await Linger();
    }
    deadline_.cancel();
    Upgrade upgrade{std::move(socket_),
                    beast::buffers_to_string(buffer_.data()),
                    std::make_shared<bhttp::request<bhttp::empty_body>>(parser.release()),
                    std::move(route),
                    HasQueryParameter(target, "replies", "1"),
                    std::get<Admission::Ticket>(std::move(entered))};
    on_upgrade_(std::move(upgrade));
  }

  std::string Address() const {
    boost::system::error_code error;
    const auto peer = socket_.remote_endpoint(error);
    return error ? std::string() : peer.address().to_string();
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

  const Patience patience_;
  net::Socket socket_;
  net::Timer deadline_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + (64 << 10)};
  Handlers& handlers_;
  Admission& admission_;
  std::function<void(Upgrade)> on_upgrade_;
  bool timed_out_ = false;
};

}  // namespace

void ServeConnection(net::Socket socket, Handlers& handlers, Admission& admission,
                     std::function<void(Upgrade)> on_upgrade, Patience patience) {
  std::make_shared<Connection>(std::move(socket), handlers, admission, std::move(on_upgrade),
                               patience)
      ->Start();
}

}  // namespace gischat::edge::http
