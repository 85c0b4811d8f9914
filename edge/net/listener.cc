#include "edge/net/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace gischat::edge::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using BasicAcceptor = asio::basic_socket_acceptor<tcp, Executor>;

// After accept failed for want of files or memory.
constexpr std::chrono::milliseconds kRetryAfter(100);

absl::Status Bind(BasicAcceptor& acceptor, const tcp::endpoint& endpoint, bool share) {
  boost::system::error_code error;
  const std::string where = absl::StrCat(endpoint.address().to_string(), ":", endpoint.port());
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && share) {
    const int on = 1;
    if (setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
      return absl::InternalError(absl::StrCat("SO_REUSEPORT on ", where, " failed"));
    }
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use) {
    return absl::UnavailableError(absl::StrCat("port ", where, " is taken"));
  }
  if (error) return absl::UnavailableError(absl::StrCat("port ", where, ": ", error.message()));
  return absl::OkStatus();
}

// A bind without SO_REUSEPORT fails where another process listens, with or without that option.
absl::Status Probe(asio::io_context& context, const tcp::endpoint& endpoint) {
  BasicAcceptor acceptor(context.get_executor());
  return Bind(acceptor, endpoint, /*share=*/false);
}

}  // namespace

struct Listener::Acceptor : std::enable_shared_from_this<Acceptor> {
  Acceptor(asio::io_context& context, size_t number)
      : index(number), acceptor(context.get_executor()), retry(context.get_executor()) {}

  void Accept() {
    acceptor.async_accept(
        [self = shared_from_this()](boost::system::error_code error, Socket socket) {
          if (!self->acceptor.is_open()) return;
          if (error) return self->AcceptLater(error);
          self->on_connection(self->index, std::move(socket));
          self->Accept();
        });
  }

  void AcceptLater(boost::system::error_code error) {
    spdlog::warn("edge: can't accept a connection: {}", error.message());
    retry.expires_after(kRetryAfter);
    retry.async_wait([self = shared_from_this()](boost::system::error_code) {
      if (self->acceptor.is_open()) self->Accept();
    });
  }

  void Stop() {
    boost::system::error_code ignored;
    retry.cancel();
    acceptor.close(ignored);
  }

  const size_t index;
  BasicAcceptor acceptor;
  Timer retry;
  std::function<void(size_t, Socket)> on_connection;
};

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(
    const std::string& address, uint16_t port, const std::vector<asio::io_context*>& contexts) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("'", address, "' is no IP address"));
  tcp::endpoint endpoint(ip, port);
  if (port != 0) {
    if (absl::Status free = Probe(*contexts.front(), endpoint); !free.ok()) return free;
  }
  std::unique_ptr<Listener> listener(new Listener);
  for (size_t i = 0; i < contexts.size(); ++i) {
    auto acceptor = std::make_shared<Acceptor>(*contexts[i], i);
    absl::Status bound = Bind(acceptor->acceptor, endpoint, /*share=*/true);
    if (!bound.ok()) return bound;
    endpoint.port(acceptor->acceptor.local_endpoint().port());
    listener->acceptors_.push_back(std::move(acceptor));
  }
  listener->port_ = endpoint.port();
  return listener;
}

void Listener::Start(std::function<void(size_t, Socket)> on_connection) {
  for (const auto& acceptor : acceptors_) {
    acceptor->on_connection = on_connection;
    asio::post(acceptor->acceptor.get_executor(), [acceptor] { acceptor->Accept(); });
  }
}

void Listener::Stop() {
  for (const auto& acceptor : acceptors_) {
    asio::post(acceptor->acceptor.get_executor(), [acceptor] { acceptor->Stop(); });
  }
}

}  // namespace gischat::edge::net
