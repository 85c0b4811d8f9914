#include "common/process/admin_server.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/address.h"

namespace gischat::process {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause(100);  // when there are no file descriptors
constexpr uint32_t kMaxHeaderBytes = 16 << 10;

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response Answer(http::status status, std::string body,
                std::string_view type = "text/plain; charset=utf-8") {
  Response response(status, 11);
  response.set(http::field::content_type, boost::string_view(type.data(), type.size()));
  response.set(http::field::cache_control, "no-store");
  response.body() = std::move(body);
  return response;
}

std::string_view PathOf(const Request& request) {
  const std::string_view target(request.target().data(), request.target().size());
  return target.substr(0, target.find('?'));
}

}  // namespace

// Strand-confined: the loop has one thread. Coroutines hold a reference.
class AdminServer::Core : public std::enable_shared_from_this<AdminServer::Core> {
 public:
  Core(asio::io_context& loop, AdminPages pages, AdminLimits limits)
      : loop_(loop), acceptor_(loop), pages_(std::move(pages)), limits_(limits), collector_(1) {}

  error_code Open(const tcp::endpoint& endpoint) {
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (error) return error;
    // Connections of a process that has just ended shall not hold the port; a port that somebody
    // listens at stays refused.
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (error) return error;
    acceptor_.bind(endpoint, error);
    if (error) return error;
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return error;
    port_ = acceptor_.local_endpoint(error).port();
    return error;
  }

  void Start() {
    asio::co_spawn(
        loop_, [self = shared_from_this()] { return self->Accept(); }, asio::detached);
  }

  void Stop() {
    asio::post(loop_, asio::use_future([self = shared_from_this()] { self->Close(); })).wait();
    collector_.join();
  }

  uint16_t port() const { return port_; }

 private:
  void Close() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (beast::tcp_stream* stream : connections_) stream->close();
  }

  asio::awaitable<void> Accept() {
    while (!stopped_) {
      error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error && !stopped_) {
        asio::steady_timer pause(loop_, kAcceptPause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      } else if (!error && connections_.size() < limits_.connections) {
        asio::co_spawn(
            loop_,
            [self = shared_from_this(), taken = std::move(socket)]() mutable {
              return self->Serve(beast::tcp_stream(std::move(taken)));
            },
            asio::detached);
      }
    }
  }

  asio::awaitable<void> Serve(beast::tcp_stream stream) {
    if (stopped_) co_return;
    connections_.insert(&stream);
    beast::flat_buffer buffer;
    while (co_await ServeOne(stream, buffer)) {
    }
    connections_.erase(&stream);
    error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

  // Whether the connection goes on.
  asio::awaitable<bool> ServeOne(beast::tcp_stream& stream, beast::flat_buffer& buffer) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHeaderBytes);
    stream.expires_after(limits_.request_deadline);
    error_code error;
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
    if (error || stopped_) co_return false;
    const Request& request = parser.get();
    const bool head = request.method() == http::verb::head;
    Response response = co_await Respond(request);
    if (stopped_) co_return false;
    response.keep_alive(request.keep_alive());
    response.content_length(response.body().size());
    http::response_serializer<http::string_body> serializer(response);
    stream.expires_after(limits_.request_deadline);
    if (head) {
      co_await http::async_write_header(stream, serializer,
                                        asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await http::async_write(stream, serializer,
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    co_return !error && request.keep_alive();
  }

  asio::awaitable<Response> Respond(const Request& request) {
    const std::string_view path = PathOf(request);
    if (path != "/metrics" && path != "/livez" && path != "/readyz") {
      co_return Answer(http::status::not_found, "not found\n");
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      Response refusal = Answer(http::status::method_not_allowed, "method not allowed\n");
      refusal.set(http::field::allow, "GET, HEAD");
      co_return refusal;
    }
    if (path == "/livez") co_return Answer(http::status::ok, "ok\n");
    if (path == "/readyz") co_return Readiness();
    std::string metrics = co_await CollectMetrics(Unready().empty());
    co_return Answer(http::status::ok, std::move(metrics),
                     "text/plain; version=0.0.4; charset=utf-8");
  }

  std::string Unready() { return stopped_ ? "stopped\n" : pages_.unready(); }

  Response Readiness() {
    std::string unready = Unready();
    if (unready.empty()) return Answer(http::status::ok, "ok\n");
    return Answer(http::status::service_unavailable, std::move(unready));
  }

  // Thousands of metrics or open files take milliseconds, which the loop has not.
  asio::awaitable<std::string> CollectMetrics(bool ready) {
    // Named, because GCC 12 destroys the captures of a temporary in a co_await expression twice.
    auto collect = [self = shared_from_this(), ready]() -> asio::awaitable<std::string> {
      co_return self->pages_.metrics(ready);
    };
    co_return co_await asio::co_spawn(collector_, std::move(collect), asio::use_awaitable);
  }

  asio::io_context& loop_;
  tcp::acceptor acceptor_;
  const AdminPages pages_;
  const AdminLimits limits_;
  asio::thread_pool collector_;
  std::set<beast::tcp_stream*> connections_;
  uint16_t port_ = 0;
  bool stopped_ = false;
};

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Listen(asio::io_context& loop,
                                                                 const std::string& address,
                                                                 uint16_t port, AdminPages pages,
                                                                 AdminLimits limits) {
  const std::string where = config::HostPort(address, port);
  error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(address, error), port);
  auto core = std::make_shared<Core>(loop, std::move(pages), limits);
  if (!error) error = core->Open(endpoint);
  if (error == asio::error::address_in_use) {
    return absl::UnavailableError(absl::StrCat("admin port ", where, " is taken"));
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("can't open admin port ", where, ": ", error.message()));
  }
  core->Start();
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(core)));
}

AdminServer::AdminServer(std::shared_ptr<Core> core) : core_(std::move(core)) {}

AdminServer::~AdminServer() { Stop(); }

uint16_t AdminServer::port() const { return core_->port(); }

void AdminServer::Stop() {
  if (core_ != nullptr) std::exchange(core_, nullptr)->Stop();
}

}  // namespace gischat::process
